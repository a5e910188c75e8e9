"""One run of a study: a training and its evaluations, whose directory is named by the configuration."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from dlib_bvae.artifacts import config_dict, is_done
from dlib_bvae.artifacts.identity import config_hash
from dlib_bvae.config import plain_text

_SEED = "model.random_seed"


@dataclass(frozen=True)
class Evaluation:
    """One metric with the configuration that it is scored under."""

    metric: str
    gin_config: tuple[str, ...] = ()
    gin_bindings: tuple[str, ...] = ()

    @functools.cached_property
    def folder(self) -> str:
        """Where its results stand in a run directory, e.g. mean/metrics/beta_vae-batch_size=16; imports the metrics."""
        return _folder(self.metric, self.gin_config, self.gin_bindings)


@dataclass(frozen=True)
class Run:
    """A training under gin files and statements, and how it is scored. config: what both bind, see resolved()."""

    part: str
    gin_config: tuple[str, ...]
    gin_bindings: tuple[str, ...]
    evaluations: tuple[Evaluation, ...]
    config: dict[str, Any]

    @property
    def seed(self) -> int:
        """The training's seed."""
        return self.config.get(_SEED, 0)

    @functools.cached_property
    def digest(self) -> str:
        """What names the training: ten hexadecimal digits of what the configuration binds, and the seed.

        The run's name and what cannot change a result do not count (results.aggregate.config_hash).
        """
        return f"{config_hash(self.config)}-seed{self.seed}"

    def directory(self, store: Path) -> Path:
        """Its run directory in `store`, the same for every study: <model>_<data set>-<digest>."""
        label = f"{self.config.get('model.name', 'run')}_{self.config.get('dataset.name', 'data')}"
        usual = store / f"{re.sub(r'[^A-Za-z0-9_.]+', '_', label)}-{self.digest}"
        if usual.is_dir():
            return usual
        # A study that calls the model otherwise may have trained it.
        return min(store.glob(f"*-{self.digest}"), default=usual)

    def with_evaluations(self, others: Sequence[Evaluation]) -> Run:
        """The same training, scored by `others` too."""
        return replace(self, evaluations=tuple(dict.fromkeys((*self.evaluations, *others))))

    def is_trained(self, store: Path) -> bool:
        """Whether its training is finished."""
        return is_done(self.directory(store) / "train", "train")

    def missing(self, store: Path) -> list[Evaluation]:
        """The evaluations that have no results yet."""
        directory = self.directory(store)
        return [each for each in self.evaluations if not is_done(directory / each.folder, "evaluation")]

    def to_json(self) -> dict[str, Any]:
        """All of it as JSON values; from_json reads them."""
        return asdict(self)

    @staticmethod
    def from_json(values: dict[str, Any]) -> Run:
        """The run that to_json wrote."""
        scored = tuple(
            Evaluation(each["metric"], tuple(each["gin_config"]), tuple(each["gin_bindings"]))
            for each in values["evaluations"]
        )
        return Run(values["part"], tuple(values["gin_config"]), tuple(values["gin_bindings"]), scored, values["config"])


def resolved(files: Sequence[str], bindings: Sequence[str]) -> dict[str, Any]:
    """What gin `files` and then `bindings` bind, the last statement winning; see results.config_dict for the values.

    Nothing is imported, so a name that does not exist is found when the run is trained. Raises UserError.
    """
    return config_dict("\n".join([*(plain_text(file) for file in files), *bindings]))


@functools.cache
def bound_by(statement: str) -> dict[str, Any]:
    """What one gin statement binds, as in resolved(); not to be changed."""
    return config_dict(statement)


@functools.cache
def _folder(metric: str, gin_config: tuple[str, ...], gin_bindings: tuple[str, ...]) -> str:
    import gin

    from dlib_bvae.config import configuration
    from dlib_bvae.metrics import METRICS
    from dlib_bvae.stages import evaluate, postprocess, scoring

    METRICS.get(metric)
    with configuration(gin_config, gin_bindings, evaluate.REGISTRIES):
        codes = postprocess.stage_of(Path(), postprocess.postprocessing()[0])
        return str(codes / "metrics" / scoring.variant(METRICS.canonical(metric), config_dict(gin.config_str())))

"""The training stage of models that are trained together: a gin configuration with ensemble.seeds → a run directory a member."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from dlib_bvae import config, datasets
from dlib_bvae.artifacts import Work, open_run
from dlib_bvae.artifacts.names import shortened
from dlib_bvae.config import configuration, say_unused
from dlib_bvae.datasets import ImageData
from dlib_bvae.errors import UserError, pluralize
from dlib_bvae.models.baselines import Baseline
from dlib_bvae.registry import configurable
from dlib_bvae.runtime import say
from dlib_bvae.stages import train
from dlib_bvae.training.checkpoints import kept_step
from dlib_bvae.training.devices import determinism
from dlib_bvae.training.ensemble import WAYS, train_ensemble
from dlib_bvae.training.settings import TrainingSettings
from dlib_bvae.training.trainer import Trainer

_COMMON = (
    "training_steps",
    "batch_size",
    "checkpoint_every",
    "log_every",
    "loss_window",
    "precision",
    "xla",
    "devices",
    "deterministic",
)
_LITERALS = (bool, int, float, str)


def run(
    gin_config: Sequence[str] = (),
    gin_bindings: Sequence[str] = (),
    model_dir: Path | None = None,
    overwrite: bool = False,
    profile: str | None = None,
) -> list[Path]:
    """Trains what the configuration says and returns the run directories.

    Without ensemble.seeds that is train.run. With them it is a model for each seed, all at once; each has its run directory
    as if it had been trained alone: model_dir (default: runs/<name of the last gin file>) and "-seed<seed>". Those
    that are finished are left out, interrupted ones continue. profile: see train.run. Raises UserError for bad input,
    and at the end for members that diverged.
    """
    model_dir = train.directory_of(gin_config, gin_bindings, model_dir)
    # A separate configuration, as what is called in it stands in the results.
    with configuration(gin_config, gin_bindings, train.REGISTRIES) as configured:
        members, way = ensemble()
        used = config.used()
    if not members:
        return [train.run(gin_config, gin_bindings, model_dir, overwrite, profile)]
    if profile is not None:
        raise UserError("--profile shows the steps of one model; leave out ensemble.seeds")
    directories = [member.directory(model_dir) for member in members]
    began, built = time.time(), list[_Built]()
    with contextlib.ExitStack() as opened:
        for directory in directories:
            opened.enter_context(open_run(directory))
        for member, directory in zip(members, directories, strict=True):
            with configuration(gin_config, [*gin_bindings, *member.bindings], train.REGISTRIES):
                with train.first_weights_kept():
                    work, fresh = _build(member.suffix, directory / "train", built[:1], overwrite, opened)
                built += fresh
                used |= work.used()
        say_unused(configured.typed, used)
        if built:
            errors = [error for error in _train(built, len(members), way, began) if error is not None]
            if errors:
                raise UserError(f"{len(errors)} of {len(members)} members diverged; of the first: {errors[0]}")
    for directory in directories:
        say(directory)
    return directories


class Wanted(NamedTuple):
    """A training that is a member by itself: its configuration and its run directory."""

    gin_config: Sequence[str]
    gin_bindings: Sequence[str]
    directory: Path


def run_members(wanted: Sequence[Wanted], way: str = "auto") -> list[UserError | None]:
    """Trains all in one graph, each as train.run would alone; returns the error of each that was refused or diverged.

    Those that are finished are left out, interrupted ones continue. way: see ensemble. All share their data set, batch size,
    steps and what else an ensemble does; a member that does not is refused.
    """
    began, errors = time.time(), list[UserError | None]()
    built: dict[int, _Built] = {}
    with contextlib.ExitStack() as opened:
        for number, (gin_config, gin_bindings, directory) in enumerate(wanted):
            first = list(built.values())[:1]
            try:
                opened.enter_context(open_run(directory))
                with configuration(gin_config, gin_bindings, train.REGISTRIES) as configured:
                    with train.first_weights_kept():
                        work, fresh = _build(directory.name, directory / "train", first, False, opened)
                    say_unused(configured.typed, work.used())
            except UserError as error:
                errors.append(error)
                continue
            errors.append(None)
            if fresh:
                built[number] = fresh[0]
        if built:
            for number, failed in zip(built, _train(list(built.values()), len(built), way, began), strict=True):
                errors[number] = failed
    return errors


@dataclass(frozen=True)
class _Built:
    """A member that is to be trained."""

    work: Work
    data: ImageData
    settings: TrainingSettings
    trainer: Trainer
    examples: np.ndarray


def _build(
    name: str, final: Path, first: Sequence[_Built], overwrite: bool, opened: contextlib.ExitStack
) -> tuple[Work, list[_Built]]:
    """The training of the member called `name` under the present configuration, and what is built of one not done.

    first: whose data it shares. opened: what lasts until all are trained (see determinism).
    """
    work, data = train.look(final)
    if train.is_trained(work, data, overwrite):
        return work, []
    data, settings = data or datasets.load(), TrainingSettings()
    if isinstance(settings.model, Baseline):
        raise UserError(
            f"{type(settings.model).__name__} is fitted, not trained step by step; leave out ensemble.seeds"
        )
    for other in first:
        differing = [f"model.{key}" for key in _COMMON if getattr(settings, key) != getattr(other.settings, key)]
        differing += ["the data set"] if data.fingerprint != other.data.fingerprint else []
        if differing:
            raise UserError(f"the members of an ensemble share {differing[0]}; leave it out of ensemble.each ({name})")
        data = other.data
    opened.enter_context(determinism(settings.deterministic))
    shared = first[0].trainer.feed if first else None
    trainer, examples = train.build(data, settings, shared, begun=kept_step(work.part) is not None)
    train.check_continued(work, settings, trainer)
    work.note_used()
    return work, [_Built(work, data, settings, trainer, examples)]


def _train(built: Sequence[_Built], size: int, way: str, began: float) -> list[UserError | None]:
    """Trains and finishes all; returns the error of each that diverged. size: of the whole ensemble."""
    for member in built:
        train.begin(member.work)
    parts = [member.work.part for member in built]
    settings = built[0].settings
    outcomes, way = train_ensemble(
        [member.trainer for member in built],
        parts,
        way=way,
        xla=settings.xla,
        checkpoint_every=settings.checkpoint_every,
        log_every=settings.log_every,
        examples=built[0].examples,
        images=train.images_of(built[0].data),
    )
    for member, outcome in zip(built, outcomes, strict=True):
        if not isinstance(outcome, UserError):
            network, measured = train.trained(member.trainer, member.settings, outcome)
            measured["ensemble"] = {"members": size, "way": way}
            train.finish(member.work, network, member.data, member.settings, began, measured)
    return [outcome if isinstance(outcome, UserError) else None for outcome in outcomes]


@dataclass(frozen=True)
class Member:
    """One training: gin `bindings` that come after all others, and what is added to the run directory's name."""

    bindings: tuple[str, ...]
    suffix: str

    def directory(self, model_dir: Path) -> Path:
        """Where it is trained: next to `model_dir`. Raises UserError where that has no name."""
        if model_dir.name in ("", ".."):
            raise UserError(
                f"--model_dir must end in a name, to which those of an ensemble add their seeds; got {model_dir}"
            )
        return model_dir.with_name(shortened(f"{model_dir.name}-{self.suffix}"))


@configurable("ensemble", seeds=["seeds"], execution=["way"])
def ensemble(
    seeds: Sequence[int] = (), each: Mapping[str, Sequence[Any]] | None = None, way: str = "auto"
) -> tuple[list[Member], str]:
    """The members that are trained together, none without `seeds`, and how they are computed (see Ensemble).

    seeds: one a member, in place of model.random_seed. each: further parameters that differ, such as
    {"vae.beta": [1.0, 4.0, 4.0]}, with one number, text or truth value a member; what all members share, such as the data
    set or the number of steps, is refused when members are built. Raises UserError for lists of other lengths, other
    values, and two equal members.
    """
    if way not in WAYS:
        raise UserError(f"ensemble.way must be one of {', '.join(WAYS)}; got {way!r}")
    if not isinstance(seeds, (list, tuple)):
        raise UserError(f"ensemble.seeds must be a list of seeds such as [1, 2, 3]; got {seeds!r}")
    columns = {"model.random_seed": seeds, **_checked(each or {}, len(seeds))}
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    members = [Member(tuple(f"{key} = {value!r}" for key, value in row.items()), _suffix(row)) for row in rows]
    for place, member in enumerate(members):
        if member.suffix in (earlier.suffix for earlier in members[:place]):
            raise UserError(f"two members of the ensemble would be called {member.suffix}; give each seed once")
    return members, way


def _checked(each: Any, count: int) -> dict[str, Sequence[Any]]:
    """`each`, when it is a dictionary of lists of `count` literals."""
    if not isinstance(each, Mapping):
        raise UserError(f'ensemble.each must be a dictionary such as {{"vae.beta": [1.0, 4.0]}}; got {each!r}')
    for key, values in each.items():
        if not isinstance(key, str) or not re.fullmatch(r"[\w./]+", key):
            raise UserError(f'ensemble.each must name parameters such as "vae.beta"; got {key!r}')
        if key == "model.random_seed":
            raise UserError("the seeds of an ensemble are ensemble.seeds; leave model.random_seed out of ensemble.each")
        if not isinstance(values, (list, tuple)) or len(values) != count:
            raise UserError(
                f"ensemble.each[{key!r}] must be a list of {pluralize(count, 'value')}, one per seed; got {values!r}"
            )
        if odd := [value for value in values if not isinstance(value, _LITERALS)]:
            raise UserError(f"ensemble.each[{key!r}] may hold numbers, texts and truth values; got {odd[0]!r}")
    return dict(each)


def _suffix(row: Mapping[str, Any]) -> str:
    """vae.beta 4.0, seed 1 → "vae.beta=4.0-seed1"."""
    parts = [f"{key}={value}" for key, value in row.items() if key != "model.random_seed"]
    text = "-".join([*parts, f"seed{row['model.random_seed']}"])
    return re.sub(r"[^\w.,=+-]+", "_", text)

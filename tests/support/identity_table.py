"""Every gin parameter of every stage, with a configuration that chooses its function and what a result of that one uses.

Nothing is trained or scored: gin records a parameter when its function is called, before the function runs, so one that then
refuses has used it too.
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gin
import numpy as np
import tensorflow as tf
from gin import config as gin_config

from dlib_bvae import datasets
from dlib_bvae.artifacts import Identity, Work
from dlib_bvae.config import configuration
from dlib_bvae.datasets import DATASETS
from dlib_bvae.datasets.dummy import DummyData
from dlib_bvae.image_quality.extractors import EXTRACTORS
from dlib_bvae.metrics import CLASSIFIERS, METRICS
from dlib_bvae.metrics.constructed import FactorGrid
from dlib_bvae.metrics.run_sets import RUN_SET_METRICS
from dlib_bvae.models import ARCHITECTURES, LIKELIHOODS
from dlib_bvae.models.baselines import BASELINES
from dlib_bvae.models.objectives import OBJECTIVES, WEIGHTS
from dlib_bvae.models.vae import build_likelihood
from dlib_bvae.representations.codes import REPRESENTATIONS
from dlib_bvae.stages import ensemble, evaluate, postprocess, rank, sensitivity, train, visualize
from dlib_bvae.stages.evaluation_settings import evaluation
from dlib_bvae.training import OPTIMIZERS, SCHEDULES
from dlib_bvae.training.settings import TrainingSettings

REGISTRIES = (*train.REGISTRIES, METRICS, CLASSIFIERS, REPRESENTATIONS, RUN_SET_METRICS)
STAGES = (
    train,
    ensemble,
    postprocess,
    evaluate,
    rank,
    sensitivity,
    visualize,
)  # imported, so that gin knows their parameters
PLACE = Path("no-such-run")
INPUTS = {"codes": "0" * 40}
SMALL = [
    "dataset.name = 'dummy_data'",
    "model.model = @vae()",
    "model.batch_size = 16",
    "encoder.encoder_fn = @fc_encoder",
    "decoder.decoder_fn = @fc_decoder",
]
# Parameters that have no default, or whose function needs them to be chosen as it is.
NEEDED = {
    "causal": ["causal.data = 'dummy_data'", "causal.graph = 'chain'"],
    "correlated": ["correlated.data = 'dummy_data'"],
    "grayscale": ["grayscale.data = 'dummy_data'"],
    "held_out": ["held_out.data = 'dummy_data'"],
    "probe": ["probe.data = 'dummy_data'", "probe.images = 10"],
    "redundant": ["redundant.data = 'dummy_data'", "redundant.factor = 'row'", "redundant.source = 'column'"],
    "resized": ["resized.data = 'dummy_data'", "resized.height = 8", "resized.width = 8"],
    "sequences": ["sequences.data = 'dummy_data'"],
    "subset": ["subset.data = 'dummy_data'", "subset.values = {'row': [0]}"],
    "from_file": ["from_file.path = 'missing.npy'"],
    "image_folder": ["image_folder.path = 'missing'"],
    "scream": ["dataset.name = 'scream_dsprites_rendered'", "scream.picture = 'missing.png'"],
    "frechet_curve": ["frechet_curve.every_steps = 5", "frechet_curve.extractor = 'inception_2015'"],
    "validation": ["validation.fraction = 0.1"],
    "divergence": ["divergence.factor = 2.0"],
    "postprocess": ["postprocess.postprocess_fn = @sampled_representation"],
}
NETWORKS = ("gaussian_vae", "categorical_vae", "discrete_vae", "deterministic_autoencoder", "quantized_autoencoder") + (
    "deterministic_encoder",
    "vector_quantized_autoencoder",
    "fsq_autoencoder",
    "multi_rate_vae",
)


class CodesAskedError(Exception):
    """A metric took its parameters, and went on to ask for codes."""


@dataclass(frozen=True)
class Choice:
    """A result: the bindings that choose its functions, its work as the stage makes it, and calls of what it uses."""

    stage: str
    bindings: tuple[str, ...]
    work: Callable[[], Work]
    use: tuple[Callable[[], object], ...]

    def identity(self, *bindings: str, before: Identity | None = None) -> tuple[Identity, dict[str, Any]]:
        """Its identity under further bindings, and what differs from the result `before`, found before anything is used."""
        with configuration([], [*self.bindings, *bindings], REGISTRIES):
            work = self.work()
            differ = {} if before is None else work.differ(before)
            for each in self.use:
                with contextlib.suppress(Exception):
                    each()
            return work.identity(), differ


def parameters() -> dict[str, list[str]]:
    """Configurable → its parameters that gin may bind; those without are left out, and a study's, which is no result."""
    for registry in REGISTRIES:
        registry.import_all()
    found = {
        selector.rpartition(".")[2]: list(_bindable(each))
        for selector, each in gin_config._REGISTRY.items()
        if selector.startswith("dlib_bvae.") and not selector.startswith("dlib_bvae.studies.")
    }
    return {name: names for name, names in found.items() if names}


def _bindable(configurable: Any) -> Iterator[str]:
    for name, each in inspect.signature(configurable.wrapper).parameters.items():
        if each.kind in (each.VAR_POSITIONAL, each.VAR_KEYWORD) or name in (configurable.denylist or ()):
            continue
        yield name


def call(name: str) -> None:
    """Calls a configurable with None for what its caller gives."""
    known = gin_config._REGISTRY[gin_config._REGISTRY.get_match(name).selector]
    signature = inspect.signature(known.wrapper).parameters
    bindable = set(_bindable(known))
    given = {
        key: None
        for key, each in signature.items()
        if key not in bindable
        and each.default is each.empty
        and each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)
    }
    gin.get_configurable(name)(**given)


def choice_of(name: str) -> Choice | None:
    """The result that the parameters of the configurable `name` are tried on; None where the table has none."""
    for match in (_of_training, _of_evaluation, _of_other_stages):
        if (found := match(name)) is not None:
            return found
    return None


def of_training(*bindings: str, use: tuple[Callable[[], object], ...]) -> Choice:
    """A training of a small VAE on dummy_data, with other bindings."""
    return Choice("train", (*SMALL, *bindings), _training_work, use)


def _training_work() -> Work:
    return Work(train.TRAIN, PLACE, unused=train._unused(), hidden=train._hidden())


def built() -> None:
    """What a training with steps uses."""
    train.build(datasets.load(), TrainingSettings())


def _of_training(name: str) -> Choice | None:
    needed = NEEDED.get(name, [])
    if name in DATASETS:
        value = f"@{name}()" if name in datasets.DERIVED else repr(name)
        return of_training(f"dataset.name = {value}", *needed, use=(datasets.load,))
    if name in OBJECTIVES or name in BASELINES:
        return of_training(f"model.model = @{name}()", use=(TrainingSettings,))
    if name in WEIGHTS:
        return of_training(f"vae.beta = @{name}()", use=(TrainingSettings,))
    if name in NETWORKS:
        return of_training(f"model.network = @{name}", use=(_network,))
    if name in ARCHITECTURES:
        kind = "encoder" if name.endswith("encoder") else "decoder"
        return of_training(f"{kind}.{kind}_fn = @{name}", use=(_network,))
    if name in LIKELIHOODS:
        return of_training(f"reconstruction_loss.loss_fn = @{name}", use=(build_likelihood,))
    if name in OPTIMIZERS:
        return of_training(
            f"model.optimizer = @{name}", use=(lambda: TrainingSettings().optimizer([tf.Variable(0.0)]),)
        )
    if name in SCHEDULES:
        return of_training(f"model.schedule = @{name}()", use=(TrainingSettings,))
    if name == "scream":
        return of_training(*needed, use=(datasets.load, lambda: call(name)))
    if name == "frechet_curve":
        return of_training(*needed, use=(lambda: call(name),))
    if name in ("dataset", "model"):
        return of_training(use=(datasets.load, TrainingSettings))
    if name in ("encoder", "decoder"):
        return of_training(use=(_network,))
    if name in ("reconstruction_loss", "feed", "validation", "divergence"):
        return of_training(*needed, use=(lambda: call(name),))
    return None


def _network() -> None:
    settings = TrainingSettings()
    settings.network((16, 16, 1), settings.random_seed, settings.precision)


def _ask(observations: Any) -> Any:
    raise CodesAskedError


def _scored(registry: Any, name: str, codes: Any) -> None:
    evaluation()
    registry.get(name)(FactorGrid(4, 4, 4, 4), codes, 0)


def evaluation_of(metric: str, *bindings: str, use: tuple[Callable[[], object], ...] = (), **given: Any) -> Choice:
    """An evaluation by a metric, or by one of a set of runs where given says which."""
    registry, codes = (RUN_SET_METRICS, []) if given else (METRICS, _ask)
    stage = evaluate.EVALUATION
    return Choice(
        "rank" if given else "evaluate",
        bindings,
        lambda: Work(stage, PLACE, given={"metric": metric, **given}, inputs=INPUTS),
        (lambda: _scored(registry, metric, codes), *use),
    )


def _of_evaluation(name: str) -> Choice | None:
    if name == "evaluation":
        return evaluation_of("mig")
    if name in METRICS:
        return evaluation_of(name)
    if name in RUN_SET_METRICS:
        return evaluation_of(name, run_set="0" * 10)
    if name in CLASSIFIERS:
        return evaluation_of("beta_vae", f"beta_vae.classifier = {name!r}", use=(lambda: call(name),))
    if name in EXTRACTORS:
        return evaluation_of("image_quality", f"image_quality.extractor = {name!r}", use=(lambda: call(name),))
    return None


def encoding(*bindings: str) -> Choice:
    """An encoding of dummy_data, of which all images or a probe are encoded."""
    return Choice("postprocess", bindings, _encoding_work, (_reduced,))


def _encoding_work() -> Work:
    part = postprocess.encoded_part(DummyData())
    inputs = {"train": "0" * 40, "data": part.fingerprint}
    return Work(postprocess.POSTPROCESS, PLACE / postprocess.stage_name(), inputs=inputs, unused=postprocess.unused())


def _reduced() -> None:
    reduction, seed, *_ = postprocess.postprocessing()
    reduction(np.zeros((1, 2), np.float32), np.zeros((1, 2), np.float32), np.random.default_rng(seed))


def _of_other_stages(name: str) -> Choice | None:
    if name == "postprocess":
        return encoding(*NEEDED[name])
    if name in ("sensitivity", "beta_vae_sensitivity"):
        use = (sensitivity.settings, lambda: sensitivity.beta_vae_sensitivity(FactorGrid(4, 4, 4, 4), _ask, 0))
        return Choice("sensitivity", (), lambda: Work(sensitivity.SENSITIVITY, PLACE, inputs=INPUTS), use)
    if name == "visualize":
        return Choice(
            "visualize", (), lambda: Work(visualize.VISUALIZE, PLACE, inputs=INPUTS), (visualize.visualizing,)
        )
    return None


def another(value: Any) -> Any:
    """A value of the same type as a recorded one, in gin's words, that differs from it."""
    if isinstance(value, bool):
        return str(not value)
    if isinstance(value, (int, float)):
        return repr(value + 1)
    if isinstance(value, str) and value.startswith("@"):
        return "@adagrad()" if value.endswith(")") else "@adagrad"
    if isinstance(value, str):
        return repr(f"{value}x")
    if isinstance(value, list):
        return repr([*value, value[-1] + 1 if value and not isinstance(value[-1], str) else "x"])
    if isinstance(value, Mapping):
        return repr({**value, "more": [1]})
    return "3"

"""The training stage: a gin configuration → a run directory with weights, a SavedModel and results."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import gin
import numpy as np

from dlib_bvae import datasets, models  # models first: TensorFlow is to start without its lines
from dlib_bvae.artifacts import config_dict, describe, device, peak_memory_mib, run_lock, write_stage
from dlib_bvae.artifacts.lifecycle import check_same, commit, recover, start, work_dir
from dlib_bvae.config import configuration
from dlib_bvae.datasets import ImageData
from dlib_bvae.errors import UserError
from dlib_bvae.image_quality.curve import frechet_curve
from dlib_bvae.image_quality.extractors import EXTRACTORS
from dlib_bvae.models import Model
from dlib_bvae.models.architectures import ARCHITECTURES
from dlib_bvae.models.baselines import BASELINES, Baseline
from dlib_bvae.models.likelihoods import LIKELIHOODS
from dlib_bvae.models.objectives import OBJECTIVES, WEIGHTS
from dlib_bvae.models.saved_model import export
from dlib_bvae.models.vae import build_likelihood
from dlib_bvae.runtime import RUNS
from dlib_bvae.training.callbacks.divergence import Divergence
from dlib_bvae.training.callbacks.validation import make_validation
from dlib_bvae.training.devices import choose_strategy, determinism, scope
from dlib_bvae.training.feed import Feed, make_feed
from dlib_bvae.training.loop import steps_of
from dlib_bvae.training.loop import train as run_loop
from dlib_bvae.training.optimizers import OPTIMIZERS, SCHEDULES
from dlib_bvae.training.plan import Plan
from dlib_bvae.training.settings import TrainingSettings
from dlib_bvae.training.trainer import Trainer
from dlib_bvae.training.warm_start import start_from
from dlib_bvae.visualize.pictures import save_reconstructions

REGISTRIES = (
    datasets.DATASETS,
    models.MODELS,
    OBJECTIVES,
    WEIGHTS,
    BASELINES,
    ARCHITECTURES,
    LIKELIHOODS,
    OPTIMIZERS,
    SCHEDULES,
    EXTRACTORS,
)
_EXAMPLES = 8
_OF_FITS = ("model", "name", "random_seed")  # what a baseline reads of the settings
_OF_STEPS = re.compile(rf"^model\.(?!(?:{'|'.join(_OF_FITS)}) )\w+ = .*\n(?:    .*\n)*", re.MULTILINE)

# What learns: the directory where it continues → the network (None: see Baseline.fit), and results with the seconds it took.
Learn = Callable[[Path], tuple[Model | None, dict[str, Any]]]


def run(
    gin_config: Sequence[str] = (),
    gin_bindings: Sequence[str] = (),
    model_dir: Path | None = None,
    overwrite: bool = False,
    profile: str | None = None,
) -> Path:
    """Trains what the configuration says into `model_dir` (default: runs/<name of the last gin file>) and returns it.

    A finished run says so and does nothing, an interrupted one continues. profile: "FIRST:LAST", steps to profile for
    TensorBoard. Raises UserError for bad input.
    """
    model_dir = directory_of(gin_config, gin_bindings, model_dir)
    with configuration(gin_config, gin_bindings, REGISTRIES), run_lock(model_dir):
        _train_once(model_dir, overwrite, profile)
    return model_dir


def directory_of(gin_config: Sequence[str], gin_bindings: Sequence[str], model_dir: Path | None) -> Path:
    """The run directory that is meant. Raises UserError when nothing is."""
    if not gin_config and not gin_bindings:
        raise UserError("no configuration; give one, e.g. --gin_config=gin/beta4_dsprites.gin")
    if model_dir is None:
        if not gin_config:
            raise UserError("--gin_bindings alone give the run no name; give --gin_config or --model_dir")
        model_dir = RUNS / Path(gin_config[-1]).stem
    return model_dir


def _train_once(model_dir: Path, overwrite: bool, profile: str | None) -> None:
    final, gin_text = model_dir / "train", gin.config_str()
    if without_ensemble(gin_text) != gin_text:
        raise UserError(
            "parameters of ensemble need ensemble.seeds, a list of seeds, and dlib_bvae_train to train them"
        )
    if is_trained(final, gin_text, overwrite):
        return
    began = time.time()
    data, settings = datasets.load(), TrainingSettings()
    baseline = settings.model if isinstance(settings.model, Baseline) else None
    if baseline is not None and profile is not None:
        raise UserError("--profile profiles training steps, and a fitted model has none; leave it out")
    with determinism(settings.deterministic):
        learn = _training(data, settings, profile) if baseline is None else fit_of(baseline, data, settings)
        part = start(final, gin_text, overwrite)
        network, measured = learn(part)
    text = gin.operative_config_str()
    if baseline is not None:
        text = _OF_STEPS.sub("", text)  # gin lists the defaults of training steps as in force
    finish(final, network, data, settings, began, measured, text)


def without_ensemble(gin_text: str) -> str:
    """What gin.config_str() gave, without the parameters of `ensemble`: a member's configuration as if it were alone."""
    sections = gin_text.split("\n\n")
    return "\n\n".join(text for text in sections if not text.startswith("# Parameters for ensemble:"))


def is_trained(final: Path, gin_text: str, overwrite: bool) -> bool:
    """Whether there is nothing to do, which is said. Raises UserError when another configuration was trained."""
    if not recover(final, "train") or overwrite:
        return False
    check_same((final / "started.gin").read_text(encoding="utf-8"), gin_text, final)
    print(f"{final}: trained already; --overwrite trains again")
    return True


def finish(
    final: Path,
    network: Model | None,
    data: ImageData,
    settings: TrainingSettings,
    began: float,
    measured: dict[str, Any],
    text: str,
) -> None:
    """Exports `network`, where there is one, writes the results, and renames the directory to `final`.

    began: seconds since 1970. measured: further results, with the seconds it took. text: the operative configuration.
    """
    part = work_dir(final)
    if network is not None:
        _export(network, _examples(data), part)
    seconds = measured.pop("seconds")
    results = {
        "model": settings.method,
        "dataset": data.name,
        "fingerprint": data.fingerprint,
        "seed": settings.random_seed,
        "supervision": settings.model.supervision,
        "elapsed_time": seconds,
        "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(began)),
        "device": device(),
        "peak_memory_mib": peak_memory_mib(),
        "environment": describe(),
        **measured,
    }
    write_stage(part, "train", results=results, config=config_dict(text), gin_text=text, earlier=None)
    commit(final)
    done = f"trained {results['steps']} steps" if "steps" in results else "fitted"
    loss = f"; loss {results['loss']:.2f} nats" if "loss" in results else ""
    print(f"{final}: {done} in {seconds:,.0f} s{loss}")


def _training(data: ImageData, settings: TrainingSettings, profile: str | None) -> Learn:
    """Makes a training with steps ready."""
    profiled = (0, 0) if profile is None else steps_of(profile, settings.training_steps)
    trainer, examples = build(data, settings)
    every = {"checkpoint_every": settings.checkpoint_every, "log_every": settings.log_every}

    def learn(part: Path) -> tuple[Model, dict[str, Any]]:
        return trained(trainer, settings, run_loop(trainer, part, examples=examples, profile=profiled, **every))

    return learn


def fit_of(baseline: Baseline, data: ImageData, settings: TrainingSettings) -> Learn:
    """Makes a fit ready. An interrupted fit starts anew, and one that is refused leaves no part behind.

    Raises UserError when the configuration binds what a baseline does not read.
    """
    for key in config_dict(gin.config_str()):
        selector, _, parameter = key.split("/")[-1].partition(".")
        if selector in baseline.unused or (selector == "model" and parameter not in _OF_FITS):
            name = type(baseline).__name__
            raise UserError(f"{key} changes nothing about {name}, which is fitted without training steps; leave it out")

    def learn(part: Path) -> tuple[Model | None, dict[str, Any]]:
        began = time.monotonic()
        try:
            network, measured = baseline.fit(data, settings.random_seed)
        except UserError:
            shutil.rmtree(part)
            raise
        variables = () if network is None else network.trainable_variables
        size = sum(int(variable.shape.num_elements()) for variable in variables)
        coded = {} if baseline.codes is None else {"codes": baseline.codes}
        return network, {"num_parameters": size, **coded, **measured, "seconds": time.monotonic() - began}

    return learn


def trained(trainer: Trainer, settings: TrainingSettings, measured: dict[str, float]) -> tuple[Model, dict[str, Any]]:
    """The network with the weights to export, and the results of a training whose loop returned `measured`."""
    trainer.use_exported()
    results: dict[str, Any] = {
        "steps": int(trainer.state.step),
        "num_parameters": sum(int(variable.shape.num_elements()) for variable in trainer.variables),
        "deterministic": settings.deterministic,
        "devices": 1 if trainer.strategy is None else trainer.strategy.num_replicas_in_sync,
    }
    results |= {callback.key: found for callback in trainer.callbacks if (found := callback.results())}
    return trainer.network, {**results, **measured}


def _export(network: Model, examples: np.ndarray, part: Path) -> None:
    """Writes the SavedModel and a picture of its reconstructions."""
    export(network, part / "saved_model")
    save_reconstructions(part / "reconstructions.png", examples, network.reconstruct(examples).numpy())


def build(data: ImageData, settings: TrainingSettings, shared: Feed | None = None) -> tuple[Trainer, np.ndarray]:
    """The trainer on `data`, and the observations whose reconstructions are logged. shared: see make_feed."""
    seed, objective = settings.random_seed, settings.objective
    strategy = choose_strategy(settings.devices, objective, build_likelihood(), settings.batch_size, settings.xla)
    with scope(strategy):
        network = settings.network(data.observation_shape, seed, settings.precision)
        start_from(settings.initial_weights, network)
        optimizer = settings.optimizer(network.trainable_variables)
    validation = make_validation(data, network, settings.batch_size, objective.wants)
    shown = data if validation is None else validation.remaining
    objective.build(network.num_latent, shown, seed)
    feed = make_feed(shown, Plan(shown, settings.batch_size, seed, objective.wants), shared=shared)
    # In this order they are called: what validation ends is ended before the curve's last point.
    callbacks = (Divergence(settings.loss_window), validation, frechet_curve(data))
    watching = [callback for callback in callbacks if callback is not None]
    return Trainer(network, optimizer, feed, settings, watching, strategy), _examples(data)


def _examples(data: ImageData) -> np.ndarray:
    """A few observations to be reconstructed."""
    rows = np.random.default_rng(0).choice(data.num_images, size=min(_EXAMPLES, data.num_images), replace=False)
    return data.observations_at(rows)

"""The training stage: a gin configuration → a run directory with weights, a SavedModel and results."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dlib_bvae import config, datasets, models  # models first: TensorFlow is to start without its lines
from dlib_bvae.artifacts import (
    Stage,
    Work,
    describe,
    device,
    is_done,
    open_run,
    peak_memory_mib,
    read_identity,
    read_lock,
)
from dlib_bvae.artifacts.record import results_standing
from dlib_bvae.config import Configuration, configuration, say_unused
from dlib_bvae.datasets import ImageData
from dlib_bvae.errors import UserError, pluralize
from dlib_bvae.image_quality.curve import frechet_curve
from dlib_bvae.image_quality.extractors import EXTRACTORS
from dlib_bvae.metrics.unsupervised import sampled_total_correlation
from dlib_bvae.models import ARCHITECTURES, LIKELIHOODS
from dlib_bvae.models.baselines import BASELINES, Baseline
from dlib_bvae.models.objectives import OBJECTIVES, WEIGHTS, Objective
from dlib_bvae.models.saved_model import Model, decodes, export
from dlib_bvae.models.vae import GaussianVAE, build_likelihood
from dlib_bvae.runtime import RUNS, say
from dlib_bvae.training import OPTIMIZERS, SCHEDULES
from dlib_bvae.training.callbacks.divergence import Divergence
from dlib_bvae.training.callbacks.validation import make_validation
from dlib_bvae.training.checkpoints import keep_newest, kept_step
from dlib_bvae.training.devices import choose_strategy, determinism, scope
from dlib_bvae.training.events import VALIDATION
from dlib_bvae.training.examples import RECONSTRUCTED, examples_of
from dlib_bvae.training.exports import exported_steps
from dlib_bvae.training.feed import Feed, make_feed
from dlib_bvae.training.loop import steps_of
from dlib_bvae.training.loop import train as run_loop
from dlib_bvae.training.plan import Plan
from dlib_bvae.training.settings import TrainingSettings, depends_on_total
from dlib_bvae.training.trainer import Trainer
from dlib_bvae.training.warm_start import start_from, start_output_bias, weights_digest, weights_of_run
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
_INITIAL = "model.initial_weights"
_OF_FITS = ("model", "name", "random_seed")  # what a baseline reads of the settings
# What turns a part of training on, and its further parameters with it.
_TURNED_ON_BY = {
    "validation": ("fraction", "num_images"),
    "frechet_curve": ("every_steps",),
    "divergence": ("factor",),
}
TRAIN = Stage(
    "train",
    way_out="choose another --model_dir, or --overwrite to begin again",
    continues=True,
    grows="model.training_steps",
    kept=("checkpoint", "events*", VALIDATION, "saved_model-*[0-9]"),
)

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

    A finished run says so and does nothing, an interrupted one continues, and so does a finished one of fewer steps. profile:
    "FIRST:LAST", steps to profile for TensorBoard. Raises UserError for bad input.
    """
    model_dir = directory_of(gin_config, gin_bindings, model_dir)
    with configuration(gin_config, gin_bindings, REGISTRIES) as configured, open_run(model_dir):
        if [key for key in configured.bound if key.startswith("ensemble.")]:
            raise UserError(
                "parameters of ensemble need ensemble.seeds, a list of seeds, and dlib_bvae_train to train them"
            )
        _train_once(model_dir / "train", configured, overwrite, profile)
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


def _train_once(final: Path, configured: Configuration, overwrite: bool, profile: str | None) -> None:
    with contextlib.ExitStack() as entered:
        with first_weights_kept():
            work, data = look(final)
            if is_trained(work, data, overwrite):
                say_unused(configured.typed, work.used())
                return
            began = time.time()
            data, settings = data or datasets.load(), TrainingSettings()
            baseline = settings.model if isinstance(settings.model, Baseline) else None
            if baseline is not None and profile is not None:
                raise UserError("--profile profiles training steps, and a fitted model has none; leave it out")
            entered.enter_context(determinism(settings.deterministic))
            learn = (
                _training(work, data, settings, profile) if baseline is None else fit_of(work, baseline, data, settings)
            )
        begin(work)
        say_unused(configured.typed, work.used())
        network, measured = learn(work.part)
    finish(work, network, data, settings, began, measured)


@contextlib.contextmanager
def first_weights_kept() -> Iterator[None]:
    """Keeps the run whose weights the training starts from as it is, until the block ends, in which the training is built."""
    run = config.current([_INITIAL]).get(_INITIAL)
    with read_lock(Path(run), _INITIAL) if run and Path(run).is_dir() else contextlib.nullcontext():
        yield


def look(final: Path) -> tuple[Work, ImageData | None]:
    """The training that the open configuration says, and its data set; None where that cannot be had and is not needed."""
    weights = config.current([_INITIAL]).get(_INITIAL)
    work = Work(TRAIN, final, unused=_unused(), hidden=_hidden())
    if weights:
        work.given, work.notes = _initial(work, weights), {"initial_weights": weights}
    try:
        data = datasets.load()
    except UserError:
        if not is_done(final, "train"):
            raise
        return work, None
    work.inputs = {"data": data.fingerprint}
    return work, data


def _initial(work: Work, run: str) -> dict[str, Any]:
    """The digest of the weights to start from, in place of the path of their run; of a run that is gone as it was noted."""
    if not Path(run).is_dir():
        finished = [read_identity(work.directory, "train")] if is_done(work.directory, "train") else []
        for before in [*finished, work.interrupted()]:
            if before is not None and before.recorded.get("initial_weights") == run:
                return {_INITIAL: before.parameters[_INITIAL]}
    return {_INITIAL: weights_digest(weights_of_run(run))}


def doors(settings: TrainingSettings) -> list[str]:
    """The functions of gin's that this training calls besides what its settings name."""
    fitted, decoding = isinstance(settings.model, Baseline), ["decoder", "reconstruction_loss"]
    return [] if fitted else ["encoder", *(decoding if decodes(settings.network) else ()), "feed", *_TURNED_ON_BY]


def begin(work: Work) -> None:
    """Begins or continues `work`, for which all is built."""
    work.begin()
    work.begun()


def _unused() -> Callable[[str], bool]:
    """Which parameters change nothing: those of what is turned off."""
    values = config.current(f"{selector}.{each}" for selector, names in _TURNED_ON_BY.items() for each in names)
    on = {key.partition(".")[0] for key, value in values.items() if value}

    def unused(key: str) -> bool:
        selector, _, parameter = key.rpartition(".")
        return selector in _TURNED_ON_BY and selector not in on and parameter not in _TURNED_ON_BY[selector]

    return unused


def _hidden() -> Callable[[str], bool]:
    """Which parameters a baseline does not have: those of training steps, whose defaults gin lists as in force."""
    model = str(config.current(["model.model"]).get("model.model"))
    fitted = model.strip("@()").split("/")[-1].split(".")[-1] in BASELINES
    return lambda key: fitted and key.startswith("model.") and key.removeprefix("model.") not in _OF_FITS


def is_trained(work: Work, data: ImageData | None, overwrite: bool) -> bool:
    """Whether there is nothing to do, which is said. Raises UserError when another configuration was trained."""
    if not work.done(overwrite):
        return False
    settings = TrainingSettings()
    work.relabel({"model": settings.method, **({} if data is None else {"dataset": data.name})})
    _check_exported(work.directory, settings.export_steps)
    with contextlib.suppress(OSError, UserError):  # a run that may only be read
        keep_newest(work.directory, settings.keep_checkpoints)  # where the process was killed before it did
    say(f"{work.directory}: trained already; --overwrite trains again")
    return True


def finish(
    work: Work,
    network: Model | None,
    data: ImageData,
    settings: TrainingSettings,
    began: float,
    measured: dict[str, Any],
) -> None:
    """Exports `network`, where there is one, and writes the results of `work`.

    began: seconds since 1970. measured: further results, with the seconds it took.
    """
    if isinstance(settings.model, Objective) and settings.model.total_correlation and isinstance(network, GaussianVAE):
        measured["gaussian_total_correlation"] = sampled_total_correlation(network.encode, data, settings.random_seed)
    if network is not None:
        export(network, work.part / "saved_model")
        if decodes(network):
            shown = examples_of(data)[:RECONSTRUCTED]
            save_reconstructions(work.part / "reconstructions.png", shown, network.reconstruct(shown).numpy())
        measured["weights"] = weights_digest(work.part / "saved_model")
    seconds = measured.pop("seconds")
    results = {
        "model": settings.method,
        **datasets.recorded(data),
        "seed": settings.random_seed,
        "supervision": settings.model.supervision,
        "elapsed_time": seconds,
        "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(began)),
        "device": device(),
        "peak_memory_mib": peak_memory_mib(),
        "environment": describe(),
        **measured,
    }
    if uuid := _uuid_of_equal(work, results):
        results["uuid"] = uuid
        say(f"{work.directory}: the outcome is equal to that before; codes, scores and pictures computed from it stay")
    work.finish(results)
    keep_newest(work.directory, settings.keep_checkpoints)
    done = f"trained {pluralize(results['steps'], 'step')}" if "steps" in results else "fitted"
    unit = " nats" if "reconstruction" in results else ""  # a loss without a likelihood has none
    loss = f"; loss {results['loss']:.2f}{unit}" if "loss" in results else ""
    say(f"{work.directory}: {done} in {seconds:,.0f} s{loss}")


def _uuid_of_equal(work: Work, results: dict[str, Any]) -> str | None:
    """The uuid of a training that stands and has the same identity and outcome, which is then one result with this."""
    before = results_standing(work.directory, TRAIN.name)
    same = {
        "identity": work.identity().digest,
        **{key: results.get(key) for key in ("weights", "codes", "fingerprint")},
    }
    return before.get("uuid") if all(before.get(key) == value for key, value in same.items()) else None


def _training(work: Work, data: ImageData, settings: TrainingSettings, profile: str | None) -> Learn:
    """Makes a training with steps ready."""
    profiled = (0, 0) if profile is None else steps_of(profile, settings.training_steps)
    trainer, examples = build(data, settings, begun=kept_step(work.part) is not None)
    check_continued(work, settings, trainer)
    every = {"checkpoint_every": settings.checkpoint_every, "log_every": settings.log_every}

    def learn(part: Path) -> tuple[Model, dict[str, Any]]:
        losses = run_loop(trainer, part, examples=examples, profile=profiled, images=images_of(data), **every)
        return trained(trainer, settings, losses)

    return learn


def images_of(data: ImageData) -> str:
    """The data set and how many images of it training shows."""
    return f"{data.name} ({'new images at every step' if data.drawn else f'{data.num_images:,}'})"


def check_continued(work: Work, settings: TrainingSettings, trainer: Trainer) -> None:
    """Says where a training of fewer steps goes on, and notes it in the identity of `work` where that changes the result.

    Raises UserError where it kept nothing to go on from, or passed a step whose model is wanted.
    """
    step = kept_step(work.part)
    if step is None and work.interrupted() is not None:
        work.grown_from = []  # it was interrupted before its first checkpoint, and begins again
    if step is None and work.grown_from:
        work.abandon()
        raise UserError(
            f"{work.directory} keeps no checkpoint, so it cannot be extended to {settings.training_steps:,} steps (model."
            "keep_checkpoints was 0, or the folder was deleted); --overwrite trains from the start"
        )
    if step is not None and step > settings.training_steps:
        raise UserError(
            f"{work.part} has taken {pluralize(step, 'step')} already, which is more than model.training_steps = "
            f"{settings.training_steps}; {TRAIN.way_out}"
        )
    _check_exported(work.part, [each for each in settings.export_steps if each < (step or 0)])
    if work.grown_from:
        verb = "extends" if work.grown_from[-1] < settings.training_steps else "shortens"
        say(
            f"{work.directory}: {verb} a training of {pluralize(work.grown_from[-1], 'step')} to {settings.training_steps:,}"
        )
        if depends_on_total(settings, trainer.callbacks):
            work.given["continued_from"] = work.grown_from
            say(
                "  its schedule, method, validation or curve depends on the number of steps: the result is not that of as many "
                "steps in one go, and says so (continued_from)"
            )


def _check_exported(directory: Path, steps: Sequence[int]) -> None:
    if lacking := sorted({*steps} - {*exported_steps(directory)}):
        raise UserError(
            f"{directory} has passed step {lacking[0]} without keeping its model (model.export_steps); leave it out, or "
            "--overwrite to train from the start"
        )


def fit_of(work: Work, baseline: Baseline, data: ImageData, settings: TrainingSettings) -> Learn:
    """Makes a fit ready. An interrupted fit starts anew, and one that is refused leaves no part behind.

    Raises UserError when the configuration binds what a baseline does not read.
    """
    for key in config.bound():
        selector, _, parameter = key.split("/")[-1].partition(".")
        if selector in baseline.unused or (selector == "model" and parameter not in _OF_FITS):
            name = type(baseline).__name__
            raise UserError(f"{key} changes nothing about {name}, which is fitted without training steps; leave it out")

    def learn(part: Path) -> tuple[Model | None, dict[str, Any]]:
        began = time.monotonic()
        try:
            network, measured = baseline.fit(data, settings.random_seed)
        except UserError:
            work.abandon()
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


def build(
    data: ImageData, settings: TrainingSettings, shared: Feed | None = None, begun: bool = False
) -> tuple[Trainer, np.ndarray]:
    """The trainer on `data`, and the observations by which it is watched (see examples_of).

    shared: see make_feed. begun: whether a checkpoint has its weights, so that where they start does not matter any more.
    """
    seed, objective = settings.random_seed, settings.objective
    likelihood = build_likelihood() if decodes(settings.network) else None
    strategy = choose_strategy(settings.devices, objective, likelihood, settings.batch_size, settings.xla)
    with scope(strategy):
        network = settings.network(data.observation_shape, seed, settings.precision)
        start_from("" if begun else settings.initial_weights, network)
        optimizer = settings.optimizer(network.trainable_variables)
    validation = make_validation(data, network, settings.batch_size, objective.wants)
    shown = data if validation is None else validation.remaining
    if settings.output_bias == "data_mean" and not begun:
        with scope(strategy):
            start_output_bias(network, shown, seed)
    objective.build(network.num_latent, shown, seed)
    feed = make_feed(shown, Plan(shown, settings.batch_size, seed, objective.wants), shared=shared)
    # In this order they are called: what validation ends is ended before the curve's last point.
    callbacks = (Divergence(settings.loss_window), validation, frechet_curve(data, network))
    watching = [callback for callback in callbacks if callback is not None]
    return Trainer(network, optimizer, feed, settings, watching, strategy), examples_of(data)

"""The training stage."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import gin
import numpy as np
import tensorflow as tf

from dlib_bvae import datasets
from dlib_bvae.artifacts import config_dict, describe, device, peak_memory_mib, run_lock, write_stage
from dlib_bvae.artifacts.lifecycle import check_same, commit, recover, start, work_dir
from dlib_bvae.config import configuration
from dlib_bvae.datasets import ImageData
from dlib_bvae.errors import UserError, check_integer
from dlib_bvae.image_quality.curve import frechet_curve
from dlib_bvae.image_quality.extractors import EXTRACTORS
from dlib_bvae.models.architectures import ARCHITECTURES
from dlib_bvae.models.baselines.base import BASELINES, Baseline
from dlib_bvae.models.likelihoods import LIKELIHOODS
from dlib_bvae.models.objectives import OBJECTIVES, WEIGHTS, Objective
from dlib_bvae.models.registry import MODELS
from dlib_bvae.models.saved_model import export
from dlib_bvae.models.vae import GaussianVAE, build_likelihood
from dlib_bvae.runtime import RUNS
from dlib_bvae.stages import fitting
from dlib_bvae.stages.members import without_ensemble
from dlib_bvae.training.callbacks.divergence import Divergence
from dlib_bvae.training.callbacks.validation import make_validation
from dlib_bvae.training.devices import choose_strategy, scope
from dlib_bvae.training.feed import Feed, make_feed
from dlib_bvae.training.loop import train as run_loop
from dlib_bvae.training.optimizers import OPTIMIZERS, adam
from dlib_bvae.training.plan import Plan
from dlib_bvae.training.profile import steps_of
from dlib_bvae.training.schedules import SCHEDULES, constant
from dlib_bvae.training.trainer import Trainer
from dlib_bvae.visualize.pictures import save_reconstructions

REGISTRIES = (
    datasets.DATASETS,
    MODELS,
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
    data, settings = datasets.load(), training()
    fitted = isinstance(settings["model"], Baseline)
    if fitted and profile is not None:
        raise UserError("--profile profiles training steps, and a fitted model has none; leave it out")
    learn = fitting.prepare(data, settings) if fitted else _prepare(data, settings, profile)
    part = start(final, gin_text, overwrite)
    network, measured = learn(part)
    text = fitting.operative_config() if fitted else gin.operative_config_str()
    finish(final, network, data, settings, began, measured, text)


def is_trained(final: Path, gin_text: str, overwrite: bool) -> bool:
    """Whether there is nothing to do, which is said. Raises UserError when another configuration was trained."""
    if not recover(final, "train") or overwrite:
        return False
    check_same((final / "started.gin").read_text(encoding="utf-8"), gin_text, final)
    print(f"{final}: trained already; --overwrite trains again")
    return True


def finish(
    final: Path,
    network: Any,
    data: ImageData,
    settings: dict[str, Any],
    began: float,
    measured: dict[str, Any],
    text: str,
) -> None:
    """Exports `network`, where there is one, writes what was learnt beside it, and puts all in its place, `final`.

    began: seconds since 1970. measured: further results, with the seconds it took. text: the operative configuration.
    """
    part = work_dir(final)
    if network is not None:
        _export(network, _examples(data), part)
    seconds = measured.pop("seconds")
    results = {
        "model": settings["name"] or type(settings["model"]).__name__,
        "dataset": data.name,
        "fingerprint": data.fingerprint,
        "seed": settings["random_seed"],
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


def _prepare(
    data: ImageData, settings: dict[str, Any], profile: str | None
) -> Callable[[Path], tuple[GaussianVAE, dict[str, Any]]]:
    """Returns the training: a directory, where it continues → (network, results with the seconds it took)."""
    profiled = (0, 0) if profile is None else steps_of(profile, settings["training_steps"])
    if settings["deterministic"]:
        tf.config.experimental.enable_op_determinism()
    trainer, examples = build(data, settings)
    every = {key: settings[key] for key in ("checkpoint_every", "log_every")}

    def learn(part: Path) -> tuple[GaussianVAE, dict[str, Any]]:
        return trained(trainer, settings, run_loop(trainer, part, examples=examples, profile=profiled, **every))

    return learn


def trained(
    trainer: Trainer, settings: dict[str, Any], measured: dict[str, float]
) -> tuple[GaussianVAE, dict[str, Any]]:
    """The network with the weights to export, and the results of a training whose loop returned `measured`."""
    trainer.use_exported()
    results = {
        "steps": int(trainer.state.step),
        "num_parameters": sum(int(tf.size(v)) for v in trainer.variables),
        "deterministic": settings["deterministic"],
        "devices": 1 if trainer.strategy is None else trainer.strategy.num_replicas_in_sync,
    }
    if trainer.validation is not None:
        results["validation"] = trainer.validation.results()
    if trainer.curve is not None:
        results["frechet_curve"] = trainer.curve.results()
    return trainer.network, {**results, **measured}


def _export(network: Any, examples: tf.Tensor, part: Path) -> None:
    """Writes the SavedModel and a picture of its reconstructions."""
    export(network, part / "saved_model")
    save_reconstructions(part / "reconstructions.png", examples.numpy(), network.reconstruct(examples).numpy())


@gin.configurable("model")
def training(
    model: Any = gin.REQUIRED,
    network: Callable = GaussianVAE,
    name: str = "",
    batch_size: int = 64,
    training_steps: int = 300_000,
    random_seed: int = 0,
    optimizer: Callable = adam,
    schedule: Any = None,
    precision: str = "float32",
    xla: bool = False,
    clip_norm: float = 0.0,
    clip_value: float = 0.0,
    average_decay: float = 0.0,
    deterministic: bool = False,
    devices: int = 0,
    checkpoint_every: int = 1_000,
    log_every: int = 100,
) -> dict[str, Any]:
    """Checks and returns the settings of one training.

    model: the objective, or a fitted model, which reads name and random_seed only. network: the model's class. name: in
    results and tables; the method's when empty.
    batch_size: images. training_steps, checkpoint_every, log_every: steps. precision: of the networks, "float32",
    "mixed_bfloat16" or "mixed_float16" (with loss scaling). xla: compile the step with XLA. clip_norm, clip_value: bounds of the
    gradients' common norm and of each number, 0 for none. average_decay: the weights that are exported are moving averages
    of this decay, 0 for the last ones. deterministic: operations give the same bits every time, which a CPU's do anyway; on a
    GPU it is slower, and what has no such kernel is refused. devices: how many share a batch, 0 for all GPUs. Raises
    UserError for values out of range.
    """
    positive = {
        "batch_size": batch_size,
        "training_steps": training_steps,
        "checkpoint_every": checkpoint_every,
        "log_every": log_every,
    }
    for key, value in positive.items():
        check_integer(f"model.{key}", value, 1)
    if not isinstance(random_seed, int) or not 0 <= random_seed < 2**31:
        raise UserError(f"model.random_seed must be an integer in 0 … 2^31 - 1; got {random_seed!r}")
    if deterministic and xla and tf.config.list_physical_devices("GPU"):
        raise UserError(
            "model.deterministic cannot be kept with model.xla on a GPU, where XLA chooses its kernels by timing them; "
            "set one of the two to False"
        )
    if not isinstance(model, (Objective, Baseline)):
        raise UserError(
            f"model.model must be an objective such as @vae(), or a fitted model such as @pca(); got {model!r}"
        )
    return {
        **positive,
        "model": model,
        "network": network,
        "name": name,
        "random_seed": random_seed,
        "optimizer": optimizer,
        "schedule": schedule or constant(),
        "precision": precision,
        "xla": xla,
        "clip_norm": clip_norm,
        "clip_value": clip_value,
        "average_decay": average_decay,
        "deterministic": deterministic,
        "devices": devices,
    }


def build(data: ImageData, settings: dict[str, Any], shared: Feed | None = None) -> tuple[Trainer, tf.Tensor]:
    """The trainer on `data`, and the observations whose reconstructions are logged. shared: see make_feed."""
    seed, objective = settings["random_seed"], settings["model"]
    strategy = choose_strategy(
        settings["devices"], objective, build_likelihood(), settings["batch_size"], settings["xla"]
    )
    with scope(strategy):
        network = settings["network"](data.observation_shape, seed, settings["precision"])
        optimizer = settings["optimizer"](network.trainable_variables)
    validation = make_validation(data, network, settings["batch_size"], objective.wants)
    shown = data if validation is None else validation.rest
    objective.build(network.num_latent, shown, seed)
    trainer = Trainer(
        network,
        objective,
        optimizer,
        make_feed(shown, Plan(shown, settings["batch_size"], seed, objective.wants), shared=shared),
        settings["schedule"],
        total=settings["training_steps"],
        seed=seed,
        validation=validation,
        divergence=Divergence(),
        curve=frechet_curve(data, settings["training_steps"]),
        strategy=strategy,
        **{key: settings[key] for key in ("xla", "clip_norm", "clip_value", "average_decay")},
    )
    return trainer, _examples(data)


def _examples(data: ImageData) -> tf.Tensor:
    """A few observations to be reconstructed."""
    rows = np.random.default_rng(0).choice(data.num_images, size=min(_EXAMPLES, data.num_images), replace=False)
    return tf.constant(data.observations_at(rows))

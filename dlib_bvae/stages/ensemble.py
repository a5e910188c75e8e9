"""The training stage of one model, or of many that are trained together."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gin
import tensorflow as tf

from dlib_bvae import datasets
from dlib_bvae.artifacts import run_lock
from dlib_bvae.artifacts.lifecycle import start
from dlib_bvae.config import configuration
from dlib_bvae.datasets import ImageData
from dlib_bvae.errors import UserError
from dlib_bvae.models.baselines.base import Baseline
from dlib_bvae.stages import train
from dlib_bvae.stages.members import Member, ensemble, without_ensemble
from dlib_bvae.training.ensemble_loop import train_ensemble
from dlib_bvae.training.trainer import Trainer

_COMMON = (
    "training_steps",
    "batch_size",
    "checkpoint_every",
    "log_every",
    "precision",
    "xla",
    "devices",
    "deterministic",
)


def run(
    gin_config: Sequence[str] = (),
    gin_bindings: Sequence[str] = (),
    model_dir: Path | None = None,
    overwrite: bool = False,
    profile: str | None = None,
) -> list[Path]:
    """Trains what the configuration says and returns the run directories.

    Without ensemble.seeds that is train.run. With them it is a model for each seed, all at once; each has a run directory of
    its own, as if it had been trained alone: model_dir (default: runs/<name of the last gin file>) and "-seed<seed>". Those
    that are finished are left out, interrupted ones continue. profile: see train.run. Raises UserError for bad input,
    and at the end for members that diverged.
    """
    model_dir = train.directory_of(gin_config, gin_bindings, model_dir)
    # A configuration of its own: what was called in it would stand in the results.
    with configuration(gin_config, gin_bindings, train.REGISTRIES):
        members, way = ensemble()
    if not members:
        return [train.run(gin_config, gin_bindings, model_dir, overwrite, profile)]
    if profile is not None:
        raise UserError("--profile shows the steps of one model; leave out ensemble.seeds")
    directories = [member.directory(model_dir) for member in members]
    began, built = time.time(), list[_Built]()
    with contextlib.ExitStack() as locks:
        for directory in directories:
            locks.enter_context(run_lock(directory))
        for member, directory in zip(members, directories, strict=True):
            with configuration(gin_config, [*gin_bindings, *member.bindings], train.REGISTRIES):
                built += _build(member, directory / "train", built[:1], overwrite)
        if built:
            _train(built, len(members), way, began, overwrite)
    for directory in directories:
        print(directory)
    return directories


@dataclass(frozen=True)
class _Built:
    """A member that is to be trained to `final`. started, text: its configuration as given, and as it was in force."""

    final: Path
    started: str
    text: str
    data: ImageData
    settings: dict[str, Any]
    trainer: Trainer
    examples: tf.Tensor


def _build(member: Member, final: Path, first: Sequence[_Built], overwrite: bool) -> list[_Built]:
    """Builds `member` under the present configuration, on the data of the `first`; nothing where it is trained already."""
    started = without_ensemble(gin.config_str())
    if train.is_trained(final, started, overwrite):
        return []
    data, settings = datasets.load(), train.training()
    if isinstance(settings["model"], Baseline):
        raise UserError(
            f"{type(settings['model']).__name__} is fitted, not trained step by step; leave out ensemble.seeds"
        )
    for other in first:
        differing = [f"model.{key}" for key in _COMMON if settings[key] != other.settings[key]]
        differing += ["the data set"] if data.fingerprint != other.data.fingerprint else []
        if differing:
            raise UserError(
                f"the members of an ensemble share {differing[0]}; leave it out of ensemble.each ({member.suffix})"
            )
        data = other.data
    if settings["deterministic"]:
        tf.config.experimental.enable_op_determinism()
    trainer, examples = train.build(data, settings, shared=first[0].trainer.feed if first else None)
    return [_Built(final, started, gin.operative_config_str(), data, settings, trainer, examples)]


def _train(built: Sequence[_Built], size: int, way: str, began: float, overwrite: bool) -> None:
    """Trains and finishes all. size: of the whole ensemble. Raises UserError for those that diverged."""
    parts = [start(member.final, member.started, overwrite) for member in built]
    settings = built[0].settings
    outcomes, way = train_ensemble(
        [member.trainer for member in built],
        parts,
        way=way,
        examples=built[0].examples,
        **{key: settings[key] for key in ("xla", "checkpoint_every", "log_every")},
    )
    for member, outcome in zip(built, outcomes, strict=True):
        if not isinstance(outcome, UserError):
            network, measured = train.trained(member.trainer, member.settings, outcome)
            measured["ensemble"] = {"members": size, "way": way}
            train.finish(member.final, network, member.data, member.settings, began, measured, member.text)
    if failed := [outcome for outcome in outcomes if isinstance(outcome, UserError)]:
        raise UserError(f"{len(failed)} of {size} members diverged; of the first: {failed[0]}")

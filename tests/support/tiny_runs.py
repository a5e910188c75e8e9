"""Small runs on dummy_data for tests of what commands do to what others left: trainings, commands in process, snapshots."""

from __future__ import annotations

import contextlib
import hashlib
import io
import sys
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

from dlib_bvae import commands
from dlib_bvae.artifacts import read_identity, read_results
from dlib_bvae.stages import ensemble

DATA = ["dataset.name = 'dummy_data'"]
VAE = [
    *DATA,
    "model.model = @vae()",
    "vae.beta = 4.0",
    "encoder.encoder_fn = @fc_encoder",
    "encoder.num_latent = 3",
    "decoder.decoder_fn = @fc_decoder",
    "model.batch_size = 16",
    "model.training_steps = 4",
    "model.checkpoint_every = 2",
    "model.log_every = 2",
]
FITS = {
    "oracle": ["model.model = @oracle()"],
    "pca": ["model.model = @pca()", "pca.num_latent = 3"],
    "random0": ["model.model = @random_encoder()"],
    "random1": ["model.model = @random_encoder()", "model.random_seed = 1"],
}
MIG = ["mig.num_train = 100"]
CELLS = [
    "beta_vae_sensitivity.batch_sizes = [4]",
    "beta_vae_sensitivity.classifiers = ['logistic_regression']",
    "beta_vae_sensitivity.num_train = 50",
    "beta_vae_sensitivity.num_eval = 20",
]
PICTURES = [
    "visualize.num_frames = 2",
    "visualize.num_samples = 2",
    "visualize.num_examples = 2",
    "visualize.num_values = 2",
    "visualize.num_latents = 2",
]
SETS = ["udr.num_train = 100", "udr.num_kl = 50", "udr.kl_threshold = 0.0"]


class Done(NamedTuple):
    """How a command ended: its exit status, and what it printed."""

    code: int
    out: str
    err: str


def command(name: str, *flags: object) -> Done:
    """Runs an installed command in this process."""
    out, err = io.StringIO(), io.StringIO()
    code: object = 0
    with (
        mock.patch.object(sys, "argv", [f"dlib_bvae_{name}", *map(str, flags)]),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            commands.run(name)
        except SystemExit as ended:
            code = ended.code
    return Done(int(code or 0), out.getvalue(), err.getvalue())


def bound(*lines: str) -> list[str]:
    """The flags of gin bindings."""
    return [f"--gin_bindings={line}" for line in lines]


def train(run: Path, *lines: str) -> list[Path]:
    """Trains, or fits, `run`."""
    with contextlib.redirect_stdout(io.StringIO()):
        return ensemble.run([], lines, run)


def snapshot(folder: Path) -> dict[str, tuple[str, int]]:
    """Every file below `folder`, with a digest of its content and when it was written; locks are left out."""
    return {
        str(path.relative_to(folder)): (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }


def strays(folder: Path) -> list[str]:
    """What an interrupted command may leave: unfinished and replaced directories, and files being written."""
    found = [path for path in folder.rglob("*") if path.suffix in (".part", ".old") or is_temporary(path)]
    return sorted(str(path.relative_to(folder)) for path in found)


def is_temporary(path: Path) -> bool:
    """Whether it is a file of write_atomic that was never renamed: ".<name>.<process>"."""
    return path.name.startswith(".") and path.suffix[1:].isdigit()


def done(name: str, *flags: object) -> str:
    """What a command that succeeds prints; nothing but a training says anything on standard error."""
    found = command(name, *flags)
    assert found.code == 0
    assert name == "train" or found.err.strip() == ""
    return found.out


def unchanged(folder: Path, said: str, name: str, *flags: object) -> None:
    """Runs a command again, which says so and changes nothing below `folder`."""
    before = snapshot(folder)
    assert before
    assert said in done(name, *flags)
    assert snapshot(folder) == before
    assert strays(folder) == []


def refused(folder: Path, sentence: str, name: str, *flags: object) -> None:
    """Runs a command that is refused with one sentence and changes nothing below `folder`."""
    before = snapshot(folder)
    found = command(name, *flags)
    assert (found.code, len(found.err.strip().splitlines())) == (2, 1)
    assert found.err.strip().endswith(sentence)
    assert snapshot(folder) == before
    assert strays(folder) == []


def redone(directory: Path, stage: str, sentence: str, name: str, *flags: object) -> dict[str, Any]:
    """Runs a command that makes the result in `directory` again and says why; returns the results."""
    before = read_results(directory, stage)["uuid"]
    assert sentence in done(name, *flags)
    found = read_results(directory, stage)
    assert found["uuid"] != before
    assert found["identity"] == read_identity(directory, stage).digest
    return found

"""What works on this machine: packages, devices, folders, and the rates of a few seconds of training and scoring."""

from __future__ import annotations

import os
import platform
import shutil
import time
from collections.abc import Iterator
from importlib import metadata
from typing import NamedTuple

import numpy as np

import dlib_bvae
from dlib_bvae import metrics
from dlib_bvae.artifacts.record import check_writable
from dlib_bvae.config import configuration
from dlib_bvae.datasets.cache import cache_dir
from dlib_bvae.errors import UserError, pluralize
from dlib_bvae.metrics.constructed import FactorGrid

# What docs/performance.md says of 2 cores with AVX2 (benchmarks/results/training_speed.json and beta_vae_cost.json).
IMAGES_PER_SECOND = 1445  # training the convolutional β-VAE of gin/beta4_dsprites.gin, batch 64
SECONDS_OF_BETA_VAE = 0.34  # scoring cached codes of dSprites, with the metric's defaults
_SLOW = 5  # times slower than documented is worth a look
_ROOM = 2**30  # bytes that rendered data sets may need
_TRAINED = [
    "dataset.name = @resized()",  # small, so that nothing large has to be rendered first
    "resized.data = 'dummy_data'",
    "resized.height = 64",
    "resized.width = 64",
]
_SIZES = (3, 6, 20, 16, 16)


class Finding(NamedTuple):
    """A line of the check. way_out: what to do where it is off; "" where all is well."""

    text: str
    way_out: str = ""


def run(seconds: float = 3.0) -> bool:
    """Prints what is found, each with the way out where something is off; returns whether nothing is.

    seconds: of training.
    """
    well = True
    for part in (_packages, _devices, _folders, lambda: _training(seconds), _scoring):
        for finding in part():
            well = well and not finding.way_out
            print(f"{'off:  ' if finding.way_out else 'ok:   '}{finding.text}", flush=True)
            if finding.way_out:
                print(f"      {finding.way_out}", flush=True)
    return well


def _packages() -> Iterator[Finding]:
    yield Finding(f"dlib_bvae {dlib_bvae.__version__}, Python {platform.python_version()}, {platform.platform()}")
    try:
        asked = metadata.requires("dlib_bvae") or []
    except metadata.PackageNotFoundError:
        yield Finding("dlib_bvae is not installed, it runs from a checkout", "pip install --editable . in the checkout")
        return
    wrong, found = requirements(asked)
    if wrong:
        yield Finding(
            f"packages: {'; '.join(wrong)}", f"pip install {' '.join(repr(each.split(': ')[0]) for each in wrong)}"
        )
    else:
        yield Finding(f"packages: {', '.join(found)}")


def requirements(asked: list[str]) -> tuple[list[str], list[str]]:
    """(what is missing or of a version that does not fit, what is there) of requirements as setup.py says them.

    Those of extras but "test" are named where they are there. Each is "requirement: why" or "name version".
    """
    from packaging.requirements import Requirement

    wrong, found = [], []
    for each in map(Requirement, asked):
        optional = each.marker is not None and "extra" in str(each.marker)
        if each.marker is not None and not optional and not each.marker.evaluate() or '"test"' in str(each.marker):
            continue
        try:
            version = metadata.version(each.name)
        except metadata.PackageNotFoundError:
            if not optional:
                wrong.append(f"{each.name}{each.specifier}: it is not installed")
            continue
        if not optional and not each.specifier.contains(version, prereleases=True):
            wrong.append(f"{each.name}{each.specifier}: version {version} is installed")
        else:
            found.append(f"{each.name} {version}")
    return wrong, list(dict.fromkeys(found))


def _devices() -> Iterator[Finding]:
    from dlib_bvae.runtime import load_tensorflow

    load_tensorflow()
    from dlib_bvae.training.hardware import UNUSED_GPU, Hardware, gpus_hidden

    here = Hardware.found()
    uses = f"TensorFlow uses {here.trains_on(max(1, len(here.gpus)))}"
    if here.gpus:
        yield Finding(uses)
    elif here.unused_nvidia and not gpus_hidden(os.environ):
        why, _, way_out = UNUSED_GPU.partition("; ")
        yield Finding(f"{uses}: {why}", way_out)
    elif here.unused_nvidia:
        yield Finding(f"{uses}: CUDA_VISIBLE_DEVICES={os.environ['CUDA_VISIBLE_DEVICES']} hides the GPUs")
    else:
        yield Finding(f"{uses}: this machine shows no NVIDIA GPU")


def _folders() -> Iterator[Finding]:
    place = cache_dir()
    way_out = "set DLIB_BVAE_CACHE_DIR to a folder where you may write, with some GiB free"
    try:
        check_writable(place)
    except UserError as error:
        yield Finding(str(error).split(";")[0], way_out)
        return
    existing = next(each for each in (place.absolute(), *place.absolute().parents) if each.is_dir())
    free = shutil.disk_usage(existing).free
    yield Finding(f"rendered data sets go to {place}, {free / 2**30:,.1f} GiB free", "" if free > _ROOM else way_out)


def _training(seconds: float) -> Iterator[Finding]:
    import tensorflow as tf

    from dlib_bvae import datasets
    from dlib_bvae.stages import train

    with configuration(["gin/beta4_dsprites.gin"], _TRAINED, train.REGISTRIES):
        trainer, _ = train.build(datasets.load(), train.TrainingSettings())
        trainer.feed.start(0, trainer.total)
        trainer.run(tf.constant(1, tf.int64))  # compiles
        began, steps = time.perf_counter(), 0
        while time.perf_counter() - began < seconds:
            trainer.run(tf.constant(10, tf.int64))
            steps += 10
        rate = steps * trainer.feed.batch_size / (time.perf_counter() - began)
        loss = trainer.means()["loss"]
    text = f"training: {rate:,.0f} images/s (documented for 2 cores of a CPU: {IMAGES_PER_SECOND:,})"
    if not np.isfinite(loss):
        yield Finding(
            f"{text}, the loss is {loss}", "the numbers of this TensorFlow are wrong here: try another version of it"
        )
    else:
        yield Finding(text, _slow(IMAGES_PER_SECOND / rate))


def _scoring() -> Iterator[Finding]:
    grid = FactorGrid(*_SIZES)
    codes = np.hstack([grid.identity(), grid.noise(5)]).astype(np.float32)
    metrics.score("beta_vae", grid, codes, 0, num_train=100, num_eval=100)  # imports
    began = time.perf_counter()
    accuracy = metrics.score("beta_vae", grid, codes, 0)["eval_accuracy"]
    seconds = time.perf_counter() - began
    text = f"scoring: beta_vae in {seconds:.2f} s (documented: {SECONDS_OF_BETA_VAE:.2f})"
    if accuracy < 0.9:
        way_out = "scikit-learn does not work here: install another version"
        yield Finding(f"{text}, and it scores factors themselves {accuracy:.2f}", way_out)
    else:
        yield Finding(text, _slow(seconds / SECONDS_OF_BETA_VAE))


def _slow(times: float) -> str:
    """What to do about a rate so many times below the documented one."""
    if times < _SLOW:
        return ""
    reasons = ["what else runs here (top)"]
    if os.environ.get("TF_ENABLE_ONEDNN_OPTS") == "0":
        reasons.append("TF_ENABLE_ONEDNN_OPTS=0, which turns fast kernels off")
    if hasattr(os, "getloadavg"):
        reasons[0] += f", the load is {os.getloadavg()[0]:.1f} on {pluralize(os.cpu_count() or 1, 'core')}"
    return f"{times:.0f} times slower than documented; look at {' and '.join(reasons)}"

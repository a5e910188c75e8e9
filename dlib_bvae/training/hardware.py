"""What a machine can train on, and the line that says what a training runs on."""

from __future__ import annotations

import glob
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import tensorflow as tf

from dlib_bvae.errors import warn_once

UNUSED_GPU = (
    "this machine has an NVIDIA GPU that TensorFlow cannot use: its CUDA libraries are missing or do not fit the driver; "
    "run pip install 'tensorflow[and-cuda]', or set CUDA_VISIBLE_DEVICES=-1 to train on the CPU without this line"
)


@dataclass(frozen=True)
class Hardware:
    """What a machine can train on.

    gpus: the names of those that TensorFlow uses. cores: of the CPU, for this process. unused_nvidia: whether there is an NVIDIA
    GPU and TensorFlow sees none.
    """

    gpus: tuple[str, ...]
    cores: int
    unused_nvidia: bool = False

    @classmethod
    def found(cls) -> Hardware:
        """This machine."""
        details = tf.config.experimental.get_device_details
        gpus = tuple(details(each).get("device_name", "GPU") for each in tf.config.get_visible_devices("GPU"))
        affinity = getattr(os, "sched_getaffinity", None)  # not on macOS and Windows
        cores = len(affinity(0)) if affinity is not None else os.cpu_count() or 1
        return cls(gpus, cores, not tf.config.list_physical_devices("GPU") and _has_nvidia())

    def trains_on(self, devices: int) -> str:
        """What so many devices of it are: "CPU (2 cores)", "NVIDIA A100", "2 × NVIDIA A100"."""
        if not self.gpus:
            shared = f" as {devices} devices" if devices > 1 else ""
            return f"CPU ({self.cores} core{'s' if self.cores > 1 else ''}){shared}"
        names = Counter(self.gpus[:devices])
        return ", ".join(f"{count} × {name}" if count > 1 else name for name, count in sorted(names.items()))


def announce(
    strategy: tf.distribute.Strategy | None,
    hardware: Hardware | None = None,
    environ: Mapping[str, str] = os.environ,
    what: str = "training",
) -> None:
    """Says on standard error what the training runs on, and once where an NVIDIA GPU stays unused though it is not hidden.

    strategy: of the trainer. hardware: None for what is found. environ: CUDA_VISIBLE_DEVICES hides GPUs. what: is trained.
    """
    hardware = hardware or Hardware.found()
    devices = 1 if strategy is None else strategy.num_replicas_in_sync
    print(f"{what} on {hardware.trains_on(devices)}", file=sys.stderr, flush=True)
    if hardware.unused_nvidia and not gpus_hidden(environ):
        warn_once(UNUSED_GPU)


def gpus_hidden(environ: Mapping[str, str]) -> bool:
    """Whether CUDA_VISIBLE_DEVICES hides all GPUs."""
    return environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0].strip() in ("", "-1", "NoDevFiles")


def _has_nvidia() -> bool:
    """Whether the driver of NVIDIA shows a GPU."""
    if glob.glob("/dev/nvidia[0-9]*"):
        return True
    command = shutil.which("nvidia-smi")
    if command is None:
        return False
    try:
        listed = subprocess.run([command, "-L"], capture_output=True, text=True, timeout=10, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return False
    return listed.startswith("GPU ")

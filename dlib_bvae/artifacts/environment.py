"""Where a result was made: versions, machine, devices, memory."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections import Counter
from importlib import metadata
from pathlib import Path
from typing import Any

import dlib_bvae

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

LIBRARIES = (
    "tensorflow",
    "keras",
    "tensorflow-probability",
    "gin-config",
    "numpy",
    "scipy",
    "scikit-learn",
    "pandas",
)


def describe() -> dict[str, Any]:
    """What a result depends on besides its configuration, as JSON values; the machine's name is not in it.

    `git_commit` is that of the source checkout which the package was imported from, with "-dirty" when its tracked
    files were changed, or None when there is no such. `libraries` has the versions of the LIBRARIES that are installed.
    """
    return {
        "package_version": dlib_bvae.__version__,
        "git_commit": _git_commit(Path(dlib_bvae.__file__).resolve().parents[1]),
        "python": platform.python_version(),
        "libraries": {name: version for name in LIBRARIES if (version := _version(name)) is not None},
        "platform": platform.platform(),
        "cpu_count": os.cpu_count(),
    }


def device() -> str:
    """The accelerators that TensorFlow uses ("2 × NVIDIA A100"), "CPU" when there are none or it is not loaded."""
    tensorflow = sys.modules.get("tensorflow")
    if tensorflow is None:
        return "CPU"
    accelerators = [each for each in tensorflow.config.get_visible_devices() if each.device_type != "CPU"]
    details = tensorflow.config.experimental.get_device_details
    names = Counter(details(each).get("device_name", each.device_type) for each in accelerators)
    return ", ".join(f"{count} × {name}" if count > 1 else name for name, count in sorted(names.items())) or "CPU"


def peak_memory_mib() -> float | None:
    """The most memory in MiB that this process has had resident; its children are not counted. None where nobody counts.

    On Linux the count begins at the size of the process that started this one.
    """
    if resource is None:
        return _peak_of_windows()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)  # Linux counts in KiB, macOS in bytes


def _peak_of_windows() -> float | None:
    """PeakWorkingSetSize of GetProcessMemoryInfo in MiB; None on another system."""
    import ctypes

    if not hasattr(ctypes, "windll"):
        return None
    sizes: tuple[str, ...] = "PeakWorkingSetSize", "WorkingSetSize", "QuotaPeakPagedPoolUsage", "QuotaPagedPoolUsage"
    sizes += "QuotaPeakNonPagedPoolUsage", "QuotaNonPagedPoolUsage", "PagefileUsage", "PeakPagefileUsage"

    class Counters(ctypes.Structure):
        """PROCESS_MEMORY_COUNTERS of psapi.h."""

        _fields_ = [
            ("cb", ctypes.c_uint32),
            ("PageFaultCount", ctypes.c_uint32),
            *((name, ctypes.c_size_t) for name in sizes),
        ]

    counters = Counters(cb=ctypes.sizeof(Counters))
    kernel = ctypes.windll.kernel32
    kernel.GetCurrentProcess.restype = ctypes.c_void_p
    process = ctypes.c_void_p(kernel.GetCurrentProcess())
    if not kernel.K32GetProcessMemoryInfo(process, ctypes.byref(counters), counters.cb):
        return None
    return counters.PeakWorkingSetSize / 2**20


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _git_commit(root: Path) -> str | None:
    if not (
        root / ".git"
    ).exists():  # git itself would look further up, e.g. from a virtual environment in a user's checkout
        return None
    command = ["git", "--no-optional-locks", "-C", str(root)]
    command += ["describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    # GIT_DIR and its like, set inside git's hooks, would lead to another repository
    variables = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, env=variables, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None

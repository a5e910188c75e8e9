"""Installed commands in processes of their own that need not load the libraries first: forked from one that has loaded them.

Nothing of this package is loaded there before: a command imports it anew, has its own working directory and standard streams, and
ends as any process does. What depends on how a process starts (its environment, what it imports) needs a real start.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

_LIBRARIES = (
    "h5py",
    "jinja2",
    "matplotlib.pyplot",
    "pandas",
    "pyarrow.parquet",
    "scipy.stats",
    "sklearn.ensemble",
    "sklearn.linear_model",
    "sklearn.neural_network",
    "sklearn.svm",
    "tensorflow",
)


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"}


class Forks:
    """The process that commands are forked from; it starts when the first is asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._environment = folder, _environment()
        self._server: subprocess.Popen | None = None

    def run(self, folder: Path, path: Path, *flags: str) -> subprocess.CompletedProcess:
        """Runs the script `path` in `folder` until it ends."""
        if sys.platform != "linux" or _environment() != self._environment:
            return subprocess.run([path, *flags], cwd=folder, capture_output=True, text=True, check=False)
        if self._server is None:
            command = [sys.executable, __file__]
            self._server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        written = [str(self._folder / name) for name in ("stdout", "stderr")]
        asked = {"folder": str(folder), "argv": [str(path), *flags], "streams": [os.devnull, *written]}
        print(json.dumps(asked), file=self._server.stdin, flush=True)
        status = int(self._server.stdout.readline())
        return subprocess.CompletedProcess(asked["argv"], status, *(Path(each).read_text() for each in written))

    def close(self) -> None:
        """Ends the process, if there is one."""
        if self._server is not None:
            self._server.communicate()


def _asked() -> dict[str, Any] | None:
    """In a process that was just forked: what is asked of it; in the first one, once nothing more is asked: None."""
    while line := sys.stdin.readline():
        pid = os.fork()
        if not pid:
            return json.loads(line)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
    return None


def _load() -> None:
    """Imports the libraries as the package does: quietly, with oneDNN."""
    from dlib_bvae.runtime import prepare_tensorflow

    prepare_tensorflow()
    for name in _LIBRARIES:
        importlib.import_module(name)
    for name in [name for name in sys.modules if name.split(".")[0] == "dlib_bvae"]:
        del sys.modules[name]
    gc.freeze()  # what is not looked at is not copied


def _become(folder: str, argv: list[str], streams: list[str]) -> None:
    """From here on, this process is that of the script."""
    for descriptor, path in enumerate(streams):
        opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC if descriptor else os.O_RDONLY)
        os.dup2(opened, descriptor)
        os.close(opened)
    os.chdir(folder)
    sys.argv[:], sys.path[0] = argv, str(Path(argv[0]).parent)
    runpy.run_path(argv[0], run_name="__main__")


if __name__ == "__main__":
    _load()
    if (found := _asked()) is not None:
        _become(**found)

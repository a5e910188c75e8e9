"""Commands in processes of their own that need not load the libraries first: forked from one that has loaded them.

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
    """The variables that a process may read when it starts; those of this package are read when they are needed."""
    later = ("DLIB_BVAE_", "PYTEST_")
    return {name: value for name, value in os.environ.items() if not name.startswith(later)}


class Forks:
    """The process that commands are forked from; it starts when the first is asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._environment = folder, _environment()
        self._server: subprocess.Popen | None = None

    def run(self, folder: Path, *words: str | Path, given: str = "") -> subprocess.CompletedProcess:
        """Runs `python *words` (a script, -m module or -c code, and flags) in `folder` to its end; given: its standard input."""
        if sys.platform != "linux" or _environment() != self._environment:
            options = {"cwd": folder, "input": given, "capture_output": True, "text": True, "check": False}
            return subprocess.run([sys.executable, *words], **options)
        if self._server is None:
            command = [sys.executable, __file__]
            self._server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        stdin, *written = streams = [self._folder / name for name in ("stdin", "stdout", "stderr")]
        stdin.write_text(given)
        asked = {"folder": folder, "words": words, "streams": streams, "environment": dict(os.environ)}
        print(json.dumps(asked, default=str), file=self._server.stdin, flush=True)
        status = int(self._server.stdout.readline())
        return subprocess.CompletedProcess(words, status, *(each.read_text() for each in written))

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


def _become(folder: str, words: list[str], streams: list[str], environment: dict[str, str]) -> None:
    """From here on, this process is that of the script, module or code."""
    for descriptor, path in enumerate(streams):
        opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC if descriptor else os.O_RDONLY)
        os.dup2(opened, descriptor)
        os.close(opened)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    if words[0] == "-m":
        sys.argv[:], sys.path[0] = words[1:], folder
        runpy.run_module(words[1], run_name="__main__", alter_sys=True)
    elif words[0] == "-c":
        sys.argv[:], sys.path[0] = ["-c", *words[2:]], ""
        exec(compile(words[1], "<string>", "exec"), {"__name__": "__main__"})
    else:
        sys.argv[:], sys.path[0] = words, str(Path(words[0]).parent)
        runpy.run_path(words[0], run_name="__main__")


if __name__ == "__main__":
    _load()
    if (found := _asked()) is not None:
        _become(**found)

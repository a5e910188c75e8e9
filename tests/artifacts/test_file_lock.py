"""file_lock.py: without fcntl, as on Windows, where msvcrt is played by byte locks of Linux, and with neither."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from dlib_bvae.artifacts import file_lock

# The libraries that tell systems apart are loaded before: they take a Linux without fcntl for broken.
LOADED = """
import fcntl, multiprocessing, os, shutil, signal, subprocess, sys, tempfile, types
import gin, matplotlib.figure, numpy, pandas, PIL.ImageFont, rich.console, rich.live, rich.progress, rich.table, sklearn.pipeline
"""
PLAYED = (
    LOADED
    + """
def locking(descriptor, mode, count):
    # as msvcrt: count bytes from where the file stands, for this process alone
    kinds = {1: fcntl.LOCK_EX | fcntl.LOCK_NB, 2: fcntl.LOCK_UN}
    written = os.open(f"/proc/self/fd/{descriptor}", os.O_RDWR)  # Windows locks what is open for reading, too
    fcntl.lockf(written, kinds[mode], count, os.lseek(descriptor, 0, os.SEEK_CUR), os.SEEK_SET)

sys.modules["msvcrt"] = types.SimpleNamespace(locking=locking, LK_NBLCK=1, LK_UNLCK=2)
"""
)
# What Windows lacks.
WITHOUT = """
for name in ("fcntl", "resource", "pwd", "grp"):
    sys.modules[name] = None
for name in ("register_at_fork", "fork", "killpg", "pread", "pwrite", "sched_getaffinity", "setsid"):
    delattr(os, name)
del signal.SIGKILL
"""
HOLD = """
from pathlib import Path
from dlib_bvae.artifacts import run_lock
with run_lock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""
TRY = """
from pathlib import Path
from dlib_bvae.artifacts import read_lock, run_lock
from dlib_bvae.errors import UserError
for kind in (read_lock, run_lock):
    try:
        with kind(Path(sys.argv[1])):
            print("held")
    except UserError as error:
        print(error)
"""


pytestmark = pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="plays Windows on Linux")


def command(code, *arguments):
    return [sys.executable, "-c", code, *map(str, arguments)]


def tried(code, directory):
    done = subprocess.run(command(code, directory), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_without_fcntl_msvcrt_keeps_others_out_and_lets_them_read_who_it_is(tmp_path):
    windows = PLAYED + WITHOUT
    with subprocess.Popen(
        command(windows + HOLD, tmp_path), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout.readline() == "held\n"
        refusals = tried(windows + TRY, tmp_path)
        assert len(refusals) == 2
        assert all(f"is in use by process {holder.pid} (started 20" in each for each in refusals)
        holder.stdin.close()
        assert holder.wait(timeout=60) == 0
    assert tried(windows + TRY, tmp_path) == ["held", "held"]
    assert (tmp_path / ".lock").read_text(encoding="utf-8") == ""


def test_a_system_that_locks_nothing_says_so_in_one_sentence(tmp_path):
    neither = LOADED + WITHOUT + "sys.modules['msvcrt'] = None\n"
    reading, writing = tried(neither + TRY, tmp_path)
    assert reading == "held"  # there is no lock file, so nobody has the lock
    assert "this system can lock no files" in writing


@pytest.mark.parametrize(
    "arguments",
    [
        ["data", "list"],
        pytest.param(["data", "preview", "dummy_data"], marks=pytest.mark.slow),
        ["sweep", "--study=gin/studies/re_beta_vae_small.gin", "--dry_run"],
    ],
)
@pytest.mark.slow
def test_commands_work_without_what_windows_lacks(tmp_path, arguments):
    code = (
        PLAYED
        + WITHOUT
        + f"sys.argv = ['dlib_bvae_x', *{arguments[1:]}]\nfrom dlib_bvae.commands import run\nrun({arguments[0]!r})"
    )
    done = subprocess.run(command(code), cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout


@pytest.mark.slow
def test_every_module_is_imported_without_what_windows_lacks():
    package = Path(__file__).parents[2] / "dlib_bvae"
    rooms = ("artifacts", "datasets", "studies", "commands", "analysis", "leaderboard", "stages")
    paths = [path for room in rooms for path in sorted((package / room).rglob("*.py")) if path.name != "__init__.py"]
    names = [".".join(path.relative_to(package.parent).with_suffix("").parts) for path in paths]
    code = LOADED + WITHOUT + f"import importlib\nfor name in {names}:\n    importlib.import_module(name)"
    done = subprocess.run(command(code), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_lock_is_waited_for_as_long_as_was_asked(tmp_path):
    path = tmp_path / "lock"
    holder, other = (os.open(path, os.O_RDWR | os.O_CREAT) for _ in range(2))
    file_lock.lock(holder)
    with pytest.raises(BlockingIOError):
        file_lock.lock(other)
    timer = threading.Timer(0.3, os.close, [holder])
    timer.start()
    file_lock.lock(other, wait=60.0)
    timer.join()
    os.close(other)

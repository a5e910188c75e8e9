"""lock.py: one process a run directory, proved with real processes."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from dlib_bvae.artifacts import lock, read_lock, run_lock
from dlib_bvae.errors import UserError

HOLD = """
import sys, time
from pathlib import Path
from dlib_bvae.artifacts import run_lock
with run_lock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the lock of tmp_path / "run" until its standard input is closed."""
    command = [sys.executable, "-c", HOLD, str(tmp_path / "run"), "--gin_bindings=vae.beta = 4"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait(timeout=10)
    process.stdin.close()
    process.stdout.close()


def test_the_second_process_is_refused_and_told_who_has_it(tmp_path, holder):
    with pytest.raises(UserError) as raised, run_lock(tmp_path / "run"):
        pass
    message = str(raised.value)
    assert f"is in use by process {holder.pid} (started 20" in message
    assert "'--gin_bindings=vae.beta = 4'" in message
    assert message.endswith("wait for it or choose another --model_dir")
    with (
        pytest.raises(UserError, match="wait for it or choose another --output_dir$"),
        run_lock(tmp_path / "run", "--output_dir"),
    ):
        pass


def test_another_directory_is_free(tmp_path, holder):
    with run_lock(tmp_path / "other"):
        pass


def test_the_lock_ends_with_its_block(tmp_path, holder):
    holder.stdin.close()
    holder.wait(timeout=10)
    with run_lock(tmp_path / "run"):
        pass


def test_the_lock_does_not_outlive_a_killed_process(tmp_path, holder):
    holder.send_signal(signal.SIGKILL)
    holder.wait(timeout=10)
    with run_lock(tmp_path / "run"):
        assert f'"pid": {os.getpid()}' in (tmp_path / "run" / ".lock").read_text()


def other_process_gets_it(directory):
    command = [sys.executable, "-c", HOLD, str(directory)]
    done = subprocess.run(command, input="", capture_output=True, text=True, timeout=20)
    assert (done.returncode == 0) != ("is in use by" in done.stderr), done.stderr
    return done.returncode == 0


def test_a_block_in_a_block_neither_waits_nor_releases(tmp_path):
    with run_lock(tmp_path / "run"):
        with run_lock(Path(os.path.relpath(tmp_path / "run"))):
            pass
        assert not other_process_gets_it(tmp_path / "run")
    assert other_process_gets_it(tmp_path / "run")


def test_the_lock_is_released_when_the_block_raises(tmp_path):
    with pytest.raises(KeyError), run_lock(tmp_path):
        raise KeyError
    assert not lock._held
    assert other_process_gets_it(tmp_path)


def test_a_forked_child_neither_has_the_lock_nor_keeps_it(tmp_path):
    code = """
import os, sys, time
from pathlib import Path
from dlib_bvae.errors import UserError
from dlib_bvae.artifacts import run_lock
with run_lock(Path(sys.argv[1])):
    if os.fork() == 0:
        try:
            with run_lock(Path(sys.argv[1])):
                print("child has it", flush=True)
        except UserError:
            print("child refused", flush=True)
        sys.stdin.read()
        os._exit(0)
    time.sleep(60)
"""
    command = [sys.executable, "-c", code, str(tmp_path)]
    parent = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert parent.stdout.readline() == "child refused\n"
        parent.kill()
        parent.wait(timeout=10)
        with run_lock(tmp_path):  # the child still lives
            pass
    finally:
        parent.kill()
        parent.communicate()


def test_a_lock_file_without_a_name_is_another_process(tmp_path, holder):
    os.truncate(tmp_path / "run" / ".lock", 0)
    with pytest.raises(UserError, match="in use by another process; wait"), run_lock(tmp_path / "run"):
        pass


def test_a_file_in_the_place_of_the_directory_is_told(tmp_path):
    (tmp_path / "run").write_text("")
    with (
        pytest.raises(UserError, match="cannot write .*run: .*choose another --model_dir"),
        run_lock(tmp_path / "run"),
    ):
        pass


def test_a_refusal_leaks_no_descriptor(tmp_path, holder):
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else None
    for _ in range(3):
        with pytest.raises(UserError), run_lock(tmp_path / "run"):
            pass
    assert before is None or len(os.listdir("/proc/self/fd")) == before


def test_who_works_in_a_directory_is_known_without_taking_its_lock(tmp_path, holder):
    run = tmp_path / "run"
    assert lock.in_use(run, lock.locks_here()) is True
    assert lock.in_use(run, frozenset()) is False  # nobody on this machine holds that lock
    assert lock.in_use(run, None) is None  # the system does not tell
    assert lock.in_use(tmp_path / "nowhere", lock.locks_here()) is False
    holder.stdin.close()
    holder.wait(timeout=10)
    assert lock.in_use(run, lock.locks_here()) is False


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", False),
        ("{", None),
        ("[]", None),
        ('{"host": "here"}', None),
        ('{"pid": 1, "host": "another machine"}', None),
    ],
)
def test_what_a_lock_file_tells(tmp_path, text, expected):
    (tmp_path / ".lock").write_text(text)
    assert lock.in_use(tmp_path, lock.locks_here()) is expected


def test_locks_are_read_as_the_system_lists_them(tmp_path, monkeypatch):
    listed = tmp_path / "locks"
    listed.write_text(
        "1: FLOCK  ADVISORY  WRITE 18772 fe:00:5450097 0 EOF\n"
        "1: -> FLOCK  ADVISORY  WRITE 18773 fe:00:5450097 0 EOF\n"
        "2: POSIX  ADVISORY  WRITE 4 fe:00:17 0 EOF\n"
    )
    monkeypatch.setattr(lock, "_LOCKS", listed)
    assert lock.locks_here() == {(18772, 5450097)}
    monkeypatch.setattr(lock, "_LOCKS", tmp_path / "nowhere")
    assert lock.locks_here() is None


def readers_and_writer(directory):
    """What another process gets of `directory`: (read_lock, run_lock)."""
    code = """
import sys
from pathlib import Path
from dlib_bvae.artifacts import InUse, read_lock, run_lock
for kind in (read_lock, run_lock):
    try:
        with kind(Path(sys.argv[1])):
            print("held")
    except InUse:
        print("refused")
"""
    done = subprocess.run([sys.executable, "-c", code, str(directory)], capture_output=True, text=True, check=True)
    return tuple(done.stdout.split())


def test_readers_share_a_directory_and_keep_writers_out(tmp_path):
    with run_lock(tmp_path), read_lock(tmp_path):
        assert readers_and_writer(tmp_path) == ("refused", "refused")
    with read_lock(tmp_path), read_lock(tmp_path):
        assert readers_and_writer(tmp_path) == ("held", "refused")
    assert readers_and_writer(tmp_path) == ("held", "held")
    assert not lock._reading


def test_a_reader_is_refused_by_name_while_another_process_writes(tmp_path, holder):
    with pytest.raises(UserError, match=f"is in use by process {holder.pid} .*; wait"), read_lock(tmp_path / "run"):
        pass


def test_a_reader_writes_nothing_and_needs_no_lock_file(tmp_path, monkeypatch):
    with read_lock(tmp_path), read_lock(tmp_path / "nowhere"):
        assert os.listdir(tmp_path) == []

    def refused(path, flags, *_):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(lock.os, "open", refused)
    with read_lock(tmp_path):
        pass


def test_a_file_system_that_cannot_lock_what_is_read_only_is_read_without_a_lock(tmp_path, monkeypatch):
    (tmp_path / ".lock").touch()

    def refused(*_, **__):
        raise OSError(37, "No locks available")

    monkeypatch.setattr(lock.file_lock, "lock", refused)
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else None
    with read_lock(tmp_path):
        pass
    assert before is None or len(os.listdir("/proc/self/fd")) == before


def test_a_lock_may_be_waited_for(tmp_path, holder):
    began = time.monotonic()
    with pytest.raises(lock.InUse), run_lock(tmp_path / "run", wait=0.3):
        pass
    assert time.monotonic() - began >= 0.3
    threading.Timer(0.3, holder.stdin.close).start()
    with run_lock(tmp_path / "run", wait=60):
        pass


@pytest.mark.skipif(os.getuid() == 0, reason="root may read everything")
def test_a_lock_file_that_may_not_be_read_is_no_answer(tmp_path):
    (tmp_path / ".lock").touch(mode=0)
    assert lock.in_use(tmp_path, frozenset()) is None

"""environment.py: what describes the place of a result."""

import ctypes
import json
import os
import platform
import re
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import dlib_bvae
from dlib_bvae.artifacts import environment


def git(root, *arguments):
    identity = ["-c", "user.name=n", "-c", "user.email=e@example.org", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", "-C", root, *identity, *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def checkout(tmp_path):
    git(tmp_path, "init", "-q")
    (tmp_path / "a.txt").write_text("a")
    git(tmp_path, "add", "a.txt")
    git(tmp_path, "commit", "-qm", "first")
    git(tmp_path, "tag", "-am", "a tag", "v1")
    return tmp_path


def test_the_description_is_json_and_names_no_machine():
    described = environment.describe()
    assert json.loads(json.dumps(described)) == described
    assert described["package_version"] == dlib_bvae.__version__
    assert described["python"] == platform.python_version()
    assert described["libraries"]["numpy"] == np.__version__
    assert described["cpu_count"] >= 1
    assert set(described) == {"package_version", "git_commit", "python", "libraries", "platform", "cpu_count"}
    assert socket.gethostname() not in json.dumps(described)


def test_a_library_that_is_not_installed_is_not_listed(monkeypatch):
    monkeypatch.setattr(environment, "LIBRARIES", ("numpy", "no-such-library-here"))
    assert list(environment.describe()["libraries"]) == ["numpy"]


def test_the_commit_of_a_checkout(checkout):
    head = git(checkout, "rev-parse", "HEAD")
    assert environment._git_commit(checkout) == head
    (checkout / "a.txt").write_text("changed")
    assert environment._git_commit(checkout) == f"{head}-dirty"


def test_a_directory_inside_another_checkout_has_no_commit(checkout):
    inside = checkout / "venv" / "site-packages"
    inside.mkdir(parents=True)
    assert environment._git_commit(inside) is None


def test_the_environment_of_a_git_hook_does_not_mislead(checkout, monkeypatch):
    head = git(checkout, "rev-parse", "HEAD")
    monkeypatch.setenv("GIT_DIR", str(checkout / "nowhere"))
    assert environment._git_commit(checkout) == head


@pytest.mark.parametrize("error", [FileNotFoundError("git"), subprocess.TimeoutExpired("git", 10)])
def test_git_that_is_missing_or_slow_is_no_failure(checkout, monkeypatch, error):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(subprocess, "run", fail)
    assert environment._git_commit(checkout) is None


def test_a_checkout_without_commits_has_none(tmp_path):
    git(tmp_path, "init", "-q")
    assert environment._git_commit(tmp_path) is None


def fake_tensorflow(*devices):
    details = {name: {"device_name": name} if name else {} for _, name in devices}
    return SimpleNamespace(
        config=SimpleNamespace(
            get_visible_devices=lambda: [SimpleNamespace(device_type=kind, name=name) for kind, name in devices],
            experimental=SimpleNamespace(get_device_details=lambda device: details[device.name]),
        )
    )


@pytest.mark.parametrize(
    ("devices", "expected"),
    [
        ([("CPU", "c")], "CPU"),
        ([("CPU", "c"), ("GPU", "NVIDIA A100")], "NVIDIA A100"),
        ([("CPU", "c"), ("GPU", "NVIDIA A100"), ("GPU", "NVIDIA A100"), ("TPU", "")], "2 × NVIDIA A100, TPU"),
    ],
)
def test_the_device_is_what_tensorflow_sees(monkeypatch, devices, expected):
    monkeypatch.setitem(sys.modules, "tensorflow", fake_tensorflow(*devices))
    assert environment.device() == expected


def test_importing_the_room_and_asking_for_the_device_loads_nothing_heavy():
    code = (
        "import sys, dlib_bvae.artifacts as r; d = r.device(); "
        "print(d, [m for m in ('tensorflow', 'pandas', 'rich') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "CPU []"


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="compares with Linux's own count")
def test_peak_memory_is_in_mib():
    counted = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="utf-8"))
    installed = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**20
    assert int(counted[1]) / 2**10 * 0.9 < environment.peak_memory_mib() < installed


@pytest.mark.parametrize(("platform", "unit"), [("linux", 2**10), ("darwin", 1)])
def test_memory_is_counted_in_the_system_s_unit(monkeypatch, platform, unit):
    monkeypatch.setattr(environment.sys, "platform", platform)
    usage = SimpleNamespace(ru_maxrss=300 * 2**20 // unit)
    monkeypatch.setattr(environment.resource, "getrusage", lambda who: usage)
    assert environment.peak_memory_mib() == 300


def test_where_nobody_counts_memory_there_is_no_number(monkeypatch):
    monkeypatch.setattr(environment, "resource", None)
    assert environment.peak_memory_mib() is None


def test_windows_counts_the_peak_working_set(monkeypatch):
    def info(process, counters, size):
        counters._obj.PeakWorkingSetSize = 300 * 2**20
        return size

    kernel = SimpleNamespace(GetCurrentProcess=lambda: 1, K32GetProcessMemoryInfo=info)
    monkeypatch.setattr(ctypes, "windll", SimpleNamespace(kernel32=kernel), raising=False)
    monkeypatch.setattr(environment, "resource", None)
    assert environment.peak_memory_mib() == 300
    kernel.K32GetProcessMemoryInfo = lambda *_: 0
    assert environment.peak_memory_mib() is None

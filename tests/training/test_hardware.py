"""The line that says what a training runs on, and the one about a GPU that TensorFlow cannot use."""

import re
import subprocess
from types import SimpleNamespace

import pytest
import tensorflow as tf

from dlib_bvae import errors
from dlib_bvae.training import hardware
from dlib_bvae.training.hardware import Hardware, announce

A100, T4 = "NVIDIA A100", "NVIDIA T4"
TWO = SimpleNamespace(num_replicas_in_sync=2)


@pytest.mark.parametrize(
    ("gpus", "cores", "strategy", "expected"),
    [
        ((), 2, None, "CPU (2 cores)"),
        ((), 1, None, "CPU (1 core)"),
        ((), 4, TWO, "CPU (4 cores) as 2 devices"),
        ((A100,), 2, None, "NVIDIA A100"),
        ((A100, A100, A100), 2, None, "NVIDIA A100"),
        ((A100, A100, A100), 2, TWO, "2 × NVIDIA A100"),
        ((T4, A100), 2, TWO, "NVIDIA A100, NVIDIA T4"),
    ],
)
def test_what_it_runs_on_is_one_line_on_standard_error(gpus, cores, strategy, expected, capsys):
    announce(strategy, Hardware(gpus, cores), {})
    assert capsys.readouterr() == ("", f"training on {expected}\n")


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({}, True),
        ({"CUDA_VISIBLE_DEVICES": "0,1"}, True),
        ({"CUDA_VISIBLE_DEVICES": ""}, False),
        ({"CUDA_VISIBLE_DEVICES": "-1"}, False),
    ],
)
def test_a_gpu_that_is_not_used_is_said_once_unless_it_is_hidden(environ, said, capsys, monkeypatch):
    monkeypatch.setattr(errors, "_warned", set())
    for _ in range(2):
        announce(None, Hardware((), 2, unused_nvidia=True), environ)
    lines = [line for line in capsys.readouterr().err.splitlines() if not line.startswith("training on")]
    assert len(lines) == said
    for line in lines:
        assert line.startswith("this machine has an NVIDIA GPU that TensorFlow cannot use")
        assert "pip install 'tensorflow[and-cuda]'" in line


def test_this_machine_is_described(capsys):
    found = Hardware.found()
    assert len(found.gpus) == len(tf.config.get_visible_devices("GPU"))
    assert found.cores >= 1
    announce(None, environ={"CUDA_VISIBLE_DEVICES": "-1"})
    expected = r"training on CPU \(\d+ cores?\)\n" if not found.gpus else f"training on {re.escape(found.gpus[0])}\n"
    assert re.fullmatch(expected, capsys.readouterr().err)


@pytest.mark.parametrize(
    ("files", "listed", "expected"),
    [
        (["/dev/nvidia0"], None, True),
        ([], "GPU 0: NVIDIA A100 (UUID: …)\n", True),
        ([], "No devices were found\n", False),
        ([], OSError("cannot run"), False),
        ([], subprocess.CalledProcessError(9, "nvidia-smi"), False),
        ([], None, False),
    ],
)
def test_a_gpu_is_found_by_its_device_file_or_by_nvidia_smi(files, listed, expected, monkeypatch):
    def run(command, **_):
        assert command == ["nvidia-smi", "-L"]
        if isinstance(listed, Exception):
            raise listed
        return SimpleNamespace(stdout=listed)

    monkeypatch.setattr(hardware.glob, "glob", lambda pattern: files)
    monkeypatch.setattr(hardware.shutil, "which", lambda name: None if listed is None else name)
    monkeypatch.setattr(hardware.subprocess, "run", run)
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind=None: [])
    assert Hardware.found().unused_nvidia is expected
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind=None: ["a GPU"])
    assert Hardware.found().unused_nvidia is False

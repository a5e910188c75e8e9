"""Every method as a process that is killed: the same command goes on, and ends bit for bit as an uninterrupted training."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from support.methods import small

from dlib_bvae.models.objectives import OBJECTIVES

COMMON = {
    "dataset.name": "dummy_data",
    "model.batch_size": 8,
    "model.training_steps": 100,
    "model.checkpoint_every": 20,
    "model.log_every": 10,
}
MORE = {
    "control_vae": ["model.average_decay = 0.9"],
    "ensemble": ["ensemble.seeds = [1, 2]", "ensemble.each = {'vae.beta': [1.0, 4.0]}"],
}
NAMES = [*OBJECTIVES.names(), "ensemble"]
TRAIN = """
import json, pathlib, sys
from dlib_bvae import runtime
runtime.load_tensorflow()
from dlib_bvae.stages import ensemble
for config, lines, folder in json.loads(sys.argv[1]):
    ensemble.run([config], lines, pathlib.Path(folder))
"""
OF_TIME = ("elapsed_time", "environment", "images_per_second", "peak_memory_mib", "started", "uuid")


def configured(name):
    """The gin file of a training, and its bindings."""
    file, lines = small("vae" if name == "ensemble" else name)
    return file, [*lines, *(f"{key} = {value!r}" for key, value in COMMON.items()), *MORE.get(name, [])]


@pytest.fixture(scope="module")
def whole(request, tmp_path_factory):
    """A folder with the uninterrupted training of every test that was selected, by one process that computes as the command."""
    folder = tmp_path_factory.mktemp("whole")
    names = [item.callspec.params["name"] for item in request.session.items if item.path == request.path]
    trainings = [(*configured(name), str(folder / name / "run")) for name in names]
    done = subprocess.run(
        [sys.executable, "-c", TRAIN, json.dumps(trainings)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return folder


def kill_after_a_checkpoint(flags, folder):
    """Starts the command, and sends it SIGKILL when the training has written a checkpoint."""
    command_line = [Path(sys.executable).parent / "dlib_bvae_train", *flags]
    with subprocess.Popen(
        command_line, cwd=folder, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    ) as process:
        until = time.monotonic() + 600
        while not list(folder.glob("run*/train.part/checkpoint/*.index")):
            assert process.poll() is None, process.stderr.read()
            assert time.monotonic() < until, "no checkpoint was written"
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL, "it ended before it was killed"
    assert not list(folder.glob("run*/train")), "it had finished before it was killed"


def variables(path):
    """What the checkpoint or SavedModel at `path` holds, without the time it took."""
    reader = tf.train.load_checkpoint(str(path))
    names = [name for name in reader.get_variable_to_dtype_map() if "VARIABLE_VALUE" in name and "seconds" not in name]
    return {name: reader.get_tensor(name) for name in names if "save_counter" not in name}


def results(run):
    found = json.loads((run / "train/results/json/train_results.json").read_text(encoding="utf-8"))
    return {key: value for key, value in found.items() if key not in OF_TIME}


@pytest.mark.slow  # in one process: tests/conformance/test_interrupted_trainings.py
@pytest.mark.parametrize("name", NAMES)
def test_a_killed_training_ends_as_an_uninterrupted_one(name, whole, command, tmp_path):
    file, lines = configured(name)
    flags = [f"--gin_config={file}", *(f"--gin_bindings={line}" for line in lines), "--model_dir=run"]
    kill_after_a_checkpoint(flags, tmp_path)
    resumed = command(tmp_path, "dlib_bvae_train", *flags)
    assert resumed.returncode == 0, resumed.stderr
    runs = sorted(path.relative_to(whole / name) for path in (whole / name).glob("run*"))
    assert len(runs) == (2 if name == "ensemble" else 1)
    for run in runs:
        expected_run, got_run = whole / name / run, tmp_path / run
        assert results(expected_run) == results(got_run)
        newest = Path(tf.train.latest_checkpoint(str(expected_run / "train/checkpoint")))
        for path in (newest.relative_to(expected_run), Path("train/saved_model/variables/variables")):
            expected, got = variables(expected_run / path), variables(got_run / path)
            assert expected
            assert expected.keys() == got.keys()
            for key, value in expected.items():
                np.testing.assert_array_equal(value, got[key], err_msg=key)

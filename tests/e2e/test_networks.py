"""docs/networks.md carried out: its Keras networks are trained, killed, resumed, encoded and scored."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from dlib_bvae.visualize.diagrams import scalars

HOME = Path(__file__).resolve().parents[2]
PAGE = (HOME / "docs/networks.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"`(my_networks\.\w+)`[^\n]*:\n\n```\w*\n(.*?)^```$", PAGE, re.M | re.S)
FLAGS = [
    "--gin_config=my_networks.gin",
    *(
        f"--gin_bindings={line}"
        for line in (
            *("dataset.name = 'dummy_data'", "model.batch_size = 8", "model.training_steps = 100"),
            *("model.checkpoint_every = 20", "model.log_every = 10", "encoder.num_latent = 3"),
            *("model.average_decay = 0.9", "validation.num_images = 16", "validation.every_steps = 20"),
        )
    ),
]
OF_TIME = ("elapsed_time", "environment", "images_per_second", "peak_memory_mib", "started", "uuid")


def start(folder, *words):
    path = os.pathsep.join([str(folder), str(HOME), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": path}
    command = [sys.executable, "-m", "dlib_bvae", *words]
    return subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def carried_out(folder, *words):
    with start(folder, *words) as process:
        output, errors = process.communicate()
    assert process.returncode == 0, errors
    return output


def contents(path):
    """What a checkpoint or SavedModel holds, without the time it took."""
    reader = tf.train.load_checkpoint(str(path))
    names = [name for name in reader.get_variable_to_dtype_map() if "VARIABLE_VALUE" in name and "seconds" not in name]
    return {name: reader.get_tensor(name) for name in names if "save_counter" not in name}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with the page's two files and an uninterrupted run `whole`."""
    place = tmp_path_factory.mktemp("networks")
    assert [name for name, _ in BLOCKS] == ["my_networks.py", "my_networks.gin"]
    for name, text in BLOCKS:
        (place / name).write_text(text, encoding="utf-8")
    carried_out(place, "train", *FLAGS, "--model_dir=whole")
    return place


@pytest.fixture(scope="module")
def resumed(folder):
    """The folder with a run `killed` besides, resumed after a kill."""
    with start(folder, "train", *FLAGS, "--model_dir=killed") as process:
        until = time.monotonic() + 600
        while not list(folder.glob("killed/train.part/checkpoint/*.index")):
            assert process.poll() is None, process.stderr.read()
            assert time.monotonic() < until, "no checkpoint was written"
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    assert not (folder / "killed/train").exists(), "it had finished before it was killed"
    carried_out(folder, "train", *FLAGS, "--model_dir=killed")
    return folder


@pytest.mark.slow
def test_a_killed_training_of_keras_networks_ends_as_an_uninterrupted_one(resumed):
    expected, got = resumed / "whole", resumed / "killed"
    checkpoint = Path(tf.train.latest_checkpoint(str(expected / "train/checkpoint"))).relative_to(expected)
    for path in (checkpoint, Path("train/saved_model/variables/variables")):
        one, other = contents(expected / path), contents(got / path)
        assert one.keys() == other.keys()
        for key, value in one.items():
            np.testing.assert_array_equal(value, other[key], err_msg=key)
    logged, again = ({**scalars(run / "train"), "speed/images_per_second": {}} for run in (expected, got))
    assert 100 in logged["validation/loss"]
    assert logged == again
    results = [json.loads((run / "train/results/json/train_results.json").read_text()) for run in (expected, got)]
    assert (
        len({json.dumps({k: v for k, v in each.items() if k not in OF_TIME}, sort_keys=True) for each in results}) == 1
    )
    size = 4 * 4 * 16 + 16 + 2 * 16 + 8 * 8 * 16 * 6 + 6
    size += 3 * 8 * 8 * 32 + 8 * 8 * 32 + 4 * 4 * 32 + 1
    assert results[0]["num_parameters"] == size


def test_they_are_encoded_and_scored(folder):
    carried_out(folder, "evaluate", "--model_dir=whole", "--metric=mig", "--gin_bindings=mig.num_train = 200")
    (found,) = folder.glob("whole/mean/metrics/mig*/results/json/evaluation_results.json")
    assert 0 <= json.loads(found.read_text())["discrete_mig"] <= 1

"""How TensorFlow starts in a plain Python process that uses the rooms: quietly, with oneDNN, and only where it is needed."""

import os
import subprocess
import sys

import pytest

CLEAN = {key: value for key, value in os.environ.items() if not key.startswith("TF_")}
USE = "import os, sys; import tensorflow as tf; tf.ones(2) + 1; print(os.environ.get('TF_ENABLE_ONEDNN_OPTS'))"


def python(code, **environment):
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env={**CLEAN, **environment}
    )


@pytest.mark.parametrize(
    "door",
    [
        "from dlib_bvae.stages import train",
        "from dlib_bvae.models.vae import GaussianVAE",
        "from dlib_bvae.training.optimizers import adam",
    ],
)
def test_a_room_starts_tensorflow_quietly_and_with_onednn(door):
    done = python(f"{door}\n{USE}")
    assert (done.returncode, done.stdout, done.stderr) == (0, "1\n", "")


def test_what_the_user_has_set_or_imported_before_stays():
    assert python(f"from dlib_bvae.models import vae\n{USE}", TF_ENABLE_ONEDNN_OPTS="0").stdout == "0\n"
    assert python(f"import tensorflow\nfrom dlib_bvae.models import vae\n{USE}").stdout == "None\n"


def test_what_needs_no_tensorflow_does_not_import_it():
    code = """
import sys
import dlib_bvae
from dlib_bvae import analysis, datasets, leaderboard, metrics
from dlib_bvae.models import MODELS
from dlib_bvae.stages import evaluate, postprocess
assert MODELS.names() and metrics.METRICS.get("mig")
assert "tensorflow" not in sys.modules
"""
    assert python(code).stderr == ""

"""The installed commands, as typed, in a temporary directory."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

COMMANDS = sorted(path.name for path in (Path(__file__).parents[2] / "bin").glob("dlib_bvae*"))


def checkpoint_bytes(run: Path) -> bytes:
    newest = sorted((run / "train" / "checkpoint").glob("*.data-*"), key=lambda path: path.stat().st_mtime)[-1]
    return newest.read_bytes()


def weights(run: Path) -> dict[str, np.ndarray]:
    import tensorflow as tf

    path = tf.train.latest_checkpoint(str(run / "train" / "checkpoint"))
    names = [name for name, _ in tf.train.list_variables(path)]
    reader = tf.train.load_checkpoint(path)
    return {n: reader.get_tensor(n) for n in names if "VARIABLE_VALUE" in n and "seconds" not in n and "save" not in n}


def train_results(run: Path) -> dict:
    return json.loads((run / "train/results/json/train_results.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", COMMANDS)
def test_help_needs_no_tensorflow(name, command, tmp_path):
    poisoned = tmp_path / "tensorflow.py"
    poisoned.write_text("raise SystemExit('tensorflow was imported')")
    done = command(tmp_path, name, "--help", env={**os.environ, "PYTHONPATH": str(tmp_path)})
    assert done.returncode == 0
    assert "usage" in done.stdout


@pytest.mark.parametrize("what", ["methods", "metrcs"])
def test_a_forked_command_says_what_a_started_one_does(what, command, tmp_path):
    forked, started = (command(tmp_path, "dlib_bvae_list", what, started=each) for each in (False, True))
    found = [(each.returncode, each.stdout, each.stderr) for each in (forked, started)]
    assert found[0] == found[1]
    assert (forked.returncode, forked.stdout != "") == ((0, True) if what == "methods" else (2, False))


def test_train_evaluate_aggregate_end_in_a_table(finished, command, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(finished, folder)
    first = command(folder, "dlib_bvae_evaluate", "--metric=beta_vae", started=True)
    assert first.returncode == 0, first.stderr
    assert "the most recent" in first.stdout
    parameters = ("batch_size = 16", "classifier = 'mlp'", "num_train = 300")
    flags = [f"--gin_bindings=beta_vae.{each}" for each in parameters]
    assert command(folder, "dlib_bvae_evaluate", "--metric=beta_vae", *flags).returncode == 0
    again = command(folder, "dlib_bvae_evaluate", "--metric=beta_vae")
    assert "encoded already" in again.stdout
    assert "scored already" in again.stdout
    table = command(folder, "dlib_bvae_aggregate", started=True)
    assert table.returncode == 0, table.stderr
    run = folder / "runs" / "beta4_dsprites"
    results = json.loads((run / "mean/metrics/beta_vae/results/json/evaluation_results.json").read_text())
    assert results["metric_parameters"]["batch_size"] == 64
    assert results["eval_accuracy"] > 0.25
    written = pd.read_csv(folder / "runs" / "results.csv")
    assert results["eval_accuracy"] in written["mean"].tolist()
    assert (written["score"] == "eval_accuracy").sum() == 2
    assert np.load(run / "mean/codes.npy").shape == (512, 10)


def test_sampled_codes_are_scored_beside_the_means(finished, command, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(finished, folder)
    sampled = "--gin_bindings=postprocess.postprocess_fn = @sampled_representation"
    done = command(folder, "dlib_bvae_evaluate", "--metric=beta_vae", sampled)
    assert done.returncode == 0, done.stderr
    run = folder / "runs/beta4_dsprites"
    assert (run / "sampled/metrics/beta_vae/results/json/evaluation_results.json").exists()


def test_the_saved_model_encodes_decodes_and_reconstructs(finished):
    import tensorflow as tf

    model = tf.saved_model.load(str(finished / "runs/beta4_dsprites/train/saved_model"))
    images = np.zeros((3, 16, 16, 1), np.float32)
    posterior = model.signatures["encode"](observations=tf.constant(images))
    assert posterior["mean"].shape == posterior["log_variance"].shape == (3, 10)
    decoded = model.signatures["decode"](latents=posterior["mean"])["images"].numpy()
    assert decoded.min() >= 0
    assert decoded.max() <= 1
    reconstructed = model.signatures["reconstruct"](observations=tf.constant(images))["images"].numpy()
    np.testing.assert_array_equal(reconstructed, decoded)


def test_a_finished_run_does_nothing_and_another_configuration_is_refused(finished, command, short):
    steps = "--gin_bindings=model.training_steps = 30"
    done = command(finished, "dlib_bvae_train", *short, steps)
    assert done.returncode == 0
    assert "trained already" in done.stdout
    other = command(finished, "dlib_bvae_train", *short, steps, "--gin_bindings=vae.beta = 1.0")
    assert other.returncode == 2
    assert "vae.beta = 4.0, now it is 1.0" in other.stderr


@pytest.mark.parametrize(
    ("signum", "max_mib"),
    [
        (signal.SIGKILL, 4096),
        (signal.SIGTERM, 4096),
        (signal.SIGKILL, 0),
    ],
)
@pytest.mark.slow
def test_a_killed_run_ends_with_the_weights_of_an_uninterrupted_one(signum, max_mib, command, short, tmp_path):
    flags = [*short, "--gin_bindings=model.training_steps = 400", f"--gin_bindings=feed.max_mib = {max_mib}"]
    whole = command(tmp_path, "dlib_bvae_train", *flags, "--model_dir=whole")
    assert whole.returncode == 0, whole.stderr
    command_line = [Path(sys.executable).parent / "dlib_bvae_train", *flags, "--model_dir=killed"]
    process = subprocess.Popen(command_line, cwd=tmp_path, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    checkpoints = tmp_path / "killed" / "train.part" / "checkpoint"
    for _ in range(600):
        if list(checkpoints.glob("*.index")) or process.poll() is not None:
            break
        time.sleep(0.1)
    process.send_signal(signum)
    _, errors = process.communicate(timeout=60)
    assert not (tmp_path / "killed" / "train").exists(), "it finished before it was killed"
    if signum == signal.SIGTERM:
        assert process.returncode == 128 + signum
        assert "with a checkpoint" in errors
    assert command(tmp_path, "dlib_bvae_train", *flags, "--model_dir=killed").returncode == 0
    expected, got = weights(tmp_path / "whole"), weights(tmp_path / "killed")
    assert expected.keys() == got.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(value, got[name], err_msg=name)
    losses = [train_results(tmp_path / run)["loss"] for run in ("whole", "killed")]
    assert losses[0] == losses[1]

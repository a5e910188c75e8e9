"""Bad input: one sentence, no traceback, exit status 2, nothing lost."""

import fcntl
import json
import shutil
import subprocess

import pytest
from support import tiny_runs

STEPS = "--gin_bindings=model.training_steps = 30"


def refused(done, *words):
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("dlib_bvae_")]
    assert len(lines) == 1, done.stderr
    for word in words:
        assert word in lines[0]


@pytest.mark.parametrize(
    ("binding", "words"),
    [
        ("dataset.name = 'dsprite_rendered'", ["no data set", "dsprites_rendered"]),
        ("model.model = @va()", ["gin name", "did you mean", "vae", "line"]),
        ("vae.bta = 1.0", ["parameter of vae", "beta"]),
        ("vae.beta = -1.0", ["vae.beta", ">= 0", "-1.0"]),
        ("model.batch_size = 0", ["model.batch_size", ">= 1", "0"]),
        ("model.precision = 'float17'", ["float32", "float17"]),
        ("vae.beta = = 3", ["syntax", "line"]),
    ],
)
def test_a_wrong_binding_is_explained(binding, words, short, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = tiny_runs.command("train", *short, STEPS, f"--gin_bindings={binding}")
    assert done.code == 2
    (line,) = [line for line in done.err.splitlines() if line.startswith("dlib_bvae_train: ")]
    assert not [word for word in words if word not in line]
    assert "Traceback" not in done.err
    assert not list(tmp_path.glob("runs/*/train*"))


def test_a_syntax_error_names_file_and_line(command, tmp_path):
    (tmp_path / "wrong.gin").write_text("vae.beta = 4.0\nvae.beta 4.0\n")
    refused(command(tmp_path, "dlib_bvae_train", "--gin_config=wrong.gin"), "wrong.gin", "line 2")


def test_a_missing_gin_file_is_named_with_the_near_ones_or_what_lists_all(command, tmp_path):
    refused(command(tmp_path, "dlib_bvae_train", "--gin_config=nowhere.gin"), "nowhere.gin", "dlib_bvae list configs")
    refused(
        command(tmp_path, "dlib_bvae_train", "--gin_config=beta4_dsprite.gin"), "did you mean gin/beta4_dsprites.gin"
    )


def test_an_unknown_metric_names_the_near_ones(command, finished):
    refused(command(finished, "dlib_bvae_evaluate", "--metric=beta_va"), "metric", "beta_vae")


def test_an_unknown_factor_or_classifier_names_the_near_ones(command, finished, tmp_path):
    shutil.copytree(finished / "runs", tmp_path / "runs")  # the codes are written before the metric is asked
    for binding, word in (("beta_vae.factors = ['rows', 'length']", "row"), ("beta_vae.classifier = 'mpl'", "mlp")):
        done = command(tmp_path, "dlib_bvae_evaluate", "--metric=beta_vae", f"--gin_bindings={binding}")
        refused(done, "did you mean", word)


def test_missing_and_foreign_run_directories_are_told_apart(command, tmp_path):
    refused(command(tmp_path, "dlib_bvae_evaluate", "--metric=beta_vae"), "no trained run")
    flags = ("--metric=beta_vae", "--model_dir=missing")
    refused(command(tmp_path, "dlib_bvae_evaluate", *flags), "no run directory missing")
    (tmp_path / "foreign").mkdir()
    refused(command(tmp_path, "dlib_bvae_evaluate", "--metric=beta_vae", "--model_dir=foreign"), "not a run directory")
    refused(command(tmp_path, "dlib_bvae_aggregate", "--results_dir=foreign"), "dlib_bvae_evaluate first")


def test_a_run_directory_in_use_is_refused(command, finished, short):
    with (finished / "runs/beta4_dsprites/.lock").open("r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        refused(command(finished, "dlib_bvae_train", *short, STEPS), "in use")


def test_truncated_codes_are_noticed(command, finished, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(finished, folder)
    assert command(folder, "dlib_bvae_postprocess").returncode == 0
    codes = folder / "runs/beta4_dsprites/mean/codes.npy"
    codes.write_bytes(codes.read_bytes()[:-8])
    refused(command(folder, "dlib_bvae_evaluate", "--metric=beta_vae"), "codes.npy", "checksum", "--overwrite")
    assert command(folder, "dlib_bvae_postprocess", "--overwrite").returncode == 0
    assert command(folder, "dlib_bvae_evaluate", "--metric=beta_vae").returncode == 0


def test_a_damaged_checkpoint_is_noticed(command, finished, short, tmp_path):
    part = tmp_path / "runs/beta4_dsprites/train.part"
    shutil.copytree(finished / "runs/beta4_dsprites/train", part)
    shutil.rmtree(part / "results")
    for path in (part / "checkpoint").glob("*.data-*"):
        path.write_bytes(path.read_bytes()[:1000])
    refused(command(tmp_path, "dlib_bvae_train", *short, STEPS), "checkpoint", "damaged", "--overwrite")


def test_a_diverging_run_stops_and_keeps_the_last_good_checkpoint(command, short, tmp_path):
    flags = [*short, "--gin_bindings=model.training_steps = 3000", "--gin_bindings=adam.learning_rate = 1e15"]
    done = command(tmp_path, "dlib_bvae_train", *flags, "--gin_bindings=model.checkpoint_every = 1")
    refused(done, "NaN", "at step", "checkpoint")


def test_damaged_results_are_named_and_skipped(command, finished, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(finished, folder)
    assert command(folder, "dlib_bvae_evaluate", "--metric=beta_vae").returncode == 0
    run = folder / "runs/beta4_dsprites"
    shutil.copytree(run, folder / "runs/broken")
    broken = folder / "runs/broken/mean/metrics/beta_vae/results/aggregate/evaluation.json"
    broken.write_text(broken.read_text()[:50])
    done = command(folder, "dlib_bvae_aggregate")
    assert done.returncode == 0
    assert "broken" in done.stderr
    assert json.loads((run / "mean/codes.json").read_text())["shape"] == [512, 10]


@pytest.mark.slow
def test_a_full_disk_is_one_sentence_and_the_run_continues_afterwards(command, short, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", disk], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("a small tmpfs can be mounted by root only")
    try:
        flags = [*short, STEPS, f"--model_dir={disk}/run"]
        refused(command(tmp_path, "dlib_bvae_train", *flags), "disk is full", "run the same command again")
        assert not (disk / "run" / "train").exists()
        subprocess.run(["mount", "-o", "remount,size=100m", disk], check=True)
        done = command(tmp_path, "dlib_bvae_train", *flags)
        assert done.returncode == 0, done.stderr
        free = shutil.disk_usage(disk).free
        (disk / "filler").write_bytes(b"0" * (free - 8192))
        refused(command(tmp_path, "dlib_bvae_evaluate", "--metric=beta_vae", f"--model_dir={disk}/run"), "disk is full")
        (disk / "filler").unlink()
        assert command(tmp_path, "dlib_bvae_evaluate", "--metric=beta_vae", f"--model_dir={disk}/run").returncode == 0
    finally:
        subprocess.run(["umount", disk], check=True)

"""dlib_bvae_study: planned, refused, interrupted, continued; the results are those of an uninterrupted study."""

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

STUDY = """
study.name = "tiny"
study.parts = [@vae/part()]
study.metrics = [{"metric": "mig", "gin_bindings": ["mig.num_train = 200"]}]
vae/part.configs = ["gin/beta4_dsprites.gin"]
vae/part.bindings = [
    "dataset.name = 'dummy_data'",
    "model.batch_size = 16",
    "model.training_steps = 300",
    "model.log_every = 20",
    "model.checkpoint_every = 20",
]
"""
_LONG = 300.0  # seconds; the machine that tests run on may be slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reproduce")
    (folder / "tiny.gin").write_text(STUDY, encoding="utf-8")
    return folder


def results(store):
    """Everything that was learnt and scored, without times and ids."""
    (run,) = store.glob("*-seed0")
    files = {name: run / name / "results" / "json" for name in ("train", "mean/metrics/mig-num_train=200")}
    read = {name: json.loads(next(path.glob("*_results.json")).read_text()) for name, path in files.items()}
    varying = ("seconds", "elapsed_time", "images_per_second", "peak_memory_mib", "started", "uuid", "encoded")
    return {name: {key: value for key, value in found.items() if key not in varying} for name, found in read.items()}


def test_a_study_is_planned_without_being_begun(command, folder):
    done = command(folder, "dlib_bvae_study", "run", "--study=tiny.gin", "--dry_run", "--workers=3")
    assert done.returncode == 0, done.stderr
    assert "runs/tiny: 1 run, 0 trained, 0 done; 1 evaluation, 0 done; 3 at a time" in done.stdout
    assert re.search(r"vae .* dummy_data .* 1 .* 0 .* 300 .* 1 .* 0", done.stdout)
    assert not (folder / "runs").exists()


def test_a_wrong_study_is_refused_in_one_sentence(command, folder):
    wrong = "--gin_bindings=vae/part.grid = {'vae.bta': [1.0]}"
    done = command(folder, "dlib_bvae_study", "run", "--study=tiny.gin", wrong)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(
        "dlib_bvae_study: part vae of the study is wrong: no parameter of vae is called 'bta'"
    )
    assert done.stderr.count("\n") == 1
    for flag in ("--workers=0", "--max_hours=0", "--study=none.gin"):
        done = command(folder, "dlib_bvae_study", "run", "--study=tiny.gin", flag)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert not (folder / "runs").exists()


def test_an_interrupted_study_goes_on_and_ends_as_an_uninterrupted_one(command, folder):
    path = Path(sys.executable).parent / "dlib_bvae_study"
    flags = ("--study=tiny.gin", "--results_dir=store")
    running = subprocess.Popen(
        [path, "run", *flags], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    end = time.monotonic() + _LONG
    while not list(folder.glob("store/*/train.part/checkpoint/checkpoint")):
        assert time.monotonic() < end
        assert running.poll() is None, running.communicate()
        time.sleep(0.02)
    running.send_signal(signal.SIGINT)
    stdout, stderr = running.communicate(timeout=_LONG)
    assert running.returncode == 130, stderr
    assert "dlib_bvae_study: stopped; what was in training has a checkpoint; run the same command again" in stderr
    assert stdout.splitlines()[1] == "[0/1 done] vae: stopped"
    (kept,) = folder.glob("store/*/train.part")
    assert not list(folder.glob("store/*/train"))

    done = command(folder, "dlib_bvae_study", "run", *flags)
    assert done.returncode == 0, done.stderr
    assert "1 of 1 run done" in done.stdout
    assert not kept.exists()
    done = command(folder, "dlib_bvae_study", "run", *flags)
    said = "store: all is done (1 run)\nnext: dlib_bvae_aggregate --results_dir=store (a table of all scores), "
    assert (done.returncode, done.stdout.startswith(said)) == (0, True)

    done = command(folder, "dlib_bvae_study", "run", "--study=tiny.gin", "--max_hours=1")
    assert done.returncode == 0, done.stderr
    assert results(folder / "store") == results(folder / "runs" / "tiny")


def test_failures_are_listed_at_the_end_and_change_the_status(command, folder):
    bindings = "--gin_bindings=vae/part.grid = {'adam.learning_rate': [1e30]}"
    done = command(folder, "dlib_bvae_study", "run", "--study=tiny.gin", bindings)
    assert done.returncode == 2
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("failed: ")]
    assert line.startswith("failed: vae: the loss or a weight became NaN or infinite at step ")
    assert done.stderr.startswith("dlib_bvae_study: 1 run failed; the lines above say why")

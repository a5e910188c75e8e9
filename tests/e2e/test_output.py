"""What commands print under any encoding, and output folders that cannot be written: one sentence, exit status 2."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dlib_bvae.commands import COMMANDS

RUN = "runs/beta4_dsprites"


@pytest.fixture(scope="module")
def scored(encoded, command, tmp_path_factory):
    """A folder with a run that has an evaluation, and `file`, a file."""
    folder = tmp_path_factory.mktemp("scored")
    shutil.copytree(encoded / "runs", folder / "runs")
    (folder / "file").write_text("x", encoding="utf-8")
    flags = ["--metric=mig", "--repeats=2", "--gin_bindings=mig.num_train = 200"]
    done = command(folder, "dlib_bvae_evaluate", *flags, env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert done.returncode == 0, done.stderr
    assert " \\xb1 " in done.stdout
    return folder


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_every_command_writes_its_help_in_any_encoding(encoding, tmp_path):
    code = f"""
import sys
from dlib_bvae.commands import run
for name in {list(COMMANDS)}:
    sys.argv = ["dlib_bvae_" + name, "--help"]
    try:
        run(name)
    except SystemExit as ended:
        assert ended.code == 0, name
"""
    environment = {**os.environ, "PYTHONIOENCODING": f"{encoding}:strict"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False, env=environment, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.count(b"usage: ") == len(COMMANDS)


@pytest.mark.parametrize(
    "arguments",
    [
        ["data", "list"],
        ["data", "info", "dsprites_full"],
        ["sweep", "status", "--study=gin/studies/re_beta_vae_small.gin", "--results=runs"],
        ["sweep", "--study=gin/studies/re_beta_vae_small.gin", "--dry_run"],
        ["evaluate", "--metric=mig", "--repeats=2", "--gin_bindings=mig.num_train = 200"],
    ],
)
@pytest.mark.parametrize("encoding", ["ascii", pytest.param("latin-1", marks=pytest.mark.slow)])
def test_tables_and_scores_are_written_in_any_encoding(scored, arguments, encoding):
    command = [sys.executable, "-m", "dlib_bvae", *arguments]
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    done = subprocess.run(command, capture_output=True, check=False, env=environment, cwd=scored)
    assert (done.returncode, b"Traceback" in done.stderr) == (0, False), done.stderr
    assert done.stdout.decode(encoding)


def test_without_a_command_the_names_are_written_in_any_encoding():
    for arguments in ([], ["größe"]):
        command = [sys.executable, "-m", "dlib_bvae", *arguments]
        environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
        done = subprocess.run(command, capture_output=True, check=False, env=environment)
        assert (done.returncode, b"Traceback" in done.stderr) == (2, False)


WRITERS = [
    ("train", ["--gin_config=gin/pca_dsprites.gin", "--model_dir={}"]),
    ("aggregate", [f"--results_dir={RUN}", "--output_dir={}"]),
    ("leaderboard", [f"--results={RUN}", "--output={}"]),
    (
        "validity",
        ["--metric=mig", "--perturbations=noise", "--gin_bindings=mig.num_train = 100", "--output_dir={}"],
    ),
    (
        "sensitivity",
        [
            *(RUN, "--output_dir={}", "--gin_bindings=beta_vae_sensitivity.classifiers = ['logistic_regression']"),
            "--gin_bindings=beta_vae_sensitivity.batch_sizes = [2]",
        ],
    ),
    ("data", ["preview", "dummy_data", "--output={}/x.png"]),
    ("sweep", ["--study=gin/studies/re_beta_vae_small.gin", "--results={}"]),
    ("report", ["--results=runs", "--output={}", "--no_pictures"]),
    (
        "evaluate",
        [f"--codes={RUN}/mean/codes.npy", "--dataset=dummy_data", "--metric=mig", "--output_dir={}"],
    ),
]
PLACES = ["file", "file/below", "/proc/x"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("place", "name", "flags"),
    [  # each command in one place, the others where there is time
        pytest.param(place, *writer, marks=[] if k % len(PLACES) == row else pytest.mark.slow)
        for k, writer in enumerate(WRITERS)
        for row, place in enumerate(PLACES)
    ],
)
def test_a_folder_that_cannot_be_written_is_one_sentence(scored, place, name, flags):
    command = [sys.executable, "-m", "dlib_bvae", name, *(flag.format(place) for flag in flags)]
    done = subprocess.run(command, cwd=scored, capture_output=True, text=True, check=False)
    assert (done.returncode, "Traceback" in done.stderr) == (2, False), done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("dlib_bvae_")]
    assert f"cannot write {place}" in line
    assert "choose another" in line


def test_a_file_where_a_run_is_to_have_a_folder_is_one_sentence(scored, command, tmp_path):
    shutil.copytree(scored / "runs", tmp_path / "runs")
    (tmp_path / RUN / "visualize.part").write_text("", encoding="utf-8")
    shutil.rmtree(tmp_path / RUN / "mean" / "metrics")
    (tmp_path / RUN / "mean" / "metrics").write_text("", encoding="utf-8")
    for name, flags in (("dlib_bvae_visualize", []), ("dlib_bvae_evaluate", ["--metric=mig"])):
        done = command(tmp_path, name, *flags)
        assert (done.returncode, "Traceback" in done.stderr) == (2, False), done.stderr


def test_submissions_that_cannot_be_written_are_one_sentence(command, tmp_path):
    example = Path(__file__).parents[2] / "benchmarks" / "submissions" / "pca_example"
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "submissions").write_text("", encoding="utf-8")
    done = command(tmp_path, "dlib_bvae_leaderboard", "verify", str(example))
    assert (done.returncode, "Traceback" in done.stderr) == (2, False), done.stderr
    assert "cannot write runs/submissions/" in done.stderr

"""dlib_bvae_sweep on a Ray cluster of its own: interrupted, looked at, continued."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

STUDY = """
study.name = "small"
study.parts = [@bars/part()]
study.metrics = ["mig"]
bars/part.configs = ["gin/beta4_dsprites.gin"]
bars/part.bindings = [
    "dataset.name = 'dummy_data'",
    "model.batch_size = 8",
    "model.training_steps = 500",
    "model.checkpoint_every = 25",
    "model.log_every = 25",
]
bars/part.grid = {"model.random_seed": [0, 1]}
"""
FLAGS = ("--study=small.gin", "--results=store")
RAY = (*FLAGS, "--executor=ray", "--workers=2")


@pytest.fixture
def folder(tmp_path):
    """A folder with small.gin."""
    (tmp_path / "small.gin").write_text(STUDY)
    return tmp_path


@pytest.mark.slow
def test_a_sweep_is_interrupted_and_continues(folder, command):
    planned = command(folder, "dlib_bvae_sweep", *RAY, "--dry_run")
    assert planned.returncode == 0, planned.stderr
    assert "2 runs, 0 trained, 0 done" in planned.stdout
    assert not (folder / "store").exists()
    _interrupted(folder)
    seen = command(folder, "dlib_bvae_sweep", "status", *FLAGS)
    assert seen.stdout.startswith("0 of 2 runs done · 0 under way\n"), seen.stdout + seen.stderr
    done = command(folder, "dlib_bvae_sweep", *RAY, started=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert command(folder, "dlib_bvae_sweep", "status", *FLAGS).stdout.startswith("2 of 2 runs done")
    assert "all is done" in command(folder, "dlib_bvae_sweep", *RAY).stdout
    for log in folder.glob("store/*/log.txt"):
        assert len(re.findall("trained 500 steps", log.read_text())) == 1


def _interrupted(folder: Path) -> None:
    """A sweep that gets the SIGINT of a terminal, which all of its processes get, once a run has a checkpoint."""
    path = Path(sys.executable).parent / "dlib_bvae_sweep"
    with (folder / "output.txt").open("w+") as output:
        sweep = subprocess.Popen([path, *RAY], cwd=folder, stdout=output, stderr=output, start_new_session=True)
        while not list(folder.glob("store/*/train.part/checkpoint/*.index")):
            assert sweep.poll() is None, (folder / "output.txt").read_text()
            time.sleep(0.05)
        begun = _descendants(sweep.pid)
        os.killpg(sweep.pid, signal.SIGINT)
        assert sweep.wait(120) == 130
        output.seek(0)
        assert "run the same command again to continue" in output.read()
    assert len(begun) > 4  # Ray's own, two workers, their children
    _wait_until_gone(begun)


def _descendants(process: int) -> list[int]:
    found: list[int] = []
    for children in Path(f"/proc/{process}/task").glob("*/children"):
        for child in map(int, children.read_text().split()):
            found += [child, *_descendants(child)]
    return found


def _wait_until_gone(processes: list[int]) -> None:
    until = time.monotonic() + 30
    while left := [process for process in processes if Path(f"/proc/{process}").exists()]:
        assert time.monotonic() < until, [Path(f"/proc/{each}/cmdline").read_bytes()[:80] for each in left]
        time.sleep(0.2)


@pytest.mark.parametrize(
    "flags, words",
    [
        (("status", "--study=small.gin", "--results=nowhere"), "there is no nowhere; start the study first"),
        ((*FLAGS, "--ray_address=auto"), "--ray_address is for --executor=ray"),
        ((*RAY, "--ray_address=here"), "must be HOST:PORT"),
        ((*FLAGS, "--executor=slurm"), "invalid choice: 'slurm'"),
    ],
)
def test_wrong_flags(folder, command, flags, words):
    done = command(folder, "dlib_bvae_sweep", *flags, started=True)
    assert done.returncode == 2
    assert words in done.stderr

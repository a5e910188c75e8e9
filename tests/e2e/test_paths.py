"""A run directory below one whose name TensorFlow, shells and pages would read as a pattern, from training to the board."""

import json
import signal
import subprocess
import sys
import time

from support.tiny_runs import MIG, PICTURES, VAE, bound, command, done

from dlib_bvae.artifacts import read_results

NAME = "a[b]*?\\c"
STEPS = [*(line for line in VAE if "training_steps" not in line and "every" not in line), "model.checkpoint_every = 10"]
PATIENCE = 120.0  # seconds


def kill_after_a_checkpoint(run, *flags):
    """Trains `run` in a process that is killed once it has saved."""
    process = subprocess.Popen(
        [sys.executable, "-m", "dlib_bvae", "train", f"--model_dir={run}", *flags], stdout=subprocess.DEVNULL
    )
    end = time.monotonic() + PATIENCE
    while not (run / "train.part" / "checkpoint" / "checkpoint").exists():
        assert process.poll() is None, "the training ended before it was killed"
        assert time.monotonic() < end
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()


def test_a_run_in_a_directory_named_as_a_pattern(tmp_path, monkeypatch, png_alone):
    monkeypatch.chdir(tmp_path)
    runs = tmp_path / NAME
    run = runs / "run"
    kill_after_a_checkpoint(run, *bound(*STEPS, "model.training_steps = 100000"))
    at = max(int(path.stem.rpartition("-")[2]) for path in (run / "train.part" / "checkpoint").glob("*.index"))
    steps = bound(*STEPS, f"model.training_steps = {at + 20}")
    assert "damaged" not in done("train", f"--model_dir={run}", *steps)
    assert read_results(run / "train", "train")["steps"] == at + 20
    kept = [path.name for path in (run / "train" / "checkpoint").glob("*.index")]
    assert len(kept) == 1  # model.keep_checkpoints
    scored = done("evaluate", f"--model_dir={run}", "--metric=mig", *bound(*MIG))
    assert "discrete_mig" in scored
    done("visualize", f"--model_dir={run}", *bound(*PICTURES))
    assert (run / "visualize" / "index.html").is_file()
    warm = bound(*STEPS, "model.training_steps = 2", f"model.initial_weights = {str(run)!r}")
    assert command("train", f"--model_dir={runs / 'warm'}", *warm).code == 0
    model = f"--saved_model={run / 'train' / 'saved_model'}"
    external = ("--dataset=dummy_data", "--name=elsewhere", f"--output_dir={runs / 'elsewhere'}")
    assert "discrete_mig" in done("evaluate", model, *external, "--metric=mig", *bound(*MIG))
    for name, flags in (
        ("aggregate", [f"--results_dir={runs}"]),
        ("leaderboard", [f"--results={runs}", f"--output={runs / 'board'}"]),
    ):
        found = command(name, *flags)
        assert found.code == 0
        lines = found.err.strip().splitlines()
        assert all(line.startswith("equal codes: ") for line in lines)  # the run, and its model as one from elsewhere
    board = json.loads((runs / "board" / "board.json").read_text(encoding="utf-8"))
    assert len(board["rows"]["data"]) >= 2

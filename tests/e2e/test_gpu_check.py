"""benchmarks/gpu_check.py on a CPU: every item runs, what hangs or breaks is named, and what was found is on disk."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

HOME = Path(__file__).parents[2]
SCRIPT = HOME / "benchmarks" / "gpu_check.py"
pytestmark = pytest.mark.skipif(not SCRIPT.is_file(), reason="the benchmarks are in a checkout only")


def check(tmp_path, *flags):
    """The status, and the record, of the check with --tiny."""
    output = tmp_path / "found" / "gpu_check.json"
    command = [sys.executable, str(SCRIPT), "--tiny", f"--output={output}", *flags]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    return done, json.loads(output.read_text(encoding="utf-8")) if output.exists() else None


def test_items_are_recorded_with_what_was_seen(tmp_path):
    names = "grouped_convolutions_have_gradients_outside_xla,matrix rate"
    done, record = check(tmp_path, f"--only={names}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert record["not_tried"] == []
    found = record["correctness"]["grouped_convolutions_have_gradients_outside_xla"]
    assert found["held"] is True
    assert found["seen"]["relative_gradient"] < 1e-3
    assert min(record["speed"]["matrix rate"]["multiply_adds_per_second"].values()) > 0
    assert record["machine"]["gpus"] == []
    table = (tmp_path / "found" / "gpu_check.md").read_text(encoding="utf-8")
    assert "| grouped convolutions have gradients outside xla | yes |" in table


def test_what_there_is_no_time_for_is_said_not_to_be_tried(tmp_path):
    done, _ = check(tmp_path, "--only=matrix rate,encoding", "--max_minutes=0")
    assert done.returncode == 1
    assert "Not tried: matrix rate, encoding." in done.stdout


def test_an_unknown_item_is_one_sentence(tmp_path):
    done, record = check(tmp_path, "--only=warp drive")
    assert (done.returncode, record) == (2, None)
    assert "there is no item 'warp drive'" in done.stderr


@pytest.mark.slow
def test_everything_runs_and_holds_on_a_cpu(tmp_path):
    done, record = check(tmp_path, "--max_minutes=30")
    assert done.returncode == 0, done.stdout + done.stderr
    assert record["not_tried"] == []
    assert all(each["held"] for each in record["correctness"].values())
    assert len(record["correctness"]) == 8
    assert not [name for name, each in record["speed"].items() if "failed" in each]

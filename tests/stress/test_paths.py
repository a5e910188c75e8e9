"""Runs in directories with names that are patterns, markup, addresses or flags to something that reads them.

Each is trained, extended from its checkpoint, scored, drawn, put in tables and on a board, next to a run whose name it could
mean.
"""

import json

import pytest
from support.tiny_runs import MIG, PICTURES, VAE, bound, command, snapshot

PATTERNS = ["a[b]", "a[", "]", "*", "a?", "a\\b", "\\", "a[!b]", "a{b,c}", "a**", "[0-9]", "a[b]*?\\c"]
FLAGS = ["-a", "--overwrite", "~", "$HOME", "%s", "a%20b", "a#b", "a&b", "a;b", "a|b", "a:b", "a=b", "'", '"', "<b>"]
LETTERS = [
    "a b",
    " a",
    "a\nb",
    "a\tb",
    "a\x1b[31mb",
    "a\x7f",
    "ä",
    "a\u0308",
    "日本",
    "a\u202eb",
    "a.part",
    "a.old",
    "x" * 200,
]
DEEP = "/".join(["d" * 200] * 9)  # 1,800 bytes; a path may have 4,096
NAMES = [*PATTERNS, *FLAGS, *LETTERS, "x" * 255, "ä" * 127, DEEP, "a/../b"]
# What no directory can be called, or what a command must not follow.
REFUSED = ["x" * 256, "ä" * 128, f"{DEEP}/{DEEP}/{DEEP}"]


def held(folder, name):
    """What did not hold of a run in `folder`/<name>; nothing where all did."""
    place = folder / name
    run = place / "run"
    place.parent.mkdir(parents=True, exist_ok=True)
    steps = [line for line in VAE if "training_steps" not in line]
    calls = [
        ("train", f"--model_dir={run}", *bound(*steps, "model.training_steps = 2")),
        ("train", f"--model_dir={run}", *bound(*steps, "model.training_steps = 4")),
        ("evaluate", f"--model_dir={run}", "--metric=mig", *bound(*MIG)),
        ("visualize", f"--model_dir={run}", *bound(*PICTURES)),
        ("aggregate", f"--results_dir={place}"),
        ("leaderboard", f"--results={place}", f"--output={place / 'board'}"),
        ("report", f"--results={place / 'runs.parquet'}", f"--output={place / 'report'}", "--no_pictures"),
    ]
    for call in calls:
        try:
            found = command(*call)
        except Exception as error:
            return f"{call[0]}: {type(error).__name__}: {error}"
        if found.code:
            return f"{call[0]}: {found.err.strip()}"
    board = json.loads((place / "board" / "board.json").read_text(encoding="utf-8"))
    return "" if board["rows"]["data"] else "the board has no row"


@pytest.mark.slow
def test_runs_in_directories_of_any_name(tmp_path, monkeypatch, tally):
    monkeypatch.chdir(tmp_path)
    assert held(tmp_path, "ab") == ""
    near = snapshot(tmp_path / "ab")
    counts = tally("paths of runs", "held")
    for name in NAMES:
        counts.add(held(tmp_path, name) or "held", f"{name[:40]!r}")
    assert snapshot(tmp_path / "ab") == near


@pytest.mark.slow
def test_names_that_no_directory_can_have_are_refused_by_one_sentence(tmp_path, monkeypatch, tally):
    monkeypatch.chdir(tmp_path)
    counts = tally("paths that cannot be", "refused")
    for name in REFUSED:
        for call in (
            ("train", f"--model_dir={name}", *bound(*VAE)),
            ("evaluate", f"--model_dir={name}", "--metric=mig"),
            ("visualize", f"--model_dir={name}"),
            ("postprocess", f"--model_dir={name}"),
            ("aggregate", f"--results_dir={name}"),
            ("leaderboard", f"--results={name}"),
            ("report", f"--results={name}", "--output=report", "--no_pictures"),
        ):
            try:
                found = command(*call)
                said = found.err.strip()
                right = found.code == 2 and "\n" not in said and len(said) < 10_000
                counts.add("refused" if right else f"{found.code}: {said[-300:]}", f"{call[0]} {name[:20]!r}")
            except Exception as error:
                counts.add(f"{type(error).__name__}: {error}"[:200], f"{call[0]} {name[:20]!r}")
    assert snapshot(tmp_path) == {}

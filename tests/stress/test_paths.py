"""Runs in directories with names that are patterns, markup, addresses or flags to something that reads them.

Each is trained, extended from its checkpoint, scored, drawn, put in tables and on a board, next to a run whose name it could
mean. Prints how many names were tried and what did not hold.
"""

import json

import pytest
from support.tiny_runs import MIG, PICTURES, VAE, bound, command, snapshot

NAMES = [
    *("a[b]", "a[", "]", "*", "a?", "a\\b", "\\", "a[!b]", "a{b,c}", "a**", "[0-9]", "a[b]*?\\c"),
    *(
        "a b",
        " a",
        "a\nb",
        "a\tb",
        "-a",
        "--overwrite",
        "~",
        "$HOME",
        "%s",
        "a%20b",
        "a#b",
        "a&b",
        "a;b",
        "a|b",
        "a:b",
        "a=b",
    ),
    *("'", '"', "<b>", "ä", "日本", "a\u202eb", "a.part", "x" * 200),
]


def held(folder, name):
    """What did not hold of a run in `folder`/<name>; nothing where all did."""
    place = folder / name
    run = place / "run"
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
    return "" if board["rows"] else "the board has no row"


@pytest.mark.slow
def test_runs_in_directories_of_any_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert held(tmp_path, "ab") == ""
    near = snapshot(tmp_path / "ab")
    failed = {name: why for name in NAMES if (why := held(tmp_path, name))}
    print(f"{len(NAMES)} names tried, {len(failed)} did not hold: {failed}")
    assert failed == {}
    assert snapshot(tmp_path / "ab") == near

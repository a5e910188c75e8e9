"""guards.py: every committed board passes all guards, and each guard finds what a small board is broken by."""

import json
import re
import shutil
from pathlib import Path
from unittest import mock

import pandas as pd
import pytest
from support.leaderboard_runs import null_of, score, train

from dlib_bvae import leaderboard
from dlib_bvae.leaderboard import figures
from dlib_bvae.leaderboard.guards import LIMITED, MOST_BYTES, REFERENCE_ROWS, faults

BOARDS = sorted(
    (path.parent for path in Path(__file__).parents[2].glob("benchmarks/boards/*/board.parquet")),
    key=lambda path: [int(number) for number in re.findall(r"\d+", path.name)],
)


@pytest.mark.parametrize("place", range(len(BOARDS)), ids=[path.name for path in BOARDS])
def test_a_committed_board_passes_all_guards(place):
    assert faults(BOARDS[place], BOARDS[place - 1] if place else None) == []


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A small board that passes all guards."""
    folder = tmp_path_factory.mktemp("board")
    mig = {"discrete_mig": 0.3}
    with mock.patch("os.fsync"):  # a test's files need not outlive a power cut
        for name in ("vae", *REFERENCE_ROWS):
            encoded = train(folder / "runs", name, config={"model.model": f"@{name}()", "model.name": name})
            score(encoded, "mig", mig, **null_of("mig", mig, 0.1))
            score(encoded, "active_units", {"active_units": 5, "active_fraction": 0.5})
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(figures, "files_of", lambda board: ({}, []))
        leaderboard.run(folder / "runs", folder / "v1")
    return folder / "v1"


@pytest.fixture
def board(whole, tmp_path):
    """A copy of the whole board, to be broken."""
    return Path(shutil.copytree(whole, tmp_path / "v2"))


def change(board, make):
    """Puts make(the rows of board.parquet) in its place."""
    make(pd.read_parquet(board / "board.parquet")).to_parquet(board / "board.parquet", index=False)


def test_a_whole_board_passes_and_says_its_versions(whole):
    assert faults(whole, whole) == []
    said = json.loads((whole / "versions.json").read_text())
    assert said["data_sets"] == [{"dataset": "dsprites_rendered", "version": 1, "fingerprint": "f" * 16}]
    assert said["metrics"] == [
        {"metric": name, "version": 1, "changed": "as first released"} for name in ("active_units", "mig")
    ]


def test_a_row_that_is_there_twice_is_found(board):
    change(board, lambda rows: pd.concat([rows, rows.iloc[:1]]))
    assert [sentence.endswith("keep one") for sentence in faults(board)] == [True, True]
    change(board, lambda rows: rows.drop_duplicates().assign(id=rows["id"].iloc[0]).drop_duplicates())
    assert all("equal id" in sentence for sentence in faults(board))


@pytest.mark.parametrize("reference", REFERENCE_ROWS)
def test_a_reference_row_that_is_missing_is_found(reference, board):
    change(board, lambda rows: rows[(rows["method"] != reference) | (rows["metric"] != "mig")])
    (sentence,) = faults(board)
    assert sentence.endswith(
        f"by mig.discrete_mig on dsprites_rendered has no reference row of {reference}; train and score these too"
    )
    change(board, lambda rows: rows[(rows["method"] != reference) & (rows["metric"] != "mig")])
    assert faults(board)[0] == f"dsprites_rendered has no reference row of {reference}; train and score these too"


def test_references_by_another_version_of_the_metric_do_not_count(board):
    change(board, lambda rows: rows.assign(metric_version=[2 if name == "pca" else 1 for name in rows["method"]]))
    assert any("no reference row of pca" in sentence for sentence in faults(board))


def test_a_row_without_its_null_is_found_and_a_score_that_has_none_is_not(board):
    change(board, lambda rows: rows.assign(nulls=[None if name == "vae" else 20 for name in rows["method"]]))
    (sentence,) = faults(board)
    assert sentence.endswith("by mig.discrete_mig on dsprites_rendered has no null; score it again by --null=20")


def test_a_column_that_is_lost_is_found(whole, board):
    assert faults(board, whole) == []
    change(board, lambda rows: rows.drop(columns=["iqm"]))
    text = (board / "board.csv").read_text().replace('"median"', '"middle"', 1)
    (board / "board.csv").write_text(text)
    assert faults(board, whole) == [
        "board.parquet has lost the columns iqm of v1; keep them, empty where nothing has them",
        "board.csv has lost the columns median of v1; keep them, empty where nothing has them",
    ]


@pytest.mark.parametrize("name", LIMITED)
def test_a_file_that_is_too_large_is_found(name, board):
    with (board / name).open("ab") as file:
        file.truncate(MOST_BYTES)
    assert faults(board) == [f"{name} has 3.0 MiB and must have less than 3 MiB"]


def test_other_versions_than_those_of_the_rows_are_found(board):
    said = json.loads((board / "versions.json").read_text())
    (board / "versions.json").write_text(json.dumps({**said, "metrics": said["metrics"][:1]}))
    assert faults(board) == ["versions.json has other metrics than the rows of board.parquet; write the board again"]

"""tables.py: the same rows as CSV, Parquet and Markdown, with names that could do harm."""

import csv
import io

import pandas as pd
import pytest
from support.leaderboard_runs import score, train

from dlib_bvae import leaderboard
from dlib_bvae.leaderboard.tables import of_earlier_version

HARMFUL = [
    "=cmd()|' /C calc'!A0",
    "+1",
    "-1",
    "@SUM(A1)",
    "<img src=x onerror=alert(1)>",
    "[a](javascript:x)",
    "![a](b)",
    "`a`",
]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tables")
    for place, name in enumerate(HARMFUL):
        encoded = train(folder / "runs", f"run{place}", config={"model.name": name})
        score(encoded, "mig", {"discrete_mig": 0.125})
    return {path.name: path for path in leaderboard.run(folder / "runs", folder / "board")}


def test_a_spreadsheet_finds_no_formula(files):
    rows = list(csv.DictReader(io.StringIO(files["board.csv"].read_text(encoding="utf-8"))))
    assert sorted(row["model"].removeprefix("'") for row in rows) == sorted(HARMFUL)
    assert not [cell for row in rows for cell in row.values() if cell.startswith(("=", "+", "-", "@"))]
    said = [tuple(row[name] for name in ("mean", "origin", "seeds", "images")) for row in rows]
    assert set(said) == {("0.125", "rendered", "1", "6400")}


def test_parquet_keeps_names_and_numbers_as_they_are(files):
    table = pd.read_parquet(files["board.parquet"])
    assert sorted(table["model"]) == sorted(HARMFUL)
    assert table["mean"].tolist() == [0.125] * len(HARMFUL)
    assert table["std"].isna().all()
    assert set(table["metric_parameters"]) == {'{"num_train": 10}'}


def test_markdown_has_one_line_a_row_without_html_links_or_code(files):
    header, rule, *lines = files["board.md"].read_text(encoding="utf-8").splitlines()
    columns = header.count("|")
    assert header.startswith("| rank | model | data set | origin | metric |")
    assert len(lines) == len(HARMFUL)
    assert all(line.endswith("| ffffffff |") for line in lines)  # of a fingerprint its beginning
    for line in [rule, *lines]:
        assert line.replace("\\|", "").count("|") == columns
        assert "<" not in line
        assert all(line[place - 1] == "\\" for place, letter in enumerate(line) if letter in "[]`*")


def test_files_of_a_board_are_known_by_their_form_and_no_others_are(files, tmp_path):
    for name, path in files.items():
        assert of_earlier_version(path)
        for content in (
            b"",
            b"{}",
            b"[" * 99_999,
            b"\xff",
            b"model,rank\n",
            b"<title>mine</title>",
            path.read_bytes()[1:40],
        ):
            other = tmp_path / name
            other.write_bytes(content)
            assert not of_earlier_version(other), (name, content)

"""tables.py: the same rows as CSV, Parquet, Markdown, LaTeX and on a terminal, with names that could do harm."""

import csv
import io
import json

import pandas as pd
import pytest
from support.leaderboard_runs import score, train

from dlib_bvae import leaderboard
from dlib_bvae.leaderboard.tables import of_earlier_version, rounded

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
    score(encoded, "active_units", {"active_fraction": 0.5})  # no main score
    return {path.name: path for path in leaderboard.run(folder / "runs", folder / "board")}


def test_a_spreadsheet_finds_no_formula(files):
    rows = list(csv.DictReader(io.StringIO(files["board.csv"].read_text(encoding="utf-8"))))
    assert sorted(row["model"].removeprefix("'") for row in rows) == sorted(HARMFUL)
    assert not [cell for row in rows for cell in row.values() if cell.startswith(("=", "+", "-", "@"))]
    said = [tuple(row[name] for name in ("mean", "origin", "seeds", "images")) for row in rows]
    assert set(said) == {("0.125", "rendered", "1", "6400")}


def test_parquet_keeps_names_and_numbers_as_they_are(files):
    table = pd.read_parquet(files["board.parquet"])
    table = table[table["main"]]
    assert sorted(table["model"]) == sorted(HARMFUL)
    assert table["mean"].tolist() == [0.125] * len(HARMFUL)
    assert table["std"].isna().all()
    assert set(table["metric_parameters"]) == {'{"num_train": 10}'}


def test_markdown_has_one_line_a_row_without_html_links_or_code(files):
    note, _, header, rule, *lines = files["board.md"].read_text(encoding="utf-8").splitlines()
    columns = header.count("|")
    assert note == f"Main scores of each metric, {len(HARMFUL)} of {len(HARMFUL) + 1} rows; all are in board.parquet."
    assert header.startswith("| rank | configuration | data set | origin | metric |")
    assert len(lines) == len(HARMFUL)
    assert all("| ffffffff |" in line for line in lines)  # of a fingerprint its beginning
    for line in [rule, *lines]:
        assert line.replace("\\|", "").count("|") == columns
        assert "<" not in line
        assert all(line[place - 1] == "\\" for place, letter in enumerate(line) if letter in "[]`*")


def test_settings_are_columns_named_as_in_gin_and_main_scores_are_in_all_but_parquet(files):
    parquet = pd.read_parquet(files["board.parquet"])
    assert parquet["vae.beta"].tolist() == [4.0] * (len(HARMFUL) + 1)
    assert parquet["main"].tolist().count(False) == 1
    assert files["board.csv"].read_text(encoding="utf-8").count("\n") == len(HARMFUL) + 1
    board = json.loads(files["board.json"].read_text(encoding="utf-8"))
    assert board["settings"] == {"dsprites_rendered": ["vae.beta"]}
    assert [board["configs"][config]["vae.beta"] for config in rows_of(board)["config"]] == ["4.0"] * len(HARMFUL)
    assert board["note"].endswith("all are in board.parquet.")
    assert files["board.md"].read_text(encoding="utf-8").splitlines()[2].endswith("| fingerprint | vae.beta |")


def rows_of(board):
    """The rows of board.json as pandas reads them."""
    return pd.DataFrame(**board["rows"])


def test_json_has_the_rows_of_csv_their_seeds_and_how_they_were_scored(files):
    board = json.loads(files["board.json"].read_text(encoding="utf-8"))
    rows, table = rows_of(board), pd.read_csv(files["board.csv"])
    assert {*table.columns} - {*rows.columns} == {"metric_parameters", "vae.beta"}
    for name in ("id", "mean", "seeds", "budget", "main", "smallest_difference_df"):
        assert rows[name].tolist() == table[name].tolist()
    assert {*rows["model"]} == {*HARMFUL}
    ways = [board["evaluations"][each] for each in rows["evaluation"]]
    assert [each["metric_parameters"] for each in ways] == [{"num_train": 10}] * len(HARMFUL)
    seeds = [(board["runs"][run]["path"], seed, value) for ((run, seed, value, _),) in rows["runs"]]
    assert sorted(seeds) == [(f"run{place}", 0, 0.125) for place in range(len(HARMFUL))]


def test_evaluations_of_equal_settings_stand_in_json_once(tmp_path):
    for place in range(3):
        encoded = train(tmp_path / "runs", f"run{place}", seed=place, config={"vae.beta": float(place)})
        score(encoded, "mig", {"discrete_mig": 0.5}, {"num_train": 10 + place // 2})
        score(encoded, "active_units", {"active_fraction": 0.5})  # no main score
    board = json.loads(next(iter(leaderboard.run(tmp_path / "runs", tmp_path / "board"))).read_text(encoding="utf-8"))
    assert sorted(each["metric_parameters"]["num_train"] for each in board["evaluations"]) == [10, 11]
    assert sorted(rows_of(board)["evaluation"]) == [0, 0, 1]


def test_numbers_in_json_have_seven_digits_and_whole_ones_stay():
    assert rounded({"a": [1 / 3, 1257141.0, 123456789012, True, None, "0.123456789"], "b": (2e-9 / 3, 1e22)}) == {
        "a": [0.3333333, 1257141, 123456789012, True, None, "0.123456789"],
        "b": [6.666667e-10, 10**22],
    }


def test_latex_has_a_line_a_configuration_and_no_command_of_a_name(files):
    text = files["board.tex"].read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line.startswith(r"$\beta$-VAE")]
    assert len(lines) == len(HARMFUL)
    assert all(line.endswith(r" & 12.5 (1) \\") for line in lines)
    assert "configuration & MIG, \\% \\\\" in text
    assert "<img" not in text


def test_the_terminal_has_the_summary_and_says_what_it_left_out(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "54")
    for beta in (1.0, 4.0):
        for seed in range(2):
            encoded = train(tmp_path / "runs", f"{beta}-{seed}", seed=seed, config={"vae.beta": beta})
            score(encoded, "mig", {"discrete_mig": beta / 10 + seed / 100})
            score(encoded, "sap", {"SAP_score": beta / 10})
            score(encoded, "dci", {"disentanglement": beta / 10})
    leaderboard.run(tmp_path / "runs", tmp_path / "board", show=print)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "dsprites_rendered, fingerprint ffffffff, 1,000 images,"
    assert lines[1] == "100 steps of 64"
    lines = lines[1:]
    assert max(map(len, lines[:5])) <= 54
    assert lines[1].split("  ")[0] == "configuration"
    assert lines[3].startswith("β-VAE β = 1    10.50 ± 0.71 (2)")
    assert lines[4].startswith("β-VAE β = 4    40.50 ± 0.71 (2)")
    assert lines[6].startswith("left out: the column SAP, %; all is in ")
    assert lines[6].endswith("index.html")


def test_files_of_a_board_are_known_by_their_form_and_no_others_are(files, tmp_path):
    for name, path in files.items():
        if path.parent.name == "figures" or name == "versions.json":  # no board of before has these
            assert not of_earlier_version(path)
            continue
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

"""table.py: README's table of metrics is the one that the metrics' files give, with costs that are on record."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from dlib_bvae.metrics import METRICS, OF_IMAGES, PAGES, caution, run_sets, scores_of, validity
from dlib_bvae.metrics.run_sets import RUN_SET_METRICS
from dlib_bvae.metrics.score_info import CLAIMS, UNIT, About, Score, info_of, said_by
from dlib_bvae.metrics.table import HEAD, cautions, in_text, range_text, row, table, value_text

ROOT = Path(__file__).parents[2]
COMMAND = "python -m dlib_bvae.metrics.table README.md"
OF_CODES = [name for names in PAGES.values() for name in names]


def about_of(name):
    return said_by(RUN_SET_METRICS if name in run_sets.PAGES else METRICS, name, "ABOUT", {}).get(name)


@pytest.mark.parametrize("name", [*OF_CODES, *run_sets.PAGES, *OF_IMAGES])
def test_every_metric_s_file_says_what_it_measures(name):
    assert about_of(name), f"the file of {name} says nothing of it: add it to ABOUT there (see score_info.About)"


def test_the_table_in_readme_is_the_one_that_the_files_give():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert in_text(text, table()) == text, f"README's table of metrics is not that of the code; run: {COMMAND}"


def test_the_command_writes_the_table(tmp_path):
    path = tmp_path / "README.md"
    path.write_text(f"before\n\n{HEAD}| `old` | … |\n\nafter\n", encoding="utf-8")
    subprocess.run([sys.executable, *COMMAND.split()[1:3], path], check=True)
    assert path.read_text(encoding="utf-8") == f"before\n\n{table()}\nafter\n"
    with pytest.raises(ValueError, match="there is no table of metrics in this text"):
        in_text("| a | b |\n", table())


def test_the_table_has_a_row_for_each_metric_of_the_package_and_none_of_others():
    rows = table().removeprefix(HEAD).splitlines()
    names = [line.split("`")[1] for line in rows]
    assert names == [*OF_CODES, *run_sets.PAGES, *OF_IMAGES]
    assert {line.count(" | ") for line in rows} == {6}


def test_a_row_has_ranges_directions_and_defaults():
    about = About("what it measures", ("a", "b", "c"), ("k", "sizes"), "Someone 1999", "seconds")
    scores = {"a": UNIT, "b": Score(0, None, True), "c": UNIT}
    expected = (
        "| `m` | what it measures | `a`, `c` 0 … 1; `b` ≥ 0 | ↑ | `k=5`, `sizes=[1, 2]` | seconds | Someone 1999 |\n"
    )
    assert row("m", about, scores, {"k": 5, "sizes": (1, 2), "other": 1}) == expected
    mixed = row("m", about, {**scores, "b": Score(0, 1, False), "c": Score(0, 1, None)}, {"k": "x", "sizes": (1,)})
    assert "| `a`, `b`, `c` 0 … 1 | ↑/↓/– | `k='x'`, `sizes=[1]` |" in mixed


def test_bounds_and_defaults_are_written_out():
    assert [range_text(*each) for each in [(0, 1), (-1, 1), (0, None), (None, 1), (None, None)]] == [
        "0 … 1",
        "−1 … 1",
        "≥ 0",
        "≤ 1",
        "any",
    ]
    assert [value_text(each) for each in ("a", 0.02, (1, 2, 3, 4), [1, 2, 3, 4, 5])] == [
        "'a'",
        "0.02",
        "[1, 2, 3, 4]",
        "[1, 2, …]",
    ]


def test_costs_are_those_on_record():
    record = json.loads((ROOT / "benchmarks" / "results" / "metrics_cost.json").read_text(encoding="utf-8"))
    for name, entry in record.items():
        # Those that take long use both cores.
        long = "seconds" if entry["cpu_seconds"] < 20 else "half a minute"
        assert about_of(name).cost == ("< 1 s" if entry["cpu_seconds"] < 1 else long)
        assert entry["cpu_seconds"] < 60


@pytest.mark.parametrize("name", [name for name in OF_CODES if name != "reconstruction_error"])  # which needs a model
def test_every_metric_of_codes_says_in_two_sentences_when_it_misleads(name):
    said = validity(name)
    assert said is not None, f"the file of {name} says nothing in VALIDITY (see score_info.Validity)"
    assert set(said.claims.values()) <= set(CLAIMS)
    assert all(info_of(scores_of(name), key.replace("*", "x")) for key in said.claims)
    assert len(re.findall(r"\.(?= [A-Z]|$)", said.caution)) == 2
    assert caution(name) == said.caution


def test_metrics_without_known_codes_have_no_caution():
    assert [caution(name) for name in ("reconstruction_error", "udr", "elbo")] == [""] * 3


def test_the_docs_quote_the_cautions():
    text = (ROOT / "docs" / "validity.md").read_text(encoding="utf-8")
    assert in_text(text, cautions()) == text, (
        "docs/validity.md is not as the code says; run: python -m dlib_bvae.metrics.table docs/validity.md"
    )

"""metrics.py: a card and a line of the table for every metric, from its file; costs that are on record."""

import json
import re
from pathlib import Path

import pytest

from dlib_bvae.cards.metrics import Metric, all_metrics, card, cautions, range_text, row
from dlib_bvae.metrics import METRICS, OF_IMAGES, PAGES, caution, run_sets, scores_of, validity
from dlib_bvae.metrics.run_sets import RUN_SET_METRICS
from dlib_bvae.metrics.score_info import CLAIMS, UNIT, About, Score, info_of, said_by

ROOT = Path(__file__).parents[2]
OF_CODES = [name for names in PAGES.values() for name in names]


def about_of(name):
    return said_by(RUN_SET_METRICS if name in run_sets.PAGES else METRICS, name, "ABOUT", {}).get(name)


@pytest.mark.parametrize("name", [*OF_CODES, *run_sets.PAGES, *OF_IMAGES])
def test_every_metric_s_file_says_what_it_measures(name):
    assert about_of(name), f"the file of {name} says nothing of it: add it to ABOUT there (see score_info.About)"


def test_every_metric_of_the_package_and_none_of_others_has_a_card():
    assert [each.name for each in all_metrics()] == [*OF_CODES, *run_sets.PAGES, *OF_IMAGES]


def made(data, codes, random_state, *, k=5, sizes=(1, 2, 3, 4, 5)):
    """How much is made.

    A *bold* claim. `k`: how often.
    """


ABOUT = About("what it measures", ("a", "b"), ("k", "sizes"), "Someone 1999", "seconds", defects="It lies.")
MADE = Metric("m", "", made, ABOUT, {"c": UNIT, "a": UNIT._replace(chance=0.5), "b": Score(0, None, False, null=None)})


def test_a_row_has_ranges_directions_and_defaults():
    assert row(MADE) == (
        "[`m`](m.md)",
        "what it measures",
        "`a` 0 … 1; `b` ≥ 0",
        "↑/↓",
        "`k=5`, `sizes=[1, 2, …]`",
        "seconds",
        "Someone 1999",
    )


def test_a_card_says_what_the_file_says_and_what_noise_scores():
    text = card(
        MADE,
        ["@misc{key}"],
        {"dsprites": {"m": {"a": [0.123456, 0.01], "b": [0.0, 0.0], "c": [0.5, 0.0]}}, "cars3d": {"m": "refused"}},
    )
    assert "| **`a`** | 0 … 1 | ↑ | 0.5 | yes | 0.1235 ± 0.01 |\n" in text
    assert "| `c` | 0 … 1 | ↑ | – | yes | 0.5 ± < 0.0001 |\n" in text
    assert "| **`b`** | ≥ 0 | ↓ | – | no | 0 |\n" in text
    assert "| `m.k` | `5` | |\n| `m.sizes` | `[1, 2, …]` | |\n" in text
    assert "How much is made.\n\nA \\*bold\\* claim. `k`: how often.\n" in text
    assert "## Known defects\n\nIt lies.\n" in text
    assert "dlib_bvae_evaluate --metric=m " in text
    assert text.endswith("```bibtex\n@misc{key}\n```\n")
    assert "| version | 1 |\n" in text
    assert "## Versions" not in text
    text = card(MADE._replace(versions={1: "as first released", 2: "2026-01-02: other *bins*"}), [], {})
    assert "| version | 2 |\n" in text
    assert "## Versions\n\n| version | what changed |\n| --- | --- |\n| 2 | 2026-01-02: other \\*bins\\* |\n\n" in text


def test_bounds_are_written_out():
    ranges = [(0, 1), (-1, 1), (0, None), (None, 1), (None, None)]
    assert [range_text(Score(*each, True)) for each in ranges] == ["0 … 1", "−1 … 1", "≥ 0", "≤ 1", "any"]


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
    assert len(re.findall(r"\.(?= [A-Z]|$)|\.(?= `)", said.caution)) == 2
    assert caution(name) == said.caution
    assert f"## When it misleads\n\n{said.caution}\n" in card(next(m for m in all_metrics() if m.name == name), [], {})
    assert said.caution in cautions()


def test_metrics_without_known_codes_have_no_caution():
    assert [caution(name) for name in ("reconstruction_error", "udr", "elbo")] == [""] * 3

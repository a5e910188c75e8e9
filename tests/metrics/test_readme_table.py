"""README's table of metrics has every metric, with ranges, directions, parameters and costs that are the code's."""

import ast
import inspect
import json
import re
import sys
from pathlib import Path

import pytest

from dlib_bvae import metrics
from dlib_bvae.metrics.run_sets import RUN_SET_METRICS

ROOT = Path(__file__).parents[2]
SECTION = (ROOT / "README.md").read_text(encoding="utf-8").split("\n## Metrics\n")[1].split("\n## ")[0]
TABLE = [line.removeprefix("| ").split(" | ") for line in SECTION.splitlines() if line.startswith("| `")]
ROWS = {cells[0].strip("`"): cells for cells in TABLE}
ALL = pytest.mark.parametrize("name", ROWS)
ARROWS = {True: "↑", False: "↓", None: "–"}
DEAR = ("dci_random_forest", "elbo", "image_quality")  # forests of full trees, and what runs networks


def metric_of(name):
    return (RUN_SET_METRICS if name in RUN_SET_METRICS.names() else metrics.METRICS).get(name)


def text_of(low, high):
    low, high = (None if bound is None else f"{bound:g}".replace("-", "−") for bound in (low, high))
    if low is None or high is None:
        return f"≥ {low}" if low else f"≤ {high}" if high else "any"
    return f"{low} … {high}"


def test_every_metric_has_one_row():
    assert len(TABLE) == len(ROWS)
    assert set(ROWS) == {*metrics.METRICS.names(), *RUN_SET_METRICS.names()}
    assert {len(cells) for cells in TABLE} == {7}


@ALL
def test_ranges_and_directions_are_those_of_the_facts(name):
    facts = sys.modules[metric_of(name).__module__].SCORES
    groups = ROWS[name][2].split("; ")
    directions = set()
    for group in groups:
        keys = re.findall(r"`([^`]+)`", group)
        assert keys
        for key in keys:
            assert group.endswith(f"` {text_of(facts[key].low, facts[key].high)}")
            directions.add(ARROWS[facts[key].higher_is_better])
    assert directions == {ROWS[name][3]}


@ALL
def test_parameters_have_their_defaults(name):
    known = inspect.signature(metric_of(name)).parameters
    named = [each.split("=", 1) for each in re.findall(r"`([^`]+)`", ROWS[name][4])]
    assert named
    for parameter, value in named:
        default = known[parameter].default
        shown = value.removesuffix(", …]")
        if shown == value:
            assert ast.literal_eval(value) == (list(default) if isinstance(default, tuple) else default)
        else:
            start = ast.literal_eval(f"{shown}]")
            assert start == list(default[: len(start)])


def test_costs_are_those_on_record():
    record = json.loads((ROOT / "benchmarks" / "results" / "metrics_cost.json").read_text(encoding="utf-8"))
    for name, entry in record.items():
        # Those that take long use both cores.
        long = "seconds" if entry["cpu_seconds"] < 20 else "half a minute"
        assert ROWS[name][5] == ("< 1 s" if entry["cpu_seconds"] < 1 else long)
        assert entry["cpu_seconds"] < 60
    assert {name for name, cells in ROWS.items() if cells[5] == "minutes"} == set(DEAR)

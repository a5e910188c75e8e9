"""dlib_names.py: what it names here is there, what it names there is not here, and docs have its table."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from dlib_bvae import metrics
from dlib_bvae.dlib_names import ALIASES, HEAD, IGNORED, METRICS, ONLY_THEIRS, REFUSED, SHARED, TWIN, said, table
from dlib_bvae.errors import UnknownName

PAGE = Path(__file__).parents[1] / "docs" / "disentanglement_lib.md"


def parameters(metric: str) -> dict[str, inspect.Parameter]:
    return dict(inspect.signature(metrics.METRICS.get(metric)).parameters)


def test_its_metrics_lead_to_ours_and_to_the_twin_where_there_is_one():
    names = metrics.METRICS.names()
    assert {*METRICS.values()} <= {*names}
    twins = {name for name in names if name.endswith(TWIN)}
    assert {ours for theirs, ours in METRICS.items() if theirs not in ONLY_THEIRS and ours in twins} | {
        "sap_dlib"
    } == twins
    assert all(theirs in names for theirs in {*METRICS} - {*ONLY_THEIRS})
    assert not {*ONLY_THEIRS} & {*names}


@pytest.mark.parametrize("theirs", SHARED)
def test_every_metric_that_has_a_shared_parameter_is_named(theirs):
    parameter, having = SHARED[theirs]
    assert {name for name in metrics.names() if parameter in parameters(name)} - {"infomec"} >= {*having}
    assert all(parameter in parameters(name) for name in having)
    assert {METRICS.get(name, name) for name in METRICS if parameter in parameters(METRICS[name])} <= {*having}


def test_nothing_of_ours_is_ignored_or_refused():
    for name in (*metrics.METRICS.names(), *metrics.CLASSIFIERS.names()):
        assert name not in REFUSED
    for theirs in IGNORED:
        metric, _, parameter = theirs.partition(".")
        if metric in metrics.METRICS:
            assert parameter not in parameters(metric)


def test_python_callers_are_told_what_a_metric_of_its_is_called():
    with pytest.raises(UnknownName) as caught:
        metrics.score("sap_score", factors=[[0]], codes=[[0.0]])
    assert str(caught.value) == "no metric is called 'sap_score'; disentanglement_lib's sap_score is sap_dlib here"


def test_the_page_has_the_table():
    """Written anew by: python -c 'from dlib_bvae.dlib_names import table; print(table())'."""
    rows = re.search(re.escape(HEAD) + r"(?:\|.*\n)*", PAGE.read_text(encoding="utf-8"))
    assert rows is not None
    assert rows[0] == table()
    assert all(f"`{theirs}" in table() for theirs in (*METRICS, *ALIASES, *IGNORED, *REFUSED) if theirs not in METRICS)


def test_advice_is_one_line():
    lines = [said(theirs) for theirs in (*ALIASES, *IGNORED)]
    assert len(set(lines)) == len(lines)
    assert all("\n" not in line and line.startswith("disentanglement_lib's ") for line in lines)

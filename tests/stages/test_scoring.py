"""scoring.py: the null of a result, made with it or added to it later."""

import json
from pathlib import Path

import numpy as np
import pytest
from support.matchings import matchings

from dlib_bvae import datasets, metrics
from dlib_bvae.analysis import tables
from dlib_bvae.analysis.frame import collect
from dlib_bvae.artifacts import read_identity
from dlib_bvae.errors import UserError
from dlib_bvae.metrics.engine import boosting
from dlib_bvae.stages import evaluate
from dlib_bvae.stages.external import external_codes
from dlib_bvae.stages.scoring import Scoring

PLACE = Path("runs/mine/codes/metrics/mig-num_train=200")


@pytest.fixture
def score_null(codes, small):
    """score_null("mig", 5) → the results, with five matchings."""
    np.save("mine.npy", codes)

    def score(metric, null, *bindings, **more):
        source = external_codes(codes=Path("mine.npy"), dataset="dummy_data")
        paths = evaluate.run(metric, [small], bindings, source=source, null=null, **more)
        return [json.loads((path / "results/json/evaluation_results.json").read_text()) for path in paths]

    return score


def counted(monkeypatch):
    """A list that gets the codes of every scoring."""
    scored, of = [], Scoring._of
    monkeypatch.setattr(Scoring, "_of", lambda self, codes: scored.append(codes) or of(self, codes))
    return scored


def test_twenty_matchings_after_five_are_fifteen_more_of_the_same_result(score_null, monkeypatch, capsys):
    scored = counted(monkeypatch)
    (without,) = score_null("mig", None)
    (five,) = score_null("mig", 5)
    (twenty,) = score_null("mig", 20)
    (fewer,) = score_null("mig", 5)
    (none,) = score_null("mig", None)
    assert [len(scored), fewer, none] == [21, twenty, twenty]
    assert "null" not in without
    said = five["null"]["discrete_mig"]
    assert (said["n"], said["p"], said["missing"]) == (5, None, {"p": "it takes at least 19 matchings"})
    values = twenty["null_scores"]["discrete_mig"]
    assert (len(values), values[:5]) == (20, five["null_scores"]["discrete_mig"])
    assert twenty["null"]["discrete_mig"]["p"] == 1 / 21
    assert twenty["elapsed_time"] > five["elapsed_time"] > without["elapsed_time"]
    changed = {"null", "null_scores", "elapsed_time"}
    assert {key: value for key, value in twenty.items() if key not in changed} == {
        key: value for key, value in without.items() if key not in changed
    }
    assert read_identity(PLACE, "evaluation").recorded["evaluation.null"] == 20
    assert read_identity(PLACE, "evaluation").digest == without["identity"]
    printed = capsys.readouterr().out.splitlines()
    assert [line.split(":")[1] for line in printed if "metrics" in line] == [
        *printed[0].split(":")[1:2],
        *2 * [" more matchings"],
        *2 * [" scored already"],
    ]
    assert f"(null {np.mean(values):.4f})" in printed[-1]
    direct = metrics.score("mig", datasets.load("dummy_data"), np.load("mine.npy"), 0, null=20, num_train=200)
    assert {key: twenty[key] for key in direct} == direct
    (again,) = score_null("mig", 20, overwrite=True)
    assert again["null"] == twenty["null"]


def test_a_null_of_repeats_is_of_their_mean_and_metrics_of_codes_alone_have_none(score_null, monkeypatch):
    (repeated,) = score_null("mig", 2, repeats=2)
    data, given = datasets.load("dummy_data"), np.load("mine.npy")
    single = [
        metrics.score("mig", data, each, seed, num_train=200) for each in matchings(given, 2, 0) for seed in (0, 1)
    ]
    values = np.array([each["discrete_mig"] for each in single]).reshape(2, 2).mean(axis=1)
    assert repeated["null_scores"]["discrete_mig"] == pytest.approx(values)
    scored = counted(monkeypatch)
    for _ in range(2):
        (found,) = score_null("active_units", 2)
        assert "null" not in found
    assert len(scored) == 1


def test_results_with_and_without_null_are_pooled_and_what_is_mixed_or_damaged_is_refused(score_null, monkeypatch):
    score_null("dci", 1)
    np.save("other.npy", np.load("mine.npy") * 2)
    source = external_codes(codes=Path("other.npy"), dataset="dummy_data", name="mine", output_dir=Path("runs/other"))
    evaluate.run("dci", [], ["dci.num_train = 200", "dci.num_test = 200", "dci.n_estimators = 2"], source=source)
    frame, problems = collect(Path("runs"))
    assert problems == []
    assert set(tables.aggregate(frame)["runs"]) == {2}
    monkeypatch.setattr(boosting, "misfit", lambda: "as if")
    with pytest.raises(UserError, match="the scores of dci that stand are of other trees than this version"):
        score_null("dci", 2)
    (path,) = Path("runs/mine").rglob("evaluation_results.json")
    results = json.loads(path.read_text())
    for damage in ({"null_scores": {"disentanglement": [1]}}, {"null_scores": 3}, {"null": 3}):
        path.write_text(json.dumps({**results, **damage}))
        with pytest.raises(UserError, match=r"evaluation_results\.json is damaged"):
            score_null("dci", 1)


def test_screened_codes_are_a_parameter_of_the_result_only_where_codes_are_wider(score_null):
    plain, narrow, wide = (
        score_null("dci_lasso", None, *bindings)[0]
        for bindings in ([], ["evaluation.screened_codes = 3"], ["evaluation.screened_codes = 2"])
    )
    assert "screened_codes" not in plain["metric_parameters"] | narrow["metric_parameters"]
    assert "screening" not in plain.keys() | narrow.keys()
    assert wide["metric_parameters"]["screened_codes"] == 2
    assert (wide["screening"]["codes"], wide["screening"]["images"], len(wide["importance"])) == (3, 128, 2)
    assert wide["uuid"] != plain["uuid"]

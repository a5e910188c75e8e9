"""repeats.py: several results of one metric against means and intervals worked out by hand."""

import math

import numpy as np
import pytest

from dlib_bvae import datasets, metrics
from dlib_bvae.metrics.engine.repeats import combined, interval

RESULTS = [
    {
        "score": score,
        "count": count,
        "per_factor": {"row": score, "column": 1.0},
        "per_code": [score, 0.0],
        "matrix": [[count, 0], [0, 2]],
        "active_codes": active,
        "of_active": [[score], [0.5]],
        "names": ["row", "column"],
        "best": {"row": count, "column": 0},
        "flag": True,
    }
    for score, count, active in [(0.2, 1, [0, 1]), (0.4, 2, [0, 2]), (0.9, 3, [0, 1])]
]


def test_scores_are_means_and_their_spread_is_told():
    found = combined(RESULTS, [5, 6, 7])
    assert found["score"] == pytest.approx(0.5)
    assert found["count"] == 2.0
    repeats = found["repeats"]
    assert repeats["seeds"] == [5, 6, 7]
    assert repeats["scores"] == {"score": [0.2, 0.4, 0.9], "count": [1, 2, 3]}
    std = math.sqrt((0.3**2 + 0.1**2 + 0.4**2) / 2)
    assert repeats["std"] == {"score": pytest.approx(std), "count": 1.0}
    half = 4.302653 * std / math.sqrt(3)  # 97.5 % of Student's t with two degrees of freedom, from a table
    assert repeats["interval_95"]["score"] == pytest.approx([0.5 - half, 0.5 + half], rel=1e-6)


def test_what_is_measured_is_averaged_and_what_differs_otherwise_is_left_out():
    found = combined(RESULTS, [0, 1, 2], of_active=["of_active"])
    assert found["per_factor"] == {"row": pytest.approx(0.5), "column": 1.0}
    assert found["per_code"] == pytest.approx([0.5, 0.0])
    assert found["matrix"] == [[2.0, 0.0], [0.0, 2.0]]
    assert found["names"] == ["row", "column"]
    assert found["best"] == {"column": 0}
    assert found["flag"] is True
    assert "active_codes" not in found
    assert "of_active" not in found
    assert combined([RESULTS[0], RESULTS[2]], [0, 1], ["of_active"])["of_active"][0] == pytest.approx([0.55])


def test_a_score_that_one_repeat_lacks_is_none():
    found = combined([{"tc": 1.0, "mi": 0.5}, {"tc": None, "mi": 0.5}], [0, 1])
    assert found["tc"] is None
    assert found["mi"] == 0.5
    assert found["repeats"]["scores"] == {"mi": [0.5, 0.5]}


def test_why_a_score_is_missing_is_kept_of_whichever_repeat_says_so():
    lacking = {"tc": None, "mi": 0.5, "missing_scores": {"tc": "too few"}}
    for results in ([lacking, {"tc": 1.0, "mi": 0.5}], [{"tc": 1.0, "mi": 0.5}, lacking], [lacking, lacking]):
        found = combined(results, [0, 1])
        assert found["tc"] is None
        assert found["missing_scores"] == {"tc": "too few"}
        assert found["repeats"]["std"] == {"mi": 0.0}


def test_uneven_lists_are_left_out():
    found = combined([{"s": 1.0, "rows": [[0.1], [0.2, 0.3]]}, {"s": 1.0, "rows": [[0.1]]}], [0, 1])
    assert "rows" not in found


def test_an_interval_covers_the_mean_as_often_as_it_says():
    rng = np.random.default_rng(0)
    covered = [low <= 0 <= high for low, high in (interval(rng.normal(size=4)) for _ in range(2_000))]
    assert np.mean(covered) == pytest.approx(0.95, abs=0.015)


def test_every_metric_that_uses_the_whole_grid_has_no_spread():
    data = datasets.load("dummy_data")
    codes = data.factors_at(np.arange(512)).astype(float)
    decode = lambda latents: np.zeros((len(latents), 16, 16, 1))
    seeds = [0, 1, 2]
    found = [metrics.score("reconstruction_error", data, codes, seed, decode=decode) for seed in seeds]
    assert combined(found, seeds)["repeats"]["std"] == {"squared_error": 0.0, "bernoulli_error": 0.0}


def test_what_is_by_code_is_left_out_where_other_codes_were_kept():
    kept = lambda *codes: {"codes": 9, "images": 4, "kept": list(codes)}
    first = {"s": 1.0, "by_code": [0.5, 0.1], "matrix": [[0.5, 0.1], [0.1, 0.5]], "by_size": [0.1, 0.2, 0.3]}
    same = combined([{**first, "screening": kept(3, 7)}] * 2, [0, 1])
    assert (same["screening"], same["by_code"]) == (kept(3, 7), [0.5, 0.1])
    other = combined([{**first, "screening": kept(3, 7)}, {**first, "screening": kept(3, 8)}], [0, 1])
    assert other["screening"] == {"codes": 9, "images": 4}
    assert (other["s"], other["by_size"]) == (1.0, [0.1, 0.2, 0.3])
    assert not {"by_code", "matrix"} & other.keys()

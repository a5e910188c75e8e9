"""mig_sup.py, dcimig.py, jemmig.py, med.py: against slow versions of their definitions, and what tells them apart."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import entropy
from sklearn.metrics import mutual_info_score
from support.known_codes import GRID, LARGE, mixed

from dlib_bvae.errors import UserError
from dlib_bvae.metrics.dcimig import assigned_gaps, dcimig
from dlib_bvae.metrics.engine.sampling import Sampler
from dlib_bvae.metrics.jemmig import jemmig
from dlib_bvae.metrics.med import med, most_disentangled
from dlib_bvae.metrics.mig_sup import mig_sup

NUM = 1200
FACTORS = GRID.factors()
IDENTITY = GRID.identity()
# The largest gain of chance: (bins - 1) (values - 1) / 2n nats.
BOTH = np.stack([FACTORS[:, 0] * 4 + FACTORS[:, 1], FACTORS[:, 2], FACTORS[:, 3]], axis=1)
METRICS = {
    "mig_sup": (mig_sup, "mig_sup"),
    "dcimig": (dcimig, "dcimig"),
    "jemmig": (jemmig, "jemmig"),
    "med_disentanglement": (med, "disentanglement"),
    "med_completeness": (med, "completeness"),
}
EVERY = pytest.mark.parametrize("name", METRICS)


def value(name, codes, grid=GRID, seed=0, num=NUM):
    metric, key = METRICS[name]
    return metric(grid, codes, seed, num_train=num)[key]


@EVERY
def test_a_code_for_each_factor_scores_almost_one(name):
    # Shares of information count the chance information of the other codes, jemmig's entropy none.
    assert value(name, IDENTITY, num=20_000) > 0.99


@EVERY
def test_noise_scores_almost_0(name):
    score = value(name, LARGE.noise(), LARGE, num=10_000)
    if name == "jemmig":
        # Code and factor have both entropies; noise fills the bins less than evenly.
        assert 0 < score < 0.2
    elif name == "med_disentanglement":
        # What is left is chance information, which each factor shares out by itself: even, too.
        assert score < 0.05
    else:
        assert score < 0.05


@EVERY
def test_a_rotation_lowers_all(name):
    assert value(name, GRID.rotated()) < value(name, IDENTITY) - 0.3


def test_a_code_twice_is_bad_for_those_that_want_compact_codes_only():
    twice = {name: value(name, np.repeat(IDENTITY, 2, axis=1), num=10_000) for name in METRICS}
    for name in ("mig_sup", "dcimig", "med_disentanglement"):
        assert twice[name] > 0.97
    assert twice["jemmig"] == pytest.approx(
        np.mean([1 - np.log(k) / (np.log(k) + np.log(20)) for k in (3, 4, 6, 5)]), abs=0.01
    )
    assert twice["med_completeness"] == pytest.approx(1 - np.log(2) / np.log(8), abs=0.03)


def test_a_code_for_two_factors_is_bad_for_those_that_want_modular_codes_only():
    two = {name: value(name, BOTH, num=10_000) for name in METRICS}
    assert two["med_completeness"] > 0.97
    assert two["mig_sup"] == pytest.approx(2 / 3, abs=0.01)  # its code leads by nothing
    gap = np.log(4) - np.log(3)
    assert two["dcimig"] == pytest.approx((gap + np.log(6) + np.log(5)) / np.log(3 * 4 * 6 * 5), abs=0.01)
    bits = np.log(20)
    expected = [1 - np.log(4) / (np.log(3) + bits), 1 - np.log(3) / (np.log(4) + bits), 1, 1]
    assert two["jemmig"] == pytest.approx(np.mean(expected), abs=0.01)
    shares = np.array([2 * (1 - np.log(2) / np.log(4)), 1, 1]) / 4
    assert two["med_disentanglement"] == pytest.approx(shares.sum(), abs=0.02)


@EVERY
def test_dead_codes_do_not_count(name):
    codes = np.hstack([mixed(GRID), np.ones((360, 3))])
    if name == "mig_sup":
        results = [mig_sup(GRID, each, 0, num_train=NUM) for each in (mixed(GRID), codes)]
        assert results[0]["mig_sup_active"] == results[0]["mig_sup"] == pytest.approx(results[1]["mig_sup_active"])
        assert results[1]["mig_sup"] == pytest.approx(results[0]["mig_sup"] * 5 / 8)
        assert results[1]["active_codes"] == [0, 1, 2, 3, 4]
    elif name == "med_completeness":  # entropies to the base of all codes
        assert value(name, codes) > value(name, mixed(GRID))
    else:
        assert value(name, codes) == pytest.approx(value(name, mixed(GRID)), abs=1e-6)


def slow_information(codes, seed, metric):
    """Mutual information (latents, factors), bins and factors of the images that the metric drew."""
    sample = Sampler(metric, GRID, codes, seed).draw("num_train", NUM)
    bins = [np.digitize(code, np.histogram(code, 20)[1][:-1]) for code in sample.codes.T]
    return np.array([[mutual_info_score(b, f) for f in sample.factors.T] for b in bins]), bins, sample.factors.T


def test_they_agree_with_slow_ones_from_the_definitions():
    codes = mixed(GRID)
    told, bins, factors = slow_information(codes, 3, "any")
    entropies = [mutual_info_score(f, f) for f in factors]
    gaps = []
    for row in told / entropies:
        first, second = sorted(row, reverse=True)[:2]
        gaps.append(first - second)
    assert value("mig_sup", codes, seed=3) == pytest.approx(np.mean(gaps))

    kept = np.zeros(4)
    for row in told:
        first, second = sorted(row, reverse=True)[:2]
        kept[row.argmax()] = max(kept[row.argmax()], first - second)
    assert value("dcimig", codes, seed=3) == pytest.approx(kept.sum() / np.sum(entropies))

    scores = []
    for k, factor in enumerate(factors):
        order = np.argsort(told[:, k])
        joint = [f"{a} {b}" for a, b in zip(factor, bins[order[-1]], strict=True)]
        nats = mutual_info_score(joint, joint) - told[order[-1], k] + told[order[-2], k]
        scores.append(1 - nats / (entropies[k] + np.log(20)))
    assert value("jemmig", codes, seed=3) == pytest.approx(np.mean(scores))

    shares = told / told.sum(axis=0)
    rows = np.array([1 - entropy(row, base=4) for row in shares])
    assert value("med_disentanglement", codes, seed=3) == pytest.approx(np.sum(rows * shares.sum(axis=1)) / 4)
    columns = np.array([1 - entropy(column, base=5) for column in shares.T])
    assert value("med_completeness", codes, seed=3) == pytest.approx(np.mean(columns))


@settings(max_examples=20, deadline=None)
@given(st.permutations(range(5)), st.lists(st.sampled_from([-4.0, -1.0, 0.5, 8.0]), min_size=5, max_size=5))
def test_order_sign_and_scale_of_codes_do_not_matter(order, scale):
    codes = mixed(GRID)
    for name in METRICS:
        # A value on an edge of bins may change sides with the sign.
        assert value(name, (codes * scale)[:, order]) == pytest.approx(value(name, codes), abs=1e-3)


def test_a_gap_goes_to_one_factor():
    told = assigned_gaps(np.array([[0.5, 0.2, 0.4], [0, 0, 0]]))
    assert told.tolist() == [[pytest.approx(0.1), 0, 0], [0, 0, 0]]
    best = dcimig(GRID, IDENTITY[:, :1], 0)["best_codes"]
    assert best == {"factor_0": 0, "factor_1": None, "factor_2": None, "factor_3": None}


def test_the_most_disentangled_codes_of_each_factor_are_kept():
    importance = np.array([[0.9, 0.1], [0.5, 0.4], [0.8, 0.0], [0.1, 0.2]])
    assert most_disentangled(importance, 1).tolist() == [2, 3]
    assert most_disentangled(importance, 2).tolist() == [0, 2, 3]
    many = np.hstack([GRID.rotated(), IDENTITY])
    result = med(GRID, many, 0, top_k=1)
    assert result["top_k_codes"] == [4, 5, 6, 7]
    assert result["top_k_disentanglement"] > 0.98 > result["disentanglement"]


def test_numbers_out_of_range_are_refused():
    for metric in (mig_sup, dcimig, jemmig, med):
        with pytest.raises(UserError, match=rf"{metric.__name__}\.num_bins must be an integer >= 2; got 1"):
            metric(GRID, IDENTITY, 0, num_bins=1)
    with pytest.raises(UserError, match=r"med\.top_k must be an integer >= 1; got 0"):
        med(GRID, IDENTITY, 0, top_k=0)

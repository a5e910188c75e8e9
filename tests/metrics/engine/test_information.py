"""information.py: against numpy and scikit-learn, and the symmetries of information."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import trapezoid
from scipy.special import digamma
from scipy.stats import norm
from sklearn.feature_selection import mutual_info_classif
from sklearn.metrics import mutual_info_score
from support.known_codes import GRID, mixed

from dlib_bvae.metrics.engine import information
from dlib_bvae.metrics.engine.information import (
    binned_tables,
    corrected_information,
    distance_to_neighbour,
    factor_entropies,
    histogram_bins,
    mutual_information,
    neighbour_information,
    value_bins,
)

SIZES = [3, 5, 2]


def labels(seed, num=200):
    rng = np.random.default_rng(seed)
    return np.stack([rng.integers(size, size=num) for size in SIZES], axis=1)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.one_of(st.floats(-1e6, 1e6), st.integers(-3, 3).map(float)), min_size=1, max_size=60),
    st.integers(1, 30),
)
def test_bins_are_numpy_s_histogram_s(values, num_bins):
    codes = np.array(values)[:, None]
    bins = histogram_bins(codes, num_bins)[:, 0]
    if np.ptp(codes) == 0:
        assert not bins.any()
        return
    try:
        counts, edges = np.histogram(codes, num_bins)
    except ValueError:  # numpy cannot cut a range of a few float steps into so many
        return
    assert np.array_equal(bins, np.digitize(codes[:, 0], edges[:-1]) - 1)  # as the reference suite does
    assert np.array_equal(np.bincount(bins, minlength=num_bins), counts)


def test_value_bins_rank_the_values_of_each_code():
    bins, num_bins = value_bins(np.array([[3.0, 7], [-1, 7], [3, 7], [5, 8]]))
    assert bins.tolist() == [[1, 0], [0, 0], [1, 0], [2, 1]]
    assert num_bins == 3


@pytest.mark.parametrize("chunk", [1, 450, 2**22])
def test_tables_are_counts_however_many_are_counted_at_once(chunk, monkeypatch):
    monkeypatch.setattr(information, "_CHUNK", chunk)
    factors, bins = labels(0), np.random.default_rng(1).integers(4, size=(200, 5))
    tables = information.contingency(bins, 4, factors, SIZES)
    for k, table in enumerate(tables):
        assert table.shape == (5, 4, SIZES[k])
        for j, b, v in np.ndindex(*table.shape):
            assert table[j, b, v] == sum((bins[:, j] == b) & (factors[:, k] == v))


@pytest.mark.parametrize("seed", range(3))
def test_mutual_information_agrees_with_scikit_learn(seed):
    factors = labels(seed)
    bins = (factors[:, [0, 1, 1]] + np.random.default_rng(seed).integers(2, size=(200, 3))) % 6
    tables = information.contingency(bins, 6, factors, SIZES)
    expected = [[mutual_info_score(b, f) for f in factors.T] for b in bins.T]
    assert information.mutual_information(tables) == pytest.approx(np.array(expected), abs=1e-12)
    assert information.factor_entropies(factors, SIZES) == pytest.approx([mutual_info_score(f, f) for f in factors.T])
    joint = information.joint_entropy(tables)
    pairs = [[[f"{x} {y}" for x, y in zip(b, f, strict=True)] for f in factors.T] for b in bins.T]
    assert joint == pytest.approx(np.array([[mutual_info_score(p, p) for p in row] for row in pairs]))


def test_a_constant_code_has_exactly_no_information():
    tables = information.binned_tables(np.full((200, 1), 0.3), 20, labels(0), SIZES)
    assert (information.mutual_information(tables) == 0).all()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**31 - 1), st.floats(0.01, 100), st.sampled_from([-1, 1]), st.floats(-50, 50))
def test_scale_sign_and_offset_of_codes_do_not_matter(seed, scale, sign, offset):
    factors = labels(seed)
    # Multiples of the bin width apart, so that no code changes its bin by rounding.
    codes = (np.random.default_rng(seed).integers(20, size=(200, 2)) + 0.5 + 0.0 * factors[:, :2]).astype(float)
    codes[:2] = [[0.25, 0.25], [19.75, 19.75]]
    plain, moved = (
        information.mutual_information(information.binned_tables(each, 20, factors, SIZES))
        for each in (codes, sign * scale * codes + offset)
    )
    assert moved == pytest.approx(plain, abs=1e-9)


def test_independent_codes_are_within_the_bias_of_the_plug_in_estimate():
    rng = np.random.default_rng(0)
    num, bins = 10_000, 20
    factors, codes = rng.integers(32, size=(num, 1)), rng.uniform(size=(num, 8))
    found = information.mutual_information(information.binned_tables(codes, bins, factors, [32]))
    expected = (bins - 1) * (32 - 1) / (2 * num)
    assert found.mean() == pytest.approx(expected, rel=0.1)


def test_the_gap_of_one_code_is_what_it_has():
    assert information.gap_of_top_two(np.array([[0.3, 0.1]])).tolist() == [0.3, 0.1]
    assert information.gap_of_top_two(np.array([[0.1, 0.5], [0.75, 0.5], [0.25, 0]])).tolist() == [0.5, 0]


@pytest.mark.parametrize("mean", [0.0, 1e-9, -3.0])
@pytest.mark.parametrize("deviation", [1e-4, 1 - 1e-9, 1.0, 7.0])
def test_the_kl_of_a_gaussian_is_the_integral(mean, deviation):
    x = np.linspace(mean - 12 * deviation, mean + 12 * deviation, 200_001)
    ratio = norm.logpdf(x, mean, deviation) - norm.logpdf(x)
    integral = trapezoid(norm.pdf(x, mean, deviation) * ratio, x)
    found = information.gaussian_kl(np.float32([mean]), np.array([2 * np.log(deviation)]))
    assert found.shape == (1,)
    assert found[0] == pytest.approx(integral, rel=1e-6, abs=1e-12)
    assert found[0] >= 0


def test_nearest_neighbours_are_scikit_learn_s():
    codes, factors = mixed(GRID)[::2], GRID.factors()[::2, :3]
    scaled = (codes - codes.mean(axis=0)) / codes.std(axis=0)
    expected = [mutual_info_classif(scaled, f, n_neighbors=4, random_state=0) for f in factors.T]
    # scikit-learn adds noise of 1e-10, which may make a neighbour of another image.
    assert neighbour_information(scaled, factors, 4) == pytest.approx(np.stack(expected, axis=1), abs=1e-3)


def bfloat16(codes):
    """Codes as bfloat16 keeps them, to the nearest."""
    bits = np.float32(codes).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000).astype(np.uint32).view(np.float32).astype(float)


@pytest.mark.parametrize(
    "rounded",
    [
        lambda code: code,
        bfloat16,
        lambda code: code.round(2),
        lambda code: code.round(1),
        lambda code: (3 + 0.1 * code).astype(np.float16).astype(float),
    ],
)
def test_rounding_gives_independent_codes_no_information_and_takes_none_of_others(rounded):
    rng = np.random.default_rng(0)
    factor, noise = rng.integers(8, size=(4_000, 1)), rng.normal(size=(4_000, 1))
    assert neighbour_information(rounded(noise), factor, 10)[0, 0] < 0.02
    known = (factor - 3.5) / 3.5 + 0.1 * noise
    expected = neighbour_information(known, factor, 10)
    assert neighbour_information(rounded(known), factor, 10) == pytest.approx(expected, abs=0.05)


def test_rows_with_the_same_codes_and_factors_count_once():
    codes, factors = mixed(GRID)[:120], GRID.factors()[:120]
    plain = neighbour_information(codes, factors, 5)
    several = np.repeat(np.arange(120), np.random.default_rng(0).integers(1, 5, size=120))
    assert np.array_equal(neighbour_information(codes[several], factors[several], 5), plain)
    # A discrete code of the only factor: its rows are the same, and no image was drawn twice.
    factor = np.random.default_rng(1).integers(6, size=(300, 1))
    found = neighbour_information(factor.astype(float), factor, 5)
    assert found[0, 0] == pytest.approx(mutual_info_score(factor[:, 0], factor[:, 0]))


def test_values_that_occur_once_say_nothing():
    codes, factor = np.random.default_rng(0).normal(size=12), np.array([0, 1] + [2] * 5 + [3] * 5)
    found = neighbour_information(codes[:, None], factor[:, None], 3)
    codes, factor = codes[2:], factor[2:]
    terms = []
    for code, value in zip(codes, factor, strict=True):
        third = np.sort(abs(codes[factor == value] - code))[3]
        terms.append(digamma(10) + digamma(3) - digamma(5) - digamma(sum(abs(codes - code) < third)))
    assert found[0, 0] == pytest.approx(np.mean(terms))
    assert found[0, 0] > 0
    assert neighbour_information(codes[:, None], np.arange(10)[:, None], 3).tolist() == [[0]]


def test_discrete_codes_have_their_plug_in_information():
    factors = GRID.factors()
    codes = factors[:, [0, 2]] + 2 * (factors[:, [1, 1]] > 1)
    expected = [[mutual_info_score(c, f) for f in factors.T] for c in codes.T]
    assert neighbour_information(codes.astype(float), factors, 10) == pytest.approx(np.array(expected))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-100, 100), min_size=3, max_size=40), st.data())
def test_distances_are_those_of_all_pairs(values, data):
    ordered = np.sort(values)
    k = data.draw(st.integers(1, len(values) - 1))
    expected = np.sort(np.abs(ordered[:, None] - ordered), axis=1)[:, k]
    assert distance_to_neighbour(ordered, k) == pytest.approx(expected)


@pytest.mark.parametrize("sizes", [(2, 8), (3, 40)])
def test_corrected_information_of_noise_is_nothing_and_of_a_copy_the_entropy(sizes):
    rng = np.random.default_rng(0)
    factors = np.stack([rng.integers(size, size=20_000) for size in sizes], axis=1)
    codes = np.stack([rng.normal(size=20_000), factors[:, 1].astype(float)], axis=1)
    tables = binned_tables(codes, 20, factors, sizes)
    plain, corrected = mutual_information(tables), corrected_information(tables)
    assert plain[0, 1] > 0.4 * 19 * (sizes[1] - 1) / 40_000  # the plug-in estimate's bias
    assert corrected[0].max() < 0.005
    own = 20 if sizes[1] > 20 else sizes[1]
    assert corrected[1, 1] == pytest.approx(np.log(own), abs=0.01)
    assert corrected[1, 1] <= factor_entropies(factors, sizes)[1] + 1e-12
    assert (corrected >= 0).all()


def test_corrected_information_of_a_small_table_by_hand():
    table = np.array([[[3, 1], [1, 3]]])  # one code, two bins, two values: 4 − 2 − 2 + 1 cells too many
    plain = mutual_information([table])
    assert corrected_information([table]) == pytest.approx(plain - 1 / 16)
    assert corrected_information([np.array([[[8, 0], [0, 0]]])]).tolist() == [[0.0]]

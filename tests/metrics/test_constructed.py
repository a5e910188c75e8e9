"""constructed.py: perturbations of no size change nothing, and others do what they say."""

import numpy as np
import pytest

from dlib_bvae.metrics.constructed import KNOWN_CODES, PERTURBATIONS, STRUCTURES, FactorGrid, codes_of

GRID = FactorGrid(3, 4, 6, 5)
IDENTITY = GRID.identity()


def made(name, value, seed=0):
    return PERTURBATIONS[name].make(GRID, value, np.random.default_rng(seed))


@pytest.mark.parametrize("name", PERTURBATIONS)
def test_at_rest_there_is_a_code_for_each_factor(name):
    codes = made(name, PERTURBATIONS[name].values[0])
    correlation = np.abs(np.corrcoef(codes.T, IDENTITY.T)[:4, 4:])
    assert correlation == pytest.approx(np.eye(4), abs=1e-6)


@pytest.mark.parametrize("name", PERTURBATIONS)
def test_values_go_one_way_and_the_seed_settles_the_noise(name):
    values = PERTURBATIONS[name].values
    assert list(values) == sorted(set(values))
    for value in values:
        assert np.array_equal(made(name, value), made(name, value))
        assert len(made(name, value)) == 360


def test_noise_is_a_share_of_the_deviation():
    for share in (0.5, 1.0):
        codes = made("noise", share)
        correlation = np.diag(np.corrcoef(codes.T, IDENTITY.T)[:4, 4:])
        assert correlation == pytest.approx(np.full(4, np.sqrt(1 - share**2)), abs=0.15)
        assert codes.std(axis=0) == pytest.approx(np.ones(4), abs=0.15)


def test_a_rotation_keeps_lengths_and_at_45_degrees_mixes_all_alike():
    for degrees in PERTURBATIONS["rotation"].values:
        assert np.linalg.norm(made("rotation", degrees), axis=1) == pytest.approx(np.linalg.norm(IDENTITY, axis=1))
    mixing = np.linalg.lstsq(IDENTITY, made("rotation", 45), rcond=None)[0]
    assert np.abs(mixing) == pytest.approx(np.full((4, 4), 0.5))


def test_duplicates_and_dead_codes_come_behind():
    assert np.array_equal(made("duplicated", 3), np.hstack([IDENTITY, IDENTITY[:, :3]]))
    codes = made("dead", 2)
    assert np.array_equal(codes[:, :4], IDENTITY)
    assert codes[:, 4:].std(axis=0) == pytest.approx([0.01, 0.01], rel=0.2)


def test_a_merged_code_tells_both_factors_and_stands_alone():
    codes = made("merged", 1)
    assert codes.shape == (360, 3)
    count = np.rint((codes[:, 0] + 1) / 2 * 11).astype(int)
    assert np.array_equal(np.stack([count // 4, count % 4], axis=1), GRID.factors()[:, :2])
    assert np.array_equal(codes[:, 1:], IDENTITY[:, 2:])
    assert made("merged", 2).shape == (360, 2)


def test_missing_codes_are_dead_and_bent_ones_in_order():
    codes = made("missing", 2)
    assert codes[:, :2].std() < 0.02
    assert np.array_equal(codes[:, 2:], IDENTITY[:, 2:])
    for column, straight in zip(made("bent", 4).T, IDENTITY.T, strict=True):
        assert np.array_equal(np.argsort(column, kind="stable"), np.argsort(straight, kind="stable"))
        assert len(np.unique(column)) == len(np.unique(straight))


def test_observations_have_the_shape_that_the_grid_says():
    observed = GRID.sample_observations_from_factors(GRID.factors(), None)
    assert observed.shape == (360, *GRID.observation_shape)
    assert np.array_equal(observed[:, 0, :, 0], GRID.factors())


@pytest.mark.parametrize("name", STRUCTURES)
def test_structures_have_the_dependence_that_they_say(name):
    sizes = (5, 6, 7, 6)
    ranks = STRUCTURES[name].make(sizes, np.random.default_rng(0))
    assert ranks.shape == (1_260, 4)
    assert (ranks.min(axis=0) == 0).all()
    assert ranks.max(axis=0).tolist() == [4, 5, 6, 5]
    correlations = np.corrcoef(ranks.T)
    others = correlations[np.triu_indices(4, 1)]
    if name == "independent":
        assert len(np.unique(ranks, axis=0)) == 1_260
    elif name == "correlated":
        assert others == pytest.approx(np.full(6, 0.66), abs=0.06)
    elif name == "redundant":
        assert np.array_equal(ranks[:, 3], ranks[:, 1])
        assert np.delete(others, 4) == pytest.approx(np.zeros(5), abs=0.09)
    else:
        assert correlations[0, 1:] == pytest.approx([0.77, 0.61, 0.49], abs=0.06)


def test_known_codes_are_what_theory_says_of_them():
    ranks = GRID.factors()
    codes = {name: codes_of(name, ranks, np.random.default_rng(0)) for name in KNOWN_CODES}
    truth = codes["aligned"]
    r2 = lambda a, b: (
        1 - ((b - np.c_[a, np.ones(len(a))] @ np.linalg.lstsq(np.c_[a, np.ones(len(a))], b, rcond=None)[0]) ** 2).mean()
    )
    for name in ("aligned", "permuted", "rotated", "pairwise", "overcomplete", "duplicated", "one_hot"):
        assert r2(codes[name], truth) == pytest.approx(1)
    assert r2(codes["dead"], truth) == pytest.approx(0.5, abs=0.02)
    assert r2(codes["undercomplete"], truth) == pytest.approx(0.5)
    assert r2(codes["noise"], truth) == pytest.approx(0, abs=0.05)
    assert r2(codes["quadratic"], truth) == pytest.approx(0, abs=1e-9)
    assert np.array_equal(np.argsort(codes["monotone"][:, 2], kind="stable"), np.argsort(truth[:, 2], kind="stable"))
    assert codes["rotated"].T @ codes["rotated"] / len(ranks) == pytest.approx(np.eye(4))  # factors are uncorrelated
    for k, size in enumerate(GRID.factors_num_values):
        assert len(np.unique(codes["sin_cos"][:, [k, k + 4]].round(9), axis=0)) == size
    assert codes["one_hot"].shape == (360, 18)

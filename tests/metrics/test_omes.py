"""omes.py: against its definition, known answers and the numbers of the authors' code."""

import numpy as np
import pytest
from support.known_codes import GRID, LARGE, mixed

from dlib_bvae.errors import UserError
from dlib_bvae.metrics.constructed import FactorGrid
from dlib_bvae.metrics.engine.sampling import Sampler, sampled
from dlib_bvae.metrics.omes import omes, pairs, pooled


def by_definition(association, pooling):
    """Overlap and multiple encoding of each factor, from loops over codes and factors."""
    latents, factors = association.shape
    found = np.zeros((2, factors))
    for k in range(factors):
        scores = np.zeros((2, latents))
        for j in range(latents):
            scores[0, j] = 1 - np.mean([abs((a == k) - association[j, a]) for a in range(factors)])
            scores[1, j] = 1 - np.mean([abs((b == j) - association[b, k]) for b in range(latents)])
        weighted = scores * association[:, k]
        average = np.average(weighted, weights=association[:, k], axis=1)
        found[:, k] = weighted.max(axis=1) if pooling == "max" else average
    return found


# What the authors' code (github JacopoDapueto/transfer_disentanglement, 75e1a8b) gives for these associations.
SMALL = [[0.9, 0.1, 0.3], [0.2, 0.8, 0.0], [0.05, 0.7, 0.6], [0.4, 0.25, 0.15]]
# Of the codes in its folder example/, 10 codes and 6 factors of Shapes3D.
EXAMPLE = """
    0.8812 0.0000 0.0010 0.0017 0.0007 0.0001   0.0000 0.9074 0.0007 0.0006 0.0001 0.0001
    0.0002 0.0003 0.8646 0.0189 0.0011 0.0003   0.0002 0.0006 0.9428 0.4569 0.0019 0.0007
    0.0005 0.0011 0.5903 0.0339 0.5243 0.0012   0.0001 0.0003 0.0008 0.0004 0.0003 0.8996
    0.0557 0.0037 0.3622 0.5981 0.0402 0.0133   0.0096 0.0099 0.9567 0.1777 0.0574 0.0045
    0.7995 0.0190 0.0349 0.2056 0.0355 0.0104   0.0020 0.9765 0.0523 0.0404 0.0090 0.0035
"""
EXAMPLE_AVERAGE = [0.7478813688, 0.8697678181, 0.6443199775, 0.3460246745, 0.3665527352, 0.8537780003]
EXAMPLE_MAX = [0.8287495073, 0.9187091025, 0.7942092885, 0.5143759683, 0.4598180907, 0.8858811]


@pytest.mark.parametrize(
    ("pooling", "overlap", "encoding", "example"),
    [
        (
            "average",
            [0.5167473118, 0.5015765766, 0.2592857143],
            [0.4952217742, 0.4224493243, 0.3366964286],
            EXAMPLE_AVERAGE,
        ),
        ("max", [0.75, 0.6933333333, 0.37], [0.73125, 0.55, 0.4725], EXAMPLE_MAX),
    ],
)
def test_it_pools_as_the_authors_code_does(pooling, overlap, encoding, example):
    small = np.array(SMALL)
    np.testing.assert_allclose(pooled(small, pooling), [overlap, encoding], atol=1e-9)
    large = np.array(EXAMPLE.split(), float).reshape(10, 6)
    np.testing.assert_allclose(np.mean(pooled(large, pooling), axis=0), example, atol=1e-9)
    for each in (small, large):
        np.testing.assert_allclose(pooled(each, pooling), by_definition(each, pooling))


@pytest.mark.parametrize("sampling", ["disjoint", "with_replacement"])
def test_it_agrees_with_a_slow_one_from_the_definition(sampling):
    codes = 100 + mixed(GRID)
    with sampled(sampling):
        result = omes(GRID, codes, 5, num_train=100, alpha=0.3)
        sampler = Sampler("omes", GRID, codes, 5, full_grid=True)
        sampler.seed()  # of the images where a cell has several
        drawn = [pairs(sampler, k, 100) for k in range(4)]
    association = np.array([[1 - abs(np.corrcoef(codes[a, j], codes[b, j])[0, 1]) for a, b in drawn] for j in range(5)])
    np.testing.assert_allclose(result["association"], association, atol=1e-9)
    overlap, encoding = by_definition(association, "average")
    assert result["overlap"] == pytest.approx(overlap.mean())
    assert result["multiple_encoding"] == pytest.approx(encoding.mean())
    assert list(result["omes_per_factor"].values()) == pytest.approx(0.3 * overlap + 0.7 * encoding)
    assert result["omes"] == pytest.approx(0.3 * overlap.mean() + 0.7 * encoding.mean())


@pytest.mark.parametrize("sampling", ["disjoint", "with_replacement"])
def test_pairs_differ_in_their_factor_only(sampling):
    with sampled(sampling):
        sampler = Sampler("omes", GRID, GRID.identity(), 0, full_grid=True)
        for factor, size in enumerate(GRID.factors_num_values):
            first, second = pairs(sampler, factor, 10_000)
            other = GRID.factors()[first] != GRID.factors()[second]
            assert (other == (np.arange(4) == factor)).all()
            images = np.concatenate([first, second])
            if sampling == "disjoint":
                assert len(np.unique(images)) == len(images) == 360 // size * (size - size % 2)
            assert set(GRID.factors()[first, factor]) == set(range(size))


def test_a_code_for_each_factor_scores_what_its_number_of_values_allows():
    grid = FactorGrid(2, 5, 21, 9)
    result = omes(grid, grid.identity(), 0, num_train=20_000)
    found = 1 - 1 / (np.array(grid.factors_num_values) - 1)
    np.testing.assert_allclose(result["association"], np.diag(found), atol=0.05)
    assert result["association"][0] == [0, 0, 0, 0]
    assert result["omes"] == pytest.approx(np.mean(found * (1 - (1 - found) / 4)), abs=0.02)


def test_noise_scores_by_the_numbers_of_factors_and_codes():
    result = omes(LARGE, LARGE.noise(6), 0)
    assert result["overlap"] == pytest.approx(1 / 4, abs=0.01)
    assert result["multiple_encoding"] == pytest.approx(1 / 6, abs=0.01)
    assert result["omes"] == pytest.approx((1 / 4 + 1 / 6) / 2, abs=0.01)


def test_a_code_twice_is_multiple_encoding_and_a_rotation_is_overlap_too():
    one = omes(GRID, GRID.identity(), 0)
    twice, rotated = (omes(GRID, codes, 0) for codes in (np.repeat(GRID.identity(), 2, axis=1), GRID.rotated()))
    assert twice["overlap"] == pytest.approx(one["overlap"])
    assert twice["multiple_encoding"] < one["multiple_encoding"] - 0.03
    assert rotated["overlap"] < one["overlap"] - 0.3
    assert rotated["multiple_encoding"] < one["multiple_encoding"] - 0.3


def test_codes_that_hardly_move_are_left_out():
    codes = np.hstack([np.full((360, 1), 0.1), GRID.identity(), 0.01 * GRID.noise()])
    result = omes(GRID, codes, 0)
    assert result["active_codes"] == [1, 2, 3, 4]
    assert result["omes"] == pytest.approx(omes(GRID, GRID.identity(), 0)["omes"])
    assert omes(GRID, codes, 0, prune_threshold=0)["active_codes"] == list(range(1, 9))
    nothing = omes(GRID, codes[:, :1], 0)
    assert (nothing["omes"], nothing["num_active_dims"], nothing["association"]) == (0.0, 0, [])


def test_a_code_that_moves_in_no_pair_of_a_factor_is_not_associated_with_it():
    sampler = Sampler("omes", GRID, GRID.identity(), 0, full_grid=True)
    sampler.seed()
    moved = pairs(sampler, 0, 2)[0][0]
    code = (np.arange(360) == moved)[:, None] * 1.0
    result = omes(GRID, code, 0, num_train=2)
    assert (result["active_codes"], result["association"]) == ([0], [[0, 0, 0, 0]])


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"alpha": 1.5}, r"omes\.alpha must be a finite number >= 0 and <= 1"),
        ({"alpha": "a"}, r"omes\.alpha must be"),
        ({"pooling": "mean"}, "no omes.pooling is called 'mean'"),
        ({"prune_threshold": -1}, r"omes\.prune_threshold must be"),
    ],
)
def test_parameters_out_of_range_are_refused(parameters, message):
    with pytest.raises(UserError, match=message):
        omes(GRID, GRID.identity(), 0, **parameters)

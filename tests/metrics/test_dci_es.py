"""dci_es.py: against the definition, scikit-learn and known answers."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from support.known_codes import GRID, LARGE, ONE_HOT, Grid, mixed

from dlib_bvae.errors import UserError
from dlib_bvae.metrics.constructed import FactorGrid
from dlib_bvae.metrics.dci_es import _are_read, best_accuracy, dci_es, explicitness, fourier_features
from dlib_bvae.metrics.engine.probes import fixed_order, standardised
from dlib_bvae.metrics.engine.sampling import Sampler, sampled

FEW = {"num_train": 1500, "num_test": 1000, "widths": [8, 32, 128]}


def test_the_area_is_that_of_a_triangle():
    capacities, guess = np.array([1.0, 3.0]), np.array([0.5])
    # From a guess to nothing in a straight line: half of the rectangle, twice that is all of it.
    assert explicitness(capacities, np.array([[0.5], [0.0]]), guess).tolist() == [0]
    assert explicitness(capacities, np.array([[0.3], [0.3]]), guess).tolist() == [1]
    late = np.array([[0.5], [0.5], [0.0]])
    assert explicitness(np.array([0, 1 - 1e-9, 1]), late, guess) == pytest.approx([-1], abs=1e-6)


def test_two_halves_are_read_by_smaller_probes_than_four_fields():
    grid = Grid(2, 1500)
    colour, rng = grid.factors()[:, 0], np.random.default_rng(0)
    across, up = rng.uniform(-1, 1, size=(2, len(colour)))
    clear = np.stack([abs(across) * (2 * colour - 1), up], axis=1)
    fields = np.stack([abs(across) * (2 * colour - 1) * np.sign(up), up], axis=1)
    few = {**FEW, "widths": [2, 4, 8, 16, 32, 64]}
    results = [dci_es(grid, codes, 0, **few) for codes in (clear, fields)]
    assert max(result["losses"][-1][0] for result in results) < 0.1
    observed = [result["explicitness_per_factor"]["factor_0"] for result in results]
    assert observed[0] > observed[1] + 0.1


def test_noise_is_never_read():
    result = dci_es(LARGE, LARGE.noise(), 0, **FEW)
    guess = np.mean([1 / size for size in LARGE.factors_num_values])
    assert result["best_accuracy"] == pytest.approx(guess, abs=0.04)


@pytest.mark.parametrize("codes", [LARGE.noise(10), np.ones((12_000, 3))], ids=["noise", "constant"])
def test_what_no_probe_reads_has_no_explicitness_and_the_result_says_why(codes):
    result = dci_es(LARGE, codes, 0, **FEW)
    assert result["explicitness"] is None
    assert result["missing_scores"] == {"explicitness": "no probe reads any factor better than a guess"}
    assert (result["num_read_factors"], result["explicitness_per_factor"]) == (0, {})


def test_explicitness_is_the_mean_over_the_factors_that_are_read():
    result = dci_es(LARGE, np.hstack([LARGE.identity()[:, [0, 3]], LARGE.noise(2)]), 0, **FEW)
    assert list(result["explicitness_per_factor"]) == ["factor_0", "factor_3"]
    assert result["num_read_factors"] == 2
    assert result["explicitness"] == pytest.approx(np.mean(list(result["explicitness_per_factor"].values())))
    assert "missing_scores" not in result


def test_a_factor_is_read_from_three_standard_errors_above_the_most_frequent_value():
    factors = np.repeat([0, 1], [300, 100])[:, None]  # the best guess is right for 0.75 ± 0.0217
    accuracies = np.array([0.814, 0.816])
    assert [_are_read(each[None], factors)[0] for each in accuracies] == [False, True]


def test_losses_fall_and_size_is_the_number_of_factors_a_code():
    result = dci_es(GRID, mixed(GRID, latents=6), 0, **FEW)
    assert (np.diff(result["losses"], axis=0) <= 0).all()
    assert np.array(result["losses"]).shape == (3, 4)
    assert result["size"] == 4 / 6


def test_a_wider_draw_begins_with_the_same_features():
    codes = GRID.identity()
    assert np.array_equal(fourier_features(codes, 64, 3)[:, :16], fourier_features(codes, 16, 3))


def test_features_make_a_gaussian_kernel():
    codes = mixed(GRID)[:20]
    features = fourier_features(codes, 20_000, 0)
    distances = ((codes[:, None] - codes) ** 2).sum(axis=-1)
    assert features @ features.T / 20_000 == pytest.approx(np.exp(-distances / (2 * 5)), abs=0.05)


def test_probes_are_ridge_regressions():
    codes = mixed(GRID)
    result = dci_es(GRID, codes, 2, num_train=600, num_test=400, widths=[8, 64], penalty=1e-3)
    sampler = Sampler("dci_es", GRID, codes, 2)
    train, test = standardised(*sampler.train_and_test(600, 400))
    seed = sampler.seed()
    errors = []
    for width in (8, 64):
        order = fixed_order(np.round(train.codes, 9))
        x, t = (fourier_features(each.codes[:, order], width, seed) for each in (train, test))
        models = [
            Ridge(alpha=1e-3 * len(x)).fit(x, np.eye(size)[y])
            for size, y in zip([3, 4, 6, 5], train.factors.T, strict=True)
        ]
        errors.append([np.mean(m.predict(t).argmax(axis=1) != y) for m, y in zip(models, test.factors.T, strict=True)])
    assert np.array(result["losses"]) == pytest.approx(np.minimum.accumulate(errors, axis=0))


def test_order_scale_and_offset_of_codes_do_not_matter():
    codes = mixed(GRID)
    plain, moved = dci_es(GRID, codes, 0, **FEW), dci_es(GRID, 3 + 5 * codes, 0, **FEW)
    assert moved["explicitness"] == pytest.approx(plain["explicitness"], abs=1e-6)
    turned = dci_es(GRID, codes[:, ::-1], 0, **FEW)
    assert turned["explicitness"] == pytest.approx(plain["explicitness"], abs=1e-6)


@pytest.mark.parametrize("widths", [[8], 8, "16", [16, 8], [8, 8], [8, 10**6]])
def test_bad_widths_are_refused(widths):
    with pytest.raises(UserError, match=r"dci_es\.widths must"):
        dci_es(GRID, ONE_HOT, 0, widths=widths)


def test_the_most_features_and_two_widths_are_the_bounds():
    with pytest.raises(UserError, match=r"widths must ascend, to at most 16384; got \[8, 16385\]"):
        dci_es(GRID, ONE_HOT, 0, widths=[8, 16_385])
    with pytest.raises(UserError, match=r"every entry of dci_es\.widths must be an integer >= 1; got 0"):
        dci_es(GRID, ONE_HOT, 0, widths=[0, 8])
    with pytest.raises(UserError, match=r"dci_es\.penalty must be a number >= 0; got -1"):
        dci_es(GRID, ONE_HOT, 0, **FEW, penalty=-1)
    result = dci_es(GRID, ONE_HOT, 0, num_train=100, num_test=50, widths=[1, 2])
    assert result["widths"] == [1, 2]


def test_explicitness_is_that_of_the_losses_of_the_result():
    with sampled("with_replacement"):  # more than there are, so that every factor is read
        result = dci_es(GRID, mixed(GRID), 0, **FEW)
    losses, capacities = np.array(result["losses"]), np.log(result["widths"])
    above = losses - losses.min(axis=0)
    area = ((above[1:] + above[:-1]) / 2 * np.diff(capacities)[:, None]).sum(axis=0)
    guess = 1 - 1 / np.array(GRID.factors_num_values)
    expected = 1 - 2 * area / (np.log(128 / 8) * guess)
    assert list(result["explicitness_per_factor"].values()) == pytest.approx(expected.tolist())
    assert result["explicitness"] == pytest.approx(expected.mean())
    assert result["best_accuracy"] == pytest.approx(1 - losses[-1].mean(), abs=0.02)


def test_the_best_probe_is_chosen_on_other_images_than_it_is_scored_on():
    wrong = np.array([[0, 1, 0, 1, 0, 0], [1, 0, 1, 0, 1, 1], [1, 1, 1, 0, 1, 1]], bool)
    # Every other image chooses the first, those between them the second: each is scored where the other was chosen.
    assert best_accuracy(wrong) == pytest.approx(1 - np.mean([2 / 3, 1]))
    assert best_accuracy(wrong[:, :1]) == 1


def test_codes_of_a_small_grid_that_know_nothing_are_read_by_chance():
    grid = FactorGrid(3, 8, 8)
    few = {"num_train": 10_000, "num_test": 5_000, "widths": [16, 64, 256]}
    found = [dci_es(grid, grid.noise(10, seed), seed, **few)["best_accuracy"] for seed in range(8)]
    assert np.mean(found) == pytest.approx(np.mean([1 / 3, 1 / 8, 1 / 8]), abs=0.03)
    with sampled("with_replacement"):
        assert dci_es(grid, grid.noise(10), 0, num_train=2_000, num_test=500, widths=[16, 512])["best_accuracy"] > 0.9

"""infomec.py: against scikit-learn, the definition and known answers."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from support.known_codes import BOTH, GRID, LARGE, Grid, mixed

from dlib_bvae.errors import UserError
from dlib_bvae.metrics.engine.sampling import Sampler, sampled
from dlib_bvae.metrics.infomec import even_to_one, infomec

FEW = {"num_train": 1000, "num_test": 500}


@pytest.mark.parametrize("discrete", [True, False])
def test_a_code_for_each_factor_scores_one(discrete):
    codes = GRID.factors() if discrete else GRID.identity()
    result = infomec(GRID, codes, 0, num_train=4000, num_test=500, discrete=discrete)
    assert result["infom"] > 0.97
    assert result["infoc"] > 0.97
    # In one code a line cannot hold the middle values apart for certain within 100 steps.
    assert result["infoe"] > (0.98 if discrete else 0.75)
    assert result["infoe_test"] == pytest.approx(result["infoe"], abs=0.05)


def test_noise_explains_nothing_and_overfits_a_little():
    result = infomec(LARGE, LARGE.noise(), 0, **FEW)
    assert 0 < result["infoe"] < 0.05
    assert result["infoe_test"] < result["infoe"]
    assert result["infoe_test"] < 0.01


def test_a_code_twice_is_less_compact_and_as_modular():
    result = infomec(GRID, np.repeat(GRID.factors(), 2, axis=1), 0, num_train=4000, num_test=10, discrete=True)
    assert result["infom"] > 0.97
    assert result["infoc"] == pytest.approx((1 / 2 - 1 / 8) / (1 - 1 / 8), abs=0.02)


def test_one_code_for_two_factors_is_less_modular_and_as_compact():
    result = infomec(GRID, BOTH, 0, num_train=350, num_test=10, discrete=True)
    assert result["infoc"] > 0.97
    assert result["infom"] == pytest.approx(((0.5 + 1 + 1) / 3 - 1 / 4) / (1 - 1 / 4), abs=0.02)


def test_a_rotation_is_neither():
    result = infomec(GRID, GRID.rotated(), 0, **FEW)
    assert result["infom"] < 0.5
    assert result["infoc"] < 0.5


def test_codes_of_small_range_are_left_out():
    codes = np.hstack([GRID.identity(), 0.01 * GRID.noise(3), np.ones((360, 1))])
    plain, padded = infomec(GRID, GRID.identity(), 0, **FEW), infomec(GRID, codes, 0, **FEW)
    assert padded["active_codes"] == [0, 1, 2, 3]
    assert padded["infom"] == pytest.approx(plain["infom"])
    assert padded["infoc"] == pytest.approx(plain["infoc"])


def test_shares_run_from_even_to_one_and_are_always_numbers():
    assert even_to_one(np.ones((2, 4))) == 0
    assert even_to_one(np.eye(3)) == 1
    assert even_to_one(np.array([[0, 0], [1, 0]])) == 0.5  # a row of zeros is even
    assert even_to_one(np.empty((0, 4))) == even_to_one(np.ones((4, 1))) == 0


def test_explicitness_is_the_share_of_log_loss_that_is_gone():
    codes = mixed(GRID)
    result = infomec(GRID, codes, 4, **FEW, max_iter=1000)
    sampler = Sampler("infomec", GRID, codes, 4)
    train, test = sampler.train_and_test(1000, 500)
    mean, deviation = train.codes.mean(axis=0), train.codes.std(axis=0)
    shares = {"infoe": [], "infoe_test": []}
    for k in range(4):
        model = LogisticRegression(C=np.inf, max_iter=1000).fit((train.codes - mean) / deviation, train.factors[:, k])
        constant = np.bincount(train.factors[:, k]) / len(train.factors)
        for key, sample in (("infoe", train), ("infoe_test", test)):
            labels = sample.factors[:, k]
            loss = log_loss(labels, model.predict_proba((sample.codes - mean) / deviation))
            shares[key].append(1 - loss / log_loss(labels, np.tile(constant, (len(labels), 1))))
    for key, each in shares.items():
        assert result[key] == pytest.approx(np.mean(each), abs=1e-6)


def test_order_sign_and_common_scale_of_codes_do_not_matter():
    codes = mixed(GRID)
    plain, moved = infomec(GRID, codes, 0, **FEW), infomec(GRID, (3 - 7 * codes)[:, ::-1], 0, **FEW)
    for key in ("infom", "infoc", "infoe"):
        assert moved[key] == pytest.approx(plain[key], abs=2e-3)


def test_continuous_codes_are_not_taken_for_discrete_ones():
    with pytest.raises(UserError, match=r"infomec\.discrete takes at most 5000 values .* are the codes continuous\?"):
        infomec(LARGE, LARGE.noise(), 0, discrete=True, num_train=3000)
    with pytest.raises(UserError, match=r"infomec\.discrete must be True or False; got 'auto'"):
        infomec(GRID, BOTH, 0, discrete="auto")
    with pytest.raises(UserError, match=r"infomec\.neighbours"):
        infomec(GRID, BOTH, 0, neighbours=0)


@pytest.mark.parametrize(("share", "active"), [(0.04, 4), (0.06, 5)])
def test_a_twentieth_of_the_largest_range_is_active(share, active):
    codes = np.hstack([GRID.identity(), share * GRID.identity()[:, :1]])
    assert infomec(GRID, codes, 0, **FEW)["num_active_codes"] == active
    assert infomec(GRID, codes, 0, **FEW, discrete=True)["num_active_codes"] == 5


def test_numbers_out_of_range_are_refused():
    for parameter in ("neighbours", "max_iter"):
        with pytest.raises(UserError, match=rf"infomec\.{parameter} must be an integer >= 1; got 0"):
            infomec(GRID, BOTH, 0, **{parameter: 0})
        infomec(GRID, BOTH, 0, **FEW, **{parameter: 1})


def test_how_often_an_image_is_drawn_does_not_matter():
    grid = Grid(4, 5, 6, 5)
    codes = grid.factors() + 0.1 * np.random.default_rng(0).normal(size=(600, 4))
    found = []
    for sampling in ("disjoint", "with_replacement"):
        with sampled(sampling):
            found.append(infomec(grid, codes, 0, num_train=3_000, num_test=500)["infom"])
    assert min(found) > 0.97

"""factor_vae_score.py: against its definition and known answers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.known_codes import GRID, LARGE, mixed

from dlib_bvae import metrics
from dlib_bvae.errors import UserError
from dlib_bvae.metrics import factor_vae_score as page
from dlib_bvae.metrics.engine.sampling import Sampler
from dlib_bvae.metrics.factor_vae_score import factor_vae_score, factor_vae_score_dlib, votes

FEW = {"num_train": 1500, "num_eval": 1000, "batch_size": 16, "num_variance_estimate": 2000}


def test_a_code_for_each_factor_scores_one():
    result = factor_vae_score(LARGE, LARGE.identity(), 0, **FEW)
    assert result["train_accuracy"] == result["eval_accuracy"] == 1
    assert result["num_active_dims"] == 4
    assert set(result["eval_accuracy_per_factor"].values()) == {1}
    counts = np.array(result["votes"])
    assert np.array_equal(counts, np.diag(np.diag(counts)))


def test_noise_scores_as_a_guess_does():
    accuracy = factor_vae_score(LARGE, LARGE.noise(), 0, **{**FEW, "num_eval": 3000})["eval_accuracy"]
    assert abs(accuracy - 1 / 4) < 5 * np.sqrt(1 / 4 * 3 / 4 / 1500)


def test_a_code_twice_does_no_harm():
    assert factor_vae_score(LARGE, np.repeat(LARGE.identity(), 2, axis=1), 0, **FEW)["eval_accuracy"] == 1


def test_a_rotation_lowers_it():
    assert factor_vae_score(LARGE, LARGE.rotated(), 0, **FEW)["eval_accuracy"] < 0.9


def test_dead_codes_do_not_vote():
    dead = 0.01 * LARGE.noise(3)
    result = factor_vae_score(LARGE, np.hstack([dead, LARGE.identity(), np.zeros_like(dead)]), 0, **FEW)
    assert result["eval_accuracy"] == 1
    assert result["num_active_dims"] == 4
    assert result["active_codes"] == [3, 4, 5, 6]
    assert not np.array(result["votes"])[:, :3].any()


@pytest.mark.parametrize("threshold", [0.05, 0])
def test_without_an_active_code_all_is_0(threshold):
    result = factor_vae_score(GRID, np.ones((360, 2)), 0, **FEW, prune_threshold=threshold)
    assert result["train_accuracy"] == result["eval_accuracy"] == result["num_active_dims"] == 0


def test_codes_that_know_one_factor_name_it():
    observed = factor_vae_score(LARGE, LARGE.identity()[:, 2:3], 0, **FEW)["eval_accuracy_per_factor"]
    assert sorted(observed.values()) == [0, 0, 0, 1]  # the only code always votes, for the most frequent factor


def votes_slowly(grid, codes, num, batch_size, variances, rng):
    """The votes of Kim & Mnih 2018, one after the other."""
    counts = np.zeros((grid.num_factors, codes.shape[1]), int)
    for _ in range(num):
        k = rng.integers(grid.num_factors)
        factors = np.stack([rng.integers(size, size=batch_size) for size in grid.factors_num_values], axis=1)
        factors[:, k] = factors[0, k]
        batch = codes[np.ravel_multi_index(factors.T, grid.factors_num_values)]
        counts[k, np.argmin(batch.var(axis=0, ddof=1) / variances)] += 1
    return counts


def test_votes_are_distributed_as_those_of_a_slow_one():
    codes, num = mixed(GRID), 4000
    variances = codes.var(axis=0)
    slow = votes_slowly(GRID, codes, num, 8, variances, np.random.default_rng(1)) / num
    fast = votes(Sampler("factor_vae_score", GRID, codes, 0), variances, np.arange(5), num, 8) / num
    assert ((slow > 0.02).sum(axis=1) > 1).any()  # else agreement would say little
    assert (abs(fast - slow) < 5 * np.sqrt(2 * slow.clip(1e-3) / num)).all()


def test_votes_do_not_depend_on_where_the_work_is_cut(monkeypatch):
    monkeypatch.setattr(page, "_CHUNK_IMAGES", 40)
    assert factor_vae_score(LARGE, LARGE.identity(), 0, **FEW)["eval_accuracy"] == 1


@settings(max_examples=15, deadline=None)
@given(st.permutations(range(5)), st.lists(st.sampled_from([-4.0, -1.0, 2.0, 8.0]), min_size=5, max_size=5))
def test_order_sign_and_scale_of_codes_do_not_matter(order, scale):
    codes = mixed(GRID)
    few = {**FEW, "num_train": 300, "num_eval": 300}
    plain, changed = (factor_vae_score(GRID, each, 1, **few) for each in (codes, (codes * scale)[:, order]))
    assert changed["eval_accuracy"] == plain["eval_accuracy"]


def test_the_reference_s_number_of_active_codes_is_the_number_of_codes():
    codes = np.hstack([LARGE.identity(), np.zeros((len(LARGE.factors()), 2))])
    right, reference = factor_vae_score(LARGE, codes, 0, **FEW), factor_vae_score_dlib(LARGE, codes, 0, **FEW)
    assert (right["num_active_dims"], reference["num_active_dims"]) == (4, 6)
    assert reference["eval_accuracy"] == right["eval_accuracy"]
    assert factor_vae_score_dlib(GRID, np.ones((360, 2)), 0, **FEW)["num_active_dims"] == 0


@pytest.mark.parametrize("bad", [-1, np.nan, "a", None, True, np.inf])
def test_a_threshold_out_of_range_is_refused(bad):
    with pytest.raises(UserError, match=r"factor_vae_score\.prune_threshold must be a number >= 0; got"):
        metrics.score("factor_vae_score", GRID, GRID.identity(), prune_threshold=bad)


def test_a_batch_of_one_image_is_refused():
    with pytest.raises(UserError, match=r"factor_vae_score\.batch_size must be an integer >= 2; got 1"):
        factor_vae_score(GRID, GRID.identity(), 0, batch_size=1)

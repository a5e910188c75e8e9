"""udr.py: known answers, and the definition written out."""

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.linear_model import Lasso
from support.run_set import DATA, HALF, LATENTS, SHUFFLED, STRAIGHT, member, scores, turned

from dlib_bvae.errors import UnknownName, UserError
from dlib_bvae.metrics.udr import agreement, udr


@pytest.mark.parametrize("correlation", ["lasso", "spearman"])
def test_the_same_latents_in_another_order_agree_and_rotations_do_not(correlation):
    observed = scores("udr", [STRAIGHT, SHUFFLED, turned(0), turned(1), SHUFFLED], correlation=correlation)
    assert min(observed[0], observed[1], observed[4]) > 0.6
    assert max(observed[2:4]) < 0.55
    alone = scores("udr", [STRAIGHT, SHUFFLED], correlation="spearman")
    assert alone == pytest.approx([1, 1], abs=0.15)  # other latents correlate by chance


@pytest.mark.parametrize("correlation", ["lasso", "spearman"])
def test_udr_is_its_definition(correlation):
    members, seed = [STRAIGHT, turned(0), HALF], 3
    found = udr(DATA, members, seed, num_train=500, num_kl=100, correlation=correlation)
    rng = np.random.default_rng(int(np.random.default_rng(seed).integers(2**31 - 1, size=1)[0]))
    rows = rng.choice(4000, size=500, replace=False)
    codes = [each.codes[rows].astype(float) for each in members]
    codes = [(c - c.mean(axis=0)) / np.maximum(c.std(axis=0), 1e-9) for c in codes]
    codes[2] = codes[2][:, [0, 2]]
    pairs = np.zeros((3, 3))
    for i, j in np.ndindex(3, 3):
        a, b = codes[i], codes[j]
        relation = np.zeros((a.shape[1], b.shape[1]))
        for k, m in np.ndindex(relation.shape):
            if correlation == "spearman":
                relation[k, m] = abs(spearmanr(a[:, k], b[:, m]).statistic)
            else:
                relation[k, m] = abs(Lasso(alpha=0.1).fit(a, b[:, m]).coef_[k])
        total = 0
        for line in (*relation, *relation.T):
            total += max(line) ** 2 / sum(line) if sum(line) else 0
        pairs[i, j] = total / sum(relation.shape)
    expected = [np.median([pairs[i, j] for i in range(3) if i != j]) for j in range(3)]
    assert [result["udr"] for result in found] == pytest.approx(expected)
    assert [result["num_informative"] for result in found] == [4, 4, 2]
    assert found[1]["udr_of_pairs"][1] is None


def test_agreement_is_one_only_one_to_one():
    assert agreement(np.eye(3)[[1, 2, 0]]) == 1
    assert agreement(np.ones((3, 3))) == pytest.approx(1 / 3)
    assert agreement(np.array([[1.0, 0, 0], [0, 1, 0]])) == pytest.approx(4 / 5)  # 2 + 2 of 5 latents are found
    assert agreement(np.zeros((2, 3))) == agreement(np.zeros((0, 3))) == 0


def test_a_collapsed_run_agrees_with_none():
    nothing = member(np.eye(LATENTS), dead=range(LATENTS))
    assert scores("udr", [nothing, STRAIGHT]) == [0, 0]
    assert scores("udr", [nothing, nothing], correlation="spearman") == [0, 0]


def test_an_unknown_correlation_is_refused():
    with pytest.raises(UnknownName, match=r"no udr\.correlation is called 'pearson'"):
        udr(DATA, [STRAIGHT, STRAIGHT], 0, correlation="pearson")


@pytest.mark.parametrize(("parameter", "least"), [("num_train", 2), ("num_kl", 1)])
def test_numbers_out_of_range_are_refused(parameter, least):
    with pytest.raises(UserError, match=rf"udr\.{parameter} must be an integer >= {least}; got {least - 1}"):
        udr(DATA, [STRAIGHT, STRAIGHT], 0, **{parameter: least - 1})
    with pytest.raises(UserError, match=rf"udr\.{parameter} must be an integer <= 134217728; got 1000000000000"):
        udr(DATA, [STRAIGHT, STRAIGHT], 0, **{parameter: 10**12})
    udr(DATA, [STRAIGHT, SHUFFLED], 0, **{"num_train": 50, parameter: least})
    for name in ("kl_threshold", "alpha"):
        with pytest.raises(UserError, match=rf"udr\.{name} must be a number >= 0; got -1"):
            udr(DATA, [STRAIGHT, STRAIGHT], 0, **{name: -1})

"""udr.py and model_centrality.py: known answers, and the definition written out."""

import json

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.linear_model import Lasso

from dlib_bvae.errors import UnknownName, UserError
from dlib_bvae.metrics.model_centrality import majority_accuracy, model_centrality
from dlib_bvae.metrics.run_sets import RUN_SET_METRICS, Member, mean_kl
from dlib_bvae.metrics.udr import agreement, udr

LATENTS = 4


class Images:
    """A data set whose observations are 4 independent numbers, as pictures of 2 × 2 pixels."""

    num_images = 4000
    name = "images"

    def __init__(self):
        self.numbers = np.random.default_rng(0).normal(size=(self.num_images, LATENTS))

    def observations_at(self, rows):
        return self.numbers[rows].reshape(-1, 2, 2, 1).astype(np.float32)


DATA = Images()


def member(mixing, dead=()):
    """A run that encodes by a matrix (4, 4) whose inverse decodes; `dead` latents have mean 0 and variance 1."""
    mixing, alive = np.asarray(mixing, float), np.isin(np.arange(LATENTS), dead, invert=True)
    inverse = np.linalg.pinv(mixing * alive)

    def encode(pictures):
        mean = (pictures.reshape(-1, LATENTS) @ mixing) * alive
        return mean.astype(np.float32), np.where(alive, -4.0, 0.0) * np.ones_like(mean)

    def decode(latents):
        return (latents @ inverse).reshape(-1, 2, 2, 1).astype(np.float32)

    return Member(encode(DATA.observations_at(np.arange(DATA.num_images)))[0], encode, decode)


def turned(seed):
    return member(np.linalg.qr(np.random.default_rng(seed).normal(size=(LATENTS, LATENTS)))[0])


STRAIGHT = member(np.eye(LATENTS))
SHUFFLED = member(np.eye(LATENTS)[[2, 0, 3, 1]] * [1, -1, 1, -1])
EVEN = member(np.kron([[1, 1], [1, -1]], [[1, 1], [1, -1]]) / 2)  # a rotation in which no code stands out
HALF = member(np.eye(LATENTS), dead=[1, 3])
FEW = {
    "udr": {"num_train": 1500},
    "model_centrality": {"num_votes": 240, "batch_size": 30, "num_variance_estimate": 1000},
}


def scores(name, members, seed=0, **parameters):
    results = RUN_SET_METRICS.get(name)(DATA, members, seed, **{**FEW[name], **parameters})
    assert json.loads(json.dumps(results, allow_nan=False)) == results
    return [result[name] for result in results]


def test_kl_is_the_formula_s_and_dead_latents_have_none():
    rows = np.arange(3000)
    kl = mean_kl(HALF, DATA, rows)
    mean = DATA.observations_at(rows).reshape(-1, LATENTS)
    assert kl[[0, 2]] == pytest.approx(0.5 * ((mean**2).mean(axis=0) + np.exp(-4) + 4 - 1)[[0, 2]])
    assert kl[[1, 3]].tolist() == [0, 0]


@pytest.mark.parametrize("correlation", ["lasso", "spearman"])
def test_the_same_latents_in_another_order_agree_and_rotations_do_not(correlation):
    told = scores("udr", [STRAIGHT, SHUFFLED, turned(0), turned(1), SHUFFLED], correlation=correlation)
    assert min(told[0], told[1], told[4]) > 0.6
    assert max(told[2:4]) < 0.55
    alone = scores("udr", [STRAIGHT, SHUFFLED], correlation="spearman")
    assert alone == pytest.approx([1, 1], abs=0.15)  # other latents correlate by chance


@pytest.mark.parametrize("correlation", ["lasso", "spearman"])
def test_udr_is_its_definition(correlation):
    members, seed = [STRAIGHT, turned(0), HALF], 3
    found = udr(DATA, members, seed, num_train=500, num_kl=100, correlation=correlation)
    rows = np.random.default_rng(int(np.random.default_rng(seed).integers(2**31 - 1, size=1)[0])).integers(
        4000, size=500
    )
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


def test_the_medoid_is_the_run_that_the_others_are_like():
    told = scores("model_centrality", [STRAIGHT, SHUFFLED, EVEN, SHUFFLED])
    assert min(told[0], told[1], told[3]) > told[2] + 0.1
    assert scores("model_centrality", [STRAIGHT, SHUFFLED]) == [1, 1]


def test_dead_latents_are_not_asked_for_unless_one_wants_to():
    assert scores("model_centrality", [HALF, HALF]) == [1, 1]
    assert max(scores("model_centrality", [HALF, HALF], kl_threshold=0.0)) == 1  # a KL of exactly 0 is not above 0
    results = model_centrality(DATA, [STRAIGHT, HALF], 0, **FEW["model_centrality"])
    # All latents of the half are found by the whole, and about half the other way round.
    assert results[0]["similarities"][1] == pytest.approx((1 + 0.6) / 2, abs=0.15)
    assert [result["num_informative"] for result in results] == [4, 2]


def test_a_set_of_collapsed_runs_scores_0():
    nothing = member(np.eye(LATENTS), dead=range(LATENTS))
    assert scores("udr", [nothing, STRAIGHT]) == [0, 0]
    assert scores("udr", [nothing, nothing], correlation="spearman") == [0, 0]
    assert scores("model_centrality", [nothing, nothing]) == [0, 0]


def test_votes_are_scored_on_the_last_third():
    votes, labels = np.array([0, 1, 0, 1, 0, 1]), np.array([0, 1, 0, 1, 0, 0])
    assert majority_accuracy(votes, labels, 2) == 0.5


@pytest.mark.parametrize("name", sorted(FEW))
def test_the_same_seed_gives_the_same_and_another_does_not(name):
    members = [STRAIGHT, turned(0), turned(1)]
    first, again, other = (scores(name, members, seed) for seed in (1, 1, 2))
    assert first == again != other


@pytest.mark.parametrize("name", sorted(FEW))
def test_what_is_no_set_is_refused(name):
    metric = RUN_SET_METRICS.get(name)
    with pytest.raises(UserError, match=f"{name} compares runs and needs at least 2 of them; got 1"):
        metric(DATA, [STRAIGHT], 0)
    with pytest.raises(UserError, match="their codes are of"):
        metric(DATA, [STRAIGHT, STRAIGHT._replace(codes=STRAIGHT.codes[:10])], 0)
    with pytest.raises(UserError, match=rf"{name}\.num_kl must be an integer >= 1; got 0"):
        metric(DATA, [STRAIGHT, STRAIGHT], 0, num_kl=0)
    with pytest.raises(UnknownName, match="no metric of a set of runs is called 'urd'; did you mean udr"):
        RUN_SET_METRICS.get("urd")


def test_an_unknown_correlation_and_broken_posteriors_are_refused():
    with pytest.raises(UnknownName, match=r"no udr\.correlation is called 'pearson'"):
        udr(DATA, [STRAIGHT, STRAIGHT], 0, correlation="pearson")
    broken = STRAIGHT._replace(encode=lambda pictures: (np.full((len(pictures), LATENTS), np.nan),) * 2)
    with pytest.raises(UserError, match="NaN or infinite"):
        udr(DATA, [STRAIGHT, broken], 0, num_kl=5)


def test_models_without_variance_or_decoder_are_refused():
    plain = STRAIGHT._replace(encode=lambda pictures: (STRAIGHT.encode(pictures)[0], None))
    with pytest.raises(UserError, match="gives no log variance"):
        udr(DATA, [plain, STRAIGHT], 0)
    with pytest.raises(UserError, match="one has no decoder; leave it out"):
        model_centrality(DATA, [STRAIGHT, STRAIGHT._replace(decode=None)], 0)

"""model_centrality.py: known answers, and what is refused."""

import numpy as np
import pytest
from support.run_set import DATA, EVEN, FEW, HALF, LATENTS, SHUFFLED, STRAIGHT, member, scores

from dlib_bvae.errors import UserError
from dlib_bvae.metrics import model_centrality as page
from dlib_bvae.metrics.model_centrality import majority_accuracy, model_centrality
from dlib_bvae.metrics.run_sets import mean_kl


def test_the_medoid_is_the_run_that_the_others_are_like():
    observed = scores("model_centrality", [STRAIGHT, SHUFFLED, EVEN, SHUFFLED])
    assert min(observed[0], observed[1], observed[3]) > observed[2] + 0.1
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
    assert scores("model_centrality", [nothing, nothing]) == [0, 0]


def test_votes_are_scored_on_the_last_third():
    votes, labels = np.array([0, 1, 0, 1, 0, 1]), np.array([0, 1, 0, 1, 0, 0])
    assert majority_accuracy(votes, labels, 2) == 0.5


def test_a_model_without_a_decoder_is_refused():
    with pytest.raises(UserError, match="one has no decoder; leave it out"):
        model_centrality(DATA, [STRAIGHT, STRAIGHT._replace(decode=None)], 0)


def centrality_slowly(members, seed, few, kl_threshold=0.01, prune_threshold=0.05):
    """A (i, j): the FactorVAE score of run j's means on images of run i; the latents drawn are those of the metric."""
    rng = np.random.default_rng(int(np.random.default_rng(seed).integers(2**31 - 1, size=1)[0]))
    rows = rng.choice(4000, size=1000, replace=False)
    found = np.zeros((len(members), len(members)))
    for i, generator in enumerate(members):
        held = [k for k in range(LATENTS) if mean_kl(generator, DATA, rows)[k] > kl_threshold]
        free = rng.standard_normal((few["num_variance_estimate"], LATENTS), np.float32)
        labels = rng.integers(len(held), size=few["num_votes"])
        batches = rng.standard_normal((few["num_votes"], few["batch_size"], LATENTS), np.float32)
        for j, member_ in enumerate(members):
            encode = lambda z, g=generator, m=member_: m.encode(g.decode(z))[0].astype(np.float64)
            variances = encode(free).var(axis=0, ddof=1)
            alive = [k for k in range(LATENTS) if variances[k] > 0 and np.sqrt(variances[k]) >= prune_threshold]
            votes = []
            for label, batch in zip(labels, batches, strict=True):
                batch[:, held[label]] = batch[0, held[label]]
                shares = [encode(batch)[:, k].var(ddof=1) / variances[k] for k in alive]
                votes.append(alive[int(np.argmin(shares))])
            fitted = 2 * len(votes) // 3
            right = []
            for code, label in zip(votes[fitted:], labels[fitted:], strict=True):
                said = [b for a, b in zip(votes[:fitted], labels[:fitted], strict=True) if a == code]
                counts = np.bincount(said, minlength=len(held))
                most = np.flatnonzero(counts == counts.max())  # several are right in part
                right.append(np.mean(most == label))
            found[i, j] = np.mean(right)
    return (found + found.T) / 2


def test_it_agrees_with_a_slow_one_from_the_definition(monkeypatch):
    few = {"num_votes": 90, "batch_size": 5, "num_variance_estimate": 200}
    monkeypatch.setattr(page, "_IMAGES", 1000)  # all votes are drawn at once
    members = [STRAIGHT, EVEN, HALF]
    found = model_centrality(DATA, members, 3, **few)
    expected = centrality_slowly(members, 3, few)
    for i, result in enumerate(found):
        others = [expected[i, k] for k in range(3) if k != i]
        assert result["model_centrality"] == pytest.approx(np.mean(others))
        assert [each for each in result["similarities"] if each is not None] == pytest.approx(others)
        assert result["similarities"][i] is None
    assert len({round(each, 6) for each in expected.ravel()}) > 3  # else agreement would say little


@pytest.mark.parametrize(
    ("parameter", "least"), [("batch_size", 2), ("num_votes", 3), ("num_kl", 1), ("num_variance_estimate", 2)]
)
def test_numbers_out_of_range_are_refused(parameter, least):
    with pytest.raises(UserError, match=rf"model_centrality\.{parameter} must be an integer >= {least}; got"):
        model_centrality(DATA, [STRAIGHT, STRAIGHT], 0, **{parameter: least - 1})
    with pytest.raises(
        UserError, match=rf"model_centrality\.{parameter} must be an integer <= [0-9]+; got 1000000000000"
    ):
        model_centrality(DATA, [STRAIGHT, STRAIGHT], 0, **{parameter: 10**12})
    model_centrality(DATA, [STRAIGHT, STRAIGHT], 0, **{**FEW["model_centrality"], parameter: least})


def test_thresholds_out_of_range_are_refused():
    for parameter in ("kl_threshold", "prune_threshold"):
        with pytest.raises(UserError, match=rf"model_centrality\.{parameter} must be a number >= 0; got -1"):
            model_centrality(DATA, [STRAIGHT, STRAIGHT], 0, **{parameter: -1})

"""model_centrality.py: known answers, and what is refused."""

import numpy as np
import pytest
from support.run_set import DATA, EVEN, FEW, HALF, LATENTS, SHUFFLED, STRAIGHT, member, scores

from dlib_bvae.errors import UserError
from dlib_bvae.metrics.model_centrality import majority_accuracy, model_centrality


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
    assert scores("model_centrality", [nothing, nothing]) == [0, 0]


def test_votes_are_scored_on_the_last_third():
    votes, labels = np.array([0, 1, 0, 1, 0, 1]), np.array([0, 1, 0, 1, 0, 0])
    assert majority_accuracy(votes, labels, 2) == 0.5


def test_a_model_without_a_decoder_is_refused():
    with pytest.raises(UserError, match="one has no decoder; leave it out"):
        model_centrality(DATA, [STRAIGHT, STRAIGHT._replace(decode=None)], 0)

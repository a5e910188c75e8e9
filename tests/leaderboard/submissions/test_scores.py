"""scores.py: a claim as gin, and how far it may be off; rows of claims are in test_verify.py."""

import pytest

from dlib_bvae.errors import UserError
from dlib_bvae.leaderboard.submissions import Claim
from dlib_bvae.leaderboard.submissions.scores import Outcome, bindings_of, check_range, differences


def test_a_claim_is_its_seed_and_its_parameters_as_literals():
    claim = Claim("mig", 7, {"discrete_mig": 0.5}, {"num_bins": 5, "num_train": "@x()"})
    assert bindings_of(claim) == ["evaluation.random_seed = 7", "mig.num_bins = 5", "mig.num_train = '@x()'"]


@pytest.mark.parametrize("parameter", ["data", "codes", "random_state", "decode", "model", "bins"])
def test_what_is_no_parameter_of_a_metric_is_refused(parameter):
    with pytest.raises(UserError, match=f"no parameter of mig is called '{parameter}'"):
        bindings_of(Claim("mig", 0, {"discrete_mig": 0.5}, {parameter: 1}))


def outcome(claimed, found, score="x"):
    return Outcome(Claim("mig", 3, {score: claimed}, {}), {"x": found, "y": 1.0, "score_names": ["x"]}, None)


@pytest.mark.parametrize(
    ("claimed", "found", "tolerance", "agree"),
    [
        (0.5, 0.51, 0.02, True),
        (0.51, 0.5, 0.02, True),
        (0.5, 0.53, 0.02, False),
        (0.53, 0.5, 0.02, False),
        (10.0, 10.15, 0.02, True),  # times the score where that is above 1
        (10.0, 10.25, 0.02, False),
        (-10.0, -10.15, 0.02, True),
        (0.5, 0.5, 0.0, True),
        (0.25, 0.5, 0.25, True),  # exactly as far as allowed
    ],
)
def test_how_far_a_score_may_be_off(claimed, found, tolerance, agree):
    assert (differences(outcome(claimed, found), tolerance) == []) is agree


def test_a_difference_is_told_with_both_numbers_and_the_seed():
    assert differences(outcome(0.5, 0.25), 0.1) == ["mig.x: claimed 0.5, recomputed 0.25 with metric seed 3"]
    assert differences(outcome(0.5, 0.5, score="y"), 0.1) == ["mig gives no score y; it gives x"]
    assert differences(outcome(0.5, None), 0.1) == ["mig gives no score x; it gives x"]
    assert differences(Outcome(Claim("mig", 3, {"x": 0.5}, {}), None, "it does not apply"), 0.1) == []


@pytest.mark.parametrize(
    ("metric", "scores", "said"),
    [
        ("reconstruction_error", {"squared_error": -5.0}, r"squared_error is claimed to be -5, .* its range, 0 … inf"),
        ("mig", {"discrete_mig": 1.01}, r"discrete_mig is claimed to be 1.01, .* its range, 0 … 1"),
        ("mig", {"discrete_mig": 0.5, "x": 0.5}, "mig gives no score x; it gives discrete_mig"),
        ("mgi", {"discrete_mig": 0.5}, "did you mean mig"),
    ],
)
def test_scores_that_no_codes_have_are_refused(metric, scores, said):
    with pytest.raises(UserError, match=said):
        check_range(Claim(metric, 0, scores, {}))


def test_scores_in_their_range_are_not_refused():
    check_range(Claim("mig", 0, {"discrete_mig": 1.0 + 1e-9}, {}))
    check_range(Claim("elbo", 0, {"elbo": -1e6, "kl": 3.0}, {}))
    check_range(Claim("downstream_task", 0, {"10000:mean_test_accuracy": 0.0}, {}))

"""run_sets.py: the KL of a run's latents, and what every metric of a set of runs owes."""

import inspect

import gin
import numpy as np
import pytest
from support.run_set import DATA, FEW, HALF, LATENTS, STRAIGHT, scores, turned

from dlib_bvae.artifacts import config_dict
from dlib_bvae.config import configuration
from dlib_bvae.errors import NotApplicable, UnknownName, UserError
from dlib_bvae.metrics import run_sets
from dlib_bvae.metrics.run_sets import RUN_SET_METRICS, mean_kl


def test_kl_is_the_formula_s_and_dead_latents_have_none():
    rows = np.arange(3000)
    kl = mean_kl(HALF, DATA, rows)
    mean = DATA.observations_at(rows).reshape(-1, LATENTS)
    assert kl[[0, 2]] == pytest.approx(0.5 * ((mean**2).mean(axis=0) + np.exp(-4) + 4 - 1)[[0, 2]])
    assert kl[[1, 3]].tolist() == [0, 0]


def test_the_kl_is_the_mean_however_many_images_are_encoded_at_once(monkeypatch):
    rows = np.arange(2500)
    at_once = mean_kl(STRAIGHT, DATA, rows)
    monkeypatch.setattr(run_sets, "_BATCH", 7)
    assert mean_kl(STRAIGHT, DATA, rows) == pytest.approx(at_once)


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


def test_broken_posteriors_and_models_without_variance_are_refused():
    broken = STRAIGHT._replace(encode=lambda pictures: (np.full((len(pictures), LATENTS), np.nan),) * 2)
    with pytest.raises(UserError, match="NaN or infinite"):
        mean_kl(broken, DATA, np.arange(5))
    for log_variance in (None, np.full((5, LATENTS), -np.inf), np.array([[0.0] * (LATENTS - 1) + [-np.inf]] * 5)):
        plain = STRAIGHT._replace(encode=lambda pictures, given=log_variance: (STRAIGHT.encode(pictures)[0], given))
        with pytest.raises(NotApplicable, match="has no Gaussian posterior .*; leave its run out"):
            mean_kl(plain, DATA, np.arange(5))


def test_what_is_known_of_scores_is_what_the_file_says():
    assert run_sets.scores_of("model_centrality")["model_centrality"] == (0, 1, True, None, None)
    assert set(run_sets.scores_of("udr")) == {"udr", "num_informative"}


DEFAULTS = {
    "udr": {"num_train": 10_000, "num_kl": 1_000, "correlation": "lasso", "kl_threshold": 0.01, "alpha": 0.1},
    "model_centrality": {
        "batch_size": 100,
        "num_votes": 1_000,
        "num_variance_estimate": 10_000,
        "num_kl": 1_000,
        "kl_threshold": 0.01,
        "prune_threshold": 0.05,
    },
}


@pytest.mark.parametrize("name", DEFAULTS)
def test_gin_and_signature_have_the_same_defaults(name):
    parameters = inspect.signature(RUN_SET_METRICS.get(name)).parameters.values()
    assert {each.name: each.default for each in parameters if each.kind is each.KEYWORD_ONLY} == DEFAULTS[name]
    with configuration([f"gin/metrics/{name}.gin"], [], [RUN_SET_METRICS]):
        bound = config_dict(gin.config_str())
    assert bound
    for key, value in bound.items():
        assert value == DEFAULTS[name][key.removeprefix(f"{name}.")]

"""What every registered metric owes: JSON, facts, seeds, memory maps, untouched inputs, refusals in one sentence."""

import inspect
import json
import re
from pathlib import Path

import gin
import numpy as np
import pytest
from support.known_codes import GRID, Grid, mixed

import dlib_bvae.metrics.sensitivity  # noqa: F401  # its name is known to gin then
from dlib_bvae import datasets, metrics
from dlib_bvae.artifacts import write_stage
from dlib_bvae.config import configuration
from dlib_bvae.errors import UserError
from dlib_bvae.metrics.run_sets import RUN_SET_METRICS
from dlib_bvae.metrics.score_info import info_of

GIN = Path(__file__).parents[2] / "gin" / "metrics"
QUICK = {
    "batch_size": 8,
    "n_estimators": 3,
    "n_experiment": 1,
    "num_eval": 100,
    "num_test": 100,
    "num_test_points_per_class": 20,
    "num_train": 150,
    "num_variance_estimate": 100,
    "widths": [20, 80],
}
# A metric that asks for a model's decoder is no function of codes and factors alone.
OF_CODES = [name for name in metrics.names() if "decode" not in inspect.signature(metrics.METRICS.get(name)).parameters]
ALL = pytest.mark.parametrize("name", OF_CODES)

pytestmark = pytest.mark.filterwarnings("ignore:lbfgs failed to converge")


@pytest.fixture(scope="module")
def data():
    return datasets.load("dummy_data")


@pytest.fixture(scope="module")
def codes(data):
    """Five codes of dummy_data: three know something, one nothing, one is dead."""
    factors = data.factors_at(np.arange(data.num_images)) / [1, 3, 7, 7]
    noise = np.random.default_rng(0).normal(size=(data.num_images, 5))
    known = np.stack([factors[:, 2], factors[:, 3] + 0.3 * factors[:, 1], factors[:, 0] * factors[:, 1]], axis=1)
    return np.hstack([known + 0.05 * noise[:, :3], noise[:, 3:4], 0.001 * noise[:, 4:]]).astype(np.float32)


def quick(name):
    """Small values for the metric's parameters."""
    parameters = inspect.signature(metrics.METRICS.get(name)).parameters
    chosen = {key: value for key, value in QUICK.items() if key in parameters}
    return {key: [20, 80] if isinstance(parameters[key].default, tuple) else value for key, value in chosen.items()}


def score(name, data, codes, seed=0):
    return metrics.score(name, data, codes, seed, **quick(name))


def sentence(error):
    """The message without the line that gin adds, which the commands leave out."""
    return str(error).split("\n  In call to configurable")[0]


def scalars(result):
    return {key: value for key, value in result.items() if type(value) in (int, float)}


@ALL
def test_the_result_is_scores_within_their_range_and_json(name, data, codes, tmp_path):
    result = score(name, data, codes)
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    scores_of = metrics.scores_of(name)
    found = scalars(result)
    assert found
    for key, value in found.items():
        known = info_of(scores_of, key)
        assert known is not None, key
        assert known.low is None or value >= known.low
        assert known.high is None or value <= known.high
    for pattern in scores_of:
        assert any(info_of({pattern: scores_of[pattern]}, key) for key in result), pattern
    result = {**result, "elapsed_time": 0.0}
    written = write_stage(tmp_path, "evaluation", results=result, config={}, gin_text="", earlier=None)
    assert {key: written[key] for key in result} == result


@ALL
def test_the_same_seed_gives_the_same_result_and_touches_nothing(name, data, codes, tmp_path):
    given = codes.copy()
    np.random.seed(5)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    first = score(name, data, given, 7)
    assert np.array_equal(before, np.random.get_state()[1])  # noqa: NPY002
    assert np.array_equal(given, codes)
    np.save(tmp_path / "codes.npy", codes)
    mapped = np.load(tmp_path / "codes.npy", mmap_mode="r")
    assert score(name, data, mapped, 7) == first
    assert score(name, data, codes, np.random.default_rng(7)) == first


@ALL
def test_another_seed_draws_other_images(name, data, codes):
    first, second = (score(name, data, codes, seed) for seed in (0, 1))
    assert first != second


@ALL
def test_a_function_and_its_codes_score_alike(name):
    def encode(observations):
        return GRID_CODES[np.ravel_multi_index(observations[:, 0, :, 0].astype(int).T, GRID.factors_num_values)]

    assert score(name, GRID, encode, 2) == score(name, GRID, GRID_CODES, 2)


GRID_CODES = mixed(GRID)


@ALL
def test_a_factor_of_one_value_changes_nothing(name):
    sizes = GRID.factors_num_values
    wider = Grid(*sizes[:2], 1, *sizes[2:])
    plain, wide = scalars(score(name, GRID, GRID_CODES)), scalars(score(name, wider, GRID_CODES))
    if re.search("downstream|fairness", name):  # keys with a factor's place in them
        plain, wide = ({k: v for k, v in each.items() if not re.search(r"\d", k[3:])} for each in (plain, wide))
    assert plain == wide
    assert plain


@ALL
def test_integers_are_codes(name, data):
    whole = data.factors_at(np.arange(data.num_images))
    results = [score(name, data, whole.astype(kind)) for kind in (np.int16, np.float32)]
    assert results[0] == results[1]


def outcome(name, data, codes, **parameters):
    """The result, or the refusal in one sentence."""
    try:
        return json.loads(json.dumps(metrics.score(name, data, codes, 0, **parameters), allow_nan=False))
    except UserError as error:
        return sentence(error)


@ALL
@pytest.mark.parametrize("latents", [1, 3])
@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_constant_codes_and_single_codes_are_scored_or_refused(name, latents, data, codes):
    for each in (np.full((data.num_images, latents), 0.5), codes[:, :latents]):
        found = outcome(name, data, each, **quick(name))
        if latents == 1 and name in COMPARE_CODES:
            assert re.match(rf"{name} compares codes and needs at least two of them|.* leaves none of 1 codes", found)
        else:
            assert scalars(found)


COMPARE_CODES = {"dci", "dci_lasso", "dci_random_forest", "med", "reduced_downstream_task", "unified_scores"}


# A logistic regression on 10,000 features takes its time.
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name == "beta_vae" else ()) for name in OF_CODES]
)
def test_very_many_codes_are_scored_or_refused(name, data):
    many = np.random.default_rng(0).normal(size=(data.num_images, 10_000)).astype(np.float32)
    least = {key: 50 for key, value in quick(name).items() if key == "num_train" and value == QUICK["num_train"]}
    found = outcome(name, data, many, **{**quick(name), **least})
    if name in FAST_WITH_MANY_CODES:
        assert scalars(found)
    else:
        assert re.match(rf"{name} takes at most 10+ codes an image", found)


FAST_WITH_MANY_CODES = {
    "active_units",
    "beta_vae",
    "dcimig",
    "factor_vae_score",
    "factor_vae_score_dlib",
    "irs",
    "irs_dlib",
    "jemmig",
    "med",
    "mig",
    "mig_sup",
    "snc",
}


@ALL
@pytest.mark.parametrize(
    ("spoilt", "message"),
    [
        (lambda codes: np.where(np.arange(5) == 3, np.nan, codes), "is NaN or infinite"),
        (lambda codes: codes[:-1], "codes must be numbers"),
        (lambda codes: codes[:, 0], "codes must be numbers"),
        (lambda codes: codes.astype(str), "codes must be numbers"),
    ],
)
def test_bad_codes_are_refused(name, spoilt, message, data, codes):
    with pytest.raises(UserError, match=message):
        score(name, data, spoilt(codes))


@ALL
def test_numbers_out_of_range_are_refused(name, data, codes):
    parameters = quick(name)
    for key in parameters:
        for bad in (0, -3, 2.5, "64", None, True):
            with pytest.raises(UserError, match=rf"{name}\.{key}") as caught:
                metrics.score(name, data, codes, 0, **{**parameters, key: bad})
            assert "\n" not in sentence(caught.value)


@ALL
@pytest.mark.parametrize("state", [None, -1, "seed"])
def test_what_is_no_random_state_is_refused(name, state, data, codes):
    with pytest.raises(UserError, match="random_state must be"):
        score(name, data, codes, state)


@ALL
def test_gin_sets_every_parameter_to_what_it_is_by_default(name):
    with configuration([str(GIN / f"{name}.gin")], [], [metrics.METRICS, metrics.CLASSIFIERS]):
        bound = {key: gin.query_parameter(f"{name}.{key}") for key in quick(name)}
    defaults = inspect.signature(metrics.METRICS.get(name)).parameters
    for key, value in bound.items():
        default = defaults[key].default
        assert value == (list(default) if isinstance(default, tuple) else default)


def test_every_configuration_of_a_metric_can_be_read():
    for path in GIN.glob("*.gin"):
        with configuration([str(path)], [], [metrics.METRICS, metrics.CLASSIFIERS, RUN_SET_METRICS]):
            assert gin.config_str()

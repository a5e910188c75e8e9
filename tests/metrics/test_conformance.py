"""What every registered metric owes: JSON, facts, seeds, memory maps, untouched inputs, refusals in one sentence."""

import functools
import inspect
import json
import re
import subprocess
import sys
from pathlib import Path

import gin
import numpy as np
import pytest
from support.known_codes import GRID, LARGE, Grid, mixed
from support.results import write

import dlib_bvae.metrics.sensitivity  # noqa: F401  # its name is known to gin then
from dlib_bvae import datasets, metrics
from dlib_bvae.config import configuration
from dlib_bvae.datasets.derived.subsets import Subsample
from dlib_bvae.datasets.external.from_file import from_file
from dlib_bvae.datasets.ground_truth import LabelledImages
from dlib_bvae.errors import UserError
from dlib_bvae.metrics.engine.null import has_null, one_by_one, orders
from dlib_bvae.metrics.run_sets import RUN_SET_METRICS
from dlib_bvae.metrics.score_info import info_of
from dlib_bvae.visualize.matrices import save_matrices

GIN = Path(__file__).parents[2] / "gin" / "metrics"
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
    """Small values for the metric's parameters, for which there are images; of one value of a factor there are few."""
    return metrics.small_parameters(name, images=60 if name == "strong_downstream_task" else 130, fits=2)


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
    page = next(names for names in metrics.PAGES.values() if name in names)  # SCORES are of all metrics on it
    keys = {key for each in page for key in (result if each == name else score(each, data, codes))}
    for pattern in scores_of:
        assert any(info_of({pattern: scores_of[pattern]}, key) for key in keys), pattern
    result = {**result, "elapsed_time": 0.0}
    written = write(tmp_path, "evaluation", result)
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
def test_the_faster_way_of_its_null_gives_the_results_of_one_after_the_other(name, data, codes):
    both = list(orders(data.num_images, 2, 0))
    faster, slow = (
        [*way(functools.partial(score, name, data), codes, both)] for way in (metrics.nulls_of(name), one_by_one)
    )
    assert faster == slow
    assert slow[0] != slow[1] or not has_null(metrics.scores_of(name))


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
    # Keys with a factor's place among all factors are others.
    placed = re.compile(r"(factor_|pred|sens)\d")
    plain, wide = ({k: v for k, v in each.items() if not placed.search(k)} for each in (plain, wide))
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
        if latents == 1 and isinstance(found, str):
            assert re.match(rf"{name} compares codes and needs at least two of them|.* leaves none of 1 codes", found)
        else:
            assert scalars(found)


def slow_with_many_codes(name):
    """A classifier of all codes takes its time with 10,000 of them."""
    return "classifier" in inspect.signature(metrics.METRICS.get(name)).parameters


@pytest.fixture(scope="module")
def many(data):
    """10,000 random codes of every image."""
    return np.random.default_rng(0).normal(size=(data.num_images, 10_000)).astype(np.float32)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if slow_with_many_codes(name) else ()) for name in OF_CODES]
)
def test_very_many_codes_are_scored_or_refused(name, data, many):
    found = outcome(name, data, many, **metrics.small_parameters(name, images=50, fits=1))
    limit = getattr(sys.modules[metrics.METRICS.get(name).__module__], "_MOST_CODES", None)
    if limit is None:
        assert scalars(found)
        if "screening" in found:
            assert (len(found["screening"]["kept"]), found["screening"]["images"]) == (100, data.num_images // 4)
    else:
        assert limit in (100, 1_000)
        assert re.match(rf"{name} takes at most {limit} codes per image, .*; got 10000", found)


SIZES = (
    "batch_size",
    "n_estimators",
    "n_experiment",
    "neighbours",
    "num_bins",
    "num_eval",
    "num_test",
    "num_train",
    "widths",
)


@pytest.mark.parametrize(
    ("name", "parameter"),
    [
        (name, key)
        for name in OF_CODES
        for key in inspect.signature(metrics.METRICS.get(name)).parameters
        if key.startswith(SIZES) or key == "num_variance_estimate"
    ],
)
@pytest.mark.parametrize("value", [10**9, 10**12, 10**40])
def test_sizes_have_bounds_that_are_checked_before_memory_is_taken(name, parameter, value, data, codes):
    many = [8, value] if parameter == "widths" else [value]
    default = inspect.signature(metrics.METRICS.get(name)).parameters[parameter].default
    given = many if isinstance(default, tuple) else value
    with pytest.raises(UserError, match=rf"{name}\.{parameter} must .*(<=|at most) [0-9]+; got") as refused:
        metrics.score(name, data, codes, **{**quick(name), parameter: given})
    assert "\n" not in sentence(refused.value)


@ALL
@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (lambda codes: np.where(np.arange(5) == 3, np.nan, codes), "is NaN or infinite"),
        (lambda codes: codes[:-1], "codes must be numbers"),
        (lambda codes: codes[:, 0], "codes must be numbers"),
        (lambda codes: codes.astype(str), "codes must be numbers"),
    ],
)
def test_bad_codes_are_refused(name, broken, message, data, codes):
    with pytest.raises(UserError, match=message):
        score(name, data, broken(codes))


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


@pytest.mark.parametrize("name", metrics.names())
def test_gin_sets_every_parameter_to_what_it_is_by_default(name):
    parameters = inspect.signature(metrics.METRICS.get(name)).parameters.values()
    defaults = {each.name: each.default for each in parameters if each.kind is each.KEYWORD_ONLY}
    with configuration([str(GIN / f"{name}.gin")], [], [metrics.METRICS, metrics.CLASSIFIERS]):
        for key, default in defaults.items():
            if default is not None:
                bound = gin.query_parameter(f"{name}.{key}")
                assert bound == (list(default) if isinstance(default, tuple) else default)
                assert type(bound) is (list if isinstance(default, tuple) else type(default))


def test_every_configuration_of_a_metric_can_be_read():
    for path in GIN.glob("*.gin"):
        with configuration([str(path)], [], [metrics.METRICS, metrics.CLASSIFIERS, RUN_SET_METRICS]):
            assert gin.config_str()


# Images with factors that make no full grid ---------------------------------------------------------------------------


class Listed(LabelledImages):
    """dummy_data's images with a list of their factors."""

    name, fingerprint, observation_shape, num_images = "listed", "listed", (16, 16, 1), 512

    def __init__(self):
        self.data = datasets.load("dummy_data")
        self.factor_names, self.factor_sizes = self.data.factor_names, self.data.factor_sizes

    def images_at(self, indices):
        return self.data.images_at(indices)

    def factors_at(self, indices):
        return self.data.factors_at(indices)


def mixtures(factors):
    """Five codes that mix the factors, with noise."""
    noise = np.random.default_rng(2).normal(size=(len(factors), 5))
    return factors @ np.random.default_rng(1).normal(size=(4, 5)) + noise


def needs_a_grid(name, found):
    """Whether the outcome is the refusal of images that make no grid."""
    return isinstance(found, str) and bool(re.match(rf"{name} compares images with chosen factors, so it needs", found))


@pytest.mark.parametrize(
    "name", ["beta_vae", "factor_vae_score", "factor_vae_score_dlib", "fairness", "omes", "strong_downstream_task"]
)
def test_what_compares_images_with_chosen_factors_refuses(name):
    probe = Subsample(datasets.load("dummy_data"), 200, 0)
    found = outcome(name, probe, mixtures(probe.factors_at(np.arange(200))), **quick(name))
    assert needs_a_grid(name, found)
    assert "has 200 images for 512" in found


@ALL
def test_a_list_of_the_whole_grid_scores_as_the_grid_does(name, data):
    codes = mixtures(data.factors_at(np.arange(512)))
    found = outcome(name, Listed(), codes, **quick(name))
    assert needs_a_grid(name, found) or found == score(name, data, codes)


@ALL
def test_a_probe_is_scored_by_codes_or_by_a_function(name, data):
    probe = Subsample(data, 200, 0)
    encode = lambda observations: observations.sum(axis=1)[:, ::4, 0] + observations.sum(axis=2)[:, ::4, 0] / 8
    found = outcome(name, probe, encode, **quick(name))
    codes = encode(probe.observations_at(np.arange(200)))
    assert found == outcome(name, probe, codes, **quick(name))
    assert needs_a_grid(name, found) or scalars(found)


def test_rows_and_their_factors_go_together(data):
    probe = Subsample(data, 150, 5)
    known = probe.factors_at(np.arange(150)).astype(float)
    assert metrics.score("mig", probe, known, 0)["discrete_mig"] > 0.8
    shuffled = known[np.random.default_rng(0).permutation(150)]
    assert metrics.score("mig", probe, shuffled, 0)["discrete_mig"] < 0.2


def test_a_file_with_labels_in_any_number_is_scored_and_drawn(tmp_path):
    labels = np.random.default_rng(0).integers(0, 4, (90, 2)) * 10
    np.savez(tmp_path / "mine.npz", images=np.zeros((90, 8, 8), np.uint8) + 9, labels=labels)
    data = from_file(str(tmp_path / "mine.npz"), labels="labels", factor_names=("a", "b"), full_grid=False)
    found = metrics.score("mig", data, labels + 0.0, 0)
    assert found["discrete_mig"] > 0.8
    assert set(found["mig_per_factor"]) == {"a", "b"}
    assert save_matrices(Path(tmp_path), found, metrics.matrices("mig"), data)


# Chance levels --------------------------------------------------------------------------------------------------------


class Skewed(LabelledImages):
    """Two factors whose values are not equally frequent: three quarters have the first."""

    name, fingerprint, observation_shape, num_images = "skewed", "skewed", (1, 1, 1), 4000
    factor_names, factor_sizes = ("few", "many"), (2, 7)

    def images_at(self, indices):
        return np.zeros((len(indices), 1, 1, 1), np.uint8)

    def factors_at(self, indices):
        drawn = np.random.default_rng(0).random((2, 4000))
        return np.where(drawn < 0.75, 0, (drawn * np.array([[2], [7]])).astype(int)).T[indices]


WITH_A_CHANCE_LEVEL = [
    (name, key) for name in OF_CODES for key, known in metrics.scores_of(name).items() if known.chance is not None
]


@pytest.mark.parametrize(("name", "key"), WITH_A_CHANCE_LEVEL)
@pytest.mark.parametrize("skewed", [False, True])
def test_codes_that_are_independent_of_the_factors_score_the_chance_level(name, key, skewed):
    data = Skewed() if skewed else LARGE
    noise = np.random.default_rng(3).normal(size=(4000 if skewed else len(LARGE.factors()), 4))
    small = metrics.small_parameters(name, images=4000, fits=2)
    values = [metrics.score(name, data, noise, seed, **small)[key] for seed in range(3)]
    chance = metrics.scores_of(name)[key].chance
    assert np.mean([chance if value is None else value for value in values]) == pytest.approx(chance, abs=0.03)


def test_scores_with_a_chance_level_for_any_data_are_known():
    """Adjusted accuracies on test images and areas under the ROC curve; plug-in information has none."""
    assert ("snc", "snc") in WITH_A_CHANCE_LEVEL
    assert ("modularity_explicitness", "explicitness_score_test") in WITH_A_CHANCE_LEVEL
    assert metrics.scores_of("mig")["discrete_mig"].chance is None


# The door ----------------------------------------------------------------------------------------------------------------


def test_the_door_imports_neither_scikit_learn_nor_tensorflow():
    code = "import sys, dlib_bvae.metrics as m; m.names(); sys.exit('sklearn' in sys.modules or 'tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

"""beta_vae.py: against its definition, on codes whose score is known."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlib_bvae import datasets, metrics
from dlib_bvae.errors import UnknownName, UserError
from dlib_bvae.metrics.beta_vae import beta_vae, confusion, points
from dlib_bvae.metrics.engine.codes import CodeReader


class Foreign:
    """disentanglement_lib's duck type and nothing else; an observation is its factors."""

    def __init__(self, sizes):
        self.sizes = sizes

    @property
    def num_factors(self):
        return len(self.sizes)

    @property
    def factors_num_values(self):
        return self.sizes

    @property
    def observation_shape(self):
        return (1, len(self.sizes), 1)

    def sample_factors(self, num, random_state):
        return np.stack([random_state.randint(size, size=num) for size in self.sizes], axis=1)

    def sample_observations_from_factors(self, factors, random_state):
        assert isinstance(random_state, np.random.RandomState)
        return np.asarray(factors, np.float32).reshape(-1, 1, len(self.sizes), 1)

    def all_factors(self):
        return np.array(list(np.ndindex(*self.sizes)), np.float32)


BIG = Foreign([3, 6, 40, 32, 32])  # two random images are hardly ever the same one
SMALL = Foreign([2, 4, 3])
FEW = {"num_train": 600, "num_eval": 400, "batch_size": 16}


def identity(data):
    """Each latent is one factor, between 0 and 1."""
    return data.all_factors() / np.maximum(np.array(data.sizes) - 1, 1)


@pytest.fixture(scope="module")
def noise():
    """Codes of the big grid that know nothing."""
    return np.random.default_rng(0).normal(size=(np.prod(BIG.sizes), 5)).astype(np.float32)


# Scores that are known ------------------------------------------------------------------------------------------------


def test_a_latent_for_each_factor_scores_almost_one():
    scores = beta_vae(BIG, identity(BIG), 0, num_train=3000, num_eval=1000)
    assert scores["eval_accuracy"] > 0.99
    assert scores["train_accuracy"] > 0.99
    assert scores["classifier_converged"] is True
    assert list(scores["eval_accuracy_per_factor"]) == [f"factor_{k}" for k in range(5)]
    assert min(scores["eval_accuracy_per_factor"].values()) > 0.97
    confusion = np.array(scores["confusion"])
    assert confusion.sum() == 1000
    assert np.trace(confusion) / 1000 == pytest.approx(scores["eval_accuracy"])
    right = np.diag(confusion) / confusion.sum(axis=1)
    assert list(scores["eval_accuracy_per_factor"].values()) == pytest.approx(right.tolist())


def test_noise_scores_as_a_guess_does(noise):
    num = 3000
    accuracy = beta_vae(BIG, noise, 0, num_train=2000, num_eval=num)["eval_accuracy"]
    assert abs(accuracy - 1 / 5) < 4 * np.sqrt(1 / 5 * 4 / 5 / num)


def test_constant_codes_score_as_a_guess_does():
    num = 3000
    accuracy = beta_vae(BIG, np.ones((np.prod(BIG.sizes), 2), np.float32), 0, num_train=500, num_eval=num)[
        "eval_accuracy"
    ]
    assert abs(accuracy - 1 / 5) < 4 * np.sqrt(1 / 5 * 4 / 5 / num)


def test_dead_latents_change_no_feature_and_hardly_the_score():
    codes = identity(SMALL)
    dead = np.concatenate([codes, np.full((len(codes), 7), 3.0)], axis=1)
    features, _ = points(CodeReader(SMALL, dead), [0, 1, 2], 50, 8, 0)
    assert not features[:, 3:].any()
    alive, all_of_them = (beta_vae(SMALL, each, 0, **FEW)["eval_accuracy"] for each in (codes, dead))
    assert alive == pytest.approx(all_of_them, abs=0.01)


def test_codes_that_know_one_factor_score_well_on_that_one_alone():
    codes = identity(BIG)[:, 3:4]
    scores = beta_vae(BIG, codes, 0, num_train=2000, num_eval=1000)
    observed = scores["eval_accuracy_per_factor"]
    assert observed["factor_3"] > 0.99
    confusion = np.array(scores["confusion"])
    assert confusion[3].sum() - confusion[3, 3] + confusion[:, 3].sum() - confusion[3, 3] < 10
    # The other four cannot be separated from each other.
    assert scores["eval_accuracy"] == pytest.approx(1 / 5 + 4 / 5 / 4, abs=0.06)


# The definition -------------------------------------------------------------------------------------------------------


def points_slowly(data, encode, num, batch_size, random_state):
    """The features and labels of Higgins et al. 2017, one point after the other, through the duck type alone."""
    features, labels = [], []
    for _ in range(num):
        label = random_state.randint(data.num_factors)
        first = data.sample_factors(batch_size, random_state)
        second = data.sample_factors(batch_size, random_state)
        second[:, label] = first[:, label]
        z1, z2 = (encode(data.sample_observations_from_factors(factors, random_state)) for factors in (first, second))
        features.append(np.mean(np.abs(z1 - z2), axis=0))
        labels.append(label)
    return np.array(features), np.array(labels)


def mixing(observations):
    """Codes that know the factors only mixed, with some noise that belongs to the image."""
    factors = observations.reshape(len(observations), -1).astype(np.float64)
    return np.stack([factors @ [1, 0.9, 0.2], np.sin(7 * factors @ [3, 1, 2]), factors[:, 2] * factors[:, 1]], axis=1)


def test_the_mean_features_are_the_exact_expectations():
    codes = mixing(SMALL.all_factors())
    features, labels = points(CodeReader(SMALL, codes), [0, 1, 2], 3000, 10, 0)
    factors = SMALL.all_factors()
    for label in range(3):
        pairs = [(a, b) for a, b in itertools.product(range(24), repeat=2) if factors[a, label] == factors[b, label]]
        expected = np.mean([abs(codes[a] - codes[b]) for a, b in pairs], axis=0)
        mine = features[labels == label]
        error = mine.std(axis=0) / np.sqrt(len(mine))
        assert (abs(mine.mean(axis=0) - expected) < 5 * error).all()


def test_the_score_agrees_with_a_slow_one_from_the_definition():
    from sklearn.linear_model import LogisticRegression

    num_train, num_eval = 2000, 2000
    rng = np.random.RandomState(1)
    train = points_slowly(SMALL, mixing, num_train, 6, rng)
    evaluated = points_slowly(SMALL, mixing, num_eval, 6, rng)
    slow = LogisticRegression(max_iter=5000).fit(*train).score(*evaluated)
    fast = beta_vae(SMALL, mixing, 0, batch_size=6, num_train=num_train, num_eval=num_eval)["eval_accuracy"]
    assert 0.45 < slow < 0.95  # else agreement would say little
    # Both sides are estimates from num_eval points.
    assert abs(fast - slow) < 4 * np.sqrt(2 * slow * (1 - slow) / num_eval)


def test_labels_are_uniform_over_the_asked_factors():
    _, labels = points(CodeReader(SMALL, identity(SMALL)), [0, 2], 4000, 1, 0)
    assert set(labels) == {0, 2}
    assert abs(np.mean(labels == 0) - 0.5) < 4 * 0.5 / np.sqrt(4000)


def test_pairs_agree_on_the_label_s_factor_and_on_no_other():
    features, labels = points(CodeReader(SMALL, identity(SMALL)), [0, 1, 2], 500, 32, 0)
    for label in range(3):
        here = features[labels == label]
        assert (here[:, label] == 0).all()
        assert (np.delete(here, label, axis=1) > 0).all()


def test_points_do_not_depend_on_how_many_are_made_at_once(monkeypatch):
    """The expectations hold when the work is cut into many chunks, and no label is lost at a border."""
    monkeypatch.setattr("dlib_bvae.metrics.beta_vae._CHUNK_PAIRS", 32)
    features, labels = points(CodeReader(SMALL, identity(SMALL)), [0, 1, 2], 101, 10, 0)
    assert features.shape == (101, 3)
    assert (features[np.arange(101), labels] == 0).all()
    large, _ = points(CodeReader(SMALL, identity(SMALL)), [0, 1, 2], 2, 1000, 0)
    assert large.shape == (2, 3)


latents = st.integers(1, 6)


@settings(max_examples=40, deadline=None)
@given(latents, st.integers(0, 2**31 - 1), st.data())
def test_order_sign_and_offset_of_latents_do_not_matter(num, seed, data):
    rng = np.random.default_rng(seed)
    codes = rng.normal(size=(24, num))
    order = data.draw(st.permutations(range(num)))
    sign = np.array(data.draw(st.lists(st.sampled_from([-1, 1]), min_size=num, max_size=num)))
    offset = np.array(data.draw(st.lists(st.floats(-100, 100), min_size=num, max_size=num)))
    features, labels = points(CodeReader(SMALL, codes), [0, 1, 2], 20, 8, seed)
    changed, same = points(CodeReader(SMALL, (codes * sign + offset)[:, order]), [0, 1, 2], 20, 8, seed)
    assert np.array_equal(labels, same)
    assert changed == pytest.approx(features[:, order], abs=1e-9)


# Factors that are not asked for ---------------------------------------------------------------------------------------


def test_a_factor_that_is_left_out_is_never_asked_for_yet_varies():
    data = datasets.load("dummy_data")
    codes = data.factors_at(np.arange(data.num_images)).astype(np.float32)
    scores = beta_vae(data, codes, 0, factors=["row", "orientation"], **FEW)
    assert set(scores["eval_accuracy_per_factor"]) == {"orientation", "row"}
    features, labels = points(CodeReader(data, codes), [0, 2], 200, 16, 0)
    assert set(labels) == {0, 2}
    assert (features[:, [1, 3]] > 0).all()


def test_a_factor_of_one_value_is_not_asked_for():
    data = Foreign([3, 1, 4])
    scores = beta_vae(data, identity(data), 0, **FEW)
    assert set(scores["eval_accuracy_per_factor"]) == {"factor_0", "factor_2"}


def test_a_name_given_twice_is_one_factor():
    data = datasets.load("dummy_data")
    codes = data.factors_at(np.arange(512)).astype(np.float32)
    once, twice = (
        beta_vae(data, codes, 0, factors=names, **FEW) for names in (["row", "column"], ["column", "row", "row"])
    )
    assert once == twice


# Randomness and the ways to give codes --------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [lambda: 7, lambda: np.random.RandomState(7), lambda: np.random.default_rng(7)])
@pytest.mark.parametrize("classifier", ["logistic_regression", "random_forest"])
def test_the_same_seed_gives_the_same_scores(make, classifier):
    codes = mixing(SMALL.all_factors())
    first, second = (beta_vae(SMALL, codes, make(), classifier=classifier, **FEW) for _ in range(2))
    assert first == second


def test_another_seed_gives_other_points():
    codes = mixing(SMALL.all_factors())
    assert beta_vae(SMALL, codes, 0, **FEW) != beta_vae(SMALL, codes, 1, **FEW)


def test_the_global_random_state_is_neither_read_nor_moved():
    np.random.seed(0)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    beta_vae(SMALL, identity(SMALL), 0, **FEW)
    assert np.array_equal(before, np.random.get_state()[1])  # noqa: NPY002


def test_an_array_a_memory_map_and_a_function_score_alike(tmp_path):
    codes = mixing(SMALL.all_factors())
    np.save(tmp_path / "codes.npy", codes)
    mapped = np.load(tmp_path / "codes.npy", mmap_mode="r")
    assert isinstance(mapped, np.memmap)
    array, memmap, function = (metrics.score("beta_vae", SMALL, each, 3, **FEW) for each in (codes, mapped, mixing))
    assert array == memmap == function


@pytest.mark.parametrize("classifier", ["linear", "logistic_regression", "mlp", "random_forest"])
def test_every_classifier_reads_clear_codes(classifier):
    scores = beta_vae(SMALL, identity(SMALL), 0, classifier=classifier, **FEW)
    assert scores["eval_accuracy"] > 0.97


def test_the_confusion_has_the_shared_factor_in_its_row_and_leaves_out_factors_of_one_value():
    counts = confusion(np.array([0, 0, 2, 2, 3]), np.array([0, 2, 2, 2, 0]), (2, 1, 4, 3))
    assert counts.tolist() == [[1, 1, 0], [0, 2, 0], [1, 0, 0]]


def test_a_classifier_that_stops_early_is_told():
    import gin

    codes = mixing(SMALL.all_factors())
    with gin.unlock_config():
        gin.bind_parameter("logistic_regression.max_iter", 1)
    try:
        assert beta_vae(SMALL, codes, 0, **FEW)["classifier_converged"] is False
    finally:
        gin.clear_config()


def test_the_scores_are_plain_json_values():
    import json

    scores = beta_vae(SMALL, identity(SMALL), 0, **FEW)
    assert json.loads(json.dumps(scores)) == scores
    per_factor = {"eval_accuracy_per_factor", "confusion"}
    assert set(scores) == {"train_accuracy", "eval_accuracy", "classifier_converged"} | per_factor


# Refusals -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parameter", "least", "values"),
    [("batch_size", 1, [0, -1, 1.5, "64", True, None]), ("num_train", 3, [0, 2, 1e4]), ("num_eval", 1, [0, 2.0])],
)
def test_numbers_out_of_range_are_refused(parameter, least, values):
    for value in values:
        with pytest.raises(UserError, match=rf"beta_vae\.{parameter} must be an integer >= {least}; got "):
            beta_vae(SMALL, identity(SMALL), 0, **{**FEW, parameter: value})


def test_training_points_that_ask_for_one_factor_only_are_refused():
    # With this seed both training points ask for factor_1.
    with pytest.raises(UserError, match=r"beta_vae\.num_train"):
        beta_vae(SMALL, identity(SMALL), 2, factors=["factor_0", "factor_1"], num_train=2, num_eval=5)


def test_numpy_s_integers_are_numbers():
    numbers = {key: np.int32(value) for key, value in FEW.items()}
    assert beta_vae(SMALL, identity(SMALL), 0, **numbers) == beta_vae(SMALL, identity(SMALL), 0, **FEW)


def test_an_unknown_factor_lists_the_near_ones():
    data = datasets.load("dummy_data")
    with pytest.raises(UnknownName, match=r"no factor is called 'rows'; did you mean row\b"):
        beta_vae(data, np.zeros((512, 1)), 0, factors=["rows", "column"])


@pytest.mark.parametrize("factors", [[], ["factor_0"], ["factor_2", "factor_2"]])
def test_fewer_than_two_factors_are_refused(factors):
    with pytest.raises(UserError, match="needs at least two factors to tell apart; got"):
        beta_vae(SMALL, identity(SMALL), 0, factors=factors)


def test_a_grid_with_one_factor_that_varies_is_refused():
    data = Foreign([1, 5])
    with pytest.raises(UserError, match=r"at least two factors to tell apart; got \['factor_1'\]"):
        beta_vae(data, identity(data), 0)


def test_a_factor_of_one_value_cannot_be_asked_for():
    data = Foreign([3, 1, 4])
    with pytest.raises(UserError, match="cannot ask for 'factor_1': it has one value only"):
        beta_vae(data, identity(data), 0, factors=["factor_0", "factor_1"])


def test_an_unknown_classifier_is_refused():
    with pytest.raises(UnknownName, match="no classifier is called 'forest'; did you mean random_forest"):
        beta_vae(SMALL, identity(SMALL), 0, classifier="forest", **FEW)


def test_an_unknown_metric_and_an_unknown_parameter_are_refused():
    with pytest.raises(UnknownName, match="no metric is called 'beta_vea'; did you mean beta_vae"):
        metrics.score("beta_vea", SMALL, identity(SMALL))
    with pytest.raises(UnknownName, match="no parameter of beta_vae is called 'num_trains'; did you mean num_train"):
        metrics.score("beta_vae", SMALL, identity(SMALL), num_trains=3)


def test_codes_of_another_grid_are_refused():
    with pytest.raises(UserError, match=r"codes must be numbers \(24, latents\)"):
        beta_vae(SMALL, np.zeros((23, 2)), 0)


def test_nan_codes_are_refused():
    with pytest.raises(UserError, match="is NaN or infinite; encode the data set again"):
        beta_vae(SMALL, np.full((24, 2), np.nan), 0)


@pytest.mark.parametrize("state", [None, -1, "seed"])
def test_what_is_no_random_state_is_refused(state):
    with pytest.raises(ValueError, match="random_state must be"):
        beta_vae(SMALL, identity(SMALL), state)

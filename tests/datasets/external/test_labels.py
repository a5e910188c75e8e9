"""labels.py: columns of labels → factors; what they are, which are missing, when they are a grid; one order of the images."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlib_bvae import metrics
from dlib_bvae.datasets.derived.pixels import resized
from dlib_bvae.datasets.derived.subsets import Subsample, Subset
from dlib_bvae.datasets.derived.training_distribution import Correlated, HeldOut
from dlib_bvae.datasets.external.from_file import from_file
from dlib_bvae.datasets.external.labels import distinct, factors_of, grid_of, of_arrays
from dlib_bvae.errors import UserError
from dlib_bvae.image_quality.factor_cnn import factor_cnn
from dlib_bvae.training.plan import factors_of as factors_of_batch
from dlib_bvae.training.plan import make_partners

GRID = np.array(list(np.ndindex(2, 3, 4)))
NAMES = ("a", "b", "c")


@settings(max_examples=30)
@given(st.lists(st.integers(1, 4), min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_every_cell_of_a_grid_in_any_order_has_its_image(sizes, random):
    grid = np.array(list(np.ndindex(*sizes))).reshape(-1, len(sizes))
    order = list(range(len(grid)))
    random.shuffle(order)
    factors = factors_of(grid[order].T, [str(k) for k in range(len(sizes))], None, "labels")
    assert factors.sizes == tuple(sizes)
    assert np.array_equal(grid[order][grid_of(factors, "labels")], grid)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.where(GRID == 3, 2, GRID), "= 18 combinations for 24 images.*set from_file.full_grid = False"),
        (np.concatenate([GRID[:1], GRID[:1], GRID[2:]]), r"1 combinations more than once.*\[0.0, 0.0, 0.0\].* 1 never"),
        (np.where(GRID == 3, np.nan, GRID), "lack the value of 'c' in row 3"),
        (np.where(GRID == 3, np.inf, GRID), "must be finite; 'c' is infinite in row 3"),
    ],
)
def test_labels_that_are_no_full_grid_are_refused(labels, message):
    with pytest.raises(UserError, match=message):
        grid_of(factors_of(labels.T, NAMES, None, "from_file.labels"), "from_file.labels")


@pytest.fixture(scope="module")
def shuffled(tmp_path_factory):
    """A grid of 2 × 3 × 4 images in another order than its cells, with the factors of each image."""
    order = np.random.default_rng(1).permutation(24)
    images = np.arange(24, dtype=np.uint8)[order, None, None] * np.ones((1, 3, 3), np.uint8)
    path = tmp_path_factory.mktemp("shuffled") / "mine.npz"
    np.savez(path, images=images, labels=GRID[order] * 0.5)
    return from_file(str(path), labels="labels", factor_names=NAMES), GRID[order]


def test_codes_in_the_files_order_go_with_the_files_factors(shuffled):
    data, factors = shuffled
    codes = factors.astype(float)
    encode = lambda observations: GRID[np.rint(observations[:, 0, 0, 0] * 255).astype(int)]
    for each in (codes, encode):
        assert metrics.score("mig", data, each, 0)["discrete_mig"] > 0.98
        assert metrics.score("beta_vae", data, each, 0, num_train=200, num_eval=100)["eval_accuracy"] == 1
    assert metrics.score("factor_vae_score", data, codes, 0, num_train=100, num_eval=100)["eval_accuracy"] == 1


def test_derived_sets_keep_the_files_order(shuffled):
    data, factors = shuffled
    everything = np.arange(24)
    weights = Correlated(data, [("b", "c")], 0.5).training_weights()
    by_factors = {tuple(row): weight for row, weight in zip(factors[:, 1:], weights, strict=True)}
    assert [by_factors[tuple(row)] for row in factors[:, 1:]] == weights.tolist()
    assert by_factors[0, 0] == by_factors[2, 3] > by_factors[0, 3]
    held = HeldOut(data, [{"a": [1], "c": [0, 3]}])
    assert np.array_equal(held.masks()[1], (factors[:, 0] == 1) & np.isin(factors[:, 2], [0, 3]))
    assert np.array_equal(resized(data, 2, 2).factors_at(everything), factors)
    part = Subset(held, {"c": [1, 3]})
    rows = np.flatnonzero(np.isin(factors[:, 2], [1, 3]))
    assert part.rows.tolist() == rows.tolist()
    assert np.array_equal(part.images_at(np.arange(12)), data.images_at(rows))
    assert np.array_equal(part.factors_at(np.arange(12)), factors[rows] // [1, 1, 2])
    assert np.array_equal(part.images_at(part.index_of([[1, 2, 1]])), data.images_at(data.index_of([[1, 2, 3]])))
    probe = Subsample(data, 9, 0)
    assert np.array_equal(probe.factors_at(np.arange(9)), factors[probe.rows])


def test_training_reads_factors_and_partners_in_the_files_order(shuffled):
    import tensorflow as tf

    data, factors = shuffled
    rows = tf.range(24, dtype=tf.int64)
    assert np.array_equal(factors_of_batch(data)(rows), factors)
    partners = make_partners(data, 1, 0)(rows, tf.constant(0, tf.int64)).numpy()
    assert ((factors != factors[partners]).sum(axis=1) == 1).all()


def test_values_that_differ_by_rounding_are_one():
    values = np.array([0.1 + 0.2, 0.3, 1.0, 1.0 + 1e-7, 5.0, np.nan])
    factors = factors_of([values], ["x"], None, "labels")
    assert factors.sizes == (3,)
    assert factors.ranks.ravel().tolist() == [0, 0, 1, 1, 2, -1]
    assert distinct(np.array([-1e308, 1e308, 0.0])).tolist() == [-1e308, 0, 1e308]
    # A chain of near values is no single value: each is compared with the least of its group.
    assert distinct(np.array([0, 4e-7, 8e-7, 1.2e-6, 1])).tolist() == [0, 1.2e-6, 1]
    # A stretch that is walked through between values that stand alone.
    assert distinct(np.array([-1, -0.5, 0, 8e-7, 1.6e-6, 2.4e-6, 0.5, 1])).tolist() == [-1, -0.5, 0, 2.4e-6, 0.5, 1]


def test_a_factor_of_many_values_needs_a_kind():
    numbers = np.random.default_rng(0).random((2, 400))
    with pytest.raises(
        UserError, match="'y' has 400 values in 400 images and no kind.*categorical, ordinal, continuous, cyclic"
    ):
        factors_of([np.arange(400) % 7, numbers[1]], ["x", "y"], None, "from_file.labels")
    for kinds in ({"y": "continuous"}, [None, "continuous"]):
        assert factors_of([np.arange(400) % 7, numbers[1]], ["x", "y"], kinds, "labels").kinds == (None, "continuous")
    assert factors_of([np.arange(1000) % 150], ["x"], None, "labels").sizes == (150,)
    for kinds, message in (
        ({"z": "ordinal"}, "no factor .*factor_kinds.* 'z'"),
        (["ordinl"], "did you mean ordinal"),
        (["ordinal", "cyclic"], "must give 1 factors"),
    ):
        with pytest.raises(UserError, match=message):
            factors_of([np.arange(5)], ["x"], kinds, "from_file.labels")


def test_texts_are_categorical_and_may_be_missing():
    column = np.array(["red", None, "blue", "red"], object)
    factors = factors_of([column], ["hue"], None, "labels")
    assert (factors.kinds, factors.values[0].tolist()) == (("categorical",), ["blue", "red"])
    assert factors.ranks.ravel().tolist() == [1, -1, 0, 1]
    with pytest.raises(UserError, match="'hue' has texts, which are categorical; got the kind 'ordinal'"):
        factors_of([column], ["hue"], ["ordinal"], "labels")
    with pytest.raises(UserError, match="no image has a value of 'hue'"):
        factors_of([np.array([np.nan, np.nan])], ["hue"], None, "labels")


def test_what_is_derived_from_labels_in_any_combination_keeps_them(tmp_path):
    labels = np.array([[0.5, 1], [2, np.nan], [0.5, 3], [2, 3]])
    np.savez(tmp_path / "mine.npz", images=np.zeros((4, 6, 6), np.uint8) + 9, labels=labels)
    kinds = {"x": "continuous"}
    data = from_file(
        str(tmp_path / "mine.npz"), labels="labels", full_grid=False, factor_names=("x", "y"), factor_kinds=kinds
    )
    small = resized(data, 3, 3)
    assert small.observation_shape == (3, 3, 1)
    assert small.factors_at([3, 1]).tolist() == [[1, 1], [1, -1]]
    assert (small.factor_names, small.factor_kinds) == (("x", "y"), ("continuous", None))
    with pytest.raises(
        UserError, match="must be a data set with every combination of its factors; from_file.* has not"
    ):
        Subset(data, {"x": [0]})
    with pytest.raises(UserError, match="continuous factors or lacks values; take another extractor"):
        factor_cnn(data, 1, 0.1, 0)


def test_kinds_and_values_are_those_of_the_grid_that_a_set_is_derived_from(tmp_path):
    np.savez(tmp_path / "mine.npz", images=np.zeros((24, 3, 3), np.uint8) + 9, labels=GRID * 0.5)
    data = from_file(str(tmp_path / "mine.npz"), labels="labels", factor_kinds=["ordinal", "cyclic", "continuous"])
    part = Subset(resized(data, 2, 2), {"factor_2": [1, 3]})
    assert part.factor_kinds == data.factor_kinds == Subsample(data, 5, 0).factor_kinds
    assert [known.tolist() for known in part.factor_values] == [[0, 0.5], [0, 0.5, 1], [0.5, 1.5]]


def test_two_arrays_are_scored_alone():
    codes = np.hstack([GRID, GRID[:, ::-1]]).astype(float)
    alone = metrics.score("mig", factors=GRID, codes=codes, random_state=3, factor_names=list(NAMES))
    assert set(alone["mig_per_factor"]) == set(NAMES)
    assert alone["discrete_mig"] == 0
    assert metrics.score("mig", factors=GRID, codes=GRID + 0.0)["discrete_mig"] > 0.9
    # Every combination once: a grid, in whatever order.
    order = np.random.default_rng(0).permutation(24)
    found = metrics.score("beta_vae", factors=GRID[order], codes=GRID[order] + 0.0, num_train=200, num_eval=100)
    assert found["eval_accuracy"] == 1


def test_arrays_that_do_not_fit_are_one_sentence():
    codes = GRID + 0.0
    for parameters, message in (
        ({"codes": codes}, "score needs a data set and codes, or factors and codes"),
        ({"factors": GRID}, "score needs a data set and codes, or factors and codes"),
        ({"factors": GRID[:, 0], "codes": codes}, r"factors must be numbers \(images, factors\); got int64 \(24,\)"),
        ({"factors": [[1], [1, 2]], "codes": codes}, "factors must be numbers"),
        ({"factors": pd.DataFrame(index=range(24)), "codes": codes}, "the frame has none"),
        ({"factors": GRID[:20], "codes": codes}, r"codes must be numbers \(20, latents\)"),
        ({"factors": GRID, "codes": codes, "factor_names": ["a"]}, "factor_names must be 3 different names"),
        (
            {"factors": np.random.default_rng(0).random((200, 1)), "codes": codes},
            r"set factor_kinds = \{'factor_0': …\} to one of categorical",
        ),
        (
            {"factors": GRID, "codes": lambda seen: seen},
            "only factors and codes were given, no images, so codes must be an array",
        ),
    ):
        with pytest.raises(UserError, match=message):
            metrics.score("mig", **parameters)
    with pytest.raises(UserError, match="parameter of mig is called 'factors'"):
        metrics.score("mig", of_arrays(GRID), codes, factors=GRID)
    with pytest.raises(UserError, match="no factor is called 'hue'"):
        metrics.score("beta_vae", of_arrays(GRID), codes, factors=["hue"])

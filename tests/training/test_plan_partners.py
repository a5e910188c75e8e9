"""Pairs, second batches and labels: on the grid, as asked for, and reproducible."""

import numpy as np
import pytest
import tensorflow as tf
from support.drawn_spots import Spots

from dlib_bvae.datasets.derived.subsets import Subsample
from dlib_bvae.datasets.dummy import DummyData
from dlib_bvae.datasets.images import ALL_FACTORS, DRAWS
from dlib_bvae.errors import UserError
from dlib_bvae.models.objectives import Wants
from dlib_bvae.training.feed import MemoryFeed
from dlib_bvae.training.plan import Plan, make_partners

DATA = DummyData()


def differences(changed, steps=20, batch=64, seed=0):
    partners = make_partners(DATA, changed, seed)
    rows = tf.constant(np.random.default_rng(0).integers(512, size=batch))
    found = np.concatenate([partners(rows, tf.constant(step, tf.int64)).numpy() for step in range(steps)])
    before, after = DATA.factors_at(np.tile(rows.numpy(), steps)), DATA.factors_at(found)
    return before, after


@pytest.mark.parametrize("changed", [1, 2, 4])
def test_partners_differ_in_as_many_factors_as_asked_for(changed):
    before, after = differences(changed)
    assert ((before != after).sum(1) == changed).all()


def test_any_number_of_factors_is_one_to_all_but_one_uniformly():
    before, after = differences(-1)
    counts = np.bincount((before != after).sum(1), minlength=5)
    assert counts[0] == counts[4] == 0
    np.testing.assert_allclose(counts[1:4] / counts.sum(), 1 / 3, atol=0.05)


def test_which_factor_and_its_new_value_are_uniform():
    before, after = differences(1, steps=100)
    np.testing.assert_allclose((before != after).mean(0), 0.25, atol=0.02)
    moved = before[:, 2] != after[:, 2]
    shift = (after[:, 2] - before[:, 2])[moved] % 8
    np.testing.assert_allclose(np.bincount(shift, minlength=8)[1:] / moved.sum(), 1 / 7, atol=0.03)


def test_they_follow_from_seed_and_step():
    rows = tf.range(64, dtype=tf.int64)
    draw = lambda seed, step: make_partners(DATA, 1, seed)(rows, tf.constant(step, tf.int64)).numpy()
    np.testing.assert_array_equal(draw(3, 5), draw(3, 5))
    assert (draw(3, 5) != draw(3, 6)).any()
    assert (draw(3, 5) != draw(4, 5)).any()


@pytest.mark.parametrize("changed", [5, 0])
def test_more_changes_than_factors_are_refused(changed):
    with pytest.raises(UserError, match=r"differ in 1 … 4 factors of dummy_data"):
        make_partners(DATA, changed, 0)


def test_pairs_need_the_whole_grid():
    class Part(DummyData):
        def training_weights(self):
            return np.ones(512)

    with pytest.raises(UserError, match="need the whole grid"):
        make_partners(Part(), 1, 0)


def test_several_images_of_one_cell_are_refused():
    class Several(DummyData):
        images_per_cell = 10

    with pytest.raises(UserError, match="one image for every combination of factors; dummy_data has 10"):
        make_partners(Several(), 1, 0)


def test_a_batch_of_pairs_has_the_partners_after_the_first_images():
    plan, step = Plan(DATA, 8, 0, Wants(partners=1)), tf.constant(2, tf.int64)
    rows = plan.indices(step)["observations"]
    assert rows.shape == (16,)
    expected = make_partners(DATA, 1, 0)(rows[:8], step)
    np.testing.assert_array_equal(rows[8:], expected)
    assert ((DATA.factors_at(rows[:8]) != DATA.factors_at(rows[8:])).sum(axis=1) == 1).all()


def test_a_second_batch_is_another_walk_through_the_images():
    plan = Plan(DATA, 64, 0, Wants(independent=True))
    steps = [plan.indices(tf.constant(step, tf.int64)) for step in range(8)]
    first, second = (np.concatenate([step[name] for step in steps]) for name in ("observations", "second"))
    assert sorted(second) == list(range(512))
    assert (first == second).mean() < 0.05
    assert plan.labels(steps[0]) == {}


def test_labelled_images_are_few_and_have_their_own_factors():
    feed = MemoryFeed(DATA, Plan(DATA, 8, 0, Wants(labelled=5)))
    seen = set()
    for step in range(10):
        inputs = feed.inputs(tf.constant(step, tf.int64))
        rows = DATA.index_of(inputs["factors"].numpy())
        np.testing.assert_array_equal(inputs["second"], DATA.observations_at(rows))
        seen |= set(rows)
    assert len(seen) == 5
    with pytest.raises(UserError, match="has 512 images to label; got 600"):
        Plan(DATA, 8, 0, Wants(labelled=600))


@pytest.mark.parametrize(
    ("wants", "second", "partners"),
    [
        (Wants(), None, []),
        (Wants(independent=True), [196, 78, 104, 331, 467, 53], []),
        (Wants(labelled=7), [67, 478, 122, 67, 165, 176], []),
        (Wants(partners=-1), None, [106, 256, 245, 206, 463, 111]),
        (Wants(partners=2), None, [106, 312, 244, 206, 463, 103]),
    ],
)
def test_the_indices_of_a_seed_and_step_never_change(wants, second, partners):
    """As recorded once: a version that shows other images would neither continue nor repeat the trainings of the ones before."""
    plan = Plan(DATA, 6, 3, wants)
    found = {name: rows.numpy().tolist() for name, rows in plan.indices(tf.constant(100, tf.int64)).items()}
    assert found.pop("observations") == [298, 0, 36, 75, 332, 104, *partners]
    assert found == ({} if second is None else {"second": second})
    assert plan.counts == {"observations": 6 + len(partners)} | ({} if second is None else {"second": 6})


def test_factors_of_one_value_never_change_and_two_others_are_needed():
    class Flat(DummyData):
        factor_sizes = (2, 1, 8, 8)

    before = tf.range(128, dtype=tf.int64)
    after = make_partners(Flat(), 3, 0)(before, tf.constant(0, tf.int64))
    assert ((Flat().factors_at(before) != Flat().factors_at(after)).sum(axis=1) == 3).all()

    class One(DummyData):
        factor_sizes = (1, 1, 8, 1)

    for changed in (1, -1):
        with pytest.raises(UserError, match="pairs must differ in 1 … 1 factors"):
            make_partners(One(), changed, 0)


def test_labels_are_known_of_the_second_batch_only():
    plan = Plan(DATA, 4, 0, Wants(labelled=512))
    rows = plan.indices(tf.constant(0, tf.int64))
    np.testing.assert_array_equal(plan.labels(rows)["factors"], DATA.factors_at(rows["second"].numpy()))
    assert plan.label_specs["factors"].shape == (4, 4)
    assert Plan(DATA, 4, 0).label_specs == {}
    shown = np.unique(np.concatenate([plan.indices(tf.constant(step, tf.int64))["second"] for step in range(128)]))
    assert len(shown) == 512


def test_data_without_factors_is_refused():
    class Images:
        name = "pixels"

    with pytest.raises(UserError, match="needs the factors of its images, which pixels does not know"):
        make_partners(Images(), 1, 0)


def test_labels_in_any_combination_are_refused():
    with pytest.raises(UserError, match="needs an image of every combination of factors, which probe.* has not"):
        make_partners(Subsample(DATA, 20, 0), 1, 0)
    with pytest.raises(UserError, match="needs an image of every combination"):
        Plan(Subsample(DATA, 20, 0), 4, 0, Wants(labelled=4))


def test_every_factor_of_a_partner_may_change():
    before, after = differences(ALL_FACTORS)
    assert ((before != after).sum(1) == 4).all()


def test_images_that_are_drawn_have_partners_of_their_own(tmp_path):
    data = Spots(images=8, cache_dir=tmp_path)
    plan, step = Plan(data, 6, 3, Wants(partners=2)), tf.constant(5, tf.int64)
    rows = plan.indices(step)["observations"].numpy()
    assert plan.counts == {"observations": 12}
    assert (rows[:6] >= 8).all()
    np.testing.assert_array_equal(rows[6:], rows[:6] + 2 * DRAWS)
    assert ((data.values_at(rows[:6]) != data.values_at(rows[6:])).sum(axis=1) == 2).all()
    fixed = Spots(images=8, fixed={"channel": 0, "light": 9}, cache_dir=tmp_path)
    assert make_partners(fixed, ALL_FACTORS, 0)(tf.constant([9], tf.int64), step).numpy().tolist() == [9 + 254 * DRAWS]
    for changed in (1, 4):
        with pytest.raises(UserError, match=r"pairs must differ in 1 … \d factors of spots"):
            make_partners(fixed if changed == 1 else data, changed, 0)

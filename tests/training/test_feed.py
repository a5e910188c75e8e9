"""The feed: epochs are permutations, the order follows from seed and step."""

from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
from support.drawn_spots import Spots

from dlib_bvae.datasets.dummy import DummyData
from dlib_bvae.errors import UserError
from dlib_bvae.models.objectives import Wants
from dlib_bvae.training.feed import MemoryFeed, StreamFeed, make_feed, unpack_bits
from dlib_bvae.training.plan import Plan


class Packed(DummyData):
    def packed(self):
        return np.packbits(self.images_at(np.arange(self.num_images)).reshape(self.num_images, -1), axis=1)


def epoch(seed, number, batch=64):
    plan = Plan(DummyData(), batch, seed)
    steps = range(number * 512 // batch, (number + 1) * 512 // batch)
    return np.concatenate([plan.indices(tf.constant(step, tf.int64))["observations"].numpy() for step in steps])


def test_an_epoch_shows_every_image_once_in_a_new_order():
    first, second = epoch(0, 0), epoch(0, 1)
    assert sorted(first) == sorted(second) == list(range(512))
    assert (first != second).mean() > 0.9
    assert (first != np.arange(512)).mean() > 0.9
    for order in (first, second):
        assert abs(np.corrcoef(order[:-1], order[1:])[0, 1]) < 0.15, "neighbours stay together"


def test_the_order_follows_from_the_seed():
    np.testing.assert_array_equal(epoch(5, 2), epoch(5, 2))
    assert (epoch(5, 0) != epoch(6, 0)).any()


def test_a_batch_may_span_two_epochs():
    plan = Plan(DummyData(), 96, 0)
    rows = np.concatenate([plan.indices(tf.constant(step, tf.int64))["observations"].numpy() for step in range(16)])
    assert (np.bincount(rows, minlength=512) == 3).all()


@pytest.mark.parametrize("data", [DummyData(), Packed()])
def test_observations_are_the_images_in_0_to_1(data):
    feed = MemoryFeed(data, Plan(data, 32, 1))
    step = tf.constant(3, tf.int64)
    expected = data.images_at(feed.plan.indices(step)["observations"].numpy()).astype(np.float32)
    np.testing.assert_array_equal(feed.inputs(step)["observations"], expected)


@pytest.mark.parametrize("max_mib", [4096, 0])
def test_feeds_that_share_their_images_show_each_its_own_order(max_mib):
    data, step = DummyData(), tf.constant(0, tf.int64)
    first = make_feed(data, Plan(data, 32, 1), max_mib)
    shared = make_feed(data, Plan(data, 32, 2), max_mib, shared=first)
    assert type(shared) is type(first)
    if max_mib:
        assert shared._rows is first._rows
    first.start(0, 1)
    shared.start(0, 1)
    own = make_feed(data, Plan(data, 32, 2)).inputs(step)["observations"]
    np.testing.assert_array_equal(shared.inputs(step)["observations"], own)
    assert (first.inputs(step)["observations"].numpy() != own.numpy()).any()


def test_bits_are_unpacked_as_numpy_does():
    rows = np.random.default_rng(0).integers(256, size=(4, 6), dtype=np.uint8)
    np.testing.assert_array_equal(unpack_bits(tf.constant(rows)), np.unpackbits(rows, axis=1))


def inputs(feed, first, steps):
    feed.start(first, first + steps)
    function = tf.function(feed.inputs, input_signature=[tf.TensorSpec([], tf.int64)])
    return [function(tf.constant(step, tf.int64)) for step in range(first, first + steps)]


@pytest.mark.parametrize("first", [0, 5])
@pytest.mark.parametrize("wants", [Wants(), Wants(partners=1), Wants(independent=True), Wants(labelled=100)])
def test_a_stream_shows_what_memory_would_from_any_step_on(first, wants):
    memory, stream = (make(DummyData(), Plan(DummyData(), 48, 2, wants)) for make in (MemoryFeed, StreamFeed))
    for expected, got in zip(inputs(memory, first, 14), inputs(stream, first, 14), strict=True):
        assert expected.keys() == got.keys() == memory.specs.keys()
        for name, spec in stream.specs.items():
            assert spec.is_compatible_with(expected[name]), name
            np.testing.assert_array_equal(got[name], expected[name])


def test_what_fits_is_held_in_memory():
    plan = Plan(DummyData(), 16, 0)
    assert isinstance(make_feed(DummyData(), plan), MemoryFeed)
    assert isinstance(make_feed(DummyData(), plan, max_mib=0), StreamFeed)


def test_what_the_data_set_raises_while_streaming_is_kept():
    class Damaged(DummyData):
        def images_at(self, indices):
            raise UserError("the file is damaged; get it again")

    feed = StreamFeed(Damaged(), Plan(Damaged(), 8, 0))
    with pytest.raises(tf.errors.OpError):
        inputs(feed, 0, 1)
    assert isinstance(feed.error, UserError)


@pytest.mark.parametrize(("max_mib", "kind"), [(3, MemoryFeed), (2, StreamFeed)])
@pytest.mark.parametrize("packed", [True, False])
def test_what_takes_more_than_so_many_mebibytes_is_streamed(monkeypatch, max_mib, kind, packed):
    for each in (MemoryFeed, StreamFeed):
        monkeypatch.setattr(each, "__init__", lambda *given: None)
    data = SimpleNamespace(drawn=False, num_images=3 * 2**8, observation_shape=(64, 64, 1), packed=lambda: None)
    if packed:
        bits = np.zeros(3 * 2**20, np.uint8)
        data = SimpleNamespace(drawn=False, num_images=1, observation_shape=(1, 1, 1), packed=lambda: bits)
    assert type(make_feed(data, None, max_mib=max_mib)) is kind


@pytest.mark.parametrize("wants", [Wants(), Wants(partners=1), Wants(independent=True)])
def test_images_that_are_drawn_are_streamed_however_few_are_scored(wants, tmp_path):
    data = Spots(images=4, rho=0.5, cache_dir=tmp_path)
    plan = Plan(data, 16, 0, wants)
    feed = make_feed(data, plan)
    assert isinstance(feed, StreamFeed)
    for step, got in enumerate(inputs(feed, 0, 3)):
        rows = plan.indices(tf.constant(step, tf.int64))
        for name, images in got.items():
            np.testing.assert_allclose(images, data.observations_at(rows[name].numpy()), rtol=1e-6)
    assert not data.cache_path.exists()

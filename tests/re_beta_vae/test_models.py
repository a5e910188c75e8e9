"""What a trained network shows: a network with known latents, exported as a run's SavedModel."""

import numpy as np
import pytest
import tensorflow as tf
from support.results import write

from dlib_bvae import datasets
from dlib_bvae.errors import UserError
from dlib_bvae.models.saved_model import export
from dlib_bvae.re_beta_vae import models

LATENTS = 10


class Known(tf.Module):
    """Latents 4 and 6 are the brightness of the left and of the upper half; the others are 0. Decodes latent 6 as brightness."""

    def __init__(self, shape):
        super().__init__()
        self.observation_shape, self.num_latent = shape, LATENTS

    def encode(self, observations):
        left = 5 * tf.reduce_mean(observations[:, :, :8], [1, 2, 3])
        upper = 20 * tf.reduce_mean(observations[:, :8], [1, 2, 3])
        nothing = tf.zeros_like(left)
        mean = [nothing] * 4 + [left, nothing, upper] + [nothing] * 3
        return tf.stack(mean, axis=1), tf.zeros([tf.shape(observations)[0], LATENTS])

    def decode(self, latents):
        return tf.sigmoid(latents[:, 6])[:, None, None, None] * tf.ones([1, *self.observation_shape])

    def reconstruct(self, observations):
        return self.decode(self.encode(observations)[0])


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A finished training on dummy_data, with events."""
    folder = tmp_path_factory.mktemp("run")
    data = datasets.load("dummy_data")
    trained = {"model": "known", "dataset": data.name, "fingerprint": data.fingerprint, "seed": 0}
    write(folder / "train", "train", trained, {"dataset.name": "dummy_data"})
    export(Known(data.observation_shape), folder / "train" / "saved_model")
    for number, steps in ((9, [10, 20]), (10, [20, 30])):  # a training that was continued from step 10
        with tf.summary.create_file_writer(str(folder / "train")).as_default():
            for step in steps:
                tf.summary.scalar("reconstruction", 100.0 + steps[0] + step, step)
                tf.summary.scalar("kl", 1.0, step)
        (written,) = (
            path for path in (folder / "train").glob("events.out.tfevents.*") if not path.name.endswith("written")
        )
        written.rename(
            written.with_name(f"events.out.tfevents.1.host.7.{number}.written")
        )  # TensorFlow numbers without zeros
    return folder


def test_a_traversal_has_the_latents_by_their_kl_over_the_range_of_their_codes(run):
    found = models.traversal(run)
    first, *labels = found.labels
    assert first == "image, reconstruction"
    assert [label.split(",")[0] for label in labels] == ["z6", "z4", "z0", "z1", "z2", "z3", "z5", "z7"]
    data = datasets.load("dummy_data")
    means = np.asarray(Known(data.observation_shape).encode(data.observations_at(models._rows(data)))[0])
    kl = 0.5 * (means**2).mean(axis=0)
    low, high = means.min(axis=0), means.max(axis=0)
    assert labels[:2] == [f"z{k}, {kl[k]:.2f} nats\n{low[k]:.1f} … {high[k]:.1f}" for k in (6, 4)]
    assert labels[2] == "z0, 0.00 nats\n0.0 … 0.0"
    assert kl[6] > 2 * kl[4] > 0.02
    image = data.observations_at(models._median(data))
    code = np.asarray(Known(data.observation_shape).encode(image)[0])[0]
    (seen, made), z6, z4, *_ = found.rows
    assert seen == pytest.approx(image[0])
    assert made == pytest.approx(np.asarray(Known(image.shape[1:]).reconstruct(image))[0], abs=1e-6)
    assert len(z6) == 9
    values = np.linspace(low[6], high[6], 9)
    place = found.marked[1]
    assert place == np.abs(values - code[6]).argmin()
    values[place] = code[6]
    assert z6[:, 0, 0, 0] == pytest.approx(1 / (1 + np.exp(-values)), abs=1e-5)
    assert z6[place] == pytest.approx(made, abs=1e-6)  # what is framed is the reconstruction
    assert np.ptp(z4) < 1e-6  # latent 6 stays that of the image
    assert found.marked[0] is None
    assert len(found.marked) == len(found.rows) == len(found.labels) == 9


def test_a_walk_follows_each_factor_from_the_median_image(run):
    data = datasets.load("dummy_data")
    found = models.walk(run)
    names = [name for name, size in zip(data.factor_names, data.factor_sizes, strict=True) if size > 1]
    assert [name for name, _, _ in found.paths] == names
    medians = [size // 2 for size in data.factor_sizes]
    means = np.asarray(Known(data.observation_shape).encode(data.observations_at(models._rows(data)))[0])
    assert found.cloud == pytest.approx(means, abs=1e-5)
    for name, codes, start in found.paths:
        assert start == medians[data.factor_names.index(name)]
        factors = np.tile(medians, (len(codes), 1))
        factors[:, data.factor_names.index(name)] = np.arange(len(codes))
        of_images = np.asarray(Known(data.observation_shape).encode(data.observations_at(data.index_of(factors)))[0])
        assert codes == pytest.approx(of_images, abs=1e-5)
    assert found.plane.shares.sum() == pytest.approx(1)  # all variance is in two latents


def test_reconstructions_are_of_the_means_below_ten_images(run):
    found = models.reconstructions(run)
    seen, made = found.rows
    assert made == pytest.approx(np.asarray(Known(seen.shape[1:]).reconstruct(seen)), abs=1e-6)
    assert (len(seen), found.labels) == (10, ["image", "reconstruction"])


def test_a_run_without_its_model(tmp_path):
    with pytest.raises(UserError, match="its SavedModel is not here"):
        models.traversal(tmp_path)


def test_a_curve_of_events_has_each_step_once_the_later_file_counting(run):
    assert models.of_events(run / "train", "reconstruction") == ([10, 20, 30], [120.0, 140.0, 150.0])
    with pytest.raises(UserError, match="has no events with loss"):
        models.of_events(run / "train", "loss")


def test_curves_of_results():
    stem = "train_results.fid_curve."
    record = {f"{stem}name": "fd_x_small_64", f"{stem}steps": "[10, 20]", f"{stem}values": "[3.5, 2.5]"}
    record |= {f"{stem}reconstruction_loss": "[90.0, 80.0]"}
    assert models.of_results(record) == ("fd_x_small_64", ([10, 20], [3.5, 2.5]), ([10, 20], [90.0, 80.0]))
    assert models.of_results({**record, f"{stem}values": None}) is None
    assert models.of_results({}) is None


class Few(datasets.ImageData):
    """Images without factors, each of its index."""

    observation_shape, max_pixel, name, fingerprint = (2, 2, 1), 255, "few", "few"

    def __init__(self, num_images):
        self._num_images = num_images

    @property
    def num_images(self):
        return self._num_images

    def images_at(self, indices):
        return np.broadcast_to(np.asarray(indices, np.uint8)[:, None, None, None], (len(indices), 2, 2, 1))


@pytest.mark.parametrize(("images", "rows"), [(10, [10]), (11, [10, 1]), (40, [10, 10])])
def test_samples_are_two_rows_of_ten_where_there_are_as_many(images, rows):
    kept = models.samples(Few(images)).rows
    assert [len(row) for row in kept] == rows
    seen = np.concatenate(kept)[:, 0, 0, 0]
    assert len(set(seen.tolist())) == sum(rows)  # no image twice


def test_a_set_without_factors_starts_at_its_first_image_and_has_no_walk(run, monkeypatch):
    assert models._median(Few(40)).tolist() == [0]
    data = datasets.load("dummy_data")
    assert data.factors_at(models._median(data)).tolist() == [[size // 2 for size in data.factor_sizes]]
    assert models._rows(Few(40)).tolist() == list(range(40))
    assert len(models._rows(Few(3_000))) == 2_000
    monkeypatch.setattr(models, "_opened", lambda folder: (Few(40), None))
    with pytest.raises(UserError, match="few has no factors to walk through"):
        models.walk(run)


def test_a_curve_of_results_needs_all_of_its_parts_and_the_former_stem_is_read():
    for stem in ("train_results.frechet_curve.", "train_results.fid_curve."):
        record = {
            f"{stem}name": "fd",
            f"{stem}steps": "[10]",
            f"{stem}values": "[3.5]",
            f"{stem}reconstruction_loss": "[90.0]",
        }
        assert models.of_results(record) == ("fd", ([10], [3.5]), ([10], [90.0]))
        for name in record:
            assert models.of_results({**record, name: None}) is None
        assert models.of_results({**record, f"{stem}steps": "[]"}) is None

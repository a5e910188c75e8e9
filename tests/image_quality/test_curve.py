"""The distance of a few reconstructions while a model is trained, from gin to the results."""

import inspect
import json

import numpy as np
import pytest
import tensorflow as tf

from dlib_bvae.artifacts import read_results
from dlib_bvae.datasets.dummy import DummyData
from dlib_bvae.errors import UserError
from dlib_bvae.image_quality import Extractor
from dlib_bvae.image_quality import curve as page
from dlib_bvae.image_quality.curve import FewImages
from dlib_bvae.image_quality.distances import Moments, frechet_distance
from dlib_bvae.stages import ensemble, evaluate, train

DATA = DummyData()
FILES = ["gin/models/beta_vae.gin", "gin/models/burgess_conv.gin", "gin/models/frechet_curve.gin"]
BINDINGS = [
    "dataset.name = 'dummy_data'",
    "model.batch_size = 16",
    "model.training_steps = 9",
    "model.log_every = 3",
    "factor_cnn.training_steps = 20",
    "frechet_curve.num_images = 80",
    "frechet_curve.every_steps = 4",
]
NAME = "fd_factor_cnn_reconstruction_small_80"


class Rows:
    """An extractor of the means of sixteen rows, and a network that halves images and knows what that costs."""

    def get(self, name):
        features = lambda images: np.asarray(images)[..., 0].mean(axis=2) / 255
        return lambda data: Extractor(name, features, 16, 16, "none", is_inception_2015=name == "inception_2015")

    likelihood = property(lambda self: self)
    mean_image = staticmethod(lambda logits: tf.convert_to_tensor(logits))
    encode = staticmethod(lambda seen: (seen, None))
    decode_logits = staticmethod(lambda code: code / 2)
    compare = staticmethod(lambda seen, logits: (tf.reduce_sum(seen - logits, axis=(1, 2, 3)), {}))


@pytest.fixture(autouse=True)
def home(monkeypatch, tmp_path):
    monkeypatch.setenv("DLIB_BVAE_CACHE_DIR", str(tmp_path / "cache"))


def test_the_distance_is_that_of_the_images_from_their_reconstructions(monkeypatch):
    monkeypatch.setattr(page, "EXTRACTORS", Rows())
    few = FewImages(DATA, 100, "rows", seed=3)
    assert few.tags == {
        "values": "fd_rows_reconstruction_small_100",
        "reconstruction_loss": "reconstruction_loss_small_100",
    }
    rows = np.sort(np.random.RandomState(3).permutation(512)[:100])
    images = DATA.observations_at(rows)
    halves = np.round(images * 127.5) / 255
    expected = frechet_distance(*(Moments.of(x[..., 0].mean(axis=2)) for x in (images, halves)))
    found = few(Rows())
    assert found["values"] == pytest.approx(expected, rel=1e-5)
    assert found["reconstruction_loss"] == pytest.approx(images.sum() / 200, rel=1e-5)
    assert few(Rows()) == found
    assert FewImages(DATA, 100, "rows", seed=4)(Rows()) != found


def test_it_is_never_called_as_the_full_score(monkeypatch):
    monkeypatch.setattr(page, "EXTRACTORS", Rows())
    assert FewImages(DATA, 1000, "inception_2015", seed=0).tags["values"] == "fid_reconstruction_small_512"
    assert "warning" not in FewImages(DATA, 17, "rows", seed=0).about
    assert "no more than the 16 features" in FewImages(DATA, 16, "rows", seed=0).about["warning"]


def test_the_images_features_are_kept(monkeypatch, tmp_path):
    monkeypatch.setattr(page, "EXTRACTORS", Rows())
    first = FewImages(DATA, 50, "rows", seed=0)(Rows())
    (path,) = (tmp_path / "cache/features").glob("*.npy")
    before = path.stat().st_mtime_ns
    assert FewImages(DATA, 50, "rows", seed=0)(Rows()) == first
    assert path.stat().st_mtime_ns == before


def test_no_curve_is_measured_unless_it_is_asked_for():
    assert page.frechet_curve(DATA, None) is None
    defaults = {key: each.default for key, each in inspect.signature(page.frechet_curve).parameters.items()}
    expected = {"every_steps": 0, "num_images": 500, "extractor": "factor_cnn", "seed": 0}
    assert {key: defaults[key] for key in expected} == expected


def tags(folder):
    events = [event for path in folder.glob("events*") for event in tf.compat.v1.train.summary_iterator(str(path))]
    return {(value.tag, event.step) for event in events for value in event.summary.value}


def test_a_run_records_its_curve_and_is_otherwise_what_it_would_be(tmp_path):
    train.run(FILES, BINDINGS, tmp_path / "run")
    results = read_results(tmp_path / "run/train", "train")
    found = results["frechet_curve"]
    assert found["name"] == NAME
    assert (found["num_images"], found["seed"], found["protocol"]["extractor"]) == (80, 0, "factor_cnn")
    assert found["steps"] == [4, 8, 9]
    assert all(len(set(found[key])) == 3 for key in ("values", "reconstruction_loss"))
    assert min(found["values"]) > 0
    assert {(f"quality/{tag}", step) for tag in (NAME, "reconstruction_loss_small_80") for step in (4, 8, 9)} <= tags(
        tmp_path / "run/train"
    )
    train.run(FILES, [*BINDINGS, "frechet_curve.every_steps = 0"], tmp_path / "without")
    without = read_results(tmp_path / "without/train", "train")
    assert "frechet_curve" not in without
    assert without["loss"] == results["loss"]
    models = [tf.saved_model.load(str(tmp_path / run / "train/saved_model")) for run in ("run", "without")]
    weights = [model.encode(DATA.observations_at([0, 99]))["mean"] for model in models]
    np.testing.assert_array_equal(*weights)
    (scored,) = evaluate.run("active_units", model_dir=tmp_path / "run", gin_bindings=["active_units.num_train = 100"])
    assert (
        json.loads((scored / "results/json/evaluation_results.json").read_text(encoding="utf-8"))["num_images"] == 512
    )


def test_members_of_an_ensemble_have_the_curves_that_they_have_alone(tmp_path):
    train.run(FILES, [*BINDINGS, "model.random_seed = 1"], tmp_path / "alone")
    members = ensemble.run(FILES, [*BINDINGS, "ensemble.seeds = [0, 1]"], tmp_path / "all")
    curves = [read_results(folder / "train", "train")["frechet_curve"] for folder in (*members, tmp_path / "alone")]
    assert curves[0]["steps"] == curves[1]["steps"] == [4, 8, 9]
    for key in ("values", "reconstruction_loss"):
        assert curves[1][key] == pytest.approx(curves[2][key], rel=1e-4)
        assert curves[0][key] != pytest.approx(curves[2][key], rel=1e-4)


@pytest.mark.parametrize(
    ("bindings", "message"),
    [
        (["frechet_curve.extractor = 'inception_2015'"], "the Inception graph of 2015 is missing; get .* in "),
        (["frechet_curve.extractor = 'inceptoin_2015'"], "did you mean inception_2015"),
        (["frechet_curve.every_steps = -1"], "frechet_curve.every_steps must be an integer >= 0"),
        (["frechet_curve.num_images = 1"], "frechet_curve.num_images must be an integer >= 2"),
        (["frechet_curve.seed = 0.5"], "frechet_curve.seed"),
        (["frechet_curve.every = 5"], "no parameter of frechet_curve is called 'every'; did you mean every_steps"),
        (["model.model = @pca()"], "frechet_curve.every_steps changes nothing about pca"),
        (["model.model = @random_encoder()"], "frechet_curve.every_steps changes nothing about random_encoder"),
    ],
)
def test_what_cannot_be_is_refused_before_the_training(bindings, message, tmp_path):
    files = [] if "model.model" in bindings[0] else FILES
    given = ["dataset.name = 'dummy_data'", "frechet_curve.every_steps = 4"] if not files else BINDINGS
    with pytest.raises(UserError, match=message):
        train.run(files, [*given, *bindings], tmp_path / "run")
    assert not (tmp_path / "run/train.part").exists()

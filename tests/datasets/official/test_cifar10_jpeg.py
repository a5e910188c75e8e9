"""cifar10_jpeg.py: both official layouts in a folder of the user, its fingerprint, its origin, and a training on it."""

import importlib.util
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
from support import writers
from support.tiny_runs import bound, command, done

from dlib_bvae.artifacts import read_results
from dlib_bvae.config import configuration
from dlib_bvae.datasets import DATASETS, load
from dlib_bvae.datasets.official.cifar10_jpeg import CIFAR10JPEG
from dlib_bvae.errors import UserError
from dlib_bvae.re_beta_vae import paper
from dlib_bvae.studies import preflight, study

SHARED = Path(__file__).resolve().parents[4] / "shared"
TOOL = SHARED / "tools" / "cifar10_from_jpg.py"
BATCHES = [name for name, _ in CIFAR10JPEG.batches]
SIZES = [3 + k for k in range(6)]
DATA = writers.pixels(sum(SIZES), 3072)
LABELS = np.arange(sum(SIZES)) % 10


@pytest.fixture(autouse=True)
def tiny(tmp_path, monkeypatch):
    """33 pictures in the place of 60,000, and an empty cache."""
    monkeypatch.setattr(CIFAR10JPEG, "batches", tuple(zip(BATCHES, SIZES, strict=True)))
    monkeypatch.setenv("DLIB_BVAE_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("DLIB_BVAE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)


def batches():
    starts = np.cumsum([0, *SIZES])
    parts = [slice(first, last) for first, last in zip(starts, starts[1:], strict=False)]
    return {name: (DATA[part], LABELS[part]) for name, part in zip(BATCHES, parts, strict=True)}


def python_layout(folder, python2=True):
    folder.mkdir(parents=True)
    for name, (data, labels) in batches().items():
        (folder / name).write_bytes(writers.cifar_batch(data, labels, python2))
    return folder


def binary_layout(folder):
    folder.mkdir(parents=True)
    for name, (data, labels) in batches().items():
        rows = np.concatenate([labels[:, None].astype(np.uint8), data], axis=1)
        (folder / f"{name}.bin").write_bytes(rows.tobytes())
    return folder


@pytest.mark.parametrize("inside", ["", "cifar-10-batches-py", "cifar-10-batches-bin"])
def test_pictures_and_classes_come_in_their_order_from_both_layouts(inside, tmp_path):
    write = binary_layout if inside.endswith("bin") else python_layout
    write(tmp_path / "mine" / inside)
    data = CIFAR10JPEG(str(tmp_path / "mine"))
    images = writers.enlarged(DATA.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))
    np.testing.assert_array_equal(data.images_at(np.arange(33)), images)
    np.testing.assert_array_equal(data.labels(), LABELS)
    assert data.origin == "re-encoded"
    assert not data.verified


def test_the_fingerprint_is_of_the_pictures_wherever_and_however_they_lie(tmp_path, monkeypatch):
    first = CIFAR10JPEG(str(python_layout(tmp_path / "a"))).fingerprint
    assert first == CIFAR10JPEG(str(binary_layout(tmp_path / "b"))).fingerprint
    assert first == CIFAR10JPEG(str(python_layout(tmp_path / "c", python2=False))).fingerprint
    other = DATA.copy()
    other[7, 11] ^= 1
    monkeypatch.setitem(globals(), "DATA", other)
    changed = CIFAR10JPEG(str(python_layout(tmp_path / "d")))
    assert changed.fingerprint != first
    assert changed.images_at([6, 7]).shape == (2, 64, 64, 3)
    shutil.rmtree(tmp_path / "a")
    shutil.copytree(tmp_path / "d", tmp_path / "a")  # the same folder with other pictures
    assert CIFAR10JPEG(str(tmp_path / "a")).fingerprint == changed.fingerprint


def test_without_a_folder_it_is_looked_for_where_official_files_lie(tmp_path):
    data = load("cifar10_jpeg")
    words = r"there is no folder .*data.cifar10_jpeg with data_batch_1 … test_batch.*; set cifar10_jpeg.folder to yours"
    for call in (lambda: data.images_at([0]), data.labels, lambda: data.fingerprint):
        with pytest.raises(UserError, match=words):
            call()
    python_layout(tmp_path / "data" / "cifar10_jpeg")
    assert load("cifar10_jpeg").images_at([0]).shape == (1, 64, 64, 3)
    (tmp_path / "data" / "cifar10_jpeg" / "test_batch").unlink()
    with pytest.raises(UserError, match=words):
        load("cifar10_jpeg").images_at([0])


class _Touch:
    def __reduce__(self):
        return Path.touch, (Path("executed"),)


def test_what_is_damaged_is_refused_and_nothing_is_executed(tmp_path):
    for write, ending in ((python_layout, ""), (binary_layout, ".bin")):
        folder = write(tmp_path / f"mine{ending}")
        batch = folder / f"data_batch_2{ending}"
        contents = [b"", batch.read_bytes()[:-1], pickle.dumps({b"data": _Touch(), b"labels": []}, 2)]
        for content in contents:
            batch.write_bytes(content)
            with pytest.raises(
                UserError, match=f"data_batch_2{ending} is damaged: it cannot be read as a batch of CIFAR-10"
            ):
                CIFAR10JPEG(str(folder)).images_at([0])
    assert not (tmp_path / "executed").exists()


def test_the_command_on_data_sets_says_what_it_is(tmp_path):
    folder = python_layout(tmp_path / "data" / "cifar10_jpeg")
    shown = done("data", "info", "cifar10_jpeg")
    assert "re-encoded, converted at the first use" in shown
    assert f"folder       {folder}\n" in shown
    assert "has no download" in done("data", "download", "cifar10_jpeg")
    shutil.rmtree(folder)
    assert "which has no such files" in done("data", "info", "cifar10_jpeg")
    for action in ("download", "verify"):
        found = command("data", action, "cifar10_jpeg")
        assert (found.code, len(found.err.splitlines())) == (2, 1)
        assert "cifar10_jpeg.folder" in found.err


PART = """
study.name = "pictures"
study.parts = [@jpeg/part(), @bars/part()]
study.metrics = ["active_units"]
jpeg/part.configs = ["gin/beta1_cifar10.gin", "gin/datasets/cifar10_jpeg.gin", "gin/models/frechet_curve.gin"]
jpeg/part.bindings = ["frechet_curve.extractor = 'efficientnet_lite0'", "model.name = 'beta_vae'"]
jpeg/part.grid = {"vae.beta": [0.1, 1.0, 4.0, 10.0]}
bars/part.configs = ["gin/beta1_dsprites.gin"]
bars/part.bindings = ["dataset.name = 'dummy_data'"]
"""


def test_a_study_leaves_its_part_out_with_a_line_where_no_folder_is_there(tmp_path):
    (tmp_path / "study.gin").write_text(PART, encoding="utf-8")
    runs = study.load(["study.gin"]).runs
    assert [run.config["encoder.num_latent"] for run in runs] == [128] * 4 + [10]
    absent = preflight._try(preflight.examples(runs))  # what preflight.check does in a child
    assert list(absent) == ["jpeg cifar10_jpeg"]
    assert absent["jpeg cifar10_jpeg"].startswith("there is no folder")
    assert len(absent["jpeg cifar10_jpeg"].splitlines()) == 1


@pytest.mark.slow
def test_a_training_measures_distances_on_the_way_and_at_the_end(tmp_path):
    """σ-VAE, whose loss is no Bernoulli's: reconstructions during training, reconstructions and samples at the end."""
    folder = python_layout(tmp_path / "mine")
    lines = [
        f"cifar10_jpeg.folder = '{folder}'",
        "model.training_steps = 2",
        "model.batch_size = 4",
        "encoder.num_latent = 4",
    ]
    lines += ["frechet_curve.every_steps = 1", "frechet_curve.num_images = 8"]
    lines += ["frechet_curve.extractor = 'efficientnet_lite0'"]
    files = [f"--gin_config=gin/{each}.gin" for each in ("sigma_vae_cifar10", "datasets/cifar10_jpeg")]
    done("train", *files, "--model_dir=run", *bound(*lines))
    trained = read_results(Path("run/train"), "train")
    assert (trained["dataset"], trained["origin"]) == ("cifar10_jpeg", "re-encoded")
    curve = trained["frechet_curve"]
    assert curve["name"] == "fd_efficientnet_lite0_reconstruction_small_8"
    assert len(curve["values"]) == 2
    settings = ["image_quality.extractor = 'efficientnet_lite0'", "image_quality.num_images = 8"]
    assert (
        command("evaluate", "run", "--metric=image_quality", *bound(*settings)).code == 0
    )  # it warns of so few images
    (place,) = Path("run/mean/metrics").iterdir()
    scores = read_results(place, "evaluation")
    for what in ("reconstruction", "sample", "data"):
        assert scores[f"fd_efficientnet_lite0_{what}"] > 0
    assert paper.labelled("cifar10_jpeg", trained["origin"]) == "cifar10_jpeg (re-encoded)"
    assert paper.is_re_encoded("cifar10_jpeg (re-encoded)")


@pytest.mark.parametrize("name", ["sigma_vae_cifar10", "mse_vae_cifar10", "beta1_cifar10"])
def test_the_configurations_differ_in_the_likelihood_only(name):
    files = [f"gin/{name}.gin", "gin/datasets/cifar10_jpeg.gin"]
    from dlib_bvae.config import flattened

    found, first = flattened(files, []), flattened(["gin/beta1_cifar10.gin", "gin/datasets/cifar10_jpeg.gin"], [])
    differing = {key for key in {*found, *first} if found.get(key) != first.get(key)}
    assert differing <= {"model.name", "reconstruction_loss.loss_fn", "gaussian_loss.sigma"}
    assert found["dataset.name"] == "cifar10_jpeg"
    with configuration(files, [], [DATASETS]):
        assert load().name == "cifar10_jpeg"


@pytest.mark.slow
@pytest.mark.skipif(not TOOL.exists(), reason="the real pictures, shared/ beside the repository, are not here")
def test_real_pictures_are_read(tmp_path, monkeypatch):
    monkeypatch.undo()
    monkeypatch.setenv("DLIB_BVAE_CACHE_DIR", str(tmp_path / "cache"))
    spec = importlib.util.spec_from_file_location("cifar10_from_jpg", TOOL)
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    tool.main(tmp_path / "mine")
    data = CIFAR10JPEG(str(tmp_path / "mine"))
    assert data.images_at([0, 59_999]).shape == (2, 64, 64, 3)
    np.testing.assert_array_equal(np.bincount(data.labels()), [6_000] * 10)
    assert len(data.fingerprint) == 16

"""Wrappers, files and modules of the user, from training to a score, without repeating a binding."""

import importlib
import json
import sys

import numpy as np
import pytest
from PIL import Image

from dlib_bvae.artifacts import read_results
from dlib_bvae.datasets.dummy import DummyData
from dlib_bvae.errors import UserError
from dlib_bvae.stages import evaluate, train

COMMON = ["model.batch_size = 16", "model.log_every = 10", "model.checkpoint_every = 10", "model.training_steps = 10"]
SMALL = ["beta_vae.num_train = 200", "beta_vae.num_eval = 100"]
NESTED = [
    "dataset.name = 'correlated'",
    "correlated.data = @held_out()",
    "correlated.pairs = [('row', 'column')]",
    "correlated.sigma = 0.5",
    "held_out.data = @subset()",
    "held_out.combinations = [{'orientation': [1], 'row': [4, 5]}]",
    "subset.data = 'dummy_data'",
    "subset.values = {'row': [0, 1, 2, 3, 4, 5], 'length': [1, 3]}",
]

BARS = '''
import gin
import numpy as np
from dlib_bvae.datasets.dummy import DummyData

class Bars:
    """disentanglement_lib's duck type."""
    factors_num_values = [2, 4, 8, 8]
    num_factors = 4
    observation_shape = [16, 16, 1]

    def sample_factors(self, num, random_state):
        return np.stack([random_state.randint(n, size=num) for n in self.factors_num_values], axis=1)

    def sample_observations_from_factors(self, factors, random_state):
        return DummyData().sample_observations_from_factors(factors)

@gin.configurable
def bars():
    return Bars()
'''


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Trains 10 steps in a folder of its own: run("dataset.name = …", …) → run directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DLIB_BVAE_CACHE_DIR", str(tmp_path / "cache"))

    def trained(*bindings):
        files = ["gin/models/beta_vae.gin", "gin/models/burgess_conv.gin"]
        return train.run(files, [*COMMON, *bindings], tmp_path / "run")

    return trained


def score(model_dir, metric, *bindings):
    return [read_results(path, "evaluation") for path in evaluate.run(metric, [], [*SMALL, *bindings], model_dir)]


def test_nested_wrappers_are_encoded_and_scored_in_and_out(run):
    model_dir = run(*NESTED)
    assert read_results(model_dir / "train", "train")["dataset"] == "correlated(held_out(subset(dummy_data)))"
    both = "beta_vae,reconstruction_error"
    found = {
        "all": score(model_dir, both),
        "in": score(model_dir, both, "evaluation.split = 'in'"),
        "out": score(model_dir, both, "evaluation.split = 'out'"),
    }
    assert np.load(model_dir / "mean/codes.npy").shape == (2 * 2 * 6 * 8, 10)
    for split, images in (("all", 192), ("in", 128), ("out", 32)):
        bars, errors = found[split]
        assert bars["num_images"] == errors["num_images"] == images
        expected = {"evaluation.sampling": "disjoint"} | ({} if split == "all" else {"evaluation.split": split})
        assert errors["metric_parameters"] == {"num_images": 10000, **expected}
        assert bars["metric_parameters"].get("evaluation.split", "all") == split
    assert len({errors["squared_error"] for _, errors in found.values()}) == 3
    assert set(found["out"][0]["eval_accuracy_per_factor"]) <= {"length", "row", "column"}
    (needed, _) = score(model_dir, both, "evaluation.split = 'in'", 'postprocess.images = "needed"')
    assert needed["eval_accuracy"] == found["in"][0]["eval_accuracy"]
    assert 0 < needed["images_encoded"] <= 128
    folders = {path.name for path in (model_dir / "mean/metrics").glob("reconstruction_error*")}
    assert folders == {"reconstruction_error", *(f"reconstruction_error-evaluation.split={s}" for s in ("in", "out"))}


def test_a_file_of_the_user_is_scored_but_not_in_splits_it_lacks_nor_once_changed(run, tmp_path):
    order = np.random.default_rng(0).permutation(512)
    images, labels = DummyData().images_at(order)[..., 0], DummyData().factors_at(order)
    np.savez_compressed(tmp_path / "mine.npz", images=images, labels=labels)
    model_dir = run(
        "dataset.name = 'from_file'",
        "from_file.path = 'mine.npz'",
        "from_file.labels = 'labels'",
        "from_file.max_pixel = 1",
    )
    (scores,) = score(model_dir, "beta_vae")
    assert set(scores["eval_accuracy_per_factor"]) <= {f"factor_{k}" for k in range(4)}
    with pytest.raises(UserError, match=r"from_file\(mine.npz\) holds no combinations out"):
        score(model_dir, "beta_vae", "evaluation.split = 'out'")
    with pytest.raises(UserError, match="one of all, in, out; got 'outer'"):
        score(model_dir, "beta_vae", "evaluation.split = 'outer'")
    np.savez_compressed(tmp_path / "mine.npz", images=1 - images, labels=labels)
    with pytest.raises(UserError, match=r"was trained on from_file\(mine.npz\)"):
        score(model_dir, "beta_vae")


def test_a_folder_of_pictures_is_trained_on_and_scored_by_metrics_that_need_no_factors(run, tmp_path):
    (tmp_path / "pictures").mkdir()
    for k, pixels in enumerate(np.random.default_rng(0).integers(0, 256, (20, 20, 30, 3), np.uint8)):
        Image.fromarray(pixels).save(tmp_path / f"pictures/{k:02}.png")
    sizes = ("image_folder.height = 16", "image_folder.width = 16")
    model_dir = run("dataset.name = 'image_folder'", "image_folder.path = 'pictures'", *sizes)
    with pytest.raises(UserError, match=r"needs known factors; image_folder\(pictures\) has images only"):
        score(model_dir, "beta_vae")
    errors, dependence = score(model_dir, "reconstruction_error,unsupervised")
    assert errors["squared_error"] > 0
    assert dependence["num_images"] == 20


def test_a_disentanglement_lib_class_is_used_through_a_module_of_the_user(run, tmp_path, monkeypatch):
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules/my_bars.py").write_text(BARS)
    lines = ("import my_bars", "dataset.name = @bars()")
    with pytest.raises(UserError, match="No module named 'my_bars'; install it, or put its folder into PYTHONPATH"):
        run(*lines)
    monkeypatch.syspath_prepend(tmp_path / "modules")
    importlib.invalidate_caches()
    try:
        model_dir = run(*lines)
        assert read_results(model_dir / "train", "train")["dataset"] == "Bars"
        assert score(model_dir, "beta_vae")[0]["num_images"] == 512
    finally:
        sys.modules.pop("my_bars", None)


@pytest.mark.parametrize(
    ("bindings", "said"),
    [
        (["dataset.name = 'correlated'"], "does not say correlated.data; set it"),
        (
            [
                "dataset.name = 'correlated'",
                "correlated.data = 'dummy_data'",
                "correlated.pairs = [('rows', 'column')]",
            ],
            "no factor of dummy_data is called 'rows'; did you mean row",
        ),
        (["dataset.name = 'subset'", "subset.data = @resize()"], "no gin name.*resized"),
        (["dataset.name = 'grayscale'", "grayscale.data = @subset"], "with its parentheses"),
        (["dataset.name = 'from_file'", "from_file.path = 'missing.npy'"], "no file 'missing.npy'"),
    ],
)
def test_bad_bindings_are_one_sentence(bindings, said, run, tmp_path):
    with pytest.raises(UserError, match=said) as caught:
        run(*bindings)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run/train").exists()


def test_the_commands_need_no_binding_twice(command, short, tmp_path):
    flags = [f"--gin_bindings={binding}" for binding in (*NESTED, "model.training_steps = 10")]
    done = command(tmp_path, "dlib_bvae_train", *short, *flags)
    assert done.returncode == 0, done.stderr
    done = command(
        tmp_path, "dlib_bvae_evaluate", "--metric=reconstruction_error", "--gin_bindings=evaluation.split='out'"
    )
    assert done.returncode == 0, done.stderr
    found = tmp_path / "runs/beta4_dsprites/mean/metrics/reconstruction_error-evaluation.split=out"
    assert json.loads((found / "results/json/evaluation_results.json").read_text())["num_images"] == 32

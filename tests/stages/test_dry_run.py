"""dry_run.py: a metric's parameters are refused before anything is encoded for it."""

import inspect

import numpy as np
import pytest

from dlib_bvae import datasets, metrics
from dlib_bvae.config import configuration
from dlib_bvae.datasets.external.labels import of_arrays
from dlib_bvae.errors import NotApplicable, UserError
from dlib_bvae.stages import dry_run, evaluate

# What needs a decoder refuses before it has codes; 512 images are fewer than the least default num_train of the others.
WITHOUT_CODES = ("reconstruction_error", "reduced_downstream_task", "strong_downstream_task")


def tried(name, *bindings):
    with configuration([], bindings, evaluate.REGISTRIES):
        return dry_run.try_parameters(name, datasets.load("dummy_data"))


@pytest.mark.parametrize("name", metrics.METRICS.names())
def test_what_a_metric_does_by_default_is_taken_and_it_asks_for_codes(name):
    # metrics of images are not tried
    assert tried(name) is (name in metrics.names() and name not in WITHOUT_CODES)


def test_fewer_images_to_train_on_are_taken():
    assert tried("reduced_downstream_task", "reduced_downstream_task.num_train = (100,)")
    assert tried("strong_downstream_task", "strong_downstream_task.num_train = (20,)")


def test_what_does_not_apply_is_no_refusal():
    images = datasets.load("dummy_data")
    images.factor_sizes = (512,)
    with configuration([], [], evaluate.REGISTRIES):
        assert dry_run.try_parameters("dci", images) is False


def test_metrics_that_no_image_has_the_factors_for_are_refused_before_codes():
    grid = np.array(list(np.ndindex(3, 4)))
    data = of_arrays(grid[:11], None, ["categorical", None])
    for names in (["dci_lasso", "beta_vae"], ["beta_vae"]):
        words = "'factor_0' is categorical" if len(names) == 2 else "beta_vae compares images with chosen factors"
        with pytest.raises(NotApplicable, match=words):
            dry_run.refuse_early(names, data, lambda: configuration([], [], evaluate.REGISTRIES))
    dry_run.refuse_early(["beta_vae", "mig"], data, lambda: configuration([], [], evaluate.REGISTRIES))
    dry_run.refuse_early(["reconstruction_error"], data, lambda: configuration([], [], evaluate.REGISTRIES))


def test_no_image_is_drawn_for_it(monkeypatch):
    data = datasets.load("dummy_data")
    monkeypatch.setattr(type(data), "images_at", lambda *given: pytest.fail("an image was drawn"))
    with configuration([], [], evaluate.REGISTRIES):
        for name in metrics.names():
            assert dry_run.try_parameters(name, data) is (name not in WITHOUT_CODES), name
    assert not {"observations_at", "sample_observations_from_factors"} & vars(data).keys()


def with_sizes():
    """Metrics that say of how many images they draw."""
    return [name for name in metrics.names() if "num_train" in inspect.signature(metrics.METRICS.get(name)).parameters]


@pytest.mark.parametrize("name", with_sizes())
def test_a_wrong_number_is_refused(name):
    with pytest.raises(UserError, match=rf"{name}\.num_train must .*got"):
        tried(name, f"{name}.num_train = 'many'")


def test_a_split_that_the_data_has_not_is_refused():
    with pytest.raises(UserError, match="dummy_data holds no combinations out"):
        tried("mig", "evaluation.split = 'out'")


def test_nothing_is_encoded_for_metrics_that_would_all_refuse(ten_steps, tmp_path):
    run = ten_steps(tmp_path / "run")
    wrong = ["beta_vae.factors = ['colour']", "mig.num_bins = 1"]
    with pytest.raises(UserError, match="colour"):
        evaluate.run("beta_vae,mig", [], wrong, run)
    assert not list(run.glob("mean*"))
    with pytest.raises(UserError, match="1 of 2 metrics could not be scored: mig"):
        evaluate.run("active_units,mig", [], ["active_units.num_train = 100", *wrong], run)
    assert (run / "mean" / "metrics" / "active_units-num_train=100").is_dir()

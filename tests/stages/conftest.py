"""Codes of dummy_data in files and their evaluation; trainings of ten steps."""

import numpy as np
import pytest

from dlib_bvae import datasets, metrics
from dlib_bvae.artifacts import read_results
from dlib_bvae.stages import evaluate
from dlib_bvae.stages.external import external_codes

SMALL = [
    f"{name}.{parameter} = {value!r}"
    for name in metrics.names()
    # of one value of a factor there are few images
    for parameter, value in metrics.small_parameters(
        name, images=60 if name == "strong_downstream_task" else 200, fits=2
    ).items()
]
TEN_STEPS = [
    "dataset.name = 'dummy_data'",
    "model.batch_size = 16",
    "model.log_every = 10",
    "model.checkpoint_every = 10",
    "model.training_steps = 10",
]


@pytest.fixture(scope="session")
def ten_steps():
    """ten_steps(folder, *bindings) trains gin/beta4_dsprites.gin on dummy_data into the run directory `folder`."""

    def trained(folder, *bindings):
        from dlib_bvae.stages import train

        return train.run(["gin/beta4_dsprites.gin"], [*TEN_STEPS, *bindings], folder)

    return trained


@pytest.fixture(scope="session")
def random_encoder():
    """random_encoder(folder, *bindings): the random encoder of gin/random_encoder_dsprites.gin on dummy_data, in `folder`."""

    def fitted(folder, *bindings):
        from dlib_bvae.stages import train

        return train.run(["gin/random_encoder_dsprites.gin"], ["dataset.name = 'dummy_data'", *bindings], folder)

    return fitted


@pytest.fixture
def codes(tmp_path, monkeypatch):
    """Three codes (512, 3) of dummy_data, in a working directory of their own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DLIB_BVAE_CACHE_DIR", str(tmp_path / "cache"))
    factors = datasets.load("dummy_data").factors_at(np.arange(512)) / [1, 3, 7, 7]
    known = np.stack([factors[:, 2], factors[:, 3], factors[:, 0] + factors[:, 1]], axis=1)
    return (known + 0.05 * np.random.default_rng(0).normal(size=known.shape)).astype(np.float32)


@pytest.fixture(scope="session")
def small(tmp_path_factory):
    """A gin file that makes every metric fast; what a file binds need not be used."""
    path = tmp_path_factory.mktemp("gin") / "small.gin"
    path.write_text("".join(f"{line}\n" for line in SMALL))
    return str(path)


@pytest.fixture
def score_external(small):
    """score_external("mig,sap", *bindings, codes=…, dataset=…) → the results, in order."""

    def score(metric, *bindings, overwrite=False, repeats=None, **flags):
        flags = {"dataset": "dummy_data", **flags}
        paths = evaluate.run(metric, [small], bindings, None, overwrite, repeats, external_codes(**flags))
        return [read_results(path, "evaluation") for path in paths]

    return score

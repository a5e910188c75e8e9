"""A tiny study: bars of 16×16 pixels, a β-VAE and a PCA, one metric."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from dlib_bvae.studies import study

TINY = """
study.name = "tiny"
study.parts = [@vae/part(), @pca/part()]
study.metrics = [{"metric": "mig", "gin_bindings": ["mig.num_train = 200"]}]
vae/part.configs = ["gin/beta4_dsprites.gin"]
vae/part.bindings = [
    "dataset.name = 'dummy_data'",
    "model.name = 'tiny'",
    "model.batch_size = 16",
    "model.training_steps = 1000",
    "model.log_every = 50",
    "model.checkpoint_every = 50",
]
pca/part.configs = ["gin/pca_dsprites.gin"]
pca/part.bindings = ["dataset.name = 'dummy_data'", "pca.num_latent = 4", "pca.num_samples = 100"]
pca/part.grid = {"model.random_seed": [0, 1]}
"""


@pytest.fixture
def tiny(tmp_path) -> Callable[..., study.Study]:
    """tiny(statements…) → the study with further gin statements."""

    def make(*bindings: str) -> study.Study:
        file: Path = tmp_path / "tiny.gin"
        file.write_text(TINY, encoding="utf-8")
        return study.load([str(file)], bindings)

    return make

"""A run without a network: its codes are numbers, its decoder shows the first of them, and what it saves is kept."""

import numpy as np
import pytest

from dlib_bvae import datasets
from dlib_bvae.visualize.latents import Latents
from dlib_bvae.visualize.sections import Run, Settings

SETTINGS = Settings(
    random_seed=0,
    num_images=100,
    num_codes=500,
    num_samples=12,
    num_examples=3,
    num_latents=2,
    num_values=5,
    num_frames=4,
    prior_range="quantiles",
    posterior_range="codes",
    coverage=0.9,
)


@pytest.fixture
def make_run(tmp_path):
    """make_run(settings…, kl=…, decode=…): dummy_data with codes (512, 3), shown latents 2 and 0, and all codes that were decoded
    in .decode.seen. Latent 0 is the row, 1 is 0.5, 2 the column; factors are known by name.
    """

    def make(*, kl=(1.0, 0.0, 2.0), decode=True, data=None, information=True, **settings):
        bars = datasets.load("dummy_data")
        factors = bars.factors_at(np.arange(512))
        codes = np.stack([factors[:, 2], np.full(512, 0.5), factors[:, 3] / 7], axis=1).astype(np.float32)
        known = np.array([[0, 0, 2.0, 0.1], [0, 0, 0, 0], [0, 0, 0, 1.5]]) if information else None
        variance = codes.var(axis=0, dtype=np.float64)
        why = "" if information else "the data set has no factors"
        explained, entropies = np.array([0.3, 0.0, 0.5]), np.log(bars.factor_sizes)
        names = list(bars.factor_names)
        latents = Latents(np.array(kl, float), variance, explained, known, names, entropies, 500, why, 100)

        def decoder(values):
            decoder.seen.append(values)
            return np.broadcast_to(np.clip(values[:, :1, None, None] / 7, 0, 1), (len(values), 16, 16, 1))

        decoder.seen = []
        shown = np.array([2, 0])
        examples = np.array([100, 5, 300])
        changed = SETTINGS._replace(**settings)
        return Run(
            data or bars,
            codes,
            decoder if decode else None,
            latents,
            shown,
            codes[:, shown],
            examples,
            tmp_path,
            tmp_path,
            changed,
            "β-VAE on dummy_data",
            "6 steps",
            "dlib_bvae",
        )

    return make

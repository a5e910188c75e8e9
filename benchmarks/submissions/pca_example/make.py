"""Makes this submission with numpy and scikit-learn: PCA of the pixels of a probe of dsprites_rendered.

    python benchmarks/submissions/pca_example/make.py

Writes codes.npy and meta.json beside this file. The scores that are claimed come from dlib_bvae.metrics on the same codes.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
from sklearn.decomposition import PCA

from dlib_bvae import datasets, metrics
from dlib_bvae.datasets.derived.subsets import Subsample

HERE = Path(__file__).parent
DATASET, IMAGES, PROBE_SEED, TRAINING_SEED, METRIC_SEED = "dsprites_rendered", 2_000, 0, 0, 0
CLAIMS = {
    "mig": {"num_train": 2_000},
    "sap": {"num_train": 1_000, "num_test": 1_000},
    "dci_lasso": {"num_train": 1_000, "num_test": 1_000},
}


def main() -> None:
    """Encodes the probe, scores the codes and writes both."""
    probe = Subsample(datasets.as_factor_dataset(DATASET, "dataset"), IMAGES, PROBE_SEED)
    pixels = probe.images_at(np.arange(IMAGES)).reshape(IMAGES, -1).astype(np.float32)
    codes = PCA(10, whiten=True, random_state=TRAINING_SEED).fit_transform(pixels).astype(np.float32)
    np.save(HERE / "codes.npy", codes)
    entry = {
        "dataset": DATASET,
        "fingerprint": probe.fingerprint,
        "probe": {"images": IMAGES, "seed": PROBE_SEED},
        "training_seed": TRAINING_SEED,
        "codes": "codes.npy",
        "sha256": hashlib.sha256((HERE / "codes.npy").read_bytes()).hexdigest(),
        "claims": [claim(name, probe, codes) for name in CLAIMS],
    }
    meta = {
        "name": HERE.name,
        "method": "PCA of the pixels of the probe, whitened, 10 components, by scikit-learn",
        "supervision": "none",
        "entries": [entry],
    }
    (HERE / "meta.json").write_text(json.dumps(meta, indent=2) + "\n", encoding="utf-8")


def claim(name: str, probe: Subsample, codes: np.ndarray) -> dict:
    """What one metric gives, as meta.json says it."""
    found = metrics.score(name, probe, codes, METRIC_SEED, **CLAIMS[name])
    scores = {key: value for key, value in found.items() if type(value) in (int, float)}
    return {"metric": name, "metric_seed": METRIC_SEED, "parameters": CLAIMS[name], "scores": scores}


if __name__ == "__main__":
    main()

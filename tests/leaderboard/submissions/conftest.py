"""Fixtures of submissions: a probe of dummy_data, and folders with codes of it."""

import hashlib
import json

import numpy as np
import pytest
from support.submissions import IMAGES, PARAMETERS, claim

from dlib_bvae import metrics
from dlib_bvae.datasets.derived.subsets import Subsample


@pytest.fixture
def probe():
    return Subsample("dummy_data", IMAGES, 5)


@pytest.fixture
def submit(tmp_path, monkeypatch, probe):
    """submit(codes, scores=…, …) → the folder of a submission in a working directory of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DLIB_BVAE_CACHE_DIR", str(tmp_path / "cache"))
    folder = tmp_path / "submissions" / "mine"
    folder.mkdir(parents=True)

    def make(codes, claims=None, supervision="none", **entry):
        np.save(folder / "codes.npy", codes)
        if claims is None:
            score = metrics.score("mig", probe, codes, 3, **PARAMETERS)["discrete_mig"]
            claims = [claim("mig", {"discrete_mig": score}, PARAMETERS)]
        entries = {
            "dataset": "dummy_data",
            "fingerprint": probe.fingerprint,
            "probe": {"images": IMAGES, "seed": 5},
            "training_seed": 0,
            "codes": "codes.npy",
            "sha256": hashlib.sha256((folder / "codes.npy").read_bytes()).hexdigest(),
            "claims": claims,
            **entry,
        }
        meta = {"name": "mine", "method": "noisy factors", "supervision": supervision, "entries": [entries]}
        (folder / "meta.json").write_text(json.dumps(meta))
        return folder

    return make

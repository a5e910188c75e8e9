"""A third-party package with a data set and a metric, installed and used from gin."""

import json
import os
import subprocess
import sys

SOURCE = '''
import gin
import numpy as np
from dlib_bvae.datasets.dummy import DummyData

class Inverted(DummyData):
    name = "inverted_bars"

    @property
    def fingerprint(self):
        return "inverted-" + super().fingerprint

    def images_at(self, indices):
        return 1 - super().images_at(indices)

@gin.configurable(denylist=["data", "codes", "random_state"])
def spread(data, codes, random_state, *, power=1.0):
    """Mean standard deviation of the codes."""
    return {"spread": float(np.mean(np.std(codes, axis=0) ** power))}
'''
SETUP = """
from setuptools import setup
setup(
    name="third-party-bars",
    version="1",
    py_modules=["third_party_bars"],
    entry_points={
        "dlib_bvae.datasets": ["inverted_bars = third_party_bars:Inverted"],
        "dlib_bvae.metrics": ["spread = third_party_bars:spread"],
    },
)
"""


def test_a_third_party_package_brings_a_data_set_and_a_metric(tmp_path, command, short):
    package, site = tmp_path / "package", tmp_path / "site"
    package.mkdir()
    (package / "third_party_bars.py").write_text(SOURCE)
    (package / "setup.py").write_text(SETUP)
    install = ["-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([sys.executable, *install, "--target", site, package], check=True)
    options = {"env": {**os.environ, "PYTHONPATH": str(site)}}
    flags = [*short, "--gin_bindings=dataset.name = 'inverted_bars'", "--gin_bindings=model.training_steps = 10"]
    trained = command(tmp_path, "dlib_bvae_train", *flags, **options)
    assert trained.returncode == 0, trained.stderr
    evaluate = ("--metric=spread,beta_vae", "--gin_bindings=spread.power = 2.0")
    done = command(tmp_path, "dlib_bvae_evaluate", *evaluate, **options)
    assert done.returncode == 0, done.stderr
    metrics = tmp_path / "runs/beta4_dsprites/mean/metrics"
    results = json.loads((metrics / "spread-power=2.0/results/json/evaluation_results.json").read_text())
    assert results["spread"] > 0
    assert results["metric_parameters"] == {"power": 2.0}
    assert (metrics / "beta_vae").is_dir()
    without = command(tmp_path, "dlib_bvae_train", *flags, "--model_dir=other")
    assert without.returncode == 2
    assert "inverted_bars" in without.stderr

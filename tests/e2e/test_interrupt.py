"""Ctrl-C and SIGTERM while a command fits, as processes: nothing is recorded, no traceback, exit status 128 + the signal."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

_LONG = 300.0  # seconds; the machine that tests run on may be slow
RUN = "runs/beta4_dsprites"
SLOW_MLP = ["--gin_bindings=mlp.max_iter = 1000000", "--gin_bindings=mlp.learning_rate = 1e-5"]
MLP = ["--metric=beta_vae", "--gin_bindings=beta_vae.classifier = 'mlp'", *SLOW_MLP]
# Says when scikit-learn's fit has begun; every process imports it first.
HOOK = """
import os
def said(kind):
    fit = kind.fit
    def fit_and_say(self, *given, **named):
        open(os.environ["SAID"], "w").close()
        return fit(self, *given, **named)
    kind.fit = fit_and_say
import sklearn.ensemble, sklearn.neural_network
from dlib_bvae.metrics.engine import boosting
said(sklearn.neural_network.MLPClassifier)
said(boosting.BoostedTrees)
said(sklearn.ensemble.GradientBoostingClassifier)
"""


@pytest.fixture
def interrupted(encoded, tmp_path):
    """interrupted(signal, command, flags…) → (exit status, output) of a command that gets the signal while it fits."""
    shutil.copytree(encoded / "runs", tmp_path / "runs")
    (tmp_path / "hook.py").write_text(HOOK, encoding="utf-8")
    said = tmp_path / "said"

    def run(signum: int, name: str, *flags: str) -> tuple[int, str]:
        path = Path(sys.executable).parent / name
        code = "import hook, runpy, sys; sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')"
        environment = {**os.environ, "SAID": str(said), "PYTHONPATH": f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}"}
        command = [sys.executable, "-c", code, str(path), *flags]
        with subprocess.Popen(
            command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as child:
            until = time.monotonic() + _LONG
            while not said.exists() and child.poll() is None and time.monotonic() < until:
                time.sleep(0.02)
            time.sleep(0.3)  # it is in the midst of it
            child.send_signal(signum)
            output, _ = child.communicate(timeout=_LONG)
        assert said.exists(), output
        said.unlink()
        return child.returncode, output

    return run


@pytest.mark.parametrize(
    ("signum", "name", "flags"),
    [
        # scikit-learn's network ends its training at Ctrl-C as if it were done
        (signal.SIGINT, "dlib_bvae_evaluate", [f"--model_dir={RUN}", *MLP]),
        pytest.param(signal.SIGTERM, "dlib_bvae_evaluate", [f"--model_dir={RUN}", *MLP], marks=pytest.mark.slow),
        (signal.SIGINT, "dlib_bvae_validity", ["--output_dir=validity", *MLP]),
        pytest.param(
            signal.SIGINT,
            "dlib_bvae_sensitivity",
            [RUN, "--output_dir=out", "--gin_bindings=beta_vae_sensitivity.classifiers = ['mlp', 'linear']", *SLOW_MLP],
            marks=pytest.mark.slow,
        ),
        # threads of joblib
        (
            signal.SIGINT,
            "dlib_bvae_evaluate",
            [f"--model_dir={RUN}", "--metric=dci", "--gin_bindings=dci.n_estimators = 10000"],
        ),
        pytest.param(
            signal.SIGTERM,
            "dlib_bvae_evaluate",
            [
                *(f"--model_dir={RUN}", "--metric=downstream_task"),
                "--gin_bindings=downstream_task.predictor = 'gradient_boosting_classifier'",
                "--gin_bindings=gradient_boosting_classifier.n_estimators = 100000",
            ],
            marks=pytest.mark.slow,
        ),
    ],
)
def test_an_interrupted_fit_records_nothing(interrupted, tmp_path, signum, name, flags):
    before = set((tmp_path / RUN).rglob("*_results.json"))
    status, output = interrupted(signum, name, *flags)
    assert (status, "Traceback" in output) == (128 + signum, False), output
    assert set(tmp_path.rglob("*_results.json")) == before
    assert not list(tmp_path.rglob("*.part"))
    assert not (tmp_path / "validity").exists()
    assert not (tmp_path / "out").exists()

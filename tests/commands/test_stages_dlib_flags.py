"""stages.py: the flags that users of disentanglement_lib type, --study and --model_num, and --input_dir."""

from pathlib import Path

import numpy as np
from support import dlib_configs
from support.tiny_runs import command

from dlib_bvae.stages import ensemble, evaluate


def test_a_model_of_a_study_is_trained(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    calls = []
    monkeypatch.setattr(ensemble, "run", lambda **given: calls.append(given))
    flags = ["--study=re_beta_vae_small", "--gin_bindings=vae_optimizer.optimizer_fn = @AdamOptimizer"]
    assert command("train", *flags, "--model_num=1").code == 0
    (given,) = calls
    assert given["model_dir"] == Path("runs/re_beta_vae_small-1")
    assert given["gin_config"] == ["gin/pca_dsprites.gin"]
    assert given["gin_bindings"][-1] == "vae_optimizer.optimizer_fn = @AdamOptimizer"
    refused = command("train", *flags, "--model_num=9999")
    assert (refused.code, len(refused.err.splitlines()), len(calls)) == (2, 1, 1)
    assert command("train", *flags).code == 2


def test_the_codes_of_a_run_are_scored_by_the_metric_of_a_file(monkeypatch, tmp_path):
    calls = []
    monkeypatch.chdir(tmp_path)
    Path("theirs.gin").write_text("evaluation.evaluation_fn = @mig\n", encoding="utf-8")
    monkeypatch.setattr(evaluate, "run", lambda *given: calls.append(given))
    codes = tmp_path / "run" / "mean"
    codes.mkdir(parents=True)
    np.save(codes / "codes.npy", np.zeros((2, 2)))
    results = tmp_path / "run" / "train" / "results" / "json"
    results.mkdir(parents=True)
    (results / "train_results.json").write_text("{}")
    theirs = tmp_path / "theirs.gin"
    theirs.write_text(dlib_configs.METRICS["sap_score"])
    assert command("evaluate", f"--input_dir={codes}", f"--gin_config={theirs}").code == 0
    (given,) = calls
    metric, files, bindings, model_dir = given[:4]
    assert (metric, files, model_dir) == (None, [str(theirs)], tmp_path / "run")
    assert bindings == ["postprocess.postprocess_fn = @mean_representation"]

"""check.py: what is off is said with the way out, and the documented rates are those that were measured."""

import json
from pathlib import Path

import pytest

from dlib_bvae import commands
from dlib_bvae.stages import check
from dlib_bvae.training import hardware
from dlib_bvae.training.hardware import Hardware

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"


def test_requirements_that_are_missing_or_do_not_fit_are_named():
    asked = [
        "numpy>=1",
        "scipy<0.1",
        "not-there-at-all>=2",
        "nor-this; python_version < '3'",
        'pillow>=1; extra == "x"',
    ]
    asked += ['nor-that; extra == "gpu"', 'pytest; extra == "test"']
    wrong, found = check.requirements(asked)
    assert [each.split(": ")[0] for each in wrong] == ["scipy<0.1", "not-there-at-all>=2"]
    assert "is installed" in wrong[0]
    assert "not installed" in wrong[1]
    assert [each.split(" ")[0] for each in found] == ["numpy", "pillow"]


@pytest.mark.parametrize(
    ("here", "hidden", "said", "way_out"),
    [
        (Hardware(("NVIDIA A100",), 8), False, "TensorFlow uses NVIDIA A100", ""),
        (Hardware((), 2), False, r"CPU (2 cores): this machine shows no NVIDIA GPU", ""),
        (Hardware((), 2, unused_nvidia=True), True, "CUDA_VISIBLE_DEVICES=-1 hides the GPUs", ""),
        (
            Hardware((), 2, unused_nvidia=True),
            False,
            "CUDA libraries are missing",
            "run pip install 'tensorflow[and-cuda]'",
        ),
    ],
)
def test_devices_and_why_not_others(here, hidden, said, way_out, monkeypatch):
    monkeypatch.setattr(hardware.Hardware, "found", classmethod(lambda cls: here))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if hidden:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    (finding,) = check._devices()
    assert said in finding.text
    assert finding.way_out.startswith(way_out)
    assert bool(finding.way_out) == bool(way_out)


def test_a_cache_that_cannot_be_written_is_off(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("DLIB_BVAE_CACHE_DIR", str(tmp_path / "file" / "below"))
    (finding,) = check._folders()
    assert "cannot write" in finding.text
    assert finding.way_out.startswith("set DLIB_BVAE_CACHE_DIR")
    monkeypatch.setenv("DLIB_BVAE_CACHE_DIR", str(tmp_path / "new"))
    (finding,) = check._folders()
    assert str(tmp_path / "new") in finding.text
    assert not (tmp_path / "new").exists()


def test_a_second_of_training_and_scoring_has_its_rates():
    (trained,) = check._training(0.01)
    (scored,) = check._scoring()
    assert trained.text.startswith("training: ")
    assert "(documented for 2 cores of a CPU: 1,445)" in trained.text
    assert scored.text.startswith("scoring: beta_vae in ")
    assert "scores factors themselves" not in scored.text


def test_what_is_far_slower_than_documented_is_off(monkeypatch):
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")
    assert check._slow(2.0) == ""
    assert check._slow(7.2).startswith("7 times slower than documented; look at what else runs here")
    assert "TF_ENABLE_ONEDNN_OPTS=0" in check._slow(7.2)


@pytest.mark.parametrize("way_out", ["", "repair it"])
def test_the_exit_status_says_whether_anything_is_off(way_out, monkeypatch, capsys):
    for part in ("_packages", "_devices", "_folders", "_scoring"):
        monkeypatch.setattr(check, part, lambda: [check.Finding("fine")])
    monkeypatch.setattr(check, "_training", lambda seconds: [check.Finding(f"{seconds:g} s", way_out)])
    monkeypatch.setattr("sys.argv", ["dlib_bvae_check", "--seconds=2"])
    with pytest.raises(SystemExit) as stop:
        commands.run("check")
    assert stop.value.code == (1 if way_out else 0)
    lines = capsys.readouterr().out.splitlines()
    assert lines.count("ok:   fine") == 4
    assert ("off:  2 s" in lines, "      repair it" in lines) == (bool(way_out), bool(way_out))


@pytest.mark.skipif(not RESULTS.is_dir(), reason="the package was not imported from a checkout")
def test_the_documented_rates_are_those_that_were_measured():
    rows = json.loads((RESULTS / "training_speed.json").read_text(encoding="utf-8"))["rows"]
    (conv,) = [row for row in rows if (row["model"], row["batch"], row["precision"]) == ("conv", 64, "float32")]
    assert conv["images_per_second"] == check.IMAGES_PER_SECOND
    costs = json.loads((RESULTS / "beta_vae_cost.json").read_text(encoding="utf-8"))
    assert costs["logistic_regression"]["seconds"] == check.SECONDS_OF_BETA_VAE

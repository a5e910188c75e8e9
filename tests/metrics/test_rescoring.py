"""Kept codes are scored again: no metric gives another score without a new version, and a change of one is found and named."""

import json
import runpy
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from dlib_bvae import datasets, metrics
from dlib_bvae.errors import UserError
from dlib_bvae.metrics import mig

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
SCRIPT = SimpleNamespace(**runpy.run_path(str(BENCHMARKS / "rescoring.py")))
FILES = SCRIPT.kept([BENCHMARKS / "rescoring", *sorted(BENCHMARKS.glob("boards/*/codes"))])
EVERY = pytest.mark.parametrize("path", FILES, ids=[f"{path.parent.parent.name}/{path.stem}" for path in FILES])
SLOW = ("fos", "reduced_downstream_task", "strong_downstream_task", "unified_scores")  # half of the time
OURS = [path for path in FILES if path.parent.name == "rescoring"]


def record_of(path):
    return json.loads(path.read_text(encoding="utf-8"))


def moved(path, chosen):
    """What has moved of the scores in a file by the metrics that `chosen` says."""
    record = record_of(path)
    return [
        sentence
        for name, before in record["metrics"].items()
        if chosen(name)
        for sentence in SCRIPT.moved(name, before, SCRIPT.scored(name, path, record))
    ]


@EVERY
def test_no_score_moves_without_a_new_version(path):
    assert moved(path, lambda name: name not in SLOW) == []


@pytest.mark.slow
@EVERY
def test_no_score_of_a_slow_metric_moves_without_a_new_version(path):
    assert moved(path, SLOW.__contains__) == []


@EVERY
def test_kept_codes_are_of_the_data_set_as_it_is_and_scored_by_every_metric(path):
    record = record_of(path)
    data, codes = SCRIPT.opened(path, record["dataset"], json.dumps(record["values"]))
    again = "keep codes of its run again: python benchmarks/rescoring.py RUN"
    assert (record["data_version"], record["fingerprint"]) == (datasets.version_of(data), data.data.fingerprint), again
    assert codes.shape[0] == data.num_images <= 10_000
    lacking = [name for name in SCRIPT.of_codes() if name not in record["metrics"]]
    assert lacking == [], (
        f"score kept codes by these: python benchmarks/rescoring.py --metric={','.join(lacking)} {path}"
    )
    assert [name for name, each in record["metrics"].items() if not each.get("scores")] == []


def test_four_runs_are_kept_in_less_than_a_mebibyte():
    assert [path.stem for path in OURS] == ["beta_vae", "oracle", "pca", "random_encoder"]
    assert sum(path.stat().st_size + path.with_suffix(".npy").stat().st_size for path in OURS) < 2**20
    assert {np.load(path.with_suffix(".npy")).dtype.name for path in OURS} == {"float16"}


@pytest.fixture
def other_bins(monkeypatch):
    """mig with one bin more."""
    tables = mig.binned_tables
    monkeypatch.setattr(mig, "binned_tables", lambda codes, bins, *rest: tables(codes, bins + 1, *rest))


def of_mig(path):
    return moved(path, "mig".__eq__)


# A code that is a factor, as the oracle's, has the same score by any bins that tell its values apart.
@pytest.mark.parametrize("path", [path for path in OURS if path.stem != "oracle"], ids=lambda path: path.stem)
def test_a_metric_with_other_bins_is_found(path, other_bins):
    before = record_of(path)["metrics"]["mig"]["scores"]["discrete_mig"]
    (sentence,) = of_mig(path)
    assert sentence.startswith(f"mig.discrete_mig moved from {before} to 0.")
    assert "; raise its version with a dated line of what changed" in sentence
    assert sentence.endswith("or find the defect")


def test_kept_scores_are_written_anew_with_a_new_version_only(other_bins, monkeypatch, tmp_path):
    path = tmp_path / "pca.json"
    for ending in (".json", ".npy"):
        path.with_suffix(ending).write_bytes((BENCHMARKS / "rescoring" / "pca").with_suffix(ending).read_bytes())
    monkeypatch.setattr("sys.argv", ["rescoring.py", "--metric=mig", str(path)])
    with pytest.raises(UserError, match=r"^mig\.discrete_mig moved from .* raise its version"):
        SCRIPT.main()
    monkeypatch.setattr(mig, "VERSIONS", {"mig": {2: "2026-01-02: one bin more"}}, raising=False)
    (sentence,) = of_mig(path)
    assert sentence.startswith(
        "mig has version 2 and the scores that are kept are of version 1; score the codes again: "
    )
    SCRIPT.main()
    assert of_mig(path) == []
    assert record_of(path)["metrics"].keys() == record_of(OURS[2])["metrics"].keys()


def test_what_is_another_in_a_result_is_said():
    before = {"version": 1, "parameters": {"num_train": 5}, "scores": {"a": 0.5, "b": None, "c": 20.0}}
    changed = lambda **now: SCRIPT.moved("m", before, {**before, **now})
    assert changed() == changed(scores={"a": 0.50009, "b": None, "c": 20.001}) == []
    assert [each.partition(";")[0] for each in changed(scores={"a": 0.5002, "b": 0.0, "d": 1})] == [
        "m.a moved from 0.5 to 0.5002",
        "m.b moved from None to 0.0",
        "m.c moved from 20.0 to None",
        "m.d moved from None to 1",
    ]
    (sentence,) = SCRIPT.moved("m", before, {"version": 1, "parameters": before["parameters"], "refused": "no"})
    assert sentence.startswith("m moved from scores to a refusal (no); raise its version")


def test_a_sub_grid_has_evenly_spaced_values_with_both_ends():
    values = SCRIPT.spread(datasets.load("dsprites_rendered"))
    assert {name: (each[0], each[-1], len(each)) for name, each in values.items()} == {
        **{"shape": (0, 2, 3), "scale": (0, 5, 6), "orientation": (0, 39, 6)},
        **{"position_x": (0, 31, 6), "position_y": (0, 31, 7)},
    }
    assert SCRIPT.spread(datasets.load("dummy_data")) == {
        name: list(range(size))
        for name, size in zip(
            datasets.load("dummy_data").factor_names, datasets.load("dummy_data").factor_sizes, strict=True
        )
    }


@pytest.mark.slow
def test_codes_of_a_run_are_kept_as_it_encodes_them(tmp_path, monkeypatch):
    from dlib_bvae.stages import train

    run = train.run(["gin/models/oracle.gin"], ["dataset.name = 'dummy_data'"], tmp_path / "oracle")
    monkeypatch.setattr("sys.argv", ["rescoring.py", str(run), f"--output={tmp_path / 'kept'}", "--metric=mig,irs"])
    SCRIPT.main()
    record = record_of(tmp_path / "kept/oracle.json")
    assert (record["model"], record["dataset"], record["data_version"]) == ("oracle", "dummy_data", 1)
    assert record["metrics"].keys() == {"mig", "irs"}
    data, codes = SCRIPT.opened(tmp_path / "kept/oracle.json", "dummy_data", json.dumps(record["values"]))
    factors = data.factors_at(np.arange(data.num_images))
    assert [np.corrcoef(code, factor)[0, 1] for code, factor in zip(codes.T, factors.T, strict=True)] == pytest.approx(
        [1] * data.num_factors, abs=1e-5
    )
    assert metrics.score("mig", data, codes, 0, num_train=500)["discrete_mig"] == pytest.approx(
        record["metrics"]["mig"]["scores"]["discrete_mig"]
    )

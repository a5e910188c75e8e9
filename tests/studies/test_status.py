"""What dlib_bvae_sweep status shows."""

from __future__ import annotations

import io
import json

import pytest
from rich.console import Console

from dlib_bvae.artifacts import run_lock
from dlib_bvae.errors import UserError
from dlib_bvae.studies import status
from dlib_bvae.studies.state import states


def shown(study, store) -> str:
    out = io.StringIO()
    Console(file=out, width=120).print(status.picture(study, states(study.runs, store)))
    return out.getvalue()


def test_runs_under_way_and_failed_ones_are_named_and_all_are_counted(tiny, tmp_path):
    study, store = tiny(), tmp_path / "store"
    first, second, _ = study.runs
    (second.directory(store)).mkdir(parents=True)
    (second.directory(store) / "failure.json").write_text(json.dumps({"message": "the disk is full"}))
    checkpoint = first.directory(store) / "train.part/checkpoint/checkpoint"
    checkpoint.parent.mkdir(parents=True)
    checkpoint.write_text('model_checkpoint_path: "ckpt-300"\n')
    with run_lock(first.directory(store)):
        text = shown(study, store)
    assert text.startswith("0 of 3 runs done · 1 under way · 1 failed\n")
    assert "vae: training, step 300 of 1,000\n" in text
    assert "pca random_seed=0: failed: the disk is full\n" in text
    rows = [line.split() for line in text.splitlines()]
    assert ["vae", "1", "1"] in rows
    assert ["pca", "2", "1", "1"] in rows
    assert "0 under way" in shown(study, store)


def test_many_runs_are_cut_short(tiny, tmp_path):
    study, store = (
        tiny("pca/part.grid = {'model.random_seed': [" + ", ".join(map(str, range(20))) + "]}"),
        tmp_path / "store",
    )
    for run in study.runs[1:]:
        run.directory(store).mkdir(parents=True)
        (run.directory(store) / "failure.json").write_text('{"message": "no"}')
    assert "  and 4 more\n" in shown(study, store)


def test_results_that_are_not_there(tiny, tmp_path):
    tiny()
    with pytest.raises(UserError, match="there is no .*nowhere; start the sweep first"):
        status.show([str(tmp_path / "tiny.gin")], results=tmp_path / "nowhere")

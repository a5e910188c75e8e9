"""run_facts.py: what a page says of a run, from what its training and its scores recorded."""

import json
from types import SimpleNamespace

import pytest

from dlib_bvae.artifacts import write_stage
from dlib_bvae.artifacts.identity import Identity
from dlib_bvae.stages.run_facts import facts_of, score_digests

RESULTS = {
    "model": "vae",
    "dataset": "dsprites_rendered",
    "fingerprint": "f00",
    "origin": "rendered",
    "seed": 3,
    "steps": 300_000,
    "loss": 30.5,
    "reconstruction": 20.25,
    "kl": 10.25,
    "started": "2026-11-30T08:26:24Z",
    "device": "CPU",
    "environment": {"package_version": "0.1.0", "git_commit": "0123456789abcdef-dirty"},
}
PARAMETERS = {
    "model.model": "@vae()",
    "vae.beta": 4.0,
    "encoder.encoder_fn": "@conv_encoder",
    "decoder.decoder_fn": "@deconv_decoder",
    "model.batch_size": 64,
    "model.optimizer": "@adam",
}


def identity(stage, **inputs):
    return Identity(stage, 1, {}, inputs, {}, (), {})


def trained(tmp_path, results=RESULTS, parameters=PARAMETERS):
    return SimpleNamespace(directory=tmp_path / "run", results=results, identity=SimpleNamespace(parameters=parameters))


@pytest.fixture
def encoded(tmp_path):
    """Codes with three evaluations: of the β-VAE metric with its null, of one that is not installed, and one of other codes."""
    place = tmp_path / "run/mean"
    mine = identity("postprocess")
    write = lambda where, what, results: write_stage(where, what, results=results, gin_text="", earlier=None)
    write(place, mine, {"elapsed_time": 1.0})
    scores = {
        "beta_vae-num_train=9": {"train_accuracy": 1.0, "eval_accuracy": 0.5, "null": {"eval_accuracy": {"mean": 0.2}}},
        "theirs": {"novelty": 12.5, "more": 1.0},
    }
    for name, found in scores.items():
        more = {
            "metric": name.partition("-")[0],
            "score_names": [key for key in found if key != "null"],
            "elapsed_time": 1.0,
        }
        write(place / "metrics" / name, identity("evaluation", codes=mine.digest), {**found, **more})
    stale = {"metric": "mig", "score_names": ["discrete_mig"], "discrete_mig": 0.9, "elapsed_time": 1.0}
    write(place / "metrics/mig", identity("evaluation", codes="other"), stale)
    return place


def test_a_run_is_named_by_method_strength_and_network(tmp_path, encoded):
    facts = facts_of(trained(tmp_path), encoded, tmp_path / "run/visualize")
    assert facts.title == "β-VAE β = 4 · conv on dsprites_rendered"
    assert dict(facts.lines) == {
        "data": "dsprites_rendered (rendered images, not the published files)",
        "network": "conv_encoder, deconv_decoder",
        "training": "300,000 steps, batch size 64, adam, seed 3",
        "loss": "30.50 nats per image",
        "reconstruction": "20.25 nats per image",
        "KL": "10.25 nats per image",
        "run": "run",
        "trained": "2026-11-30 on CPU",
        "version": "dlib_bvae 0.1.0 0123456789-dirty",
    }
    assert "commit 0123456789abcdef-dirty" in facts.cite.text
    assert "fingerprint f00" in facts.cite.text
    assert facts.cite.bibtex.startswith("@software{dlib_bvae,")


def test_a_method_without_steps_has_its_seed_only(tmp_path, encoded):
    bare = {key: RESULTS[key] for key in ("model", "dataset", "fingerprint", "seed")}
    facts = facts_of(trained(tmp_path, {**bare, "model": "pca"}, {"model.model": "@pca()"}), encoded, tmp_path)
    assert facts.title == "PCA on dsprites_rendered"
    assert dict(facts.lines)["training"] == "seed 3"
    assert {"loss", "KL", "network"}.isdisjoint(dict(facts.lines))


def test_scores_are_those_of_these_codes_with_chance_and_link(tmp_path, encoded):
    shown = facts_of(trained(tmp_path), encoded, tmp_path / "run/visualize").scores
    assert [(each.metric, each.score, each.value, each.chance) for each in shown] == [
        ("beta_vae-num_train=9", "eval_accuracy", "50.0 %", "20.0 %"),
        ("theirs", "novelty", "12.5", ""),
    ]
    assert shown[1].link == "../mean/metrics/theirs/results/json/evaluation_results.json"


def test_a_damaged_score_is_named_and_left_out(tmp_path, encoded, capsys):
    (encoded / "metrics/theirs/results/json/evaluation_results.json").write_text(json.dumps([1]))
    assert list(score_digests(encoded)) == ["beta_vae-num_train=9"]
    assert "left out of the page" in capsys.readouterr().err


def test_files_and_a_board_are_linked_where_they_are(tmp_path, encoded):
    run = trained(tmp_path)
    assert facts_of(run, encoded, tmp_path / "run/visualize").links == []
    (encoded / "codes.npy").write_bytes(b"")
    (tmp_path / "board").mkdir()
    (tmp_path / "board/index.html").write_bytes(b"")
    links = facts_of(run, encoded, tmp_path / "run/visualize").links
    assert links == [("codes", "../mean/codes.npy"), ("board", "../../board/index.html")]

"""benchmarks/board_readme.py: sentences on a board with known scores; committed READMEs say what their boards say."""

import json
import runpy
from pathlib import Path

import pytest
from support.leaderboard_runs import null_of, score, train
from support.results import write

from dlib_bvae import leaderboard
from dlib_bvae.leaderboard import figures

ROOT = Path(__file__).parents[2]
BOARDS = sorted(path.parent for path in ROOT.glob("benchmarks/boards/*/board.json"))
SCRIPT = runpy.run_path(str(ROOT / "benchmarks" / "board_readme.py"))
BETA = {"batch_size": 64}
MEANS = {"1.0": 0.8, "2.0": 0.79, "4.0": 0.6, "8.0": 0.5, "16.0": 0.3}


@pytest.mark.parametrize("folder", BOARDS, ids=[path.name for path in BOARDS])
def test_a_committed_readme_says_what_its_board_says(folder):
    assert (folder / "README.md").read_text(encoding="utf-8") == SCRIPT["text"](folder)


def scored(encoded, value, seed):
    """By two main scores, of which SAP orders configurations in the opposite way."""
    for metric, name, given in (("beta_vae", "eval_accuracy", value), ("sap", "SAP_score", 1 - value)):
        scores = {name: given}
        score(encoded, metric, scores, BETA if metric == "beta_vae" else {}, **null_of(metric, scores, 0.15, seed=seed))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("readme")
    runs = place / "runs"
    for beta, mean in MEANS.items():
        for seed in range(6):
            config = {"vae.beta": float(beta), "model.training_steps": 10_000}
            encoded = train(runs, f"{beta}-{seed}", seed=seed, steps=10_000, config=config)
            scored(encoded, mean + 0.01 * (seed % 3 - 1), seed)
    for seed in range(6):
        config = {"model.model": "@ada_gvae()", "model.name": "ada", "model.training_steps": 10_000}
        scored(train(runs, f"ada{seed}", seed=seed, steps=10_000, config=config), 0.9 + 0.01 * (seed % 3 - 1), seed)
        pca = train(runs, f"pca{seed}", seed=seed, config={"model.model": "@pca()", "model.name": "pca"})
        scored(pca, 0.55 + 0.01 * (seed % 3 - 1), seed)
    config = {"vae.beta": 4.0, "model.training_steps": 300_000}
    encoded = train(runs, "long", steps=300_000, config=config)
    score(encoded, "beta_vae", {"eval_accuracy": 0.7}, BETA)
    exported = encoded.with_name("mean-step10000")
    results = {"representation": exported.name, "num_images": 1000, "step": 10_000}
    write(exported, "postprocess", results, {}, encoded.parent / "train", given={"step": 10_000})
    score(exported, "beta_vae", {"eval_accuracy": 0.61}, BETA)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(figures, "files_of", lambda board: ({}, []))
        leaderboard.run(runs, place / "v7")
    return place / "v7"


def test_the_sentences_say_leaders_pairs_chance_agreement_and_steps_with_intervals(folder):
    said = SCRIPT["sentences"](json.loads((folder / "board.json").read_text(encoding="utf-8")))
    beta, sap, pairs, chance, agreement, steps = said
    name = "β-VAE β = 1"
    assert beta.startswith(
        f"On dsprites_rendered after 10,000 steps of 64, {name} leads by the β-VAE metric with 80.0 % (95 % interval"
    )
    assert f"1 other is within noise of it; {name} beats PCA (55.0 %) by 25.0 points (95 % interval " in beta
    assert "β-VAE β = 16 leads by SAP with 70.0 % (95 % interval" in sap
    assert pairs.startswith(
        "Ada-GVAE, which learns from pairs of images, against the best that does not, with 95 % intervals: 10.0 points ("
    )
    assert pairs.endswith(") by the β-VAE metric.")  # by SAP it has no rank, as it is not above chance
    assert chance == (
        "Of 12 main scores of trained configurations 11 are above what random matchings of codes and images give (false "
        "discovery rate 5 %); not above it: Ada-GVAE by SAP (n = 6)."
    )
    assert agreement == "Over runs Spearman's ρ of the β-VAE metric and SAP is −1.00 (42 runs)."
    assert steps == (
        "The β-VAE metric after 10,000 steps of a training and at its end: "
        "β-VAE β = 4 · 300,000 steps from 61.0 % to 70.0 % (n = 1)."
    )


def test_the_readme_has_its_board_s_name_and_a_number_a_sentence(folder):
    said = SCRIPT["text"](folder)
    assert said.startswith("# Board v7\n")
    assert "benchmarks/boards/v7/runs.tar.xz runs/board_v7" in said
    assert [line.split(".")[0] for line in said.splitlines() if line[:1].isdigit()] == list("123456")
    assert "## What it cannot say" in said

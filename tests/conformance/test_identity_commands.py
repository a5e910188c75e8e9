"""Every stage by its command: the same again changes no file, other parameters are redone, or refused with the way out."""

import shutil

import numpy as np
import pytest
from support.tiny_runs import (
    CELLS,
    DATA,
    FITS,
    MIG,
    PICTURES,
    SETS,
    VAE,
    bound,
    command,
    done,
    redone,
    refused,
    snapshot,
    train,
    unchanged,
)

from dlib_bvae.artifacts import read_results

WAY_OUT = "choose another --model_dir, or --overwrite to begin again"
OTHER_CODES = "choose another --name or --output_dir, or --overwrite to replace the codes and their scores"
SAMPLED = "postprocess.postprocess_fn = @sampled_representation"
FEW = "postprocess.max_images = 100"


CHANGES = {
    "vae": ("vae.beta = 2.0", "vae.beta = 4.0, now it is 2.0"),
    "seed": ("model.random_seed = 3", "model.random_seed = 0, now it is 3"),
    "latents": ("encoder.num_latent = 4", "encoder.num_latent = 3, now it is 4"),
    "fewer": ("model.training_steps = 3", "model.training_steps = 4, now it is 3"),
}


@pytest.fixture
def own_vae(place, vae):
    return shutil.copytree(vae, place / "vae")


def test_a_training_is_done_and_another_refused(own_vae):
    flags = [f"--model_dir={own_vae}", *bound(*VAE)]
    unchanged(own_vae, "trained already", "train", *flags)
    for line, sentence in CHANGES.values():
        refused(own_vae, f"vae/train was computed with {sentence}; {WAY_OUT}", "train", *flags, *bound(line))
    unchanged(own_vae, "trained already", "train", *flags, *bound("vae.beta = 4"))


def test_a_changed_label_is_written_and_nothing_is_done_again(own_vae):
    before = read_results(own_vae / "train", "train")
    flags = [f"--model_dir={own_vae}", *bound(*VAE)]
    assert "trained already" in done("train", *flags, *bound("model.name = 'mine'", "model.log_every = 1"))
    now = read_results(own_vae / "train", "train")
    assert (now.pop("model"), before.pop("model")) == ("mine", "vae")
    assert now == before
    unchanged(own_vae, "trained already", "train", *flags, *bound("model.name = 'mine'", "model.log_every = 1"))


def test_weights_to_start_from_count_by_what_they_are(place, vae):
    shutil.copytree(vae, place / "a")
    shutil.copytree(vae, place / "copy")
    train(place / "other", *VAE, "model.random_seed = 1", "model.training_steps = 1")
    run = place / "run"
    train(run, *VAE, "model.initial_weights = 'a'")
    flags = [f"--model_dir={run}", *bound(*VAE)]
    unchanged(run, "trained already", "train", *flags, *bound("model.initial_weights = 'copy'"))
    for lines in (["model.initial_weights = 'other'"], []):
        found = command("train", *flags, *bound(*lines))
        assert found.code == 2
        assert "run/train was computed with model.initial_weights = " in found.err
        assert found.err.strip().endswith(WAY_OUT)


def test_members_of_an_ensemble_are_done_and_others_refused(place):
    lines = [*VAE, "ensemble.seeds = [1, 2]", "ensemble.way = 'loop'", "model.training_steps = 2"]
    flags = ["--model_dir=runs/set", *bound(*lines)]
    assert "trained 2 steps" in done("train", *flags)
    unchanged(place / "runs", "runs/set-seed2/train: trained already", "train", *flags)
    unchanged(
        place / "runs", "runs/set-seed1/train: trained already", "train", *flags, *bound("ensemble.way = 'fused'")
    )
    for line, sentence in list(CHANGES.values())[0:3:2]:
        refused(
            place / "runs",
            f"runs/set-seed1/train was computed with {sentence}; {WAY_OUT}",
            "train",
            *flags,
            *bound(line),
        )
    each = "ensemble.each = {'encoder.num_latent': [3, 5]}"
    assert "num_latent=5-seed2" in done("train", *flags, *bound(each))
    alone = ["--model_dir=runs/set-seed1", *bound(*VAE, "model.random_seed = 1", "model.training_steps = 2")]
    unchanged(place / "runs", "runs/set-seed1/train: trained already", "train", *alone)


def test_a_fit_is_done_and_another_refused(copied):
    run = copied("pca")
    flags = [f"--model_dir={run}", *bound(*DATA, *FITS["pca"])]
    unchanged(run, "trained already", "train", *flags)
    for line, sentence in {
        "pca.num_latent = 2": "pca.num_latent = 3, now it is 2",
        "pca.num_samples = 100": "pca.num_samples = None, now it is 100",
        "model.random_seed = 1": "model.random_seed = 0, now it is 1",
    }.items():
        refused(run, f"pca/train was computed with {sentence}; {WAY_OUT}", "train", *flags, *bound(line))


def test_means_are_done_and_other_images_encoded_again(copied):
    run = copied("oracle")
    flags = [f"--model_dir={run}"]
    done("postprocess", *flags)
    unchanged(run, "encoded already", "postprocess", *flags)
    unchanged(run, "encoded already", "postprocess", *flags, *bound("postprocess.random_seed = 7"))
    again = "mean was computed from another data set; encoding again"
    for lines, images in (([FEW], 100), ([FEW, "postprocess.random_seed = 7"], 100), ([], 512)):
        found = redone(run / "mean", "postprocess", again, "postprocess", *flags, *bound(*lines))
        assert found["num_images"] == images
        unchanged(run, "encoded already", "postprocess", *flags, *bound(*lines))


def test_samples_are_done_and_those_of_another_seed_encoded_again(copied):
    run = copied("random0")
    flags = [f"--model_dir={run}", *bound(SAMPLED)]
    done("postprocess", *flags)
    unchanged(run, "encoded already", "postprocess", *flags)
    first = np.load(run / "sampled" / "codes.npy")
    seven = [*flags, *bound("postprocess.random_seed = 7")]
    sentence = "sampled was computed with postprocess.random_seed = 0, now it is 7; encoding again"
    redone(run / "sampled", "postprocess", sentence, "postprocess", *seven)
    assert not np.array_equal(np.load(run / "sampled" / "codes.npy"), first)
    unchanged(run, "encoded already", "postprocess", *seven)
    redone(run / "sampled", "postprocess", "was computed from another data set", "postprocess", *seven, *bound(FEW))
    redone(run / "sampled", "postprocess", "now it is 0; encoding again", "postprocess", *flags)
    np.testing.assert_array_equal(np.load(run / "sampled" / "codes.npy"), first)
    before = snapshot(run / "sampled")
    done("postprocess", f"--model_dir={run}")
    assert snapshot(run / "sampled") == before  # the means stand next to them


def test_a_score_is_done_and_others_stand_next_to_it(copied):
    run = copied("oracle")
    flags = [f"--model_dir={run}", "--metric=mig", *bound(*MIG)]
    done("evaluate", *flags)
    unchanged(run, "scored already", "evaluate", *flags)
    for number, line in enumerate(("mig.num_train = 90", "mig.num_bins = 10", "evaluation.random_seed = 1"), start=2):
        before = snapshot(run)
        assert "scored already" not in done("evaluate", *flags, *bound(line))
        now = snapshot(run)
        assert {path: now[path] for path in before} == before
        assert len(list((run / "mean" / "metrics").iterdir())) == number
        unchanged(run, "scored already", "evaluate", *flags, *bound(line))
    unchanged(run, "scored already", "evaluate", *flags)


def test_scores_of_other_codes_are_made_again(copied):
    run = copied("oracle")
    flags = [f"--model_dir={run}", "--metric=mig", *bound(*MIG)]
    done("evaluate", *flags)
    place = run / "mean" / "metrics" / "mig-num_train=100"
    found = redone(place, "evaluation", "encoding again", "evaluate", *flags, *bound(FEW))
    assert found["num_images"] == 100
    assert found["encoded"] == read_results(run / "mean", "postprocess")["uuid"]
    unchanged(run, "scored already", "evaluate", *flags, *bound(FEW))


def test_a_ranking_is_done_and_others_stand_next_to_it(copied):
    runs = [copied("random0"), copied("random1")]
    flags = [*runs, *bound(*SETS)]
    done("rank", *flags)
    unchanged(runs[0], "these 2 runs are ranked already", "rank", *flags)
    for number, line in enumerate(("udr.num_train = 90", "udr.num_kl = 40", "evaluation.random_seed = 1"), start=2):
        before = snapshot(runs[0])
        assert "udr: ranked 2 runs" in done("rank", *flags, *bound(line))
        now = snapshot(runs[0])
        assert {path: now[path] for path in before} == before
        assert len(list((runs[1] / "mean" / "metrics").iterdir())) == number
        unchanged(runs[1], "are ranked already", "rank", *flags, *bound(line))
    unchanged(runs[0], "these 2 runs are ranked already", "rank", *flags)


def test_a_sensitivity_study_is_done_and_another_made_again(copied):
    run = copied("oracle")
    flags = [run, "--output_dir=tables", *bound(*CELLS)]
    done("sensitivity", *flags)
    unchanged(run, "scored already", "sensitivity", *flags)
    for line, sentence in {
        "beta_vae_sensitivity.num_eval = 21": "beta_vae_sensitivity.num_eval = 20, now it is 21",
        "sensitivity.random_seed = 1": "sensitivity.random_seed = 0, now it is 1",
        "logistic_regression.max_iter = 70": "logistic_regression.max_iter = 5000, now it is 70",
    }.items():
        directory = run / "mean" / "sensitivity"
        sentence = f"sensitivity was computed with {sentence}; scoring again"
        redone(directory, "sensitivity", sentence, "sensitivity", *flags, *bound(line))
        unchanged(run, "scored already", "sensitivity", *flags, *bound(line))
        redone(directory, "sensitivity", "scoring again", "sensitivity", *flags)


def test_pictures_are_done_and_others_drawn_again(copied):
    run = copied("oracle")
    flags = [f"--model_dir={run}", *bound(*PICTURES)]
    done("visualize", *flags)
    unchanged(run, "drawn already", "visualize", *flags)
    lines = list[str]()
    for line, sentence in {
        "visualize.num_values = 3": "visualize.num_values = 2, now it is 3",
        "visualize.random_seed = 1": "visualize.random_seed = 0, now it is 1",
        "visualize.prior_range = 'linear'": "visualize.prior_range = 'quantiles', now it is 'linear'",
    }.items():
        lines.append(line)
        sentence = f"visualize was computed with {sentence}; drawing again"
        redone(run / "visualize", "visualize", sentence, "visualize", *flags, *bound(*lines))
    unchanged(run, "drawn already", "visualize", *flags, *bound(*lines))


def test_codes_from_elsewhere_are_done_and_others_refused(place):
    codes = np.random.default_rng(0).normal(size=(512, 3)).astype(np.float32)
    np.savez("codes.npz", first=codes, second=codes[:, :2])
    flags = ["--codes=codes.npz", "--codes_key=first", "--dataset=dummy_data", "--metric=mig", *bound(*MIG)]
    run = place / "runs" / "codes"
    done("evaluate", *flags)
    unchanged(run, "scored already", "evaluate", *flags)
    for flag, sentence in {
        "--codes_key=second": "codes_key = 'first', now it is 'second'",
        "--training_seed=1": "training_seed = 0, now it is 1",
    }.items():
        refused(run, f"codes/codes was computed with {sentence}; {OTHER_CODES}", "evaluate", *flags, flag)
    np.savez("codes.npz", first=codes + 1, second=codes)
    refused(run, f"codes/codes was computed from another file; {OTHER_CODES}", "evaluate", *flags)
    redone(run / "codes", "postprocess", "discrete_mig", "evaluate", *flags, "--overwrite")
    unchanged(run, "scored already", "evaluate", *flags)


def test_a_model_from_elsewhere_is_done_and_another_refused(place, trained):
    model = shutil.copytree(trained / "random0" / "train" / "saved_model", place / "theirs")
    flags = ["--saved_model=theirs", "--dataset=dummy_data", "--metric=mig", *bound(*MIG)]
    run = place / "runs" / "theirs"
    done("evaluate", *flags)
    unchanged(run, "scored already", "evaluate", *flags)
    for more, sentence in (
        (["--training_seed=1"], "with training_seed = 0, now it is 1"),
        (bound(FEW), "from another data set"),
    ):
        refused(run, f"theirs/mean was computed {sentence}; {OTHER_CODES}", "evaluate", *flags, *more)
    shutil.rmtree(model)
    shutil.copytree(trained / "random1" / "train" / "saved_model", model)
    refused(run, f"theirs/mean was computed from another file; {OTHER_CODES}", "evaluate", *flags)
    redone(run / "mean", "postprocess", "discrete_mig", "evaluate", *flags, "--overwrite")
    unchanged(run, "scored already", "evaluate", *flags)

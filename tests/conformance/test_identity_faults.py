"""What was once taken for the same or kept others from going on: seeds, macros, interrupted encodings, names of folders."""

import hashlib
import json

import gin
import numpy as np
import pytest
from support.submissions import IMAGES, PARAMETERS, claim, noisy
from support.tiny_runs import DATA, MIG, bound, command, done, redone, strays, unchanged

from dlib_bvae import gin_names, metrics
from dlib_bvae.analysis.frame import collect
from dlib_bvae.analysis.tables import aggregate
from dlib_bvae.artifacts import read_identity, read_results
from dlib_bvae.datasets.derived.subsets import Subsample
from dlib_bvae.leaderboard.submissions import verify
from dlib_bvae.stages import evaluate, postprocess
from dlib_bvae.stages.external import external_codes
from dlib_bvae.studies import study


def test_another_value_of_a_macro_is_another_result(copied):
    run = copied("oracle")
    flags = [f"--model_dir={run}", "--metric=mig", *bound("mig.num_train = %N")]
    done("evaluate", *flags, *bound("N = 30"))
    assert "scored already" not in done("evaluate", *flags, *bound("N = 31"))
    names = {path.name for path in (run / "mean" / "metrics").iterdir()}
    assert names == {"mig-num_train=30", "mig-num_train=31"}
    unchanged(run, "mig-num_train=30: scored already", "evaluate", *flags, *bound("N = 30"))
    unchanged(run, "mig-num_train=30: scored already", "evaluate", *flags[:2], *bound("mig.num_train = 30"))


def test_a_macro_of_a_seed_stands_in_no_identity(place):
    lines = [*DATA, "model.model = @random_encoder()", "model.random_seed = %SEED"]
    done("train", "--model_dir=run", *bound(*lines, "SEED = 3"))
    identity = read_identity(place / "run" / "train", "train")
    assert identity.parameters["model.random_seed"] == 3
    assert "%" not in json.dumps(identity.to_json())
    plain = bound(*DATA, "model.model = @random_encoder()", "model.random_seed = 3")
    unchanged(place / "run", "trained already", "train", "--model_dir=run", *plain)
    found = command("train", "--model_dir=run", *bound(*lines, "SEED = 4"))
    assert found.code == 2
    assert "was computed with model.random_seed = 3, now it is 4" in found.err


STUDY = """
study.name = "seeds"
study.parts = [@a/part()]
a/part.configs = ["train.gin"]
a/part.grid = {"noisy_dsprites_rendered.seed": [0, 1], "validation.seed": [0, 1, 2]}
"""


def test_every_seed_of_a_grid_is_a_run_and_a_macro_names_its_value(place):
    lines = ["dataset.name = 'noisy_dsprites_rendered'", "validation.fraction = 0.1", "model.model = @vae()"]
    (place / "train.gin").write_text("\n".join([*lines, "model.random_seed = %SEED", "SEED = 5"]), encoding="utf-8")
    (place / "study.gin").write_text(STUDY, encoding="utf-8")
    runs = study.load(["study.gin"]).runs
    assert len({run.directory(place / "runs") for run in runs}) == len({run.digest for run in runs}) == len(runs) == 6
    assert {run.seed for run in runs} == {5}
    assert not [run.digest for run in runs if "%" in run.digest]
    (place / "study.gin").write_text(STUDY + "a/part.bindings = ['SEED = 6']\n", encoding="utf-8")
    others = study.load(["study.gin"]).runs
    assert {run.seed for run in others} == {6}
    assert not {run.digest for run in runs} & {run.digest for run in others}


@pytest.fixture
def interrupted(copied, monkeypatch):
    """A run whose encoding, begun by an evaluation with mig.num_train = 200, was interrupted before its last step."""
    run = copied("random0")
    encode_all = postprocess.encode_all

    def ended(*given):
        encode_all(*given)
        raise KeyboardInterrupt

    monkeypatch.setattr(postprocess, "encode_all", ended)
    assert command("evaluate", f"--model_dir={run}", "--metric=mig", *bound("mig.num_train = 200")).code == 130
    monkeypatch.undo()
    monkeypatch.chdir(run.parent)
    assert strays(run) == ["mean.part"]
    return run


@pytest.mark.parametrize(
    ("name", "flags"),
    [
        ("evaluate", ["--metric=irs", *bound("irs.num_train = 100")]),
        ("evaluate", ["--metric=mig", "--overwrite", *bound(*MIG)]),
        ("evaluate", ["--metric=mig", *bound(*MIG, "postprocess.max_images = 300")]),
        ("visualize", bound("visualize.num_frames = 2", "visualize.num_examples = 2")),
        ("postprocess", bound("postprocess.random_seed = 1")),
        ("postprocess", ["--overwrite"]),
    ],
)
def test_an_interrupted_encoding_keeps_nothing_from_going_on(interrupted, name, flags):
    assert "refused" not in done(name, f"--model_dir={interrupted}", *flags)
    assert strays(interrupted) == []
    assert read_results(interrupted / "mean", "postprocess")["num_images"] in (512, 300)


def test_an_interrupted_encoding_of_other_samples_is_not_continued(copied, monkeypatch):
    run = copied("random0")
    sampled = bound("postprocess.postprocess_fn = @sampled_representation")
    done("postprocess", f"--model_dir={run}", *sampled, *bound("postprocess.random_seed = 7"))
    expected = np.load(run / "sampled" / "codes.npy")
    begun = postprocess.Work.begun

    def ended(self):
        begun(self)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(postprocess.Work, "begun", ended)
        assert command("postprocess", f"--model_dir={run}", *sampled).code == 130
    unchanged_codes = np.load(run / "sampled" / "codes.npy")
    np.testing.assert_array_equal(unchanged_codes, expected)
    done("postprocess", f"--model_dir={run}", *sampled, *bound("postprocess.random_seed = 8"))
    done("postprocess", f"--model_dir={run}", *sampled, *bound("postprocess.random_seed = 7"))
    np.testing.assert_array_equal(np.load(run / "sampled" / "codes.npy"), expected)
    assert strays(run) == []


@pytest.mark.parametrize("names", [("größe", "gräße"), ("a b", "a/b"), ("x" * 90 + "1", "x" * 90 + "2"), ("Ж", "Ю")])
def test_results_of_factors_with_other_names_do_not_share_a_folder(place, names):
    np.save("images.npy", np.arange(8 * 16 * 16, dtype=np.uint8).reshape(8, 16, 16))
    np.save("codes.npy", np.random.default_rng(0).normal(size=(8, 2)).astype(np.float32))
    lines = [
        "dataset.name = @from_file()",
        "from_file.path = 'images.npy'",
        "from_file.factor_sizes = [2, 2, 2]",
        f"from_file.factor_names = [{names[0]!r}, {names[1]!r}, 'width']",
        "beta_vae.num_train = 20",
        "beta_vae.num_eval = 10",
        "beta_vae.batch_size = 2",
    ]
    asked = [[names[0], "width"], [names[1], "width"], [*names]]
    source = external_codes(codes=place / "codes.npy")
    each = [[*lines, f"beta_vae.factors = {factors!r}"] for factors in asked]
    places = [evaluate.run("beta_vae", [], bindings, source=source)[0] for bindings in each]
    assert len({*places}) == 3
    assert [read_identity(path, "evaluation").parameters["beta_vae.factors"] for path in places] == asked
    before = [read_results(path, "evaluation") for path in places]
    assert [evaluate.run("beta_vae", [], bindings, source=source)[0] for bindings in each] == places
    assert [read_results(path, "evaluation") for path in places] == before


@gin.configurable("conformance_kernel")
def kernel(width=1):
    """A helper of a metric of another package."""
    return float(width)


@gin.configurable("conformance_metric", denylist=["data", "codes", "random_state"])
def of_a_kernel(data, codes, random_state):
    return {"kernel_score": kernel() / 10}


def test_parameters_of_a_metric_s_helper_are_two_results_that_are_not_pooled(copied, monkeypatch):
    monkeypatch.setitem(metrics.METRICS._added, "conformance_metric", of_a_kernel)
    monkeypatch.setattr(gin_names, "plugins", lambda: {"conformance_metric"})  # as of an installed package
    run = copied("oracle")
    flags = [f"--model_dir={run}", "--metric=conformance_metric"]
    for width in (1, 5):
        assert f"kernel_score {width / 10:.4f}" in done(
            "evaluate", *flags, *bound(f"conformance_kernel.width = {width}")
        )
        unchanged(run, "scored already", "evaluate", *flags, *bound(f"conformance_kernel.width = {width}"))
    unchanged(run, "kernel_score 0.1000", "evaluate", *flags)  # the default
    frame, problems = collect(run)
    assert problems == []
    assert sorted(aggregate(frame)["mean"]) == [0.1, 0.5]


def write_submission(place, parameters):
    probe = Subsample("dummy_data", IMAGES, 5)
    codes = noisy(probe)
    folder = place / "mine"
    folder.mkdir(exist_ok=True)
    np.save(folder / "codes.npy", codes)
    score = metrics.score("mig", probe, codes, 3, **parameters)["discrete_mig"]
    entry = {
        "dataset": "dummy_data",
        "fingerprint": probe.fingerprint,
        "probe": {"images": IMAGES, "seed": 5},
        "training_seed": 0,
        "codes": "codes.npy",
        "sha256": hashlib.sha256((folder / "codes.npy").read_bytes()).hexdigest(),
        "claims": [claim("mig", {"discrete_mig": score}, parameters)],
    }
    meta = {"name": "mine", "method": "noisy factors", "supervision": "none", "entries": [entry]}
    (folder / "meta.json").write_text(json.dumps(meta), encoding="utf-8")
    return folder


def test_a_submission_that_is_verified_again_has_its_new_rows_only(place):
    (first,) = verify.run(write_submission(place, PARAMETERS))
    (again,) = verify.run(write_submission(place, PARAMETERS))
    assert again == first
    scores = list((first / "codes" / "metrics").iterdir())
    assert len(scores) == 1
    for parameters in ({"num_train": 150}, {"num_train": 150, "num_bins": 5}):
        (again,) = verify.run(write_submission(place, parameters))
        (score,) = (again / "codes" / "metrics").iterdir()
        used = read_identity(score, "evaluation").parameters
        assert {
            key.partition(".")[2]: used[key] for key in used if key.startswith("mig.")
        }.items() >= parameters.items()
        codes = read_results(again / "codes", "postprocess")
        assert read_results(score, "evaluation")["encoded"] == codes["uuid"]
        assert strays(place / "runs") == []


def test_a_result_of_another_training_is_made_again(place):
    lines = [*DATA, "model.model = @random_encoder()"]
    done("train", "--model_dir=run", *bound(*lines))
    flags = ["--model_dir=run", "--metric=mig", *bound(*MIG)]
    done("evaluate", *flags)
    done("train", "--model_dir=run", "--overwrite", *bound(*lines, "model.random_seed = 1"))
    found = redone(place / "run" / "mean", "postprocess", "was computed from another training", "evaluate", *flags)
    assert found["trained"] == read_results(place / "run" / "train", "train")["uuid"]
    unchanged(place / "run", "scored already", "evaluate", *flags)

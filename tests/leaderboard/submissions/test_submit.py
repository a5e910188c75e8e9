"""submit.py: runs that are scored become submissions that verification accepts as they are, or nothing is written."""

import json
import shutil

import numpy as np
import pytest
from support.submissions import rows
from support.tiny_runs import DATA, FITS

from dlib_bvae import board, datasets
from dlib_bvae.analysis import budget
from dlib_bvae.commands.results import leaderboard
from dlib_bvae.datasets.derived.subsets import Subsample, Subset
from dlib_bvae.errors import UserError
from dlib_bvae.leaderboard.submissions import read, submit, verify
from dlib_bvae.leaderboard.submissions.cost_bounds import BOUNDS
from dlib_bvae.leaderboard.submissions.gin_check import checked
from dlib_bvae.stages import evaluate
from dlib_bvae.stages.external import external_codes

MIG = ["mig.num_train = 200"]
TOLD = {"method": "random projections of the pixels", "supervision": "none"}


@pytest.fixture
def bring(tmp_path, monkeypatch):
    """bring(run, seed, …) → the run directory of codes from elsewhere that are scored, in a working directory of their own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DLIB_BVAE_CACHE_DIR", str(tmp_path / "cache"))

    def make(run, seed, name="theirs", metric="mig", dataset="dummy_data", bindings=MIG, images=None):
        data = images or datasets.load(dataset)
        pixels = data.images_at(np.arange(data.num_images)).reshape(data.num_images, -1)
        np.save(f"{run}.npy", (pixels @ np.random.default_rng(seed).normal(size=(256, 3))).astype(np.float32))
        source = external_codes(tmp_path / f"{run}.npy", None, None, dataset, name, tmp_path / run, seed)
        evaluate.run(metric, [], bindings, source=source)
        return tmp_path / run

    return make


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The directory of three runs of methods that need no steps: random0, random1 and pca."""
    from dlib_bvae.stages import train

    place = tmp_path_factory.mktemp("trained")
    for name in ("random0", "random1", "pca"):
        train.run([], [*DATA, *FITS[name], f"model.name = {name.rstrip('01')!r}"], place / name)
        evaluate.run("mig", [], MIG, model_dir=place / name)
    return place


@pytest.fixture
def here(trained, tmp_path, monkeypatch):
    """The same, in a working directory of its own."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(trained, tmp_path / "trained")
    return tmp_path / "trained"


def test_codes_from_elsewhere_are_verified_as_they_are_submitted(bring, tmp_path):
    runs = [bring(f"run{seed}", seed, metric="mig,active_units") for seed in (0, 1)]
    folder = board.submit(map(str, runs), "theirs", "submissions", **TOLD, paper="a title", code="an address")
    found = read(folder)
    assert (found.name, found.method, found.supervision) == ("theirs", *TOLD.values())
    assert (found.paper, found.code) == ("a title", "an address")
    assert [(each.training_seed, each.probe, each.retrain) for each in found.entries] == [
        (0, None, None),
        (1, None, None),
    ]
    claimed = {each.metric: each.parameters for each in found.entries[0].claims}
    assert claimed == {"mig": {"num_train": 200}, "active_units": {}}
    assert not list(folder.parent.glob("*.part"))
    verify.run(folder, null=0, tolerance=1e-12)
    assert set(rows()["evidence"]) == {"recomputed"}
    assert len(rows()) == 4


def test_models_trained_here_have_a_gin_file_and_their_configurations_names(here, capsys):
    folder = submit.run([here / name for name in ("random0", "random1", "pca")], "ours")
    found = read(folder)
    assert found.supervision == "none"
    names = [(found.row_name(each), each.training_seed) for each in found.entries]
    random, pca = "ours random encoder", "ours PCA"
    assert names == [(random, 0), (random, 1), (pca, 0)]
    assert found.method == "random encoder, PCA, trained by dlib_bvae"
    lines = [checked(each.retrain.gin_config, "dummy_data") for each in found.entries]
    assert lines[0] == lines[1] != lines[2]
    assert "pca.num_latent = 3" in lines[2]
    assert not [line for line in lines[0] if "random_seed" in line or "frechet_curve" in line]
    verify.run(folder, null=0, tolerance=1e-12, retrain=True)
    assert sorted(rows()["train_results.model"]) == [pca, random, random]
    assert "too few seeds to judge mig.discrete_mig: 1 of 20 degrees" in capsys.readouterr().out


def test_one_method_has_no_configurations(here):
    found = read(submit.run([here / "random0", here / "random1"], "ours"))
    assert [each.place for each in found.entries] == ["dummy_data-seed0", "dummy_data-seed1"]
    assert {each.retrain.gin_config.name for each in found.entries} == {"dummy_data.gin"}


def test_a_gin_file_that_verification_refuses_is_left_out(here, monkeypatch, capsys):
    monkeypatch.setitem(BOUNDS, "pca.num_latent", BOUNDS["pca.num_latent"]._replace(most=2))
    (entry,) = read(submit.run([here / "pca"], "wide")).entries
    assert entry.retrain is None
    assert [path.suffix for path in sorted(entry.codes.parent.iterdir())] == [".npy", ".json"]
    assert (
        "which cannot be trained again: submissions/wide.part/dummy_data.gin sets pca.num_latent"
        in capsys.readouterr().err
    )


def test_fewer_images_are_scored_anew(here, capsys):
    evaluate.run("beta_vae,reconstruction_error", [], ["beta_vae.num_train = 50"], model_dir=here / "pca")
    folder = submit.run([here / "pca"], "few", images=300)
    (entry,) = read(folder).entries
    assert entry.probe == (300, 0)
    whole = np.load(here / "pca" / "mean" / "codes.npy")
    assert np.array_equal(np.load(entry.codes), whole[Subsample("dummy_data", 300, 0).rows])
    assert [each.metric for each in entry.claims] == ["mig"]
    said = capsys.readouterr().err
    assert "left out: beta_vae: beta_vae compares images with chosen factors" in said
    assert "left out: reconstruction_error: reconstruction_error needs the model's decoder" in said
    verify.run(folder, null=0, tolerance=1e-12)
    assert rows()["evidence"].tolist() == ["recomputed"]


def test_codes_of_a_probe_stay_those_of_the_probe(bring):
    gin = [*MIG, "probe.data = 'dummy_data'", "probe.images = 300", "probe.seed = 7"]
    run = bring("run", 0, dataset="probe", bindings=gin, images=Subsample("dummy_data", 300, 7))
    folder = submit.run([run], "probed", **TOLD)
    assert read(folder).entries[0].probe == (300, 7)
    verify.run(folder, null=0, tolerance=1e-12)
    with pytest.raises(UserError, match="leave out --images"):
        submit.run([run], "fewer", images=100, **TOLD)


def test_codes_that_are_encoded_on_demand_are_submitted_whole(here):
    whole = np.load(here / "pca" / "mean" / "codes.npy")
    shutil.rmtree(here / "pca" / "mean")
    evaluate.run("mig", [], [*MIG, "postprocess.images = 'needed'"], model_dir=here / "pca")
    folder = submit.run([here / "pca"], "needed")
    assert np.load(read(folder).entries[0].codes) == pytest.approx(whole, abs=1e-4)
    verify.run(folder, null=0)
    assert rows()["evidence"].tolist() == ["recomputed"]


def test_what_a_claim_cannot_say_is_left_out(bring, capsys):
    run = bring("run", 0, bindings=[*MIG, "evaluation.sampling = 'with_replacement'"])
    with pytest.raises(UserError, match="has no score that can be claimed"):
        submit.run([run], "mine", **TOLD)
    assert "left out: mig: a claim cannot say evaluation.sampling = with_replacement" in capsys.readouterr().err


REFUSED = {
    "a name that is taken": (["a"], {"name": "taken"}, "taken is there already; choose another --name"),
    "a name that is none": (["a"], {"name": "../x"}, "--name must match"),
    "a run that is not there": (["none"], {}, "there is no run directory .*none; name those of dlib_bvae_train"),
    "a folder that is no run": (["taken"], {}, "taken is no run directory; run dlib_bvae_evaluate"),
    "a folder of runs": (["."], {}, "holds several runs; name each of them"),
    "the codes in a run": (["a/codes"], {}, "codes is part of a run; name its directory"),
    "half a budget": (["a"], {"training_steps": 5}, "--training_steps and --batch_size go together"),
    "no steps": (["a"], {"training_steps": 0, "batch_size": 1}, "--training_steps must be an integer >= 1"),
    "two runs of one seed": (["a", "b"], {}, "a and .*b are both of training seed 0; name one of them"),
    "codes that nobody describes": (["a"], {"method": None}, "a has codes from elsewhere; say in a sentence"),
    "no supervision": (
        ["a"],
        {"supervision": None},
        "does not say what its training knew of the factors; add --supervision=",
    ),
    "another supervision": (["a"], {"supervision": "all"}, "supervision must be one of"),
    "no images": (["a"], {"images": 1}, "--images must be an integer >= 2; got 1"),
    "data that not everyone has": (["subset"], {}, "which is no data set that everyone has"),
    "codes that changed": (["changed"], {}, "changed.npy has changed since .* was scored"),
    "codes that are no more there": (["moved"], {}, "the codes of .*moved are no more at .*moved.npy"),
    "equal codes of two seeds": (["a", "c"], {}, "by the training seeds 0 and 1 are equal"),
}


def test_what_is_refused_leaves_nothing(bring, tmp_path):
    bring("a", 0), bring("b", 0), bring("changed", 2), bring("moved", 3)
    np.save("changed.npy", np.load("changed.npy") + 1)
    (tmp_path / "moved.npy").unlink()
    part = Subset("dummy_data", {"row": [0, 1]})
    gin = [*MIG, "subset.data = 'dummy_data'", "subset.values = {'row': [0, 1]}"]
    bring("subset", 0, dataset="subset", bindings=gin, images=part)
    shutil.copy("a.npy", "c.npy")
    evaluate.run(
        "mig", [], MIG, source=external_codes(tmp_path / "c.npy", None, None, "dummy_data", "theirs", tmp_path / "c", 1)
    )
    folder = tmp_path / "submissions"
    (folder / "taken").mkdir(parents=True)
    for kind, (runs, told, said) in REFUSED.items():
        place = "submissions" if runs == ["taken"] else "."
        places = [tmp_path / place / each for each in runs]
        with pytest.raises(UserError, match=said) as caught:
            submit.run(places, **{"name": "mine", **TOLD, **told})
        assert "\n" not in str(caught.value), kind
        assert [path.name for path in folder.iterdir()] == ["taken"], kind


def test_runs_that_are_not_scored_or_trained_otherwise(here):
    shutil.rmtree(here / "random0" / "mean")
    (here / "begun" / "train.part").mkdir(parents=True)
    with pytest.raises(UserError, match="random0 is not scored; run dlib_bvae_evaluate --model_dir="):
        submit.run([here / "random0"], "mine")
    with pytest.raises(
        UserError, match="pca was trained with the supervision none, not labels; leave out --supervision"
    ):
        submit.run([here / "pca"], "mine", supervision="labels")
    with pytest.raises(UserError, match="the training in .*begun is not finished"):
        submit.run([here / "begun"], "mine")
    with pytest.raises(UserError, match="pca was trained here and says its own budget; leave out --training_steps"):
        submit.run([here / "pca"], "mine", training_steps=10, batch_size=8)


def test_an_interrupt_leaves_nothing(bring, tmp_path, monkeypatch):
    run = bring("a", 0)

    def interrupted(submission):
        raise KeyboardInterrupt

    monkeypatch.setattr(submit, "check", interrupted)
    with pytest.raises(KeyboardInterrupt):
        submit.run([run], "mine", **TOLD)
    assert not list((tmp_path / "submissions").iterdir())


def test_the_command_has_the_same_flags(bring, capsys):
    run = bring("a", 0)
    flags, call = leaderboard()
    typed = ["submit", str(run), "--name=mine", "--method=projections", "--supervision=none", "--images=200"]
    typed += ["--training_steps=10000", "--batch_size=64"]
    call(**vars(flags.parse_args([*typed, "--output_dir=handed_in", "--paper=a title"])))
    meta = json.loads((submit.Path("handed_in") / "mine" / "meta.json").read_text())
    assert (meta["paper"], meta["entries"][0]["probe"]["images"]) == ("a title", 200)
    assert "next: dlib_bvae_leaderboard verify handed_in/mine" in capsys.readouterr().out
    call(**vars(flags.parse_args(["verify", "handed_in/mine", "--null=0"])))
    assert rows()["evidence"].tolist() == ["recomputed"]
    with pytest.raises(UserError, match="--results_dir says how much seeds vary, which --retrain asks"):
        call(**vars(flags.parse_args(["verify", "handed_in/mine", "--results_dir=runs"])))
    assert set(budget.of_rows(rows(), rows()["train_results.model"]).values()) == {"10,000 steps of 64"}

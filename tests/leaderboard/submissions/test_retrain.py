"""retrain.py: models of submissions trained again and held against their seeds, and gin files that are not run."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from support.submissions import PARAMETERS, SCORE, claim, noisy, rows, table_of

from dlib_bvae import metrics
from dlib_bvae.analysis import predictions
from dlib_bvae.errors import UserError
from dlib_bvae.leaderboard.submissions import retrain, verify

ARCHIVE = Path(__file__).parents[3] / "benchmarks" / "results" / "re_beta_vae_small"
TRAINING = [
    "include 'gin/beta4_dsprites.gin'",
    "dataset.name = 'dummy_data'",
    "model.batch_size = 16",
    "model.log_every = 10",
    "model.checkpoint_every = 10",
    "model.training_steps = 10",
]


@pytest.fixture
def seeds(submit, probe, tmp_path):
    """seeds(codes of each, …) → the folder of a submission of one model with several training seeds."""

    def make(every, gin=TRAINING, **entry):
        folder = submit(every[0])
        meta = json.loads((folder / "meta.json").read_text())
        entries = []
        for seed, codes in enumerate(every):
            path = folder / f"codes{seed}.npy"
            np.save(path, codes)
            score = metrics.score("mig", probe, codes, 3, **PARAMETERS)["discrete_mig"]
            told = {"codes": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "training_seed": seed}
            claims = [claim("mig", {"discrete_mig": score}, PARAMETERS)]
            retrain = {"retrain": {"gin_config": "train.gin"}}
            entries.append({**meta["entries"][0], **told, "claims": claims, **retrain, **entry})
        (folder / "train.gin").write_text("\n".join(gin))
        (folder / "meta.json").write_text(json.dumps({**meta, "entries": entries}))
        return folder

    return make


def other(codes, seed):
    """Codes of another training: those codes with a little noise, the same for equal codes."""
    bits = np.unique(codes, axis=0, return_inverse=True)[1]
    return codes + 0.01 * np.random.default_rng(seed).normal(size=(bits.max() + 1, codes.shape[1]))[bits].astype("f4")


@pytest.fixture
def trained(probe, tmp_path):
    """Codes of the probe by the model of TRAINING."""
    from dlib_bvae.stages import train

    train.run(["gin/beta4_dsprites.gin"], [*TRAINING[1:], "model.random_seed = 7"], tmp_path / "theirs")
    return retrain._codes(tmp_path / "theirs", probe)


def test_a_seed_within_the_others_is_accepted_and_one_outside_is_not(
    seeds, probe, trained, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    folder = seeds([other(trained, seed) for seed in range(2)])
    verify.run(folder, null=0)
    assert rows()["evidence"].tolist() == ["recomputed"] * 2
    committed = rows()[SCORE].to_numpy(float)
    rng = np.random.default_rng(0)
    pool = {name: rng.normal(0.1, 0.05, 8) for name in "abc"}
    place = table_of(rows(), pool, tmp_path / "board")
    verify.run(folder, retrain=True, null=2, results=[place])
    found = rows()
    assert found["evidence"].tolist() == ["retrained"] * 2
    assert found["evaluation_results.null.discrete_mig.n"].tolist() == [2, 2]
    (told,) = found.filter(like="evaluation_results.retrained.discrete_mig").drop_duplicates().to_dict("records")
    told = {name.rpartition(".")[2]: value for name, value in told.items()}
    squares = sum(((each - each.mean()) ** 2).sum() for each in [committed, *pool.values()])
    half = stats.t.ppf(0.995, 22) * np.sqrt(squares / 22) * np.sqrt(1 + 1 / 2)
    assert told["df"] == 22
    assert [told["low"], told["high"]] == pytest.approx([committed.mean() - half, committed.mean() + half])
    assert told["low"] <= told["value"] <= told["high"]
    said = capsys.readouterr().out
    assert f"trained again by seed {told['seed']}, mig.discrete_mig is {told['value']:.4g}, in " in said

    codes = noisy(probe)
    folder = seeds([other(codes, seed) for seed in range(3)])
    narrow = table_of(found, {name: rng.normal(0.1, 0.01, 8) for name in "abc"}, tmp_path / "narrow")
    outside = r"trained again by seed \d+, mig.discrete_mig is 0\.\d+, not in 0\.\d+ … 0\.\d+ \(mean 0\.\d+ of 3, "
    with pytest.raises(UserError, match=outside):
        verify.run(folder, retrain=True, null=0, results=[narrow])


def test_without_20_degrees_of_freedom_nothing_is_trained_and_there_is_no_badge(seeds, probe, monkeypatch, capsys):
    monkeypatch.setattr(retrain.train, "run", None)  # whoever trains fails
    verify.run(seeds([other(noisy(probe), seed) for seed in range(3)]), retrain=True, null=0)
    assert rows()["evidence"].tolist() == ["recomputed"] * 3
    assert "too few seeds to judge mig.discrete_mig: 2 of 20 degrees of freedom" in capsys.readouterr().out


def test_the_new_seed_is_none_of_those_submitted_and_the_same_each_time(seeds, probe):
    entries = verify.read(seeds([other(noisy(probe), seed) for seed in range(3)])).entries
    seed = retrain.new_seed(entries, {0, 1, 2})
    assert seed == retrain.new_seed(entries[::-1], {0, 1, 2})
    assert retrain.new_seed(entries, {0, 1, 2, seed, seed + 1}) == seed + 2
    assert retrain.new_seed(entries[:2], {0, 1}) != seed


def test_seeds_of_one_row_are_of_one_model(seeds, probe):
    folder = seeds([other(noisy(probe), seed) for seed in range(2)])
    meta = json.loads((folder / "meta.json").read_text())
    meta["entries"][1]["retrain"]["gin_config"] = "other.gin"
    (folder / "meta.json").write_text(json.dumps(meta))
    (folder / "other.gin").write_text("\n".join([*TRAINING, "model.name = 'other'", "model.random_seed = 5"]))
    verify.run(folder, retrain=True, null=0)
    (folder / "other.gin").write_text("\n".join([*TRAINING, "vae.beta = 8"]))
    with pytest.raises(UserError, match=r"train different models for seeds of one row \(vae.beta\); give entries"):
        verify.run(folder, retrain=True, null=0)
    meta["entries"][1]["configuration"] = "β = 8"
    (folder / "meta.json").write_text(json.dumps(meta))
    verify.run(folder, retrain=True, null=0)
    assert sorted(rows()["train_results.model"]) == ["mine", "mine β = 8"]


def test_a_tolerance_of_earlier_versions_is_ignored_and_said(seeds, probe, capsys):
    retrain = {"gin_config": "train.gin", "tolerance": 0.05}
    verify.run(seeds([noisy(probe)], retrain=retrain), retrain=True, null=0)
    assert rows()["evidence"].tolist() == ["recomputed"]
    assert capsys.readouterr().err.count("ignored: retrain.tolerance in ") == 1


def test_a_results_archive_says_how_much_seeds_vary():
    table = predictions(retrain.collected(ARCHIVE))
    rows = table[(table["dataset"] == "dsprites_rendered") & (table["score"] == "discrete_mig")]
    (sd,), (df,) = rows["sd"].unique(), rows["df"].unique()
    assert df == 24  # of eight β-VAEs with four seeds each; PCA and ICA lend nothing
    frame = retrain.collected(ARCHIVE / "runs.parquet")
    frame = frame[
        (frame["train_results.dataset"] == "dsprites_rendered") & (frame["evaluation_results.metric"] == "mig")
    ]
    vaes = frame[frame["train_results.model"] == "beta_vae"].groupby("config")[SCORE]
    assert sd == pytest.approx(np.sqrt(vaes.var().mean()))


def test_other_results_that_are_none(seeds, probe, tmp_path):
    folder = seeds([noisy(probe)])
    (tmp_path / "runs.csv").write_text("a,b\n")
    for place in ("runs.csv", "nothing"):
        with pytest.raises(UserError, match=f"{place} is no directory of runs, and no runs.parquet"):
            verify.run(folder, retrain=True, results=[tmp_path / place])


def test_the_submission_s_earlier_rows_do_not_count_twice(seeds, probe, capsys):
    folder = seeds([other(noisy(probe), seed) for seed in range(3)])
    verify.run(folder, null=0)
    verify.run(folder, retrain=True, null=0)  # by default the runs here are looked at
    assert ": 2 of 20 degrees of freedom" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("import this", "imports a module, which is never run for a submission"),
        ("  from os import path", "imports a module"),
        ("include 'evil.gin'", "includes 'evil.gin'; it may include files of the installed gin/ only"),
        ("include 'gin/../evil.gin'", "it may include files of the installed gin/ only"),
        ("include 'gin/evil.gin'", "it may include files of the installed gin/ only"),
        ("include r'gin/evil.gin'", "it may include files of the installed gin/ only"),
        ("include\\\n u'evil.gin'", "it may include files of the installed gin/ only"),
        ("image_folder.path = '/home'", "uses 'image_folder', which is no part of a model or its training"),
        (
            "dataset.name = 'subset'\nsubset.data = 'dummy_data'\nsubset.values = {'row': [0]}",
            "uses 'subset', which is no part of a model or its training",
        ),
    ],
)
def test_gin_files_that_are_not_run(submit, probe, tmp_path, monkeypatch, line, said):
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "it_ran.py").write_text("open('it_ran', 'w')")
    (tmp_path / "gin").mkdir()
    for evil in (tmp_path / "evil.gin", tmp_path / "gin" / "evil.gin"):
        evil.write_text("from __gin__ import dynamic_registration\nimport it_ran\n")
    gin_file = tmp_path / "submissions" / "mine" / "train.gin"
    gin_file.write_text("\n".join([*TRAINING, line]))
    folder = submit(noisy(probe), retrain={"gin_config": "train.gin"})
    with pytest.raises(UserError, match=said):
        verify.run(folder, retrain=True)
    assert not (tmp_path / "it_ran").exists()
    assert not list(verify.RUNS.rglob("*.json"))

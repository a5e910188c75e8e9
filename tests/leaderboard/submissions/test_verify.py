"""verify.py: submissions of dummy_data, honest, mistaken and tampered with."""

import hashlib
import json
import os
import shutil
import signal
import sys
from pathlib import Path

import numpy as np
import pytest
from support.submissions import IMAGES, PARAMETERS, claim, noisy, rows

from dlib_bvae import analysis, datasets, metrics
from dlib_bvae.analysis.frame import collect
from dlib_bvae.artifacts import open_run
from dlib_bvae.datasets.derived.subsets import Subsample
from dlib_bvae.errors import UserError
from dlib_bvae.leaderboard.submissions import checks, verify

EXAMPLE = Path(__file__).parents[3] / "benchmarks" / "submissions" / "pca_example"


def one_sentence(caught):
    assert "\n" not in str(caught.value)
    assert not list(verify.RUNS.rglob("*.json"))  # nothing of what is refused is in the tables


def test_recomputed_scores_are_rows(submit, probe, capsys):
    codes = noisy(probe)
    (place,) = verify.run(submit(codes))
    assert place.is_relative_to(verify.RUNS / "submissions" / "mine")
    (row,) = rows().to_dict("records")
    assert (row["evidence"], row["supervision"], row["train_results.model"]) == ("recomputed", "none", "mine")
    assert row["train_results.fingerprint"] == probe.fingerprint
    assert row["train_results.origin"] == "rendered"
    assert row["evaluation_results.random_seed"] == 3
    assert row["evaluation_results.null.discrete_mig.n"] == 20
    (cell,) = analysis.cells(rows()).to_dict("records")
    assert cell["mean"] == pytest.approx(metrics.score("mig", probe, codes, 3, **PARAMETERS)["discrete_mig"])
    assert (cell["evidence"], cell["supervision"]) == ("recomputed", "none")
    said = capsys.readouterr().out
    assert "training seed 0: mig.discrete_mig claimed" in said
    assert "suspicious" not in said


def test_a_wrong_claim_is_refused_with_the_difference(submit, probe):
    folder = submit(noisy(probe), [claim("mig", {"discrete_mig": 0.91}, PARAMETERS)])
    found = metrics.score("mig", probe, noisy(probe), 3, **PARAMETERS)["discrete_mig"]
    expected = rf"claimed 0.91, recomputed {found:.6g} with metric seed 3 \(tolerance 0.001\)"
    with pytest.raises(UserError, match=expected) as caught:
        verify.run(folder)
    one_sentence(caught)
    verify.run(submit(noisy(probe), [claim("mig", {"discrete_mig": found - 0.1}, PARAMETERS)]), tolerance=0.15)
    assert len(rows()) == 1


def test_another_file_of_codes_is_refused(submit, probe):
    folder = submit(noisy(probe))
    np.save(folder / "codes.npy", noisy(probe) + 1)
    with pytest.raises(UserError, match="is not the file that was claimed: sha256 .* claimed, .* found") as caught:
        verify.run(folder)
    one_sentence(caught)


def test_codes_of_other_images_are_refused(submit, probe):
    with pytest.raises(UserError, match="was encoded from other images: fingerprint 123 claimed") as caught:
        verify.run(submit(noisy(probe), fingerprint="123"))
    one_sentence(caught)
    with pytest.raises(UserError, match=r"codes must be numbers \(300, latents\)"):
        verify.run(submit(noisy(probe)[:-1], claims=[claim("mig", {"discrete_mig": 0.5})]))
    with pytest.raises(UserError, match="is no data set that everyone has"):
        verify.run(submit(noisy(probe), dataset="from_file"))


@pytest.mark.parametrize("change", [np.asfortranarray, lambda codes: codes.astype(">f8")])
def test_codes_may_lie_in_memory_in_any_order(submit, probe, change):
    verify.run(submit(change(noisy(probe))))
    assert rows()["evidence"].tolist() == ["recomputed"]


class TwiceTheSame(Subsample):
    """A probe whose second image is its first again."""

    def images_at(self, indices):
        return super().images_at(np.where(np.asarray(indices) == 1, 0, indices))


def test_codes_that_are_no_function_of_the_image_are_refused(submit, probe, monkeypatch):
    folder = submit(noisy(probe))
    monkeypatch.setattr(checks, "Subsample", TwiceTheSame)
    with pytest.raises(UserError, match="the images 0 and 1 of .* are the same pixel by pixel") as caught:
        verify.run(folder)
    one_sentence(caught)


def test_codes_that_are_the_factors_are_told(submit, probe, capsys):
    codes = probe.factors_at(np.arange(IMAGES)).astype(np.float32)
    verify.run(submit(codes))
    assert (
        "codes.npy holds orientation, length, row, column exactly, with supervision 'none'" in capsys.readouterr().out
    )
    exact = json.loads(rows()["submission_results.exact_factors"][0])
    assert exact == ["orientation", "length", "row", "column"]
    verify.run(submit(codes, supervision="factors"))
    assert "suspicious" not in capsys.readouterr().out
    assert rows()["supervision"].tolist() == ["factors"]


def test_what_these_codes_cannot_be_scored_by_stays_a_claim(submit, probe, capsys):
    score = metrics.score("mig", probe, noisy(probe), 3, **PARAMETERS)["discrete_mig"]
    claims = [claim("mig", {"discrete_mig": score}, PARAMETERS), claim("beta_vae", {"eval_accuracy": 0.99})]
    verify.run(submit(noisy(probe), claims))
    found = rows().set_index("evaluation_results.metric")
    assert found["evidence"].to_dict() == {"mig": "recomputed", "beta_vae": "claimed"}
    assert found.loc["beta_vae", "evaluation_results.eval_accuracy"] == 0.99
    assert "beta_vae.eval_accuracy claimed 0.99, not recomputed: beta_vae compares images" in capsys.readouterr().out


def test_a_claim_that_nothing_can_be_is_refused_where_it_cannot_be_computed(submit, probe):
    with pytest.raises(UserError, match="squared_error is claimed to be -5, which is out of its range") as caught:
        verify.run(submit(noisy(probe), [claim("reconstruction_error", {"squared_error": -5.0})]))
    one_sentence(caught)


def test_a_probe_of_more_images_than_there_are_is_refused(submit, probe):
    with pytest.raises(UserError, match="is more than the 512 images of dummy_data; use fewer") as caught:
        verify.run(submit(noisy(probe), probe={"images": 10**12, "seed": 5}))
    one_sentence(caught)


def test_equal_codes_of_several_seeds_are_refused(submit, probe):
    folder = submit(noisy(probe))
    np.save(folder / "again.npy", np.asfortranarray(noisy(probe).astype(np.float64)))
    meta = json.loads((folder / "meta.json").read_text())
    digest = hashlib.sha256((folder / "again.npy").read_bytes()).hexdigest()
    meta["entries"].append({**meta["entries"][0], "training_seed": 1, "codes": "again.npy", "sha256": digest})
    (folder / "meta.json").write_text(json.dumps(meta))
    with pytest.raises(UserError, match="by the training seeds 0 and 1 are equal, so they count once") as caught:
        verify.run(folder)
    one_sentence(caught)


def test_codes_of_the_whole_grid(submit):
    data = datasets.load("dummy_data")
    codes = (data.factors_at(np.arange(512)) + 0.1 * np.random.default_rng(0).normal(size=(512, 4))).astype(np.float32)
    small = {"num_train": 100, "num_eval": 50}
    score = metrics.score("beta_vae", data, codes, 3, **small)["eval_accuracy"]
    claims = [claim("beta_vae", {"eval_accuracy": score}, small)]
    verify.run(submit(codes, claims, probe=None, fingerprint=data.fingerprint), null=0)
    assert rows()["evidence"].tolist() == ["recomputed"]
    assert "evaluation_results.null.discrete_mig.n" not in rows()


def test_the_example_is_honest(tmp_path, capsys):
    (place,) = verify.run(EXAMPLE, tmp_path / "verified", null=0)
    assert len(list((place / "codes" / "metrics").iterdir())) == 3
    assert "suspicious" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("claimed", "said"),
    [
        (claim("mgi", {"x": 1}), "did you mean mig"),
        (claim("mig", {"mig": 0.5}, PARAMETERS), "mig gives no score mig; it gives discrete_mig"),
        (claim("mig", {"discrete_mig": 0.5}, {"bins": 5}), "no parameter of mig is called 'bins'"),
        (claim("mig", {"discrete_mig": 0.5}, {"num_train": "@os.system()"}), "num_train must be an integer"),
        (claim("mig", {"discrete_mig": 0.5}, {"num_train = 5\nimport antigravity\nmig.num_train": 5}), "no parameter"),
    ],
)
def test_claims_that_cannot_be(submit, probe, claimed, said):
    with pytest.raises(UserError, match=said):
        verify.run(submit(noisy(probe), [claimed]))
    assert not list(verify.RUNS.rglob("*.json"))


def test_verified_again_the_rows_are_replaced_and_others_are_left(submit, probe, tmp_path):
    folder = submit(noisy(probe))
    verify.run(folder)
    verify.run(folder)
    assert len(rows()) == 1
    submit(noisy(probe), training_seed=4)
    verify.run(folder)
    assert rows()["train_results.seed"].tolist() == [4]
    place = next((verify.RUNS / "submissions" / "mine").glob("dummy*"))
    shutil.rmtree(place)
    place.mkdir()
    (place / "notes.txt").write_text("of the user")
    with pytest.raises(UserError, match="is not a folder of the submission mine; choose another output directory"):
        verify.run(folder)
    assert (place / "notes.txt").read_text() == "of the user"


def test_the_user_s_files_next_to_an_earlier_entry_stay(submit, probe):
    (place,) = verify.run(submit(noisy(probe)))
    (place / "notes.txt").write_text("of the user")
    verify.run(submit(noisy(probe), training_seed=4))
    assert [path.name for path in place.iterdir()] == ["notes.txt"]
    assert rows()["train_results.seed"].tolist() == [4]


def two(submit, codes, seeds):
    """A submission of two seeds; its folder."""
    folder = submit(codes)
    meta = json.loads((folder / "meta.json").read_text())
    np.save(folder / "more.npy", codes * 2)
    digest = hashlib.sha256((folder / "more.npy").read_bytes()).hexdigest()
    (first,) = meta["entries"]
    second = {**first, "codes": "more.npy", "sha256": digest}
    meta["entries"] = [{**first, "training_seed": seeds[0]}, {**second, "training_seed": seeds[1]}]
    (folder / "meta.json").write_text(json.dumps(meta))
    return folder


def killed(event, work):
    """Runs `work` in a child that is killed at this change of the file system, from 0; whether it was."""
    child = os.fork()
    if child == 0:
        left = [event]

        def hook(name, arguments):
            changes = name in ("os.rename", "os.mkdir", "os.remove", "os.rmdir")
            if changes or (
                name == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
            ):
                left[0] -= 1
                if left[0] < 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(hook)
        try:
            work()
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def killed_at(tmp_path, submit, probe, events):
    """Kills the replacement of the seeds 0 and 1 by 1 and 2 at `events`; how many kills there were, how many rows at once."""
    verify.run(two(submit, noisy(probe), (0, 1)), tmp_path / "old")
    places = verify.run(two(submit, noisy(probe) + 1, (1, 2)), tmp_path / "new")
    final, seen, kills = tmp_path / "final" / "mine", set(), 0

    def work():
        with open_run(final):
            verify._put_in_place(places, final, "mine")

    for event in events:
        shutil.rmtree(final.parent, ignore_errors=True)
        shutil.copytree(tmp_path / "old", final)
        if not killed(event, work):
            break
        kills += 1
        frame, problems = collect(final.parent)
        assert [each for each in problems if "left from an interrupted command" not in each] == []
        seeds = [] if frame.empty else frame["train_results.seed"].tolist()
        assert len(seeds) == len({*seeds})
        assert 1 in seeds or problems  # the entry that is in both
        seen.add(tuple(sorted(seeds)))
        work()
        frame, problems = collect(final.parent)
        assert (sorted(frame["train_results.seed"]), problems) == ([1, 2], [])
        left = [path for path in final.iterdir() if path.is_dir() and path.name not in [each.name for each in places]]
        assert not [path for each in left for path in each.iterdir()]
    return kills, seen


def test_an_entry_that_is_refused_stops_no_other(submit, probe, capsys):
    folder = two(submit, noisy(probe), (0, 1))
    verify.run(folder)
    meta = json.loads((folder / "meta.json").read_text())
    (first, second) = meta["entries"]
    wrong = {**second, "claims": [claim("mig", {"discrete_mig": 0.999}, PARAMETERS)]}
    others = [{**first, "training_seed": 2, "fingerprint": "other"}, {**first, "training_seed": 3, "sha256": "0" * 64}]
    meta["entries"] = [wrong, *others, {**first, "training_seed": 9}]
    (folder / "meta.json").write_text(json.dumps(meta))
    capsys.readouterr()
    with pytest.raises(UserError, match="mine: 3 of 4 entries refused: dummy_data-seed1-probe5, dummy_data-seed2"):
        verify.run(folder)
    assert sorted(rows()["train_results.seed"]) == [1, 9]  # those of seed 1 are as before, those of seed 0 are no more
    said = capsys.readouterr().err.splitlines()
    assert [line.split(": ")[1].split(", ")[1] for line in said] == [
        f"dummy_data-seed{seed}-probe5" for seed in (1, 2, 3)
    ]
    assert all(line.startswith("refused: mine, ") for line in said)


def test_a_submission_that_is_refused_stops_no_other(submit, probe, tmp_path, capsys):
    with pytest.raises(UserError, match="1 of 2 submissions refused, wholly or in part: nowhere"):
        verify.run_all([tmp_path / "nowhere", submit(noisy(probe))])
    assert len(rows()) == 1
    assert "refused: " in capsys.readouterr().err


@pytest.mark.parametrize("tolerance", [1e9, 0.1501, -1e-9, float("nan"), float("inf")])
def test_no_verifier_allows_more_than_a_submission_may(submit, probe, tolerance):
    folder = submit(noisy(probe))
    for call in (lambda: verify.run_all([folder], tolerance), lambda: verify.run(folder, tolerance=tolerance)):
        with pytest.raises(UserError, match=r"tolerance must be a finite number >= 0 and <= 0.15; got ") as caught:
            call()
        one_sentence(caught)


def test_a_damaged_earlier_entry_stops_nothing(submit, probe):
    (place,) = verify.run(submit(noisy(probe)))
    (place / "codes" / "results" / "json" / "submission_results.json").write_text("{")
    verify.run(submit(noisy(probe), training_seed=4))
    assert 4 in rows()["train_results.seed"].tolist()


def test_a_kill_leaves_no_half_of_an_entry_and_the_command_may_be_run_again(tmp_path, submit, probe):
    kills, seen = killed_at(tmp_path, submit, probe, range(2, 400, 20))
    assert kills >= 5
    print(f"verify: {kills} kills, rows by seed {sorted(seen)}")


@pytest.mark.slow
def test_a_kill_at_any_change_leaves_no_half_of_an_entry(tmp_path, submit, probe):
    kills, seen = killed_at(tmp_path, submit, probe, range(2000))
    assert kills >= 20
    print(f"verify: {kills} kills, rows by seed {sorted(seen)}")

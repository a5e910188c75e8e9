"""external.py: codes of any framework at the door: what is scored, what is refused in one sentence."""

import json
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest

from dlib_bvae import datasets, leaderboard, metrics
from dlib_bvae.analysis import tables
from dlib_bvae.analysis.frame import collect
from dlib_bvae.artifacts import read_results
from dlib_bvae.datasets.derived.subsets import Subsample
from dlib_bvae.errors import UserError
from dlib_bvae.stages import external
from dlib_bvae.stages.external import external_codes

MINE = Path("mine.npy")
# of each kind one; tests/metrics/test_conformance.py has all
KINDS = ["active_units", "dci", "factor_vae_score", "irs", "med", "mig", "reconstruction_error", "sap", "unsupervised"]


def saved(codes, path=MINE):
    np.save(path, codes)
    return path


def one_sentence(error):
    assert "\n" not in str(error.value)
    return str(error.value)


def test_codes_are_a_row_of_the_table(codes, score_external):
    (found,) = score_external("mig", codes=saved(codes))
    assert found["discrete_mig"] > 0.3
    assert found["num_images"] == 512
    encoded = read_results(Path("runs/mine/codes"), "postprocess")
    assert (encoded["num_latents"], encoded["dtype"], encoded["source"]) == (3, "float32", "mine.npy")
    frame, problems = collect(Path("runs"))
    assert problems == []
    (row,) = tables.aggregate(frame).to_dict("records")
    assert [row[key] for key in ("model", "dataset", "representation", "seeds")] == ["mine", "dummy_data", "codes", 1]
    assert row["mean"] == found["discrete_mig"]


def test_training_seeds_of_one_name_are_pooled(codes, score_external):
    scores = []
    for seed in (1, 2):
        noisy = codes + np.random.default_rng(seed).normal(size=codes.shape)
        place = {"name": "pca", "output_dir": Path(f"runs/pca{seed}"), "training_seed": seed}
        scores += score_external("mig", codes=saved(noisy, Path(f"{seed}.npy")), **place)
    frame, _ = collect(Path("runs"))
    (row,) = tables.aggregate(frame).to_dict("records")
    assert (row["model"], row["seeds"], row["runs"]) == ("pca", 2, 2)
    assert row["mean"] == pytest.approx(np.mean([each["discrete_mig"] for each in scores]))


def test_one_file_under_two_names_and_seeds_is_one_value_on_one_rank(codes, score_external, capsys):
    for name, seed in (("mine", 0), ("mine", 1), ("yours", 0)):
        place = {"name": name, "output_dir": Path(f"runs/{name}{seed}"), "training_seed": seed}
        score_external("mig", codes=saved(codes.astype(np.float64) if seed else codes, Path(f"{seed}.npy")), **place)
    board = leaderboard.run(Path("runs"), Path("board"))[0]
    rows = pd.DataFrame(**json.loads(board.read_text())["rows"])
    said = {row["model"]: (row["seeds"], row["equal_codes"]) for row in rows.to_dict("records")}
    assert said["mine"] == (1, "the seeds 0 and 1 have equal codes and count once; the same codes as yours")
    assert said["yours"] == (1, "the same codes as mine")
    assert "equal codes: mine on dummy_data: the seeds 0 and 1" in capsys.readouterr().err


def test_the_same_codes_are_scored_once_and_other_codes_are_not_put_in_their_place(codes, score_external, capsys):
    (first,) = score_external("mig", codes=saved(codes))
    capsys.readouterr()
    assert score_external("mig", codes=MINE)[0]["uuid"] == first["uuid"]
    assert "scored already" in capsys.readouterr().out
    saved(codes + 1)
    refused = r"codes was computed from another file; choose another --name or --output_dir, or --overwrite"
    with pytest.raises(UserError, match=refused) as caught:
        score_external("mig", codes=MINE)
    one_sentence(caught)
    with pytest.raises(UserError, match=r"codes was computed with training_seed = 0, now it is 4; choose"):
        score_external("mig", codes=saved(codes), training_seed=4)
    (again,) = score_external("mig", codes=saved(codes + 1), overwrite=True)
    assert again["uuid"] != first["uuid"]
    assert score_external("mig", codes=MINE)[0]["uuid"] == again["uuid"]


def test_another_name_is_written_without_scoring_again(codes, score_external, capsys):
    place = {"output_dir": Path("runs/place")}
    (first,) = score_external("mig", codes=saved(codes), name="before", **place)
    capsys.readouterr()
    (same,) = score_external("mig", codes=MINE, name="after", **place)
    assert same["uuid"] == first["uuid"]
    assert "scored already" in capsys.readouterr().out
    assert read_results(Path("runs/place/codes"), "postprocess")["model"] == "after"
    frame, problems = collect(Path("runs"))
    assert problems == []
    assert frame["train_results.model"].tolist() == ["after"]


def test_overwrite_of_the_same_codes_keeps_their_other_scores(codes, score_external):
    score_external("mig,sap", codes=saved(codes))
    score_external("mig", codes=MINE, overwrite=True)
    assert len(list(Path("runs/mine/codes/metrics").iterdir())) == 2


@pytest.mark.parametrize("kind", [np.float16, np.float64, np.int32, np.uint8])
def test_codes_of_any_real_type(kind, codes, score_external):
    whole = np.rint(codes * 7).astype(kind) if np.dtype(kind).kind in "iu" else codes.astype(kind)
    assert score_external("mig", codes=saved(np.clip(whole, 0, None)))[0]["discrete_mig"] > 0.2


def test_the_file_is_mapped_into_memory(codes):
    saved(codes)
    own = external_codes(codes=MINE, dataset="dummy_data")
    from dlib_bvae.config import configuration
    from dlib_bvae.datasets import DATASETS

    with configuration([], own.bindings([]), [DATASETS]):
        assert isinstance(external.opened(own)[1], np.memmap)


def test_npz_and_hdf5_files(codes, score_external):
    (expected,) = score_external("mig", codes=saved(codes))
    np.savez("one.npz", codes)
    np.savez_compressed("two.npz", first=codes, second=-codes, names=np.array(["a"]))
    with h5py.File("three.h5", "w") as file:
        file["codes"] = codes
    for path, key in (("one.npz", None), ("two.npz", "first"), ("three.h5", None)):
        (found,) = score_external("mig", codes=Path(path), codes_key=key)
        assert found["discrete_mig"] == expected["discrete_mig"]
    with pytest.raises(UserError, match=r"has 2 arrays of 2 dimensions, so say which by its key; it holds first"):
        score_external("mig", codes=Path("two.npz"))
    with pytest.raises(UserError, match="no array in two.npz is called 'third'"):
        score_external("mig", codes=Path("two.npz"), codes_key="third")


@pytest.mark.parametrize("name", ["pickled.npy", "pickled.npz"])
def test_nothing_is_unpickled(name, codes, score_external):
    class Trap:
        def __reduce__(self):
            return (Path("sprung").touch, ())

    array = np.empty((512, 1), object)
    array[:] = [[Trap()]] * 512
    if name.endswith("npy"):
        np.save(name, array, allow_pickle=True)
    else:
        np.savez(name, array)
    with pytest.raises(UserError, match="object|pickle"):
        score_external("mig", codes=Path(name))
    assert not Path("sprung").exists()


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (
            lambda c: c[:-1],
            r"codes must be numbers \(512, latents\), one row per image in index order; got float32 \(511, 3\)",
        ),
        (lambda c: np.concatenate([c, c]), r"got float32 \(1024, 3\)"),
        (lambda c: c.T, r"got float32 \(3, 512\)"),
        (lambda c: c[:, 0], r"got float32 \(512,\)"),
        (lambda c: c[:, :0], r"got float32 \(512, 0\)"),
        (lambda c: c > 0, r"got bool \(512, 3\)"),
        (lambda c: c.astype(complex), "holds complex128; expected numbers"),
        (lambda c: c.astype(str), "holds <U.*; expected numbers"),
        (lambda c: np.where(np.arange(512)[:, None] == 77, np.nan, c), "the code of image 77 is NaN or infinite"),
        (lambda c: np.where(np.arange(512)[:, None] >= 300, -np.inf, c), "the code of image 300 is NaN or infinite"),
        (lambda c: c.astype(np.float64) * 1e200, r"the code of image 0 is beyond ±1e\+15; scale the codes"),
        (lambda c: np.zeros((512, 20_001), np.int8), "at most 20000 numbers per image.*got 20001; give fewer"),
    ],
)
def test_what_are_no_codes_of_the_data_set_is_refused(spoil, said, codes, score_external, monkeypatch):
    monkeypatch.setattr(external, "_BLOCK_VALUES", 300)
    saved(spoil(codes))
    with pytest.raises(UserError, match=said) as caught:
        score_external("mig", codes=MINE)
    one_sentence(caught)
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    ("change", "left_out"),
    [
        (lambda c: c[:, :1], {"dci", "med"}),
        (lambda c: np.hstack([c, np.full((512, 1), 3.0)]), set()),
        (lambda c: np.full((512, 2), 3.0), set()),
        (lambda c: np.rint(4 * c).astype(np.int64), set()),
    ],
    ids=["one column", "one constant column", "constant columns", "integers"],
)
@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_odd_codes_are_scored_by_every_metric_that_can(change, left_out, codes, score_external, capsys, monkeypatch):
    monkeypatch.setattr(metrics, "installed", lambda: KINDS)
    found = score_external("all", codes=saved(change(codes)))
    said = [line.split(":")[1].strip() for line in capsys.readouterr().err.splitlines()]
    assert set(said) == {*left_out, "reconstruction_error"}
    assert len(found) + len(said) == len(KINDS)


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ({"codes": Path("none.npy")}, r"--codes: there is no file 'none.npy'"),
        ({"codes": Path("codes.txt")}, r"--codes must be a .npy, .npz"),
        ({"codes": MINE, "dataset": "dumy_data"}, "no data set is called 'dumy_data'; did you mean dummy_data"),
        ({"codes": MINE, "dataset": None}, "does not say which images it is for; name the data set by --dataset"),
        ({"codes": MINE, "saved_model": Path("m")}, "give one of --codes, --saved_model and --model_dir"),
        ({"codes": MINE, "model_dir": Path("m")}, "give one of --codes, --saved_model and --model_dir"),
        ({"saved_model": Path("m")}, "m is no SavedModel: it must be a folder with saved_model.pb"),
        ({"saved_model": Path("m"), "codes_key": "a"}, "--codes_key names an array of a --codes file"),
        ({"dataset": "dummy_data"}, "--dataset goes with --codes or --saved_model"),
        ({"dataset": None, "training_seed": 0}, "--training_seed goes with --codes or --saved_model"),
        ({"codes": MINE, "name": "a/b"}, "--name must be a name for a folder: .*; got 'a/b'"),
        ({"codes": MINE, "name": ".."}, r"--name must be a name for a folder: .*; got '\.\.'"),
        ({"codes": MINE, "name": "a\x1b[31m"}, "--name must be a name for a folder"),
        ({"codes": MINE, "name": "a" * 256}, "--name must be a name for a folder"),
        ({"codes": MINE, "training_seed": -1}, "--training_seed must be an integer >= 0; got -1"),
        ({"codes": MINE, "output_dir": Path("trained")}, "trained is a run of dlib_bvae_train; choose another"),
    ],
)
def test_flags_that_do_not_fit_are_one_sentence(flags, said, codes, score_external):
    saved(codes)
    Path("codes.txt").touch()
    Path("trained/train").mkdir(parents=True)
    with pytest.raises(UserError, match=said) as caught:
        score_external("mig", **flags)
    one_sentence(caught)
    assert not Path("runs").exists()


def test_bindings_choose_and_shape_the_data_set(codes, score_external):
    saved(codes[: 512 // 8 * 2].copy())
    bindings = ("subset.data = 'dummy_data'", "subset.values = {'row': [2, 3]}")
    (found,) = score_external("mig", *bindings, codes=MINE, dataset="subset")
    assert found["num_images"] == 128
    with pytest.raises(UserError, match=r"codes was computed from another data set; choose another --name"):
        score_external("mig", bindings[0], "subset.values = {'row': [1, 2]}", codes=MINE, dataset="subset")
    assert (
        score_external("mig", *bindings, "dataset.name = @subset()", codes=MINE, dataset=None)[0]["uuid"]
        == found["uuid"]
    )


def test_held_out_combinations_are_scored_apart(codes, score_external):
    bindings = ("held_out.data = 'dummy_data'", "held_out.combinations = [{'row': [4, 5]}]")
    split = [
        score_external("mig", *bindings, f"evaluation.split = '{s}'", codes=saved(codes), dataset="held_out")
        for s in ("in", "out")
    ]
    assert [found["num_images"] for (found,) in split] == [384, 128]


def test_an_interrupted_writing_is_done_again(codes, score_external):
    (first,) = score_external("mig", codes=saved(codes))
    Path("runs/mine/codes/results/json/postprocess_results.json").unlink()
    assert score_external("mig", codes=MINE)[0]["discrete_mig"] == first["discrete_mig"]


def test_a_probe_of_a_grid_is_scored_and_tells_its_seed(codes, score_external):
    rows = Subsample(datasets.load("dummy_data"), 300, 7).rows
    bindings = ("probe.data = 'dummy_data'", "probe.images = 300", "probe.seed = 7")
    (found,) = score_external("mig", *bindings, codes=saved(codes[rows]), dataset="probe")
    assert found["num_images"] == 300
    assert found["discrete_mig"] > 0.3
    encoded = read_results(Path("runs/mine/codes"), "postprocess")
    assert encoded["dataset"] == "probe(dummy_data, 300 images, seed 7)"
    with pytest.raises(UserError, match="beta_vae compares images with chosen factors, so it needs one of every"):
        score_external("beta_vae", *bindings, codes=MINE, dataset="probe")


def test_the_origin_of_the_images_is_recorded(codes, score_external):
    score_external("mig", codes=saved(codes))
    assert read_results(Path("runs/mine/codes"), "postprocess")["origin"] == "rendered"
    frame, _ = collect(Path("runs"))
    assert frame["train_results.origin"].tolist() == ["rendered"]


def test_codes_of_the_images_in_a_file_of_rows(score_external, codes):
    rows = np.random.default_rng(0).permutation(512)[:200]
    np.save("rows.npy", rows)
    np.save("part.npy", codes[rows])
    probe = ["probe.data = 'dummy_data'", "probe.rows = 'rows.npy'"]
    (found,) = score_external("mig", *probe, codes=Path("part.npy"), dataset="probe")
    factors = datasets.load("dummy_data").factors_at(rows)
    expected = metrics.score("mig", factors=factors, codes=codes[rows], num_train=200)
    assert found["num_images"] == 200
    assert found["discrete_mig"] == pytest.approx(expected["discrete_mig"])
    with pytest.raises(UserError, match=r"codes must be numbers \(200, latents\)"):
        score_external("mig", *probe, codes=saved(codes), dataset="probe", name="whole")

"""zoo.py: a tiny model in a temporary zoo does what a run does; what is damaged is refused; committed ones score as recorded."""

import hashlib
import io
import json
import runpy
import shutil
from pathlib import Path

import numpy as np
import pytest
from support.tiny_runs import DATA, MIG, PICTURES, bound, command, done, snapshot, train

from dlib_bvae import datasets, models, runs
from dlib_bvae.artifacts import read_results
from dlib_bvae.errors import UnknownName, UserError
from dlib_bvae.models import zoo
from dlib_bvae.stages.inputs import trained_run

SCRIPT = runpy.run_path(str(Path(__file__).parents[2] / "benchmarks" / "zoo.py"))
VAE = [
    *DATA,
    "model.model = @vae()",
    "vae.beta = 4.0",
    "encoder.num_latent = 3",
    "model.batch_size = 16",
    "model.training_steps = 4",
]
COMMITTED = zoo.names()


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with a run, and a zoo with its model."""
    folder = tmp_path_factory.mktemp("zoo")
    train(folder / "run", *VAE)
    done("evaluate", folder / "run", "--metric=mig,active_units", "--null=2", *bound(*MIG))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DLIB_BVAE_CACHE_DIR", str(folder / "cache"))
        patch.setattr(zoo, "FOLDER", zoo.FOLDER)
        SCRIPT["make"](folder / "run", "tiny", folder / "zoo", 200)
    return folder


@pytest.fixture
def place(made, tmp_path, monkeypatch):
    """An empty working directory, where a copy of that zoo is in force."""
    shutil.copytree(made / "zoo", tmp_path / "zoo")
    monkeypatch.setattr(zoo, "FOLDER", tmp_path / "zoo")
    monkeypatch.setenv("DLIB_BVAE_CACHE_DIR", str(made / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def changed(entry, file, content):
    """Another content of a file, with its checksum in the card."""
    (entry / file).write_bytes(content)
    card = json.loads((entry / "card.json").read_text(encoding="utf-8"))
    card["files"][file] = hashlib.sha256(content).hexdigest()
    (entry / "card.json").write_text(json.dumps(card), encoding="utf-8")


def test_it_encodes_as_the_run_does_but_for_float16(made, place):
    data, run = datasets.load("dummy_data"), models.load(made / "run")
    images = data.observations_at(np.arange(200))
    expected, found = run.encode(images), models.load("zoo:tiny").encode(images)
    off = zoo.apart(expected, found)
    assert 0 < off < zoo.CODES_WITHIN["float32"]
    card = zoo.card("tiny")
    assert off == pytest.approx(card["float16"]["codes"], rel=0.5)  # of other images
    weights = np.load(place / "zoo" / "tiny" / "weights.npz", allow_pickle=False)
    assert {weights[key].dtype for key in weights.files} == {np.dtype(np.float16)}
    assert sum(weights[key].size for key in weights.files) == card["about"]["weights"]


def test_the_card_says_what_it_is(place):
    card = zoo.card("tiny")
    assert card["line"].startswith("β-VAE β = 4 · burgess on dummy_data, 4 steps of 16, seed 0, float32")
    about = card["about"]
    assert (about["dataset"], about["fingerprint"]) == ("dummy_data", datasets.load("dummy_data").fingerprint)
    assert (about["steps"], about["seed"], about["precision"]) == (4, 0, "float32")
    assert about["package_version"]
    assert card["citation"].startswith("@software{dlib_bvae")
    rows = {row["metric"]: row for row in card["scores"]}
    assert set(rows) == {"mig", "active_units"}
    assert rows["mig"]["null"]["discrete_mig"]["n"] == 2
    assert "mig.num_train = 100" in rows["mig"]["bindings"]


def test_every_command_of_a_run_takes_it_and_leaves_the_cache_as_it_is(made, place):
    cached = trained_run(Path("zoo:tiny"))
    before = snapshot(cached)
    done("postprocess", "zoo:tiny")
    assert "discrete_mig" in done("evaluate", "--model=zoo:tiny", "--metric=mig", *bound(*MIG))
    done("visualize", "--model=zoo:tiny", *bound(*PICTURES))
    assert (place / "runs" / "zoo_tiny" / "visualize" / "index.html").is_file()
    done("evaluate", "--model_dir=zoo:tiny", "--metric=mig", "--output_dir=elsewhere", *bound(*MIG))
    assert (place / "elsewhere" / "mean").is_dir()
    assert snapshot(cached) == before
    assert not any((made / "cache" / "zoo").glob("*.part"))
    frame = runs.table(place / "runs")
    assert list(frame["dataset"].unique()) == ["dummy_data"]


def test_the_doors_take_it(place):
    (row,) = [each for each in zoo.card("tiny")["scores"] if each["metric"] == "mig"]
    scores = runs.evaluate("zoo:tiny", "mig", bindings=MIG)
    assert scores["discrete_mig"] == pytest.approx(row["float16"]["discrete_mig"], abs=1e-6)
    assert (place / "runs" / "zoo_tiny" / "mean").is_dir()
    run = runs.Run("zoo:tiny")
    assert run.results["zoo"] == "tiny"
    before = snapshot(run.directory)
    assert runs.evaluate(run, "mig", bindings=MIG) == scores
    assert snapshot(run.directory) == before
    assert run.model().num_latent == 3


def test_it_gives_its_codes_and_scores_again(place):
    assert built_alike("tiny") < 1e-4
    again(place, "tiny")


def test_two_versions_of_a_model_do_not_share_codes(place):
    first = trained_run(Path("zoo:tiny"))
    entry = place / "zoo" / "tiny"
    weights = dict(np.load(entry / "weights.npz", allow_pickle=False))
    weights[next(iter(weights))] *= 2
    file = io.BytesIO()
    np.savez_compressed(file, **weights)
    changed(entry, "weights.npz", file.getvalue())
    second = trained_run(Path("zoo:tiny"))
    results = [read_results(each / "train", "train") for each in (first, second)]
    assert results[0]["uuid"] != results[1]["uuid"]
    assert results[0]["identity"] != results[1]["identity"]


def test_the_list_has_a_line_of_each(place, monkeypatch):
    assert done("list", "zoo").strip() == f"tiny  {zoo.card('tiny')['line']}"
    monkeypatch.setattr(zoo, "FOLDER", place / "none")
    assert done("list", "zoo").strip() == "the zoo of this installation is empty"
    found = command("visualize", "--model=zoo:tiny")
    assert (found.code, len(found.err.splitlines())) == (2, 1)
    assert "the zoo of this installation is empty" in found.err


def test_a_mistyped_name_has_the_near_ones(place):
    for call in (lambda: models.load("zoo:tinny"), lambda: runs.evaluate("zoo:tinny", "mig")):
        with pytest.raises(UnknownName, match="no model of the zoo is called 'tinny'; did you mean tiny"):
            call()


@pytest.mark.parametrize("file", ["weights.npz", "train.gin"])
def test_a_file_of_another_checksum_is_refused_also_where_it_was_used_before(file, place):
    models.load("zoo:tiny")
    path = place / "zoo" / "tiny" / file
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(
        UserError, match=f"{file} is damaged: its SHA-256 is not that of the card; install dlib_bvae again"
    ):
        models.load("zoo:tiny")
    path.unlink()
    with pytest.raises(UserError, match=f"{file} is damaged"):
        models.load("zoo:tiny")


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"name": 1}'])
def test_a_damaged_card_is_refused(text, place):
    (place / "zoo" / "tiny" / "card.json").write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match="card.json is damaged"):
        models.load("zoo:tiny")


def test_nothing_is_unpickled_or_imported_and_weights_of_another_network_are_refused(place):
    entry = place / "zoo" / "tiny"
    weights = dict(np.load(entry / "weights.npz", allow_pickle=False))
    for others, words in [
        ({key: value.astype(object) for key, value in weights.items()}, "weights.npz is damaged"),
        ({key: value[..., :1] for key, value in weights.items()}, "of another network than this version"),
        ({**weights, "more": np.zeros(1)}, "more differs"),
    ]:
        file = io.BytesIO()
        np.savez_compressed(file, **others)
        changed(entry, "weights.npz", file.getvalue())
        with pytest.raises(UserError, match=words):
            models.load("zoo:tiny")
    changed(entry, "train.gin", b"import antigravity\n" + (entry / "train.gin").read_bytes())
    with pytest.raises(UserError, match="made of this package's parts only"):
        models.load("zoo:tiny")


def test_what_the_script_does_not_take(made, place, monkeypatch):
    make = SCRIPT["make"]
    with pytest.raises(UserError, match="--name must be of small letters"):
        make(made / "run", "../tiny", place / "zoo")
    monkeypatch.setattr(zoo, "LARGEST", 1000)
    with pytest.raises(UserError, match="MiB of weights, more than"):
        make(made / "run", "other", place / "zoo", 20)
    monkeypatch.setitem(zoo.CODES_WITHIN, "float32", 1e-9)
    with pytest.raises(UserError, match="of their root mean square, more"):
        make(made / "run", "other", place / "zoo", 20)
    assert zoo.names() == ["tiny"]
    network = zoo.network_of(
        (place / "zoo" / "tiny" / "train.gin").read_text(encoding="utf-8"), "train.gin", (16, 16, 1)
    )
    network.variables[0].assign(network.variables[0] * 0 + 1e6)
    with pytest.raises(UserError, match="which float16 does not have"):
        zoo.weights_of(network)
    assert SCRIPT["different"]({"a": 0.5, "b": None}, {"a": 0.53, "b": None}).startswith("a 0.53 instead")
    assert SCRIPT["different"]({"a": 50.0}, {"a": 50.4}) == ""


def built_alike(name):
    """How far the codes of noise are here from those where the entry was made."""
    card = zoo.card(name)
    expected = np.array(card["float16"]["codes_of_noise"], np.float32)
    return zoo.apart(expected, models.load(f"zoo:{name}").encode(zoo.noise_images(card["observation_shape"])))


def again(place, name):
    """Every score of a card, computed again by the model of the zoo, is that of the float32 weights within SCORES_WITHIN."""
    for row in zoo.card(name)["scores"]:
        found = SCRIPT["scored_again"](name, row, place / "again")
        assert SCRIPT["different"](row["scores"], found) == "", row["metric"]


@pytest.mark.parametrize("name", COMMITTED)
def test_a_committed_model_is_whole(name, tmp_path, monkeypatch):
    monkeypatch.setenv("DLIB_BVAE_CACHE_DIR", str(tmp_path))
    card = zoo.card(name)
    assert (zoo.FOLDER / name / zoo.WEIGHTS).stat().st_size <= zoo.LARGEST
    assert card["name"] == name
    assert card["scores"]
    within = zoo.CODES_WITHIN[card["about"]["precision"]]
    assert card["float16"]["codes"] <= within
    assert not str(card["about"]["git_commit"]).endswith("-dirty")
    for row in card["scores"]:
        assert SCRIPT["different"](row["scores"], row["float16"]) == "", row["metric"]
    assert built_alike(name) <= within


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMITTED)
def test_a_committed_model_gives_its_scores_again(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    again(tmp_path, name)

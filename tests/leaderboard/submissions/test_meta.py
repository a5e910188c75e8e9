"""meta.py and schema.py: what a submission may say, refused in one sentence."""

import json

import pytest

from dlib_bvae.errors import UserError
from dlib_bvae.leaderboard.submissions import Claim, read, schema

CLAIM = {"metric": "mig", "metric_seed": 0, "scores": {"discrete_mig": 0.5}}
ENTRY = {
    "dataset": "dummy_data",
    "fingerprint": "f",
    "probe": {"images": 100, "seed": 0},
    "training_seed": 1,
    "codes": "codes.npy",
    "sha256": "0" * 64,
    "claims": [CLAIM],
}
META = {"name": "mine", "method": "PCA", "supervision": "none", "entries": [ENTRY]}


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "mine"
    place.mkdir()
    (place / "codes.npy").write_bytes(b"")
    return place


def write(folder, meta):
    (folder / "meta.json").write_text(meta if isinstance(meta, str) else json.dumps(meta))
    return folder


def test_what_meta_says(folder):
    found = read(write(folder, META))
    assert (found.name, found.method, found.supervision, found.paper) == ("mine", "PCA", "none", None)
    (entry,) = found.entries
    assert (entry.dataset, entry.probe, entry.training_seed) == ("dummy_data", (100, 0), 1)
    assert entry.codes == folder / "codes.npy"
    assert entry.claims == (Claim("mig", 0, {"discrete_mig": 0.5}, {}),)
    assert entry.retrain is None


def test_the_whole_grid_and_a_gin_file(folder):
    (folder / "train.gin").write_text("")
    retrain = {"gin_config": "train.gin", "tolerance": 0.1}
    (entry,) = read(write(folder, {**META, "entries": [{**ENTRY, "probe": None, "retrain": retrain}]})).entries
    assert entry.probe is None
    assert entry.retrain.gin_config == folder / "train.gin"


def test_parameters_may_be_anything_that_json_has(folder):
    claim = {**CLAIM, "parameters": {"on": True, "factors": ["shape", None], "deep": {"x": [1.5]}}}
    (entry,) = read(write(folder, {**META, "entries": [{**ENTRY, "claims": [claim]}]})).entries
    assert entry.claims[0].parameters == claim["parameters"]


def entry(**changed):
    return {"entries": [{**ENTRY, **changed}]}


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"extra": 1}, "no entry of .*meta.json is called 'extra'"),
        ({"name": "other"}, "the name 'other' must be that of its folder, 'mine'"),
        ({"name": "../x"}, "meta.json.name must match"),
        ({"supervision": "some"}, "supervision must be one of none, pairs, labels, factors; got 'some'"),
        ({"method": ""}, "method must not be empty"),
        ({"entries": []}, "entries must not be empty"),
        ({"entries": [ENTRY, ENTRY]}, "two entries for dummy_data and training seed 1"),
        (entry(sha256="xyz"), r"entries\[0\].sha256 must match"),
        (entry(training_seed=-1), "training_seed must be >= 0; got -1"),
        (entry(training_seed=True), "training_seed must be of type integer; got True"),
        (entry(probe={"images": 100}), r"entries\[0\].probe lacks seed"),
        (entry(codes="../codes.npy"), "codes must be a file in the submission's folder"),
        (entry(codes="/etc/passwd"), "codes must be a file in the submission's folder"),
        (entry(codes="no.npy"), "there is no file .*no.npy"),
        (entry(claims=[{**CLAIM, "scores": {}}]), r"claims\[0\].scores must not be empty"),
        (entry(claims=[{**CLAIM, "scores": {"x": "high"}}]), "scores.x must be of type number; got 'high'"),
        (entry(retrain={"gin_config": "no.gin", "tolerance": 0.1}), "there is no file .*no.gin"),
    ],
)
def test_what_is_refused(folder, changed, told):
    with pytest.raises(UserError, match=told) as caught:
        read(write(folder, {**META, **changed}))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["{", "[1]", json.dumps({"name": "mine"}), json.dumps(META).replace("0.5", "NaN")])
def test_damaged_files_are_refused(folder, text):
    with pytest.raises(UserError, match="meta.json"):
        read(write(folder, text))


def test_a_folder_without_meta_is_no_submission(tmp_path):
    with pytest.raises(UserError, match="is no submission: it lacks meta.json"):
        read(tmp_path)


def test_a_link_out_of_the_folder_is_refused(folder, tmp_path):
    (tmp_path / "secret.npy").write_bytes(b"")
    (folder / "codes.npy").unlink()
    (folder / "codes.npy").symlink_to(tmp_path / "secret.npy")
    with pytest.raises(UserError, match="must be a file in the submission's folder"):
        read(write(folder, META))


def test_the_schema_is_one_and_accepts_what_read_accepts():
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed")
    jsonschema.Draft202012Validator.check_schema(schema())
    validator = jsonschema.Draft202012Validator(schema())
    assert validator.is_valid(META)
    for changed in (
        {"extra": 1},
        {"supervision": "some"},
        {"entries": []},
        entry(sha256="xyz"),
        entry(probe={"images": 1}),
    ):
        assert not validator.is_valid({**META, **changed})

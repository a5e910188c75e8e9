"""submission.py: what a submission may say and what codes keep to, refused in one sentence."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest

from dlib_bvae import datasets
from dlib_bvae.errors import UserError
from dlib_bvae.leaderboard.submissions import Claim, duplicates, exact_factors, read, schema, unequal_duplicate

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
    (place / "circle.npy").symlink_to("circle.npy")
    (place / "loop").symlink_to("loop")
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
    retrain = {"gin_config": "train.gin"}
    (entry,) = read(write(folder, {**META, "entries": [{**ENTRY, "probe": None, "retrain": retrain}]})).entries
    assert entry.probe is None
    assert entry.retrain.gin_config == folder / "train.gin"


def test_parameters_may_be_anything_that_json_has(folder):
    claim = {**CLAIM, "parameters": {"on": True, "factors": ["shape", None], "deep": {"x": [1.5]}}}
    (entry,) = read(write(folder, {**META, "entries": [{**ENTRY, "claims": [claim]}]})).entries
    assert entry.claims[0].parameters == claim["parameters"]


def test_several_configurations_of_one_data_set_are_rows_of_their_own(folder):
    both = [{**ENTRY, "configuration": name} for name in ("β-VAE β = 4 · conv", "PCA")]
    found = read(write(folder, {**META, "entries": both}))
    assert [found.row_name(each) for each in found.entries] == ["mine β-VAE β = 4 · conv", "mine PCA"]
    assert [each.place for each in found.entries] == [
        "dummy_data-β-VAE β = 4 · conv-seed1-probe0",
        "dummy_data-PCA-seed1-probe0",
    ]
    with pytest.raises(UserError, match="two entries for dummy_data, PCA and training seed 1; give each once"):
        read(write(folder, {**META, "entries": [both[1], both[1]]}))


def entry(**changed):
    return {"entries": [{**ENTRY, **changed}]}


@pytest.mark.parametrize(
    ("changed", "said"),
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
        (entry(training_seed=2**31), "training_seed must be <= 2147483647; got 2147483648"),
        (entry(training_seed=10**400), "training_seed must be of type integer"),
        *(
            (entry(configuration=name), r"configuration must (match|not be empty)")
            for name in ("", "a/b", "..", "\u202ex", "x" * 65, " a")
        ),
        (entry(claims=[{**CLAIM, "metric_seed": 2**32}]), "metric_seed must be <= 4294967295"),
        (entry(claims=[{**CLAIM, "scores": {"x": 10**400}}]), "scores.x must be of type number"),
        (entry(retrain={"gin_config": "codes.npy", "seed": 1}), "no entry of .*retrain is called 'seed'"),
        (entry(training_seed=True), "training_seed must be of type integer; got True"),
        (entry(probe={"images": 100}), r"entries\[0\].probe lacks seed"),
        (entry(codes="../codes.npy"), "codes must be a file in the submission's folder"),
        (entry(codes="/etc/passwd"), "codes must be a file in the submission's folder"),
        (entry(codes="a\0.npy"), r"codes cannot be found: ValueError; got 'a\\x00.npy'"),
        (entry(codes="\ud800.npy"), "meta.json cannot be read: .* surrogates not allowed"),
        ({"method": "\ud800"}, "meta.json cannot be read: .* surrogates not allowed"),
        ({"method": 10**400}, r"method must be of type string; got 1[0]{99}$"),
        (entry(codes="loop/codes.npy"), "codes cannot be found: Too many levels|codes"),
        (entry(codes="a" * 300), "codes cannot be found: File name too long"),
        (entry(codes="circle.npy"), "codes"),
        (entry(sha256="0" * 64 + "\n"), r"sha256 must match"),
        (entry(codes="no.npy"), "there is no file .*no.npy"),
        (entry(claims=[{**CLAIM, "scores": {}}]), r"claims\[0\].scores must not be empty"),
        (entry(claims=[{**CLAIM, "scores": {"x": "high"}}]), "scores.x must be of type number; got 'high'"),
        (entry(retrain={"gin_config": "no.gin"}), "there is no file .*no.gin"),
    ],
)
def test_what_is_refused(folder, changed, said):
    with pytest.raises(UserError, match=said) as caught:
        read(write(folder, {**META, **changed}))
    assert "\n" not in str(caught.value)


DAMAGED = {
    "open": "{",
    "a list": "[1]",
    "little": json.dumps({"name": "mine"}),
    "NaN": json.dumps(META).replace("0.5", "NaN"),
    "a seed of 5,000 digits": json.dumps(META).replace('"training_seed": 1', f'"training_seed": {"1" * 5000}'),
    "nested deeply": json.dumps({**META, "entries": "x"}).replace('"x"', "[" * 100_000),
}


@pytest.mark.parametrize("kind", [*DAMAGED, "a pipe", "a folder", "a circle of links"])
def test_damaged_files_are_refused(folder, kind):
    if kind in DAMAGED:
        write(folder, DAMAGED[kind])
    elif kind == "a pipe":
        os.mkfifo(folder / "meta.json")
    elif kind == "a folder":
        (folder / "meta.json").mkdir()
    else:
        (folder / "meta.json").symlink_to("meta.json")
    with pytest.raises(UserError, match="meta.json") as caught:
        read(folder)
    assert "\n" not in str(caught.value)


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


RNG = np.random.default_rng(0)
FACTORS = datasets.load("dummy_data").factors_at(np.arange(512))


class Twice(datasets.ImageData):
    """Ten images, of which 3 and 7, and 1, 2 and 9 are the same."""

    num_images, observation_shape, max_pixel = 10, (2, 2, 1), 255

    def images_at(self, indices):
        known = {7: 3, 2: 1, 9: 1}
        values = np.array([known.get(int(index), int(index)) for index in indices], np.uint8)
        return np.broadcast_to(values[:, None, None, None], (len(values), 2, 2, 1))

    fingerprint = "twice"


def test_the_same_images_are_found():
    assert sorted(rows.tolist() for rows in duplicates(Twice())) == [[1, 2, 9], [3, 7]]


def test_codes_of_one_image_must_be_equal():
    groups = duplicates(Twice())
    codes = RNG.normal(size=(10, 3))
    codes[[2, 9]], codes[7] = codes[1], codes[3]
    assert unequal_duplicate(codes, groups) is None
    assert unequal_duplicate(codes + 1e-6 * RNG.normal(size=codes.shape), groups) is None
    codes[9, 1] += 0.1
    assert unequal_duplicate(codes, groups) == (1, 9)
    assert unequal_duplicate(np.arange(10.0)[:, None], groups) == (1, 2)  # a code of the row's number


@pytest.mark.parametrize("mixed", [False, True])
def test_factors_themselves_are_seen(mixed):
    codes = FACTORS.astype(float)
    if mixed:
        codes = codes @ RNG.normal(size=(4, 6)) + 3
    assert exact_factors(codes, FACTORS) == [0, 1, 2, 3]


def test_a_factor_under_other_names_is_seen():
    codes = RNG.normal(size=(512, 2))
    codes[:, 0] = RNG.permutation(8)[FACTORS[:, 2]] ** 2
    assert exact_factors(codes, FACTORS) == [2]


def test_codes_of_images_are_not_suspected():
    pixels = datasets.load("dummy_data").images_at(np.arange(512)).reshape(512, -1).astype(float)
    centred = pixels - pixels.mean(axis=0)
    codes = centred @ np.linalg.svd(centred, full_matrices=False)[2][:10].T
    assert exact_factors(codes, FACTORS) == []
    assert exact_factors(FACTORS + 0.05 * RNG.normal(size=FACTORS.shape), FACTORS) == []
    assert exact_factors(np.zeros((512, 3)), FACTORS) == []


def test_factors_with_one_value_and_too_many_codes_do_not_count():
    assert exact_factors(RNG.normal(size=(512, 500)), FACTORS) == []
    assert exact_factors(np.ones((512, 1)), np.zeros((512, 1), int)) == []

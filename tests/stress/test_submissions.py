"""Submissions that were crafted to mislead, to run code, to read other files or to take everything: each is one sentence.

Nothing of a refused one is in the tables. Those that are unusual and right are verified.
"""

import hashlib
import io
import json
import os
from pathlib import Path

import numpy as np
import pytest
from support.crafted import BAD_CODES
from support.mutations import bounded
from support.submissions import IMAGES, PARAMETERS, claim, noisy, table_of
from support.tiny_runs import VAE

from dlib_bvae import metrics
from dlib_bvae.analysis.frame import collect
from dlib_bvae.datasets.derived.subsets import Subsample
from dlib_bvae.errors import UserError
from dlib_bvae.leaderboard.submissions import verify

DIGITS = int("9" * 401)
RAN = "ran"  # a file that gin files here would make if they were executed
EVIL = f"import os\nos.mkdir.path = '{RAN}'\n"


def of_entry(**values):
    return lambda meta: meta["entries"][0].update(values)


def of_claim(**values):
    return lambda meta: meta["entries"][0]["claims"][0].update(values)


def of_meta(**values):
    return lambda meta: meta.update(values)


def again(**values):
    return lambda meta: meta["entries"].append({**meta["entries"][0], **values})


# What is changed in meta.json.
META = {
    **{
        f"a training seed {kind}": of_entry(training_seed=value)
        for kind, value in {
            "of 401 digits": DIGITS,
            "below 0": -1,
            "of 1.5": 1.5,
            "of text": "0",
            "true": True,
            "null": None,
            "2**64": 2**64,
        }.items()
    },
    **{
        f"a metric seed {kind}": of_claim(metric_seed=value)
        for kind, value in {
            "of 401 digits": DIGITS,
            "below 0": -1,
            "of 1.5": 1.5,
            "of text": "x",
            "2**32": 2**32,
        }.items()
    },
    **{
        f"a probe of {images} images": of_entry(probe={"images": images, "seed": 5})
        for images in (0, -1, 10**12, DIGITS, 1.5)
    },
    **{f"a probe's seed {seed}": of_entry(probe={"images": IMAGES, "seed": seed}) for seed in (-1, 2**70, "x")},
    **{
        f"a claim of {value}": of_claim(scores={"discrete_mig": value})
        for value in (-5.0, 2.0, 1e308, DIGITS, None, "1", True, [1])
    },
    "a claim of an unknown score": of_claim(scores={"no": 0.5}),
    "a claim without a score": of_claim(scores={}),
    "a claim of NaN": lambda meta: meta["entries"][0]["claims"][0]["scores"].update(discrete_mig=float("nan")),
    "an unknown metric": of_claim(metric="../mig"),
    **{
        f"num_train {value!r:.20}": of_claim(parameters={"num_train": value})
        for value in (10**12, DIGITS, -1, "@os.abort()", [1], None)
    },
    "num_bins 10**9": of_claim(parameters={"num_train": 200, "num_bins": 10**9}),
    "a parameter of another configurable": of_claim(parameters={"num_train = 1\nmig.num_train": 5}),
    **{
        f"codes at {path!r:.30}": of_entry(codes=path)
        for path in (
            "/etc/passwd",
            "../other.npy",
            "",
            ".",
            "none.npy",
            "a\0.npy",
            "x" * 5000,
            "\u202eypn.sedoc",
            "loop.npy",
            "away.npy",
            "/dev/zero",
        )
    },
    "another checksum": of_entry(sha256="0" * 64),
    "another fingerprint": of_entry(fingerprint="0" * 16),
    **{
        f"data set {name!r:.30}": of_entry(dataset=name)
        for name in ("from_file", "image_folder", "no", "", "a\0", "\u202e", "../x")
    },
    "two entries of one seed": again(),
    "equal codes of two seeds": again(training_seed=1),
    "no entries": of_meta(entries=[]),
    **{f"name {name!r:.30}": of_meta(name=name) for name in ("..", "other", "a\0", "\u202e", "x" * 300, "a/b", "", 1)},
    "another supervision": of_meta(supervision="all"),
    "a field too many": of_meta(more=1),
    "nested": of_meta(method=[[[[1]]]]),
}
# What a gin file says: none is trained.
GIN = {
    **{
        f"import by {text!r}": text
        for text in (
            "import os",
            "from os import path",
            "import  os as model",
            "from __gin__ import dynamic_registration\nimport os\nos.mkdir.path='ran'",
        )
    },
    **{
        f"include by {text!r:.60}": text
        for text in (
            "include 'extra.gin'",
            'include "extra.gin"',
            "include r'extra.gin'",
            "include u'extra.gin'",
            "include'extra.gin'",
            "include \\\n 'extra.gin'",
            "include 'ex' 'tra.gin'",
            r"include '\x65xtra.gin'",
            r"include '\u0065xtra.gin'",
            "include '''extra.gin'''",
            "include 'gin/../extra.gin'",
            r"include 'gin/\x2e\x2e/extra.gin'",
            "include './extra.gin'",
            "include '/etc/passwd'",
            "include 'gin/extra.gin'",
            "  include 'extra.gin'",
            "include\t'extra.gin'",
            "include 'circle.gin'",
            "include '/dev/zero'",
            "include b'extra.gin'",
        )
    },
    **{
        f"binding {text!r:.60}": text
        for text in (
            "image_folder.path = '/home'",
            "from_file.path = '/etc/passwd'",
            "dataset.name = 'from_file'",
            "model.initial_weights = '/home'",
            "x/dataset.name = 'from_file'",
            "keras_encoder.path = 'x'",
            "image_quality.extractor = @inception()",
            "PATH = '/home'\nimage_folder.path = %PATH",
            "model.model = @os.system()",
            "model.model = %none",
            "A = %B\nB = %A\nmodel.model = %A",
            "ensemble.seeds = [1, 2]",
            "model.training_steps = 1000000000",
            "model.training_steps = 1e400",
            "model.batch_size = 2147483648",
            "encoder.num_latent = 1000000000",
            "model.training_steps = -1",
            "dataset.name = %dataset",
            "((((",
            "'''",
            "\0",
            "vae.beta = 'a\u2028vae.beta = 3'",
            "feed.path = 'x'",
            "model.callbacks = [@os.abort]",
            "postprocess.representation_fn = @os.abort",
            "[" * 3000,
        )
    },
}
HARMLESS = (  # is trained: by the verifier's seed, in a folder of the verifier's
    f"model.random_seed = {'9' * 401}",
    "model.name = '../../x'",
    "vae.beta = 4 # \u2028import os",
)
SOUND = (
    "\n".join([*VAE, "model.checkpoint_every = 10", "model.log_every = 10"]) + "\n"
)  # within the bounds of submissions
TOLERANCES = (1e9, 1, 0.5, -1, "x", None, DIGITS)


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A sound submission, in the working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DLIB_BVAE_CACHE_DIR", str(tmp_path / "cache"))
    folder = tmp_path / "submissions" / "mine"
    (folder / "gin").mkdir(parents=True)
    probe = Subsample("dummy_data", IMAGES, 5)
    np.save(folder / "codes.npy", noisy(probe))
    np.save(folder.parent / "other.npy", noisy(probe))
    for name in ("extra.gin", "gin/extra.gin"):
        (folder / name).write_text(EVIL)
    (folder / "circle.gin").write_text("include 'circle.gin'\n")
    (folder / "loop.npy").symlink_to("loop.npy")
    (folder / "away.npy").symlink_to("../other.npy")
    score = metrics.score("mig", probe, noisy(probe), 3, **PARAMETERS)["discrete_mig"]
    entry = {
        **{"dataset": "dummy_data", "fingerprint": probe.fingerprint, "probe": {"images": IMAGES, "seed": 5}},
        **{"training_seed": 0, "codes": "codes.npy", "claims": [claim("mig", {"discrete_mig": score}, PARAMETERS)]},
    }
    put(folder, {"name": "mine", "method": "noisy", "supervision": "none", "entries": [entry]})
    monkeypatch.chdir(folder)  # where a submission would have its files found first
    return folder


def put(folder, meta):
    digest = hashlib.sha256((folder / "codes.npy").read_bytes()).hexdigest()
    for entry in meta["entries"]:
        entry.setdefault("sha256", digest)
    (folder / "meta.json").write_text(json.dumps(meta), encoding="utf-8")


def refused(folder, results=None):
    """What was refused by one sentence and left nothing, or what is wrong. results: also train again, by the spread in these."""
    try:
        with bounded():
            verify.run(folder, Path("verified"), retrain=results is not None, results=results)
    except UserError as error:
        said = str(error)
        wrong = [] if said and "\n" not in said and len(said) < 1_500 else [f"not one sentence: {said[:300]!r}"]
    except BaseException as error:
        wrong = [f"{type(error).__name__}: {error}"[:300]]
    else:
        wrong = ["it was verified"]
    wrong += ["rows are left"] if list(Path("verified").rglob("*.json")) else []
    wrong += ["it ran a command"] if Path(RAN).exists() else []
    return "; ".join(wrong) or "refused"


@pytest.mark.slow
def test_crafted_codes(place, tally):
    counts, codes = tally("submissions with crafted codes", "refused"), np.load("codes.npy")[:, :3]
    meta = json.loads(Path("meta.json").read_text())
    for kind, (make, _) in BAD_CODES.items():
        content = make(codes)
        Path("codes.npy").write_bytes(content)
        meta["entries"][0]["sha256"] = hashlib.sha256(content).hexdigest()
        Path("meta.json").write_text(json.dumps(meta))
        counts.add(refused(place), kind)


@pytest.mark.slow
def test_crafted_descriptions(place, tally):
    counts, text = tally("submissions with a crafted meta.json", "refused"), Path("meta.json").read_text()
    for kind, change in META.items():
        meta = json.loads(text)
        change(meta)
        Path("meta.json").write_text(json.dumps(meta))
        counts.add(refused(place), kind)
    for content in (
        b"",
        b"\xff",
        b"[]",
        b"[" * 100_000,
        b'{"name": "mine"}',
        text.encode()[:-3],
        b"9" * 5000,
        b"\xef\xbb\xbf{}",
    ):
        Path("meta.json").write_bytes(content)
        counts.add(refused(place), content[:20])
    Path("meta.json").unlink()
    counts.add(refused(place), "no meta.json")
    os.mkfifo("meta.json")
    counts.add(refused(place), "a pipe")


@pytest.mark.slow
def test_crafted_gin_files(place, tally):
    counts, meta = tally("submissions with a crafted gin file", "refused"), json.loads(Path("meta.json").read_text())
    meta["entries"][0]["retrain"] = {"gin_config": "model.gin"}
    Path("meta.json").write_text(json.dumps(meta))
    Path("model.gin").write_text(SOUND)
    verify.run(place, Path("sound"), null=0)
    frame, _ = collect(Path("sound"))
    results = [table_of(frame, {name: np.linspace(0, 1, 12) for name in "ab"}, Path("board"))]
    for kind, text in GIN.items():
        Path("model.gin").write_text(f"{SOUND}{text}\n", encoding="utf-8")
        counts.add(refused(place, results), kind)
    for text in ("", *HARMLESS):
        Path("model.gin").write_text(f"{SOUND}{text}\n", encoding="utf-8")
        verify.run(place, Path("sound"), retrain=True, null=0, results=results)
        assert collect(Path("sound"))[0]["evidence"].tolist() == ["retrained"]
        assert not Path(RAN).exists()


@pytest.mark.slow
def test_tolerances_of_earlier_versions_allow_nothing(place, tally):
    counts, text = (
        tally("submissions with a tolerance of earlier versions", "recomputed"),
        Path("meta.json").read_text(),
    )
    Path("model.gin").write_text(f"{SOUND}")
    for tolerance in TOLERANCES:
        meta = json.loads(text)
        meta["entries"][0]["retrain"] = {"gin_config": "model.gin", "tolerance": tolerance}
        Path("meta.json").write_text(json.dumps(meta))
        try:
            verify.run(place, Path("verified"), retrain=True, null=0)
            counts.add(", ".join(collect(Path("verified"))[0]["evidence"]), tolerance)
        except UserError as error:
            counts.add(str(error), tolerance)


@pytest.mark.slow
def test_unusual_codes_that_are_sound(place, tally):
    counts, codes = tally("submissions with unusual codes", "verified"), np.load("codes.npy")
    meta = json.loads(Path("meta.json").read_text())
    for change in (
        np.asfortranarray,
        lambda c: c.astype(">f8"),
        lambda c: c.astype(np.float64),
        lambda c: c.astype("f2").astype("f8"),
    ):
        file = io.BytesIO()
        np.save(file, change(codes))
        Path("codes.npy").write_bytes(file.getvalue())
        meta["entries"][0]["sha256"] = hashlib.sha256(file.getvalue()).hexdigest()
        Path("meta.json").write_text(json.dumps(meta))
        try:
            verify.run(place, Path("verified"), tolerance=0.05)
            counts.add("verified", "codes")
        except UserError as error:
            counts.add(str(error), "codes")

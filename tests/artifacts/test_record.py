"""record.py: what a stage writes comes back, whole or not at all."""

import contextlib
import errno
import json
import os
import signal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import results as results_of

from dlib_bvae.artifacts import Identity, record
from dlib_bvae.errors import UserError
from dlib_bvae.runtime import interruptible


def write(directory, stage="train", earlier=None, config=None, inputs=None, sources=None, bound=(), **results):
    fields = {"inputs": inputs or {}, "sources": sources or {}, "bound": bound}
    return results_of.write(
        directory, stage, {"elapsed_time": 1.5, **results}, config or {"vae.beta": 4.0}, earlier, **fields
    )


def hidden(directory):
    return [path for path in directory.rglob("*") if path.name.startswith(".")]


def test_a_file_is_written_and_replaced(tmp_path):
    record.write_atomic(tmp_path / "new" / "a.txt", "β")
    record.write_atomic(tmp_path / "new" / "a.txt", b"\x00bytes")
    assert (tmp_path / "new" / "a.txt").read_bytes() == b"\x00bytes"
    assert hidden(tmp_path) == []


def test_a_failed_rename_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "a.txt"
    record.write_atomic(path, "old")

    def fail(*_):
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(UserError, match="cannot write .*: broken; choose another place"):
        record.write_atomic(path, "new")
    assert [each.name for each in tmp_path.iterdir()] == ["a.txt"]
    assert path.read_text() == "old"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("function", ["fsync", "replace"])
def test_a_full_disk_is_one_sentence_and_leaves_the_old_file(tmp_path, monkeypatch, function, number):
    path = tmp_path / "a.txt"
    record.write_atomic(path, "old")

    def full(*_):
        raise OSError(number, "No space left on device")

    monkeypatch.setattr(os, function, full)
    with pytest.raises(UserError, match=r"a\.txt: the disk is full; free space and run the same command again"):
        record.write_atomic(path, "new")
    assert path.read_text() == "old"
    assert hidden(tmp_path) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_really_full_device_is_told(tmp_path, monkeypatch):
    path = tmp_path / "a.txt"
    (tmp_path / f".a.txt.{os.getpid()}").symlink_to("/dev/full")
    with pytest.raises(UserError, match="the disk is full"):
        record.write_atomic(path, "new")
    assert list(tmp_path.iterdir()) == []
    assert Path("/dev/full").exists()


def test_a_stage_comes_back(tmp_path):
    written = write(
        tmp_path,
        loss=np.float32(0.5),
        steps=np.int64(3),
        per_factor=np.array([1.0, 2.0]),
        ok=np.bool_(True),
        where=Path("a/b"),
        sizes={10: {"mean": (1, 2)}},
        none=None,
    )
    assert record.read_results(tmp_path, "train") == written
    assert record.read_config(tmp_path, "train") == {"vae.beta": 4.0}
    assert len(written.pop("uuid")) == 36
    assert written.pop("identity") == record.read_identity(tmp_path, "train").digest
    assert written == {
        "elapsed_time": 1.5,
        "loss": 0.5,
        "steps": 3,
        "per_factor": [1.0, 2.0],
        "ok": True,
        "where": "a/b",
        "sizes": {"10": {"mean": [1, 2]}},
        "none": None,
    }
    files = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file())
    assert files == [
        "results/aggregate/train.json",
        "results/gin/train.gin",
        "results/json/train_config.json",
        "results/json/train_identity.json",
        "results/json/train_results.json",
    ]
    assert (tmp_path / "results/gin/train.gin").read_text() == "vae.beta = 4.0\n"


def test_each_result_has_its_own_uuid(tmp_path):
    assert write(tmp_path / "a")["uuid"] != write(tmp_path / "b")["uuid"]


def test_the_aggregate_has_every_earlier_stage(tmp_path):
    train = write(tmp_path / "train", loss=2.0)
    mean = write(tmp_path / "mean", "postprocess", tmp_path / "train", {"postprocess.random_seed": 0}, num_images=9)
    last = write(tmp_path / "m", "evaluation", tmp_path / "mean", {"n": 1}, parameters={"a": {"b": [1, 2]}}, score=0.5)
    assert json.loads((tmp_path / "m/results/aggregate/evaluation.json").read_text()) == {
        "train_config.vae.beta": 4.0,
        "train_results.elapsed_time": 1.5,
        "train_results.loss": 2.0,
        "train_results.uuid": train["uuid"],
        "train_results.identity": train["identity"],
        "train_identity.seeds": [],
        "postprocess_config.postprocess.random_seed": 0,
        "postprocess_results.elapsed_time": 1.5,
        "postprocess_results.num_images": 9,
        "postprocess_results.uuid": mean["uuid"],
        "postprocess_results.identity": mean["identity"],
        "postprocess_identity.seeds": ["postprocess.random_seed"],
        "evaluation_config.n": 1,
        "evaluation_results.elapsed_time": 1.5,
        "evaluation_results.parameters.a.b": [1, 2],
        "evaluation_results.score": 0.5,
        "evaluation_results.uuid": last["uuid"],
        "evaluation_results.identity": last["identity"],
        "evaluation_identity.seeds": [],
    }


def test_an_earlier_stage_without_results_is_refused(tmp_path):
    with pytest.raises(UserError, match="has no results of the stage before"):
        write(tmp_path / "mean", "postprocess", tmp_path / "train")
    assert not record.is_done(tmp_path / "mean", "postprocess")


@pytest.mark.parametrize("value", [float("nan"), float("-inf"), np.float32("nan")])
def test_a_result_that_is_no_number_is_refused_by_name(tmp_path, value):
    with pytest.raises(UserError, match=r"train_results\.scores\[1\]\.x is (nan|-inf)"):
        write(tmp_path, scores=[0, {"x": value}])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("value", [b"bytes", {1, 2}, 1j, object(), {(1, 2): 3}])
def test_what_json_cannot_hold_is_a_type_error_with_the_key(tmp_path, value):
    with pytest.raises(TypeError, match=r"train_results\.odd"):
        write(tmp_path, odd=value)
    assert list(tmp_path.iterdir()) == []


def test_keys_that_become_one_are_refused(tmp_path):
    with pytest.raises(TypeError, match="the same as text"):
        write(tmp_path, sizes={1: 0, "1": 0})
    with pytest.raises(ValueError, match=r"'train_results\.a\.b'"):
        write(tmp_path, **{"a": {"b": 1}, "a.b": 2})


def test_the_seconds_are_not_optional(tmp_path):
    with pytest.raises(ValueError, match="lack elapsed_time"):
        record.write_stage(tmp_path, Identity("train", 1, {}), results={}, gin_text="", earlier=None)


def test_the_results_file_comes_last(tmp_path, monkeypatch):
    order = []
    replace = os.replace
    monkeypatch.setattr(os, "replace", lambda part, path: (order.append(path.name), replace(part, path)))
    write(tmp_path)
    assert order == ["train.gin", "train_config.json", "train.json", "train_identity.json", "train_results.json"]


@pytest.mark.parametrize(
    "failing", ["train.gin", "train_config.json", "train.json", "train_identity.json", "train_results.json"]
)
def test_a_redone_stage_that_is_interrupted_is_not_done(tmp_path, monkeypatch, failing):
    write(tmp_path)
    replace = os.replace

    def interrupted(part, path):
        if path.name == failing:
            raise KeyboardInterrupt
        replace(part, path)

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path, config={"vae.beta": 8.0})
    assert not record.is_done(tmp_path, "train")
    assert hidden(tmp_path) == []


def test_a_full_disk_keeps_the_results_that_were_to_be_replaced(tmp_path, monkeypatch):
    old = write(tmp_path)
    calls = []

    def full(_):
        calls.append(1)
        if len(calls) == 5:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UserError, match=r"train_results\.json: the disk is full"):
        write(tmp_path, config={"vae.beta": 8.0})
    assert record.read_results(tmp_path, "train") == old
    assert record.read_config(tmp_path, "train") == {"vae.beta": 4.0}
    assert hidden(tmp_path) == []


@pytest.mark.parametrize(
    ("stage", "command"),
    [("train", "dlib_bvae_train"), ("evaluation", "dlib_bvae_evaluate"), ("paint", "the stage paint")],
)
def test_missing_results_name_the_command(tmp_path, stage, command):
    with pytest.raises(UserError, match=f"{stage}_results.json; run {command} first"):
        record.read_results(tmp_path, stage)


@pytest.mark.parametrize("content", [b'{"loss": 0.', b"", b"\xff\xfe", b"[1, 2]"])
def test_damaged_results_name_the_file_and_the_remedy(tmp_path, content):
    write(tmp_path)
    path = tmp_path / "results/json/train_results.json"
    path.write_bytes(content)
    with pytest.raises(
        UserError, match=r"train_results\.json is damaged .*; run dlib_bvae_train again with --overwrite"
    ):
        record.read_results(tmp_path, "train")


def test_an_identity_comes_back(tmp_path):
    config = {"vae.beta": 4.0, "model.random_seed": 3, "model.name": "x"}
    inputs, sources = {"data": "f"}, {"trained": "u"}
    write(tmp_path, config=config, inputs=inputs, sources=sources, bound=("vae.beta",))
    read = record.read_identity(tmp_path, "train")
    assert read == results_of.identity("train", config, inputs=inputs, sources=sources, bound=("vae.beta",))
    assert read.recorded == {"model.name": "x"}


def test_a_damaged_identity_names_what_it_lacks(tmp_path):
    write(tmp_path)
    path = tmp_path / "results/json/train_identity.json"
    path.write_text('{"stage": "train", "version": 1}')
    with pytest.raises(
        UserError, match=r"train_identity\.json is damaged \(it lacks 'parameters'\); run dlib_bvae_train"
    ):
        record.read_identity(tmp_path, "train")


@pytest.mark.parametrize("name", ["stage", "version", "parameters", "recorded", "sources", "seeds", "bound"])
def test_an_identity_with_an_entry_of_another_type_is_damaged(tmp_path, name):
    write(tmp_path)
    path = tmp_path / "results/json/train_identity.json"
    whole = json.loads(path.read_text())
    for entry in (None, 1.5, [1], [[]]):
        path.write_text(json.dumps({**whole, name: entry}))
        with pytest.raises(UserError, match=r"train_identity\.json is damaged \(it lacks .*\); run dlib_bvae_train"):
            record.read_identity(tmp_path, "train")


def test_text_that_is_no_unicode_is_damage(tmp_path):
    write(tmp_path)
    path = tmp_path / "results/json/train_identity.json"
    path.write_text(path.read_text().replace('"parameters": {', '"parameters": {"model.x": "\\uD800",'))
    with pytest.raises(UserError, match=r"train_identity\.json is damaged \(a name or text in it is no Unicode\)"):
        record.read_identity(tmp_path, "train")


def test_the_identity_of_an_earlier_version_is_read_from_its_other_files(tmp_path):
    config = {"fid.seed": 1, "vae.beta": 4.0, "N": 2}
    facts = {"fingerprint": "f", "trained": "u", "codes_key": "z", "training_seed": 5}
    write(tmp_path, "postprocess", config=config, **facts)
    write(
        tmp_path,
        "evaluation",
        config={"mig.num_train": 9},
        metric="mig",
        metric_parameters={"run_set": "r"},
        encoded="e",
    )
    for stage in ("postprocess", "evaluation"):
        (tmp_path / f"results/json/{stage}_identity.json").unlink()
    read = record.read_identity(tmp_path, "postprocess")
    given = {"codes_key": "z", "training_seed": 5}
    assert {**read.parameters, **read.recorded} == {"frechet_curve.seed": 1, "vae.beta": 4.0, **given}
    assert (read.version, read.inputs, read.sources) == (1, {"data": "f"}, {"trained": "u"})
    read = record.read_identity(tmp_path, "evaluation")
    assert read.parameters == {"mig.num_train": 9, "metric": "mig", "run_set": "r"}
    assert (read.inputs, read.sources) == ({}, {"encoded": "e"})


scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
leaves = scalars | st.lists(scalars, max_size=3)
names = st.text(st.characters(exclude_characters=".", codec="utf-8"), min_size=1, max_size=4)


@given(
    st.dictionaries(names, st.recursive(leaves, lambda inner: st.dictionaries(names, inner, min_size=1, max_size=3)))
)
def test_flattening_loses_nothing(nested):
    rebuilt = {}
    for name, value in record.flatten(nested, "stem").items():
        stem, *path, last = name.split(".")
        assert stem == "stem"
        assert not isinstance(value, dict)
        inner = rebuilt
        for part in path:
            inner = inner.setdefault(part, {})
        inner[last] = value
    assert rebuilt == nested


def test_a_file_in_the_place_of_a_folder_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("x", encoding="utf-8")
    for call in (
        lambda place: record.write_atomic(place / "a.txt", "text"),
        record.make_directory,
        record.check_writable,
    ):
        with pytest.raises(
            UserError, match=r"^cannot write .*file.*: (Not a directory|File exists); choose another place"
        ):
            call(tmp_path / "file")
        with pytest.raises(UserError, match=r"^cannot write .*below.*: Not a directory; choose another place"):
            call(tmp_path / "file" / "below")
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a folder that takes no file, even of root")
def test_a_folder_that_takes_no_file_is_one_sentence():
    with pytest.raises(
        UserError, match=r"^cannot write /proc/x/a\.txt: No such file or directory; choose another place"
    ):
        record.write_atomic(Path("/proc/x/a.txt"), "text")


def test_whether_a_folder_can_be_written_is_seen_without_making_it(tmp_path, monkeypatch):
    record.check_writable(tmp_path / "new" / "folder")
    assert os.listdir(tmp_path) == []
    monkeypatch.setattr(record.os, "access", lambda *_: False)
    with pytest.raises(UserError, match="Permission denied"):
        record.check_writable(tmp_path / "new" / "folder")


def test_text_of_the_command_line_in_another_encoding_is_written_as_it_was_typed(tmp_path):
    record.write_atomic(tmp_path / "a.txt", os.fsdecode("größe".encode()) + b"\xff".decode("utf-8", "surrogateescape"))
    assert (tmp_path / "a.txt").read_bytes() == "größe".encode() + b"\xff"


def test_after_an_interrupt_that_was_swallowed_nothing_is_recorded(tmp_path):
    with contextlib.suppress(KeyboardInterrupt), interruptible():
        with contextlib.suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            write(tmp_path)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("content", ["{}", '{"uuid": 1, "elapsed_time": 1}', '{"uuid": "a", "elapsed_time": "long"}'])
def test_results_without_what_every_stage_writes_are_damaged(tmp_path, content):
    write(tmp_path)
    (tmp_path / "results/json/train_results.json").write_text(content)
    with pytest.raises(UserError, match=r"train_results\.json is damaged \(it lacks (uuid|elapsed_time)"):
        record.read_results(tmp_path, "train")


def test_what_may_not_be_read_is_not_called_damaged(tmp_path, monkeypatch):
    write(tmp_path)

    def refuse(*_, **__):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(Path, "read_text", refuse)
    with pytest.raises(UserError, match=r"cannot be read \(Permission denied\); see who may read it$"):
        record.read_results(tmp_path, "train")


def test_a_pipe_in_the_place_of_results_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.json")
    with pytest.raises(UserError, match=r"a\.json is no regular file; remove it and run dlib_bvae_train again"):
        record.read_json(tmp_path / "a.json", "train")

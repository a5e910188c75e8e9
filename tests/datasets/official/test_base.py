"""base.py: official files become rows in the cache once, checked, continued, never half."""

import errno
import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from support import writers

from dlib_bvae import datasets
from dlib_bvae.datasets import cache
from dlib_bvae.datasets.official import base
from dlib_bvae.datasets.official.base import OfficialData
from dlib_bvae.datasets.official.cars3d import Cars3D
from dlib_bvae.errors import UserError

CHECKED = [
    writers.tiny_dsprites,
    writers.tiny_shapes3d,
    writers.tiny_mpi3d,
    writers.tiny_cars3d,
    writers.tiny_smallnorb,
    writers.tiny_cifar,
    writers.tiny_celeba,
]
SETS = [*CHECKED, writers.tiny_mpi3d_complex, writers.tiny_chairs]
OFFICIAL = [
    name
    for name in datasets.names()
    if isinstance(datasets.DATASETS.get(name), type) and issubclass(datasets.DATASETS.get(name), OfficialData)
]


def in_cache(folder):
    """What lies in the cache besides locks."""
    cache = folder / "cache"
    return sorted(path.suffix for path in cache.iterdir() if path.suffix != ".lock") if cache.exists() else []


def refused(data, folder, *words):
    """The one sentence; nothing is left behind."""
    with pytest.raises(UserError) as caught:
        data.images_at([0])
    text = str(caught.value)
    assert "\n" not in text
    for word in words:
        assert word in text, text
    assert in_cache(folder) == []


@pytest.mark.parametrize("write", SETS)
def test_every_image_is_the_file_s(write, tmp_path):
    data, images = write(tmp_path)
    assert data.num_images == len(images)
    np.testing.assert_array_equal(data.images_at(np.arange(len(images))), images)
    assert data.images_at([3, 1, 3]).dtype == np.uint8
    assert data.images_at([]).shape == (0, *data.observation_shape)
    assert data.observations_at([0]).max() <= 1
    assert isinstance(data.rows.base, np.memmap)
    assert in_cache(tmp_path) == [".json", ".npy"]


@pytest.mark.parametrize("name", OFFICIAL)
def test_a_set_costs_nothing_before_its_first_image(name, tmp_path, monkeypatch):
    monkeypatch.setenv("DLIB_BVAE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("DLIB_BVAE_CACHE_DIR", str(tmp_path / "cache"))
    data = datasets.load(name)
    assert data.name == name
    assert data.num_images > 1000
    assert not list(tmp_path.iterdir())
    with pytest.raises(UserError) as caught:
        data.images_at([0])
    text = str(caught.value)
    for word in (data.source.files[0].name, str(tmp_path / "data"), data.source.page, "DLIB_BVAE_DATA_DIR"):
        assert word in text
    assert (f"`dlib_bvae_data download {name}`" in text) == bool(data.source.files[0].urls)
    assert not list(tmp_path.iterdir())


def test_nothing_is_converted_where_there_is_no_room(tmp_path, monkeypatch):
    data, _ = writers.tiny_mpi3d(tmp_path)
    monkeypatch.setattr(type(data), "read", lambda *given: pytest.fail("there is no room"))
    monkeypatch.setattr(cache, "_free", lambda folder: 100)
    refused(data, tmp_path, "No space left on device (", "MiB needed, 0.0 MiB free); free some space or set DLIB_BVAE")


@pytest.mark.parametrize("write", SETS)
def test_the_files_are_not_needed_again(write, tmp_path):
    data, images = write(tmp_path)
    print_ = data.fingerprint
    data.images_at([0])
    for path in tmp_path.iterdir():
        if path.is_file():
            path.unlink()
    again = type(data)(tmp_path, tmp_path / "cache")
    np.testing.assert_array_equal(again.images_at([3]), images[3:4])
    assert again.fingerprint == print_ == data.fingerprint


def test_the_fingerprint_is_of_the_checksum_and_needs_no_file(tmp_path):
    data, _ = writers.tiny_mpi3d(tmp_path)
    print_ = data.fingerprint
    assert in_cache(tmp_path) == []
    other = type("Other", (type(data),), {"reader_version": 2})(tmp_path, tmp_path / "cache")
    assert other.fingerprint != print_
    (tmp_path / "mpi3d_toy.npz").unlink()
    assert data.fingerprint == print_
    assert int(print_, 16) >= 0


def test_without_a_checksum_the_fingerprint_is_of_the_pixels(tmp_path):
    prints = set()
    for k in range(2):
        folder = tmp_path / str(k)
        folder.mkdir()
        data, images = writers.tiny_mpi3d_complex(folder)
        np.savez(folder / data.source.files[0].name, images=images + np.uint8(k))
        prints.add(data.fingerprint)
    assert len(prints) == 2


@pytest.mark.parametrize("write", CHECKED)
def test_a_file_with_another_checksum_is_refused(write, tmp_path):
    data, _ = write(tmp_path)
    path = tmp_path / data.source.files[0].name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    refused(data, tmp_path, path.name, "checksum is", "delete it and get it again")


def test_a_file_of_another_size_is_refused_before_its_checksum(tmp_path):
    data, _ = writers.tiny_shapes3d(tmp_path)
    official = datasets.load("shapes3d")
    data = type(official)(tmp_path, tmp_path / "cache")
    refused(data, tmp_path, "bytes instead of 267,573,662")


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(errno.ENOSPC, "full"), RuntimeError("broken")])
def test_an_interrupt_is_continued_and_an_error_cleaned_up(error, tmp_path, monkeypatch):
    data, images = writers.tiny_mpi3d(tmp_path)
    monkeypatch.setattr(base, "_BYTES_BETWEEN_NOTES", 5 * 64 * 64 * 3)
    asked = []

    def read(self, place, first):
        asked.append(first)
        for start in range(first, len(images), 5):
            if start >= 20 and len(asked) == 1:
                raise error
            yield images[start : start + 5]

    monkeypatch.setattr(type(data), "read", read)
    expected = UserError if isinstance(error, OSError) else type(error)
    with pytest.raises(expected):
        data.images_at([0])
    assert in_cache(tmp_path) == ([".part", ".progress"] if isinstance(error, KeyboardInterrupt) else [])
    np.testing.assert_array_equal(data.images_at(np.arange(48)), images)
    assert asked == [0, 20 if isinstance(error, KeyboardInterrupt) else 0]
    assert in_cache(tmp_path) == [".json", ".npy"]


def test_a_conversion_of_another_file_is_not_continued(tmp_path, monkeypatch):
    data, images = writers.tiny_mpi3d_complex(tmp_path)
    monkeypatch.setattr(base, "_BYTES_BETWEEN_NOTES", 1)
    path = tmp_path / data.source.files[0].name

    def interrupted(self, place, first):
        yield images[:7]
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(type(data), "read", interrupted)
        with pytest.raises(KeyboardInterrupt):
            data.images_at([0])
    assert in_cache(tmp_path) == [".part", ".progress"]
    np.savez_compressed(path, images=255 - images)
    np.testing.assert_array_equal(data.images_at(np.arange(48)), 255 - images)


@pytest.mark.parametrize("note", ["", "{", "[]", '{"rows": 99, "origin": {}}', '{"rows": "x"}'])
def test_a_damaged_note_starts_anew(note, tmp_path):
    data, images = writers.tiny_mpi3d(tmp_path)
    part = data.cache_path.with_suffix(".part")
    part.parent.mkdir()
    part.write_bytes(b"x" * 2_000_000)
    part.with_suffix(".progress").write_text(note)
    np.testing.assert_array_equal(data.images_at(np.arange(48)), images)


KILLED = """
import os, signal, sys
from pathlib import Path
import numpy as np
from dlib_bvae.datasets.official import base

base._BYTES_BETWEEN_NOTES = 1000
rows = np.arange(8000, dtype=np.int64).astype(np.uint8).reshape(1000, 8)

def blocks(first):
    print(first)
    for start in range(first, 1000, 50):
        if start >= 600 and first == 0:
            sys.stdout.flush()
            os.kill(os.getpid(), signal.SIGKILL)
        yield rows[start : start + 50]

got = base.open_or_convert(Path(sys.argv[1]), (1000, 8), blocks, {"a": [1, "b"]})
assert np.array_equal(got, rows)
"""


def test_a_killed_conversion_continues(tmp_path):
    path = tmp_path / "rows.npy"
    runs = [
        subprocess.run([sys.executable, "-c", KILLED, str(path)], capture_output=True, text=True, check=False)
        for _ in range(2)
    ]
    assert [run.returncode for run in runs] == [-signal.SIGKILL, 0], runs[1].stderr
    assert runs[0].stdout == "0\n"
    assert 450 <= int(runs[1].stdout) <= 600
    assert json.loads(path.with_suffix(".json").read_text())["origin"] == {"a": [1, "b"]}
    assert sorted(each.suffix for each in tmp_path.iterdir()) == [".json", ".lock", ".npy"]


TWO = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from support import writers

folder = Path(sys.argv[1])
data = writers.tiny(writers.MPI3DToy, folder, (3, 2, 1, 2, 1, 2, 2))
read = data.read
def noted(place, first):
    print("reading", flush=True)
    yield from read(place, first)
data.read = noted
print("ready", flush=True)
sys.stdin.readline()
assert data.images_at([47]).shape == (1, 64, 64, 3)
"""


def test_two_processes_convert_once(tmp_path):
    writers.tiny_mpi3d(tmp_path)
    command = [sys.executable, "-c", TWO, str(tmp_path), str(Path(writers.__file__).parents[1])]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    processes = [subprocess.Popen(command, **pipes) for _ in range(2)]
    try:
        assert [process.stdout.readline() for process in processes] == ["ready\n"] * 2
        for process in processes:
            process.stdin.write("go\n")
            process.stdin.flush()
        outputs = [process.communicate(timeout=60)[0] for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait()
    assert sorted(outputs) == ["", "reading\n"]
    assert [process.returncode for process in processes] == [0, 0]


def test_every_official_set_has_its_gin_file():
    folder = Path(datasets.__file__).parents[2] / "gin" / "datasets"
    for name in OFFICIAL:
        assert f'dataset.name = "{name}"' in (folder / f"{name}.gin").read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize(
    "block", [np.zeros((2, 8), np.int8), np.zeros((2, 9), np.uint8), np.zeros((99, 8), np.uint8), None]
)
def test_rows_that_do_not_fit_are_an_error(block, tmp_path):
    blocks = iter([] if block is None else [block])
    with pytest.raises(ValueError, match="does not fit|0 rows were read instead of 5"):
        base.open_or_convert(tmp_path / "rows.npy", (5, 8), lambda first: blocks, {})
    assert [path.suffix for path in tmp_path.iterdir()] == [".lock"]


def test_an_unverified_folder_gives_way_to_the_official_file(tmp_path, monkeypatch):
    data, images = writers.tiny_mpi3d(tmp_path)
    files = data.source.files
    source = type(data.source)(data.source.page, data.source.licence, files, "extracted")
    monkeypatch.setattr(type(data), "source", source)
    monkeypatch.setattr(type(data), "read", lambda self, place, first: iter([images[first:]]))
    hidden = (tmp_path / files[0].name).rename(tmp_path / "hidden")
    official = data.fingerprint
    (tmp_path / "extracted").mkdir()
    assert data.fingerprint != official
    assert "unverified" in data.cache_path.name
    assert json.loads(data.cache_path.with_suffix(".json").read_text())["origin"]["verified"] is False
    hidden.rename(tmp_path / files[0].name)
    again = type(data)(tmp_path, tmp_path / "cache")
    assert again.fingerprint == official
    assert "unverified" not in again.cache_path.name


class MyCars(Cars3D):
    """A plug-in that reads the official files as the base class does, and says so."""

    origin = OfficialData.origin


def test_a_plug_in_may_be_official_where_the_checksums_are(tmp_path):
    data, _ = writers.tiny_cars3d(tmp_path)
    source, sizes = data.source, data.factor_sizes
    folder, cache = tmp_path, tmp_path / "cache"
    official = type("Mine", (MyCars,), {"source": source, "factor_sizes": sizes})
    assert (official(folder, cache).verified, official(folder, cache).origin) == (True, "official")
    unchecked = writers.tiny(MyCars, folder, sizes, checksum=None)
    assert (unchecked.verified, unchecked.origin) == (False, "external")
    silent = type("Mine", (Cars3D,), {"source": source, "factor_sizes": sizes})
    assert (silent(folder, cache).verified, silent(folder, cache).origin) == (True, "external")

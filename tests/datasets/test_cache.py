"""cache.py: rows written once by one process, whole or not at all; damage is found; checksums are remembered."""

import errno
import os
import subprocess
import sys

import numpy as np
import pytest

from dlib_bvae.artifacts import file_lock
from dlib_bvae.datasets import cache
from dlib_bvae.errors import UserError

SHAPE = (1000, 8)
ROWS = np.random.default_rng(1).integers(256, size=SHAPE).astype(np.uint8)
CHECKED = np.random.default_rng(0).integers(SHAPE[0], size=64)


def blocks():
    yield from np.split(ROWS, 10)


def row(index):
    return ROWS[index]


def open_cache(path, blocks=blocks):
    return cache.open_or_write(path, SHAPE, blocks, row)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "cache" / "rows-1.npy"


@pytest.fixture
def written(path):
    open_cache(path)
    return path


def change(path, place, value):
    """Overwrites one byte of row data: place = (row, column)."""
    with path.open("r+b") as file:
        file.seek(path.stat().st_size - ROWS.size + place[0] * SHAPE[1] + place[1])
        file.write(bytes([value]))


def left(path):
    """What lies in the cache besides the lock."""
    return sorted(each.name for each in path.parent.iterdir() if each.suffix != ".lock")


def test_the_rows_are_those_written(path):
    rows = open_cache(path)
    assert isinstance(rows, np.memmap)
    assert np.array_equal(rows, ROWS)
    assert left(path) == ["rows-1.json", "rows-1.npy"]
    cache.verify(path)


def test_the_second_opening_writes_nothing(written):
    def refuse():
        raise AssertionError("written again")

    assert np.array_equal(open_cache(written, refuse), ROWS)


def test_the_rows_cannot_be_written(written):
    with pytest.raises(ValueError, match="read-only"):
        open_cache(written)[0] = 0


@pytest.mark.parametrize("size", [0, 5, 100, -1])
def test_a_truncated_file_is_told(written, size):
    content = written.read_bytes()
    written.write_bytes(content[:size])
    with pytest.raises(UserError, match=r"rows-1\.npy is damaged: it is truncated or no \.npy file; delete it"):
        open_cache(written)


@pytest.mark.parametrize(
    "array", [ROWS.astype(np.int8), ROWS[:999], ROWS.reshape(500, 16), ROWS.astype(np.float64), ROWS[0]]
)
def test_another_type_or_shape_is_told(written, array):
    np.save(written, array)
    with pytest.raises(UserError, match=r"it holds .* instead of uint8 \(1000, 8\); delete it"):
        open_cache(written)


def test_a_pickle_is_not_loaded(written):
    np.save(written, np.array([{}], object))
    with pytest.raises(UserError, match="is damaged"):
        open_cache(written)


@pytest.mark.parametrize(
    "header", [b"{'descr': (", b"{'descr': '|u1', 'fortran_order': False, 'shape': (1,\n", b"(" * 90]
)
def test_a_header_that_is_no_python_is_told(written, header):
    content = bytearray(written.read_bytes())
    content[10:128] = header.ljust(118)
    written.write_bytes(content)
    with pytest.raises(UserError, match="it is truncated or no .npy file; delete it"):
        open_cache(written)
    with pytest.raises(ValueError):
        cache.mapped(written)


def test_a_changed_byte_in_a_checked_row_is_told(written):
    index = int(CHECKED[5])
    change(written, (index, 3), ROWS[index, 3] ^ 1)
    with pytest.raises(UserError, match=f"row {index} is not what belongs there; delete it"):
        open_cache(written)


def test_a_tolerance_forgives_a_few_bytes_of_a_checked_row(written):
    index = int(CHECKED[0])
    change(written, (index, 3), ROWS[index, 3] ^ 1)
    cache.open_or_write(written, SHAPE, blocks, row, checked=1, tolerance=1 / 8)
    change(written, (index, 4), ROWS[index, 4] ^ 1)
    with pytest.raises(UserError, match=f"row {index} is not what belongs there; delete it"):
        cache.open_or_write(written, SHAPE, blocks, row, checked=1, tolerance=1 / 8)


def test_without_a_row_to_compare_every_byte_is_checked_at_opening(written):
    assert np.array_equal(cache.open_or_write(written, SHAPE, blocks), ROWS)
    index = next(index for index in range(SHAPE[0]) if index not in CHECKED)
    change(written, (index, 3), ROWS[index, 3] ^ 1)
    with pytest.raises(UserError, match=r"rows-1\.npy is damaged: its checksum differs; delete it"):
        cache.open_or_write(written, SHAPE, blocks)


def test_verify_finds_a_changed_byte_anywhere(written):
    index = next(index for index in range(SHAPE[0]) if index not in CHECKED)
    change(written, (index, 3), ROWS[index, 3] ^ 1)
    open_cache(written)
    with pytest.raises(UserError, match="is damaged: its checksum differs"):
        cache.verify(written)


@pytest.mark.parametrize(
    "content",
    [
        None,
        "",
        "{",
        "{}",
        "[]",
        "[" * 100_000,
    ],
)
def test_verify_without_a_description_is_told(written, content):
    description = written.with_suffix(".json")
    description.unlink() if content is None else description.write_text(content)
    with pytest.raises(UserError, match="its description is missing or damaged"):
        cache.verify(written)


def test_a_deleted_file_is_written_again(written):
    written.unlink()
    assert np.array_equal(open_cache(written), ROWS)
    cache.verify(written)


@pytest.mark.parametrize("error", [RuntimeError("broken"), KeyboardInterrupt()])
def test_an_interrupted_writing_leaves_nothing(path, error):
    def interrupted():
        yield ROWS[:100]
        raise error

    with pytest.raises(type(error)):
        open_cache(path, interrupted)
    assert left(path) == []
    assert np.array_equal(open_cache(path), ROWS)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("function", ["fsync", "replace"])
def test_a_full_disk_is_told_and_leaves_no_rows(path, monkeypatch, function, number):
    def full(*_):
        raise OSError(number, "full")

    with monkeypatch.context() as patch:
        patch.setattr(cache.os, function, full)
        with pytest.raises(
            UserError, match=r"cannot write rows-1\.npy into .*; it needs 0\.0 MiB, and .* free; free some space or set"
        ):
            open_cache(path)
    assert [name for name in left(path) if name != "rows-1.json"] == []
    assert np.array_equal(open_cache(path), ROWS)


def test_another_failure_is_not_called_a_full_disk(path, monkeypatch):
    def broken(*_):
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(cache.os, "fsync", broken)
    with pytest.raises(OSError, match="broken"):
        open_cache(path)
    assert left(path) == []


def test_a_part_of_a_killed_process_is_overwritten(path):
    path.parent.mkdir()
    path.with_suffix(".part").write_bytes(b"x" * 100_000)
    assert np.array_equal(open_cache(path), ROWS)
    assert left(path) == ["rows-1.json", "rows-1.npy"]


DRAW = """
import sys, time
from pathlib import Path
import numpy as np
from dlib_bvae.datasets import cache

rows = np.arange(800, dtype=np.int64).astype(np.uint8).reshape(100, 8)

def blocks():
    print("writing", flush=True)
    for block in np.split(rows, 10):
        time.sleep(0.1)
        yield block

print("ready", flush=True)
sys.stdin.readline()
got = cache.open_or_write(Path(sys.argv[1]), (100, 8), blocks, lambda index: rows[index])
assert np.array_equal(got, rows)
print("done", flush=True)
"""


def test_two_processes_on_a_cold_cache_write_once(path):
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", DRAW, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    try:
        for process in processes:
            assert process.stdout.readline() == "ready\n"
        outputs = []
        for process in processes:
            process.stdin.write("go\n")
            process.stdin.flush()
        for process in processes:
            outputs.append(process.communicate(timeout=30)[0])
    finally:
        for process in processes:
            process.kill()
            process.wait()
    assert sorted(outputs) == ["done\n", "writing\ndone\n"]
    assert left(path) == ["rows-1.json", "rows-1.npy"]


def test_a_checksum_is_remembered_until_the_file_changes(tmp_path, monkeypatch):
    monkeypatch.setenv("DLIB_BVAE_CACHE_DIR", str(tmp_path / "cache"))
    path = tmp_path / "file"
    path.write_bytes(b"content")
    first = cache.content_sha256([path])
    real = cache.sha256_of
    monkeypatch.setattr(cache, "sha256_of", lambda path: pytest.fail("read again"))
    assert cache.content_sha256([path]) == first
    monkeypatch.setattr(cache, "sha256_of", real)
    os.utime(path, ns=(1, 1))
    assert cache.content_sha256([path]) == first == real(path)


def test_what_killed_processes_left_is_removed_by_the_next_that_writes(path):
    path.parent.mkdir()
    for name in ("killed-1.part", "held-1.part", "held-1.lock", "continued-1.part", "continued-1.progress"):
        (path.parent / name).write_text("x")
    with (path.parent / "held-1.lock").open("ab") as lock:
        file_lock.lock(lock.fileno())
        open_cache(path)
    assert [name for name in left(path) if not name.startswith("rows")] == [
        "continued-1.part",
        "continued-1.progress",
        "held-1.part",
    ]


def test_what_is_there_is_read_without_a_lock(written):
    (written.parent / "rows-1.lock").unlink()
    open_cache(written)
    cache.once(written, "write it", cache.CACHE_VARIABLE, 1, lambda file: pytest.fail("it is there"))
    assert sorted(each.name for each in written.parent.iterdir()) == ["rows-1.json", "rows-1.npy"]


def test_no_byte_is_written_where_there_is_no_room(path, monkeypatch):
    monkeypatch.setattr(cache, "_free", lambda folder: 2**20)
    with pytest.raises(UserError) as refused:
        cache.once(path, "keep it", cache.CACHE_VARIABLE, 2**24, lambda file: pytest.fail("there is no room"))
    room = "No space left on device (16 MiB needed, 1.0 MiB free); "
    assert f"cannot keep it into {path.parent}: {room}free some space or set DLIB_BVAE_CACHE_DIR" in str(refused.value)
    assert left(path) == []


def test_a_cache_file_that_may_not_be_read_is_not_called_damaged(written, monkeypatch):
    def forbidden(*given, **more):
        raise PermissionError(errno.EACCES, "Permission denied", str(written))

    monkeypatch.setattr(cache, "mapped", forbidden)
    with pytest.raises(UserError) as refused:
        open_cache(written)
    assert str(refused.value) == f"{written} cannot be read (Permission denied); see who may read it"

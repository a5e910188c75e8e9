"""archives.py: members are read by name into memory; what an archive says of paths and links does nothing."""

import gzip
import io
import tarfile
import zipfile

import numpy as np
import pytest
from PIL import Image
from support import writers

from dlib_bvae.datasets.formats import archives
from dlib_bvae.datasets.formats.archives import decoded, open_files, read_pictures, resized, tar_members
from dlib_bvae.errors import UserError

MEMBERS = {"d/b": b"bb", "d/a": b"a", "../evil": b"e", "/evil": b"e", "./d/c": b"ccc", "other": b"o"}


def archive(path):
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
            for name, content in MEMBERS.items():
                file.writestr(name, content)
        return path
    with tarfile.open(path, "w:gz" if path.suffix == ".gz" else "w") as file:
        for name, content in MEMBERS.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            file.addfile(info, io.BytesIO(content))
        for name, kind in (("d/s", tarfile.SYMTYPE), ("d/h", tarfile.LNKTYPE), ("d/f", tarfile.FIFOTYPE)):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            file.addfile(info)
    return path


@pytest.mark.parametrize("name", ["x.tar", "x.zip"])
def test_files_are_found_by_pattern_and_sorted(name, tmp_path):
    folder = tmp_path / "inside"
    folder.mkdir()
    with open_files(archive(folder / name), r"d/\w", 3) as (names, content):
        assert names == ["d/a", "d/b", "d/c"]
        assert [content(each) for each in names] == [b"a", b"bb", b"ccc"]
    with open_files(folder / name, r".*", 3) as (names, content):
        assert len([content(each) for each in names]) == 6
    assert [path.name for path in tmp_path.rglob("*")] == ["inside", name]


def test_a_folder_reads_like_an_archive(tmp_path):
    (tmp_path / "d" / "e").mkdir(parents=True)
    (tmp_path / "d" / "b").write_bytes(b"bb")
    (tmp_path / "d" / "e" / "a").write_bytes(b"a")
    (tmp_path / "other").write_bytes(b"o")
    with open_files(tmp_path / "d", r"d/(e/)?\w", 3) as (names, content):
        assert names == ["d/b", "d/e/a"]
        assert content("d/e/a") == b"a"


@pytest.mark.parametrize("name", ["x.tar", "x.zip", "d"])
def test_a_file_that_is_too_large_is_refused(name, tmp_path):
    if name == "d":
        (tmp_path / "d").mkdir()
        (tmp_path / "d" / "c").write_bytes(b"ccc")
    else:
        archive(tmp_path / name)
    with (
        open_files(tmp_path / name, r"d/\w", 2) as (_, content),
        pytest.raises(UserError, match="3 bytes, expected at"),
    ):
        content("d/c")


def test_a_bomb_is_refused_by_its_size_and_not_unpacked(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("d/a", b"0" * 10_000_000)
    assert (tmp_path / "x.zip").stat().st_size < 20_000
    with (
        open_files(tmp_path / "x.zip", "d/a", 1000) as (_, content),
        pytest.raises(UserError, match="10,000,000 bytes"),
    ):
        content("d/a")


def test_two_members_of_one_name_are_refused(tmp_path):
    writers.tar_of(tmp_path / "x.tar", {"d/a": b"1", "./d/a": b"2"})
    with pytest.raises(UserError, match="two members of the same name"), open_files(tmp_path / "x.tar", "d/a", 9):
        pass


@pytest.mark.parametrize("name", ["x.tar", "x.tar.gz"])
def test_members_come_in_the_archive_s_order(name, tmp_path):
    members = tar_members(archive(tmp_path / name), lambda name: name.startswith("d/"), 3)
    assert list(members) == [("d/b", b"bb"), ("d/a", b"a"), ("d/c", b"ccc")]
    with pytest.raises(UserError, match="its member|its file"):
        list(tar_members(tmp_path / name, lambda name: True, 2))


def test_a_gzip_is_checked_before_its_first_member(tmp_path):
    path = archive(tmp_path / "x.tar.gz")
    content = bytearray(path.read_bytes())
    content[-8] ^= 1  # of the CRC-32
    path.write_bytes(content)
    with pytest.raises(gzip.BadGzipFile, match="CRC"):
        next(tar_members(path, lambda name: True, 100))


def png(value, size=(5, 4)):
    """A picture of one gray."""
    file = io.BytesIO()
    Image.new("L", size, value).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def pictures(tmp_path):
    """A zip with five pictures in another order than that of their names."""
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as file:
        for k in (3, 0, 4, 1, 2):
            file.writestr(f"d/{k}.png", png(10 * k))
    return tmp_path / "x.zip"


def mean_of(content):
    return decoded(content, (5, 4), "L")[:1, :1]


@pytest.mark.parametrize("first", [0, 1, 2, 4])
def test_pictures_come_by_name_in_blocks_from_any_row(pictures, monkeypatch, first):
    monkeypatch.setattr(archives, "_PICTURES", 2)
    blocks = list(read_pictures(pictures, r"d/\d\.png", 5, first, mean_of))
    assert [len(block) for block in blocks] == [2] * ((5 - first) // 2) + [1] * ((5 - first) % 2)
    assert np.concatenate(blocks).ravel().tolist() == [10 * k for k in range(first, 5)]


@pytest.mark.parametrize("number", [4, 6])
def test_another_number_of_pictures_is_refused(pictures, number):
    with pytest.raises(UserError, match=f"it has 5 pictures instead of {number}"):
        list(read_pictures(pictures, r"d/\d\.png", number, 0, mean_of))


def test_a_picture_is_decoded_at_its_size_and_mode_only():
    assert decoded(png(7), (5, 4), "L").tolist() == [[7] * 5] * 4
    assert decoded(png(7), (5, 4), "RGB").shape == (4, 5, 3)
    with pytest.raises(ValueError, match=r"a picture has \(5, 4\) pixels instead of \(4, 5\)"):
        decoded(png(7), (4, 5), "L")


def test_resized_is_pillows_lanczos():
    image = np.random.default_rng(0).integers(256, size=(90, 70, 3)).astype(np.uint8)
    assert np.array_equal(resized(image), np.asarray(Image.fromarray(image).resize((64, 64), Image.Resampling.LANCZOS)))
    assert resized(image[..., 0]).shape == (64, 64)

"""catalogue.py: what the command prints of data sets and their files."""

import pytest
from support import writers

from dlib_bvae import datasets
from dlib_bvae.datasets import catalogue
from dlib_bvae.datasets.official.mpi3d import MPI3DToy
from dlib_bvae.errors import UserError


@pytest.fixture(autouse=True)
def folders(tmp_path, monkeypatch):
    monkeypatch.setenv("DLIB_BVAE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("DLIB_BVAE_CACHE_DIR", str(tmp_path / "cache"))


@pytest.fixture
def given(monkeypatch):
    """Makes catalogue see one data set under every name."""
    return lambda data: monkeypatch.setattr(catalogue, "open_set", lambda name, data_dir: data)


def test_the_table_has_every_data_set_and_whether_it_is_here(capsys, tmp_path):
    catalogue.show_all()
    lines = capsys.readouterr().out.splitlines()
    rows = {cells[1].strip(): [cell.strip() for cell in cells] for line in lines if len(cells := line.split("│")) == 7}
    assert rows["mpi3d_real"][2:4] == ["1,036,800", "64×64×3"]
    assert rows["mpi3d_real"][5] == "no"
    assert rows["dummy_data"][4:6] == ["orientation 2, length 4, row 8, column 8", "needs no file"]
    assert rows["dsprites_rendered"][5] == "rendered at the first use"
    factors = " ".join(line.split("│")[4].strip() for line in lines if line.startswith("│"))
    assert "Attractive 2 (categorical), and 37 more (dlib_bvae_data info)" in factors
    assert "shape 3 (categorical), scale (continuous), orientation (cyclic), position_x (continuous)" in factors
    assert set(datasets.names()) <= set(rows)
    assert not (tmp_path / "cache").exists()
    catalogue.info("celeba_attributes")
    assert capsys.readouterr().out.count("(categorical)") == 40


def test_a_data_set_that_cannot_be_made_has_its_reason_in_the_table(capsys, monkeypatch):
    def refuse(name, data_dir):
        raise UserError(f"{name} needs something")

    monkeypatch.setattr(catalogue, "open_set", refuse)
    catalogue.show_all()
    assert "dummy_data needs something" in capsys.readouterr().out


def test_a_folder_given_is_where_official_files_are_looked_for(tmp_path):
    assert catalogue.open_set("mpi3d_toy", tmp_path / "x").folder == tmp_path / "x"
    assert catalogue.open_set("mpi3d_toy").folder == tmp_path / "data"
    assert catalogue.open_set("dummy_data", tmp_path / "x").num_images == 512


def test_info_follows_the_files(given, capsys, tmp_path):
    data, _ = writers.tiny_mpi3d_complex(tmp_path)
    given(data)
    catalogue.info("mpi3d_real_complex")
    before = capsys.readouterr().out
    assert "yes, unverified, converted at the first use" in before
    assert "fingerprint  of the pixels, when they are read" in before
    assert "no published checksum" in before
    assert "origin       external\n" in before
    assert "CC-BY 4.0" in before
    data.images_at([0])
    catalogue.info("mpi3d_real_complex")
    after = capsys.readouterr().out
    assert "yes, converted, unverified" in after
    assert data.fingerprint in after


def test_info_of_an_absent_set_names_its_source_and_fingerprint(capsys):
    catalogue.info("mpi3d_toy")
    message = capsys.readouterr().out
    for word in (
        "mpi3d_toy.npz, not in",
        "md5:55889cb7",
        "https://storage.googleapis.com",
        "vertical_axis 40",
        "64×64×3",
    ):
        assert word in message
    assert datasets.load("mpi3d_toy").fingerprint in message
    assert "origin       official\n" in message


def test_verify_reads_the_file_and_the_cache(given, capsys, tmp_path):
    data, _ = writers.tiny_mpi3d(tmp_path)
    given(data)
    catalogue.verify("mpi3d_toy")
    assert "as published (md5:" in capsys.readouterr().out
    data.images_at([0])
    (tmp_path / "mpi3d_toy.npz").unlink()
    catalogue.verify("mpi3d_toy")
    assert capsys.readouterr().out.endswith(".npy: as it was written (sha256)\n")
    content = bytearray(data.cache_path.read_bytes())
    content[-1] ^= 1
    data.cache_path.write_bytes(content)
    with pytest.raises(UserError, match="is damaged: its checksum differs; delete it, it will be written again"):
        catalogue.verify("mpi3d_toy")


def test_verify_tells_a_wrong_an_unpublished_and_an_absent_file(given, capsys, tmp_path):
    data, _ = writers.tiny_mpi3d_complex(tmp_path)
    given(data)
    catalogue.verify("mpi3d_real_complex")
    assert "no checksum is published; sha256 " in capsys.readouterr().out
    (tmp_path / "mpi3d_toy.npz").write_bytes(b"wrong")
    given(MPI3DToy(tmp_path))
    with pytest.raises(UserError, match=r"mpi3d_toy\.npz is not the official file: its md5 checksum is"):
        catalogue.verify("mpi3d_toy")
    given(MPI3DToy(tmp_path / "elsewhere"))
    with pytest.raises(UserError, match=r"there is no mpi3d_toy\.npz in .*, which mpi3d_toy needs"):
        catalogue.verify("mpi3d_toy")


def test_sets_without_files_say_so(capsys):
    catalogue.verify("dummy_data")
    catalogue.verify("dsprites_rendered")
    catalogue.download("dummy_data")
    assert capsys.readouterr().out.splitlines() == [
        "dummy_data: nothing to verify, needs no file",
        "dsprites_rendered: nothing to verify, rendered at the first use",
        "dummy_data needs no download: needs no file",
    ]


def test_download_prints_where_the_files_are(given, capsys, tmp_path):
    data, _ = writers.tiny_mpi3d(tmp_path)
    given(data)
    catalogue.download("mpi3d_toy")
    assert capsys.readouterr().out == f"{tmp_path / 'mpi3d_toy.npz'}\n"


def test_files_are_numbered_where_there_are_several(capsys):
    catalogue.info("smallnorb")
    lines = [line.split("  ")[0].strip() for line in capsys.readouterr().out.splitlines()]
    assert [line for line in lines if line.startswith("file")] == [f"file {k}" for k in range(1, 7)]
    assert [line for line in lines if line.startswith("download")] == [f"download {k}" for k in range(1, 7)]
    catalogue.info("mpi3d_toy")
    assert "\nfile  " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (0, "0.0 bytes"),
        (1023, "1023.0 bytes"),
        (1024, "1.0 KiB"),
        (1536, "1.5 KiB"),
        (2**20, "1.0 MiB"),
        (2**31, "2.0 GiB"),
        (2**41, "2048.0 GiB"),
    ],
)
def test_sizes_have_a_unit_that_fits(size, words, tmp_path):
    with (tmp_path / "x").open("wb") as file:
        file.truncate(size)
    assert catalogue._size(tmp_path / "x") == words


def test_verify_of_a_folder_says_that_it_has_no_checksum(given, capsys, tmp_path):
    data, _ = writers.tiny_celeba(tmp_path, extracted=True)
    given(data)
    catalogue.verify("celeba")
    folder = tmp_path / "img_align_celeba"
    words = "a folder has no checksum; its images are counted and checked when they are read"
    assert capsys.readouterr().out == f"{folder}: {words}\n"

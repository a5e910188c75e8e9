"""dlib_bvae_data as typed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

COMMAND = Path(__file__).resolve().parents[2] / "bin" / "dlib_bvae_data"


@pytest.fixture
def data(tmp_path):
    """Runs the command in a folder where data and cache are empty, without TensorFlow."""
    (tmp_path / "tensorflow.py").write_text("raise SystemExit('tensorflow was imported')")
    paths = os.pathsep.join([str(tmp_path), str(COMMAND.parents[1])])
    folders = {"DLIB_BVAE_DATA_DIR": str(tmp_path / "data"), "DLIB_BVAE_CACHE_DIR": str(tmp_path / "cache")}

    def run(*flags):
        return subprocess.run(
            [sys.executable, COMMAND, *flags],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": paths, **folders},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_every_action_works_without_tensorflow(data, tmp_path):
    for flags in (["--help"], ["preview", "--help"], ["list"], ["info", "shapes3d"], ["verify", "dummy_data"]):
        done = data(*flags)
        assert (done.returncode, done.stderr) == (0, ""), flags
    assert "dsprites_full" in data("list").stdout
    assert data("preview", "dummy_data").stdout == "dummy_data.png\n"
    assert Image.open(tmp_path / "dummy_data.png").size[1] == 29 + 266
    assert data("preview", "dummy_data", "--output=other.png").stdout == "other.png\n"


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["info", "shapes_3d"], ["no data set", "did you mean shapes3d"]),
        (["preview", "mpi3d_real"], ["mpi3d_real.npz", "`dlib_bvae_data download mpi3d_real`", "DLIB_BVAE_DATA_DIR"]),
        (["verify", "shapes3d", "--data_dir=here"], ["3dshapes.h5", "bytes instead of 267,573,662"]),
        (["preview", "shapes3d", "--data_dir=here"], ["3dshapes.h5", "bytes instead of 267,573,662"]),
        (["download", "shapes3d", "--data_dir=here"], ["3dshapes.h5", "bytes instead of 267,573,662"]),
        (["download", "mpi3d_real_complex"], ["by a browser", "rr-learning"]),
        (["lost"], ["invalid choice"]),
    ],
)
def test_what_is_wrong_is_one_sentence_and_status_2(flags, words, data, tmp_path):
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "3dshapes.h5").write_bytes(b"no HDF5")
    done = data(*flags)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("dlib_bvae_data: ")]
    for word in words:
        assert word in line
    assert not list(tmp_path.glob("cache/*.npy"))

"""Damaged official files: whatever happens to their bytes, a reader gives a UserError or what is promised here.

With the checksum compared, every mutation is refused. Without it ("unverified", as for files that have none), nothing but
UserError is raised, no cache file is left by a refusal, and what is read has the right shape and type. Further:

- npz, gz, tar.gz and zip have a CRC-32 over every array, so what is read equals the original;
- HDF5 and plain tar have none over the pixels: a changed pixel may pass (PNG has a CRC-32, JPEG has not), and so may a
  changed name in a tar, as long as the number of pictures is right. dSprites, Shapes3D and SmallNORB in another order
  than their labels say are refused;
- CIFAR in the extracted layout: pickles have none either, so values may differ.

The parsers behind a CRC are given damage too ("inside"): a .npy in a sound zip, a matrix or a tar in a sound gzip.
tests/stress has ten times as many.
"""

import hashlib

import numpy as np
import pytest
from support.damaged_files import INSIDE, READERS, files_of, outcomes
from support.mutations import changed_bytes

from dlib_bvae.errors import UserError

COUNT = 100


@pytest.mark.filterwarnings("ignore")  # parsers warn about what they then refuse
@pytest.mark.parametrize("name", READERS)
def test_a_damaged_file_is_refused_or_read_as_promised(name, tmp_path):
    write, exact = READERS[name]
    data, _ = write(tmp_path)
    came = dict(outcomes(data, files_of(data, tmp_path), COUNT))
    assert "refused" in came.values()
    allowed = {"refused", "equal"} if exact else {"refused", "equal", "other"}
    assert {seed: each for seed, each in came.items() if each not in allowed} == {}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", INSIDE)
def test_damage_inside_of_a_sound_archive_is_refused_or_has_the_right_shape(name, tmp_path):
    data, _ = READERS[name][0](tmp_path)
    came = dict(outcomes(data, files_of(data, tmp_path), COUNT, *INSIDE[name]))
    assert "refused" in came.values()
    assert {seed: each for seed, each in came.items() if each not in ("refused", "equal", "other")} == {}


@pytest.mark.parametrize("name", [name for name in READERS if "extracted" not in name and name != "chairs"])
def test_with_its_checksum_every_damaged_file_is_refused_and_leaves_no_cache(name, tmp_path):
    data, _ = READERS[name][0](tmp_path)
    files = files_of(data, tmp_path)
    originals = [path.read_bytes() for path in files]
    for seed in range(30):
        rng = np.random.default_rng(seed)
        which = int(rng.integers(len(files)))
        content = changed_bytes(originals[which], rng)
        if hashlib.md5(content).digest() == hashlib.md5(originals[which]).digest():
            continue  # zeros in the place of zeros
        files[which].write_bytes(content)
        with pytest.raises(UserError, match="is not the official file"):
            data.images_at([0])
        assert {path.suffix for path in (tmp_path / "cache").iterdir()} == {".lock"}
        files[which].write_bytes(originals[which])

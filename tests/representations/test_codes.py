"""codes.py of the representations: the whole grid encoded, resumed, refused when damaged."""

import errno
import json
from pathlib import Path

import numpy as np
import pytest

from dlib_bvae import datasets
from dlib_bvae.errors import UserError
from dlib_bvae.representations import codes
from dlib_bvae.representations.codes import (
    codes_digest,
    mean_representation,
    read_codes,
    recorded_digest,
    sampled_representation,
)

WEIGHTS = np.random.default_rng(0).normal(size=(256, 3)).astype(np.float32)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    """512 images are then six blocks, the last one short, each of several batches."""
    monkeypatch.setattr(codes, "_BLOCK", 100)
    monkeypatch.setattr(codes, "BATCH", 30)


@pytest.fixture
def bars():
    return datasets.load("dummy_data")


def encode(observations):
    mean = observations.reshape(len(observations), -1) @ WEIGHTS
    return mean, np.full_like(mean, -2.0)


class Interrupting:
    """An encoder that is interrupted before it has encoded more than `images`."""

    def __init__(self, images, error=KeyboardInterrupt):
        self.images, self.error, self.encoded = images, error, 0

    def __call__(self, observations):
        if self.encoded + len(observations) > self.images:
            raise self.error
        self.encoded += len(observations)
        return encode(observations)


def files(directory):
    return sorted(path.name for path in directory.iterdir())


def encode_all(directory, data, encode=encode, reduction=sampled_representation, seed=3):
    return codes.encode_all(encode, data, reduction, directory, seed)


def test_every_image_is_encoded_in_index_order(tmp_path, bars):
    description = encode_all(tmp_path, bars, reduction=mean_representation)
    written = codes.read_codes(tmp_path)
    assert isinstance(written, np.memmap)
    assert written.dtype == np.float32
    expected = bars.images_at(np.arange(512)).reshape(512, -1).astype(np.float32) @ WEIGHTS
    assert written == pytest.approx(expected, abs=1e-5)
    assert description["shape"] == [512, 3]
    assert json.loads((tmp_path / "codes.json").read_text()) == description
    assert files(tmp_path) == ["codes.json", "codes.npy"]


def test_the_encoder_sees_observations_between_0_and_1_never_many_at_once(tmp_path, bars):
    seen = []

    def watching(observations):
        seen.append((observations.dtype, observations.shape[1:], len(observations), observations.max()))
        return encode(observations)

    encode_all(tmp_path, bars, watching)
    assert {each[:2] for each in seen} == {(np.dtype(np.float32), (16, 16, 1))}
    assert max(each[2] for each in seen) == 30
    assert {each[3] for each in seen} == {1.0}


@pytest.mark.parametrize("images", [1, 50, 101, 250, 350, 500])
def test_an_interrupted_encoding_continues_to_the_identical_file(tmp_path, bars, images):
    (tmp_path / "once").mkdir()
    (tmp_path / "twice").mkdir()
    encode_all(tmp_path / "once", bars)
    with pytest.raises(KeyboardInterrupt):
        encode_all(tmp_path / "twice", bars, Interrupting(images))
    assert "codes.json" not in files(tmp_path / "twice")
    rest = Interrupting(10_000)
    encode_all(tmp_path / "twice", bars, rest)
    for name in ("codes.npy", "codes.json"):
        assert (tmp_path / "once" / name).read_bytes() == (tmp_path / "twice" / name).read_bytes()
    finished_blocks = max(images - 1, 0) // 100  # one image is encoded first, to know the number of latents
    assert rest.encoded == 1 + 512 - 100 * finished_blocks
    assert files(tmp_path / "twice") == ["codes.json", "codes.npy"]


def test_samples_depend_on_the_seed_alone(tmp_path, bars):
    written = []
    for place, seed in enumerate([3, 3, 4]):
        (tmp_path / str(place)).mkdir()
        encode_all(tmp_path / str(place), bars, seed=seed)
        written.append(codes.read_codes(tmp_path / str(place)))
    assert np.array_equal(written[0], written[1])
    assert not np.isclose(written[0], written[2]).any(axis=1).all()


def test_samples_have_the_posterior_s_spread_and_no_noise_twice(tmp_path, bars):
    encode_all(tmp_path, bars)
    mean = bars.images_at(np.arange(512)).reshape(512, -1).astype(np.float32) @ WEIGHTS
    noise = codes.read_codes(tmp_path) - mean
    assert noise.std() == pytest.approx(np.exp(-1), rel=0.1)
    assert abs(noise.mean()) < 5 * np.exp(-1) / np.sqrt(noise.size)
    assert len(np.unique(noise.round(5), axis=0)) == 512


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_codes_that_are_no_numbers_are_refused(tmp_path, bars, value):
    calls = []

    def diverging(observations):
        calls.append(len(observations))
        mean, log_variance = encode(observations)
        if sum(calls) > 150:
            mean[0, 0] = value
        return mean, log_variance

    with pytest.raises(UserError, match=r"NaN or infinite codes for images 100 … 199; train the model again"):
        encode_all(tmp_path, bars, diverging)
    assert "codes.json" not in files(tmp_path)
    with pytest.raises(UserError, match="missing or damaged"):
        codes.read_codes(tmp_path)


@pytest.mark.filterwarnings("ignore:overflow encountered")
def test_codes_too_large_for_float32_are_refused(tmp_path, bars):
    def large(observations):
        mean = np.full((len(observations), 2), 1e39)
        return mean, mean

    with pytest.raises(UserError, match="NaN or infinite codes"):
        encode_all(tmp_path, bars, large, mean_representation)


def test_a_full_disk_is_told_with_the_size_and_encoding_continues_after(tmp_path, bars, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(np.lib.format, "write_array_header_1_0", full)
        with pytest.raises(UserError, match=r"the disk is full: .*codes\.npy needs 0 MiB; free some space and run"):
            encode_all(tmp_path, bars)
    encode_all(tmp_path, bars)
    assert codes.read_codes(tmp_path).shape == (512, 3)


def test_all_bytes_are_reserved_before_the_first_code(tmp_path, bars):
    with pytest.raises(KeyboardInterrupt):
        encode_all(tmp_path, bars, Interrupting(1))
    assert (tmp_path / "codes.npy").stat().st_size >= 512 * 3 * 4
    assert np.load(tmp_path / "codes.npy").shape == (512, 3)


def test_the_file_has_its_size_before_it_is_mapped(tmp_path, monkeypatch):
    sizes, load = [], np.load
    monkeypatch.setattr(
        codes.np, "load", lambda path, **flags: sizes.append(path.stat().st_size) or load(path, **flags)
    )
    for images in (99, 100, 101, 512):
        assert codes._create(tmp_path / "codes.npy", (images, 3)).shape == (images, 3)
        assert sizes.pop() == 128 + images * 3 * 4


@pytest.mark.parametrize("kind", ["f2", "f4", "f8", ">f8", "i8", "Fortran", "strided", "-0"])
def test_equal_codes_have_one_digest_whatever_their_type_and_order(kind):
    values = np.random.default_rng(0).integers(-9, 9, size=(250, 3)).astype(np.float32)
    others = {
        "Fortran": np.asfortranarray(values),
        "strided": np.repeat(values, 2, axis=0)[::2],
        "-0": np.where(values == 0, -0.0, values),
    }
    assert codes_digest(others[kind] if kind in others else values.astype(kind)) == codes_digest(values)


def test_other_codes_have_another_digest():
    values = np.random.default_rng(0).normal(size=(250, 4)).astype(np.float32)
    others = [values.reshape(500, 2), values[::-1], values.astype(np.float64) + 1e-12, np.nextafter(values, 1)]
    assert len({codes_digest(each) for each in [values, *others]}) == 5


def test_the_digest_is_the_checksum_of_the_file_so_that_results_of_earlier_versions_can_be_compared(tmp_path, bars):
    description = encode_all(tmp_path, bars)
    digest = codes_digest(read_codes(tmp_path))
    assert digest == description["sha256"] == recorded_digest(tmp_path, {})


def test_what_earlier_results_say_of_their_codes(tmp_path):
    stem = "postprocess_results"
    of_file = {f"{stem}.source": "mine.npy", f"{stem}.trained": "a" * 64, f"{stem}.codes_key": None}
    assert recorded_digest(tmp_path, of_file) == "a" * 64
    assert recorded_digest(tmp_path, {**of_file, f"{stem}.codes_key": "b"}) is None
    assert recorded_digest(tmp_path, {}) is None
    for content in ("[]", "{", '{"sha256": 3}', "{}"):
        (tmp_path / "codes.json").write_text(content)
        assert recorded_digest(tmp_path, {}) is None


@pytest.mark.parametrize("size", [0, 10, 200, -1])
def test_a_truncated_file_is_refused(tmp_path, bars, size):
    encode_all(tmp_path, bars)
    path = tmp_path / "codes.npy"
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(UserError, match=r"checksum differs\): truncated or changed; run dlib_bvae_postprocess --overw"):
        codes.read_codes(tmp_path)


def test_a_changed_byte_is_refused(tmp_path, bars):
    encode_all(tmp_path, bars)
    content = bytearray((tmp_path / "codes.npy").read_bytes())
    content[-1] ^= 1
    (tmp_path / "codes.npy").write_bytes(content)
    with pytest.raises(UserError, match="its checksum differs"):
        codes.read_codes(tmp_path)


@pytest.mark.parametrize("name", ["codes.npy", "codes.json"])
def test_a_missing_file_is_told_with_the_remedy(tmp_path, bars, name):
    encode_all(tmp_path, bars)
    (tmp_path / name).unlink()
    with pytest.raises(UserError, match=r"missing or damaged .*; run dlib_bvae_postprocess --overwrite"):
        codes.read_codes(tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{}",
        '{"sha256": "',
        "[]",
        "[" * 100_000,
    ],
)
def test_a_damaged_description_is_told(tmp_path, bars, content):
    encode_all(tmp_path, bars)
    (tmp_path / "codes.json").write_text(content)
    with pytest.raises(UserError, match="missing or damaged"):
        codes.read_codes(tmp_path)


def test_the_mean_is_the_mean():
    mean = np.ones((2, 3), np.float32)
    assert mean_representation(mean, mean, np.random.default_rng(0)) is mean


def test_a_sample_is_float32_and_narrow_where_the_posterior_is():
    mean = np.arange(6, dtype=np.float32).reshape(2, 3)
    sample = sampled_representation(mean, np.full_like(mean, -60), np.random.default_rng(0))
    assert sample.dtype == np.float32
    assert sample == pytest.approx(mean, abs=1e-6)


@pytest.mark.parametrize("kept", [0, 60, 1000])
def test_an_interrupted_encoding_whose_file_is_truncated_begins_again(tmp_path, bars, kept):
    with pytest.raises(KeyboardInterrupt):
        encode_all(tmp_path, bars, Interrupting(250))
    path = tmp_path / "codes.npy"
    path.write_bytes(path.read_bytes()[:kept])
    encode_all(tmp_path, bars)
    whole = tmp_path / "whole"
    whole.mkdir()
    encode_all(whole, bars)
    np.testing.assert_array_equal(codes.read_codes(tmp_path), codes.read_codes(whole))


def test_an_interrupted_encoding_that_says_infinitely_many_rows_begins_again(tmp_path, bars):
    with pytest.raises(KeyboardInterrupt):
        encode_all(tmp_path, bars, Interrupting(250))
    (said,) = (path for path in tmp_path.glob("*.json"))
    said.write_text('{"rows": Infinity}')
    encode_all(tmp_path, bars)
    assert len(codes.read_codes(tmp_path)) == bars.num_images


def test_an_encoder_of_millions_of_codes_is_refused_before_anything_is_written(tmp_path, bars):
    wide = lambda observations: (np.broadcast_to(np.float32(0), (len(observations), 3_000_000)), None)
    with pytest.raises(UserError, match="codes may have at most 20000 numbers per image, .*; got 3000000; give fewer"):
        encode_all(tmp_path, bars, wide, mean_representation)
    assert files(tmp_path) == []


def test_codes_that_may_not_be_read_are_not_called_damaged(tmp_path, monkeypatch):
    def refuse(path, *_, **__):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_text", refuse)
    with pytest.raises(UserError, match=r"codes\.json cannot be read \(Permission denied\); see who may read it$"):
        read_codes(tmp_path)

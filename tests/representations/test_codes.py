"""codes.npy: the whole grid, resumable, damage noticed."""

import numpy as np
import pytest

from dlib_bvae import datasets
from dlib_bvae.errors import UserError
from dlib_bvae.representations import codes
from dlib_bvae.representations.reductions import mean_representation, sampled_representation

DATA = datasets.load("dummy_data")


def encode(observations):
    mean = observations.reshape(len(observations), -1)[:, 100:103].astype(np.float32)
    return mean, mean - 1


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(codes, "_BLOCK", 100)
    monkeypatch.setattr(codes, "_BATCH", 30)


@pytest.mark.parametrize("reduction", [mean_representation, sampled_representation])
def test_an_interrupted_encoding_continues_to_the_same_file(tmp_path, reduction):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    whole.mkdir()
    killed.mkdir()
    expected = codes.encode_all(encode, DATA, reduction, whole, seed=3)
    calls = []

    def dies(observations):
        calls.append(len(observations))
        if len(calls) == 12:
            raise KeyboardInterrupt
        return encode(observations)

    with pytest.raises(KeyboardInterrupt):
        codes.encode_all(dies, DATA, reduction, killed, seed=3)
    encoded = []
    again = lambda observations: (encoded.append(len(observations)), encode(observations))[1]
    assert codes.encode_all(again, DATA, reduction, killed, seed=3) == expected
    assert sum(encoded) < 512
    np.testing.assert_array_equal(codes.read_codes(whole), codes.read_codes(killed))


def test_codes_are_the_posterior_means_in_index_order(tmp_path):
    codes.encode_all(encode, DATA, mean_representation, tmp_path, seed=0)
    images = DATA.images_at(np.arange(512)).astype(np.float32)
    np.testing.assert_array_equal(codes.read_codes(tmp_path), encode(images)[0])


def test_samples_have_the_posterior_s_spread(tmp_path):
    codes.encode_all(encode, DATA, sampled_representation, tmp_path, seed=0)
    mean, log_variance = encode(DATA.images_at(np.arange(512)).astype(np.float32))
    noise = (codes.read_codes(tmp_path) - mean) / np.exp(log_variance / 2)
    assert noise.std() == pytest.approx(1, abs=0.1)


def test_codes_that_are_not_finite_are_refused(tmp_path):
    with pytest.raises(UserError, match="NaN or infinite codes"):
        codes.encode_all(lambda x: (encode(x)[0] * np.nan, encode(x)[1]), DATA, mean_representation, tmp_path, seed=0)


@pytest.mark.parametrize("damage", [lambda b: b[:-4], lambda b: b"", lambda b: b[:-1] + b"x"])
def test_damaged_codes_are_refused(tmp_path, damage):
    codes.encode_all(encode, DATA, mean_representation, tmp_path, seed=0)
    path = tmp_path / "codes.npy"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(UserError, match="dlib_bvae_postprocess --overwrite"):
        codes.read_codes(tmp_path)


def test_missing_codes_are_named(tmp_path):
    with pytest.raises(UserError, match="codes.npy or its codes.json is missing"):
        codes.read_codes(tmp_path)

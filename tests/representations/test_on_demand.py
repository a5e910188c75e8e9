"""on_demand.py: codes that are encoded when they are read are those of encoding all, and only what is read is encoded."""

import numpy as np
import pytest

from dlib_bvae import metrics
from dlib_bvae.datasets import load
from dlib_bvae.errors import UserError
from dlib_bvae.metrics.engine.codes import NotedCodes
from dlib_bvae.representations.on_demand import CodesOnDemand

DATA = load("dummy_data")
CODES = np.random.default_rng(0).normal(size=(DATA.num_images, 4)).astype(np.float32)


class Encoder:
    """Gives an image the code of its index, and counts the images it was asked for."""

    def __init__(self):
        self.asked = 0
        self.place = {image.tobytes(): k for k, image in enumerate(DATA.observations_at(np.arange(DATA.num_images)))}

    def __call__(self):
        return self.encode, DATA

    def encode(self, observations):
        rows = [self.place[image.tobytes()] for image in observations]
        self.asked += len(set(rows))
        return CODES[rows], None


@pytest.fixture
def encoder():
    return Encoder()


def test_only_what_is_read_is_encoded_and_once(encoder, tmp_path):
    codes = CodesOnDemand(encoder, CODES.shape, tmp_path)
    np.testing.assert_array_equal(codes[np.array([7, 3, 7])], CODES[[7, 3, 7]])
    np.testing.assert_array_equal(codes[np.array([[3], [9]]), np.array([0, 2])], CODES[[[3], [9]], [0, 2]])
    assert (encoder.asked, codes.number) == (3, 3)
    np.testing.assert_array_equal(np.asarray(codes), CODES)
    assert encoder.asked == codes.number == len(CODES)


def test_what_was_encoded_stays(encoder, tmp_path):
    first = CodesOnDemand(encoder, CODES.shape, tmp_path)
    first[np.array([5, 2])]
    first.save()
    again = CodesOnDemand(encoder, CODES.shape, tmp_path)
    np.testing.assert_array_equal(again[np.array([2, 5])], CODES[[2, 5]])
    assert encoder.asked == 2


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 half", b"not a file of arrays"])
def test_damage_costs_time_only(content, encoder, tmp_path):
    (tmp_path / "encoded.npz").write_bytes(content)
    codes = CodesOnDemand(encoder, CODES.shape, tmp_path)
    np.testing.assert_array_equal(codes[np.array([5])], CODES[[5]])


def test_rows_that_cannot_be_are_not_taken(encoder, tmp_path):
    for rows, kept in (([-1], CODES[:1]), ([len(CODES)], CODES[:1]), ([0, 1], CODES[:1]), ([0], CODES[:1, :2])):
        np.savez(tmp_path / "encoded.npz", rows=np.array(rows), codes=kept)
        assert CodesOnDemand(encoder, CODES.shape, tmp_path).number == 0


def test_codes_that_are_no_numbers_are_refused(tmp_path):
    codes = CodesOnDemand(lambda: (lambda seen: (np.full((len(seen), 2), np.nan), None), DATA), (512, 2), tmp_path)
    with pytest.raises(UserError, match="NaN or infinite codes for images 4 … 4"):
        codes[np.array([4])]


def test_equal_codes_have_equal_digests(encoder, tmp_path):
    digests = [
        CodesOnDemand(each, CODES.shape, tmp_path / str(k)).digest() for k, each in enumerate([encoder, Encoder()])
    ]
    assert digests[0] == digests[1]
    others = lambda: (lambda seen: (encoder.encode(seen)[0] + 1, None), DATA)
    assert CodesOnDemand(others, CODES.shape, tmp_path / "others").digest() != digests[0]


SMALL = {name: metrics.small_parameters(name, 60, 4) for name in metrics.names()}
OF_THE_MODEL = ("elbo", "image_quality", "reconstruction_error", "hfs")


@pytest.mark.parametrize("name", [name for name in metrics.names() if name not in OF_THE_MODEL])
def test_every_metric_scores_them_as_it_does_an_array(name, encoder, tmp_path):
    codes = NotedCodes(CodesOnDemand(encoder, CODES.shape, tmp_path))
    found, expected = (_scored(name, each) for each in (codes, CODES))
    assert str(found) == str(expected)
    if not isinstance(expected, str):
        assert encoder.asked == codes.rows.sum() > 0


def _scored(name, codes):
    """The result, or the text of a refusal."""
    try:
        return metrics.METRICS.get(name)(DATA, codes, 3, **SMALL[name])
    except UserError as refusal:
        return str(refusal)

"""sections.py: what each part of a run's page shows and says, of a run without a network."""

import io

import numpy as np
import pytest
from PIL import Image

from dlib_bvae import datasets
from dlib_bvae.datasets.derived.subsets import Subsample, Subset
from dlib_bvae.errors import NotApplicable
from dlib_bvae.visualize import sections
from dlib_bvae.visualize.sections import drawn_codes, in_rows

NONE = np.nan


def picture(run, drawn):
    (one,) = drawn.pictures
    return np.asarray(Image.open(io.BytesIO((run.directory / one.file).read_bytes())).convert("RGB"))


def test_rows_have_ten_images_and_the_last_those_that_are_left():
    rows = in_rows(np.arange(23))
    assert [row.tolist() for row in rows] == [list(range(10)), list(range(10, 20)), [20, 21, 22]]


def test_a_run_without_a_decoder_shows_no_image(make_run):
    with pytest.raises(NotApplicable, match="the model has no decoder"):
        sections.reconstructions(make_run(decode=False))


def test_data_are_shown_as_training_shows_them(make_run):
    run = make_run()
    shown = sections.data_samples(run)
    assert shown.text == "12 images, drawn by seed 0 as training shows them."
    assert picture(run, shown).shape == (2 + 2 * 66, 2 + 10 * 66, 3)


def test_examples_stand_above_their_reconstructions(make_run):
    run = make_run()
    shown = picture(run, sections.reconstructions(run))[:, -3 * 66 :]
    assert np.array_equal(np.concatenate(run.decode.seen), run.codes[run.examples])
    originals = run.data.images_at(run.examples)[..., 0] * 255
    for column in range(3):
        tile = shown[2:66:4, 66 * column : 66 * column + 64 : 4, 0]
        assert np.array_equal(tile, originals[column])
        expected = np.rint(np.clip(run.codes[run.examples[column], 0] / 7, 0, 1) * 255)
        assert (shown[68:132, 66 * column : 66 * column + 64] == expected).all()


def test_codes_of_the_prior_are_normal_and_others_those_of_one_image():
    codes = np.arange(40, dtype=np.float32).reshape(10, 4)
    drawn, text = drawn_codes(codes, np.array([True, False, False, True]), 4000, 0)
    assert drawn.dtype == np.float32
    assert drawn[:, [0, 3]].mean() == pytest.approx(0, abs=0.05)
    assert drawn[:, [0, 3]].std() == pytest.approx(1, abs=0.05)
    assert (drawn[:, 2] == drawn[:, 1] + 1).all()
    assert set(drawn[:, 1]) == set(codes[:, 1])
    assert "the others, such as categories, together from the code of a random image" in text
    assert drawn_codes(codes, np.full(4, True), 5, 0)[1] == "Decoded from codes drawn from the prior N(0, I)."


def test_without_a_prior_latents_come_from_different_images():
    codes = np.arange(40, dtype=np.float64).reshape(10, 4)
    drawn, text = drawn_codes(codes, np.zeros(4, bool), 300, 0)
    assert (drawn.shape, drawn.dtype) == ((300, 4), np.float32)
    for latent in range(4):
        assert set(drawn[:, latent]) == set(codes[:, latent])
    assert (drawn[:, 1] != drawn[:, 0] + 1).mean() > 0.5
    assert "product of their marginal distributions" in text
    assert np.array_equal(drawn, drawn_codes(codes, np.zeros(4, bool), 300, 0)[0])
    assert not np.array_equal(drawn, drawn_codes(codes, np.zeros(4, bool), 300, 1)[0])


def test_random_samples_are_decoded(make_run):
    run = make_run()
    shown = sections.random_samples(run)
    assert shown.text == "Decoded from codes drawn from the prior N(0, I)."
    assert np.concatenate(run.decode.seen).shape == (12, 3)


@pytest.mark.parametrize(
    ("kl", "words"),
    [
        (
            (1.0, 0.0, 2.0),
            "KL(q(z|x) ‖ N(0, 1)) of each latent, the mean over 100 images, drawn by seed 0. Latents are",
        ),
        ((1.0, NONE, 2.0), "of each latent that has a posterior variance, the mean over 100 images"),
        ((NONE,) * 3, "latents have no KL: they are ordered by the variance of their codes over 100 images"),
    ],
)
def test_what_latents_carry_is_named(make_run, kl, words):
    assert words in sections.amounts(make_run(kl=kl)).text


def test_information_is_of_the_latents_shown(make_run, monkeypatch):
    saved = []
    monkeypatch.setattr(
        sections, "save_matrices", lambda folder, results, known, data: saved.append(results) or [folder / "m.png"]
    )
    shown = sections.information(make_run())
    assert saved[0] == {"mutual_information": [[0, 0, 0, 1.5], [0, 0, 2.0, 0.1]], "latents": ["z2", "z0"]}
    assert shown.pictures[0].file == "m.png"
    assert "codes of 500 images" in shown.text
    with pytest.raises(NotApplicable, match="the data set has no factors"):
        sections.information(make_run(information=False))


def test_paths_are_the_codes_along_each_factor(make_run, monkeypatch):
    seen = []
    monkeypatch.setattr(
        sections, "draw_paths", lambda plane, cloud, paths: seen.append((plane, cloud, paths)) or b"png"
    )
    run = make_run()
    sections.factor_paths(run)
    _, cloud, paths = seen[0]
    assert cloud.shape == (2000, 3)
    assert [(name, len(codes), start) for name, codes, start in paths] == [
        ("orientation", 2, 1),
        ("length", 4, 2),
        ("row", 8, 4),
        ("column", 8, 4),
    ]
    assert paths[2][1][:, 0].tolist() == list(range(8))
    assert set(paths[3][1][:, 0]) == {4.0}


def test_paths_need_a_grid_with_a_factor_that_varies(make_run):
    bars = datasets.load("dummy_data")
    with pytest.raises(NotApplicable, match="needs an image of every combination of factors, which probe"):
        sections.factor_paths(make_run(data=Subsample(bars, 20, 0)))
    one = Subset(bars, {"orientation": [0], "length": [0], "row": [0], "column": [0]})
    with pytest.raises(NotApplicable, match="no factor of .* has more than one value"):
        sections.factor_paths(make_run(data=one))


def test_a_run_without_losses_has_no_curves(make_run):
    with pytest.raises(NotApplicable, match="the training wrote no losses"):
        sections.training_curves(make_run())

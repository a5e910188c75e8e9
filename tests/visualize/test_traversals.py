"""traversals.py: where the values lie, and that only one latent moves."""

import numpy as np
import pytest
from scipy.stats import norm

from dlib_bvae.errors import NotApplicable
from dlib_bvae.visualize import traversals
from dlib_bvae.visualize.traversals import (
    around,
    code_extremes,
    code_quantiles,
    normal_quantiles,
)


def test_quantiles_of_the_prior_are_as_probable_as_each_other():
    values = normal_quantiles(5, 0.95)
    np.testing.assert_allclose(values[[0, 2, 4]], [-1.959964, 0.0, 1.959964], atol=1e-6)
    np.testing.assert_allclose(np.diff(norm.cdf(values)), 0.95 / 4)


def test_quantiles_of_codes_are_the_codes_own():
    codes = np.stack([np.arange(101.0), np.arange(101.0) ** 2, np.full(101, 3.0)], axis=1).astype(np.float32)
    values = code_quantiles(codes, 3, 0.9)
    np.testing.assert_allclose(values, [[5.0, 50.0, 95.0], [25.0, 2500.0, 9025.0], [3.0, 3.0, 3.0]])


def test_extremes_reach_from_the_least_code_to_the_largest():
    codes = np.array([[0.0, 5.0], [4.0, -1.0], [1.0, 2.0]], np.float32)
    np.testing.assert_allclose(code_extremes(codes, 3), [[0.0, 2.0, 4.0], [-1.0, 2.0, 5.0]])


def test_deviations_lie_evenly_around_the_start():
    values = around(np.array([1.0, -2.0]), np.array([0.5, 2.0]), 5)
    np.testing.assert_allclose(values, [[0.0, 0.5, 1.0, 1.5, 2.0], [-6.0, -4.0, -2.0, 0.0, 2.0]])


def decoded_codes(run):
    """All codes that were decoded, in order."""
    return np.concatenate(run.decode.seen)


def test_over_the_prior_latents_start_at_its_mean(make_run):
    run = make_run(kl=(1.0, np.nan, 2.0))
    drawn = traversals.over_prior(run)
    codes = decoded_codes(run).reshape(2, 5, 3)
    quantiles = normal_quantiles(5, 0.9).astype(np.float32)
    np.testing.assert_allclose(codes[0], np.stack([[0] * 5, [0.5] * 5, quantiles], axis=1), atol=1e-6)
    np.testing.assert_allclose(codes[1], np.stack([quantiles, [0.5] * 5, [0] * 5], axis=1), atol=1e-6)
    assert drawn.text.endswith("quantiles of N(0, 1), evenly spaced in the central 90 %.")


def test_even_steps_over_the_prior_are_two_standard_deviations_wide(make_run):
    run = make_run(prior_range="linear")
    drawn = traversals.over_prior(run)
    np.testing.assert_allclose(decoded_codes(run)[:5, 2], [-2, -1, 0, 1, 2])
    assert "even steps over ±2, standard deviations of the prior N(0, 1)" in drawn.text


def test_without_a_posterior_variance_there_is_no_range_of_a_prior(make_run):
    with pytest.raises(NotApplicable, match="no posterior variance"):
        traversals.over_prior(make_run(kl=(np.nan,) * 3))
    with pytest.raises(NotApplicable):  # latent 1 has a prior and is not shown
        traversals.over_prior(make_run(kl=(np.nan, 0.1, np.nan)))


def test_over_the_codes_latents_go_from_the_least_to_the_largest(make_run):
    run = make_run()
    drawn = traversals.over_posterior(run)
    codes, start = decoded_codes(run).reshape(2, 5, 3), run.codes[100]
    np.testing.assert_allclose(codes[0, :, 2], np.linspace(0, 1, 5))
    np.testing.assert_allclose(codes[1, :, 0], np.linspace(0, 7, 5))
    assert (codes[0, :, :2] == start[:2]).all()
    assert drawn.text == (
        "From the code of image 100, one latent a row: even steps from the minimum to the maximum of the posterior means of all "
        "images. Framed: the value that is nearest to the image's own."
    )


def test_ranges_have_their_labels(make_run):
    found = traversals.posterior_range(make_run(), np.zeros(3), 4)
    assert found.above == ["minimum", "", "", "maximum"]
    run = make_run(posterior_range="deviations")
    start = np.array([3.0, 9.0, 0.25])
    found = traversals.posterior_range(run, start, 5)
    deviations = np.sqrt(run.latents.variance[[2, 0]])
    np.testing.assert_allclose(found.values, np.array([0.25, 3.0])[:, None] + np.outer(deviations, [-2, -1, 0, 1, 2]))
    assert found.above == ["−2 sd", "−1 sd", "0 sd", "1 sd", "2 sd"]
    assert found.words == "even steps over ±2 standard deviations of the codes around the image's own"


def test_over_quantiles_the_codes_share_is_written_above(make_run, monkeypatch):
    seen = []
    monkeypatch.setattr(traversals, "labelled", lambda *given: seen.append(given) or np.zeros((4, 4, 3), np.uint8))
    run = make_run()
    drawn = traversals.over_quantiles(run)
    rows, labels, above, marked = seen[0]
    own = run.codes[100]
    assert marked == [
        int(np.abs(each - own[k]).argmin())
        for each, k in zip(
            np.quantile(run.codes[:, [2, 0]], [0.05, 0.275, 0.5, 0.725, 0.95], axis=0).T, (2, 0), strict=True
        )
    ]
    assert above == ["5 %", "27.5 %", "50 %", "72.5 %", "95 %"]
    assert labels[0] == "z2  KL 2.00 nats\ncolumn 1.50 nats\n0 … 1"
    assert len(rows) == 2
    np.testing.assert_allclose(decoded_codes(run)[5:, 0], np.quantile(run.codes[:, 0], [0.05, 0.275, 0.5, 0.725, 0.95]))
    assert "in the central 90 %" in drawn.text


def test_the_animation_goes_there_and_back(make_run, monkeypatch):
    seen = []
    monkeypatch.setattr(traversals, "gif", lambda frames, milliseconds: seen.append((frames, milliseconds)) or b"GIF")
    captions = []
    real = traversals.panels
    monkeypatch.setattr(traversals, "panels", lambda images, texts: captions.extend(texts) or real(images, texts))
    traversals.animation(make_run())
    frames, milliseconds = seen[0]
    assert (len(frames), milliseconds) == (6, 90)
    assert np.array_equal(frames[1], frames[5])
    assert not np.array_equal(frames[0], frames[3])
    assert captions == ["z2  column", "z0  row"]


def test_further_images_start_from_themselves(make_run, monkeypatch):
    seen = []
    monkeypatch.setattr(
        traversals, "labelled", lambda *given, marked: seen.append((*given, marked)) or np.zeros((4, 4, 3), np.uint8)
    )
    run = make_run()
    drawn = traversals.reconstruct_traverse(run)
    assert [each.file for each in drawn.pictures] == ["reconstruct_traverse_0.png", "reconstruct_traverse_1.png"]
    assert [each.label for each in drawn.pictures] == ["from image 5", "from image 300"]
    for (rows, labels, marked), image in zip(seen, (5, 300), strict=True):
        ends = [np.linspace(run.codes[:, k].min(), run.codes[:, k].max(), 5) for k in (2, 0)]
        assert marked == [
            None,
            *(int(np.abs(each - run.codes[image, k]).argmin()) for each, k in zip(ends, (2, 0), strict=True)),
        ]
        assert np.array_equal(rows[0][0], run.data.observations_at([image])[0])
        assert rows[0].shape == (2, 16, 16, 1)
        assert rows[0][1] == pytest.approx(np.clip(run.codes[image, 0] / 7, 0, 1))
        assert [row.shape for row in rows[1:]] == [(5, 16, 16, 1)] * 2
        assert labels[0] == f"image {image},\nreconstruction"
        assert labels[2].startswith("z0  KL 1.00 nats")
    with pytest.raises(NotApplicable, match="num_examples is 1"):
        traversals.reconstruct_traverse(run._replace(examples=np.array([7])))


def test_the_sheet_has_what_the_latents_carry_and_where_the_encoded_image_lies(make_run, monkeypatch):
    seen = []
    real = traversals.sheet.draw_sheet
    monkeypatch.setattr(traversals.sheet, "draw_sheet", lambda given: seen.append(given) or real(given))
    run = make_run()
    drawn = traversals.overview(run)
    assert [each.file for each in drawn.pictures] == ["sheet.png"]
    assert (run.directory / "thumbnail.png").stat().st_size <= 60 * 1024
    (sheet,) = seen
    assert (sheet.title, sheet.facts, sheet.foot) == ("β-VAE on dummy_data", "6 steps", "dlib_bvae")
    np.testing.assert_array_equal(sheet.originals, run.data.observations_at([100, 5, 300]))
    np.testing.assert_allclose(sheet.reconstructions[:, 0, 0, 0], np.clip(run.codes[[100, 5, 300], 0] / 7, 0, 1))
    assert [(row.name, row.amount, row.carried, row.ends) for row in sheet.rows] == [
        ("z2", "KL 2.00 nats", "column 1.50 nats", "0 … 1"),
        ("z0", "KL 1.00 nats", "row 2.00 nats", "0 … 7"),
    ]
    assert [row.bar for row in sheet.rows] == [1.0, 0.5]
    values = np.linspace(0, 7, 10)
    np.testing.assert_allclose(sheet.rows[1].images[:, 0, 0, 0], values / 7, rtol=1e-6)
    assert sheet.rows[1].marked == np.abs(values - run.codes[100, 0]).argmin()
    with pytest.raises(NotApplicable, match="the model has no decoder"):
        traversals.overview(make_run(decode=False))

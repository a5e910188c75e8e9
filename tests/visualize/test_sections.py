"""sections.py: what each part of a run's page shows and says, of a run without a network."""

import io

import numpy as np
import pytest
from matplotlib.figure import Figure
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
    assert "product of the marginal distributions" in text
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
        (
            (NONE,) * 3,
            "latents have no KL: they are ordered by the share of the images' variance that each explains alone",
        ),
    ],
)
def test_what_latents_carry_is_named(make_run, kl, words):
    assert words in sections.amounts(make_run(kl=kl)).text


@pytest.fixture
def figures(monkeypatch):
    """The figures that would be written, by name."""
    seen = {}
    monkeypatch.setattr(
        sections, "figure_files", lambda name, figure: seen.update({name: figure}) or {f"{name}.png": b""}
    )
    return seen


def cells(figure):
    return [text.get_text() for text in figure.axes[0].texts]


def test_a_figure_is_in_its_folder_in_three_formats(make_run):
    run = make_run()
    (shown,) = sections.amounts(run).pictures
    assert shown.file == "figures/kl_per_latent.png"
    assert shown.files == tuple(f"figures/kl_per_latent.{kind}" for kind in ("svg", "pdf", "png"))
    assert sorted(path.name for path in (run.directory / "figures").iterdir()) == sorted(
        name.removeprefix("figures/") for name in shown.files
    )


def test_information_is_of_the_latents_shown(make_run, figures):
    shown = sections.information(make_run())
    assert cells(figures["mutual_information"]) == ["0.00", "0.00", "0.00", "0.00", "0.00", "2.00", "1.50", "0.10"]
    assert figures["mutual_information"].axes[0].get_title() == "mutual information\nβ-VAE on dummy_data"
    assert "information of 500 codes sampled from the posterior" in shown.text
    with pytest.raises(NotApplicable, match="the data set has no factors"):
        sections.information(make_run(information=False))


def test_factors_are_found_and_joined(make_run, figures):
    sections.factor_groups(make_run())
    assert len(figures["factor_dendrogram"].axes[0].get_yticklabels()) == 4
    sections.precision_and_recall(make_run())
    right = figures["precision_recall"].axes[1]
    assert [bar.get_width() for bar in right.patches[:4]] == pytest.approx([0, 0, 2 / np.log(8), 1.5 / np.log(8)])
    for section in (sections.factor_groups, sections.precision_and_recall, sections.effects):
        with pytest.raises(NotApplicable, match="the data set has no factors"):
            section(make_run(information=False))
    nothing = make_run()
    nothing = nothing._replace(latents=nothing.latents._replace(information=np.full((3, 4), 0.09)))
    with pytest.raises(NotApplicable, match=r"no latent has 0\.1 nats"):
        sections.factor_groups(nothing)


def test_effects_are_of_the_active_latents(make_run, figures):
    shown = sections.effects(make_run(kl=(1.0, 0.0, 0.05)))
    figure = figures["interventional_effects"]
    assert [axes.get_ylabel() for axes in figure.axes[::4]] == ["z0\nrow\nIRS 1.00"]
    assert "robustness, of 512 images" in shown.text
    with pytest.raises(NotApplicable, match="no latent is active"):
        sections.effects(make_run(kl=(0.0, 0.0, 0.05)))


def test_the_jacobian_compares_active_latents_without_labels(make_run, figures):
    run = make_run(information=False)
    two = lambda values: np.concatenate([values[:, :1], values[:, :1] + values[:, 2:3]], axis=1).reshape(-1, 1, 2, 1)
    shown = sections.jacobian(run._replace(decode=two))
    deviations = run.codes.std(axis=0, dtype=np.float64)
    assert cells(figures["jacobian_overlap"]) == ["0.50", "0.50"]
    squared = np.array([2 * deviations[0] ** 2, deviations[2] ** 2])
    crossed = 2 * (deviations[0] * deviations[2]) ** 2
    expected = 100 * crossed / (np.sum(squared**2) + crossed)
    assert f"energy of JᵀJ: {expected:.1f} %" in shown.text
    for changed, reason in (
        (make_run(decode=False), "no decoder"),
        (make_run(kl=(1.0, 0.0, 0.05)), "fewer than two"),
        (run._replace(decode=lambda values: np.zeros((len(values), 1, 1, 1))), "do not change the decoder's images"),
    ):
        with pytest.raises(NotApplicable, match=reason):
            sections.jacobian(changed)


def test_paths_are_the_codes_along_each_factor(make_run, monkeypatch):
    seen = []
    monkeypatch.setattr(
        sections, "draw_paths", lambda plane, cloud, paths: seen.append((plane, cloud, paths)) or Figure()
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

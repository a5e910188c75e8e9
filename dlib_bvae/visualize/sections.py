"""The parts of a run's page, in their order: each draws its pictures from the run's arrays, or says why it cannot."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dlib_bvae.artifacts import write_atomic
from dlib_bvae.artifacts.record import make_directory
from dlib_bvae.datasets.ground_truth import FactorDataset, GroundTruthData
from dlib_bvae.datasets.images import ImageData, training_sample
from dlib_bvae.errors import NotApplicable
from dlib_bvae.metrics.engine.sampling import Sampler
from dlib_bvae.metrics.score_info import Matrix
from dlib_bvae.models.decoding import decoded
from dlib_bvae.visualize.diagrams import bars, draw_curves, draw_paths, median_paths, plane_of, scalars
from dlib_bvae.visualize.figures import figure_files
from dlib_bvae.visualize.groups import dendrogram, found_and_apart
from dlib_bvae.visualize.interventions import interventions
from dlib_bvae.visualize.jacobian import jacobian_overlap
from dlib_bvae.visualize.latents import NOTICEABLE, Latents
from dlib_bvae.visualize.matrices import draw_matrix
from dlib_bvae.visualize.pictures import labelled, png

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMNS = 10
FIGURES = "figures"  # the folder of what is for a paper
_CLOUD = 2_000  # codes drawn as dots
_INTERVENED = 100_000  # codes that means over factors are of
_JACOBIANS = 64  # images whose decoder is differentiated


class Settings(NamedTuple):
    """What the configurable `visualize` says; see dlib_bvae.stages.visualize.visualizing."""

    random_seed: int
    num_images: int
    num_codes: int
    num_samples: int
    num_examples: int
    num_latents: int
    num_values: int
    num_frames: int
    prior_range: str
    posterior_range: str
    coverage: float


class Run(NamedTuple):
    """What the pictures of a run need.

    codes: posterior means of all images of `data` in index order, (images, latents), which may be memory-mapped or encoded when
    they are read. decode: float32 (n, latents) → images in [0, 1], None where the model has none. shown: the latents that are
    shown, those that carry most first, int64 (k,); columns: their codes of the images that `of` names, in memory, float32
    (n, k). examples: indices int64 of the images that are shown encoded. train: the directory with the training's events.
    directory: where pictures are written. title, facts, foot: the head and foot of the sheet.
    """

    data: ImageData
    codes: np.ndarray
    decode: Callable[[np.ndarray], np.ndarray] | None
    latents: Latents
    shown: np.ndarray
    columns: np.ndarray
    examples: np.ndarray
    train: Path
    directory: Path
    settings: Settings
    title: str = ""
    facts: str = ""
    foot: str = ""
    of: str = "all images"

    def images(self, codes: np.ndarray) -> np.ndarray:
        """Codes (…, latents) → float images (…, H, W, C) in [0, 1]. Raises NotApplicable without a decoder."""
        if self.decode is None:
            raise NotApplicable("the model has no decoder, so no code can be shown as an image")
        return decoded(self.decode, codes)

    def save(self, name: str, content: bytes, alt: str, label: str = "") -> Picture:
        """Writes a picture into the run's directory."""
        write_atomic(self.directory / name, content)
        return Picture(name, alt, label)

    def figure(self, name: str, figure: Figure, alt: str) -> Picture:
        """Writes a figure as SVG, PDF and PNG into the folder figures/ of the run's directory."""
        files = figure_files(name, figure)
        make_directory(self.directory / FIGURES)
        for each, content in files.items():
            write_atomic(self.directory / FIGURES / each, content)
        links = tuple(f"{FIGURES}/{each}" for each in files)
        return Picture(f"{FIGURES}/{name}.png", alt, "", links)

    def known(self) -> tuple[np.ndarray, list[str]]:
        """Mutual information (latents, factors) in nats, and the factors' names. Raises NotApplicable where there is none."""
        information = self.latents.information
        if information is None:
            raise NotApplicable(self.latents.without)
        if information.max() < NOTICEABLE:
            raise NotApplicable(f"no latent has {NOTICEABLE} nats of mutual information with a factor")
        return information, self.latents.factors


class Picture(NamedTuple):
    """A file in the page's folder, what it shows in words, what it is called in a switch, and its files for a paper."""

    file: str
    alt: str
    label: str = ""
    files: tuple[str, ...] = ()


class Drawn(NamedTuple):
    """The text and the pictures of a section."""

    text: str
    pictures: list[Picture]


def in_rows(images: np.ndarray) -> list[np.ndarray]:
    """Images (n, …) in rows of at most ten."""
    return [images[start : start + COLUMNS] for start in range(0, len(images), COLUMNS)]


def data_samples(run: Run) -> Drawn:
    """Images as training shows them."""
    rows = training_sample(run.data, run.settings.num_samples, run.settings.random_seed)
    picture = png(labelled(in_rows(run.data.observations_at(rows))))
    text = f"{len(rows)} images, drawn by seed {run.settings.random_seed} as training shows them."
    return Drawn(text, [run.save("data_samples.png", picture, "images of the data set")])


def reconstructions(run: Run) -> Drawn:
    """Images above what the decoder makes of their posterior means."""
    originals = in_rows(run.data.observations_at(run.examples))
    decoded_rows = in_rows(run.images(run.codes[run.examples]))
    rows = [row for pair in zip(originals, decoded_rows, strict=True) for row in pair]
    picture = png(labelled(rows, ["original", "reconstruction"] * len(originals)))
    text = "Originals, and below each its reconstruction from the posterior mean."
    return Drawn(text, [run.save("reconstructions.png", picture, "originals above their reconstructions")])


def random_samples(run: Run) -> Drawn:
    """Images decoded from codes that belong to no image."""
    codes, text = drawn_codes(run.codes, run.latents.with_variance, run.settings.num_samples, run.settings.random_seed)
    picture = png(labelled(in_rows(run.images(codes))))
    return Drawn(text, [run.save("samples.png", picture, "images decoded from random codes")])


def drawn_codes(codes: np.ndarray, with_variance: np.ndarray, num: int, seed: int) -> tuple[np.ndarray, str]:
    """Random codes float32 (num, latents), and a sentence that says how they were drawn.

    Latents with variance, bool (latents,), come from N(0, 1), the others together from the code of a random image. Where no
    latent has variance each comes on its own from the code of another random image.
    """
    rng = np.random.default_rng(seed)
    if not with_variance.any():
        rows = rng.integers(len(codes), size=(num, codes.shape[1]))
        drawn = np.stack([codes[rows[:, latent], latent] for latent in range(codes.shape[1])], axis=1)
        return drawn.astype(np.float32), (
            "Decoded from random codes: the encoder gives no posterior variance, and so no prior; each latent comes from the "
            "code of another random image, that is from the product of the marginal distributions."
        )
    drawn = codes[rng.integers(len(codes), size=num)].astype(np.float32)
    drawn[:, with_variance] = rng.standard_normal((num, int(with_variance.sum())), dtype=np.float32)
    if with_variance.all():
        return drawn, "Decoded from codes drawn from the prior N(0, I)."
    return drawn, (
        "Decoded from random codes: latents with a posterior variance are drawn from the prior N(0, 1), the others, such as "
        "categories, together from the code of a random image."
    )


def amounts(run: Run) -> Drawn:
    """KL of each latent, or what it explains."""
    latents, seed = run.latents, run.settings.random_seed
    sample = f"over {latents.num_images:,} images, drawn by seed {seed}"
    explained = "the share of the images' variance that each explains alone, by least squares"
    if latents.with_variance.all():
        text = f"KL(q(z|x) ‖ N(0, 1)) of each latent, the mean {sample}. Latents are ordered by it on this page."
    elif latents.with_variance.any():
        text = (
            f"KL(q(z|x) ‖ N(0, 1)) of each latent that has a posterior variance, the mean {sample}. On this page they come "
            f"first, ordered by it; the others, which have no bar, follow by {explained}."
        )
    else:
        text = f"The encoder gives no posterior variance, so latents have no KL: they are ordered by {explained}, {sample}."
    if latents.information is not None:
        text += (
            f" The factor is the one with the largest mutual information with the code: {_sampled(latents)}, in 20 "
            "equal-width bins, bias corrected (Miller and Madow)."
        )
    if latents.with_variance.any():
        text += f" Latents below {NOTICEABLE} nats are inactive: grey and without a name."
    elif latents.information is not None:
        text += f" Latents with less than {NOTICEABLE} nats of every factor are grey and without a name."
    return Drawn(text, [run.figure("kl_per_latent", bars(latents), "bars: how much each latent carries, and what")])


def _sampled(latents: Latents) -> str:
    """Which codes mutual information is of."""
    return f"{latents.num_codes:,} codes{' sampled from the posterior' if latents.with_variance.any() else ''}"


def information(run: Run) -> Drawn:
    """Mutual information of latents and factors."""
    latents = run.latents
    if latents.information is None or not isinstance(run.data, FactorDataset):
        raise NotApplicable(latents.without)
    matrix = Matrix("latents", "factor", "mutual information (nats)")
    results = {"latents": [f"z{latent}" for latent in run.shown]}
    figure = draw_matrix(f"mutual information\n{run.title}", latents.information[run.shown], matrix, results, run.data)
    text = (
        f"Mutual information of {_sampled(latents)}, in 20 equal-width bins, with each factor; bias corrected, so that codes "
        "which know nothing have 0. A factor that one latent alone knows has one bright cell in its row."
    )
    alt = "heat map: mutual information of latents and factors"
    return Drawn(text, [run.figure("mutual_information", figure, alt)])


def factor_groups(run: Run) -> Drawn:
    """The dendrogram of factors."""
    found, names = run.known()
    if len(names) < 2:
        raise NotApplicable("it needs at least two factors with more than one value")
    text = (
        "As the threshold falls from left to right, a factor is found (dot) at its largest mutual information, and two factors "
        "merge where one latent has that much of both; the latent is named. Disentangled: dots far to the left, merges far to "
        "the right."
    )
    alt = "dendrogram: thresholds at which factors are found and merge"
    return Drawn(text, [run.figure("factor_dendrogram", dendrogram(found, names), alt)])


def precision_and_recall(run: Run) -> Drawn:
    """How many factors are found, how many are kept apart, and by how much."""
    found, names = run.known()
    text = (
        "Left: factors that some latent has at least the threshold of (recall), and the separate groups of factors that share no "
        "latent (precision). Right, for the latent that has most of a factor: recall, the share of the factor's entropy that it "
        "has; precision, the share of its information on all factors that is on this one."
    )
    alt = "curves and bars: precision and recall of the factors"
    return Drawn(text, [run.figure("precision_recall", found_and_apart(found, run.latents.entropies, names), alt)])


def effects(run: Run) -> Drawn:
    """Interventional effects of factors on codes."""
    if run.latents.information is None:
        raise NotApplicable(run.latents.without)
    shown = list(run.latents.active(run.shown[np.ptp(run.columns, axis=0) > 0]))
    if not shown:
        raise NotApplicable("no latent is active")
    sampler = Sampler("visualize", run.data, run.codes, run.settings.random_seed)
    rows = np.sort(sampler.different(sampler.images, sampler.source.at_once(_INTERVENED)))
    sample = sampler.of(rows)
    figure = interventions(
        sample.codes[:, shown], np.array(shown), sample.factors, list(sampler.sizes), sampler.factor_names
    )
    text = (
        "Mean code of each active latent (row) against the value of each factor (column). In the column of the factor that the "
        "latent follows, the one of its largest robustness score: the mean ± one standard deviation, the other factors vary. In "
        "the others: a curve for each of up to five values of the followed factor, dark to bright, which is held fixed. A "
        "robust latent has a steep curve in one column and flat, separate ones elsewhere. IRS: its interventional "
        f"robustness, of {len(rows):,} images."
    )
    return Drawn(text, [run.figure("interventional_effects", figure, "curves: mean code against each factor")])


def jacobian(run: Run) -> Drawn:
    """Which latents change the same pixels."""
    if run.decode is None:
        raise NotApplicable("the model has no decoder to differentiate")
    deviations = np.sqrt(run.latents.variance)
    shown = np.array([latent for latent in run.latents.active(run.shown) if deviations[latent] > 0], np.int64)
    if len(shown) < 2:
        raise NotApplicable("it compares latents, and fewer than two are active")
    rows = training_sample(run.data, _JACOBIANS, run.settings.random_seed)
    found = jacobian_overlap(run.decode, np.asarray(run.codes[rows]), shown, deviations[shown])
    if found is None:
        raise NotApplicable("small steps of the codes do not change the decoder's images")
    matrix = Matrix("latents", "latents", "squared cosine of the columns of J", high=1.0)
    results = {"latents": [f"z{latent}" for latent in shown]}
    figure = draw_matrix(f"overlap in the decoder's Jacobian\n{run.title}", found.pairs, matrix, results, run.data)
    text = (
        f"J: derivatives of the decoder's pixels by the active latents, at the codes of {len(rows)} images; a diagnostic without "
        "labels. Each cell is the squared cosine of two latents' columns: 0 where they change images in orthogonal directions, 1 "
        f"where they make the same change. Off-diagonal share of the energy of JᵀJ: {100 * found.off_diagonal:.1f} %."
    )
    return Drawn(
        text, [run.figure("jacobian_overlap", figure, "heat map: overlap of latents in the decoder's Jacobian")]
    )


def factor_paths(run: Run) -> Drawn:
    """Codes along each factor, in the plane of most variance."""
    if not isinstance(run.data, GroundTruthData):
        raise NotApplicable(f"it needs an image of every combination of factors, which {run.data.name} has not")
    paths = median_paths(run.data)
    if not paths:
        raise NotApplicable(f"no factor of {run.data.name} has more than one value")
    rows = np.sort(np.random.default_rng(run.settings.random_seed).integers(len(run.codes), size=_CLOUD))
    cloud = np.asarray(run.codes[rows], np.float64)
    coded = [(name, np.asarray(run.codes[along], np.float64), start) for name, along, start in paths]
    text = (
        "From the image with the median of every factor (star) each factor is varied, the others held fixed: posterior means in "
        f"the first two principal components of the codes of {_CLOUD:,} images, which are grey."
    )
    figure = draw_paths(plane_of(cloud), cloud, coded)
    return Drawn(text, [run.figure("factor_paths_pca", figure, "paths of the codes, a colour a factor")])


def training_curves(run: Run) -> Drawn:
    """Losses against steps."""
    figure = draw_curves(scalars(run.train))
    if figure is None:
        raise NotApplicable(
            "the training wrote no losses: the method is fitted at once, or its TensorBoard events are gone"
        )
    text = "As training logged them; terms of a likelihood in nats per image, summed over pixels and latents."
    return Drawn(text, [run.figure("training_curves", figure, "loss, reconstruction and KL against steps")])

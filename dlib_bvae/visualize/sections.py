"""The parts of a run's page, in their order: each draws its pictures from the run's arrays, or says why it cannot."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dlib_bvae.artifacts import write_atomic
from dlib_bvae.datasets.ground_truth import FactorDataset, GroundTruthData
from dlib_bvae.datasets.images import ImageData, training_sample
from dlib_bvae.errors import NotApplicable
from dlib_bvae.metrics.score_info import Matrix
from dlib_bvae.visualize.diagrams import bars, draw_curves, draw_paths, median_paths, plane_of, scalars
from dlib_bvae.visualize.latents import Latents
from dlib_bvae.visualize.matrices import save_matrices
from dlib_bvae.visualize.pictures import decoded, labelled, png

COLUMNS = 10
_CLOUD = 2_000  # codes drawn as dots


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

    codes: posterior means of all images of `data` in index order, (images, latents), which may be memory-mapped. decode: float32
    (n, latents) → images in [0, 1], None where the model has none. shown: the latents that are shown, those that carry most
    first, int64 (k,); columns: their codes of all images, in memory, float32 (images, k). examples: indices int64 of the images
    that are shown encoded. train: the directory with the training's events. directory: where pictures are written.
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

    def images(self, codes: np.ndarray) -> np.ndarray:
        """Codes (…, latents) → float images (…, H, W, C) in [0, 1]. Raises NotApplicable without a decoder."""
        if self.decode is None:
            raise NotApplicable("the model has no decoder, so no code can be shown as an image")
        return decoded(self.decode, codes)

    def save(self, name: str, content: bytes, alt: str) -> Picture:
        """Writes a picture into the run's directory."""
        write_atomic(self.directory / name, content)
        return Picture(name, alt)


class Picture(NamedTuple):
    """A file in the page's folder, and what it shows in words."""

    file: str
    alt: str


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
    picture = png(labelled(rows, ["image", "reconstruction"] * len(originals)))
    text = "Above each image, below what the decoder makes of its code."
    return Drawn(text, [run.save("reconstructions.png", picture, "images and their reconstructions")])


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
            "The encoder gives no posterior variance, and with it no KL to a prior: each latent is drawn on its own from the "
            "codes of the data set, that is from the product of their marginal distributions."
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
    """KL or variance of each latent."""
    latents = run.latents
    sample = f"over {latents.num_images:,} images, drawn by seed {run.settings.random_seed}"
    if latents.with_variance.all():
        text = f"KL(q(z|x) ‖ N(0, 1)) of each latent, the mean {sample}. Latents are ordered by it on this page."
    elif latents.with_variance.any():
        text = (
            f"KL(q(z|x) ‖ N(0, 1)) of each latent that has a posterior variance, the mean {sample}. On this page they come "
            "first, ordered by it; the others, which have no bar, follow by the variance of their codes."
        )
    else:
        text = (
            f"The encoder gives no posterior variance, so latents have no KL: they are ordered by the variance of their codes "
            f"{sample}."
        )
    alt = "bars: how much each latent carries"
    return Drawn(text, [run.save("kl_per_latent.png", bars(latents), alt)])


def information(run: Run) -> Drawn:
    """Mutual information of latents and factors."""
    latents = run.latents
    if latents.information is None or not isinstance(run.data, FactorDataset):
        raise NotApplicable(latents.without)
    order = run.shown
    matrix = Matrix("latents", "factor", "mutual information (nats)")
    names = [f"z{latent}" for latent in order]
    results = {"mutual_information": latents.information[order].tolist(), "latents": names}
    (path,) = save_matrices(run.directory, results, {"mutual_information": matrix}, run.data)
    text = (
        f"Plug-in estimate from the codes of {latents.num_codes:,} images, codes in 20 equal-width bins. A factor that "
        "one latent alone knows has one bright cell in its row."
    )
    return Drawn(text, [Picture(path.name, "heat map: mutual information of latents and factors")])


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
    picture = draw_paths(plane_of(cloud), cloud, coded)
    text = (
        "From the image with the median of every factor (the star) each factor walks through all its values while the others "
        "rest; posterior means in the first two principal components of "
        f"the codes of {_CLOUD:,} images, drawn in grey."
    )
    return Drawn(text, [run.save("factor_traversals_pca.png", picture, "paths of the codes, a colour a factor")])


def training_curves(run: Run) -> Drawn:
    """Losses against steps."""
    picture = draw_curves(scalars(run.train))
    if picture is None:
        raise NotApplicable(
            "the training wrote no losses: the method is fitted at once, or its TensorBoard events are gone"
        )
    text = "Nats an image, summed over pixels and latents, as training logged them."
    return Drawn(text, [run.save("training_curves.png", picture, "loss, reconstruction and KL against steps")])

"""What the [Re] β-VAE report says: its tables as numbers, its protocol, its claims, and defects of its code."""

from __future__ import annotations

import re
from typing import NamedTuple

from dlib_bvae.datasets.images import OFFICIAL, RE_ENCODED, RENDERED

BETAS = (0.1, 1.0, 4.0, 10.0)
VAES = tuple(f"{beta:g}-VAE" for beta in BETAS)
MODELS = (*VAES, "PCA", "ICA")
PAIRS = (16, 64, 128, 256)  # L of Algorithm 1
CLASSIFIERS = {
    "linear": "linear, gradient descent",
    "mlp": "MLP",
    "random_forest": "random forest",
    "logistic_regression": "linear, scikit-learn",
}
# The report's name of a data set → this suite's: first of the official files, then of what is rendered here.
DATA_SETS = {
    "2Dshapes": ("dsprites_full", "dsprites_rendered"),
    "3Dshapes": ("shapes3d", "shapes3d_rendered"),
    "MPI3D-toy": ("mpi3d_toy", "mpi3d_toy_rendered"),
    "CIFAR-10": ("cifar10",),
    "CIFAR-100": ("cifar100",),
}
_CIFAR = re.compile(r"(?:(?:from_file|image_folder)\()?cifar[-_]?(100?)(?!\d)[^()]*\)?", re.IGNORECASE)
_JPEG = re.compile(r"jpe?g|re.?encoded", re.IGNORECASE)
_LABEL = re.compile(r" \((?:re-encoded|re-encoded or unverified|unverified)\)$")
WITH_FACTORS = ("2Dshapes", "3Dshapes", "MPI3D-toy")
FACTORS = {"2Dshapes": 5, "3Dshapes": 6, "MPI3D-toy": 7}
WITHOUT_SHAPE = ("scale", "orientation", "position_x", "position_y")


class Score(NamedTuple):
    """Percent over seeds."""

    mean: float
    std: float
    median: float


# Table 1: model → score with five factors asked for, and with four (never shape).
TABLE_1 = {
    "0.1-VAE": (Score(65.13, 4.98, 64.79), Score(81.89, 2.33, 81.82)),
    "1-VAE": (Score(64.31, 6.56, 63.79), Score(82.39, 5.79, 81.37)),
    "4-VAE": (Score(74.53, 15.06, 76.62), Score(89.09, 15.82, 95.15)),
    "10-VAE": (Score(76.77, 11.44, 79.67), Score(86.86, 15.5, 88.81)),
    "PCA": (Score(69.79, 4.22, 71.53), Score(88.95, 3.89, 89.91)),
    "ICA": (Score(68.99, 1.68, 69.38), Score(83.94, 2.16, 84.12)),
}
# Higgins et al. 2016 as Table 1 reprints them: percent, mean and standard deviation.
HIGGINS = {"1-VAE": (61.58, 0.5), "4-VAE": (99.23, 0.1), "PCA": (84.9, 0.4), "ICA": (42.03, 10.6)}
# Table 2: data set → classifier → percent, mean and standard deviation over β and seeds.
TABLE_2 = {
    "2Dshapes": {
        "linear": (77.62, 13.04),
        "mlp": (78.8, 12.73),
        "random_forest": (80.16, 12.29),
        "logistic_regression": (80.73, 12.03),
    },
    "3Dshapes": {
        "linear": (91.98, 6.82),
        "mlp": (92.61, 6.82),
        "random_forest": (94.45, 6.52),
        "logistic_regression": (94.89, 5.67),
    },
    "MPI3D-toy": {
        "linear": (33.21, 14.38),
        "mlp": (34.78, 15.72),
        "random_forest": (36.25, 16.91),
        "logistic_regression": (35.86, 16.82),
    },
}
# Table 3: FID, in the order of VAES. The VAEs' is of reconstructions from sampled codes, WGAN-GP's of samples of its prior.
TABLE_3 = {"CIFAR-10": (197.8, 171.1, 221.1, 266.5), "CIFAR-100": (132.1, 163.5, 204.6, 252.9)}
WGAN_GP = {"CIFAR-10": 29.3}


class Protocol(NamedTuple):
    """How the report trained; it states no number of steps or epochs."""

    optimiser: str
    batch: int
    latents: int
    seeds: tuple[int, ...]


PROTOCOLS = {
    ("2Dshapes", "MLP"): Protocol("adagrad 0.01", 256, 10, (123, 427, 235, 921)),
    ("2Dshapes", "Conv"): Protocol("adam 0.0005", 256, 10, (123, 427, 235, 921)),
    ("3Dshapes", "Conv"): Protocol("adam 0.0001", 64, 10, (123, 427, 235)),
    ("MPI3D-toy", "Conv"): Protocol("adam 0.0005", 64, 10, (123, 427, 235)),
    ("CIFAR-10", "Conv"): Protocol("adam 0.0005", 64, 128, (4723, 1263)),
    ("CIFAR-100", "Conv"): Protocol("adam 0.0005", 64, 128, (4723, 1263)),
}
# Images that PCA and ICA were fitted to, of one channel and of three.
BASELINES = {"PCA": (25_000, 3_500), "ICA": (2_500, 1_000)}

CLAIMS = (
    "The near-perfect 99 % of Higgins et al. does not reproduce without dropping shape and the worst half of the seeds.",
    "β > 1 does not give the best score on complex data (MPI3D-toy: β = 0.1, then 1).",
    "A high score does not imply a qualitative disentanglement.",
    "A lower β reconstructs better; FID and reconstruction loss move together.",
    "A larger L raises the scores, of PCA and ICA most, and brings the models closer together.",
    "The choice of classifier hardly matters.",
)
DEFECTS = (
    "Its MLP classifier keeps dropout on when it is tested and has no activation between its first two layers.",
    "One optimiser's state is shared by the classifiers of the VAE, of PCA and of ICA.",
    "Its MIG reshapes a matrix where it must transpose it.",
    "Its FID is between images and their own reconstructions (posterior sampled), and Table 3 sets it next to WGAN-GP's, "
    "which is of samples from the prior: two different quantities.",
)


def family(dataset: str) -> str | None:
    """The report's name of the data set called `dataset` here, or labelled so; None where it has none.

    CIFAR has it by any name that begins so, as cifar10_jpeg or image_folder(cifar100), whatever its files are.
    """
    name = _LABEL.sub("", dataset)
    if cifar := _CIFAR.fullmatch(name):
        return f"CIFAR-{cifar[1]}"
    return next((known for known, ours in DATA_SETS.items() if name in ours), None)


def labelled(dataset: str, origin: str) -> str:
    """The name of a data set whose results record `origin`; it says so where the files are not known to be the official ones."""
    if origin in (OFFICIAL, RENDERED):
        return dataset
    if origin == RE_ENCODED:
        return f"{dataset} (re-encoded)"
    if not (family(dataset) or "").startswith("CIFAR"):
        return f"{dataset} (unverified)"
    return f"{dataset} (re-encoded)" if _JPEG.search(f"{dataset} {origin}") else f"{dataset} (re-encoded or unverified)"


def described(dataset: str) -> str:
    """A labelled data set with what its pixels are: the official files', rendered here, or others."""
    if _LABEL.search(dataset):
        return f"{dataset[:-1]}, not the official files)"
    return (
        f"{dataset} ({'rendered here, not the official files' if dataset.endswith('_rendered') else 'official files'})"
    )


def is_re_encoded(dataset: str) -> bool:
    """Whether a labelled data set's pictures were encoded again: then no number of the report stands beside its scores."""
    return dataset.endswith(" (re-encoded)")


def chance(dataset: str, *, without_shape: bool = False) -> float | None:
    """The β-VAE metric of codes that carry nothing, in percent: 1 / factors asked for; None where the report has no factors."""
    factors = FACTORS.get(family(dataset) or "")
    return None if factors is None else 100 / (factors - without_shape)

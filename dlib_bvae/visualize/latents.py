"""What each latent carries: its KL, its variance, and the factor it is most informative about."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dlib_bvae.datasets import ImageData
from dlib_bvae.errors import NotApplicable
from dlib_bvae.metrics.engine.information import binned_tables, gaussian_kl, mutual_information
from dlib_bvae.metrics.engine.sampling import Sampler

_BINS = 20  # of a code, as in dlib_bvae.metrics.mig

_MOST_LETTERS = 24  # of a factor's name in a label


class Latents(NamedTuple):
    """Facts about the latents of a run, by index.

    kl: nats, float64 (latents,), NaN where the encoder gives no variance. variance: of the posterior means, float64 (latents,).
    information: mutual information of code and factor in nats, float64 (latents, factors), or None; factors: their names;
    num_codes: how many codes it is from. without: why there is none. num_images: of which
    kl and variance are means.
    """

    kl: np.ndarray
    variance: np.ndarray
    information: np.ndarray | None
    factors: list[str]
    num_codes: int
    without: str
    num_images: int

    def order(self) -> np.ndarray:
        """Indices int64 (latents,): first those with a KL, the largest first, then the others by variance, likewise."""
        return np.lexsort([-self.variance, -np.nan_to_num(self.kl, nan=-np.inf)])

    @property
    def with_variance(self) -> np.ndarray:
        """Which latents have a posterior variance, and so a KL: bool (latents,)."""
        return np.isfinite(self.kl)

    def amount(self, latent: int) -> str:
        """What it was ordered by: "KL 1.23 nats" or "variance 0.98"."""
        if self.with_variance[latent]:
            return f"KL {self.kl[latent]:.2f} nats"
        return f"variance {self.variance[latent]:.3g}"

    def best(self, latent: int) -> tuple[str, float] | None:
        """The factor of the largest mutual information and that, in nats; None where all are 0 or no factor is known."""
        if self.information is None or not self.information[latent].any():
            return None
        factor = int(self.information[latent].argmax())
        return self.factors[factor], float(self.information[latent, factor])

    def label(self, latent: int) -> str:
        """Two lines for a row: z3 with its amount, then its factor with the mutual information, where there is one."""
        first = f"z{latent}  {self.amount(latent)}"
        if (best := self.best(latent)) is None:
            return first if self.information is None else f"{first}\ntells of no factor"
        return f"{first}\n{short(best[0])} {best[1]:.2f} nats"


def latents_of(
    means: np.ndarray, log_variances: np.ndarray | None, data: ImageData, codes: np.ndarray, num_codes: int, seed: int
) -> Latents:
    """Facts about latents.

    means, log_variances: of a sample of images, float (n, latents); the second is None, or −∞ in a column, without variance.
    data, codes: see dlib_bvae.metrics.score; mutual information is from num_codes of them, drawn by `seed`, fewer
    where they would fill the memory, in 20 bins.
    """
    information, factors, without, used = None, [], "", 0
    try:
        sampler = Sampler("visualize", data, codes, seed)
        num_codes = sampler.source.at_once(num_codes)
        sample = sampler.draw("num_codes", num_codes, 2)
        information = mutual_information(binned_tables(sample.codes, _BINS, sample.factors, sampler.sizes))
        factors, used = sampler.factor_names, len(sample.codes)
    except NotApplicable as reason:
        without = str(reason)
    variance = means.var(axis=0, dtype=np.float64)
    return Latents(kl_per_latent(means, log_variances), variance, information, factors, used, without, len(means))


def kl_per_latent(means: np.ndarray, log_variances: np.ndarray | None) -> np.ndarray:
    """KL(N(mean, exp(log_variance)) ‖ N(0, 1)) in nats, averaged over images: (n, latents) twice → float64 (latents,).

    NaN for latents without variance: log_variances None, or −∞ for any image.
    """
    if log_variances is None:
        return np.full(means.shape[1], np.nan)
    known = np.isfinite(log_variances).all(axis=0)
    kl = gaussian_kl(means, np.where(known, log_variances, 0.0)).mean(axis=0)
    return np.where(known, np.maximum(kl, 0.0), np.nan)  # rounding can take a KL of 0 below it


def short(name: str) -> str:
    """A name on one line, at most 24 letters."""
    plain = " ".join(name.split())
    return plain if len(plain) <= _MOST_LETTERS else f"{plain[: _MOST_LETTERS - 1]}…"

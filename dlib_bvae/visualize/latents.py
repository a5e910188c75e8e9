"""What each latent carries: its KL, what it explains of the images, and the factor it is most informative about."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np

from dlib_bvae.datasets import ImageData
from dlib_bvae.errors import NotApplicable
from dlib_bvae.metrics.engine.information import binned_tables, corrected_information, factor_entropies, gaussian_kl
from dlib_bvae.metrics.engine.sampling import Sampler

NOTICEABLE = 0.1  # nats; a latent that carries less has no name
_BINS = 20  # of a code, as in dlib_bvae.metrics.mig
_MOST_LETTERS = 24  # of a factor's name in a label


class Latents(NamedTuple):
    """Facts about the latents of a run, by index.

    kl: nats, float64 (latents,), NaN where the encoder gives no variance. variance: of the posterior means, float64 (latents,).
    explained: the share of the images' variance that each latent explains alone, by least squares, in 0 … 1, float64 (latents,).
    information: mutual information of code and factor in nats, float64 (latents, factors), or None; factors: their names;
    entropies: theirs in nats; num_codes: how many sampled codes it is from. without: why there is none. num_images: of which
    kl, variance and explained are means.
    """

    kl: np.ndarray
    variance: np.ndarray
    explained: np.ndarray
    information: np.ndarray | None
    factors: list[str]
    entropies: np.ndarray
    num_codes: int
    without: str
    num_images: int

    def order(self) -> np.ndarray:
        """Indices int64 (latents,): first those with a KL, the largest first, then the others by explained variance, likewise."""
        return np.lexsort([-self.explained.round(12), -np.nan_to_num(self.kl, nan=-np.inf)])

    @property
    def with_variance(self) -> np.ndarray:
        """Which latents have a posterior variance, and so a KL: bool (latents,)."""
        return np.isfinite(self.kl)

    def is_active(self, latent: int) -> bool:
        """Whether its KL, else its largest mutual information, is at least NOTICEABLE; True where neither is known."""
        if self.with_variance[latent]:
            return bool(self.kl[latent] >= NOTICEABLE)
        return self.information is None or bool(self.information[latent].max() >= NOTICEABLE)

    def active(self, among: np.ndarray) -> np.ndarray:
        """Those of the latents `among` that are active."""
        return np.array([latent for latent in among if self.is_active(latent)], np.int64)

    def counted(self) -> str:
        """How many are active, "6 of 10 active"; how many there are where none has a KL."""
        if not self.with_variance.any():
            return f"{len(self.kl)}"
        return f"{sum(map(self.is_active, range(len(self.kl))))} of {len(self.kl)} active"

    def amount(self, latent: int) -> str:
        """What it was ordered by: "KL 1.23 nats" or "explains 4.5 %"."""
        if self.with_variance[latent]:
            return f"KL {self.kl[latent]:.2f} nats"
        return f"explains {100 * self.explained[latent]:.1f} %"

    def best(self, latent: int) -> tuple[str, float] | None:
        """The factor of the largest mutual information and that, in nats; None where it is below NOTICEABLE or unknown."""
        if self.information is None or not self.is_active(latent):
            return None
        factor = int(self.information[latent].argmax())
        nats = float(self.information[latent, factor])
        return (self.factors[factor], nats) if nats >= NOTICEABLE else None

    def carried(self, latent: int) -> str:
        """Its factor with the mutual information, or why it has no name; "" where no factor is known."""
        if (best := self.best(latent)) is not None:
            return f"{short(best[0])} {best[1]:.2f} nats"
        if self.with_variance[latent] and not self.is_active(latent):
            return "inactive"
        return "" if self.information is None else f"no factor ≥ {NOTICEABLE} nats"

    def label(self, latent: int) -> str:
        """One or two lines for a row: z3 with its amount, then what it carries."""
        return f"z{latent}  {self.amount(latent)}\n{self.carried(latent)}".rstrip()


def latents_of(
    means: np.ndarray,
    log_variances: np.ndarray | None,
    explained: np.ndarray,
    data: ImageData,
    codes: np.ndarray,
    posterior: Callable[[np.ndarray], np.ndarray | None],
    num_codes: int,
    seed: int,
) -> Latents:
    """Facts about latents.

    means, log_variances: of a sample of images, float (n, latents); the second is None, or −∞ in a column, without variance.
    explained: see explained_variance. data, codes: see dlib_bvae.metrics.score. posterior: indices of images (n,) → their log
    variances. Mutual information is from num_codes codes, each drawn by `seed` from the posterior of another image, of each image
    several where there are fewer, in 20 bins, without the estimate's bias (corrected_information). Fewer images are taken where
    their codes would fill the memory.
    """
    information, factors, entropies, without, used = None, [], np.empty(0), "", 0
    try:
        sampler = Sampler("visualize", data, codes, seed)
        rows = np.sort(sampler.different(sampler.images, sampler.source.at_once(num_codes)))
        sample = sampler.of(rows)
        drawn = sampled(sample.codes, posterior(rows), -(-num_codes // len(rows)), sampler.seed())
        values = np.tile(sample.factors, (len(drawn) // len(rows), 1))
        information = corrected_information(binned_tables(drawn, _BINS, values, sampler.sizes))
        factors, used = sampler.factor_names, len(drawn)
        entropies = factor_entropies(sample.factors, sampler.sizes)
    except NotApplicable as reason:
        without = str(reason)
    kl, variance = kl_per_latent(means, log_variances), means.var(axis=0, dtype=np.float64)
    return Latents(kl, variance, explained, information, factors, entropies, used, without, len(means))


def sampled(means: np.ndarray, log_variances: np.ndarray | None, times: int, seed: int) -> np.ndarray:
    """Codes from each posterior N(mean, exp(log_variance)), all once, then all again: float64 (times · n, latents).

    Where there is no variance at all, the means, once.
    """
    if log_variances is None or not np.isfinite(log_variances).any():
        return np.asarray(means, np.float64)
    deviations = np.exp(0.5 * log_variances.astype(np.float64))
    noise = np.random.default_rng(seed).normal(size=(times, *means.shape))
    return (means + deviations * noise).reshape(-1, means.shape[1])


def explained_variance(means: np.ndarray, batches: Iterable[np.ndarray]) -> np.ndarray:
    """The share of the images' variance over all pixels that each code explains alone, by least squares: float64 (latents,).

    means: codes (n, latents). batches: their images in this order, float (…, H, W, C). Of whitened principal components these are
    the shares of variance that the components explain; 0 for constant codes.
    """
    centred = np.asarray(means, np.float64) - means.mean(axis=0, dtype=np.float64)
    first, cross, total, squares = 0, 0.0, 0.0, 0.0
    for batch in batches:
        pixels = batch.reshape(len(batch), -1).astype(np.float64)
        cross = cross + centred[first : first + len(batch)].T @ pixels
        total, squares = total + pixels.sum(axis=0), squares + float(np.sum(pixels**2))
        first += len(batch)
    spread = max(squares - float(np.sum(np.square(total))) / len(means), 0.0)
    scale = np.sum(centred**2, axis=0) * spread
    return np.divide(np.sum(np.square(cross), axis=1), scale, out=np.zeros(len(scale)), where=scale > 0)


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

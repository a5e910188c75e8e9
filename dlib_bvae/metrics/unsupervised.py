"""Scores that need no factors: how dependent the codes are on each other."""

from __future__ import annotations

from collections.abc import Callable

import gin
import numpy as np
from numpy.typing import ArrayLike

from dlib_bvae.datasets import ImageData
from dlib_bvae.datasets.ground_truth import RandomState
from dlib_bvae.errors import check_integer
from dlib_bvae.metrics.engine.bounds import MOST_BINS
from dlib_bvae.metrics.engine.codes import Codes, MetricData
from dlib_bvae.metrics.engine.information import contingency, histogram_bins, mutual_information
from dlib_bvae.metrics.engine.sampling import Sampler
from dlib_bvae.metrics.score_info import MISSING, UNJUDGED, About, Matrix, Result, Sampling, Score, Validity

SCORES = {
    "gaussian_total_correlation": Score(0, None, False, null=None),
    "gaussian_wasserstein_correlation": Score(0, None, False, null=None),
    "gaussian_wasserstein_correlation_norm": Score(0, 2, False, null=None),
    "mutual_info_score": Score(0, None, False, null=None),
}
MATRICES = {"code_mutual_information": Matrix("code", "code", "mutual information (nats)")}
SAMPLING = Sampling(images=("num_train",))
ABOUT = {
    "unsupervised": About(
        "dependence among codes, in nats or as a distance",
        ("gaussian_total_correlation", "mutual_info_score"),
        ("num_bins",),
        "Locatello et al. 2019",
        defects="Less is better, and noise is the ideal. The total correlation is that of a Gaussian: dependence "
        "without correlation is not seen.",
    )
}
VALIDITY = {
    "unsupervised": Validity(
        {"gaussian_total_correlation": UNJUDGED, "mutual_info_score": UNJUDGED},
        "It looks at the codes alone: rotated codes of independent factors and noise have a "
        "gaussian_total_correlation of 0.00 and 0.01, as aligned codes have. Aligned codes of dependent factors "
        "have one of 0.98 to 1.46, which is the factors' dependence.",
    ),
}

_SAMPLED, _AT_ONCE = 10_000, 250  # images of sampled_total_correlation, and of them at a time
_MOST_CODES = 1_000  # every pair of codes has a contingency table


@gin.configurable(denylist=["data", "codes", "random_state"])
def unsupervised(
    data: MetricData, codes: Codes, random_state: RandomState, *, num_train: int = 10_000, num_bins: int = 20
) -> Result:
    """Dependence among the codes of num_train images: Gaussian total correlation and Wasserstein distance, pairwise MI.

    disentanglement_lib's unsupervised_metrics (Locatello et al. 2019, appendix). With the covariance C of the codes and
    its diagonal D: total correlation ½ (Σ log D − log det C) in nats; squared 2-Wasserstein distance from N(0, C) to
    N(0, D), 2 tr C − 2 tr (D^½ C D^½)^½, and the same over tr C; and the mean over pairs of different codes of their
    mutual information in nats, in num_bins equal-width bins. Constant codes depend on nothing and add nothing (the
    reference code gives NaN). Where codes are linear functions of each other the total correlation is infinite: None, with the
    reason in missing_scores.

    data, codes, random_state: see dlib_bvae.metrics.score. Returns the four scores and code_mutual_information
    (latents × latents, zeros on the diagonal). Raises UserError for numbers out of range or more than 1,000 codes.
    """
    check_integer("unsupervised.num_bins", num_bins, 2, MOST_BINS)
    sampler = Sampler("unsupervised", data, codes, random_state, least_factors=0, most_codes=_MOST_CODES)
    sample = sampler.draw("num_train", num_train, 2)
    covariance = np.atleast_2d(np.cov(sample.codes, rowvar=False))
    latents, trace = len(covariance), float(np.trace(covariance))
    bins = histogram_bins(sample.codes, num_bins)
    information = mutual_information(contingency(bins, num_bins, bins, [num_bins] * latents))
    np.fill_diagonal(information, 0)
    distance, gaussian = wasserstein_correlation(covariance), total_correlation(covariance)
    infinite = {"gaussian_total_correlation": "it is infinite, as codes are linear functions of each other"}
    return {
        "gaussian_total_correlation": gaussian,
        **({MISSING: infinite} if gaussian is None else {}),
        "gaussian_wasserstein_correlation": distance,
        "gaussian_wasserstein_correlation_norm": distance / trace if trace else 0.0,
        "mutual_info_score": float(information.sum() / max(latents * (latents - 1), 1)),
        "code_mutual_information": information.tolist(),
    }


def total_correlation(covariance: np.ndarray) -> float | None:
    """Total correlation in nats of a Gaussian with this covariance (latents, latents); None where it is infinite."""
    varying = np.diag(covariance) > 0
    if not varying.any():
        return 0.0
    scale = np.sqrt(np.diag(covariance)[varying])
    spectrum = np.linalg.eigvalsh(covariance[np.ix_(varying, varying)] / np.outer(scale, scale))
    if spectrum[0] <= len(spectrum) * np.finfo(float).eps * spectrum[-1]:
        return None
    return max(0.0, float(-0.5 * np.log(spectrum).sum()))


def wasserstein_correlation(covariance: np.ndarray) -> float:
    """Squared 2-Wasserstein distance from a Gaussian with this covariance to the product of its marginals."""
    scale = np.sqrt(np.diag(covariance))
    # Symmetric, so that the roots are real; it has the spectrum of the covariance times its diagonal.
    spectrum = np.linalg.eigvalsh(scale[:, None] * covariance * scale)
    return max(0.0, float(2 * np.trace(covariance) - 2 * np.sqrt(np.maximum(spectrum, 0)).sum()))


def sampled_total_correlation(
    encode: Callable[[np.ndarray], tuple[ArrayLike, ArrayLike]], data: ImageData, seed: int
) -> float | None:
    """The Gaussian total correlation, in nats, of a sampled code of each of 10,000 images, drawn with replacement.

    encode: observations float32 (n, H, W, C) → mean and log variance of Gaussian posteriors, (n, latents) both.
    None where it is infinite, as codes are linear functions of each other.
    """
    rng = np.random.default_rng(seed)
    codes = []
    for rows in np.array_split(rng.integers(data.num_images, size=_SAMPLED), _SAMPLED // _AT_ONCE):
        mean, log_variance = (np.asarray(each, np.float64) for each in encode(data.observations_at(rows)))
        codes.append(mean + np.exp(0.5 * log_variance) * rng.normal(size=mean.shape))
    return total_correlation(np.atleast_2d(np.cov(np.concatenate(codes), rowvar=False)))

"""How far codes and factors are linear maps of each other, and that map a rotation (Klindt et al. 2026)."""

from __future__ import annotations

from collections.abc import Sequence

import gin
import numpy as np

from dlib_bvae.datasets.ground_truth import RandomState
from dlib_bvae.errors import UserError
from dlib_bvae.metrics.engine.codes import Codes, MetricData
from dlib_bvae.metrics.engine.sampling import Sample, Sampler
from dlib_bvae.metrics.engine.scaling import deviations
from dlib_bvae.metrics.score_info import MISSING, READABLE, ROTATION, About, Result, Sampling, Score, Validity

SCORES = {
    "r2_factors_to_codes": Score(None, 1.0, True, 0.0),
    "r2_codes_to_factors": Score(None, 1.0, True),
    "orthogonality_error": Score(0.0, None, False),
    "procrustes_error": Score(0.0, None, False),
}
SAMPLING = Sampling(images=("num_train", "num_test"))
ABOUT = {
    "linear_identifiability": About(
        "how far codes and factors are linear maps of each other, and that map a rotation",
        tuple(SCORES),
        ("leave_out",),
        "Klindt et al. 2026",
        defects="The grids of this package declare no kinds of factors: name those that are no numbers, "
        '`linear_identifiability.leave_out = ["shape", "orientation"]` on dSprites.',
    )
}
VALIDITY = {
    "linear_identifiability": Validity(
        {
            "r2_factors_to_codes": READABLE,
            "r2_codes_to_factors": READABLE,
            "orthogonality_error": ROTATION,
            "procrustes_error": ROTATION,
        },
        "r2_factors_to_codes is 1.00 where two of four factors have no code, and r2_codes_to_factors then 0.81 if "
        "the factors form a causal chain. Sine-cosine codes have an r2_codes_to_factors of 0.70 to 0.76 although "
        "no factor is lost, and orthogonality_error takes aligned codes of correlated factors for wrong (1.08), as"
        " it whitens factors.",
    ),
}

_LEAST_IMAGES = 2
_LEAST_SHARE = 1e-10  # of the variance of factors, below which a direction of them is a combination of others


@gin.configurable(denylist=["data", "codes", "random_state"])
def linear_identifiability(
    data: MetricData,
    codes: Codes,
    random_state: RandomState,
    *,
    num_train: int = 10_000,
    num_test: int = 5_000,
    leave_out: Sequence[str] = (),
) -> Result:
    """Whether codes are the factors up to a linear map or a rotation, which mig and dci punish by their definition.

    Klindt et al. 2026, "When does LeJEPA learn a world model?". Maps are fitted to num_train images by least squares, with a
    constant, and scored on num_test others. Factors are whitened by the training images: N uncorrelated ones of variance 1,
    where N is the number of factors less those that are linear combinations of others. Codes are taken as they are: both errors
    are 0 only for codes of variance 1 too.

    r2_factors_to_codes: the share of the variance of all codes together that the factors explain, so that dead codes hardly
    count; 0 for constant codes. r2_codes_to_factors: the share of each factor's variance that the codes explain, mean over
    factors; None unless there are at least twice as many training images as codes. Either is below 0 where the fit is worse
    than the mean; noise in m codes has r2_codes_to_factors near −m / (num_train − m).
    orthogonality_error: ‖AᵀA − I‖ / √N (Frobenius) of the map A from whitened factors to codes; 0 for a rotation, 1 for codes
    that know nothing. AᵀA is the product of the maps of the training and of the test images: the square of one map counts
    its error too, by which 10,000 codes of unit noise would be a rotation of the factors of 10,000 images.
    procrustes_error: mean of ‖h − Qz‖² over test images / N, with h the centred codes, z the whitened factors, Q the rotation
    that is best on training images, and zeros for codes or factors that there are fewer of; 1 for constant codes.

    Factors are taken for numbers: cyclic ones and categorical ones of more than two values, as declared by the data set, and
    those named in leave_out are left out; a factor of no declared kind is taken for ordinal. Images that lack one of the
    others do not count.

    data, codes, random_state: see dlib_bvae.metrics.score. Returns the scores, r2_per_factor (None as its mean is), factors
    (their names), left_out ({factor: why}). Raises UserError for numbers out of range, unknown names, and images that show
    one value of a factor by chance; NotApplicable where no factor is a number.
    """
    name = "linear_identifiability"
    sampler = Sampler(name, data, codes, random_state)
    columns, left_out = sampler.factors.numeric(name, leave_out)
    names = [sampler.factor_names[k] for k in columns]
    samples = sampler.train_and_test(num_train, num_test, least_test=2)
    (seen, factors), (fresh, truth) = (
        _complete(name, parameter, each, columns, names)
        for parameter, each in zip(("num_train", "num_test"), samples, strict=True)
    )
    whitening = _whitening(factors)
    white, white_truth = ((each - factors.mean(axis=0)) @ whitening for each in (factors, truth))
    centre = seen.mean(axis=0)
    seen -= centre
    fresh -= centre
    fitted = _map(white, seen)
    errors = _errors(fitted, white_truth, fresh)
    r2, missing = _r2_per_factor(seen, factors, fresh, truth)
    return {
        "r2_factors_to_codes": _explained(fresh, white_truth @ fitted.T),
        "r2_codes_to_factors": None if r2 is None else float(np.mean(r2)),
        **errors,
        "r2_per_factor": None if r2 is None else dict(zip(names, r2, strict=True)),
        "factors": names,
        "left_out": left_out,
        **missing,
    }


def _complete(
    name: str, parameter: str, sample: Sample, columns: Sequence[int], names: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    """The codes and the factors of the images that have all of them."""
    numbers = sample.numbers_in(columns)
    known = ~np.isnan(numbers).any(axis=1)
    codes, numbers = (sample.codes, numbers) if known.all() else (sample.codes[known], numbers[known])
    if len(numbers) < _LEAST_IMAGES:
        raise UserError(
            f"{len(numbers)} of the images of {name}.{parameter} have a value of each of {names}; draw more, or name factors in "
            f"{name}.leave_out"
        )
    constant = np.flatnonzero(np.ptp(numbers, axis=0) == 0)
    if len(constant):
        raise UserError(
            f"{name}.{parameter}: {len(numbers)} images show one value of {names[constant[0]]!r} only by chance; use more"
        )
    return codes, numbers


def _whitening(factors: np.ndarray) -> np.ndarray:
    """The map (factors, N) from centred factors (n, factors) to N uncorrelated ones of variance 1."""
    variances, directions = np.linalg.eigh(np.atleast_2d(np.corrcoef(factors, rowvar=False)))
    kept = variances > _LEAST_SHARE * variances.max()
    return directions[:, kept] / np.sqrt(variances[kept]) / deviations(factors)[:, None]


def _map(factors: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Least squares, with a constant, of codes (n, latents) on factors (n, N): float64 (latents, N)."""
    return (np.linalg.pinv(factors - factors.mean(axis=0)) @ codes).T


def _errors(fitted: np.ndarray, factors: np.ndarray, codes: np.ndarray) -> dict[str, float]:
    """Both errors of the map (latents, N) of training images, by test images: factors (n, N) and codes (n, latents)."""
    count = fitted.shape[1]
    product = fitted.T @ _map(factors, codes)
    left, _, right = np.linalg.svd(fitted, full_matrices=False)
    agreement = np.mean(((codes @ left) * (factors @ right.T)).sum(axis=1))
    lengths = (codes**2).sum(axis=1).mean() + (factors**2).sum(axis=1).mean()
    return {
        "orthogonality_error": float(np.linalg.norm((product + product.T) / 2 - np.eye(count)) / np.sqrt(count)),
        "procrustes_error": float(max(0.0, lengths - 2 * agreement) / count),
    }


def _explained(values: np.ndarray, predicted: np.ndarray) -> float:
    """1 less the squared error as a share of the variance of all columns of (n, columns); 0 where all are constant."""
    spread = float((deviations(values) ** 2).sum())
    return 1 - float(((values - predicted) ** 2).mean(axis=0).sum()) / spread if spread else 0.0


def _r2_per_factor(
    codes: np.ndarray, factors: np.ndarray, fresh: np.ndarray, truth: np.ndarray
) -> tuple[list[float] | None, Result]:
    """R² on test images of each factor; None where training images are few, and what the result then says of it."""
    if len(codes) < 2 * codes.shape[1]:
        reason = f"{len(codes):,} training images are fewer than two a code, of {codes.shape[1]:,}; raise num_train"
        return None, {MISSING: {"r2_codes_to_factors": reason}}
    scale = deviations(codes)
    scale[scale == 0] = np.inf  # a constant code predicts nothing
    weights = np.linalg.lstsq(codes / scale, factors - factors.mean(axis=0), rcond=None)[0]
    predicted = fresh / scale @ weights + factors.mean(axis=0)
    return [_explained(truth[:, [k]], predicted[:, [k]]) for k in range(factors.shape[1])], {}

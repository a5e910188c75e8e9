"""How far images are from what the decoder makes of their codes."""

from __future__ import annotations

from collections.abc import Callable

import gin
import numpy as np

from dlib_bvae.datasets import as_dataset
from dlib_bvae.datasets.ground_truth import RandomState, as_rng
from dlib_bvae.errors import NotApplicable, UserError, check_integer
from dlib_bvae.metrics.engine.codes import Codes, MetricData, check_codes
from dlib_bvae.metrics.score_info import About, Result, Sampling, Score

_BATCH = 256
_SMALLEST = 1e-6  # a probability below counts as this: float32 sigmoids reach 0 and 1

SCORES = {name: Score(0.0, None, False, null=None) for name in ("squared_error", "bernoulli_error")}
SAMPLING = Sampling(images=("num_images",))
ABOUT = {
    "reconstruction_error": About(
        "error of the decoded codes: summed squares, nats",
        ("squared_error", "bernoulli_error"),
        ("num_images",),
        "–",
        "seconds",
    )
}


@gin.configurable(denylist=["data", "codes", "random_state", "decode"])
def reconstruction_error(
    data: MetricData,
    codes: Codes,
    random_state: RandomState,
    *,
    decode: Callable[[np.ndarray], np.ndarray] | None = None,
    num_images: int = 10_000,
) -> Result:
    """Mean error of the decoded codes over `num_images` images drawn without repetition (all, where there are fewer).

    data, codes, random_state: see dlib_bvae.metrics.score; data may have no factors. decode: latents float32 (n, latents)
    → images (n, H, W, C) in [0, 1]; dlib_bvae_evaluate gives the run's. Returns squared_error, summed over pixels and
    averaged over images, and bernoulli_error, the cross entropy in nats, likewise: lower is better. For held-out
    combinations see Montero et al. 2021.
    Raises NotApplicable without a decoder, UserError for images of another shape.
    """
    if decode is None:
        raise NotApplicable(
            "reconstruction_error needs the model's decoder: score a trained run that has one, a SavedModel with a signature "
            "decode, or give decode=…"
        )
    check_integer("reconstruction_error.num_images", num_images, 1)
    images = as_dataset(data, "data")
    if not callable(codes):
        codes = check_codes(codes, images.num_images)
    rows = np.sort(as_rng(random_state).permutation(images.num_images)[:num_images])
    squared = bernoulli = 0.0
    for start in range(0, len(rows), _BATCH):
        part = rows[start : start + _BATCH]
        seen = images.observations_at(part)
        latents = np.asarray(codes(seen) if callable(codes) else codes[part], np.float32)
        if not np.isfinite(latents).all():
            raise UserError("a code is NaN or infinite; encode the data set again")
        decoded = np.asarray(decode(latents), np.float64)
        if decoded.shape != seen.shape:
            raise UserError(f"decode must give images {seen.shape}; got {decoded.shape}")
        squared += float(np.sum((seen - decoded) ** 2))
        sure = np.clip(decoded, _SMALLEST, 1 - _SMALLEST)
        bernoulli -= float(np.sum(seen * np.log(sure) + (1 - seen) * np.log1p(-sure)))
    return {"squared_error": squared / len(rows), "bernoulli_error": bernoulli / len(rows)}

"""How far images are from what the decoder makes of their codes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gin
import numpy as np

from dlib_bvae.datasets.ground_truth import as_rng
from dlib_bvae.errors import UserError, check_whole
from dlib_bvae.metrics.codes import CodeSource
from dlib_bvae.metrics.facts import Score

_BATCH = 256
_SMALLEST = 1e-6  # a probability below counts as this: float32 sigmoids reach 0 and 1

SCORES = {name: Score(0.0, None, False) for name in ("squared_error", "bernoulli_error")}


@gin.configurable(denylist=["data", "codes", "random_state", "decode"])
def reconstruction_error(
    data: Any,
    codes: Any,
    random_state: Any,
    *,
    decode: Callable[[np.ndarray], np.ndarray] | None = None,
    num_images: int = 10_000,
) -> dict[str, float]:
    """Mean error of the decoded codes over `num_images` images drawn without repetition (all, where there are fewer).

    data, codes, random_state: see dlib_bvae.metrics.score. decode: latents float32 (n, latents) → images (n, H, W, C) in
    [0, 1]; dlib_bvae_evaluate gives the run's own. Returns squared_error, summed over pixels and averaged over images, and
    bernoulli_error, the cross entropy in nats, likewise: lower is better. For held-out combinations see Montero et al. 2021.
    Raises UserError without a decoder and for images of another shape.
    """
    if decode is None:
        raise UserError(
            "reconstruction_error needs the model's decoder: score it by dlib_bvae_evaluate, or give decode=…"
        )
    check_whole("reconstruction_error.num_images", num_images, 1)
    source = CodeSource(data, codes)
    rng = as_rng(random_state)
    rows = np.sort(rng.permutation(source.num_images)[:num_images])
    images = np.random.RandomState(0)
    squared = bernoulli = 0.0
    for start in range(0, len(rows), _BATCH):
        part = rows[start : start + _BATCH]
        factors = np.stack(np.unravel_index(part, source.sizes), axis=1)
        seen = np.asarray(data.sample_observations_from_factors(factors, images), np.float64)
        made = np.asarray(decode(source.at(part, images).astype(np.float32)), np.float64)
        if made.shape != seen.shape:
            raise UserError(f"decode must give images {seen.shape}; got {made.shape}")
        squared += float(np.sum((seen - made) ** 2))
        sure = np.clip(made, _SMALLEST, 1 - _SMALLEST)
        bernoulli -= float(np.sum(seen * np.log(sure) + (1 - seen) * np.log1p(-sure)))
    return {"squared_error": squared / len(rows), "bernoulli_error": bernoulli / len(rows)}

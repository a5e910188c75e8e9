"""OMES (Dapueto et al. 2024): do pairs of images that differ in one factor differ in one code, and in no other?"""

from __future__ import annotations

from collections.abc import Iterator

import gin
import numpy as np

from dlib_bvae.datasets.ground_truth import RandomState
from dlib_bvae.errors import check_integer, check_number, unknown
from dlib_bvae.metrics.active import check_threshold
from dlib_bvae.metrics.engine.bounds import MOST_IMAGES
from dlib_bvae.metrics.engine.codes import Codes, MetricData
from dlib_bvae.metrics.engine.sampling import Sampler
from dlib_bvae.metrics.score_info import COUNT, MODULAR, ONE_TO_ONE, UNIT, About, Matrix, Result, Sampling, Validity

# Noise scores (alpha / factors + (1 - alpha) / codes), so no score has a chance level for any data.
SCORES = {"omes": UNIT, "overlap": UNIT, "multiple_encoding": UNIT, "num_active_dims": COUNT}
MATRICES = {
    "association": Matrix(
        "active code", "factor", "1 − |correlation| within pairs\nthat differ in the factor", high=1.0
    )
}
SAMPLING = Sampling(images=("num_train",))
ABOUT = {
    "omes": About(
        "whether pairs that differ in one factor differ in one code only",
        ("omes", "overlap", "multiple_encoding"),
        ("alpha", "pooling"),
        "Dapueto et al. 2024",
        defects="A code that is a factor of m values has the association 1 − 1/(m − 1): 0 for two values, 0.5 for "
        "dSprites' three shapes. Compare scores within a data set only. Noise is above 0: 0.15 on dSprites "
        "with ten codes.",
    )
}
VALIDITY = {
    "omes": Validity(
        {"omes": ONE_TO_ONE, "overlap": MODULAR, "multiple_encoding": ONE_TO_ONE},
        "Aligned codes of factors of five to eight values score 0.71, less than squares that lost their sign "
        "(0.73) and little more than pairwise linear mixtures (0.65). The fewer values, the less: aligned codes of"
        " three and four values score 0.51, and without a full grid of factors it has no value.",
    ),
}

AVERAGE, MAX = POOLINGS = ("average", "max")
_CHUNK_PAIRS = 32_768


@gin.configurable(denylist=["data", "codes", "random_state"])
def omes(
    data: MetricData,
    codes: Codes,
    random_state: RandomState,
    *,
    num_train: int = 10_000,
    alpha: float = 0.5,
    pooling: str = AVERAGE,
    prune_threshold: float = 0.05,
) -> Result:
    """How nearly each factor is encoded by one code (no multiple encoding) that encodes no other factor (no overlap).

    Dapueto et al. 2024, "Transferring disentangled representations" (arXiv 2409.18017), pooled as in the authors' code.
    num_train pairs of images for each factor, which differ in that factor only; the association c of code j and factor k is
    1 − |Pearson correlation of the code of the first image with that of the second| over the pairs of k. The overlap score of
    (j, k) is 1 less the mean distance of row j from a row that is 1 at k and 0 elsewhere; the multiple encoding score
    1 less that of column k from a column that is 1 at j. pooling: of a factor's codes "average", Σ c² score / Σ c, or "max",
    the largest c · score. omes is the mean over factors of alpha · overlap + (1 − alpha) · multiple encoding.

    A code that is a factor of m equally spaced values, and nothing else, has c = 1 − 1/(m − 1): its two values of a pair are
    different, so they correlate by −1/(m − 1). A factor of two values thus has no association with any code, and 1 is
    reached only as the number of values grows. Noise has c = 1 throughout, and omes alpha/factors + (1 − alpha)/codes.

    data, codes, random_state: see dlib_bvae.metrics.score. Disjoint sampling: an image is in one pair of a factor at most.
    Codes whose standard deviation over the images drawn is below prune_threshold are left out. Returns omes, overlap
    (alpha = 1) and multiple_encoding (alpha = 0) in [0, 1], all 0 without an active code, num_active_dims, active_codes,
    omes_per_factor and association (active codes × factors). Raises UserError for numbers out of range, NotApplicable
    for images that make no grid.
    """
    alpha = check_number("omes.alpha", alpha, 0, 1)
    check_threshold("omes.prune_threshold", prune_threshold)
    check_integer("omes.num_train", num_train, 2, MOST_IMAGES)
    if pooling not in POOLINGS:
        raise unknown("omes.pooling", str(pooling), POOLINGS)
    sampler = Sampler("omes", data, codes, random_state, full_grid=True)
    unchanged, deviation = _correlations(sampler, num_train)
    active = np.flatnonzero((deviation >= prune_threshold) & (deviation > 0))
    association = 1 - np.abs(unchanged[active])
    overlap, encoding = pooled(association, pooling)
    per_factor = alpha * overlap + (1 - alpha) * encoding
    return {
        "omes": float(per_factor.mean()),
        "overlap": float(overlap.mean()),
        "multiple_encoding": float(encoding.mean()),
        "num_active_dims": len(active),
        "active_codes": active.tolist(),
        "omes_per_factor": sampler.by_factor(per_factor),
        "association": association.tolist(),
    }


def pooled(association: np.ndarray, pooling: str) -> tuple[np.ndarray, np.ndarray]:
    """Association (codes, factors) in [0, 1] → overlap and multiple encoding score of each factor, (factors,) in [0, 1]."""
    num_codes, num_factors = association.shape
    if not num_codes:
        return np.zeros(num_factors), np.zeros(num_factors)
    missed = 1 - 2 * association  # the entry itself should be 1, all others 0
    overlap = 1 - (association.sum(axis=1, keepdims=True) + missed) / num_factors
    encoding = 1 - (association.sum(axis=0) + missed) / num_codes
    return _pool(association, overlap, pooling), _pool(association, encoding, pooling)


def _pool(association: np.ndarray, scores: np.ndarray, pooling: str) -> np.ndarray:
    if pooling == MAX:
        return (association * scores).max(axis=0)
    total = association.sum(axis=0)
    return (association**2 * scores).sum(axis=0) / np.where(total > 0, total, 1)


def _correlations(sampler: Sampler, num_train: int) -> tuple[np.ndarray, np.ndarray]:
    """The correlation of each code within the pairs of each factor, (latents, factors), and its standard deviation, (latents,).

    A code that does not vary over the pairs of a factor has correlation 1: it does not change with it.
    """
    images = np.random.RandomState(sampler.seed())
    shift, found, drawn = None, [], []
    fewest = num_train
    for factor in range(len(sampler.kept)):
        first, second = pairs(sampler, factor, num_train)
        fewest = min(fewest, len(first))
        moments: np.ndarray | float = 0.0  # Σx, Σy, Σx², Σy², Σxy of each code
        for part in _chunks(sampler, len(first)):
            x, y = (sampler.source.at(rows[part], images) for rows in (first, second))
            shift = x[0] if shift is None else shift  # large means would cost digits
            x, y = x - shift, y - shift
            moments = moments + np.stack(
                [x.sum(0), y.sum(0), *(np.einsum("ij,ij->j", a, b) for a, b in ((x, x), (y, y), (x, y)))]
            )
        found.append(_correlation(np.asarray(moments), len(first)))
        drawn.append((2 * len(first), np.asarray(moments)))
    sampler.note("num_train", num_train, fewest, 2)
    number = sum(count for count, _ in drawn)
    total, squares = (sum(each[k] + each[k + 1] for _, each in drawn) for k in (0, 2))
    deviation = np.sqrt(np.maximum(squares - total**2 / number, 0) / max(number - 1, 1))
    return np.stack(found, axis=1), deviation


def _chunks(sampler: Sampler, num: int) -> Iterator[slice]:
    step = max(1, sampler.source.at_once(_CHUNK_PAIRS))
    return (slice(start, start + step) for start in range(0, num, step))


def _correlation(moments: np.ndarray, num: int) -> np.ndarray:
    x, y, xx, yy, xy = moments
    spread = np.sqrt(np.maximum(xx - x * x / num, 0) * np.maximum(yy - y * y / num, 0))
    varies = spread > 0
    return np.where(varies, np.clip((xy - x * y / num) / np.where(varies, spread, 1), -1, 1), 1.0)


def pairs(sampler: Sampler, factor: int, num: int) -> tuple[np.ndarray, np.ndarray]:
    """Grid indices of at most `num` pairs, int64 (pairs,) twice, which differ in a factor (its place among those that vary) only.

    No image is in two pairs: the images of a line along the factor are paired at random. With replacement: each pair is drawn
    independently, and there are `num`.
    """
    size = sampler.sizes[factor]
    if sampler.with_replacement:
        rows = sampler.draw_rows("num_train", num, 2)
        step = np.random.default_rng(sampler.seed()).integers(1, size, size=num)
        return rows, sampler.moved(rows, factor, (sampler.values(rows, factor) + step) % size)
    on_line = size // 2
    chosen = sampler.different(sampler.num_lines(factor) * on_line, num)
    lines, place = np.unique(chosen // on_line, return_inverse=True)
    order = np.random.default_rng(sampler.seed()).permuted(np.tile(np.arange(size), (len(lines), 1)), axis=1)
    slot = 2 * (chosen % on_line)
    return (
        sampler.on_lines(chosen // on_line, factor, order[place, slot]),
        sampler.on_lines(chosen // on_line, factor, order[place, slot + 1]),
    )

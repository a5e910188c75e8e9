"""The null of scores: takes the scores of the same codes under random matchings to images, hands on what chance gives.

A matching gives the codes of images to other images at random: it keeps the joint distribution of the codes and no relation to
the factors. It works for every metric of codes alike, since a metric only sees codes in another order.

A metric's file may offer a faster `nulls(score, codes, orders)`, which gives the very results of one_by_one. score: codes → the
metric's result, all else given; codes: array (images, latents); orders: int (images,) each. Metrics of this package, which read
codes by CodeReader only, have by_index.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from dlib_bvae.datasets.ground_truth import RandomState, as_rng, draw
from dlib_bvae.errors import UserError, check_memory
from dlib_bvae.metrics.engine.codes import CodeReader, Codes, IndexedCodes, MetricData, ReorderedCodes
from dlib_bvae.metrics.score_info import MISSING, PERMUTATION, UNKNOWN, Score, info_of
from dlib_bvae.progress_line import progress

LEAST_FOR_P = 19  # matchings: with fewer no p is 0.05 or less
MOST = 10_000
NULL, VALUES = "null", "null_scores"  # entries of a result
STATISTICS = ("mean", "std", "q95", "z", "p", "adjusted")
_STREAM = 0x6E756C6C  # no metric draws from it
_EQUAL = 1e-9  # scores that differ by less are equal
_WHY = "missing"  # {statistic: why it is None}
_BYTES = 2**33  # of the codes in another order

Values: TypeAlias = dict[str, list[float | None]]
ScoreOf: TypeAlias = Callable[[Any], Mapping[str, Any]]  # codes → a metric's result


def orders(
    images: int, number: int, seed: int, first: int = 0, among: np.ndarray | None = None
) -> Iterator[np.ndarray]:
    """`number` matchings, those from the `first`: which image's code each of `images` has, int64; each by seed and its number.

    among: indices of the images whose codes are matched anew, those that a metric reads; None: all.
    """
    for k in range(first, first + number):
        rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(_STREAM, k)))
        order = np.arange(images)
        if among is None:
            order = rng.permutation(images)
        else:
            order[among] = rng.permutation(among)
        yield order


def one_by_one(score: ScoreOf, codes: IndexedCodes, orders: Iterable[np.ndarray]) -> Iterator[Mapping[str, Any]]:
    """The result of `score` on an array of the codes in each of the orders.

    Raises UserError where the codes in another order do not fit into 8 GiB.
    """
    what = f"{len(codes):,} codes of {codes.shape[1]:,} numbers in another order"
    check_memory(
        what,
        codes.dtype.itemsize * codes.shape[0] * codes.shape[1],
        _BYTES,
        "score a subsample of the images, fewer codes, or without a null",
    )
    for order in orders:
        yield score(codes[order])


def by_index(score: ScoreOf, codes: IndexedCodes, orders: Iterable[np.ndarray]) -> Iterator[Mapping[str, Any]]:
    """The same without a copy of all codes, of metrics that read them by CodeReader only."""
    for order in orders:
        yield score(ReorderedCodes(codes, order))


def seed_of(random_state: RandomState) -> int:
    """The seed of matchings for a random state, which stays as it is: itself where it is an int."""
    if isinstance(random_state, (int, np.integer)):
        return int(random_state)
    return int(draw(as_rng(copy.deepcopy(random_state)), 2**31 - 1, 1)[0])


def as_array(data: MetricData, codes: Codes) -> np.ndarray:
    """Codes as an array (images, latents), one row per image in the data's order; a function encodes every image once.

    Raises UserError as CodeReader.
    """
    reader = CodeReader(data, codes, needs_factors=False)
    if not callable(codes):
        return np.asarray(codes)
    images = np.arange(reader.images)
    found = reader.of_images(images, np.random.RandomState(0))
    order = getattr(data, "image_of_cell", None)
    if order is None:
        return found
    in_order = np.empty_like(found)
    in_order[order] = found
    return in_order


def has_null(scores: Mapping[str, Score]) -> bool:
    """Whether any score of a metric has a null. scores: what its file says of them; a metric that says nothing has."""
    return not scores or any(score.null == PERMUTATION for score in scores.values())


def compared(result: Mapping[str, Any], scores: Mapping[str, Score]) -> list[str]:
    """The scores in a metric's result, or in that of an evaluation, which names them, that have a null.

    scores: what the metric's file says of them.
    """
    missing = result.get(MISSING, {})
    return [
        key
        for key in result.get("score_names", result)
        if key in result and (_is_number(result[key]) or key in missing) and _info(scores, key).null == PERMUTATION
    ]


def number_in(results: Mapping[str, Any], scores: Mapping[str, Score]) -> int | None:
    """How many matchings the result of an evaluation has of each score; None where none of them has a null.

    scores: as of compared. Raises ValueError, KeyError, TypeError or AttributeError where `results` are not as the stage writes
    them.
    """
    names, there = compared(results, scores) if has_null(scores) else [], results.get(VALUES, {})
    numbers = {len(there.get(name, [])) for name in names}
    known = [value for name in names for value in there.get(name, [])]
    if len(numbers) > 1 or not all(value is None or type(value) in (int, float) for value in known):
        raise ValueError(f"{VALUES} must have as many numbers of each score")
    return max(numbers, default=None)


def values_of(
    names: Sequence[str],
    score: ScoreOf,
    codes: IndexedCodes,
    number: int,
    seed: int,
    first: int = 0,
    nulls: Callable[[ScoreOf, Any, Iterable[np.ndarray]], Iterable[Mapping[str, Any]]] = one_by_one,
    among: np.ndarray | None = None,
) -> Values:
    """{score of `names`: its value by each matching, None where it has none}. score: codes → a metric's result.

    codes: array (images, latents). number, seed, first, among: see orders. nulls: of the metric's file. Raises UserError
    where that does not give a result a matching.
    """
    results = []
    with progress("null", number) as advance:
        for result in nulls(score, codes, orders(len(codes), number, seed, first, among)) if names else ():
            results.append(result)
            advance()
    if names and len(results) != number:
        raise UserError(
            f"the `nulls` of a metric's file must give a result for each of {number} matchings; it gave {len(results)}; "
            "report it to the authors of the metric"
        )
    return {name: [_number(result.get(name)) for result in results] for name in names}


def against(
    result: Mapping[str, Any], values: Mapping[str, Sequence[float | None]], scores: Mapping[str, Score]
) -> dict[str, Any]:
    """What a metric's result has of its null: {"null": {score: see statistics}, "null_scores": values}; {} without values.

    values: as of values_of. scores: what the metric's file says of them.
    """
    if not any(values.values()):
        return {}
    null = {name: statistics(_number(result.get(name)), each, _info(scores, name)) for name, each in values.items()}
    return {NULL: null, VALUES: {name: list(each) for name, each in values.items()}}


def statistics(score: float | None, values: Sequence[float | None], info: Score) -> dict[str, Any]:
    """What `values`, of the score by each matching, say of it: n, mean, std, q95, z, p, adjusted.

    std has the divisor n − 1. q95 is the 95 % quantile of the values; z = (score − mean) / std; p = (1 + number of values ≥
    score) / (n + 1), of at least 19 values; adjusted = (score − mean) / (best − mean), none where q95 is the best. Where less
    is better, q95, z, p and adjusted are of −score. A value or score of None counts as the chance level. One that cannot be
    said is None, and "missing" has {name: why}.
    """
    known = [info.chance if value is None else value for value in (score, *values)]
    if None in known:
        whose = "the score has" if known[0] is None else f"{known.count(None)} of {len(values)} matchings have"
        why = f"{whose} no value, and its chance level is not known"
        return {"n": len(values), **dict.fromkeys(STATISTICS), _WHY: dict.fromkeys(STATISTICS, why)}
    said = _said(np.array(known[1:], np.float64), float(known[0]), info)  # type: ignore[arg-type]
    missing = {name: each for name, each in said.items() if isinstance(each, str)}
    found = {"n": len(values), **{name: None if name in missing else said[name] for name in STATISTICS}}
    return {**found, _WHY: missing} if missing else found


def _said(values: np.ndarray, score: float, info: Score) -> dict[str, float | str]:
    """STATISTICS, each a number or why there is none."""
    mean, n = float(values.mean()), len(values)
    std: float | str = float(values.std(ddof=1)) if n > 1 else "one matching has no standard deviation"
    found: dict[str, float | str] = {"mean": mean, "std": std}
    if info.higher_is_better is None:
        return found | dict.fromkeys(("q95", "z", "p", "adjusted"), "neither more nor less of the score is better")
    sign, best = (1.0, info.high) if info.higher_is_better else (-1.0, info.low)
    above = int((sign * values >= sign * score - _EQUAL).sum())
    q95 = found["q95"] = float(np.quantile(sign * values, 0.95))
    found["p"] = (1 + above) / (n + 1) if n >= LEAST_FOR_P else f"it takes at least {LEAST_FOR_P} matchings"
    if isinstance(std, str):
        found["z"] = std
    else:
        found["z"] = sign * (score - mean) / std if std > _EQUAL else "the null does not vary"
    if best is None:
        found["adjusted"] = "the score has no best value"
    elif abs(best - mean) <= _EQUAL:
        found["adjusted"] = "the null is the best"
    elif sign * best - q95 <= _EQUAL:
        # A score at the best would have 1, which chance has as well.
        found["adjusted"] = "chance alone reaches the best"
    else:
        found["adjusted"] = (score - mean) / (best - mean)
    return found


def _info(scores: Mapping[str, Score], key: str) -> Score:
    return info_of(scores, key) or UNKNOWN


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)


def _number(value: Any) -> float | None:
    return float(value) if _is_number(value) else None

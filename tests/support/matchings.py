"""Scores of random matchings of codes to images, and whether scores or accuracies differ from chance."""

import warnings
from collections.abc import Callable, Hashable, Mapping

import numpy as np
from scipy import stats

from dlib_bvae.metrics.engine.null import orders


def matchings(codes: np.ndarray, number: int, seed: int) -> list[np.ndarray]:
    """The codes (images, latents) in the orders of `number` matchings, each an array."""
    return [codes[order] for order in orders(len(codes), number, seed)]


def matched_scores(
    score: Callable[[np.ndarray, int], Mapping[str, float]], codes: np.ndarray, number: int, seed: int
) -> list[Mapping[str, float]]:
    """What `score` gives `number` random matchings of codes (images, latents) to images.

    score: (codes, seed) → scores, as metrics.score with its data, name and parameters; each matching has another seed. These are
    scores of codes that are independent of the factors and have the very values of `codes`.
    """
    return [score(matched, seed + k) for k, matched in enumerate(matchings(codes, number, seed))]


def p_of_mean(observed: np.ndarray, matched: np.ndarray) -> float:
    """p, two-sided, that the observed scores are from the mean of those of random matchings.

    observed: (arrays,), a score each of several arrays of codes. matched: (arrays, matchings), at least two of each array. A t
    test with one variance, of the matchings of an array and of the observed scores: where nearly all scores are equal, one that
    is not is no evidence.
    """
    arrays, number = matched.shape
    differences = observed - matched.mean(axis=1)
    difference = differences.mean()
    if abs(difference) < 1e-12:
        return 1.0
    squares = matched.var(axis=1).sum() * number + differences.var() * arrays / (1 + 1 / number)
    freedom = arrays * number - 1
    error = np.sqrt(squares / freedom * (1 + 1 / number) / arrays)
    return float(2 * stats.t.sf(abs(difference) / error, freedom)) if error > 0 else 0.0


def p_of_chance(accuracies: np.ndarray, images: np.ndarray, low: np.ndarray, high: np.ndarray | None = None) -> float:
    """p, two-sided, that the mean of independent accuracies is chance.

    accuracies, images: (n,), each on so many test images. low, high: (n,), between which chance is, the least and largest share
    of a value; `low` alone where it is known.
    """
    high = low if high is None else high
    error = np.sqrt(np.sum(high * (1 - high) / images)) / len(accuracies)
    above, below = (np.mean(accuracies) - np.mean(chance) for chance in (high, low))
    return float(min(1.0, 2 * min(stats.norm.sf(above / error), stats.norm.cdf(below / error))))


def rejected(ps: Mapping[Hashable, float], level: float) -> list[Hashable]:
    """The hypotheses of {hypothesis: p} that Holm's procedure rejects; one that is true is among them with chance `level`."""
    found = []
    for rank, (name, p) in enumerate(sorted(ps.items(), key=lambda item: item[1])):
        if p > level / (len(ps) - rank):
            break
        found.append(name)
    return found


def quiet(score: Callable, *arguments, **parameters):
    """score(…) without warnings of fits that stop early or that see one value of a factor."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return score(*arguments, **parameters)

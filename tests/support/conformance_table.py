"""The cells of metrics on data sets: p of noise against chance and random matchings, aligned codes against what is known."""

import fnmatch
import functools
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from dlib_bvae import metrics
from dlib_bvae.errors import NotApplicable
from support.conformance_sets import ConformanceSet, conformance_set
from support.known_scores import BEST, EXCEPTIONS, known, parameters
from support.matchings import matched_scores, p_of_chance, p_of_mean, quiet, rejected

LEVEL = 0.01  # of the whole table
TOLERANCE = 0.03  # of a known value
ARRAYS, MATCHINGS = 3, 4  # of noise, and of each of them
_OF_INFORMATION = ("mutual_information", "normalised_information", "nmi")


def accuracies(name: str, result: dict[str, Any], data: ConformanceSet) -> list[tuple[float, int, float]] | None:
    """Accuracies on test images, independent for codes of noise: (accuracy, factor, share of the test images that counts).

    None for a metric that has none.
    """
    if name in ("dci", "dci_random_forest"):
        found = list(result["informativeness_per_factor"].values())
    elif name == "dci_es":  # the mean over factors alone is in the result
        found = [result["best_accuracy"]] * len(data.sizes)
    elif name == "snc":
        found = [a * (1 - 1 / k) + 1 / k for a, k in zip(result["snc_per_factor"].values(), data.sizes, strict=True)]
    elif name == "sap" and not data.continuous:
        # The number of test images of a value varies, which the variance of the mean over values grows with.
        return [(a, k, 0.8) for row in result["predictability"] for k, a in enumerate(row)]
    elif name == "downstream_task":
        found = result["test_accuracy"][-1]
    elif name == "reduced_downstream_task":  # rows predict the same images by nearly the same codes
        found = np.mean(result["test_accuracy"], axis=0).tolist()
    elif name == "strong_downstream_task":
        found = result["strong_test_accuracy"][-1]
    elif name == "modularity_explicitness":
        # Areas under the ROC curve of images of a value and others: Mann and Whitney's variance, values taken for dependent.
        areas = result["explicitness_per_factor"].values()
        return [(a, k, 3 / size * (1 - 1 / size)) for k, (a, size) in enumerate(zip(areas, data.sizes, strict=True))]
    else:
        return None
    assert len(found) == len(data.sizes)
    return [(a, k, 1.0) for k, a in enumerate(found)]


def chance_of(name: str, data: ConformanceSet, results: Iterable[dict[str, Any]], asked: int) -> tuple[float, str]:
    """p that the accuracies in the results, of one array of noise each, are chance, and their mean in words.

    asked: the num_test of the results that do not say another number in images_drawn.
    """
    shares, found = data.shares(), []
    having = [float(np.mean(column >= 0)) for column in data.values.T]
    for result in results:
        images = result.get("images_drawn", {}).get("num_test", asked)
        for accuracy, k, part in accuracies(name, result, data):
            low, high = shares[k].min(), shares[k].max()
            if name == "sap":  # balanced: each value counts the same
                part *= low * len(shares[k])
                low = high = 1 / len(shares[k])
            elif name == "modularity_explicitness":
                low = high = 0.5
            found.append((accuracy, images * having[k] * part, low, high))
    accuracy, images, low, high = (np.array(column) for column in zip(*found, strict=True))
    chance = " to ".join(dict.fromkeys(f"{np.mean(each):.3f}" for each in (low, high)))
    return p_of_chance(accuracy, images, low, high), f"{np.mean(accuracy):.3f} for {chance}"


def headline(name: str, result: dict[str, Any]) -> dict[str, float]:
    """The scores to look at first, and the mean of what codes inform of factors."""
    about = sys.modules[metrics.METRICS.get(name).__module__].ABOUT[name]
    keys = [key for key in result if any(fnmatch.fnmatchcase(key, pattern) for pattern in about.scores)]
    found = {key: result[key] for key in keys if type(result[key]) in (int, float)}
    return found | {f"mean of {key}": float(np.mean(result[key])) for key in _OF_INFORMATION if key in result}


class Table:
    """Cells as they are found.

    ps: {(metric, set, column): p} of noise. said: values of cells in words. wrong: lines of what else does not hold.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self.ps: dict[tuple[str, str, str], float] = {}
        self.said: dict[tuple[str, str, str], str] = {}
        self.wrong: list[str] = []

    def fill(self, names: Iterable[str], labels: Iterable[str]) -> None:
        """Makes the cells of every metric on every set."""
        for name in names:
            for label in labels:
                self._fill(name, conformance_set(label, self.folder))

    def _fill(self, name: str, data: ConformanceSet) -> None:
        try:
            first = self._noise(name, data)
        except NotApplicable as error:
            self.said[name, data.name, "refused"] = str(error).split(";")[0]
            if data.grid or "needs one of every combination" not in str(error):
                self.wrong.append(f"{name} on {data.name}: refused: {error}")
            return
        if quiet(data.score, name, data.rounded(data.noise(0)), 0, **parameters(name, data)) != first:
            self.wrong.append(f"{name} on {data.name}: the same codes and seed give another result")
        if not {(name, "aligned"), (name, f"aligned on {data.name}")} & set(EXCEPTIONS):
            self._aligned(name, data)

    def _noise(self, name: str, data: ConformanceSet) -> dict[str, Any]:
        """Scores codes of noise and notes p; returns the first result."""
        given = parameters(name, data)
        codes = [data.noise(seed) for seed in range(ARRAYS)]
        results = [quiet(data.score, name, data.rounded(each), k, **given) for k, each in enumerate(codes)]
        if (name, "chance") not in EXCEPTIONS and accuracies(name, results[0], data):
            cell = name, data.name, "chance"
            self.ps[cell], self.said[cell] = chance_of(name, data, results, given["num_test"])
        if (name, "matchings") not in EXCEPTIONS:
            self._matchings(name, data, [headline(name, result) for result in results])
        return results[0]

    def _matchings(self, name: str, data: ConformanceSet, found: list[dict[str, float]]) -> None:
        null = _null(name, data.plain, self.folder)
        keys = [key for key in found[0] if all(key in each for each in [*found, *sum(null, [])])]
        tried = []
        for key in keys:
            observed, matched = (
                np.array([row[key] for row in found]),
                np.array([[s[key] for s in row] for row in null]),
            )
            said = f"{key} {observed.mean():.3f} for {matched.mean():.3f}"
            tried.append((p_of_mean(observed, matched), said))
        if tried:
            least, said = min(tried)
            self.ps[name, data.name, "matchings"] = min(1.0, least * len(tried))
            self.said[name, data.name, "matchings"] = said

    def _aligned(self, name: str, data: ConformanceSet) -> None:
        expected, given = known(name, data)
        result = quiet(data.score, name, data.rounded(data.aligned), 0, **given)
        if name == "sap":
            result[BEST] = float(np.max(result["predictability"], axis=0).mean())
        for key, value in expected.items():
            said = f"{result[key]:.4f} for {value:.4f}"
            self.said[name, data.name, f"aligned codes, {key}"] = said
            if not abs(result[key] - value) <= TOLERANCE:
                self.wrong.append(f"{name} on {data.name}: aligned codes have {key} {said}")

    def lines(self) -> list[str]:
        """The whole table, a line a cell, and the exceptions."""
        lines = [
            f"{name} on {label}: {column}: {said}" + (f", p = {self.ps[cell]:.2g}" if cell in self.ps else "")
            for cell, said in self.said.items()
            for name, label, column in [cell]
        ]
        return lines + [f"{name}, {column}: left out, as it {why}" for (name, column), why in EXCEPTIONS.items()]

    def failures(self) -> list[str]:
        """What does not hold, of the whole table."""
        noise = [
            f"{name} on {label}: noise differs from {column}: {self.said[name, label, column]}, "
            f"p = {self.ps[name, label, column]:.2g}"
            for name, label, column in rejected(self.ps, LEVEL)
        ]
        return noise + self.wrong


@functools.cache
def _null(name: str, label: str, folder: Path) -> list[list[dict[str, float]]]:
    """Headline scores of random matchings of each array of noise to the images of the set of that name."""
    data = conformance_set(label, folder)
    given = parameters(name, data)

    def score(codes: np.ndarray, seed: int) -> dict[str, float]:
        return headline(name, quiet(data.score, name, codes, seed, **given))

    return [matched_scores(score, data.noise(k), MATCHINGS, 100 + 10 * k) for k in range(ARRAYS)]

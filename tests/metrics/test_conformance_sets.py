"""Every metric on every kind of data set: noise is noise, aligned codes have their known score, the same seed the same result.

`pytest -m slow tests/metrics/test_conformance_sets.py` prints the whole table; the default run has cheap metrics on small sets.
"""

import fnmatch
import functools
import inspect
import math
import sys
from typing import Any

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import mutual_info_score
from support.conformance_sets import SETS, ConformanceSet, conformance_set
from support.matchings import matched_scores, matchings, p_of_chance, p_of_mean, quiet, rejected

from dlib_bvae import metrics
from dlib_bvae.errors import NotApplicable

LEVEL = 0.01  # of the whole table
TOLERANCE = 0.03  # of a known value
ARRAYS, MATCHINGS = 3, 4  # of noise, and of each of them
CHEAP = [
    "dci_lasso",
    "dcimig",
    "factor_vae_score",
    "infomec",
    "irs",
    "jemmig",
    "med",
    "mig",
    "mig_sup",
    "snc",
    "unsupervised",
]
SMALL = ["tiny grid", "missing combinations", "bfloat16 codes", "permuted file order", "arrays alone"]

_FEW = (
    "has another code that predicts worse than a guess: on so few images, what is frequent among those that were trained on is "
    "rare among the others"
)
_LONG = "reads 183 values of one code by boosted trees only, which takes minutes"
BEST = "accuracy of the best code"
# What a cell cannot hold, (metric, column) or (metric, column on set): why.
EXCEPTIONS = {
    ("active_units", "matchings"): "is of codes alone, which a matching to images leaves as they are",
    ("fos", "matchings"): "is of codes alone, which a matching to images leaves as they are",
    ("unsupervised", "matchings"): "is of codes alone, which a matching to images leaves as they are",
    ("fos", "aligned on continuous"): "is 0 where a batch has every combination of values, and here none is there",
    ("fos", "aligned on Cars3D's size"): "is 0 where a batch has every combination of values, 17,568² distances a pair",
    (
        "strong_downstream_task",
        "aligned on Cars3D's size",
    ): "fits to 96 images, as many as have one value, and reads 183 values",
    ("downstream_task", "aligned on Cars3D's size"): _LONG,
    ("reduced_downstream_task", "aligned on Cars3D's size"): _LONG,
    ("fairness", "aligned on Cars3D's size"): _LONG,
    ("reconstruction_error", "all"): "needs a decoder: it is no function of codes and factors",
    ("sap", "SAP_score on small grids"): _FEW,
    ("sap_dlib", "chance"): "is disentanglement_lib's, which may test on images that it was fitted to",
    ("sap_dlib", "aligned"): "a linear classifier of one code cannot separate the middle values of a factor",
    (
        "modularity_explicitness_dlib",
        "chance",
    ): "is disentanglement_lib's, which may test on images that it was fitted to",
}


# What is read of a result ------------------------------------------------------------------------------------------------


def parameters(name: str, data: ConformanceSet) -> dict[str, Any]:
    """Small sizes, of which some exceed the images of small sets."""
    small = metrics.small_parameters(name, images=500 if name.startswith(("beta", "factor")) else 2_000, fits=5)
    if name in ("downstream_task", "reduced_downstream_task"):
        small["num_train"] = (100,)
    if name == "strong_downstream_task":
        small |= {"num_train": (12,), "n_experiment": 2}
    if name == "fos":
        small["batch_size"] = min(64, data.images // 2)
    return small


def accuracies(name: str, result: dict[str, Any], data: ConformanceSet) -> list[tuple[float, int, float]] | None:
    """Accuracies on test images, independent for codes of noise: (accuracy, factor, share of the test images that counts)."""
    count = len(data.sizes)
    if name in ("dci", "dci_random_forest"):
        found = list(result["informativeness_per_factor"].values())
    elif name == "dci_es":  # the first probe's: of later ones the best on the test images counts
        found = [1 - loss for loss in result["losses"][0]]
    elif name == "snc":
        found = [a * (1 - 1 / k) + 1 / k for a, k in zip(result["snc_per_factor"].values(), data.sizes, strict=True)]
    elif name == "sap" and data.name != "continuous":
        return [(a, k, 0.8) for row in result["predictability"] for k, a in enumerate(row)]
    elif name == "downstream_task":
        found = result["test_accuracy"][-1]
    elif name == "reduced_downstream_task":  # other rows predict the same images by nearly the same codes
        found = np.mean(result["test_accuracy"], axis=0).tolist()
    elif name == "strong_downstream_task":
        found = result["strong_test_accuracy"][-1]
    elif name == "modularity_explicitness":
        # Areas under the ROC curve of images of a value and others: Mann and Whitney's variance, values taken for dependent.
        areas = result["explicitness_per_factor"].values()
        return [(a, k, 3 / size * (1 - 1 / size)) for k, (a, size) in enumerate(zip(areas, data.sizes, strict=True))]
    else:
        return None
    assert len(found) == count
    return [(a, k, 1.0) for k, a in enumerate(found)]


def chance_of(name: str, data: ConformanceSet, results: list[dict[str, Any]], asked: int) -> float:
    """p that the accuracies in the results, of one array of noise each, are chance."""
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
    return p_of_chance(*(np.array(column) for column in zip(*found, strict=True)))


_OF_INFORMATION = ("mutual_information", "normalised_information", "nmi")


def headline(name: str, result: dict[str, Any]) -> dict[str, float]:
    """The scores to look at first, and the mean of what codes inform of factors."""
    about = sys.modules[metrics.METRICS.get(name).__module__].ABOUT[name]
    keys = [key for key in result if any(fnmatch.fnmatchcase(key, pattern) for pattern in about.scores)]
    found = {key: result[key] for key in keys if type(result[key]) in (int, float)}
    return found | {f"mean of {key}": float(np.mean(result[key])) for key in _OF_INFORMATION if key in result}


# Known values ------------------------------------------------------------------------------------------------------------


def entropies(data: ConformanceSet) -> tuple[np.ndarray, np.ndarray]:
    """Of each factor and of the code that follows it in 20 bins, nats; one of both is a function of the other."""
    of_factor = np.array([stats.entropy(share) for share in data.shares()])
    return of_factor, np.array([stats.entropy(np.histogram(code, 20)[0]) for code in data.aligned.T])


def shares_of_information(data: ConformanceSet) -> tuple[float, float]:
    """Disentanglement and completeness of the shares of what each aligned code, in 20 bins, informs of each factor.

    Where combinations are missing or are a sample, factors inform of each other, and the entropy of small shares is large.
    """
    bins = [np.digitize(code, np.histogram_bin_edges(code, 20)[1:-1]) for code in data.aligned.T]
    pairs = [[(b[column >= 0], column[column >= 0]) for column in data.values.T] for b in bins]
    information = np.array([[mutual_info_score(*pair) for pair in row] for row in pairs])
    importance = information / information.sum(axis=0)
    return tuple(
        float(np.average(1 - stats.entropy(each, axis=1) / np.log(each.shape[1]), weights=each.sum(axis=1)))
        for each in (importance, importance.T)
    )


def known(name: str, data: ConformanceSet) -> tuple[dict[str, float], dict[str, Any]]:
    """What the aligned codes score by the metric's definition, and the parameters with which they do."""
    factor, code = entropies(data)
    information = np.minimum(factor, code)
    every = {"num_train": 20_000}
    split = {"num_train": data.images - 500, "num_test": 500} if data.images > 10_000 else {}
    trees = {**split, "n_estimators": 5}
    # boosted trees of 183 values would take minutes, and forests need many images
    predictor = {"predictor": "random_forest" if data.images > 10_000 else "gradient_boosting_classifier"}
    few = {"num_train": (data.images // 2,), "num_test": 1_000, **predictor}
    mig = float(np.mean(information / factor))
    jemmig = float(np.mean(1 - (np.maximum(factor, code) - information) / (factor + np.log(20))))
    sap = np.mean([1 - (data.name != "continuous") / size for size in data.sizes])
    modular = {"modularity_score": 1.0}
    dci = {"disentanglement": 1.0, "completeness": 1.0, "informativeness_test": 1.0}
    unified = {f"importance_gbt_matrix.{key}": 1.0 for key in ("dci_disentanglement", "dci_completeness", "modularity")}
    unified |= {"mutual_information_matrix.mig": mig, "mutual_information_matrix.modularity": 1.0}
    # of a continuous factor: bins of a tenth, less what the quantile leaves out; edges are off as quantiles of a sample are
    continuous = data.name == "continuous"
    irs = 1 - 0.99 / 10 if continuous else 1.0
    edges = np.arange(1, 10) / 10
    missed = np.sqrt(2 / np.pi * edges * (1 - edges) / (2 * data.images)).sum() / 0.9 if continuous else 0.0
    size, fixed = few["num_train"][0], math.prod(data.sizes) // max(data.sizes)
    # 500 values of a code in 20 bins seem to inform of another's by (20 − 1)² / (2 · images) nats
    dependence = 19**2 / (2 * data.images) if continuous else 0.0
    return {
        "active_units": ({"active_units": len(data.sizes)}, every),
        "beta_vae": ({"eval_accuracy": 1.0}, parameters("beta_vae", data)),
        "dci": (dci, trees),
        # how many random features read the values of a code has no closed form; that all factors are read is known
        "dci_es": ({"num_read_factors": len(data.sizes)}, {}),
        "dci_lasso": (dci, {}),
        "dci_random_forest": (dci, trees),
        "dcimig": ({"dcimig": float(information.sum() / factor.sum())}, every),
        "downstream_task": ({f"{size}:mean_test_accuracy": 1.0}, few),
        "factor_vae_score": ({"eval_accuracy": 1.0}, parameters("factor_vae_score", data)),
        "factor_vae_score_dlib": ({"eval_accuracy": 1.0}, parameters("factor_vae_score", data)),
        "fairness": ({"mean_fairness:mean_pred:mean_sens": 0.0}, predictor),
        "fos": ({"fos": 0.0}, {"num_train": min(480, data.images), "batch_size": min(480, data.images)}),
        "infomec": ({"infom": 1.0, "infoc": 1.0}, split),
        "irs": ({"IRS": irs}, every),
        "irs_dlib": ({"IRS": irs}, every),
        "jemmig": ({"jemmig": jemmig}, every),
        "med": (dict(zip(("disentanglement", "completeness"), shares_of_information(data), strict=True)), every),
        "mig": ({"discrete_mig": mig}, every),
        "mig_sup": ({"mig_sup": mig}, every),
        "modularity_explicitness": (modular, split),
        "modularity_explicitness_dlib": (modular, split),
        "reduced_downstream_task": ({f"{size}:mean_test_accuracy_other_factors": 1.0}, few),
        "sap": ({BEST: 1.0} if data.grid and data.images < 1_000 else {BEST: 1.0, "SAP_score": float(sap)}, {}),
        "snc": ({"snc": float(1 - missed)}, split),
        "strong_downstream_task": (
            {f"{fixed}:mean_strong_test_accuracy": 1.0},
            {**few, "num_train": (fixed,), "n_experiment": 2},
        ),
        "unified_scores": (unified, {"num_train": data.images - 20, "num_test": 20, "n_estimators": 5}),
        "unsupervised": ({"gaussian_total_correlation": 0.0, "mutual_info_score": dependence}, every),
    }[name]


# The table ---------------------------------------------------------------------------------------------------------------


class Table:
    """Cells as they are found: p of noise, and lines of what does not hold."""

    def __init__(self, folder):
        self.folder = folder
        self.ps: dict[tuple[str, str, str], float] = {}
        self.wrong: list[str] = []
        self.said: dict[tuple[str, str, str], str] = {}

    def fill(self, name: str, label: str) -> None:
        """Makes the cells of a metric on a set."""
        data = conformance_set(label, self.folder)
        try:
            first = self.noise(name, data)
        except NotApplicable as error:
            expected = "full_grid" in inspect.getsource(sys.modules[metrics.METRICS.get(name).__module__])
            self.said[name, label, "all"] = "refused: " + str(error).split(";")[0]
            if data.grid or not expected:
                self.wrong.append(f"{name} on {label}: refused: {error}")
            return
        if quiet(data.score, name, data.rounded(data.noise(0)), 0, **parameters(name, data)) != first:
            self.wrong.append(f"{name} on {label}: the same codes and seed give another result")
        self.aligned(name, data)

    def noise(self, name: str, data: ConformanceSet) -> dict[str, Any]:
        """Scores codes of noise and notes p; returns the first result."""
        given = parameters(name, data)
        codes = [data.noise(seed) for seed in range(ARRAYS)]
        results = [quiet(data.score, name, data.rounded(each), k, **given) for k, each in enumerate(codes)]
        if (name, "chance") not in EXCEPTIONS and accuracies(name, results[0], data):
            self.ps[name, data.name, "chance"] = chance_of(name, data, results, given["num_test"])
        if (name, "matchings") in EXCEPTIONS:
            return results[0]
        found = [headline(name, result) for result in results]
        null = _null(name, data.plain, self.folder)
        keys = [key for key in found[0] if all(key in each for each in [*found, *sum(null, [])])]
        ps = [
            p_of_mean(np.array([each[key] for each in found]), np.array([[each[key] for each in row] for row in null]))
            for key in keys
        ]
        if ps:
            self.ps[name, data.name, "matchings"] = min(1.0, min(ps) * len(ps))
            self.said[name, data.name, "matchings"] = keys[int(np.argmin(ps))]
        return results[0]

    def aligned(self, name: str, data: ConformanceSet) -> None:
        """Scores aligned codes and compares with what is known."""
        if {(name, "aligned"), (name, f"aligned on {data.name}")} & set(EXCEPTIONS):
            return
        expected, given = known(name, data)
        result = quiet(data.score, name, data.rounded(data.aligned), 0, **given)
        if name == "sap":
            result[BEST] = float(np.max(result["predictability"], axis=0).mean())
        for key, value in expected.items():
            self.said[name, data.name, f"aligned {key}"] = f"{result[key]:.3f} (known: {value:.3f})"
            if not abs(result[key] - value) <= TOLERANCE:
                self.wrong.append(
                    f"{name} on {data.name}: aligned codes have {key} {result[key]:.4f}, known is {value:.4f}"
                )

    def lines(self) -> list[str]:
        """The whole table, a line a metric and set, and the exceptions."""
        cells = sorted({cell[:2] for cell in (*self.ps, *self.said)})
        lines = []
        for cell in cells:
            ps = [f"{column} p = {p:.2g}" for (*of, column), p in self.ps.items() if (*of,) == cell]
            said = [
                f"{column} {text}"
                for (*of, column), text in self.said.items()
                if (*of,) == cell and column != "matchings"
            ]
            lines.append(f"{cell[0]} on {cell[1]}: {'; '.join(ps + said)}")
        return lines + [f"{name}, {column}: left out, as it {why}" for (name, column), why in EXCEPTIONS.items()]

    def failures(self) -> list[str]:
        """What does not hold, of the whole table."""
        noise = [
            f"{' on '.join(cell[:2])}: noise differs from {cell[2]}, p = {self.ps[cell]:.2g}"
            for cell in rejected(self.ps, LEVEL)
        ]
        return noise + self.wrong


@functools.cache
def _null(name: str, label: str, folder: Any) -> list[list[dict[str, float]]]:
    """Headline scores of random matchings of each array of noise to the images of the set of that name."""
    data = conformance_set(label, folder)
    given = parameters(name, data)

    def score(codes: np.ndarray, seed: int) -> dict[str, float]:
        return headline(name, quiet(data.score, name, codes, seed, **given))

    return [matched_scores(score, data.noise(k), MATCHINGS, 100 + 10 * k) for k in range(ARRAYS)]


# What holds --------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("sets")


def filled(folder, names, labels):
    table = Table(folder)
    for name in names:
        for label in labels:
            table.fill(name, label)
    return table


def test_cheap_metrics_on_small_sets(folder):
    table = filled(folder, CHEAP, SMALL)
    assert len(table.ps) > len(CHEAP) * (len(SMALL) - 1)
    assert not table.failures(), "\n".join(table.failures())


@pytest.mark.slow
def test_every_metric_on_every_set(folder, capsys):
    names = [name for name in metrics.names() if (name, "all") not in EXCEPTIONS]
    table = filled(folder, names, [label for label in SETS if label != "grid"])
    with capsys.disabled():
        print("\n" + "\n".join(table.lines()))
    assert not table.failures(), "\n".join(table.failures())


def test_exceptions_are_of_metrics_that_there_are():
    assert {name for name, _ in EXCEPTIONS} <= set(metrics.names())


def test_test_images_that_were_trained_on_are_found(folder):
    data = conformance_set("tiny grid", folder)
    given = parameters("dci_random_forest", data)
    for sampling, found in (("disjoint", False), ("with_replacement", True)):
        results = [data.score("dci_random_forest", data.noise(k), k, sampling=sampling, **given) for k in range(ARRAYS)]
        assert (chance_of("dci_random_forest", data, results, given["num_test"]) < 1e-6) is found


@pytest.mark.parametrize("name", ["mig", "irs", "factor_vae_score"])
def test_matchings_tell_aligned_codes_from_noise(name, folder):
    data = conformance_set("tiny grid", folder)
    key = next(iter(known(name, data)[0]))

    def score(codes, seed):
        return data.score(name, codes, seed, **parameters(name, data))

    observed = [score(data.aligned, seed)[key] for seed in range(2)]
    null = [[each[key] for each in matched_scores(score, data.aligned, 4, 10 * seed)] for seed in range(2)]
    assert p_of_mean(np.array(observed), np.array(null)) < 1e-4


def test_matchings_have_the_rows_of_the_codes_in_another_order():
    codes = np.arange(20).reshape(10, 2)
    first, second = matchings(codes, 2, 0)
    assert not np.array_equal(first, second)
    assert np.array_equal(first[first[:, 0].argsort()], codes)
    assert np.array_equal(next(matchings(codes, 1, 0)), first)


def test_holm_rejects_the_least_p_until_one_is_large():
    assert rejected({"a": 0.02, "b": 0.001, "c": 0.004, "d": 0.9}, 0.0133) == ["b", "c"]
    assert rejected({"a": 0.02, "b": 0.5}, 0.01) == []


def test_p_is_uniform_where_nothing_is_there():
    rng = np.random.default_rng(0)
    ps = [p_of_mean(rng.normal(size=3), rng.normal(size=(3, 4))) for _ in range(2_000)]
    images = np.full(6, 50)
    ps_of_chance = [p_of_chance(rng.binomial(50, 0.25, 6) / 50, images, np.full(6, 0.25)) for _ in range(2_000)]
    for found in (ps, ps_of_chance):
        assert np.mean(np.array(found) < 0.05) == pytest.approx(0.05, abs=0.015)

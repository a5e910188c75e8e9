"""The reference suite's gradient boosted trees, grown by scikit-learn from histograms of the codes.

The histogram trees are of scikit-learn's private modules. Where those do not fit the installed version, its public
GradientBoostingClassifier takes over, and what is scored with it says so in its parameters.
"""

from __future__ import annotations

import contextlib
import functools
import sys
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy.special import expit, softmax

if TYPE_CHECKING:
    from sklearn.ensemble import GradientBoostingClassifier

_DEPTH = 3
_RATE = 0.1
_CUTS = 254  # between the 255 levels that one column of a histogram has; a code of more values has several columns
_LEAST_CURVATURE = 1e-150  # scikit-learn's, below which a leaf takes no step
_lock = threading.Lock()  # classifiers of several factors are created in threads
_exact_models = [0]  # classifiers that the public class was taken for, in this process


def boosted_trees(n_estimators: int = 100, random_state: int = 0) -> BoostedTrees | GradientBoostingClassifier:
    """A classifier of boosted trees with fit, predict, classes_ and feature_importances_, not fitted yet.

    BoostedTrees where it gives the trees of scikit-learn's public GradientBoostingClassifier with the installed version,
    else that class itself, which takes several times as long; one line on standard error says so once a process.
    """
    with _lock:
        if misfit() is None:
            return BoostedTrees(n_estimators, random_state)
        _exact_models[0] += 1
    from sklearn.ensemble import GradientBoostingClassifier

    return GradientBoostingClassifier(n_estimators=n_estimators, random_state=random_state)


@contextlib.contextmanager
def recorded_trees() -> Iterator[dict[str, str]]:
    """A dictionary of parameters, filled at the end: {"trees": "exact"} if the public class was taken within.

    It stays empty for histogram trees, so that their results are equal to those of before it was recorded, and for metrics
    without boosted trees.
    """
    parameters: dict[str, str] = {}
    before = _exact_models[0]
    yield parameters
    if _exact_models[0] > before:
        parameters["trees"] = "exact"


@functools.cache
def misfit() -> str | None:
    """What is wrong with BoostedTrees under the installed scikit-learn; None where it fits. Says so on standard error."""
    try:
        reason = _difference()
    except Exception as error:  # whatever a changed private module raises
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
    if reason is not None:
        import sklearn

        print(
            f"the histogram trees of scikit-learn {sklearn.__version__} do not fit ({reason}); boosted trees are grown by "
            'its GradientBoostingClassifier, which takes longer, and results record trees = "exact"',
            file=sys.stderr,
        )
    return reason


def _difference() -> str | None:
    """How BoostedTrees differs from the public class on a small sample without equally good splits; None if it does not."""
    from sklearn.ensemble import GradientBoostingClassifier

    rng = np.random.default_rng(0)
    codes = rng.integers(97, size=(400, 3)) / 97
    signal = codes[:, 0] + 0.5 * codes[:, 1] ** 2 + 0.1 * rng.normal(size=400)
    for borders in ([0.7], [0.5, 0.9]):
        labels = np.searchsorted(borders, signal)
        ours, theirs = BoostedTrees(3, 0), GradientBoostingClassifier(n_estimators=3, random_state=0)
        for model in (ours, theirs):
            model.fit(codes, labels)
        if not np.allclose(ours.feature_importances_, theirs.feature_importances_, rtol=0, atol=1e-6):
            return "they have other importances"
        if not np.array_equal(ours.predict(codes), theirs.predict(codes)):
            return "they predict otherwise"
    return None


class BoostedTrees:
    """The trees of scikit-learn's GradientBoostingClassifier(n_estimators), in a fraction of its time.

    Friedman 2001, "Greedy function approximation", algorithm 6: depth 3, learning rate 0.1, log loss, splits by squared
    error, Newton steps in the leaves. That class sorts all codes at every node; here scikit-learn's histograms, which its
    HistGradientBoostingClassifier grows trees by, hold a level for every stretch of a code between two places where a
    split can be best: the borders of the class (Fayyad & Irani 1992), and 255 levels of equal count, as residuals differ
    within a class. Codes of at most 255 values, and all codes in the first stage, so give that class's trees; others give
    its accuracies and importances to about what another sample moves them (benchmarks/boosted_trees.py).
    (HistGradientBoostingClassifier itself has no importances and splits by another rule.) Among equally good splits the
    code is drawn at random, not the same as there; values closer than 1e-7 are separated here and not there.
    """

    def __init__(self, n_estimators: int = 100, random_state: int = 0):
        self.n_estimators = n_estimators
        self.random_state = random_state

    def fit(self, codes: np.ndarray, labels: np.ndarray) -> BoostedTrees:
        """codes: finite (n, latents). labels: (n,), at least two different. Sets classes_ and feature_importances_."""
        self.classes_, which = np.unique(labels, return_inverse=True)
        one_hot = which == np.arange(len(self.classes_))[:, None]
        truth = (one_hot if len(self.classes_) > 2 else one_hot[1:]).astype(float)
        grower = _Grower(np.asarray(codes, float), self.random_state)
        self._start = _prior(truth)
        raw, levels = np.tile(self._start[:, None], len(which)), grower.levels(truth)
        self._stages = []
        for _ in range(self.n_estimators):
            chances = _chances(raw)
            each = zip(levels, truth - chances, chances, raw, strict=True)
            self._stages.append([grower.grow(*of_class, len(self.classes_)) for of_class in each])
        total = grower.importance.sum()
        self.feature_importances_ = grower.importance / (total if total > 0 else 1)
        return self

    def predict(self, codes: np.ndarray) -> np.ndarray:
        """(n, latents) → labels (n,)."""
        codes = np.ascontiguousarray(codes, float)
        no_categories = np.zeros((0, 8), np.uint32), np.zeros(codes.shape[1], np.uint32)
        raw = np.tile(self._start[:, None], len(codes))
        for stage in self._stages:
            for scores, tree in zip(raw, stage, strict=True):
                scores += tree.predict(codes, *no_categories, 1)
        return self.classes_[(raw[0] > 0).astype(int) if len(raw) == 1 else raw.argmax(axis=0)]


class _Levels(NamedTuple):
    """What a class's trees are grown on: levels of the codes, uint8 (columns, n), and which code each column is of."""

    columns: np.ndarray
    code_of: np.ndarray


class _Grower:
    """Grows trees on the same codes; importance (latents,): the squared error that each code took away in all of them.

    Of scikit-learn's private modules, only what stands here is used; tests compare with its public classifier.
    """

    def __init__(self, codes: np.ndarray, random_state: int):
        self._columns = np.ascontiguousarray(codes.T)
        self._rng = np.random.default_rng(random_state)
        self.importance = np.zeros(len(self._columns))

    def levels(self, truth: np.ndarray) -> list[_Levels]:
        """Truth of each class (classes, n) → the levels for the trees of each."""
        by_code = [_code_levels(column, truth) for column in self._columns]
        return [
            _Levels(np.vstack(each), np.repeat(np.arange(len(each)), [len(columns) for columns in each]))
            for each in zip(*by_code, strict=True)
        ]

    def grow(self, levels: _Levels, residual: np.ndarray, chance: np.ndarray, raw: np.ndarray, classes: int) -> Any:
        """A tree for the residuals (n,) of a class whose chances are given; its values are added to raw (n,)."""
        from sklearn.ensemble._hist_gradient_boosting.grower import TreeGrower

        # The first of equally good splits is taken: in a random order, copies of a code share their importance.
        order = np.argsort(self._rng.random(len(self._columns))[levels.code_of], kind="stable")
        grower = TreeGrower(
            levels.columns[order].T,
            -residual.astype(np.float32),
            np.ones(1, np.float32),
            max_depth=_DEPTH,
            min_samples_leaf=1,
            n_threads=1,
        )
        grower.grow()
        places = np.asarray(grower.splitter.partition)
        share = (classes - 1) / classes if classes > 2 else 1.0
        for leaf in grower.finalized_leaves:
            images = places[leaf.partition_start : leaf.partition_stop]
            leaf.value = _RATE * share * _newton_step(residual[images], chance[images])
            raw[images] += leaf.value
        tree = grower.make_predictor(np.broadcast_to(0.0, (len(order), _CUTS + 1)))
        splits = list(_splits(grower.root))
        codes = levels.code_of[order[np.array([node.split_info.feature_idx for node in splits], int)]]
        inner = tree.nodes["is_leaf"] == 0
        tree.nodes["feature_idx"][inner] = codes
        tree.nodes["num_threshold"][inner] = [
            _middle(self._columns[code], places, node) for code, node in zip(codes, splits, strict=True)
        ]
        gains = np.array([node.split_info.gain for node in splits])
        # The first gain is measured against a prediction of 0, the others against the mean of the node.
        gains[:1] -= residual.sum() ** 2 / len(residual)
        np.add.at(self.importance, codes, gains)
        return tree


def _code_levels(column: np.ndarray, truth: np.ndarray) -> list[np.ndarray]:
    """A code (n,) and the truth of each class (classes, n) → the columns of its levels for each, uint8 (columns, n).

    A column separates 255 levels, so that further levels, in the order of the code, take further columns.
    """
    values, which, counts = np.unique(column, return_inverse=True, return_counts=True)
    even = np.diff(np.arange(len(values)) * (_CUTS + 1) // len(values)) > 0
    found = []
    for member in truth:
        share = np.bincount(which, weights=member) / counts
        cut = even | (share[1:] != share[:-1]) | ((share[1:] > 0) & (share[1:] < 1))
        level = np.concatenate([[0], np.cumsum(cut)])
        firsts = np.arange(0, max(level[-1], 1), _CUTS)[:, None]
        found.append(np.clip(level - firsts, 0, _CUTS).astype(np.uint8)[:, which])
    return found


def _newton_step(residual: np.ndarray, chance: np.ndarray) -> float:
    """The step of the log loss for a leaf's residuals and chances, (n,) each."""
    curvature = (chance * (1 - chance)).sum()
    return residual.sum() / curvature if curvature > _LEAST_CURVATURE else 0.0


def _splits(node: Any) -> Iterator[Any]:
    """The nodes that have children, each before its own: the order of scikit-learn's predictors."""
    if node.left_child is not None:
        yield node
        yield from _splits(node.left_child)
        yield from _splits(node.right_child)


def _middle(column: np.ndarray, places: np.ndarray, node: Any) -> float:
    """The middle between the codes on both sides of a split."""
    left, right = (column[places[c.partition_start : c.partition_stop]] for c in (node.left_child, node.right_child))
    low, high = float(left.max()), float(right.min())
    middle = low / 2 + high / 2
    return middle if middle < high else low


def _chances(raw: np.ndarray) -> np.ndarray:
    """Scores of each class (classes, n), or of the second of two (1, n) → their chances, of the same shape."""
    return softmax(raw, axis=0) if len(raw) > 1 else expit(raw)


def _prior(truth: np.ndarray) -> np.ndarray:
    """Truth of each class (classes, n), or of the second of two (1, n) → the scores to begin with."""
    chance = truth.mean(axis=1)
    return np.log(chance) - np.log(chance).mean() if len(truth) > 1 else np.log(chance / (1 - chance))

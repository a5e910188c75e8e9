"""Gradient boosted trees as scikit-learn grows them, with every code sorted once instead of at every node."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import expit

_DEPTH = 3
_RATE = 0.1
_LEAST_STEP = np.float32(1e-7)  # values that lie no farther apart are one value
_PURE = np.finfo(float).eps  # mean squared deviation below which a node stays whole
_BLOCK = 2**17  # places of sorted codes that are looked at together, so that they stay in the cache


class BoostedTrees:
    """scikit-learn's GradientBoostingClassifier(n_estimators, random_state): trees of depth 3, learning rate 0.1, log loss.

    Friedman 2001, "Greedy function approximation", algorithm 6. The same splits, leaves and importances; among equally
    good splits the code is drawn at random, and not the same as there. It is quicker the more images there are, as
    scikit-learn sorts all codes again in each node.
    """

    def __init__(self, n_estimators: int = 100, random_state: int = 0):
        self.n_estimators = n_estimators
        self.random_state = random_state

    def fit(self, codes: np.ndarray, labels: np.ndarray) -> BoostedTrees:
        """codes: float (n, latents). labels: (n,), at least two different. Sets classes_ and feature_importances_."""
        self.classes_, which = np.unique(labels, return_inverse=True)
        columns = _columns(codes)
        grower = _Grower(columns, np.random.default_rng(self.random_state))
        several = len(self.classes_) > 2
        truth = (which == np.arange(len(self.classes_))[:, None] if several else which[None]).astype(float)
        self._start = _prior(truth)
        raw = np.tile(self._start[:, None], len(which))
        self._stages: list[list[_Tree]] = []
        for _ in range(self.n_estimators):
            residuals = truth - (_softmax(raw) if several else expit(raw))
            trees = [grower.grow(residual) for residual in residuals]
            for k, (tree, leaves) in enumerate(trees):
                _set_values(tree, leaves, residuals[k], truth[k], len(self.classes_))
                raw[k] += _RATE * tree.values[leaves]
            self._stages.append([tree for tree, _ in trees])
        total = grower.importance.sum()
        self.feature_importances_ = grower.importance / (total if total > 0 else 1)
        return self

    def predict(self, codes: np.ndarray) -> np.ndarray:
        """(n, latents) → labels (n,)."""
        columns = _columns(codes)
        raw = np.tile(self._start[:, None], len(codes))
        for stage in self._stages:
            for k, tree in enumerate(stage):
                raw[k] += _RATE * tree.values[tree.leaves(columns)]
        return self.classes_[(raw[0] > 0).astype(int) if len(raw) == 1 else raw.argmax(axis=0)]


class _Tree(NamedTuple):
    """Node i has the children 2i + 1 (code ≤ threshold) and 2i + 2; one that was not split sends all to the first."""

    codes: np.ndarray  # int (7,)
    thresholds: np.ndarray  # float32 (7,)
    values: np.ndarray  # float (8,)

    def leaves(self, columns: np.ndarray) -> np.ndarray:
        """Codes float32 (latents, n) → the leaf of each image, 0 … 7, (n,)."""
        up = [columns[code] > threshold for code, threshold in zip(self.codes, self.thresholds, strict=True)]
        second = np.where(up[0], up[2], up[1])
        third = np.where(up[0], np.where(second, up[6], up[5]), np.where(second, up[4], up[3]))
        return 4 * up[0].astype(np.intp) + 2 * second + third


class _Split(NamedTuple):
    """The `first` places of a node, ordered by `code`, go to its first child; gain: fall of the squared deviation."""

    code: int
    first: int
    gain: float


class _Grower:
    """Grows regression trees on the same codes; importance (latents,): the squared deviation that each code took away."""

    def __init__(self, columns: np.ndarray, rng: np.random.Generator):
        latents, images = columns.shape
        self.columns, self._rng = columns, rng
        self.importance = np.zeros(latents)
        self._order = np.argsort(columns, axis=1, kind="stable")
        self._offsets = images * np.arange(latents)[:, None]
        step = max(1, _BLOCK // images)
        # Memory in use already: a new array of this size would cost more than what is computed in it.
        self._scratch = np.empty((2, min(step, latents) * images))
        self._blocks = [slice(first, first + step) for first in range(0, latents, step)]
        self._same = np.vstack([self._equal(self._order, block) for block in self._blocks])

    def grow(self, residual: np.ndarray) -> tuple[_Tree, np.ndarray]:
        """Residuals (n,) → a tree whose leaves have no values yet, and the leaf of each image (n,)."""
        inner = 2**_DEPTH - 1
        tree = _Tree(np.zeros(inner, np.intp), np.full(inner, np.inf, np.float32), np.zeros(inner + 1))
        node = np.zeros(len(residual), np.intp)
        places, parts = self._order, [(0, len(residual))]  # of the nodes to split, side by side, in order of each code
        for level in range(_DEPTH):
            side = np.full(len(residual), -1, np.int8)
            children: tuple[list[tuple[int, int]], list[tuple[int, int]]] = ([], [])
            start = 0
            for (index, count), split in zip(parts, self._splits(places, residual, parts), strict=True):
                if split is not None:
                    ordered = places[split.code, start : start + count]
                    side[ordered[: split.first]], side[ordered[split.first :]] = 0, 1
                    tree.codes[index] = split.code
                    tree.thresholds[index] = self._threshold(split, ordered)
                    self.importance[split.code] += split.gain
                    children[0].append((2 * index + 1, split.first))
                    children[1].append((2 * index + 2, count - split.first))
                start += count
            node = 2 * node + 1 + (side == 1)
            if level < _DEPTH - 1:
                sides = side.take(places).ravel()
                halves = [places.ravel().compress(sides == each) for each in (0, 1)]
                places = np.hstack([half.reshape(len(places), -1) for half in halves])
                parts = [*children[0], *children[1]]
        return tree, node - inner

    def _splits(self, places: np.ndarray, residual: np.ndarray, parts: list[tuple[int, int]]) -> list[_Split | None]:
        """The best split of each node (index, number of images); None where it has to stay whole."""
        ends = np.cumsum([count for _, count in parts])
        bounds = [(int(end) - count, int(end)) for end, (_, count) in zip(ends, parts, strict=True)]
        gain, count = np.empty((len(parts), len(places))), np.empty((len(parts), len(places)), np.intp)
        for block in self._blocks:
            rows = places[block]
            same = self._same[block] if places is self._order else self._equal(places, block)
            sums = self._scratch[0, : rows.size].reshape(rows.shape)
            residual.take(rows, out=sums, mode="clip")
            np.cumsum(sums, axis=1, out=sums)
            for i, (start, stop) in enumerate(bounds):
                gains = self._scratch[1, : len(rows) * (stop - start - 1)].reshape(len(rows), -1)
                before = sums[:, start - 1] if start else np.zeros(len(rows))
                gain[i, block], count[i, block] = _best(sums[:, start:stop], before, same[:, start : stop - 1], gains)
        found: list[_Split | None] = []
        for i, (start, stop) in enumerate(bounds):
            among = self._rng.permutation(len(places))
            code = int(among[gain[i, among].argmax()])
            # What a split takes away is no more than there is, so that most nodes need not be measured.
            pure = gain[i, code] <= (stop - start) * _PURE and np.var(residual[places[0, start:stop]]) <= _PURE
            whole = gain[i, code] < 0 or pure
            found.append(None if whole else _Split(code, int(count[i, code]), float(gain[i, code])))
        return found

    def _equal(self, places: np.ndarray, block: slice) -> np.ndarray:
        """Whether a code's value is that of the next place, bool (codes of the block, places - 1)."""
        values = self.columns.take(places[block] + self._offsets[block])
        return values[:, 1:] <= values[:, :-1] + _LEAST_STEP

    def _threshold(self, split: _Split, ordered: np.ndarray) -> np.float32:
        """The largest float32 that is not above the middle of the two values on either side of the split."""
        low, high = self.columns[split.code, ordered[split.first - 1 : split.first + 1]]
        middle = float(low) / 2 + float(high) / 2
        threshold = np.float32(middle)
        return threshold if float(threshold) <= middle else np.nextafter(threshold, np.float32(-np.inf))


def _best(sums: np.ndarray, before: np.ndarray, same: np.ndarray, gains: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The largest fall of the squared deviation by a split in two, and how many images come before it, (codes,) each.

    sums: running sums of a node's residuals (codes, n), on top of `before` (codes,). same (codes, n - 1): no split after
    that place. gains: memory to work in, (codes, n - 1). A gain of -1: there is no split.
    """
    images = sums.shape[1]
    if images < 2:
        return np.full(len(sums), -1.0), np.zeros(len(sums), np.intp)
    first = np.arange(1, images)
    total = sums[:, -1] - before
    np.multiply(total[:, None] / images, first, out=gains)
    np.subtract(sums[:, :-1], gains, out=gains)
    gains -= before[:, None]
    gains *= gains
    gains *= images / (first * (images - first))
    gains.ravel()[np.flatnonzero(same)] = -1.0
    at = gains.argmax(axis=1)
    return gains[np.arange(len(sums)), at], at + 1


def _set_values(tree: _Tree, leaves: np.ndarray, residual: np.ndarray, truth: np.ndarray, classes: int) -> None:
    """One Newton step of the log loss in each leaf."""
    chance = truth - residual
    share = (classes - 1) / classes if classes > 2 else 1.0
    slope = share * np.bincount(leaves, weights=residual, minlength=len(tree.values))
    curvature = np.bincount(leaves, weights=chance * (1 - chance), minlength=len(tree.values))
    some = np.abs(curvature) > 1e-150
    tree.values[some] = slope[some] / curvature[some]


def _softmax(raw: np.ndarray) -> np.ndarray:
    """Scores (classes, n) → chances that sum to 1 over the classes; scipy's takes several times as long."""
    chances = np.exp(raw - raw.max(axis=0))
    chances /= chances.sum(axis=0)
    return chances


def _prior(truth: np.ndarray) -> np.ndarray:
    """Truth of each class (classes, n), or of the second of two (1, n) → the scores to begin with."""
    chance = truth.mean(axis=1)
    return np.log(chance) - np.log(chance).mean() if len(truth) > 1 else np.log(chance / (1 - chance))


def _columns(codes: np.ndarray) -> np.ndarray:
    """Codes (n, latents) → float32 (latents, n), as scikit-learn's trees see them."""
    return np.ascontiguousarray(codes.T, np.float32)

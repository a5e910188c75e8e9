"""Linear support vector machines on a single code, solved exactly."""

from __future__ import annotations

import numpy as np

_MOST_STEPS = 200
_ROUNDING = 1e-12


class OneCodeSVM:
    """The optimum that scikit-learn's LinearSVC(C=penalty, class_weight="balanced") approaches on one feature.

    One-vs-rest, squared hinge loss, L2 on weight and intercept: for each class the two numbers (w, b) that minimise
    ½ (w² + b²) + Σ C_i max(0, 1 − y_i (w x_i + b))². A convex, piecewise quadratic function of two variables, so
    Newton's method ends at its minimum after a few steps, for all classes at once. As in liblinear the balancing weight
    n / (classes · n_class) multiplies C of a class's images, and of both classes where there are but two.
    """

    def __init__(self, penalty: float):
        self.penalty = penalty

    def fit(self, codes: np.ndarray, labels: np.ndarray) -> OneCodeSVM:
        """codes: float (n,). labels: int (n,), at least two different."""
        self.classes, which, counts = np.unique(labels, return_inverse=True, return_counts=True)
        balance = self.penalty * len(labels) / (len(counts) * counts)
        loss = _HingeLoss(codes, which, len(counts))
        if len(counts) == 2:
            self.weights = minimise(loss, balance, balance[::-1])
        else:
            self.weights = minimise(loss, balance, np.full(len(counts), self.penalty))
        return self

    def predict(self, codes: np.ndarray) -> np.ndarray:
        """codes: float (n,) → labels (n,)."""
        return self.classes[(codes[:, None] * self.weights[0] + self.weights[1]).argmax(axis=1)]


class _HingeLoss:
    """Sums over the images whose hinge is not 0: they lie on one side of a threshold, so prefix sums of sorted codes do."""

    def __init__(self, codes: np.ndarray, which: np.ndarray, classes: int):
        order = np.argsort(codes, kind="stable")
        self.codes = codes[order]
        self.classes = np.arange(classes)
        powers = np.stack([np.ones_like(self.codes), self.codes, self.codes**2])
        members = np.zeros((classes, 3, len(codes) + 1))  # places last, as sums along the last axis are the fastest
        members[which[order], :, 1 + np.arange(len(codes))] = powers.T
        self.members = np.cumsum(members, axis=2)  # Σ (1, x, x²) of each class up to a place
        self.all = np.hstack([np.zeros((3, 1)), np.cumsum(powers, axis=1)])

    def active(self, point: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Σ (1, x, x²) of the active images of each class, and of all others, float64 (classes, 3) each."""
        weight, intercept = point
        with np.errstate(divide="ignore", invalid="ignore"):
            places = np.searchsorted(self.codes, (np.array([[1.0], [-1.0]]) - intercept) / weight)
        rising = (weight >= 0)[:, None]
        member_low, other_low = (self.members[self.classes, :, place] for place in places)
        members, every = self.members[..., -1], self.all[:, -1]
        others_low = self.all[:, places[1]].T - other_low
        return (
            np.where(rising, member_low, members - member_low),
            np.where(rising, every - members - others_low, others_low),
        )


def minimise(loss: _HingeLoss, member_cost: np.ndarray, other_cost: np.ndarray) -> np.ndarray:
    """The minimising (w, b) of each class against the others, float64 (2, classes)."""
    point = np.zeros((2, len(member_cost)))
    value, gradient, hessian = _objective(loss, member_cost, other_cost, point)
    for _ in range(_MOST_STEPS):
        step = -np.linalg.solve(hessian, gradient[..., None])[..., 0].T
        decrease = -np.einsum("ci,ic->c", gradient, step)
        if (decrease <= _ROUNDING * value).all():
            break
        length = np.ones(len(value))
        tried = _objective(loss, member_cost, other_cost, point + step)
        while (worse := tried[0] > value - 1e-4 * length * decrease + _ROUNDING * value).any() and length.min() > 1e-9:
            length[worse] /= 2
            tried = _objective(loss, member_cost, other_cost, point + length * step)
        point = point + length * step
        value, gradient, hessian = tried
    return point


def _objective(
    loss: _HingeLoss, member_cost: np.ndarray, other_cost: np.ndarray, point: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Value (classes,), gradient (classes, 2) and Hessian (classes, 2, 2)."""
    w, b = point
    value, gradient, hessian = 0.5 * (w**2 + b**2), point.copy(), np.zeros((2, 2, len(w)))
    for sign, cost, sums in zip((1, -1), (member_cost, other_cost), loss.active(point), strict=True):
        n, x, xx = sums.T
        margin = 1 - sign * b
        value = value + cost * (n * margin**2 - 2 * sign * w * margin * x + w**2 * xx)
        gradient -= 2 * cost * sign * np.stack([margin * x - sign * w * xx, margin * n - sign * w * x])
        hessian += 2 * cost * np.stack([xx, x, x, n]).reshape(2, 2, -1)
    return value, gradient.T, np.eye(2) + hessian.transpose(2, 0, 1)

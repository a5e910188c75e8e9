"""Which of several scores is the best where some are equal but for rounding, so that their order decides nothing."""

from __future__ import annotations

import numpy as np

TIE = 1e-9  # scores that differ by less are equal


def leading(scores: np.ndarray, axis: int = 0) -> np.ndarray:
    """Which scores are equal to the largest along the axis, bool of their shape."""
    return scores >= scores.max(axis=axis, keepdims=True) - TIE


def shares(scores: np.ndarray, axis: int = 0) -> np.ndarray:
    """1 at the largest score along the axis, 0 elsewhere; of several equal ones each has an equal part. float64."""
    tied = leading(scores, axis)
    return tied / tied.sum(axis=axis, keepdims=True)


def best_codes(information: np.ndarray, joint_entropy: np.ndarray) -> np.ndarray:
    """The code that informs of each factor most; (latents, factors) nats, twice → int64 (factors,).

    Of codes that inform alike it is the one with the least joint entropy, which informs of the least else.
    """
    return leading(-np.where(leading(information), joint_entropy, np.inf)).argmax(axis=0)


def less_ties(gain: np.ndarray, cost: np.ndarray) -> np.ndarray:
    """Gains for an assignment of rows to columns in which sums that are equal are decided by the least cost, of gain's shape."""
    most = min(gain.shape) * max(float(cost.max(initial=0.0)), TIE)
    return np.round(gain / TIE) * TIE - TIE / 4 * cost / most

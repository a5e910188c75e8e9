"""Single-neuron classification (Mahon et al. 2023): one code a factor, one interval a value."""

from __future__ import annotations

import gin
import numpy as np

from dlib_bvae.datasets.ground_truth import RandomState
from dlib_bvae.errors import check_integer
from dlib_bvae.metrics.engine.bounds import MOST_BINS
from dlib_bvae.metrics.engine.codes import Codes, MetricData
from dlib_bvae.metrics.engine.information import binned_tables, interval_edges, joint_entropy, mutual_information
from dlib_bvae.metrics.engine.sampling import Sample, Sampler
from dlib_bvae.metrics.engine.ties import TIE, less_ties
from dlib_bvae.metrics.score_info import INFORMATION, ONE_TO_ONE, UNIT, About, Result, Sampling, Validity

SCORES = {"snc": UNIT._replace(low=None, chance=0.0), "snc_accuracy": UNIT}
MATRICES = INFORMATION
VERSIONS = {
    "snc": {
        2: "2026-11-30: assignments of codes that are equal but for rounding are decided by the least joint entropy",
    },
}
SAMPLING = Sampling(images=("num_train", "num_test"))
ABOUT = {"snc": About("one code a factor, one interval a value", ("snc",), ("num_bins",), "Mahon et al. 2023")}
VALIDITY = {
    "snc": Validity(
        {"snc": ONE_TO_ONE},
        "Duplicated codes and sine-cosine pairs score 1.00, as only the best code of each factor counts. One-hot "
        "codes score 0.18 to 0.24 although no factor is lost.",
    ),
}


@gin.configurable(denylist=["data", "codes", "random_state"])
def snc(
    data: MetricData,
    codes: Codes,
    random_state: RandomState,
    *,
    num_train: int = 10_000,
    num_test: int = 5_000,
    num_bins: int = 20,
) -> Result:
    """How well each factor is read from a code that serves no other, cut into as many intervals as the factor has values.

    Mahon, Sha & Lukasiewicz, "Correcting flaws in common disentanglement metrics". Factors and codes are matched one to
    one so that the sum of their mutual information (codes in num_bins equal-width bins) is largest; of sums that are equal,
    within 1e-9, the one with the least joint entropies counts, and a code without information is none. The matched code is
    cut into intervals of equally many training images, as nearly as its values allow; intervals and values are matched
    one to one so that most training images are right; the accuracy on num_test images counts. A factor without a code is
    a guess. Unlike mig and dci it does not reward a code that holds two factors.

    data, codes, random_state: see dlib_bvae.metrics.score. Returns snc, the mean over factors of
    (accuracy − 1/values) / (1 − 1/values), 1 at best and about 0 for a guess, snc_accuracy in [0, 1], snc_per_factor,
    codes (by factor, None without one) and mutual_information in nats (latents × factors). The paper's other score, neuron
    knockout, is not here.
    Raises UserError for numbers out of range.
    """
    check_integer("snc.num_bins", num_bins, 2, MOST_BINS)
    sampler = Sampler("snc", data, codes, random_state)
    train, test = sampler.train_and_test(num_train, num_test)
    tables = binned_tables(train.codes, num_bins, train.factors, sampler.sizes)
    joint = joint_entropy(tables)
    information = mutual_information(tables, joint)
    matched = match(less_ties(information, joint))
    matched = [None if j is None or information[j, k] <= TIE else j for k, j in enumerate(matched)]
    guess = 1 / np.array(sampler.sizes)
    accuracy = np.array(
        [
            guess[k] if j is None else _accuracy(train, test, j, k, size)
            for k, (j, size) in enumerate(zip(matched, sampler.sizes, strict=True))
        ]
    )
    adjusted = (accuracy - guess) / (1 - guess)
    return {
        "snc": float(adjusted.mean()),
        "snc_accuracy": float(accuracy.mean()),
        "snc_per_factor": sampler.by_factor(adjusted),
        "codes": dict(zip(sampler.factor_names, matched, strict=True)),
        "mutual_information": information.tolist(),
    }


def match(gain: np.ndarray) -> list[int | None]:
    """(rows, columns) → for each column a row that no other has, with the largest sum of gains; None for columns left over."""
    from scipy.optimize import linear_sum_assignment

    found = {int(k): int(j) for j, k in zip(*linear_sum_assignment(gain, maximize=True), strict=True)}
    return [found.get(k) for k in range(gain.shape[1])]


def _accuracy(train: Sample, test: Sample, code: int, factor: int, size: int) -> float:
    (seen, labels), (codes, truth) = train.having(factor), test.having(factor)
    edges = interval_edges(seen[:, code], size)
    intervals = np.searchsorted(edges, seen[:, code])
    counts = np.bincount(intervals * size + labels, minlength=size * size).reshape(size, size)
    value_of = np.full(size, -1)
    for value, interval in enumerate(match(counts)):
        if interval is not None:
            value_of[interval] = value
    predicted = value_of[np.searchsorted(edges, codes[:, code])]
    return float(np.mean(predicted == truth))

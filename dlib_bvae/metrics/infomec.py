"""InfoM, InfoE, InfoC (Hsu et al. 2023)."""

from __future__ import annotations

import warnings

import gin
import numpy as np

from dlib_bvae.datasets.ground_truth import RandomState
from dlib_bvae.errors import UserError, check_integer
from dlib_bvae.metrics.engine.codes import Codes, MetricData
from dlib_bvae.metrics.engine.information import (
    contingency,
    factor_entropies,
    mutual_information,
    neighbour_information,
    value_bins,
)
from dlib_bvae.metrics.engine.probes import fit_all, standardised
from dlib_bvae.metrics.engine.sampling import Sample, Sampler
from dlib_bvae.metrics.score_info import (
    COUNT,
    MODULAR,
    ONE_TO_ONE,
    READABLE,
    UNIT,
    About,
    Matrix,
    Result,
    Sampling,
    Validity,
)

SCORES = {
    "infom": UNIT,
    "infoe": UNIT,
    "infoe_test": UNIT._replace(low=None),
    "infoc": UNIT,
    "num_active_codes": COUNT,
}
MATRICES = {"nmi": Matrix("code", "factor", "share of the factor's entropy", high=1.0)}
VERSIONS = {
    "infomec": {2: "2026-11-30: an image counts once, and ties on both sides, so that rounded codes keep their score"},
}
SAMPLING = Sampling(images=("num_train", "num_test"))
ABOUT = {
    "infomec": About(
        "modularity, explicitness, compactness by information",
        ("infom", "infoe", "infoc"),
        ("discrete", "neighbours"),
        "Hsu et al. 2023",
        "seconds",
        defects="`infom` and `infoc` of codes that know nothing are not 0, as of estimates near 0 one is always the "
        "largest: read both with `nmi`.",
    )
}
VALIDITY = {
    "infomec": Validity(
        {"infom": MODULAR, "infoe": READABLE, "infoe_test": READABLE, "infoc": ONE_TO_ONE},
        "Noise scores 0.45 to 0.66 in InfoM and 0.53 to 0.68 in InfoC, so read them against their null only, and "
        "two codes for four independent factors have an InfoM of 0.99. Aligned codes of redundant factors score "
        "0.73 in both, as mig's do, because a code of one factor informs of its copy.",
    ),
}

_MOST_NEIGHBOURS = 1_000
_MOST_VALUES = 5_000  # of all discrete codes together: columns of the logistic regression
_LEAST_PROBABILITY = 1e-12


@gin.configurable(denylist=["data", "codes", "random_state"])
def infomec(
    data: MetricData,
    codes: Codes,
    random_state: RandomState,
    *,
    num_train: int = 10_000,
    num_test: int = 5_000,
    discrete: bool = False,
    neighbours: int = 10,
    max_iter: int = 100,
) -> Result:
    """Modularity, explicitness and compactness in shares of information.

    Hsu et al. 2023, "Disentanglement via latent quantization", section 4. NMI is the mutual information of code and
    factor over the factor's entropy: by `neighbours` nearest neighbours, or from counts where the codes are discrete.
    Over the active codes (range above a 20th of the largest; discrete: more than one value) InfoM is the mean over codes
    of their largest share of NMI, InfoC the mean over factors of theirs, both from 0 (even) to 1. Codes that know nothing
    do not have 0: of estimates near 0 one is always the largest. Read both with nmi. InfoE is the share of a
    factor's entropy that a logistic regression without penalty, stopped after max_iter steps, takes away: on the
    training images as in the paper, and on num_test others (infoe_test, below 0 where it overfits). The authors' code
    balances the classes in the fit and not in the loss, which here, with factors uniform, is the same.

    data, codes, random_state: see dlib_bvae.metrics.score. discrete: one-hot codes by value. Returns infom, infoe,
    infoe_test, infoc (0 without active codes; infoc also with one), num_active_codes, active_codes, the per-factor
    infoe_test and nmi (latents × factors). Wide codes are screened (see dlib_bvae.metrics.engine.screening).
    Raises UserError for numbers out of range, fewer than two factors, and too many discrete values.
    """
    check_integer("infomec.neighbours", neighbours, 1, _MOST_NEIGHBOURS)
    check_integer("infomec.max_iter", max_iter, 1)
    if not isinstance(discrete, bool):
        raise UserError(f"infomec.discrete must be True or False; got {discrete!r}")
    sampler = Sampler("infomec", data, codes, random_state, least_factors=2, screens=True)
    train, test = sampler.train_and_test(num_train, num_test)
    span = np.ptp(train.codes, axis=0)
    active = np.flatnonzero(span > (0 if discrete else span.max() / 20))
    nmi = _information(sampler, train, discrete, neighbours) / factor_entropies(train.factors, sampler.sizes)
    read = _one_hot(train, test) if discrete else standardised(train, test)
    explained = _explained(sampler, read[0], read[1], max_iter)
    return {
        "infom": even_to_one(nmi[active]),
        "infoe": float(np.clip(explained[0], 0, 1).mean()),
        "infoe_test": float(explained[1].mean()),
        "infoc": even_to_one(nmi[active].T),
        "num_active_codes": len(active),
        "active_codes": sampler.columns(active),
        "infoe_test_per_factor": sampler.by_factor(explained[1]),
        "nmi": nmi.tolist(),
        **sampler.screening,
    }


def even_to_one(shares: np.ndarray) -> float:
    """Rows ≥ 0 (rows, columns) → the mean over rows of their largest share, 0 if all are even, 1 if all are in one column.

    A row of zeros is even. 0 without rows or with one column.
    """
    rows, columns = shares.shape
    if not rows or columns < 2:
        return 0.0
    total = shares.sum(axis=1)
    largest = np.where(total > 0, shares.max(axis=1) / np.where(total > 0, total, 1), 1 / columns)
    return float((largest.mean() - 1 / columns) / (1 - 1 / columns))


def _information(sampler: Sampler, train: Sample, discrete: bool, neighbours: int) -> np.ndarray:
    if discrete:
        return mutual_information(contingency(*value_bins(train.codes), train.factors, sampler.sizes))
    return neighbour_information(standardised(train)[0].codes, train.factors, neighbours)


def _one_hot(train: Sample, test: Sample) -> list[Sample]:
    """One column a value of a code; a value that the training images lack has none."""
    values = [np.unique(column) for column in train.codes.T]
    if sum(map(len, values)) > _MOST_VALUES:
        raise UserError(
            f"infomec.discrete takes at most {_MOST_VALUES} values of all codes together; got {sum(map(len, values))}; "
            "are the codes continuous?"
        )
    return [
        sample._replace(codes=np.hstack([c[:, None] == v for c, v in zip(sample.codes.T, values, strict=True)]) * 1.0)
        for sample in (train, test)
    ]


def _explained(sampler: Sampler, train: Sample, test: Sample, max_iter: int) -> np.ndarray:
    """1 − the classifier's log loss over that of the values' frequencies, on train and test: float64 (2, factors)."""
    from sklearn.linear_model import LogisticRegression

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*failed to converge")  # without a penalty it may have no optimum
        models = fit_all(lambda seed: LogisticRegression(C=np.inf, max_iter=max_iter), train, sampler.seed())
    explained = np.empty((2, len(models)))
    for k, (model, size) in enumerate(zip(models, sampler.sizes, strict=True)):
        counts = np.bincount(train.having(k)[1], minlength=size)
        frequencies = counts / counts.sum()
        for part, sample in enumerate((train, test)):
            codes, labels = sample.having(k)
            chances = np.zeros((len(labels), size))
            chances[:, model.classes_] = model.predict_proba(codes)
            loss = _log_loss(chances[np.arange(len(labels)), labels])
            explained[part, k] = 1 - loss / _log_loss(frequencies[labels])
    return explained


def _log_loss(chances: np.ndarray) -> float:
    """Mean −log of the chances (n,) given to what was."""
    return float(-np.log(np.maximum(chances, _LEAST_PROBABILITY)).mean())

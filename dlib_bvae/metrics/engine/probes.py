"""Classifiers that read a factor from all codes, one a factor, on every core."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from dlib_bvae.metrics.engine.sampling import Sample


class Constant:
    """Stands for a classifier where the labels have one value only."""

    def fit(self, codes: np.ndarray, labels: np.ndarray) -> Constant:
        """codes: (n, latents). labels: (n,), all the same."""
        self.classes_ = labels[:1]
        self.feature_importances_ = np.zeros(codes.shape[1])
        return self

    def predict(self, codes: np.ndarray) -> np.ndarray:
        """(n, latents) → (n,)."""
        return np.repeat(self.classes_, len(codes))


def fit_all(make: Callable[[int], Any], train: Sample, seed: int) -> list[Any]:
    """One fitted classifier a factor. make: factor's index → classifier, called with seeds drawn from `seed`.

    Factors with many values take longest and begin first; scikit-learn's trees leave the interpreter lock, so threads
    use all cores without a copy of the codes. Each warning is passed on once.
    """
    from joblib import Parallel, delayed
    from threadpoolctl import threadpool_limits

    counts = [len(np.unique(column)) for column in train.factors.T]
    seeds = np.random.default_rng(seed).integers(2**31 - 1, size=len(counts))

    def fit(k: int) -> Any:
        model = make(int(seeds[k])) if counts[k] > 1 else Constant()
        return model.fit(train.codes, train.factors[:, k])

    order = sorted(range(len(counts)), key=lambda k: -counts[k])
    # The matrices are narrow: a second thread within their products made a logistic regression 2.5 times as slow.
    with warnings.catch_warnings(record=True) as caught, threadpool_limits(1):
        warnings.simplefilter("always")
        models = dict(zip(order, Parallel(n_jobs=-1, prefer="threads")(delayed(fit)(k) for k in order), strict=True))
    for warning in {str(each.message): each for each in caught}.values():
        warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
    return [models[k] for k in range(len(counts))]


def accuracies(models: list[Any], sample: Sample) -> np.ndarray:
    """The accuracy in [0, 1] of each factor's classifier on `sample`, (factors,)."""
    from joblib import Parallel, delayed
    from threadpoolctl import threadpool_limits

    def accuracy(model: Any, labels: np.ndarray) -> float:
        return np.mean(model.predict(sample.codes) == labels)

    pairs = zip(models, sample.factors.T, strict=True)
    with threadpool_limits(1):
        return np.array(Parallel(n_jobs=-1, prefer="threads")(delayed(accuracy)(*pair) for pair in pairs))


def standardised(train: Sample, *others: Sample) -> list[Sample]:
    """All samples with the mean and deviation of `train`'s codes taken out; constant codes become 0."""
    mean, deviation = train.codes.mean(axis=0), train.codes.std(axis=0)
    scale = np.where(deviation > 0, deviation, 1)
    return [sample._replace(codes=(sample.codes - mean) / scale) for sample in (train, *others)]

"""Classifiers by name, of scikit-learn, and how one a factor is fitted to all codes, on every core.

By name: the four of the [Re] β-VAE report (Table 2), two of disentanglement_lib.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import sys
import warnings
from collections.abc import Callable, Sequence
from multiprocessing.pool import ThreadPool
from typing import Any, Protocol, TypeVar

import gin
import numpy as np

from dlib_bvae.metrics.engine.sampling import Sample
from dlib_bvae.progress_line import progress
from dlib_bvae.runtime import interruptible

Item = TypeVar("Item")
Made = TypeVar("Made")
_PATIENCE = 0.1  # seconds after which a signal is seen where waiting cannot be interrupted


class Classifier(Protocol):
    """What a factory of the registry makes: scikit-learn's interface, as far as every metric needs it.

    random_state (int) is the factory's first argument.
    """

    def fit(self, codes: np.ndarray, labels: np.ndarray) -> Any:
        """codes: float (n, latents). labels: int (n,), at least two different."""

    def predict(self, codes: np.ndarray) -> np.ndarray:
        """(n, latents) → labels (n,)."""


@gin.configurable(denylist=["random_state"])
def logistic_regression(random_state: int, max_iter: int = 5_000) -> Classifier:
    """Multinomial logistic regression (L2, C = 1) on the raw features, run until it converges."""
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(max_iter=max_iter, random_state=random_state)


@gin.configurable(denylist=["random_state"])
def linear(random_state: int, learning_rate: float = 1e-2, max_iter: int = 500) -> Classifier:
    """A softmax layer trained by stochastic gradient descent (Adam) on standardised features."""
    return _network((), random_state, learning_rate, max_iter)


@gin.configurable(denylist=["random_state"])
def mlp(random_state: int, learning_rate: float = 1e-3, max_iter: int = 500) -> Classifier:
    """One hidden layer of 256 ReLU units, trained by Adam on standardised features; without the report's test-time dropout."""
    return _network((256,), random_state, learning_rate, max_iter)


@gin.configurable(denylist=["random_state"])
def random_forest(random_state: int, n_estimators: int = 150) -> Classifier:
    """A random forest of 150 trees on the raw features."""
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(n_estimators=n_estimators, n_jobs=-1, random_state=random_state)


@gin.configurable(denylist=["random_state"])
def gradient_boosting_classifier(random_state: int, n_estimators: int = 100) -> Classifier:
    """Gradient boosted trees of depth 3: n_estimators stages of one tree a class, on the raw features."""
    from dlib_bvae.metrics.engine.boosting import boosted_trees

    return boosted_trees(n_estimators, random_state)


@gin.configurable(denylist=["random_state"])
def logistic_regression_cv(random_state: int, max_iter: int = 100) -> Classifier:
    """Logistic regression whose C is one of 10 between 1e-4 and 1e4: the one of best accuracy in 5-fold cross-validation."""
    from sklearn.linear_model import LogisticRegressionCV
    from sklearn.model_selection import KFold

    # scikit-learn 1.8 began to change these defaults; before it does not know them, or warns of l1_ratios.
    changed = "use_legacy_attributes" in inspect.signature(LogisticRegressionCV).parameters
    now = {"l1_ratios": (0.0,), "use_legacy_attributes": False} if changed else {}
    folds = KFold(n_splits=5)
    return LogisticRegressionCV(
        Cs=10, cv=folds, scoring="accuracy", max_iter=max_iter, random_state=random_state, **now
    )


def _network(hidden: tuple[int, ...], random_state: int, learning_rate: float, max_iter: int) -> Classifier:
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    network = MLPClassifier(
        hidden,
        learning_rate_init=learning_rate,
        max_iter=max_iter,
        tol=1e-4,
        n_iter_no_change=10,
        random_state=random_state,
    )
    # Codes of dead latents differ by 1e-4 and less; without a common scale gradient descent would not see them in time.
    return make_pipeline(StandardScaler(), network)


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


def fixed_order(columns: np.ndarray) -> np.ndarray:
    """Columns (n, k) → int64 (k,) that sorts them by their values: columns in any order come out in the same one."""
    return np.lexsort(columns[::-1])  # the last key is the first that counts


class _Reordered:
    """A classifier that was fitted to the codes in another order."""

    def __init__(self, model: Any, order: np.ndarray):
        self._model, self._order = model, order

    @property
    def feature_importances_(self) -> np.ndarray:
        return self._model.feature_importances_[np.argsort(self._order)]

    def predict(self, codes: np.ndarray) -> np.ndarray:
        """(n, latents) → labels (n,)."""
        return self._model.predict(codes[:, self._order])


def in_threads(function: Callable[[Item], Made], items: Sequence[Item]) -> list[Made]:
    """[function(item) for each of the items], in as many threads as there are cores; the first error is raised."""
    from joblib import cpu_count

    threads = min(cpu_count(), len(items))
    with progress("fits", len(items)) as advance:
        return _in_threads(function, items, threads, advance)


def _in_threads(
    function: Callable[[Item], Made], items: Sequence[Item], threads: int, advance: Callable[[], None]
) -> list[Made]:
    errors: list[BaseException] = []

    def counted(item: Item) -> Made:
        made = function(item)
        advance()
        return made

    def attempt(item: Item) -> Any:
        try:
            return None if errors else counted(item)
        except BaseException as error:  # also a KeyboardInterrupt, which would end the thread
            errors.append(error)

    if threads < 2:
        return [counted(item) for item in items]
    # Not joblib's Parallel, which looks every 10 ms whether it is done: ten times what a fit to few images takes.
    with ThreadPool(threads) as pool:
        found = pool.map_async(attempt, items, chunksize=1)
        while not found.ready():
            found.wait(_PATIENCE)
    if errors:
        raise errors[0]
    return found.get()


def one_thread() -> contextlib.AbstractContextManager[Any]:
    """In the block, BLAS and OpenMP use one thread a call."""
    return _controller(len(sys.modules)).limit(limits=1)


@functools.lru_cache(maxsize=1)
def _controller(modules: int) -> Any:
    """The libraries to limit, looked for again where a module was imported, which may have brought one: that takes 2 ms."""
    from threadpoolctl import ThreadpoolController

    del modules
    return ThreadpoolController()


def fit_all(make: Callable[[int], Classifier], train: Sample, seed: int, by_value: bool = False) -> list[Any]:
    """One classifier a factor, fitted to the images that have a value of it.

    make: seed, drawn from `seed` → classifier. by_value: codes are given, and seeds go to factors, in fixed_order, so that
    trees which choose at random among equally good splits are the same however codes and factors are ordered; they have
    predict and feature_importances_. Factors with many values take longest and begin first; scikit-learn's trees leave the
    interpreter lock, so threads use all cores without a copy of the codes. Each warning is passed on once.
    """
    counts = [len(np.unique(column[column >= 0])) for column in train.factors.T]
    seeds = np.random.default_rng(seed).integers(2**31 - 1, size=len(counts))
    places = fixed_order(train.codes) if by_value else None
    if by_value:
        seeds = seeds[np.argsort(fixed_order(train.factors))]

    def fit(k: int) -> Any:
        model = make(int(seeds[k])) if counts[k] > 1 else Constant()
        codes, labels = train.having(k)
        with interruptible():
            if places is None:
                return model.fit(codes, labels)
            return _Reordered(model.fit(codes[:, places], labels), places)

    order = sorted(range(len(counts)), key=lambda k: -counts[k])
    # The matrices are narrow: a second thread within their products made a logistic regression 2.5 times as slow.
    with warnings.catch_warnings(record=True) as caught, one_thread():
        warnings.simplefilter("always")
        models = dict(zip(order, in_threads(fit, order), strict=True))
    for warning in {str(each.message): each for each in caught}.values():
        warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
    return [models[k] for k in range(len(counts))]


def accuracies(models: Sequence[Classifier], sample: Sample) -> np.ndarray:
    """The accuracy in [0, 1] of each factor's classifier on the images of `sample` that have a value of it, (factors,)."""

    def accuracy(k: int) -> float:
        codes, labels = sample.having(k)
        return np.mean(models[k].predict(codes) == labels)

    with one_thread():
        return np.array(in_threads(accuracy, range(len(models))))


def standardised(train: Sample, *others: Sample) -> list[Sample]:
    """All samples with the mean and standard deviation of `train`'s codes taken out; constant codes become 0."""
    mean, std = train.codes.mean(axis=0), train.codes.std(axis=0)
    constant = (
        np.ptp(train.codes, axis=0) == 0
    )  # its deviation is rounding's alone, by which no other sample is to be divided
    mean, scale = np.where(constant, train.codes[0], mean), np.where(constant | (std == 0), 1, std)
    return [sample._replace(codes=(sample.codes - mean) / scale) for sample in (train, *others)]

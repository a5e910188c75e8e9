"""beta_vae.py: the definition on the very images that a score drew, and warnings of its classifier."""

import warnings

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from support.known_codes import Pictures, encode, factors_of

from dlib_bvae import metrics
from dlib_bvae.metrics.beta_vae import _fit, points
from dlib_bvae.metrics.engine.codes import CodeReader


def test_features_and_score_are_the_definition_s_on_the_images_that_were_drawn():
    calls, num, pairs = [], 150, 5

    def recorded(pictures):
        calls.append(pictures.copy())
        return encode(pictures)

    data = Pictures()
    scores = metrics.score("beta_vae", data, recorded, 3, batch_size=pairs, num_train=num, num_eval=num)
    assert len(calls) == 4  # first and second images of the training points, then of the evaluation points
    shape = (num, pairs, 64, 64, 1)
    fitted = []
    for first, second in (calls[:2], calls[2:]):
        features, labels = [], []
        for a, b in zip(first.reshape(shape), second.reshape(shape), strict=True):
            features.append(sum(abs(encode(x[None]) - encode(y[None]))[0] for x, y in zip(a, b, strict=True)) / pairs)
            shared = np.flatnonzero((factors_of(a) == factors_of(b)).all(axis=0))
            labels.append(shared[0] if len(shared) == 1 else -1)  # more agree by chance now and then
        fitted.append((np.array(features), np.array(labels)))
    # The labels of those points are drawn again from the seeds that the metric draws.
    seeds = np.random.default_rng(3).integers(2**31 - 1, size=3, dtype=np.int64)
    for seed, (features, labels) in zip(seeds[:2], fitted, strict=True):
        mine, asked = points(CodeReader(data, encode), [0, 1, 2], num, pairs, int(seed))
        assert mine == pytest.approx(features, abs=1e-12)
        assert (labels >= 0).sum() > num / 2
        assert (labels == asked)[labels >= 0].all()
        labels[:] = asked
    model = LogisticRegression(max_iter=5000, random_state=int(seeds[2])).fit(*fitted[0])
    assert scores["train_accuracy"] == model.score(*fitted[0])
    assert scores["eval_accuracy"] == model.score(*fitted[1])


class Warns:
    """A classifier that warns while it is fitted."""

    def __init__(self, *categories):
        self.categories = categories

    def fit(self, features, labels):
        for category in self.categories:
            warnings.warn("a word from the classifier", category, stacklevel=2)


def test_a_warning_that_the_result_does_not_tell_is_passed_on():
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert _fit(Warns(), np.zeros((1, 1)), np.zeros(1)) is True
        assert _fit(Warns(ConvergenceWarning), np.zeros((1, 1)), np.zeros(1)) is False
    with pytest.warns(RuntimeWarning, match="a word from the classifier"):
        assert _fit(Warns(RuntimeWarning, ConvergenceWarning), np.zeros((1, 1)), np.zeros(1)) is False

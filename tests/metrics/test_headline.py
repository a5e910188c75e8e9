"""headline.py: which scores a metric says to look at first, and which parameters are its defaults."""

import json
from pathlib import Path

import pandas as pd
import pytest

from dlib_bvae import metrics
from dlib_bvae.metrics.headline import is_default, is_main, order_of
from dlib_bvae.metrics.score_info import said_by

STUDY = Path(__file__).parents[2] / "benchmarks" / "results" / "re_beta_vae_small" / "runs.parquet"
BETA_VAE = {
    "batch_size": 64,
    "classifier": "logistic_regression",
    "factors": None,
    "logistic_regression.max_iter": 5000,
    "num_eval": 5000,
    "num_train": 10000,
}


@pytest.mark.parametrize(
    ("metric", "score", "main"),
    [
        ("beta_vae", "eval_accuracy", True),
        ("beta_vae", "train_accuracy", False),
        ("active_units", "active_fraction", False),
        ("image_quality", "fid_reconstruction", True),
        ("image_quality", "fid_infinity_reconstruction", False),  # of another entry of SCORES, which comes first
        ("dci", "disentanglement", True),
        ("dci", "disentanglement_of_another_version", False),
        ("udr", "udr", True),
        ("udr", "num_informative", False),
        ("not_installed", "score", True),
    ],
)
def test_a_main_score_is_one_to_look_at_first(metric, score, main):
    assert is_main(metric, score) is main


def test_every_metric_has_a_main_score():
    for name in metrics.METRICS.names():
        about = said_by(metrics.METRICS, name, "ABOUT", {})[name]
        assert {*about.scores} <= {*metrics.scores_of(name)}


def test_main_scores_are_in_the_order_of_their_metric():
    scores = ["informativeness_test", "disentanglement", "completeness"]
    assert sorted(scores, key=lambda score: order_of("dci", score)) == [*scores[1:], scores[0]]
    assert order_of("not_installed", "score") == 0


@pytest.mark.parametrize(
    ("metric", "parameters", "default"),
    [
        ("beta_vae", BETA_VAE, True),
        ("beta_vae", {**BETA_VAE, "batch_size": 64.0}, True),
        ("beta_vae", {}, True),
        ("beta_vae", {**BETA_VAE, "batch_size": 16}, False),
        ("beta_vae", {**BETA_VAE, "factors": ["shape"]}, False),
        ("beta_vae", {**BETA_VAE, "logistic_regression.max_iter": 10}, False),
        ("beta_vae", {**BETA_VAE, "linear.no_such": 10}, False),
        ("beta_vae", {**BETA_VAE, "no_such": 10}, False),
        ("beta_vae", {**BETA_VAE, "evaluation.split": "test"}, False),
        ("beta_vae", {**BETA_VAE, "evaluation.sampling": "disjoint"}, True),
        ("beta_vae", {**BETA_VAE, "evaluation.sampling": "with_replacement"}, False),
        ("sap_dlib", {"evaluation.sampling": "with_replacement"}, True),
        ("mig", {"factor_bins": {"size": 10}}, True),
        ("mig", {"factor_bins": {"size": 5}}, False),
        ("dci", {"trees": "exact"}, True),
        ("udr", {"run_set": "0123456789", "num_runs": 3}, True),
        ("not_installed", {"a": 1}, None),
    ],
)
def test_defaults_are_those_of_today(metric, parameters, default):
    assert is_default(metric, parameters) is default


def test_the_committed_study_has_each_of_its_metrics_by_default_parameters():
    frame = pd.read_parquet(STUDY, columns=["evaluation_results.metric", "metric_parameters"]).drop_duplicates()
    found = [metric for metric, text in frame.itertuples(index=False) if is_default(metric, json.loads(text))]
    assert sorted(found) == ["active_units", "beta_vae", "factor_vae_score", "mig", "reconstruction_error"]

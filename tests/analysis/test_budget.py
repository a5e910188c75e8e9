"""Budgets of rows: steps of training and images a step, and where neither is known."""

import pandas as pd
import pytest
from support.frames import frame_of

from dlib_bvae.analysis import budget
from dlib_bvae.analysis.cells import methods


def budgets(*rows):
    frame = frame_of(*({"seed": 0, "scores": {"discrete_mig": 0.5}, **row} for row in rows))
    return {key[0]: text for key, text in budget.of_rows(frame, methods(frame)).items()}


@pytest.mark.parametrize(
    ("steps", "batch", "said"),
    [
        (10_000, 64, "10,000 steps of 64"),
        (1, 1, "1 step of 1"),
        (300_000, 2_048, "300,000 steps of 2,048"),
        (10_000, None, "not stated"),
        (None, 64, "not stated"),
        (0, 64, "not stated"),
        ("many", 64, "not stated"),
    ],
)
def test_a_budget_is_the_steps_and_the_images_of_each(steps, batch, said):
    row = {"model": "a", "train_results.steps": steps, "train_config.model.batch_size": batch}
    assert budgets(row, {"model": "other", "train_results.steps": 5}) == {"a": said, "other": "not stated"}


def test_a_baseline_has_none_and_codes_from_elsewhere_do_not_state_theirs():
    assert budgets({"model": "pca"}, {"model": "mine"}) == {"pca": None, "mine": "not stated"}


def test_of_runs_that_are_pooled_the_longest_counts():
    rows = [{"model": "a", "train_results.steps": n, "train_config.model.batch_size": 8} for n in (30, 200, 9)]
    assert budgets(*rows, {"model": "a"}) == {"a": "200 steps of 8"}


def test_nothing_gives_nothing():
    frame = pd.DataFrame()
    assert budget.of_rows(frame, pd.Series(dtype=object)) == {}

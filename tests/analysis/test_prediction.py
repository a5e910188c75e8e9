"""prediction.py: the interval of one more seed against scipy and simulated seeds, and what it is pooled from."""

import math

import numpy as np
import pytest
from scipy import stats
from support.frames import frame_of

from dlib_bvae.analysis import cells, prediction_interval, predictions
from dlib_bvae.errors import UserError


@pytest.mark.parametrize("scores", [1, 4])
@pytest.mark.parametrize("n", [1, 5])
def test_the_interval_is_scipy_s(n, scores):
    low, high = prediction_interval(0.3, n, 0.05, 24, scores)
    quantile = stats.t.ppf(1 - 0.005 / scores, 24)
    assert (high - low) / 2 == pytest.approx(quantile * 0.05 * math.sqrt(1 + 1 / n))
    assert (high + low) / 2 == pytest.approx(0.3)


@pytest.mark.parametrize("scores", [1, 5])
def test_99_of_100_honest_seeds_are_inside_and_few_others(scores):
    configurations, n, repeats = 6, 5, 4_000
    rng = np.random.default_rng(scores)
    seeds = 0.04 * rng.normal(size=(repeats, scores, configurations, n))
    sd = np.sqrt(seeds.var(axis=-1, ddof=1).mean(axis=-1))
    one_more = 0.04 * rng.normal(size=(repeats, scores))
    half = np.array([[prediction_interval(0, n, each, 24, scores)[1] for each in row] for row in sd[:500]])
    assert half == pytest.approx(stats.t.isf(0.005 / scores, 24) * sd[:500] * math.sqrt(6 / 5))
    half = half[:1] / sd[:1] * sd
    inside = lambda value: (np.abs(value - seeds[:, :, 0].mean(axis=-1)) <= half).all(axis=1).mean()
    assert inside(one_more) > 0.99 - 3 * math.sqrt(0.0099 / repeats)  # three standard errors of a rate of 99 %
    assert inside(one_more + 0.04 * 6) < 0.05


@pytest.mark.parametrize(
    "wrong", [{"n": 0}, {"n": 1.5}, {"sd": -1}, {"df": 0}, {"mean": math.nan}, {"scores": 0}, {"sd": math.inf}]
)
def test_numbers_out_of_range_are_refused(wrong):
    with pytest.raises(UserError, match="must be"):
        prediction_interval(**{"mean": 0.5, "n": 3, "sd": 0.1, "df": 20, **wrong})


def rows_of(name, values, metric="mig", score="discrete_mig", **more):
    return [
        {"model": name, "seed": seed, "metric": metric, "scores": {score: value}, **more}
        for seed, value in enumerate(values)
    ]


def test_the_deviation_is_pooled_within_trained_configurations_as_for_ranks():
    rng = np.random.default_rng(0)
    trained = {name: rng.normal(0.3, 0.05, n) for name, n in {"a": 5, "b": 12, "c": 8}.items()}
    parts = [rows_of(name, values) for name, values in trained.items()]
    parts += [rows_of(name, rng.normal(0.3, 1, 6)) for name in ("pca", "noise", "random_encoder")]
    parts += [rows_of("said", rng.normal(0.3, 1, 6), evidence="claimed", supervision="none")]
    parts += [rows_of("a", rng.normal(0.3, 1, 6), parameters='{"num_train": 5}')]
    frame = frame_of(*(row for part in parts for row in part))
    table = predictions(frame).set_index(["model", "metric_parameters"])
    squares = sum(((values - values.mean()) ** 2).sum() for values in trained.values())
    for name, values in trained.items():
        mean, seeds, sd, df = table.loc[(name, "{}"), ["mean", "seeds", "sd", "df"]]
        assert (seeds, df) == (len(values), 22)
        assert mean == pytest.approx(values.mean())
        assert sd == pytest.approx(math.sqrt(squares / 22))
    assert table.loc[("a", '{"num_train": 5}'), "df"] == 5
    ranked = cells(frame).set_index(["model", "metric_parameters"])["rank_sd"]["a", "{}"]
    assert table.loc[("a", "{}"), "sd"] == pytest.approx(ranked)


def test_scores_without_a_direction_have_one_too():
    rng = np.random.default_rng(0)
    values = rng.integers(3, 8, 10)
    frame = frame_of(*rows_of("a", values, metric="active_units", score="active_units"))
    (row,) = predictions(frame).to_dict("records")
    assert (row["df"], row["sd"]) == (9, pytest.approx(values.std(ddof=1)))


def test_rows_that_are_not_above_chance_lend_nothing():
    null = {
        f"evaluation_results.null.discrete_mig.{name}": value
        for name, value in {"n": 20, "mean": 0.3, "std": 0.1, "z": 0.0, "p": 0.5, "adjusted": 0.0}.items()
    }
    frame = frame_of(*rows_of("a", [0.3, 0.4, 0.5]), *rows_of("chance", [0.3, 0.31, 0.29, 0.3], **null))
    assert predictions(frame).set_index("model")["df"].to_dict() == {"a": 2, "chance": 2}


def test_without_evaluations_there_is_none():
    assert predictions(frame_of()).empty

"""power.py: the smallest difference against tables and simulated tests; spreads against numbers worked out by hand."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from support.evaluated_runs import evaluate, write_run
from support.frames import frame_of

from dlib_bvae.analysis import power
from dlib_bvae.analysis.power import row_differences, seeds_needed, smallest_difference, spreads
from dlib_bvae.errors import UserError


@pytest.mark.parametrize(  # Cohen 1988, table 2.4.1, but for 393.4 and 38.2, which it rounds down
    ("n", "chance", "alpha", "difference"),
    [
        (17, 0.8, 0.05, 1.0),
        (26, 0.8, 0.05, 0.8),
        (64, 0.8, 0.05, 0.5),
        (394, 0.8, 0.05, 0.2),
        (39, 0.8, 0.01, 0.8),
        (86, 0.9, 0.05, 0.5),
    ],
)
def test_the_seeds_are_those_of_tables(n, chance, alpha, difference):
    assert seeds_needed(1, difference, chance, alpha) == n
    assert smallest_difference(1, n, chance, alpha) <= difference < smallest_difference(1, n - 1, chance, alpha)


def test_four_seeds_tell_a_difference_of_2_38_standard_deviations():
    assert smallest_difference(1, 4) == pytest.approx(2.38, abs=0.005)


@pytest.mark.parametrize("n", [2, 3, 5, 12])
def test_a_simulated_test_finds_the_smallest_difference_as_often_as_it_says(n):
    rng = np.random.default_rng(n)
    first, second = 0.3 * rng.normal(size=(2, n, 40_000))
    found = stats.ttest_ind(first, second + smallest_difference(0.3, n), axis=0).pvalue < 0.05
    assert found.mean() == pytest.approx(0.8, abs=0.008)  # four standard errors


@pytest.mark.parametrize(("n", "exact"), [(20_000, True), (10**6, False)])
def test_many_seeds_are_as_with_a_normal_distribution(n, exact):
    quantiles = stats.norm.isf(0.025) + stats.norm.isf(0.2)
    assert smallest_difference(1, n) == pytest.approx(quantiles * math.sqrt(2 / n), rel=1e-4)
    if exact:
        assert seeds_needed(1, smallest_difference(1, n) * (1 + 1e-9)) == n


def test_the_difference_is_proportional_to_the_deviation_and_none_without_one():
    assert smallest_difference(0.5, 4) == pytest.approx(smallest_difference(1, 4) / 2)
    assert smallest_difference(0, 2) == 0
    assert seeds_needed(0, 0.01) == 2
    assert [seeds_needed(0.1, smallest_difference(0.1, n) + 1e-9) for n in range(2, 12)] == list(range(2, 12))


@pytest.mark.parametrize(
    "wrong",
    [
        *(lambda sd=sd: smallest_difference(sd, 4) for sd in (-1, math.nan, math.inf, "1", None)),
        *(lambda n=n: smallest_difference(1, n) for n in (1, 0, 2.5, math.nan, True, 10**9)),
        *(lambda p=p: smallest_difference(1, 4, p) for p in (0, 1, 0.05, math.nan)),
        *(lambda a=a: smallest_difference(1, 4, 0.8, a) for a in (0, 1, 0.9, math.inf)),
        *(lambda d=d: seeds_needed(1, d) for d in (0, -0.1, math.nan, math.inf, 1e-4)),
        *(lambda sd=sd: seeds_needed(sd, 0.1) for sd in (-1, math.nan, math.inf)),
    ],
)
def test_numbers_out_of_range_are_refused(wrong):
    with pytest.raises(UserError):
        wrong()


def scored(config, seed, value, step=None, drawn=0, model="vae", **more):
    """An evaluation of one training, after its 30 steps or at an exported one."""
    return {
        "model": model,
        "config": config,
        "seed": seed,
        "run": f"{config}{seed}",
        "scores": {"discrete_mig": value},
        "train_config.model.model": f"@{model}()",
        "evaluation_results.random_seed": drawn,
        "postprocess_results.step": step,
        "train_results.steps": 30,
        "postprocess_results.representation": "mean" if step is None else f"mean-step{step}",
        **more,
    }


def by_source(frame):
    return spreads(frame).set_index("source").to_dict("index")


def test_spreads_are_pooled_within_configurations_codes_and_trainings():
    rng = np.random.default_rng(0)
    values = {config: rng.normal(0.4, 0.1, (7, 3)) for config in "ab"}  # (seeds, seeds of the metric)
    rows = [
        scored(config, seed, value, drawn=drawn)
        for config, of_config in values.items()
        for seed, of_seed in enumerate(of_config)
        for drawn, value in enumerate(of_seed)
    ]
    rows += [scored("a", seed, 0.1 * seed, step=10) for seed in range(7)]
    rows += [
        scored("a", seed, float(values["a"][seed].mean()), step=30) for seed in range(7)
    ]  # the codes at the end again
    rows += [scored("c", seed, seed, model="random_encoder") for seed in range(20)]  # not trained
    found = by_source(frame_of(*rows))
    each = np.concatenate([values["a"], values["b"]])
    assert found["training seed"]["degrees_of_freedom"] == 12
    variances = [of_config.mean(axis=1).var(ddof=1) for of_config in values.values()]
    assert found["training seed"]["sd"] == pytest.approx(math.sqrt(np.mean(variances)))
    assert found["training seed"]["seeds"] == 7
    assert found["training seed"]["smallest_difference"] == pytest.approx(
        smallest_difference(math.sqrt(np.mean(variances)), 7)
    )
    assert found["training seed"]["seeds_for_0.05"] == seeds_needed(math.sqrt(np.mean(variances)), 0.05)
    assert (found["metric seed"]["degrees_of_freedom"], found["metric seed"]["groups"]) == (28, 14)
    steps = [np.var([mean, 0.1 * seed], ddof=1) for seed, mean in enumerate(values["a"].mean(axis=1))]
    assert found["exported step"]["degrees_of_freedom"] == 7
    assert np.isnan(found["exported step"]["sd"])
    assert found["exported step"]["missing"] == "not known: 7 degrees of freedom, fewer than 10"
    assert found["metric seed"]["sd"] == pytest.approx(math.sqrt(each.var(axis=1, ddof=1).mean()), rel=0.15)
    assert len(steps) == 7


def test_the_seeds_of_repeats_are_those_of_the_metric():
    def repeated(seed, values):
        repeats = {"seeds": list(range(len(values))), "scores.discrete_mig": values}
        return scored(
            "a",
            seed,
            float(np.mean(values)),
            **{f"evaluation_results.repeats.{name}": str(each) for name, each in repeats.items()},
        )

    rng = np.random.default_rng(0)
    values = rng.normal(size=(6, 4))
    found = by_source(frame_of(*(repeated(seed, each.tolist()) for seed, each in enumerate(values))))
    assert found["metric seed"]["sd"] == pytest.approx(math.sqrt(values.var(axis=1, ddof=1).mean()))
    assert found["metric seed"]["degrees_of_freedom"] == 18


def test_a_row_has_the_smallest_difference_of_its_seeds():
    rng = np.random.default_rng(0)
    rows = [scored(config, seed, 0.4 + 0.1 * rng.normal()) for config in "abc" for seed in range(5)]
    rows += [scored("d", 0, 0.4), scored("a", 0, 0.2, step=10), scored("a", 1, 0.3, step=10)]
    found = row_differences(frame_of(*rows)).set_index(["config", "representation"]).to_dict("index")
    sd = found["a", "mean"]["training_sd"]
    assert found["a", "mean"]["training_df"] == 12
    assert found["a", "mean"]["smallest_difference"] == pytest.approx(smallest_difference(sd, 5))
    assert found["a", "mean-step10"]["smallest_difference"] == pytest.approx(smallest_difference(sd, 2))
    assert found["d", "mean"]["smallest_difference_missing"] == "one seed"
    few = row_differences(frame_of(*(scored("a", seed, 0.1 * seed) for seed in range(5)))).iloc[0]
    assert math.isnan(few["smallest_difference"])
    assert few["smallest_difference_missing"] == "not known: 4 degrees of freedom, fewer than 10"


def test_run_writes_its_tables_and_names_what_is_missing(tmp_path, capsys):
    with pytest.raises(UserError, match="there is no directory"):
        power.run([tmp_path / "none"], tmp_path / "out")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="no evaluation below"):
        power.run([tmp_path / "empty"], tmp_path / "out")
    with pytest.raises(UserError, match="at least one directory"):
        power.run([], tmp_path / "out")
    for seed in range(12):
        evaluate(write_run(tmp_path / "runs", f"r{seed}", seed=seed), {"mig": 0.1 * (seed % 3)})
    # a directory within another brings no evaluation twice
    paths = power.run([tmp_path / "runs", tmp_path / "runs" / "r3"], tmp_path / "out")
    assert [path.name for path in paths] == ["power.csv", "orders.csv"]
    table = pd.read_csv(paths[0]).set_index("source")
    assert table.loc["training seed", "sd"] == pytest.approx(np.std([0, 0.1, 0.2] * 4, ddof=1))
    assert table.loc["training seed", "degrees_of_freedom"] == 11
    assert math.isnan(table.loc["metric seed", "sd"])
    paths[0].write_text("mine")
    with pytest.raises(UserError, match="not as this package wrote it"):
        power.run([tmp_path / "runs"], tmp_path / "out")

"""cells.py: the board's cells, worked out by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.frames import frame_of

from dlib_bvae.analysis import (
    cells,
    mean_intervals,
    missing_references,
    normalised_runs,
    over_datasets,
    pooled,
    references,
    tables,
)
from dlib_bvae.analysis.cells import (
    BOARD,
    COLUMNS,
    FEW_SEEDS,
    higher_is_better,
    methods,
    row_intervals,
    score_info,
)
from dlib_bvae.analysis.frame import with_versions
from dlib_bvae.analysis.ranks import Spread, ranges
from dlib_bvae.metrics.score_info import UNKNOWN
from dlib_bvae.models.baselines import METHODS as BASELINES

STUDY = Path(__file__).parents[2] / "benchmarks/results/re_beta_vae_small/runs.parquet"
A, B, LOW, HIGH = [0.5, 0.6, 0.7, 0.8], [0.1, 0.2, 0.3], [0.0, 0.2], [1.0, 1.0]


def board(**more):
    rows = {"a": A, "b": B, "random_encoder": LOW, "oracle": HIGH}
    return frame_of(
        *(
            {"model": model, "seed": seed, "scores": {"discrete_mig": value}, **more}
            for model, values in rows.items()
            for seed, value in enumerate(values)
        )
    )


def by_model(table):
    return table.set_index("model")


def test_the_numbers_are_those_worked_out_by_hand():
    table = cells(board(), reps=500)
    assert list(table.columns) == COLUMNS
    row = by_model(table).loc["a"]
    assert row["mean"] == pytest.approx(0.65)
    assert row["std"] == pytest.approx(np.std(A, ddof=1))
    assert row["median"] == pytest.approx(0.65)
    assert np.isnan(row["iqm"])  # of four values it is the median
    half = 3.182446 * np.std(A, ddof=1) / 2  # Student's t with 3 degrees of freedom
    assert [row["low"], row["high"]] == pytest.approx([0.65 - half, 0.65 + half], abs=1e-6)
    assert (row["seeds"], row["interval"]) == (4, "t")
    assert (row["rank_df"], row["unranked"]) == (5, "5 of 20 degrees of freedom")
    assert row["rank_sd"] == pytest.approx(np.sqrt((3 * np.var(A, ddof=1) + 2 * np.var(B, ddof=1)) / 5))
    assert row["normalised"] == pytest.approx((0.65 - 0.1) / 0.9)


def test_means_are_those_of_aggregate():
    frame = board()
    pd.testing.assert_frame_equal(
        cells(frame)[[*tables.GROUP, "mean", "std", "median", "seeds"]],
        tables.aggregate(frame)[[*tables.GROUP, "mean", "std", "median", "seeds"]],
    )


MANY = {"a": 0.9, "b": 0.85, "c": 0.5, "d": 0.2}  # means of seven seeds each: 24 degrees of freedom
NOISE = np.array([-0.06, -0.04, -0.02, 0, 0.02, 0.04, 0.06])


def many(means=MANY, **more):
    return [
        {"model": model, "seed": seed, "scores": {"discrete_mig": mean + each}, **more}
        for model, mean in means.items()
        for seed, each in enumerate(NOISE)
    ]


def ranked(table):
    """{model: (rank_low, rank_high, tied, why there is none)}."""
    columns = table[["model", "rank_low", "rank_high", "tied", "unranked"]].astype(object)
    return {model: tuple(None if pd.isna(e) else e for e in each) for model, *each in columns.to_numpy()}


def test_ranks_are_those_that_tukey_s_test_leaves_open_on_each_data_set():
    table = cells(frame_of(*many(), *many(dataset="other"), *many({"alone": 0.1}, dataset="third")))
    for name in ("dummy_data", "other"):
        part = table[(table["dataset"] == name) & (table["metric"] == "mig")]
        assert ranked(part) == {
            "a": (1, 2, True, None),
            "b": (1, 2, True, None),
            "c": (3, 3, False, None),
            "d": (4, 4, False, None),
        }
        spread = Spread(np.std(NOISE, ddof=1), 24)
        assert part["rank_sd"].tolist() == pytest.approx([spread.sd] * 4)
        assert (set(part["rank_df"]), set(part["rank_of"])) == ({24}, {4})
        low, high, _ = ranges(part["mean"].to_numpy(), np.full(4, 7), spread, True)
        assert part[["rank_low", "rank_high"]].to_numpy().tolist() == np.stack([low, high], axis=1).tolist()
    assert ranked(table[table["model"] == "alone"])["alone"] == (None, None, False, "6 of 20 degrees of freedom")


def test_a_reference_row_changes_no_rank_and_lends_no_degree_of_freedom():
    alone = ranked(cells(frame_of(*many())))
    for reference in BASELINES:
        table = cells(frame_of(*many(), *many({reference: 0.87})))
        found = ranked(table)
        assert found.pop(reference) == (None, None, False, "reference")
        assert found == alone
        assert set(table["rank_df"]) == {24}


@settings(deadline=None, max_examples=5)
@given(
    st.lists(st.integers(0, 12), min_size=4, max_size=6),
    st.sampled_from([*BASELINES]),
    st.integers(0, 12),
    st.integers(0, 99),
)
def test_neither_reference_rows_nor_the_order_of_results_change_a_rank(means, reference, mean, seed):
    rows = many({f"m{place}": each / 20 for place, each in enumerate(means)})
    alone = ranked(cells(frame_of(*rows)))
    frame = frame_of(*rows, *many({reference: mean / 20})).sample(frac=1, random_state=seed).reset_index(drop=True)
    found = ranked(cells(frame))
    assert found.pop(reference)[3] == "reference"
    assert found == alone
    assert all(low <= high for low, high, *_ in alone.values())
    best = max(range(len(means)), key=means.__getitem__)
    assert alone[f"m{best}"][::2] == (1, True)


def test_supervisions_are_ranked_apart_with_one_variance():
    table = cells(frame_of(*many(), *many({"pairs": 0.95, "more": 0.1}, **{"train_results.supervision": "pairs"})))
    found = ranked(table)
    assert {model: found[model][:2] for model in MANY} == {"a": (1, 2), "b": (1, 2), "c": (3, 3), "d": (4, 4)}
    assert (found["pairs"][:2], found["more"][:2]) == ((1, 1), (2, 2))
    assert set(table["rank_df"]) == {36}
    assert table.set_index("model")["supervision"][["a", "pairs"]].tolist() == ["not stated", "pairs"]


def trained(steps, batch=64, of=MANY):
    return many(of, **{"train_results.steps": steps, "train_config.model.batch_size": batch})


def test_budgets_are_ranked_apart_with_one_variance():
    longer = {"long": 0.95, "short": 0.99}
    table = cells(frame_of(*trained(10_000), *trained(300_000, of=longer), *many({"pca": 0.5})))
    found = ranked(table)
    assert {model: found[model][:2] for model in MANY} == {"a": (1, 2), "b": (1, 2), "c": (3, 3), "d": (4, 4)}
    assert set(table.loc[table["model"].isin(MANY), "rank_of"]) == {4}
    assert set(table.loc[table["model"].isin(longer), "rank_of"]) == {2}
    assert set(table["rank_df"]) == {36}
    budgets = table.set_index("model")["budget"]
    assert budgets[["a", "long"]].tolist() == ["10,000 steps of 64", "300,000 steps of 64"]
    assert pd.isna(budgets["pca"])


def test_two_seeds_have_neither_rank_nor_interval_and_lend_one_degree_of_freedom():
    few = [{"model": "two", "seed": seed, "scores": {"discrete_mig": value}} for seed, value in enumerate([0.3, 0.9])]
    table = by_model(cells(frame_of(*many(), *few)))
    assert table.loc["two", ["low", "high", "interval", "unranked"]].tolist() == [0.3, 0.9, "range", FEW_SEEDS]
    assert table.loc["two", ["rank_low", "rank_high"]].isna().all()
    assert set(table["rank_df"]) == {25}


def test_codes_before_the_end_of_training_are_not_ranked():
    early = [
        {**row, "postprocess_results.representation": "mean-step10", "postprocess_results.step": 10} for row in many()
    ]
    table = cells(frame_of(*many(), *early))
    found = {name: ranked(part) for name, part in table.groupby("representation")}
    assert set(found["mean-step10"].values()) == {(None, None, False, "before the end of training")}
    assert found["mean"] == ranked(cells(frame_of(*many())))
    assert set(table["rank_df"]) == {24}


def test_representations_of_one_training_lend_their_degrees_of_freedom_once():
    twice = [
        {**row, "postprocess_results.representation": "sampled", "run": f"{row['model']} {row['seed']}"}
        for row in many()
    ]
    table = cells(frame_of(*(row | {"run": f"{row['model']} {row['seed']}"} for row in many()), *twice))
    assert set(table["rank_df"]) == {24}
    assert set(table["rank_of"]) == {8}


def test_the_committed_study_has_no_pair_that_is_ranked_against_its_estimates():
    frame = with_versions(pd.read_parquet(STUDY)).assign(**{"train_results.supervision": "none"})  # as its methods say
    table = cells(frame)
    pairs = 0
    for (*_, metric, _, _, score, _, _), part in table[table["unranked"].isna()].groupby(
        [*BOARD, "supervision", "budget"]
    ):
        worth = part["mean"].to_numpy() * (1 if higher_is_better(metric, score) else -1)
        low, high = (part[name].to_numpy(int) for name in ("rank_low", "rank_high"))
        above = worth[:, None] > worth
        pairs += above.sum()
        assert not (above & (low[:, None] > low)).any()
        assert not (above & (high[:, None] > high)).any()
    assert pairs > 300
    assert "pca" not in set(table[table["unranked"].isna()]["model"])


def test_adjusted_and_unranked_rows_have_other_ranks_and_values():
    assert cells(board(), adjusted=True).empty  # no row has a null
    frame = frame_of(*many())
    null = "evaluation_results.null.discrete_mig.adjusted"
    adjusted = cells(frame.assign(**{null: frame["evaluation_results.discrete_mig"] - 1}), adjusted=True)
    why = {tuple(row): "because" for row in adjusted[tables.GROUP][adjusted["model"] == "a"].to_numpy()}
    plain = cells(pd.concat([frame, frame_of(*many({"e": 0.0}))], ignore_index=True), unranked=why)
    assert by_model(adjusted)["mean"].to_dict() == pytest.approx((by_model(plain)["mean"].drop("e") - 1).to_dict())
    assert ranked(plain)["a"] == (None, None, False, "because")
    assert ranked(plain)["b"][:2] == (1, 1)
    assert set(plain["rank_df"]) == {24}  # "a" lends nothing


def test_less_is_better_where_the_metric_says_so():
    rows = [{**row, "metric": "elbo", "scores": {"elbo": -v, "kl": v, "reconstruction": v}}
            for row in many() for v in row["scores"].values()]  # fmt: skip
    table = cells(frame_of(*rows)).set_index(["model", "score"])
    assert (table["rank_low"]["d", "reconstruction"], table["rank_low"]["c", "reconstruction"]) == (1, 2)
    assert (table["rank_low"]["d", "elbo"], table["rank_low"]["c", "elbo"]) == (1, 2)
    assert table["unranked"]["a", "kl"] == "no known direction"


def test_a_method_is_known_by_its_objective():
    frame = board()
    frame["train_config.model.model"] = frame["train_results.model"].map(
        {"a": "@vae()", "b": "@vae()", "random_encoder": "@train/random_encoder()", "oracle": "@oracle()"}
    )
    frame["train_results.model"] = frame["train_results.model"].map(lambda name: f"my {name}")
    (row,) = references(frame).to_dict("records")
    assert (row["random_encoder"], row["oracle"]) == (pytest.approx(0.1), 1.0)


def test_without_reference_rows_normalised_is_missing_and_it_is_said():
    frame = board()[lambda rows: rows["train_results.model"] != "oracle"]
    assert cells(frame, reps=100)["normalised"].isna().all()
    (sentence,) = missing_references(frame)
    assert sentence.startswith("mig on dummy_data is not normalised: no row of oracle; train gin/oracle_")
    assert missing_references(board()) == []


def test_references_with_other_metric_parameters_do_not_count():
    frame = pd.concat([frame_of({"model": "a", "scores": {"discrete_mig": 0.5}}), board(parameters='{"num_bins": 5}')])
    found = cells(frame.reset_index(drop=True), reps=100)
    assert found[found["metric_parameters"] == "{}"]["normalised"].isna().all()
    assert found[found["metric_parameters"] != "{}"]["normalised"].notna().all()


@pytest.mark.parametrize("name", ["version", "data_version"])
def test_versions_are_neither_averaged_nor_ranked_together(name):
    rows = [{**row, name: 1 + row["seed"] % 2} for row in many()]
    found, alone = cells(frame_of(*rows)), cells(frame_of(*(row for row in rows if row[name] == 2)))
    column = {"version": "metric_version", "data_version": "data_version"}[name]
    assert sorted(set(found[column])) == [1, 2]
    pd.testing.assert_frame_equal(found[found[column] == 2].reset_index(drop=True), alone)


def test_one_seed_has_neither_interval_nor_rank():
    (row,) = cells(frame_of({"scores": {"discrete_mig": 0.5}})).to_dict("records")
    assert (row["mean"], row["median"], row["seeds"], row["unranked"]) == (0.5, 0.5, 1, FEW_SEEDS)
    assert pd.isna([row[name] for name in ("std", "iqm", "low", "high", "interval", "rank_low", "rank_high")]).all()


def test_the_least_evidence_of_what_is_pooled_is_told():
    frame = board()
    frame["evidence"] = ["recomputed", "claimed", "recomputed", "recomputed"] + [None] * 7
    frame["supervision"] = ["none"] * 4 + [None] * 7
    table = by_model(cells(frame, reps=50))
    assert (table.loc["a", "evidence"], table.loc["a", "supervision"]) == ("claimed", "none")
    assert pd.isna(table.loc["b", "evidence"])


def test_what_is_only_claimed_has_no_rank():
    frame = frame_of(*many(), *many({"e": 0.0}))
    frame["evidence"] = ["claimed" if name == "a" else "recomputed" for name in frame["train_results.model"]]
    table = cells(frame)
    assert ranked(table)["a"] == (None, None, False, "only claimed")
    assert (ranked(table)["b"][:2], list(table.columns[-1:]), set(table["rank_df"])) == ((1, 1), ["evidence"], {24})


def test_the_same_seed_gives_the_same_table_in_any_order():
    frame = board()
    shuffled = frame.sample(frac=1, random_state=0).reset_index(drop=True)
    pd.testing.assert_frame_equal(cells(frame, reps=200), cells(shuffled, reps=200))


def test_nothing_gives_an_empty_table():
    assert list(cells(pd.DataFrame()).columns) == COLUMNS


def test_what_is_known_of_a_score():
    assert higher_is_better("mig", "discrete_mig") is True
    assert higher_is_better("image_quality", "fid_inception") is False
    assert higher_is_better("udr", "udr") is True
    assert higher_is_better("udr", "num_informative") is None
    assert higher_is_better("not installed", "x") is None


def boards(with_oracle=True):
    rows = []
    for dataset, (zero, one, values) in {"one": (0.1, 0.9, [0.5, 0.7, 0.6]), "two": (0, 0.5, [0.1, 0.2, 0.3])}.items():
        known = [("random_encoder", [zero]), ("oracle", [one]), ("a", values)]
        for model, scores in known if with_oracle else known[::2]:
            rows += [
                {"model": model, "dataset": dataset, "seed": seed, "scores": {"discrete_mig": score}}
                for seed, score in enumerate(scores)
            ]
    return frame_of(*rows)


def test_scores_lie_between_the_reference_rows():
    runs = normalised_runs(boards())
    assert runs[runs["model"] == "a"]["value"].tolist() == pytest.approx([0.5, 0.75, 0.625, 0.2, 0.4, 0.6])
    assert set(runs[runs["model"] == "oracle"]["value"]) == {1.0}


def test_models_are_pooled_over_their_data_sets():
    row = over_datasets(boards(), reps=300).set_index("model").loc["a"]
    tasks = [np.array([0.5, 0.75, 0.625]), np.array([0.2, 0.4, 0.6])]
    assert row[["value", "low", "high"]].tolist() == pytest.approx(list(pooled(tasks, reps=300)))
    assert (row["datasets"], row["runs"]) == ("one, two", 6)


def test_without_references_there_is_nothing_to_pool():
    assert over_datasets(boards(with_oracle=False)).empty
    assert over_datasets(pd.DataFrame()).empty


def test_ranges_and_directions_of_what_is_not_known_are_unknown():
    assert score_info("mig", "discrete_mig")[:2] == (0.0, 1.0)
    assert score_info("not installed", "x") == score_info("mig", "not a score") == UNKNOWN
    assert score_info("udr", "udr") != UNKNOWN


@pytest.mark.parametrize(
    ("text", "method"),
    [
        ("@vae()", "vae"),
        ("@train/vae()", "vae"),
        ("@my.module.vae", "vae"),
        ("@a/b/vae()", "vae"),
        ("vae", "vae"),
        ("a b()", "a b()"),
    ],
)
def test_the_name_of_a_reference(text, method):
    frame = frame_of(
        {"model": "m", "train_config.model.model": text}, {"model": "other", "train_config.model.model": None}
    )
    assert methods(frame).tolist() == [method, "other"]
    assert methods(frame.iloc[1:]).tolist() == ["other"]


def test_of_several_reference_rows_the_mean_over_seeds_and_then_configurations_counts():
    rows = [
        {"model": "oracle", "config": config, "seed": seed, "scores": {"discrete_mig": value}}
        for config, seed, value in [("a", 0, 0.2), ("a", 1, 0.4), ("b", 0, 0.9)]
    ]
    (row,) = references(frame_of(*rows, {"model": "random_encoder", "scores": {"discrete_mig": 0.1}})).to_dict(
        "records"
    )
    assert (row["oracle"], row["random_encoder"]) == (pytest.approx(0.6), pytest.approx(0.1))
    assert list(references(pd.DataFrame()).columns) == [*BOARD, "random_encoder", "oracle"]
    assert missing_references(frame_of(*rows)) == [
        "mig on dummy_data is not normalised: no row of random_encoder; train gin/random_encoder_… on that data set and "
        "evaluate it by mig with the same parameters"
    ]
    (sentence,) = missing_references(frame_of({"scores": {"discrete_mig": 0.1}}))
    assert "no row of random_encoder and oracle; train gin/random_encoder_…" in sentence


def test_equal_reference_rows_normalise_nothing():
    rows = [{"model": name, "scores": {"discrete_mig": 0.5}} for name in ("oracle", "random_encoder", "a")]
    assert cells(frame_of(*rows))["normalised"].isna().all()
    assert normalised_runs(frame_of(*rows)).empty


def test_cells_of_different_numbers_of_seeds_have_their_own_values():
    values = {"a": [1.0, 3.0, 5.0], "b": [2.0], "c": [4.0, 8.0], "d": [0.0, 1.0, 2.0, 3.0, 100.0]}
    rows = [
        {"model": m, "seed": s, "scores": {"sap": v}, "metric": "sap"}
        for m, each in values.items()
        for s, v in enumerate(each)
    ]
    table = by_model(cells(frame_of(*rows), reps=200))
    assert table["iqm"].isna().all()
    assert table["mean"].to_dict() == pytest.approx({"a": 3.0, "b": 2.0, "c": 6.0, "d": 21.2})
    assert table["median"].to_dict() == {"a": 3.0, "b": 2.0, "c": 6.0, "d": 2.0}
    assert table["seeds"].to_dict() == {"a": 3, "b": 1, "c": 2, "d": 5}
    assert table["std"].drop("b").to_dict() == pytest.approx({name: np.std(values[name], ddof=1) for name in "acd"})
    for name in "acd":
        (expected,), (kind,) = mean_intervals(np.array([values[name]]), reps=200)
        assert table.loc[name, ["low", "high"]].tolist() == pytest.approx(expected.tolist())
        assert table.loc[name, "interval"] == kind


def test_the_interquartile_mean_is_there_where_it_is_neither_the_mean_nor_the_median():
    for values, iqm in (
        ([1.0, 2, 9], None),
        ([1.0, 2, 3, 9], None),
        ([0.0, 1, 3, 3, 100], 7 / 3),
        ([0.0, 1, 2, 3, 9], None),
    ):
        rows = [{"metric": "sap", "seed": seed, "scores": {"sap": each}} for seed, each in enumerate(values)]
        (found,) = cells(frame_of(*rows))["iqm"]
        assert (None if np.isnan(found) else found) == (iqm and pytest.approx(iqm))


def test_intervals_alone_are_those_of_the_cells():
    frame = pd.concat([board(), frame_of({"model": "one", "scores": {"discrete_mig": 0.5}})], ignore_index=True)
    pd.testing.assert_frame_equal(row_intervals(frame), cells(frame)[[*tables.GROUP, "low", "high", "interval"]])
    assert row_intervals(pd.DataFrame()).empty


def test_ten_seeds_have_a_bootstrap_interval():
    rows = [{"seed": seed, "scores": {"discrete_mig": seed / 10}} for seed in range(10)]
    (row,) = cells(frame_of(*rows), seed=3, reps=400).to_dict("records")
    (expected,), _ = mean_intervals(np.arange(10)[None] / 10, 3, 400)
    assert (row["interval"], [row["low"], row["high"]]) == ("BCa", pytest.approx(expected.tolist()))

"""cells.py: the board's cells, worked out by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from support.frames import frame_of

from dlib_bvae.analysis import (
    cells,
    intervals,
    missing_references,
    normalised_runs,
    over_datasets,
    pooled,
    references,
    tables,
)
from dlib_bvae.analysis.cells import BOARD, COLUMNS, higher_is_better, methods, score_info
from dlib_bvae.errors import UserError
from dlib_bvae.metrics.score_info import UNKNOWN

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
    assert row["iqm"] == pytest.approx((0.6 + 0.7) / 2)
    assert [row["low"], row["high"]] == pytest.approx(intervals(np.array([A]), reps=500)[0].tolist())
    assert row["seeds"] == 4
    assert row["normalised"] == pytest.approx((0.65 - 0.1) / 0.9)


def test_means_are_those_of_aggregate():
    frame = board()
    pd.testing.assert_frame_equal(
        cells(frame)[[*tables.GROUP, "mean", "std", "median", "seeds"]],
        tables.aggregate(frame)[[*tables.GROUP, "mean", "std", "median", "seeds"]],
    )


def test_ranks_are_within_a_board_and_references_do_not_compete():
    frame = pd.concat([board(), board(dataset="other")], ignore_index=True)
    table = cells(frame, reps=500)
    for _, part in table.groupby("dataset"):
        found = by_model(part)["rank"]
        assert (found["a"], found["b"]) == (1, 2)
        assert found[["oracle", "random_encoder"]].isna().all()


def test_adjusted_and_unranked_rows_have_other_ranks_and_values():
    assert cells(board(), adjusted=True).empty  # no row has a null
    frame = board()
    null = "evaluation_results.null.discrete_mig.adjusted"
    adjusted = cells(frame.assign(**{null: frame["evaluation_results.discrete_mig"] - 1}), reps=100, adjusted=True)
    plain = cells(
        frame, reps=100, unranked=[tuple(row) for row in adjusted[tables.GROUP][adjusted["model"] == "a"].to_numpy()]
    )
    assert by_model(adjusted)["mean"].to_dict() == pytest.approx((by_model(plain)["mean"] - 1).to_dict())
    assert np.isnan(by_model(plain)["rank"]["a"])
    assert by_model(plain)["rank"]["b"] == 1


def test_less_is_better_where_the_metric_says_so():
    rows = [{"model": m, "seed": s, "scores": {"elbo": -v, "kl": v, "reconstruction": v}, "metric": "elbo"}
            for m, values in {"a": A, "b": B}.items() for s, v in enumerate(values)]  # fmt: skip
    table = cells(frame_of(*rows), reps=500).set_index(["model", "score"])["rank"]
    assert (table["a", "reconstruction"], table["b", "reconstruction"]) == (2, 1)
    assert (table["a", "elbo"], table["b", "elbo"]) == (2, 1)
    assert np.isnan(table["a", "kl"])


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


def test_one_seed_has_neither_interval_nor_rank():
    (row,) = cells(frame_of({"scores": {"discrete_mig": 0.5}})).to_dict("records")
    assert (row["mean"], row["iqm"], row["seeds"]) == (0.5, 0.5, 1)
    assert np.isnan([row["std"], row["low"], row["high"], row["rank"]]).all()


def test_the_interval_can_be_that_of_another_statistic():
    found = by_model(cells(board(), statistic="mean", seed=3, reps=500)).loc["a"]
    assert [found["low"], found["high"]] == pytest.approx(intervals(np.array([A]), "mean", 3, 500)[0].tolist())
    with pytest.raises(UserError, match="no statistic is called 'mode'"):
        cells(board(), statistic="mode")


def test_the_least_evidence_of_what_is_pooled_is_told():
    frame = board()
    frame["evidence"] = ["recomputed", "claimed", "recomputed", "recomputed"] + [None] * 7
    frame["supervision"] = ["none"] * 4 + [None] * 7
    table = by_model(cells(frame, reps=50))
    assert (table.loc["a", "evidence"], table.loc["a", "supervision"]) == ("claimed", "none")
    assert pd.isna(table.loc["b", "evidence"])


def test_what_is_only_claimed_has_no_rank():
    frame = board()
    assert by_model(cells(frame, reps=500)).loc[["a", "b"], "rank"].tolist() == [1, 2]
    frame["evidence"] = ["claimed" if name == "a" else "recomputed" for name in frame["train_results.model"]]
    table = by_model(cells(frame, reps=500))
    assert (table.loc["b", "rank"], list(table.columns[-1:])) == (1, ["evidence"])
    assert np.isnan(table.loc["a", "rank"])


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
    for dataset, (zero, one, values) in {"one": (0.1, 0.9, [0.5, 0.7]), "two": (0, 0.5, [0.1, 0.2, 0.3])}.items():
        known = [("random_encoder", [zero]), ("oracle", [one]), ("a", values)]
        for model, scores in known if with_oracle else known[::2]:
            rows += [
                {"model": model, "dataset": dataset, "seed": seed, "scores": {"discrete_mig": score}}
                for seed, score in enumerate(scores)
            ]
    return frame_of(*rows)


def test_scores_lie_between_the_reference_rows():
    runs = normalised_runs(boards())
    assert runs[runs["model"] == "a"]["value"].tolist() == pytest.approx([0.5, 0.75, 0.2, 0.4, 0.6])
    assert set(runs[runs["model"] == "oracle"]["value"]) == {1.0}


def test_models_are_pooled_over_their_data_sets():
    row = over_datasets(boards(), reps=300).set_index("model").loc["a"]
    tasks = [np.array([0.5, 0.75]), np.array([0.2, 0.4, 0.6])]
    assert row[["value", "low", "high"]].tolist() == pytest.approx(list(pooled(tasks, reps=300)))
    assert (row["datasets"], row["runs"]) == ("one, two", 5)


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
    assert table["iqm"].to_dict() == {"a": 3.0, "b": 2.0, "c": 6.0, "d": 2.0}
    assert table["mean"].to_dict() == pytest.approx({"a": 3.0, "b": 2.0, "c": 6.0, "d": 21.2})
    assert table["median"].to_dict() == {"a": 3.0, "b": 2.0, "c": 6.0, "d": 2.0}
    assert table["seeds"].to_dict() == {"a": 3, "b": 1, "c": 2, "d": 5}
    assert table["std"].drop("b").to_dict() == pytest.approx({name: np.std(values[name], ddof=1) for name in "acd"})
    for name in "acd":
        assert table.loc[name, ["low", "high"]].tolist() == pytest.approx(
            intervals(np.array([values[name]]), reps=200)[0].tolist()
        )

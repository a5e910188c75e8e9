"""summary.py: a column a metric, by its first main score, one set of parameters."""

from dlib_bvae.leaderboard.summary import summaries


def row(metric, score, place, **more):
    return {
        **{"id": f"{metric}-{score}-{place}", "dataset": "dsprites", "fingerprint": "f" * 16, "num_images": 10},
        **{
            "budget": "9 steps of 8",
            "metric": metric,
            "metric_version": 1,
            "data_version": 1,
            "score": score,
            "origin": "rendered",
            "range": [0, 1],
            "higher_is_better": True,
        },
        **{"headline": True, "default_parameters": True, "metric_parameters": {"num_train": 10_000}, **more},
    }


def test_the_first_main_score_of_each_metric_is_its_column_and_known_metrics_stand_first():
    rows = [row(*pair, place) for pair in (("dci", "completeness"), ("dci", "disentanglement")) for place in (1, 2)]
    rows += [
        row("my_metric", "value", 1, range=[None, None], higher_is_better=False),
        row("beta_vae", "eval_accuracy", 1),
    ]
    (found,) = summaries(rows)
    assert [column["metric"] for column in found["columns"]] == ["beta_vae", "dci", "my_metric"]
    assert [column["title"] for column in found["columns"]] == ["β-VAE metric", "DCI", "my_metric"]
    assert [column["unit"] for column in found["columns"]] == ["%", "%", ""]
    assert found["columns"][1]["rows"] == ["dci-disentanglement-1", "dci-disentanglement-2"]
    assert found["columns"][1]["parameters"] is None


def test_scores_without_a_direction_and_rows_that_are_no_headline_have_no_column():
    rows = [
        row("active_units", "active_units", 1, higher_is_better=None),
        row("mig", "discrete_mig", 1, headline=False),
    ]
    assert summaries(rows) == []


def test_parameters_that_are_not_the_defaults_are_said_and_data_sets_stand_apart():
    rows = [
        row("mig", "discrete_mig", 1, default_parameters=False, metric_parameters={"num_bins": 5}),
        row("mig", "discrete_mig", 2, fingerprint="a" * 16),
    ]
    first, second = summaries(rows)
    assert (first["fingerprint"], second["fingerprint"]) == ("a" * 16, "f" * 16)
    assert second["columns"][0]["parameters"] == {"num_bins": 5}


def test_budgets_stand_apart_the_fullest_first_and_rows_without_one_beside_each():
    rows = [row("mig", "discrete_mig", place, budget="10,000 steps of 64") for place in (1, 2)]
    rows += [row("mig", "discrete_mig", 3, budget="300,000 steps of 64"), row("mig", "discrete_mig", 4, budget=None)]
    rows += [row("mig", "discrete_mig", 5, budget="9,000 steps of 64"), row("sap", "SAP_score", 6, budget=None)]
    found = {each["budget"]: each["columns"] for each in summaries(rows)}
    assert list(found) == ["10,000 steps of 64", "9,000 steps of 64", "300,000 steps of 64"]
    places = {budget: [column["rows"][0][-1] for column in columns] for budget, columns in found.items()}
    assert places == {
        "10,000 steps of 64": ["1", "6"],
        "9,000 steps of 64": ["4", "6"],
        "300,000 steps of 64": ["3", "6"],
    }
    assert found["10,000 steps of 64"][0]["rows"] == [f"mig-discrete_mig-{place}" for place in (1, 2, 4)]
    (alone,) = summaries(rows[-1:])
    assert alone["budget"] is None


def test_a_version_that_is_not_today_s_is_said_and_versions_of_a_data_set_stand_apart():
    rows = [
        row("dci_lasso", "disentanglement", 1),
        row("mig", "discrete_mig", 1, data_version=2),
        row("dci_lasso", "disentanglement", 2, data_version=2, metric_version=2),
    ]
    first, second = summaries(rows)
    assert [each["data_version"] for each in (first, second)] == [1, 2]
    assert [column["title"] for column in first["columns"]] == ["dci_lasso (version 1)"]
    assert [column["title"] for column in second["columns"]] == ["MIG", "dci_lasso"]

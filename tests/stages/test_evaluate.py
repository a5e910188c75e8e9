"""evaluate.py: refusals do not stop the metrics after them; repeats; pictures beside the results."""

import json
from pathlib import Path

import numpy as np
import pytest

from dlib_bvae import datasets, errors, metrics
from dlib_bvae.analysis import tables
from dlib_bvae.analysis.frame import collect
from dlib_bvae.errors import UserError
from dlib_bvae.metrics import dci
from dlib_bvae.metrics.engine import boosting
from dlib_bvae.stages import evaluate, train
from dlib_bvae.stages.external import external_codes

FREE = ["active_units", "fos", "unsupervised"]  # metrics of codes that ask for no factors


@pytest.fixture
def mine(codes):
    path = Path("mine.npy")
    np.save(path, codes)
    return path


def test_a_refusal_does_not_stop_the_metrics_after_it(mine, score_external, capsys):
    with pytest.raises(UserError) as caught:
        score_external("mig,jemmig,sap", "jemmig.num_bins = 1", codes=mine)
    assert str(caught.value) == "1 of 3 metrics could not be scored: jemmig; the lines above say why"
    said = capsys.readouterr().err.splitlines()
    assert said == ["refused: jemmig: jemmig.num_bins must be an integer >= 2; got 1"]
    assert [path.name.split("-")[0] for path in sorted(Path("runs/mine/codes/metrics").iterdir())] == ["mig", "sap"]


def test_a_metric_asked_for_by_name_is_an_error_when_it_cannot_apply(mine, score_external, capsys):
    with pytest.raises(UserError, match=r"^1 of 2 metrics could not be scored: reconstruction_error;"):
        score_external("reconstruction_error,mig", codes=mine)
    assert "refused: reconstruction_error: reconstruction_error needs the model's decoder" in capsys.readouterr().err
    with pytest.raises(UserError, match="^reconstruction_error needs the model's decoder.*signature decode"):
        score_external("reconstruction_error", codes=mine)


def test_an_unknown_metric_stops_before_any_is_scored(mine, score_external):
    with pytest.raises(UserError, match="did you mean mig"):
        score_external("mig,migg", codes=mine)
    with pytest.raises(UserError, match="no metric is called 'list'; .*dlib_bvae list metrics"):
        score_external("list", codes=mine)
    with pytest.raises(UserError, match="--metric is empty; give names with commas between, such as mig,dci, or all"):
        score_external(" ,", codes=mine)
    assert not Path("runs").exists()


def test_a_metric_named_twice_or_by_another_name_is_scored_once(mine, score_external):
    assert [found["metric"] for found in score_external("mig,mig, factor_vae,factor_vae_score", codes=mine)] == [
        "mig",
        "factor_vae_score",
    ]


@pytest.mark.filterwarnings("ignore:lbfgs failed to converge")
def test_all_leaves_out_what_cannot_apply_and_that_is_no_error(mine, score_external, capsys):
    found = score_external("all", codes=mine)
    assert [each["metric"] for each in found] == [name for name in metrics.names() if name != "reconstruction_error"]
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("left out")]
    assert [line.split(":")[1] for line in said] == [" reconstruction_error"]


def test_all_is_an_error_when_a_parameter_is_wrong(mine, score_external, monkeypatch, capsys):
    monkeypatch.setattr(metrics, "installed", lambda: ["mig", "reconstruction_error", "jemmig"])
    with pytest.raises(UserError, match=r"^1 of 3 metrics could not be scored: mig;"):
        score_external("all", "mig.num_bins = 0", codes=mine)
    said = capsys.readouterr().err
    assert "refused: mig: mig.num_bins" in said
    assert "left out: reconstruction_error:" in said
    assert Path("runs/mine/codes/metrics/jemmig-num_train=200").is_dir()


def test_images_without_factors_are_scored_by_the_metrics_that_need_none(codes, score_external, monkeypatch, capsys):
    np.save("images.npy", np.zeros((512, 8, 8), np.uint8) + np.arange(8, dtype=np.uint8))
    np.save("mine.npy", codes)
    monkeypatch.setattr(metrics, "installed", lambda: [*FREE, "mig", "beta_vae", "dci_lasso"])
    binding = "from_file.path = 'images.npy'"
    found = score_external("all", binding, codes=Path("mine.npy"), dataset="from_file")
    assert [each["metric"] for each in found] == FREE
    assert {each["num_images"] for each in found} == {512}
    for line in capsys.readouterr().err.splitlines():
        assert line.endswith(": a metric needs known factors; from_file(images.npy) has images only")
    monkeypatch.setattr(metrics, "installed", lambda: ["mig", "sap"])
    with pytest.raises(UserError, match="no metric applies to these codes and data"):
        score_external("all", binding, codes=Path("mine.npy"), dataset="from_file")


def test_repeats_are_seeds_in_a_row_and_their_mean_is_the_score(mine, score_external):
    single = [score_external("mig", f"evaluation.random_seed = {seed}", codes=mine)[0] for seed in (3, 4, 5)]
    (found,) = score_external("mig", "evaluation.random_seed = 3", repeats=3, codes=mine)
    values = [each["discrete_mig"] for each in single]
    assert found["discrete_mig"] == pytest.approx(np.mean(values))
    assert found["repeats"]["seeds"] == [3, 4, 5]
    assert found["repeats"]["scores"] == {"discrete_mig": values}
    assert found["repeats"]["std"]["discrete_mig"] == pytest.approx(np.std(values, ddof=1))
    low, high = found["repeats"]["interval_95"]["discrete_mig"]
    assert low < min(values) <= max(values) < high
    assert found["mutual_information"] == pytest.approx(np.mean([e["mutual_information"] for e in single], axis=0))
    assert found["score_names"] == ["discrete_mig"]
    assert found["metric_parameters"]["evaluation.repeats"] == 3
    folder = "mig-evaluation.random_seed=3,evaluation.repeats=3,num_train=200"
    assert (Path("runs/mine/codes/metrics") / folder).is_dir()
    assert "repeats" not in single[0]


def test_samples_are_drawn_as_asked_and_scores_of_both_are_never_pooled(mine, score_external, capsys):
    names, more = "mig,sap,sap_dlib", ["mig.num_train = 900", "sap.num_train = 900", "sap_dlib.num_train = 900"]
    replaced = "evaluation.sampling = 'with_replacement'"
    disjoint, as_there = score_external(names, *more, codes=mine), score_external(names, *more, replaced, codes=mine)
    data = datasets.load("dummy_data")
    for sampling, found in (("disjoint", disjoint), ("with_replacement", as_there)):
        for each in found:
            name = each["metric"]
            small = {key: value for key, value in each["metric_parameters"].items() if "." not in key}
            direct = metrics.score(name, data, np.load(mine), 0, sampling=sampling, **small)
            assert {key: each[key] for key in direct} == direct
            used = "with_replacement" if name == "sap_dlib" else sampling
            assert each["metric_parameters"]["evaluation.sampling"] == used
    assert [each.get("images_drawn") for each in disjoint] == [
        {"num_train": 512},
        {"num_train": 341, "num_test": 171},
        None,
    ]
    assert not any("images_drawn" in each for each in as_there)
    assert disjoint[2]["SAP_score"] == as_there[2]["SAP_score"]
    assert (
        "sap: num_train + num_test = 1,100 are more than the 512 images; it is fitted to 341" in capsys.readouterr().err
    )
    frame, _ = collect(Path("runs"))
    assert sorted(tables.aggregate(frame).groupby("metric").size().items()) == [("mig", 2), ("sap", 2), ("sap_dlib", 1)]


def test_a_result_of_a_version_without_sampling_was_drawn_with_replacement(mine, score_external, capsys):
    (before,) = score_external("mig", "evaluation.sampling = 'with_replacement'", codes=mine)
    (place,) = Path("runs/mine/codes/metrics").iterdir()
    path = place / "results/json/evaluation_identity.json"
    identity = json.loads(path.read_text())
    del identity["parameters"]["evaluation.sampling"]
    path.write_text(json.dumps({**identity, "bound": []}))
    capsys.readouterr()
    (now,) = score_external("mig", codes=mine)
    assert now["uuid"] != before["uuid"]
    (same,) = score_external("mig", "evaluation.sampling = 'with_replacement'", codes=mine)
    assert same["uuid"] == before["uuid"]


def test_the_table_shows_the_mean_of_repeats_apart_from_single_scores(mine, score_external):
    (single,), (repeated,) = score_external("mig", codes=mine), score_external("mig", repeats=2, codes=mine)
    frame, problems = collect(Path("runs"))
    assert problems == []
    table = tables.aggregate(frame)
    assert sorted(table["mean"]) == pytest.approx(sorted([single["discrete_mig"], repeated["discrete_mig"]]))
    assert table["model"].tolist() == ["mine", "mine"]
    assert [json.loads(text).get("evaluation.repeats") for text in table["metric_parameters"]].count(2) == 1


def test_results_by_exact_trees_are_never_pooled_with_those_by_histogram_trees(mine, score_external, monkeypatch):
    names = "dci,mig,fairness"
    boosted = "fairness.predictor = 'gradient_boosting_classifier'"
    before = score_external(names, boosted, codes=mine)
    assert [each["metric_parameters"].get("trees") for each in before] == [None, None, None]
    monkeypatch.setattr(boosting, "misfit", lambda: "as if")
    after = score_external(names, boosted, codes=mine, overwrite=True, output_dir=Path("runs/exact"))
    assert [each["metric_parameters"].get("trees") for each in after] == ["exact", None, "exact"]
    for old, new in zip(before, after, strict=True):
        assert {k: v for k, v in new["metric_parameters"].items() if k != "trees"} == old["metric_parameters"]


def test_a_score_without_a_value_is_told_with_its_reason_and_left_out_of_tables(codes, score_external, capsys):
    np.save("constant.npy", np.ones_like(codes))
    bindings = ["dci_es.widths = [2, 8]", "dci_es.num_test = 100"]
    for repeats in (1, 2):
        (found,) = score_external("dci_es", *bindings, repeats=repeats, codes=Path("constant.npy"))
        assert found["explicitness"] is None
        assert {"explicitness", "best_accuracy"} < set(found["score_names"])
        why = "no probe reads any factor better than a guess"
        assert f"no explicitness ({why})" in capsys.readouterr().out
    frame, problems = collect(Path("runs"))
    assert len(problems) == 2
    assert problems[0].endswith(f"the score explicitness has no value ({why}); it is left out")
    assert "explicitness" not in set(tables.aggregate(frame)["score"])


def test_results_of_an_earlier_version_are_never_pooled_with_new_ones(mine, score_external, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(dci, "VERSIONS", {})
        (before,) = score_external("dci_lasso", codes=mine)
    (after,) = score_external("dci_lasso", codes=mine)
    assert [each["metric_version"] for each in (before, after)] == [1, 2]
    assert after["metric_parameters"] == before["metric_parameters"]
    table = tables.aggregate(collect(Path("runs"))[0])
    assert sorted(table["metric_version"]) == [1] * 5 + [2] * 5
    (again,) = score_external("dci_lasso", codes=mine)
    assert again["uuid"] == after["uuid"]


def test_a_result_of_before_versions_had_their_name_is_the_same_as_today_s(mine, score_external):
    (today,) = score_external("dci_lasso", codes=mine)
    (path,) = Path("runs").rglob("evaluation_results.json")
    for place in (path, path.parents[1] / "aggregate/evaluation.json"):
        stem = "evaluation_results." if place.parent.name == "aggregate" else ""
        entries = json.loads(place.read_text())
        del entries[f"{stem}metric_version"]
        if stem:
            entries[f"{stem}metric_parameters.definition"] = 2
        else:
            entries["metric_parameters"]["definition"] = 2
        place.write_text(json.dumps(entries))
    (again,) = score_external("dci_lasso", codes=mine)
    assert (again["uuid"], again["identity"]) == (today["uuid"], today["identity"])
    frame, problems = collect(Path("runs"))
    assert (frame["metric_version"].tolist(), problems) == ([2], [])
    assert [json.loads(text) for text in frame["metric_parameters"]] == [today["metric_parameters"]]


def test_what_is_typed_and_not_used_is_named(mine, score_external, monkeypatch, capsys):
    monkeypatch.setattr(errors, "_warned", set())
    score_external("mig", "dci.num_train = 300", "mig.num_train = 300", "N = 4", codes=mine)
    said = capsys.readouterr().err.splitlines()
    assert said == ["nothing used dci.num_train = 300; what was used: mig.num_train", "nothing used the macro N = 4"]
    score_external("mig,dci", "dci.num_train = 300", "mig.num_train = 300", "N = 4", codes=mine)
    assert capsys.readouterr().err == ""  # the macro has been named once
    Path("mine.gin").write_text("dci.num_train = 250\nM = 5\n")
    evaluate.run("mig", ["mine.gin"], source=external_codes(codes=mine, dataset="dummy_data"))
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("repeats", [0, -2])
def test_repeats_must_be_at_least_one(repeats, mine, score_external):
    with pytest.raises(UserError, match=r"evaluation.repeats must be an integer >= 1; got"):
        score_external("mig", repeats=repeats, codes=mine)


def test_matrices_are_pictures_beside_the_results(mine, score_external):
    score_external("mig,active_units", codes=mine)
    pictures = [path.relative_to("runs/mine/codes/metrics").as_posix() for path in Path("runs").rglob("*.png")]
    assert pictures == ["mig-num_train=200/mutual_information.png"]


def test_parameters_of_a_metric_that_refuses_are_not_said_to_be_unused(codes, score_external, capsys):
    np.save("mine.npy", codes)
    with pytest.raises(UserError, match="mig.num_bins must be an integer"):
        score_external("mig", "mig.num_bins = -1", codes=Path("mine.npy"))
    assert "mig" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "entry"),
    [("discrete_mig", "high"), ("discrete_mig", [1]), ("score_names", None), ("score_names", [0.5]), ("repeats", 1)],
)
def test_scores_that_are_none_are_damage_when_they_are_shown_again(name, entry, mine, score_external):
    score_external("mig", codes=mine)
    (path,) = Path("runs").rglob("evaluation_results.json")
    path.write_text(json.dumps({**json.loads(path.read_text()), name: entry}))
    with pytest.raises(
        UserError, match=r"evaluation_results\.json is damaged \(its scores are not as that stage writes"
    ):
        score_external("mig", codes=mine)


def test_a_run_is_encoded_for_a_metric_without_being_scored(tmp_path):
    few = ["dataset.name = 'dummy_data'", "pca.num_latent = 3", "pca.num_samples = 100"]
    run = train.run(["gin/models/pca.gin"], few, tmp_path / "run")
    evaluate.encode("mig", (), ["mig.num_train = 200"], run)
    codes = (run / "mean" / "codes.npy").stat().st_mtime_ns
    assert not (run / "mean" / "metrics").exists()
    (scored,) = evaluate.run("mig", (), ["mig.num_train = 200"], run)
    assert scored.parent.parent == run / "mean"
    assert (run / "mean" / "codes.npy").stat().st_mtime_ns == codes
    with pytest.raises(UserError, match="did you mean mig"):
        evaluate.encode("migg", (), (), run)

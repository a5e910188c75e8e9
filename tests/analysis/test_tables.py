"""tables.py: tables against numbers worked out by hand."""

import csv
import errno
import io
import json
import statistics

import pandas as pd
import pytest
from support.evaluated_runs import evaluate, write_run
from support.frames import frame_of

from dlib_bvae.analysis import tables
from dlib_bvae.analysis.chance import above_chance
from dlib_bvae.analysis.frame import collect
from dlib_bvae.artifacts.outputs import MARK
from dlib_bvae.errors import UserError


def table_of(root):
    frame, problems = collect(root)
    assert problems == []
    return tables.aggregate(frame)


def named_table_of(root):
    """With names and settings, as it is written and printed."""
    return tables.with_settings(table_of(root), collect(root)[0])


def test_the_numbers_are_those_worked_out_by_hand(tmp_path):
    for seed, scores in {1: [0.2, 0.4], 2: [0.5], 3: [1.0]}.items():
        encoded = write_run(tmp_path, f"run{seed}", seed=seed)
        for evaluation, score in enumerate(scores):
            evaluate(encoded, {"eval_accuracy": score, "train_accuracy": 1}, seed=evaluation)
    table = table_of(tmp_path)
    assert list(table.columns) == tables.COLUMNS
    assert list(table["score"]) == ["eval_accuracy", "train_accuracy"]
    row = table.iloc[0]
    assert row["mean"] == pytest.approx(0.6)  # of 0.3, 0.5 and 1.0
    assert row["std"] == pytest.approx(statistics.stdev([0.3, 0.5, 1.0]))
    assert (row["median"], row["min"], row["max"]) == (0.5, pytest.approx(0.3), 1.0)
    assert (row["seeds"], row["runs"]) == (3, 3)
    assert row[["model", "dataset", "representation", "metric"]].tolist() == ["beta_vae", "dummy", "mean", "beta_vae"]
    assert row["metric_parameters"] == '{"num_train": 10}'
    assert (table.iloc[1]["mean"], table.iloc[1]["std"]) == (1.0, 0.0)


def test_what_chance_gives_is_averaged_as_the_score_is_over_the_seeds_that_say_it(tmp_path):
    def null(mean, z, p):
        return {"eval_accuracy": {"n": 20, "mean": mean, "std": 0.1, "q95": 0.3, "z": z, "p": p, "adjusted": z / 10}}

    for seed, said in {1: [null(0.1, 4, 0.05), null(0.3, 2, None)], 2: [null(0.4, 1.0, 0.2)], 3: [None]}.items():
        encoded = write_run(tmp_path, f"run{seed}", seed=seed)
        for evaluation, each in enumerate(said):
            evaluate(encoded, {"eval_accuracy": 0.5, "other": 1.0}, seed=evaluation, null=each)
    row, other = table_of(tmp_path).to_dict("records")
    assert row["seeds"] == 3
    assert [row[name] for name in ("null_mean", "null_std", "z", "p")] == pytest.approx([0.3, 0.1, 2.0, 0.125])
    assert row["adjusted"] == pytest.approx(0.2)
    assert pd.isna(other["z"])


def test_one_seed_has_no_spread_however_often_it_was_run(tmp_path):
    for name, score in {"a": 0.2, "b": 0.4}.items():
        evaluate(write_run(tmp_path, name, seed=7), {"mig": score})
    evaluate(write_run(tmp_path, "c", seed=8, beta=1.0), {"mig": 0.4})
    table = table_of(tmp_path)
    assert table["std"].isna().all()
    assert sorted(zip(table["seeds"], table["runs"], table["mean"].round(6), strict=True)) == [(1, 1, 0.4), (1, 2, 0.3)]


def test_a_repeated_seed_counts_once(tmp_path):
    for name, seed, score in [("a", 1, 0.0), ("b", 1, 0.2), ("c", 2, 0.5)]:
        evaluate(write_run(tmp_path, name, seed=seed), {"mig": score})
    (row,) = table_of(tmp_path).to_dict("records")
    assert row["mean"] == pytest.approx(0.3)
    assert (row["seeds"], row["runs"]) == (2, 3)


@pytest.mark.parametrize(
    "other",
    [
        {"beta": 8.0},
        {"config": {"model.training_steps": 5}},
        {"dataset": "dsprites_full"},
        {"fingerprint": "e" * 64},
        {"data_version": 2},
        {"model": "factor_vae"},
        {"representation": "sampled"},
        {"num_images": 50},
    ],
)
def test_what_differs_is_not_pooled(tmp_path, other):
    evaluate(write_run(tmp_path, "a", seed=1), {"mig": 0.0})
    evaluate(write_run(tmp_path, "b", seed=2, **other), {"mig": 1.0})
    table = table_of(tmp_path)
    assert sorted(table["mean"]) == [0.0, 1.0]
    assert list(table["seeds"]) == [1, 1]


@pytest.mark.parametrize(("metric", "parameters"), [("dci", None), ("mig", {"num_train": 20}), ("mig", {})])
def test_metrics_and_their_parameters_are_not_pooled(tmp_path, metric, parameters):
    encoded = write_run(tmp_path, "a")
    evaluate(encoded, {"score": 0.0}, metric="mig", place="x")
    evaluate(encoded, {"score": 1.0}, metric=metric, parameters=parameters, place="y")
    assert sorted(table_of(tmp_path)["mean"]) == [0.0, 1.0]


def test_the_newest_version_of_a_metric_is_shown_first_and_every_version_in_the_files():
    rows = [
        {"seed": seed, "version": version, "scores": {"discrete_mig": version / 4}}
        for seed in (1, 2)
        for version in (1, 2)
    ]
    frame = frame_of(*rows)
    table = tables.with_settings(tables.aggregate(frame), frame)
    assert table[["metric_version", "mean", "seeds"]].to_numpy().tolist() == [[1, 0.25, 2], [2, 0.5, 2]]
    shown = tables.render(table, "results.md").splitlines()
    assert [line for line in shown if "0.25" in line] == []
    assert len([line for line in shown if "0.5" in line]) == 1


def test_a_seed_among_the_metric_s_parameters_of_an_earlier_version_does_not_separate(tmp_path):
    encoded = write_run(tmp_path, "a")
    for seed in (0, 1):
        place = evaluate(encoded, {"mig": float(seed)}, seed=seed, parameters={"random_seed": seed, "bins": 20})
        path = place / "results" / "aggregate" / "evaluation.json"
        entries = json.loads(path.read_text())
        path.write_text(json.dumps({key: each for key, each in entries.items() if not key.endswith("_identity.seeds")}))
    (row,) = table_of(tmp_path).to_dict("records")
    assert (row["mean"], row["metric_parameters"]) == (0.5, '{"bins": 20}')


def test_a_table_is_written_in_pieces(tmp_path, monkeypatch):
    for seed in range(5):
        evaluate(write_run(tmp_path / "runs", f"r{seed}", seed=seed, model="a\nb,"), {"mig": 0.1 * seed})
    frame, _ = collect(tmp_path / "runs")
    table = tables.aggregate(frame)
    whole = tables.write_tables(table, frame, tmp_path / "whole")[4].read_bytes()
    monkeypatch.setattr(tables, "_CSV_ROWS", 2)
    assert tables.write_tables(table, frame, tmp_path / "pieces")[4].read_bytes() == whole
    ours, pandas = (pd.read_csv(io.StringIO(each)) for each in (whole.decode(), frame.to_csv(index=False)))
    pd.testing.assert_frame_equal(ours.replace("'@vae()", "@vae()"), pandas, check_dtype=False)


def test_a_score_that_is_undefined_everywhere_has_no_row(tmp_path):
    evaluate(write_run(tmp_path, "a"), {"mig": None})
    frame, problems = collect(tmp_path)
    assert len(problems) == 1
    assert list(tables.aggregate(frame).columns) == tables.COLUMNS
    assert tables.aggregate(frame).empty


def test_nothing_gives_an_empty_table(tmp_path):
    frame, problems = collect(tmp_path)
    assert problems == []
    assert list(tables.aggregate(frame).columns) == tables.COLUMNS


def test_parquet_and_csv_read_back(tmp_path):
    for seed in (1, 2):
        evaluate(write_run(tmp_path / "runs", f"r{seed}", seed=seed), {"mig": 0.1 * seed}, metric="mig")
    frame, _ = collect(tmp_path / "runs")
    table = tables.aggregate(frame)
    paths = tables.write_tables(table, frame, tmp_path / "out")
    names = ["results.csv", "results.parquet", "results.md", "results.tex", "runs.csv", "runs.parquet"]
    assert [path.name for path in paths] == names
    assert sorted([*paths, tmp_path / "out" / MARK]) == sorted((tmp_path / "out").iterdir())
    table = tables.with_settings(table, frame)
    pd.testing.assert_frame_equal(pd.read_parquet(paths[1]), table, check_dtype=False)
    pd.testing.assert_frame_equal(pd.read_csv(paths[0]), table, check_dtype=False)
    assert table[["name", "vae.beta"]].values.tolist() == [["β-VAE β = 4", 4.0]]
    assert pd.read_parquet(paths[5])["train_results.seed"].tolist() == [1, 2]
    assert pd.read_csv(paths[4])["train_config.vae.beta"].tolist() == [4.0, 4.0]


FOREIGN = {"vae.beta": "a|b\\|<i>\nc"}  # no value that the method takes, but a text that a file may have


def test_markdown_shows_mean_and_spread_and_escapes_names(tmp_path):
    for seed, score in {1: 0.25, 2: 0.75}.items():
        evaluate(write_run(tmp_path, f"r{seed}", seed=seed, config=FOREIGN), {"mig": score}, metric="mig")
    frame, _ = collect(tmp_path)
    tables.write_tables(tables.aggregate(frame), frame, tmp_path)
    assert (tmp_path / "results.md").read_text() == (
        "| configuration | data set | metric | score | mean ± std | seeds | vae.beta |\n"
        "| --- | --- | --- | --- | ---: | ---: | --- |\n"
        "| β-VAE β = a\\|b\\\\\\|&lt;i> c | dummy | mig | mig | 0.5 ± 0.35 | 2 | a\\|b\\\\\\|&lt;i> c |\n"
    )


def test_latex_has_the_scores_to_look_at_first_and_escapes_names(tmp_path):
    for name, beta in {"a": 4.0, "b": 10.0, "c": 0.5}.items():
        encoded = write_run(tmp_path, name, beta=beta)
        evaluate(encoded, {"eval_accuracy": 0.5, "train_accuracy": 0.75})
    frame, _ = collect(tmp_path)
    tables.write_tables(tables.aggregate(frame), frame, tmp_path)
    lines = (tmp_path / "results.tex").read_text().splitlines()
    assert lines[0] == "% Main scores at default parameters: 3 of 6 rows; all are in results.csv."
    assert lines[4] == r"configuration & data set & metric & score & mean $\pm$ std & seeds \\"
    betas = [line.split(" & ")[0].split(" = ")[1] for line in lines if "accuracy" in line]
    assert betas == ["0.5", "4", "10"]
    assert r" & dummy & beta\_vae & eval\_accuracy & 0.5 & 1 \\" in lines[6]


def test_rows_for_people_have_names_and_settings_and_no_hash(tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    for seed, beta in enumerate([1.0, 4.0]):
        evaluate(write_run(tmp_path, f"r{seed}", beta=beta), {"mig": 0.5}, metric="mig")
    frame, _ = collect(tmp_path)
    table = tables.with_settings(tables.aggregate(frame), frame)
    text = tables.render(table, "results.md")
    assert not any(config in text for config in table["config"])
    assert all(f"β-VAE β = {beta} " in text for beta in (1, 4))
    assert "vae.beta" in text
    assert "fingerprint" not in text
    assert "left out" not in text


def test_a_narrow_terminal_has_fewer_columns_and_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "50")
    evaluate(write_run(tmp_path, "r"), {"mig": 0.5}, metric="mig")
    lines = tables.render(named_table_of(tmp_path), "out/results.md").splitlines()
    assert max(map(len, lines[:-1])) <= 50
    assert lines[-1].startswith("left out: ")
    assert lines[-1].endswith("vae.beta; all is in out/results.md")


def test_the_terminal_shows_names_as_they_are(tmp_path):
    evaluate(write_run(tmp_path, "r", config={"vae.beta": "[red]m"}), {"mig": 0.5}, metric="mig")
    text = tables.render(named_table_of(tmp_path), "results.md")
    assert "[red]m" in text
    assert "0.5" in text


def test_text_is_no_formula_whatever_kind_of_column_it_stands_in():
    kinds = {str(kind): pd.Series(["=1+2"], dtype=kind) for kind in (object, "string")}
    assert b"".join(tables.csv_lines(pd.DataFrame(kinds))).splitlines()[1:] == [b'"\'=1+2","\'=1+2"']


@pytest.mark.parametrize("name", ["=1+2", "+cmd", "-2", "@SUM(A1)", "\tx"])
def test_a_name_is_no_formula_in_a_spreadsheet(tmp_path, name):
    evaluate(write_run(tmp_path, "r", model=name), {name: -0.5}, metric=name)
    frame, _ = collect(tmp_path)
    paths = tables.write_tables(tables.aggregate(frame), frame, tmp_path / "out")
    for path in (paths[0], paths[4]):
        with open(path, newline="", encoding="utf-8") as file:
            cells = [cell for row in csv.reader(file) for cell in row]
        assert f"'{name}" in cells
        assert name not in cells
        assert "-0.5" in cells  # a number stays a number


def test_the_command_writes_prints_and_names_what_it_left_out(tmp_path, capsys):
    encoded = write_run(tmp_path / "runs", "r")
    evaluate(encoded, {"mig": 0.5}, metric="mig")
    broken = evaluate(encoded, {"mig": 0.5}, place="broken") / "results/aggregate/evaluation.json"
    broken.write_text("{")
    paths = tables.run(tmp_path / "runs", tmp_path / "out")
    assert all(path.is_file() for path in paths)
    printed = capsys.readouterr()
    assert "mean ± std" in printed.out
    assert printed.err.startswith(f"left out: {broken} is damaged")


def test_tables_of_an_earlier_version_are_kept_and_others_are_refused(tmp_path):
    evaluate(write_run(tmp_path / "runs", "r"), {"mig": 0.5}, metric="mig")
    paths = tables.run(tmp_path / "runs", tmp_path / "out")
    before = [path.read_bytes() for path in paths]
    (tmp_path / "out" / MARK).unlink()
    tables.run(tmp_path / "runs", tmp_path / "out")
    kept = [path.with_name(f"{path.stem}.before{path.suffix}") for path in paths]
    assert [path.read_bytes() for path in kept] == before
    for path in paths:
        for content in (b"", b"model,mean,seeds\n", b"\xff\xfe", b"| model | mean |\n", before[0][1:]):
            (tmp_path / "out" / MARK).unlink(missing_ok=True)
            path.write_bytes(content)
            assert not tables.of_earlier_version(path), (path, content)
            with pytest.raises(UserError, match="is not as this package wrote it"):
                tables.run(tmp_path / "runs", tmp_path / "out")
        path.unlink()


def test_the_command_says_what_to_run_first(tmp_path):
    with pytest.raises(UserError, match="there is no directory .*nowhere; train and evaluate first"):
        tables.run(tmp_path / "nowhere", tmp_path / "out")
    with pytest.raises(UserError, match=r"\(none was found\); run dlib_bvae_evaluate first"):
        tables.run(tmp_path, tmp_path / "out")
    broken = evaluate(write_run(tmp_path, "r"), {"mig": 0.5}) / "results/aggregate/evaluation.json"
    broken.write_text("{")
    with pytest.raises(UserError, match=r"\(all 1 found were left out\)"):
        tables.run(tmp_path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_column_is_shown_only_where_rows_would_look_the_same_without_it(tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    for name, fingerprint in {"a": "abcdefghijklm", "b": "bcdefghijklmn"}.items():
        evaluate(write_run(tmp_path / "data", name, fingerprint=fingerprint), {"mig": 0.5}, metric="mig")
    shown = tables.render(named_table_of(tmp_path / "data"), "results.md")
    assert "fingerprint" in shown
    assert " abcdefghij " in shown
    assert "abcdefghijk" not in shown
    for number in (10, 20):
        encoded = write_run(tmp_path / "parameters", "a")
        evaluate(encoded, {"mig": 0.5}, metric="mig", parameters={"num_train": number}, place=str(number))
    shown = tables.render(named_table_of(tmp_path / "parameters"), "results.md")
    assert "num_train=20" in shown
    assert "fingerprint" not in shown


def test_a_run_without_a_score_counts_for_the_others_only(tmp_path):
    for seed, scores in enumerate([{"x": 1.0, "y": 3.0}, {"x": 2.0, "y": None}, {"y": 5.0}]):
        evaluate(write_run(tmp_path, f"r{seed}", seed=seed), scores, metric="mig")
    table = tables.aggregate(collect(tmp_path)[0]).set_index("score")
    assert table[["mean", "seeds", "runs"]].to_numpy().tolist() == [[1.5, 2, 2], [4.0, 2, 2]]


def test_escapes_and_links_in_names_reach_neither_the_terminal_nor_the_page(tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    harmful = {"vae.beta": "\x1b[31m\x00\u202e[a](javascript:b)"}
    evaluate(write_run(tmp_path, "r", config=harmful), {"mig": 0.5}, metric="mig")
    frame, _ = collect(tmp_path)
    tables.write_tables(tables.aggregate(frame), frame, tmp_path)
    text = (tmp_path / "results.md").read_text()
    shown = tables.render(named_table_of(tmp_path), "results.md")
    assert not {"\x1b", "\x00", "\u202e"} & {*text, *shown}
    assert r"\x1b[31m\x00\u202e[a](javascript:b)" in shown
    assert r"\x1b\[31m\x00\u202e\[a\](javascript:b)" in text


def test_on_a_full_disk_all_tables_stay_as_they_were(tmp_path, monkeypatch):
    evaluate(write_run(tmp_path, "r"), {"mig": 0.5}, metric="mig")
    frame, _ = collect(tmp_path)
    paths = tables.write_tables(tables.aggregate(frame), frame, tmp_path / "out")
    before = [path.read_bytes() for path in paths]
    evaluate(write_run(tmp_path, "s", seed=1), {"mig": 0.7}, metric="mig")
    frame, _ = collect(tmp_path)

    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tables, "parquet_bytes", full)
    with pytest.raises(UserError, match="the disk is full"):
        tables.write_tables(tables.aggregate(frame), frame, tmp_path / "out")
    assert [path.read_bytes() for path in paths] == before
    assert sorted([*paths, tmp_path / "out" / MARK]) == sorted((tmp_path / "out").iterdir())


@pytest.mark.parametrize("name", tables.FILES)
def test_a_table_of_the_user_is_refused_before_work_and_stays(name, tmp_path, capsys):
    broken = evaluate(write_run(tmp_path / "runs", "r"), {"mig": 0.5}) / "results/aggregate/evaluation.json"
    broken.write_text("{")
    (tmp_path / "runs" / name).write_text("mine")
    with pytest.raises(
        UserError, match=f"{name} is not as this package wrote it, or another's; .* another --output_dir"
    ):
        tables.run(tmp_path / "runs", tmp_path / "runs")
    assert capsys.readouterr().err == ""  # nothing was read
    assert [path.name for path in (tmp_path / "runs").iterdir() if path.is_file()] == [name]
    assert (tmp_path / "runs" / name).read_text() == "mine"


def test_tables_are_made_again_in_the_place_of_those_before(tmp_path):
    encoded = write_run(tmp_path / "runs", "r")
    for score in (0.5, 0.25):
        evaluate(encoded, {"mig": score}, metric="mig")
        tables.run(tmp_path / "runs", tmp_path / "runs")
        assert pd.read_csv(tmp_path / "runs" / "results.csv")["mean"].tolist() == [score]


def test_a_row_a_score_with_what_differs_between_rows(tmp_path):
    null = {"a": {"n": 2, "mean": 0.1, "std": 0.1, "q95": 0.3, "z": 4.0, "p": None, "adjusted": 0.4}}
    for seed in (1, 2):
        encoded = write_run(tmp_path, f"run{seed}", seed=seed)
        evaluate(encoded, {"a": 0.5, "b": float(seed)}, null=null if seed == 1 else None)
    table = tables.by_score(collect(tmp_path)[0])
    assert list(table.columns)[: len(tables.LONG)] == tables.LONG
    assert table[["score", "value", "seed"]].values.tolist() == [["a", 0.5, 1], ["b", 1, 1], ["a", 0.5, 2], ["b", 2, 2]]
    assert table["z"].tolist()[0] == 4
    assert table["z"].isna().tolist() == [False, True, True, True]
    further = table.iloc[:, len(tables.LONG) :]
    assert all(each.nunique(dropna=False) > 1 for _, each in further.items())


def test_rows_say_whether_they_are_above_chance_where_a_null_says_it(tmp_path, capsys):
    null = {"mig": {"n": 20, "mean": 0.1, "std": 0.02, "q95": 0.13, "z": 1.0, "p": 0.1, "adjusted": 0.1}}
    for name, score, said in (("high", 0.5, null), ("low", 0.11, null), ("without", 0.5, None)):
        evaluate(
            write_run(tmp_path / "runs", name, model=name),
            {"discrete_mig": score},
            metric="mig",
            null=said and {"discrete_mig": said["mig"]},
        )
    paths = tables.run(tmp_path / "runs", tmp_path / "out", [above_chance])
    table = pd.read_csv(paths[0]).set_index("model")
    assert table["chance_z"].round(6).tolist()[:2] == [20.0, 0.5]
    assert [str(each) for each in table["above_chance"]] == ["True", "False", "nan"]
    assert table.loc["without", "chance_missing"] == "no null"
    lines = [line.split("|")[7].strip() for line in paths[2].read_text().splitlines()]
    assert lines == ["above chance", "---", "yes", "no", ""]

"""rows.py: rows from run directories and tables; tables that are changed, and large ones."""

import contextlib
import json
import random
import subprocess
import sys

import pytest
from support import report_rows
from support.report_rows import cell
from support.results import write

from dlib_bvae.analysis import tables
from dlib_bvae.analysis.frame import collect
from dlib_bvae.errors import UserError
from dlib_bvae.re_beta_vae import page
from dlib_bvae.re_beta_vae.evidence import of_study
from dlib_bvae.re_beta_vae.rows import read, value

CONFIG = {
    "model.model": "@vae()",
    "vae.beta": 4.0,
    "encoder.encoder_fn": "@higgins_encoder",
    "decoder.decoder_fn": "@higgins_decoder",
    "reconstruction_loss.loss_fn": "@bernoulli_loss",
}


def write_run(run, seed=1, dataset="dsprites_rendered", accuracy=0.75, **config):
    """A finished run with one evaluation, without a model."""
    trained = {
        "model": "four",
        "dataset": dataset,
        "fingerprint": "f",
        "seed": seed,
        "steps": 6000,
    }
    write(run / "train", "train", trained, {**CONFIG, **config})
    write(run / "mean", "postprocess", {"representation": "mean", "num_images": 8}, earlier=run / "train")
    parameters = {"batch_size": 64, "classifier": "logistic_regression", "factors": None, "num_train": 10000}
    results = {"metric": "beta_vae", "metric_parameters": parameters, "score_names": ["eval_accuracy"]}
    results |= {"eval_accuracy": accuracy}
    write(run / "mean" / "metrics" / "beta_vae", "evaluation", results, earlier=run / "mean")


def test_runs_and_their_rows_say_the_same(tmp_path):
    store = tmp_path / "store"
    write_run(store / "a", seed=1)
    write_run(store / "b", seed=2, **{"vae.beta": 10.0})
    frame, _ = collect(store)
    written = tables.write_tables(tables.aggregate(frame), frame, tmp_path / "tables")
    columns = ["run", "seed", "dataset", "model", "architecture", "steps", "config"]
    found = [of_study(read([place])[0])[0][columns].to_numpy().tolist() for place in (store, *written[-2:])]
    assert found[0] == found[1] == found[2]
    assert [row[3] for row in found[0]] == ["10-VAE", "4-VAE"]
    both, _ = read([store, written[-1]])
    assert len(both) == 2
    assert both["folder"].tolist() == [str(store / "a"), str(store / "b")]


def test_a_hash_that_looks_like_a_number_stays_a_hash(tmp_path):
    report_rows.frame(cell("dsprites_rendered", "4-VAE", [50], "MLP")).to_csv(tmp_path / "runs.csv", index=False)
    assert read([tmp_path / "runs.csv"])[0]["config"].tolist() == ["1e10000000"]


@pytest.mark.parametrize("name", ["runs.parquet", "runs.csv"])
def test_former_gin_names_in_a_table_are_read_as_today_s(tmp_path, name):
    former = {"train_config.fid.learning_rate": 500, "train_config.vae.beta": 4.0}
    rows = report_rows.frame([{**row, **former} for row in cell("dsprites_rendered", "4-VAE", [50, 60], "MLP")])
    rows.to_parquet(tmp_path / name) if name.endswith("parquet") else rows.to_csv(tmp_path / name, index=False)
    (frame, _) = read([tmp_path / name])
    today = ["train_config.frechet_curve.learning_rate", "train_config.vae.beta"]
    assert [[value(each) for each in row] for row in frame[today].to_numpy()] == [[500, 4.0]] * 2
    assert not set(former).difference(today) & set(frame.columns)


def test_an_unfinished_evaluation_is_named(tmp_path):
    write_run(tmp_path / "a")
    write_run(tmp_path / "b", seed=2)
    next((tmp_path / "b").glob("mean/metrics/*/results/json/evaluation_results.json")).unlink()
    frame, problems = read([tmp_path])
    assert len(frame) == 1
    assert "not finished" in problems[0]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("runs.parquet", None, "there is no"),
        ("runs.parquet", b"nothing", "no table"),
        ("runs.csv", b"a,b\n1,2\n", "lacks the columns"),
        ("results.csv", b"", "no table"),
    ],
)
def test_what_is_no_table_of_runs(tmp_path, name, content, said):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=said):
        read([tmp_path / name])


def test_no_evaluation_at_all(tmp_path):
    with pytest.raises(UserError, match="no evaluation in"):
        read([tmp_path])


def study_rows():
    """Rows of every kind that the report uses."""
    rows = cell("dsprites_rendered", "4-VAE", [50, 60], "MLP") + cell("dsprites_rendered", "PCA", [30])
    curve = {"name": "fid", "steps": "[1, 2]", "values": "[3.0, 2.0]", "reconstruction_loss": "[5, 4]"}
    more = {f"train_results.frechet_curve.{name}": entry for name, entry in curve.items()}
    return [{**row, **more, "evaluation_results.fid_sample": 20.5, "unused": "x"} for row in rows]


def put(rows, path):
    frame = report_rows.frame(rows)
    if path.suffix == ".parquet":
        frame.astype("string").to_parquet(path)
    else:
        frame.to_csv(path, index=False)


@pytest.mark.parametrize("name", ["runs.parquet", "runs.csv"])
@pytest.mark.parametrize(
    ("column", "entry", "said"),
    [
        ("train_results.seed", "x", "train_results.seed must be an integer, not 'x'"),
        ("train_results.seed", None, "train_results.seed must be an integer, not None"),
        ("train_results.seed", "1.5", "must be an integer, not '1.5'"),
        ("train_results.seed", "9" * 401, "must be an integer, not '999"),
        ("train_results.steps", "many", "train_results.steps must be an integer, not 'many'"),
        ("train_results.steps", "[1]", "must be an integer"),
        ("train_results.uuid", None, "train_results.uuid must be text, not None"),
        ("evaluation_results.eval_accuracy", "high", "must be a finite number, not 'high'"),
        ("evaluation_results.eval_accuracy", "NaN", "must be a finite number, not 'NaN'"),
        ("evaluation_results.fid_sample", "{}", "must be a finite number"),
        ("evaluation_results.metric_parameters.factors", "5", "must be a list of names, not '5'"),
        ("evaluation_results.metric_parameters.num_train", "[]", "must be a finite number"),
        ("train_results.frechet_curve.values", '[1, "a"]', "must be a list of numbers"),
        ("train_config.vae.beta", str(10**400), "must be at most 64 bits"),
    ],
)
def test_an_entry_that_is_not_as_it_was_written_is_one_sentence(tmp_path, name, column, entry, said):
    rows = study_rows()
    rows[1] = {**rows[1], column: entry}
    put(rows, tmp_path / name)
    with pytest.raises(UserError, match=rf"{name}, row 2: {column}") as raised:
        read([tmp_path / name])
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_run_directory_with_such_an_entry_is_left_out(tmp_path):
    write_run(tmp_path / "a")
    write_run(tmp_path / "b", seed=2, accuracy=0.5)
    path = next((tmp_path / "b").glob("mean/metrics/*/results/aggregate/evaluation.json"))
    key = "evaluation_results.metric_parameters.factors"
    path.write_text(json.dumps({**json.loads(path.read_text()), key: 5}))
    frame, (problem,) = read([tmp_path])
    assert frame["folder"].tolist() == [str(tmp_path / "a")]
    assert problem == f"{tmp_path / 'b/mean/metrics/beta_vae'}: {key} must be a list of names, not 5"


def test_a_column_that_is_there_twice_and_one_of_lists_are_refused(tmp_path):
    put(study_rows(), tmp_path / "runs.csv")
    header, rest = (tmp_path / "runs.csv").read_text().split("\n", 1)
    (tmp_path / "twice.csv").write_text(header.replace("unused", "config") + "\n" + rest)
    with pytest.raises(UserError, match="has the column config twice"):
        read([tmp_path / "twice.csv"])
    report_rows.frame(study_rows()).assign(config=[["a"]] * 3).to_parquet(tmp_path / "runs.parquet")
    with pytest.raises(UserError, match="a column holds entries of the type list"):
        read([tmp_path / "runs.parquet"])


def mutated(content, chance):
    """`content` with some bytes changed, cut out, put in or taken from elsewhere."""
    found = bytearray(content)
    for _ in range(chance.choice([1, 1, 3, 20])):
        place, length = chance.randrange(len(found)), chance.choice([1, 1, 4, 40])
        new = chance.choice(
            [bytes([chance.randrange(256)]), b"", b"-1", b"9" * 30, b'"', b"\x00", bytes(found[:40]), b"[]"]
        )
        found[place : place + length] = new
    return bytes(found)


def report_of_mutated(tmp_path, name, count, seed):
    """How many of `count` changed tables became a report; all others became one sentence."""
    (tmp_path / "whole").mkdir()
    put(study_rows(), tmp_path / "whole" / name)
    content, chance, reports = (tmp_path / "whole" / name).read_bytes(), random.Random(seed), 0
    for _ in range(count):
        (tmp_path / name).write_bytes(mutated(content, chance))
        with contextlib.suppress(UserError):  # any other error is raised
            page.write([tmp_path / name], tmp_path / "report", draw=False)
            reports += 1
    return reports


@pytest.mark.parametrize("name", ["runs.parquet", "runs.csv"])
def test_changed_tables_become_a_report_or_one_sentence(tmp_path, name):
    assert report_of_mutated(tmp_path, name, 15, 0) < 15


MEASURED = """
import resource, sys
from pathlib import Path
from dlib_bvae.re_beta_vae.rows import read
from dlib_bvae.re_beta_vae.evidence import Evidence, of_study
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
rows, _ = read([Path(sys.argv[1])])
Evidence(of_study(rows)[0])
print(len(rows), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.slow
def test_a_table_of_400_mb_takes_less_than_a_gibibyte(tmp_path):
    row = {**study_rows()[0], **{f"unused.{k}": "x" * 30 for k in range(100)}}
    frame = report_rows.frame([row])
    header, line = frame.to_csv(index=False).splitlines()
    uuid = frame["evaluation_results.uuid"][0]
    with (tmp_path / "runs.csv").open("w") as file:
        file.write(header + "\n")
        for k in range(400_000_000 // len(line)):
            file.write(line.replace(uuid, f"{uuid}{k:09d}") + "\n")
    found = subprocess.run(
        [sys.executable, "-c", MEASURED, tmp_path / "runs.csv"], capture_output=True, text=True, check=True
    )
    rows, kib = map(int, found.stdout.split())
    print(f"{rows} rows of {(tmp_path / 'runs.csv').stat().st_size / 1e6:.0f} MB: {kib / 1024:.0f} MiB")
    assert rows > 50_000
    assert kib < 2**20

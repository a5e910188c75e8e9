"""Tables of results that are changed, to the report: each becomes a report or one sentence."""

import random

import pytest
from support import report_rows
from support.mutations import outcome
from support.report_rows import cell

from dlib_bvae.re_beta_vae import page

pytestmark = pytest.mark.slow
TABLES = 150  # a test
ODD = (
    *(None, "", "x", "-1", "1.5", "NaN", "Infinity", "1e400", "9" * 401, "True", "null", "[]", "{}", '["a"]', "[[1]]"),
    *("@vae()", "\u202e", "\x1b[31m", "'=1", "[" * 3000, '"' * 5, "0x10", "1_000", " 7 ", "10" * 12, "2" * 5000),
)


def study_rows():
    rows = [
        *cell("dsprites_rendered", "4-VAE", [50, 60], "MLP"),
        *cell("dsprites_rendered", "1-VAE", [55], "Conv"),
        *cell("dsprites_rendered", "PCA", [30]),
    ]
    curve = {"name": "fid", "steps": "[1, 2]", "values": "[3.0, 2.0]", "reconstruction_loss": "[5, 4]"}
    more = {f"train_results.frechet_curve.{name}": entry for name, entry in curve.items()}
    return [{**row, **more, "evaluation_results.fid_sample": 20.5, "unused": "x"} for row in rows]


def written(frame, path):
    if path.suffix == ".parquet":
        frame.astype("string").to_parquet(path)
    else:
        frame.to_csv(path, index=False)


def report_of(path):
    """Makes the report of a table, next to it."""
    return page.write([path], path.parent / "report", draw=False)


@pytest.mark.parametrize("name", ["runs.csv", "runs.parquet"])
def test_odd_entries(tmp_path, name, tally):
    chance, counts = random.Random(1), tally(f"tables with odd entries to the report, {name}", "report", "refused")
    for attempt in range(TABLES):
        frame = report_rows.frame(study_rows()).astype(object)
        for _ in range(chance.choice([1, 1, 2, 5])):
            rows = list(range(len(frame))) if chance.random() < 0.2 else [chance.randrange(len(frame))]
            frame.iloc[rows, chance.randrange(frame.shape[1])] = chance.choice(ODD)
        written(frame, tmp_path / name)
        counts.add(outcome(lambda: report_of(tmp_path / name)).replace("equal", "report"), f"table {attempt}")
    assert set(counts.outcomes) == {"report", "refused"}


@pytest.mark.parametrize("name", ["runs.csv", "runs.parquet"])
def test_changed_bytes(tmp_path, name, tally):
    written(report_rows.frame(study_rows()), tmp_path / name)
    content, chance = (tmp_path / name).read_bytes(), random.Random(2)
    counts = tally(f"tables with changed bytes to the report, {name}", "report", "refused")
    for attempt in range(TABLES):
        found = bytearray(content)
        for _ in range(chance.choice([1, 1, 3, 20])):
            place, length = chance.randrange(len(found)), chance.choice([1, 1, 4, 40])
            new = [bytes([chance.randrange(256)]), b"", b"-1", b"9" * 30, b'"', b"\x00", bytes(found[:40]), b"[]"]
            found[place : place + length] = chance.choice(new)
        (tmp_path / name).write_bytes(found)
        counts.add(outcome(lambda: report_of(tmp_path / name)).replace("equal", "report"), f"table {attempt}")
    assert counts.outcomes["refused"]

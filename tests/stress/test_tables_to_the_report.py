"""Tables of results that are changed, to the report: each becomes a report or one sentence, and the counts are printed."""

import random

import pytest
from support import report_rows
from support.report_rows import cell

from dlib_bvae.errors import UserError
from dlib_bvae.re_beta_vae import page

pytestmark = pytest.mark.slow
TABLES = 60  # a test
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


def counted(path, output):
    """(Whether a report was made, whether what was said else is one sentence)."""
    try:
        page.write([path], output, draw=False)
    except UserError as error:
        return False, "\n" not in str(error)
    return True, True


@pytest.mark.parametrize("name", ["runs.csv", "runs.parquet"])
def test_odd_entries(tmp_path, name):
    chance, reports, sentences = random.Random(1), 0, 0
    for _ in range(TABLES):
        frame = report_rows.frame(study_rows()).astype(object)
        for _ in range(chance.choice([1, 1, 2, 5])):
            rows = list(range(len(frame))) if chance.random() < 0.2 else [chance.randrange(len(frame))]
            frame.iloc[rows, chance.randrange(frame.shape[1])] = chance.choice(ODD)
        written(frame, tmp_path / name)
        made, sentence = counted(tmp_path / name, tmp_path / "report")
        assert sentence
        reports, sentences = reports + made, sentences + (not made)
    print(f"{name}, odd entries: {reports} reports, {sentences} refused by one sentence")
    assert reports
    assert sentences


@pytest.mark.parametrize("name", ["runs.csv", "runs.parquet"])
def test_changed_bytes(tmp_path, name):
    written(report_rows.frame(study_rows()), tmp_path / name)
    content, chance, reports = (tmp_path / name).read_bytes(), random.Random(2), 0
    for _ in range(TABLES):
        found = bytearray(content)
        for _ in range(chance.choice([1, 1, 3, 20])):
            place, length = chance.randrange(len(found)), chance.choice([1, 1, 4, 40])
            new = [bytes([chance.randrange(256)]), b"", b"-1", b"9" * 30, b'"', b"\x00", bytes(found[:40]), b"[]"]
            found[place : place + length] = chance.choice(new)
        (tmp_path / name).write_bytes(found)
        made, sentence = counted(tmp_path / name, tmp_path / "report")
        assert sentence
        reports += made
    print(f"{name}, changed bytes: {reports} reports, {TABLES - reports} refused by one sentence")
    assert reports < TABLES

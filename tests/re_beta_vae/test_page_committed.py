"""The committed rows of the small study give the committed report: no number and no verdict has changed since."""

import shutil
from pathlib import Path

from support.report_rows import assert_alike

from dlib_bvae import re_beta_vae

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results" / "re_beta_vae_small"


def lines_of(path):
    why = "images chosen at random: missing: "  # of data sets that are not on this machine
    return [line.split(why)[0] for line in path.read_text(encoding="utf-8").splitlines()]


def test_the_committed_rows_give_the_committed_report(tmp_path):
    shutil.copytree(RESULTS / "report" / "figures", tmp_path / "figures")
    _, written = re_beta_vae.write(RESULTS / "runs.parquet", tmp_path, pictures=False)
    committed = lines_of(RESULTS / "report" / "report.md")
    assert_alike(lines_of(written), committed)
    verdicts = [line for line in committed if line.startswith(("- **holds**", "- **does not hold**", "- **not enough"))]
    assert len(verdicts) == 21

"""The committed rows of the small study give the committed report: no number and no verdict has changed since."""

import re
import shutil
from pathlib import Path

from support.report_rows import assert_alike

from dlib_bvae import re_beta_vae

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results" / "re_beta_vae_small"


def test_the_committed_page_has_every_file_that_it_links():
    text = (RESULTS / "report" / "report.html").read_text(encoding="utf-8")
    links = {link for link in re.findall(r'href="([^"#]+)"', text) if not link.startswith("data:")}
    assert len(links) > 60
    assert [link for link in links if not (RESULTS / "report" / link).is_file()] == []
    here = {path.relative_to(RESULTS / "report").as_posix() for path in (RESULTS / "report").glob("tables/[!.]*")}
    assert here == {link for link in links if link.startswith("tables/")}
    for name in ("figure_3", "figure_6"):
        assert ">chance</text>" in (RESULTS / "report" / "figures" / f"{name}.svg").read_text(encoding="utf-8")


def lines_of(path):
    why = "images chosen at random: missing: "  # of data sets that are not on this machine
    return [line.split(why)[0] for line in path.read_text(encoding="utf-8").splitlines()]


def test_the_committed_rows_give_the_committed_report(tmp_path):
    shutil.copytree(RESULTS / "report" / "figures", tmp_path / "figures")
    _, written = re_beta_vae.write(RESULTS / "runs.parquet", tmp_path, pictures=False)
    committed = lines_of(RESULTS / "report" / "report.md")
    assert_alike(lines_of(written), committed)
    for path in (RESULTS / "report" / "tables").glob("*.*"):
        if not path.name.startswith("."):
            assert_alike(lines_of(tmp_path / "tables" / path.name), lines_of(path))
    verdicts = [line for line in committed if line.startswith("- **")]
    assert len(verdicts) == 21

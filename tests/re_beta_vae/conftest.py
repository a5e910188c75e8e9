"""The committed rows of the small study and the report that was made of them."""

from pathlib import Path

import pytest

from dlib_bvae.re_beta_vae.evidence import Evidence, of_study
from dlib_bvae.re_beta_vae.rows import read

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results" / "re_beta_vae_small"


@pytest.fixture(scope="session")
def committed_evidence():
    rows, problems = read([RESULTS / "runs.parquet"])
    kept, others = of_study(rows)
    assert (len(rows), len(kept), problems, others) == (864, 864, [], [])
    return Evidence(kept)


@pytest.fixture(scope="session")
def committed_report():
    """The lines of the report as Markdown."""
    return (RESULTS / "report" / "report.md").read_text(encoding="utf-8").splitlines()

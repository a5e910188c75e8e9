"""When and by what the covered rows were made."""

import pandas as pd

from dlib_bvae.re_beta_vae import cite
from dlib_bvae.re_beta_vae.rows import COMMIT, FINGERPRINT, STARTED, VERSION

ROWS = pd.DataFrame(
    {
        "dataset": ["b_rendered", "a", "a"],
        FINGERPRINT: ["22", "11", "11"],
        STARTED: ["2026-01-31T10:00:00Z", "2025-12-01T10:00:00Z", None],
        VERSION: ["0.2.0", "0.1.0", "0.2.0"],
        COMMIT: ["f" * 40, "a" * 40, None],
    }
)


def test_what_is_recorded():
    found = cite.of_rows(ROWS)
    assert found.date == "2026-01-31"
    assert found.made_by == "dlib_bvae 0.1.0, 0.2.0, commits aaaaaaaaaa, ffffffffff"
    assert found.data == "a 11, b_rendered 22"
    assert found.bibtex.splitlines() == [
        "@software{dlib_bvae,",
        r"  title = {dlib\_bvae: a benchmark suite for {$\beta$}-VAE disentanglement},",
        r"  author = {{The dlib\_bvae contributors}},",
        "  year = {2026},",
        "  version = {0.1.0, 0.2.0},",
        r"  note = {results of the [Re] beta-VAE study, commits aaaaaaaaaa, ffffffffff, data sets a 11, b\_rendered 22},",
        "}",
    ]


def test_what_is_not_recorded_is_said_to_be_so():
    found = cite.of_rows(ROWS[["dataset", FINGERPRINT]])
    assert (found.date, found.made_by) == ("not recorded", "dlib_bvae version not recorded, commits not recorded")
    assert "year" not in found.bibtex

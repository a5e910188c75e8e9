"""Rows of evaluations → when and by what they were made, and how to cite them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from dlib_bvae.artifacts.citation import bibtex, short_commit
from dlib_bvae.re_beta_vae.rows import COMMIT, FINGERPRINT, STARTED, VERSION, column

if TYPE_CHECKING:
    import pandas as pd


class Cite(NamedTuple):
    """date: of the newest training run, YYYY-MM-DD. made_by: version and commits. data: names and fingerprints. bibtex: an entry.

    What no row says is "not recorded".
    """

    date: str
    made_by: str
    data: str
    bibtex: str


def of_rows(rows: pd.DataFrame) -> Cite:
    """From the rows that the report covers; the same rows give the same text, whenever it is written."""
    date = max(_known(rows, STARTED), default="")[:10]
    versions = ", ".join(_known(rows, VERSION)) or "version not recorded"
    commits = ", ".join(short_commit(each) for each in _known(rows, COMMIT)) or "not recorded"
    prints = sorted({*zip(column(rows, "dataset"), column(rows, FINGERPRINT), strict=True)}, key=str)
    data = ", ".join(f"{name} {fingerprint}" for name, fingerprint in prints) or "none"
    note = f"results of the [Re] beta-VAE study, commits {commits}, data sets {data}"
    return Cite(
        date or "not recorded", f"dlib_bvae {versions}, commits {commits}", data, bibtex(versions, note, date[:4])
    )


def _known(rows: pd.DataFrame, name: str) -> list[str]:
    return sorted({str(each) for each in column(rows, name).dropna()})

"""Takes the runs and rows of a board, hands on how to cite it: sentence, BibTeX, version, commit, data, newest run."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import dlib_bvae
from dlib_bvae.artifacts.environment import describe

# The facts of CITATION.cff, which is not installed with the package.
TITLE = "dlib_bvae: a benchmark suite for β-VAE disentanglement"
AUTHOR = "The dlib_bvae contributors"
RELEASED = "2026-11-30"
_COMMIT = 10  # digits that are shown
_DATE = re.compile(r"\d{4}-\d\d-\d\d")


def cited(runs: Sequence[Mapping[str, Any]], rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """{"text", "bibtex", "version", "commit", "fingerprints", "date"} of a board.

    commit: of the checkout that made the board, None elsewhere. fingerprints: {data set: those of its images}. date: of the
    newest run as it records its start, None where none does; not that of today, so that a board made again is the same.
    """
    prints: dict[str, list[str]] = {}
    for name, fingerprint in sorted({(row["dataset"], row["fingerprint"]) for row in rows}):
        prints.setdefault(name, []).append(fingerprint)
    dates = [found[0] for run in runs if (found := _DATE.match(run["started"] or ""))]
    version, commit, date = dlib_bvae.__version__, describe()["git_commit"], max(dates, default=None)
    made = f"version {version}" + (f", commit {commit[:_COMMIT]}" if commit else "")
    data = "; ".join(f"{name} ({', '.join(each[:8] for each in of_it)})" for name, of_it in prints.items())
    said = [f"Leaderboard made with dlib_bvae, {made}", f"Data sets (fingerprints): {data}"]
    said += [f"Newest run: {date}"] if date else []
    return {
        "text": ". ".join(said) + ".",
        "bibtex": _bibtex(made),
        "version": version,
        "commit": commit,
        "fingerprints": prints,
        "date": date,
    }


def _bibtex(made: str) -> str:
    title = TITLE.replace("_", r"\_").replace("β-VAE", r"{$\beta$-VAE}")
    entries = {
        "author": f"{{{AUTHOR}}}".replace("_", r"\_"),
        "title": title,
        "year": RELEASED[:4],
        "version": dlib_bvae.__version__,
        "note": made[0].upper() + made[1:],
    }
    body = "".join(f'  {name} = "{value}",\n' for name, value in entries.items())
    return f"@software{{dlib_bvae,\n{body}}}\n"

"""Takes the runs and rows of a board, hands on how to cite it: sentence, BibTeX, version, commit, data, newest run."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import dlib_bvae
from dlib_bvae.artifacts.citation import RELEASED, bibtex, short_commit
from dlib_bvae.artifacts.environment import describe

_DATE = re.compile(r"\d{4}-\d\d-\d\d")


def cited(runs: Sequence[Mapping[str, Any]], rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """{"text", "bibtex", "version", "commit", "fingerprints", "date"} of a board.

    commit: of the checkout that wrote the board, None elsewhere. fingerprints: {data set: those of its images}. date: of the
    newest run as it records its start, None where none does; not that of today, so that a board of the same runs is the same.
    """
    prints: dict[str, list[str]] = {}
    for name, fingerprint in sorted({(row["dataset"], row["fingerprint"]) for row in rows}):
        prints.setdefault(name, []).append(fingerprint)
    dates = [found[0] for run in runs if (found := _DATE.match(run["started"] or ""))]
    version, commit, date = dlib_bvae.__version__, describe()["git_commit"], max(dates, default=None)
    short = short_commit(commit)
    which = f"version {version}" + (f", commit {short}" if short else "")
    data = "; ".join(f"{name} ({', '.join(each[:8] for each in of_it)})" for name, of_it in prints.items())
    said = [f"Leaderboard by dlib_bvae, {which}", f"Data sets (fingerprints): {data}"]
    said += [f"Newest run: {date}"] if date else []
    return {
        "text": ". ".join(said) + ".",
        "bibtex": bibtex(version, which[0].upper() + which[1:], RELEASED[:4]),
        "version": version,
        "commit": commit,
        "fingerprints": prints,
        "date": date,
    }

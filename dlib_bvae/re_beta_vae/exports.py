"""A table of the report → its files for a paper: CSV, LaTeX and Markdown."""

from __future__ import annotations

import re

from dlib_bvae.analysis import printed
from dlib_bvae.analysis.tables import csv_lines
from dlib_bvae.re_beta_vae.tables import Table

KINDS = {"csv": "CSV", "tex": "LaTeX", "md": "Markdown"}


def files(table: Table) -> dict[str, bytes]:
    """{"<name>.csv", "<name>.tex", "<name>.md"} → bytes.

    CSV: the cells as text, UTF-8. LaTeX: a tabular for the package booktabs, with the title and the notes as comments.
    """
    import pandas as pd

    frame = pd.DataFrame(table.rows, columns=table.header, dtype=str)
    return {
        f"{table.name}.csv": b"".join(csv_lines(frame)),
        f"{table.name}.tex": latex(table).encode(),
        f"{table.name}.md": (markdown(table) + "\n").encode(),
    }


def latex(table: Table) -> str:
    """A tabular of booktabs."""
    return printed.latex(printed.Table(table.header, table.rows), table.title, *table.notes)


def markdown(table: Table) -> str:
    """The title, a table of GitHub's Markdown and the notes."""
    line = lambda cells: f"| {' | '.join(map(plain, cells))} |"
    lines = [line(table.header), line(["---"] * len(table.header)), *map(line, table.rows)]
    return "\n\n".join([f"**{plain(table.title)}**", "\n".join(lines), *map(plain, table.notes)])


def plain(text: object) -> str:
    """Text of a page of Markdown: one line in which nothing is markup."""
    return re.sub(r"([\\`*_\[\]|~])", r"\\\1", " ".join(str(text).split())).replace("&", "&amp;").replace("<", "&lt;")

"""A table of texts → Markdown, LaTeX (booktabs) and what fits on a terminal; names in it are text and nothing else."""

from __future__ import annotations

import io
import re
import shutil
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from dlib_bvae.errors import visible

MOST_ROWS = 60  # that a terminal shows
_FEWEST_ROWS = 5  # of each table there
_GAP = 2  # spaces between the columns of a terminal, one of which stands for a line
_NARROW = 80  # columns of a terminal whose width is not known
# What pdfLaTeX does not know, or pandas does not escape.
_LATEX = {
    **{"α": r"$\alpha$", "β": r"$\beta$", "γ": r"$\gamma$", "λ": r"$\lambda$", "μ": r"$\mu$", "σ": r"$\sigma$"},
    **{"±": r"$\pm$", "·": r"$\cdot$", "²": "$^2$", "×": r"$\times$", "−": "$-$", "≥": r"$\ge$", "≤": r"$\le$"},
    # "[" would be an argument of the end of the line before; the others are other letters in LaTeX's first font.
    **{"[": "{[}", "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}"},
    **{"–": "--", "…": r"\ldots{}", "\u00a0": "~"},
}


class Table(NamedTuple):
    """Texts of a table.

    header: different texts. numbers: those of columns that are set flush right. bold: (row, column) of what is set bold.
    """

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    numbers: Collection[str] = ()
    bold: Collection[tuple[int, int]] = ()


def markdown(table: Table) -> str:
    """A table of a Markdown file, one line a row."""
    rule = ["---:" if name in table.numbers else "---" for name in table.header]
    lines = [list(map(markdown_cell, table.header)), rule, *(list(map(markdown_cell, row)) for row in table.rows)]
    for row, column in table.bold:
        lines[row + 2][column] = f"**{lines[row + 2][column]}**"
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def markdown_cell(text: str) -> str:
    """`text` on one line, in which Markdown finds no link, picture, code, HTML or end of a cell; other characters visible."""
    line = re.sub(r"([\\|\[\]`*])", r"\\\1", " ".join(text.split()))
    return visible(line).replace("<", "&lt;")


def latex(table: Table, *said: str) -> str:
    """A tabular for \\usepackage{booktabs}, after the lines of comment `said`; every text is escaped."""
    import pandas as pd

    rows = [[_line(text) for text in row] for row in table.rows]
    frame = pd.DataFrame(rows, columns=list(map(_line, table.header)), dtype=object)
    styler = frame.style.format(escape="latex").format_index(escape="latex", axis=1).hide(axis="index")
    if table.bold:
        marks = pd.DataFrame("", frame.index, frame.columns)
        for row, column in table.bold:
            marks.iat[row, column] = "textbf:--rwrap;"
        styler = styler.apply(lambda _: marks, axis=None)
    sides = "".join("r" if name in table.numbers else "l" for name in table.header)
    text = styler.to_latex(hrules=True, column_format=sides)
    return "".join(f"% {_line(each)}\n" for each in said) + text.translate(str.maketrans(_LATEX))


def _line(text: str) -> str:
    return visible(" ".join(text.split()))


def terminal(tables: Mapping[str, Table], where: str, *, first: int, every: int) -> str:
    """Tables of the same columns below their titles, as wide as the terminal is, 80 columns where that is not known.

    Their first `first` columns are always shown, of the others as many as fit, in their order; of the rows as many of each table
    as make MOST_ROWS together. What is left out is said at the end. where: the file that has all. every: how many rows that
    file has.
    """
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table as Shown
    from rich.text import Text

    width = shutil.get_terminal_size(fallback=(_NARROW, 24)).columns
    most = max(_FEWEST_ROWS, MOST_ROWS // max(1, len(tables)))
    texts = {name: [[_line(text) for text in row] for row in each.rows[:most]] for name, each in tables.items()}
    header, numbers = next(((each.header, each.numbers) for each in tables.values()), ((), ()))
    header = list(map(_line, header))
    count = max(first, _fitting(header, [row for rows in texts.values() for row in rows], width))
    console = Console(file=io.StringIO(), width=width)
    with console.capture() as captured:
        for title, rows in texts.items():
            shown = Shown(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, _GAP - 1, 0, 0))
            for name in header[:count]:
                shown.add_column(Text(name), justify="right" if name in numbers else "left", overflow="fold")
            for row in rows:
                shown.add_row(*(Text(text) for text in row[:count]))  # Text: a name like [red] is a name
            console.print(Text(_line(title)))
            console.print(shown)
            console.print()
    lines = [line.rstrip() for line in captured.get().splitlines()]
    number = sum(map(len, texts.values()))
    return "\n".join([*lines, *_left_out(header[count:], number, every, where)]).strip("\n") + "\n"


def _fitting(header: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> int:
    """How many of the first columns fit without folding a text."""
    from rich.cells import cell_len

    taken = -_GAP
    for place, name in enumerate(header):
        taken += _GAP + max(map(cell_len, [name, *(row[place] for row in rows)]))
        if taken > width:
            return place
    return len(header)


def _left_out(columns: Sequence[str], shown: int, every: int, where: str) -> list[str]:
    parts = []
    if every > shown:
        parts.append(f"{every - shown:,} of {every:,} rows")
    if columns:
        parts.append(f"{'the column' if len(columns) == 1 else f'{len(columns)} columns:'} {', '.join(columns)}")
    return [f"left out: {'; '.join(parts)}; all is in {visible(where)}"] if parts else []

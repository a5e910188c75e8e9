"""The one style of all figures, and a matplotlib figure as files: the same figure is the same bytes, and its text stays text."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Okabe and Ito's colours, which readers who confuse red and green tell apart; dashes and marks for those who print in grey.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000", "#E69F00", "#56B4E9")
DASHES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)), (0, (1, 1)))
MARKS = "osD^vP*X<>"
MAP = "cividis"  # of matrices: for readers who confuse colours, and dark to bright for those who print in grey
FORMATS = ("svg", "pdf", "png")
_DPI = 130  # on a page
_PAPER_DPI = 300
# Text of an SVG is text, in a PDF a TrueType font; ids in an SVG depend on what is drawn alone.
_RC: Any = {"svg.fonttype": "none", "pdf.fonttype": 42, "svg.hashsalt": "dlib_bvae"}
_METADATA: dict[str, dict[str, Any]] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {}}


def look(k: int) -> dict[str, Any]:
    """Colour, dashes and mark of the k-th curve, as arguments of Axes.plot; the colours repeat with other marks."""
    place = k % len(COLOURS)
    return {"color": COLOURS[place], "linestyle": DASHES[place], "marker": MARKS[k % len(MARKS)]}


def light(axes: Any, ticks: int | None = None) -> None:
    """The look of every panel: no frame above and on the right; with `ticks`, the size of their texts, a faint grid."""
    if ticks is not None:
        axes.tick_params(labelsize=ticks)
        axes.grid(color="0.9", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)


def figure_png(figure: Figure) -> bytes:
    """A matplotlib figure as a PNG file for a page, 130 dots an inch."""
    return _saved(figure, "png", _DPI)


def figure_files(name: str, figure: Figure) -> dict[str, bytes]:
    """A matplotlib figure for a paper: {"<name>.svg", "<name>.pdf", "<name>.png"} → its bytes.

    The SVG has live text, the PDF embedded TrueType fonts, the PNG 300 dots an inch. None has a date, so the same figure is
    the same files. The figure keeps its layout afterwards.
    """
    with _any_letters():
        figure.draw_without_rendering()  # lays it out, which takes longest, once for all formats
    figure.set_layout_engine("none")
    return {f"{name}.{kind}": _saved(figure, kind, _PAPER_DPI) for kind in FORMATS}


def _saved(figure: Figure, kind: str, dpi: int) -> bytes:
    import matplotlib

    buffer = io.BytesIO()
    with matplotlib.rc_context(_RC), _any_letters():
        figure.savefig(buffer, format=kind, dpi=dpi, metadata=_METADATA[kind])
    return buffer.getvalue()


@contextlib.contextmanager
def _any_letters() -> Iterator[None]:
    """No warning in the block of letters of a name that the font lacks."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph ")
        yield

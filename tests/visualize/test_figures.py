"""figures.py: a figure is the same bytes each time, without a date; text of an SVG is text, of a PDF TrueType."""

import io
import xml.etree.ElementTree as ElementTree

import pytest
from matplotlib.figure import Figure
from PIL import Image

from dlib_bvae.visualize.figures import COLOURS, MARKS, figure_files, light, look

NAME = "β-VAE <script>=1 & $\\frac$ 日"


def plotted():
    figure = Figure(figsize=(3, 2))
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], **look(0))
    axes.fill_between([0, 1], [0, 1], [1, 2], hatch="/")  # hatches and clips have ids in an SVG
    axes.set_title(NAME, parse_math=False)
    light(axes, 8)
    return figure


@pytest.mark.filterwarnings("error")  # a letter that the font lacks is no warning on the terminal
def test_the_same_figure_is_the_same_files_at_any_time(monkeypatch):
    first = figure_files("path", plotted())
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1000000000")
    assert figure_files("path", plotted()) == first
    assert list(first) == ["path.svg", "path.pdf", "path.png"]
    assert not any(word in data for data in first.values() for word in (b"CreationDate", b"dc:date", b"2001-09"))


def test_text_stays_text():
    found = figure_files("path", plotted())
    texts = [each.text for each in ElementTree.fromstring(found["path.svg"]).iter("{http://www.w3.org/2000/svg}text")]
    assert NAME in texts
    assert b"/CIDFontType2" in found["path.pdf"]
    assert b"/Type3" not in found["path.pdf"]


def test_a_png_is_fine_enough_for_print():
    assert Image.open(io.BytesIO(figure_files("path", plotted())["path.png"])).size == (900, 600)


def test_curves_differ_in_more_than_colour():
    looks = [look(k) for k in range(len(COLOURS))]
    assert len({each["color"] for each in looks}) == len({each["marker"] for each in looks}) == len(COLOURS)
    assert look(len(COLOURS))["color"] == look(0)["color"]
    assert look(len(COLOURS))["marker"] == MARKS[len(COLOURS)]

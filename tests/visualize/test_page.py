"""page.py: everything on the page is escaped, refers to files beside it and says what is missing."""

import re
import runpy
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import setuptools

from dlib_bvae.visualize.figures import figure_png
from dlib_bvae.visualize.latents import Latents
from dlib_bvae.visualize.page import Section, page
from dlib_bvae.visualize.pictures import png
from dlib_bvae.visualize.sections import Drawn, Picture

EVIL = '<script>alert("x")</script>&'


class Elements(HTMLParser):
    """The elements of a page with their attributes, and its text."""

    def __init__(self, text):
        super().__init__()
        self.found, self.text = [], ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.text += data


@pytest.fixture
def made(tmp_path):
    from matplotlib.figure import Figure

    (tmp_path / "tiles.png").write_bytes(png(np.zeros((30, 70, 3), np.uint8)))
    (tmp_path / "bars.png").write_bytes(figure_png(Figure(figsize=(4, 2))))
    drawn = Drawn(f"of {EVIL}", [Picture("tiles.png", EVIL), Picture("bars.png", "bars")])
    sections = [Section("Data", "data", drawn, ""), Section("Curves", "curves", None, f"none of {EVIL}")]
    kl, information = np.array([0.5, 1.25]), np.array([[0.0, 0.0], [0.1, 0.7]])
    latents = Latents(kl, np.ones(2), information, ["shape", EVIL], 100, "", 100)
    return page(EVIL, [("run", EVIL)], sections, latents, tmp_path, "data")


def test_every_name_is_escaped(made):
    elements = Elements(made)
    assert "script" not in {tag for tag, _ in elements.found}
    assert elements.text.count(EVIL) == 6  # twice the title, fact, text, factor, reason
    assert [attributes["alt"] for tag, attributes in elements.found if tag == "img"] == [EVIL, "bars"]


def test_it_needs_nothing_but_the_files_beside_it(made):
    elements = Elements(made)
    links = [value for _, attributes in elements.found for key, value in attributes.items() if key in ("src", "href")]
    assert links == ["#data", "tiles.png", "bars.png"]
    assert not re.search(r"https?:|url\(|@import", made)


def test_pictures_have_their_size_and_diagrams_that_of_their_resolution(made):
    tiles, bars = (attributes for tag, attributes in Elements(made).found if tag == "img")
    assert (tiles["width"], tiles["height"], tiles.get("class")) == ("70", "30", None)
    assert (bars["width"], bars["height"], bars.get("class")) == ("400", "200", "diagram")


def test_latents_are_listed_those_that_carry_most_first(made):
    rows = re.findall(
        r"<tr><td>(z\d)</td><td class=\"whole\">(.*?)</td>\s*<td>(.*?)</td><td class=\"number\">(.*?)</td>", made
    )
    assert [(row[0], row[1], row[3]) for row in rows] == [("z1", "KL 1.25 nats", "0.70"), ("z0", "KL 0.50 nats", "")]
    assert rows[1][2] == "none"


def test_what_was_left_out_is_said_with_the_reason(made):
    assert f"Curves: none of {EVIL}" in Elements(made).text
    assert 'href="#curves"' not in made


def test_the_template_is_installed(monkeypatch):
    home, found = Path(__file__).parents[2], {}
    monkeypatch.chdir(home)
    monkeypatch.setattr(setuptools, "setup", found.update)
    runpy.run_path("setup.py")
    patterns = found["package_data"]["dlib_bvae.visualize"]
    installed = {path.name for pattern in patterns for path in (home / "dlib_bvae/visualize").glob(pattern)}
    assert installed == {path.name for path in (home / "dlib_bvae/visualize/templates").iterdir()} != set()

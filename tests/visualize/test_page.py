"""page.py: everything on the page is escaped, refers to files next to it and says what is missing."""

import base64
import hashlib
import html
import re
import runpy
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import setuptools
from matplotlib.figure import Figure

from dlib_bvae.visualize.figures import figure_files
from dlib_bvae.visualize.latents import Latents
from dlib_bvae.visualize.page import Cite, Facts, Section, Shown, page
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


FILES = ("figures/bars.svg", "figures/bars.pdf", "figures/bars.png")


@pytest.fixture
def made(tmp_path):
    (tmp_path / "tiles.png").write_bytes(png(np.zeros((30, 70, 3), np.uint8)))
    (tmp_path / "figures").mkdir()
    for name, content in figure_files("bars", Figure(figsize=(4, 2))).items():
        (tmp_path / "figures" / name).write_bytes(content)
    data = Drawn(f"of {EVIL}", [Picture("tiles.png", EVIL), Picture("figures/bars.png", "bars", "", FILES)])
    one, two = Picture("tiles.png", "one", EVIL), Picture("tiles.png", "two", "from image 5")
    sections = [
        Section("Data", "data", data, ""),
        Section("prior", "prior-traversals", None, f"none of {EVIL}", "Traversals"),
        Section(
            "range", "range-traversals", Drawn("over the range", [Picture("tiles.png", "range")]), "", "Traversals"
        ),
        Section("further", "further", Drawn("further", [one, two]), "", "Traversals"),
        Section("alone", "alone", Drawn("alone in its group", [Picture("tiles.png", "alone")]), "", "Images"),
    ]
    kl, information = np.array([0.5, 1.25, 0.05]), np.array([[0.0, 0.0], [0.1, 0.7], [0.04, 0.0]])
    latents = Latents(kl, np.ones(3), np.ones(3) / 4, information, ["shape", EVIL], np.ones(2), 100, "", 100)
    scores = [Shown(EVIL, "mig", "3.0 %", "1.0 %", "../mean/a b#c.json")]
    facts = Facts(EVIL, [("run", EVIL)], scores, [("codes", "../mean/codes.npy")], Cite(f"cite {EVIL}", f"@misc{EVIL}"))
    return page(facts, sections, latents, tmp_path, "data")


def test_every_name_is_escaped(made):
    elements = Elements(made)
    scripts = re.findall(r"<script>(.*?)</script>", made, re.DOTALL)
    assert len(scripts) == 1
    assert "alert" not in scripts[0]
    # title twice; fact, metric, text, factor, label twice, reason; the citation twice and its BibTeX
    assert elements.text.count(EVIL) == 12
    alts = [attributes["alt"] for tag, attributes in elements.found if tag == "img"]
    assert alts == [EVIL, "bars", "range", "one", "two", "alone"]


def test_no_other_script_can_run(made):
    policy = re.search(r'Content-Security-Policy" content="(.*?)"', made)[1]
    digest = lambda tag: base64.b64encode(
        hashlib.sha256(re.search(f"<{tag}>(.*?)</{tag}>", made, re.DOTALL)[1].encode()).digest()
    )
    assert "default-src 'none'" in html.unescape(policy)
    for tag in ("style", "script"):
        assert f"{tag}-src 'sha256-{digest(tag).decode()}'" in html.unescape(policy)


def test_it_needs_nothing_but_the_files_next_to_it(made):
    elements = Elements(made)
    links = [value for _, attributes in elements.found for key, value in attributes.items() if key in ("src", "href")]
    assert [link for link in links if link.startswith("#")] == [
        "#data",
        "#group-traversals",
        "#group-images",
        "#left-out",
    ]
    files = {link for link in links if not link.startswith(("#", "data:,"))}
    assert files == {"tiles.png", *FILES, "../mean/codes.npy", "../mean/a%20b%23c.json"}
    assert not re.search(r"https?:|url\(|@import", made)


def test_pictures_have_their_size_and_figures_that_of_their_resolution(made):
    tiles, bars = [attributes for tag, attributes in Elements(made).found if tag == "img"][:2]
    assert (tiles["width"], tiles["height"], tiles.get("class")) == ("70", "30", None)
    assert (bars["width"], bars["height"], bars.get("class")) == ("400", "200", "figure")


def test_sections_of_a_group_share_a_switch(made):
    found = Elements(made).found
    radios = [attributes for tag, attributes in found if tag == "input"]
    assert [each["id"] for each in radios] == ["show-range-traversals", "show-further", "show-further-1"]
    assert ["checked" in each for each in radios] == [True, False, False]
    assert {each["name"] for each in radios} == {"group-traversals"}
    panels = [attributes["id"] for tag, attributes in found if attributes.get("class") == "panel"]
    assert panels == ["range-traversals", "further", "further-1"]
    assert 'id="alone"' in made  # one picture needs no switch
    assert made.count(":checked ~ .panel:nth-of-type(") == 3


def test_latents_are_listed_those_that_carry_most_first_and_inactive_ones_are_grey(made):
    rows = re.findall(
        r"<tr(.*?)><th scope=\"row\">(z\d)</th><td class=\"whole\">(.*?)</td><td>(.*?)</td><td class=\"number\">(.*?)</td>",
        made,
    )
    assert [(row[1], row[2], row[4]) for row in rows] == [
        ("z1", "KL 1.25 nats", "0.70"),
        ("z0", "KL 0.50 nats", ""),
        ("z2", "KL 0.05 nats", ""),
    ]
    assert [row[3] for row in rows[1:]] == ["none", "inactive"]
    assert [row[0] for row in rows] == ["", "", " class=quiet"]
    assert "<dd>2 of 3 active</dd>" in made


def test_scores_are_linked_with_chance(made):
    assert re.search(
        r'<a href="\.\./mean/a%20b%23c\.json">.*?</a></th><td>mig</td><td class="number">3\.0 %</td><td class="number">1\.0 %',
        made,
    )


def test_what_was_left_out_is_said_with_the_reason(made):
    assert f"Traversals: prior: none of {EVIL}" in Elements(made).text
    assert 'id="prior-traversals"' not in made


def test_the_template_is_installed(monkeypatch):
    home, found = Path(__file__).parents[2], {}
    monkeypatch.chdir(home)
    monkeypatch.setattr(setuptools, "setup", found.update)
    runpy.run_path("setup.py")
    patterns = found["package_data"]["dlib_bvae.visualize"]
    installed = {path.name for pattern in patterns for path in (home / "dlib_bvae/visualize").glob(pattern)}
    assert installed == {path.name for path in (home / "dlib_bvae/visualize/templates").iterdir()} != set()

"""The pages of docs/ and README: their links lead somewhere, every page is in the site, what they name is there."""

import importlib.util
import re
from collections import Counter
from pathlib import Path

import pytest

from dlib_bvae.commands import COMMANDS

ROOT = Path(__file__).parents[1]
_SPEC = importlib.util.spec_from_file_location("site", ROOT / "docs" / "site.py")
site = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(site)
PAGES = site.pages(ROOT)
TEXTS = {
    path: path.read_text(encoding="utf-8") for path in [ROOT / "README.md", *PAGES.values()] if path.suffix == ".md"
}
OF_TODAY = {path: text for path, text in TEXTS.items() if path.name != "CHANGELOG.md"}


def anchors(text: str) -> set[str]:
    """The anchors that a forge and the site give the headings."""
    headings = re.findall(r"^#+ (.*)$", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def test_links_between_pages_lead_to_a_page_and_a_heading():
    dead = []
    for path, text in TEXTS.items():
        for match in re.finditer(r"\]\(([^)#\s:]*)(?:#([^)\s]*))?\)", re.sub(r"`[^`]*`", "", text)):
            target = (path.parent / match[1]).resolve() if match[1] else path
            if not target.exists() or (match[2] and match[2] not in anchors(TEXTS[target])):
                dead.append((path.name, match[0]))
    assert dead == []


def test_every_page_is_in_the_navigation():
    shown = set(re.findall(r"[\w/]+\.md$", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"), re.MULTILINE))
    cards = {place for place in PAGES if place.startswith("reference/") and place.count("/") == 2}
    cards -= {place for place in cards if place.endswith("README.md")}
    absent = {place for place in PAGES if place.endswith(".md")} - shown - cards
    assert absent == set(), "add it to nav in mkdocs.yml"


def test_the_site_s_copy_of_a_page_leads_to_the_site(tmp_path):
    site.stage(ROOT, tmp_path)
    assert "(repository/CONTRIBUTING.md#add-a-metric)" in (tmp_path / "extending.md").read_text(encoding="utf-8")
    assert "(repository/benchmarks/results/shapes3d_fidelity.png)" in (tmp_path / "data.md").read_text(encoding="utf-8")
    assert not list(tmp_path.rglob("*.py"))
    with pytest.raises(SystemExit, match=r"docs/page.md has a link to no.md, which is not there"):
        site.with_links("[a](no.md)", "page.md", ROOT / "docs" / "page.md", {}, ROOT)


def test_commands_and_configurations_that_pages_name_are_there():
    commands = {
        (path.name, name)
        for path, text in OF_TODAY.items()
        for name in re.findall(r"(?<![.\w])dlib_bvae_([a-z]\w*)", text)
    }
    assert {each for each in commands if each[1] not in COMMANDS and each[1] != "codes"} == set()
    files = {
        (path.name, each)
        for path, text in OF_TODAY.items()
        for each in re.findall(r"(?<![\w/])gin/[\w/]+\.gin\b", text)
    }
    made = {"datasets/rings", "models/sparse_vae", "models/narrow_fc", "metrics/code_range"}  # CONTRIBUTING's recipes
    absent = {each for each in files if not (ROOT / each[1]).exists()}
    assert absent <= {("CONTRIBUTING.md", f"gin/{each}.gin") for each in made}


def test_readme_is_short_has_today_s_numbers_and_promises_no_package_index():
    readme = TEXTS[ROOT / "README.md"]
    numbers = dict(re.findall(r"\(docs/reference/(\w+)/README.md\) \| (\d+): ", readme))
    about = ("README.md", "cautions.md")
    kinds = [each.parent.name for each in (ROOT / "docs" / "reference").glob("*/*.md") if each.name not in about]
    assert {kind: int(number) for kind, number in numbers.items()} == dict(Counter(kinds))
    assert readme.count("\n") <= 150
    named = [path.name for path, text in OF_TODAY.items() if re.search(r"pip install '?dlib_bvae", text)]
    assert named == []


def test_the_bibliography_and_the_citation_have_the_version():
    from dlib_bvae import __version__

    assert f"\nversion: {__version__}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"version = {{{__version__}}}" in TEXTS[ROOT / "docs" / "references.md"]

"""citation.py: the facts are those of CITATION.cff; what stands in an entry cannot end it."""

import re
from pathlib import Path

import dlib_bvae
from dlib_bvae.artifacts import citation

CFF = (Path(__file__).parents[2] / "CITATION.cff").read_text(encoding="utf-8")


def test_the_facts_are_those_of_the_citation_file():
    facts = dict(re.findall(r'^(title|version|date-released): "?(.+?)"?$', CFF, re.MULTILINE))
    assert facts == {"title": citation.TITLE, "version": dlib_bvae.__version__, "date-released": citation.RELEASED}
    assert f'- name: "{citation.AUTHOR}"' in CFF


def test_an_entry():
    assert citation.bibtex("0.1.0", "runs of dsprites_rendered", "2026").splitlines() == [
        "@software{dlib_bvae,",
        r"  title = {dlib\_bvae: a benchmark suite for {$\beta$}-VAE disentanglement},",
        r"  author = {{The dlib\_bvae contributors}},",
        "  year = {2026},",
        "  version = {0.1.0},",
        r"  note = {runs of dsprites\_rendered},",
        "}",
    ]
    assert "year" not in citation.bibtex("0.1.0", "runs")


def test_a_name_cannot_end_the_entry():
    entry = citation.bibtex("0.1.0", "a}\n```{ \\input{x}")
    assert entry.count("\n") == 5
    assert "`" not in entry
    assert r"{a) '''( /input(x)}" in entry
    assert entry.count("{") == entry.count("}")


def test_a_commit_is_short_and_says_that_it_was_changed():
    assert citation.short_commit("0123456789abcdef") == "0123456789"
    assert citation.short_commit("0123456789abcdef-dirty") == "0123456789-dirty"
    assert citation.short_commit(None) == ""

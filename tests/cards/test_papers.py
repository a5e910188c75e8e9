"""papers.py: every entry of the bibliography is read, and cards cite what their file says."""

from pathlib import Path

import pytest

from dlib_bvae.cards.papers import CITED, cited, label, read

ENTRIES = read(Path(__file__).parents[2] / "docs" / "references.bib")


def test_every_entry_has_a_label_and_every_key_of_cited_an_entry():
    text = (Path(__file__).parents[2] / "docs" / "references.bib").read_text(encoding="utf-8")
    assert len(ENTRIES) == text.count("\n@") + 1
    assert {label(entry)[-4:].isdigit() for entry in ENTRIES.values()} == {True}
    assert {key for keys in CITED.values() for key in keys.split()} <= set(ENTRIES)


def test_an_entry_is_cited_by_its_authors_and_year():
    assert label(ENTRIES["dupont2018learning"]) == "Dupont 2018"
    assert label(ENTRIES["kim2018disentangling"]) == "Kim & Mnih 2018"
    assert label(ENTRIES["shao2020controlvae"]) == "Shao et al. 2020"
    found = cited("vae", "Kingma & Welling 2014; Higgins et al. 2017", ENTRIES)
    assert found == [ENTRIES["kingma2014auto"], ENTRIES["higgins2017beta"]]
    assert cited("mcc", "Hyvärinen and Morioka 2016", ENTRIES) == [ENTRIES["hyvarinen2016unsupervised"]]
    assert cited("anything", "–", ENTRIES) == cited("anything", "", ENTRIES) == []


def test_a_text_that_names_no_paper_or_several_is_an_error():
    with pytest.raises(ValueError, match="new cites 'Nobody 1999', which 0 entries"):
        cited("new", "Nobody 1999", ENTRIES)
    with pytest.raises(ValueError, match="new cites 'Locatello et al. 2020', which 3 entries"):
        cited("new", "Locatello et al. 2020", ENTRIES)

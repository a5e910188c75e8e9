"""write.py: the committed cards are those that the code gives now; a card of what is no more goes."""

import shutil
from pathlib import Path

from dlib_bvae.cards import description, plain, table
from dlib_bvae.cards.write import cards, write

DOCS = Path(__file__).parents[2] / "docs"
COMMAND = "python -m dlib_bvae.cards.write docs"


def test_the_committed_cards_are_those_of_the_code(tmp_path, monkeypatch):
    monkeypatch.setenv("DLIB_BVAE_DATA_DIR", str(tmp_path))
    found = cards(DOCS)
    there = {path for kind in ("datasets", "methods", "metrics") for path in (DOCS / "reference" / kind).glob("*")}
    assert there == set(found), f"run: {COMMAND}"
    other = [path.name for path, text in found.items() if path.read_text(encoding="utf-8") != text]
    assert other == [], f"run: {COMMAND}"


def test_a_card_of_what_is_no_more_goes(tmp_path):
    for part in (
        "docs/references.bib",
        "benchmarks/results/noise_scores.json",
        "benchmarks/results/methods_speed.json",
    ):
        (tmp_path / part).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(DOCS.parent / part, tmp_path / part)
    shutil.copytree(DOCS.parent / "gin", tmp_path / "gin")
    old = tmp_path / "docs/reference/metrics/old.md"
    old.parent.mkdir(parents=True)
    old.touch()
    write(tmp_path / "docs")
    assert not old.exists()
    assert (old.parent / "mig.md").read_text(encoding="utf-8").startswith("# `mig`\n")


def test_text_stays_text():
    assert plain("a_b _c `_d *e*` f*g < h_") == "a_b \\_c `_d *e*` f\\*g \\< h\\_"
    assert table(("x", ""), [("|a|", "")]) == "| x | |\n| --- | --- |\n| \\|a\\| | |\n"
    assert description(test_text_stays_text) == ""

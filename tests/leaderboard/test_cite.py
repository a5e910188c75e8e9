"""cite.py: the facts are those of CITATION.cff, and the date is that of the newest run."""

import re
from pathlib import Path

import dlib_bvae
from dlib_bvae.leaderboard import cite

CFF = (Path(__file__).parents[2] / "CITATION.cff").read_text(encoding="utf-8")
ROWS = [{"dataset": "dsprites", "fingerprint": each * 16} for each in "ab"] + [
    {"dataset": "<b>", "fingerprint": "c" * 16}
]


def test_the_facts_are_those_of_the_citation_file():
    facts = dict(re.findall(r'^(title|version|date-released): "?(.+?)"?$', CFF, re.MULTILINE))
    assert facts == {"title": cite.TITLE, "version": dlib_bvae.__version__, "date-released": cite.RELEASED}
    assert f'- name: "{cite.AUTHOR}"' in CFF


def test_a_board_is_cited_by_version_data_and_its_newest_run():
    runs = [{"started": each} for each in ("2026-11-28T16:08:00Z", "2026-11-30T00:00:00Z", None, "yesterday")]
    found = cite.cited(runs, ROWS)
    assert found["fingerprints"] == {"<b>": ["c" * 16], "dsprites": ["a" * 16, "b" * 16]}
    assert found["date"] == "2026-11-30"
    assert found["version"] == dlib_bvae.__version__
    assert found["text"].endswith(
        "(fingerprints): <b> (cccccccc); dsprites (aaaaaaaa, bbbbbbbb). Newest run: 2026-11-30."
    )
    assert cite.cited(runs, ROWS) == found


def test_without_dates_and_commit_nothing_is_made_up(monkeypatch):
    monkeypatch.setattr(cite, "describe", lambda: {"git_commit": None})
    found = cite.cited([{"started": None}], ROWS)
    assert found["date"] is None
    assert found["commit"] is None
    assert "commit" not in found["text"] + found["bibtex"]
    assert "Newest" not in found["text"]


def test_bibtex_has_an_entry_without_what_latex_would_not_read():
    text = cite.cited([], ROWS)["bibtex"]
    assert text.startswith('@software{dlib_bvae,\n  author = "{The dlib\\_bvae contributors}",\n')
    assert text.isascii()
    assert text.count("{") == text.count("}")

"""cite.py: the date is that of the newest run."""

import dlib_bvae
from dlib_bvae.leaderboard import cite

ROWS = [{"dataset": "dsprites", "fingerprint": each * 16} for each in "ab"] + [
    {"dataset": "<b>", "fingerprint": "c" * 16}
]


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


def test_a_commit_with_changes_is_said_to_have_them(monkeypatch):
    monkeypatch.setattr(cite, "describe", lambda: {"git_commit": "0123456789abcdef-dirty"})
    found = cite.cited([], ROWS)
    assert ", commit 0123456789-dirty. " in found["text"]
    assert "commit 0123456789-dirty" in found["bibtex"]


def test_bibtex_has_an_entry_without_what_latex_would_not_read():
    text = cite.cited([], ROWS)["bibtex"]
    assert text.startswith("@software{dlib_bvae,\n")
    assert text.isascii()

"""How results of this package are cited: a BibTeX entry of the software, with what tells which of its results are meant."""

from __future__ import annotations

# The facts of CITATION.cff, which is not installed with the package.
TITLE = "dlib_bvae: a benchmark suite for β-VAE disentanglement"
AUTHOR = "The dlib_bvae contributors"
RELEASED = "2026-11-30"
_DIGITS = 10  # of a commit


def bibtex(version: str, note: str, year: str = "") -> str:
    """An entry "@software{dlib_bvae, …}". year: "" leaves it out. No text can end its field, the entry or a block of code."""
    fields = {
        "title": _plain(TITLE).replace("β", r"{$\beta$}"),
        "author": f"{{{_plain(AUTHOR)}}}",
        "year": _plain(year),
        "version": _plain(version),
        "note": _plain(note),
    }
    body = "".join(f"  {name} = {{{text}}},\n" for name, text in fields.items() if text)
    return f"@software{{dlib_bvae,\n{body}}}"


def short_commit(commit: str | None) -> str:
    """Ten digits, and "-dirty" where git says of changes to it; "" of None."""
    text = commit or ""
    return text[:_DIGITS] + "-dirty" * text.endswith("-dirty")


def _plain(text: str) -> str:
    """On one line, without what LaTeX takes for a command."""
    return " ".join(text.split()).translate(str.maketrans("{}`\\", "()'/")).replace("_", r"\_")

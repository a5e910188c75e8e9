"""Writes the cards into a folder of documentation: `python -m dlib_bvae.cards.write docs`."""

from __future__ import annotations

import sys
from pathlib import Path


def cards(docs: Path) -> dict[Path, str]:
    """{file: text} of every card, from references.bib in `docs` and gin/ and benchmarks/results/ of the checkout around it."""
    from dlib_bvae.cards import datasets, methods, metrics

    bibliography, root = docs / "references.bib", docs.resolve().parent
    results = root / "benchmarks" / "results"
    kinds = {
        "datasets": datasets.pages(bibliography, root / "gin"),
        "methods": methods.pages(bibliography, root / "gin", results / "methods_speed.json"),
        "metrics": metrics.pages(bibliography, results / "noise_scores.json"),
    }
    return {docs / "reference" / kind / name: text for kind, pages in kinds.items() for name, text in pages.items()}


def write(docs: Path) -> None:
    """Writes what cards() gives; a card of what is no more is removed."""
    found = cards(docs)
    for folder in {path.parent for path in found}:
        folder.mkdir(parents=True, exist_ok=True)
        for path in set(folder.glob("*.md")) - set(found):
            path.unlink()
    for path, text in found.items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))

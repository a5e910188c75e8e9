"""A bibliography in BibTeX, and which of its entries a card cites."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

# Where authors and year name several papers, or a file names none: {data set, method, metric, or authors and year: keys}.
CITED = {
    "Locatello et al. 2019": "locatello2019challenging",
    "ada_gvae": "locatello2020weakly",
    "ada_ml_vae": "locatello2020weakly",
    "s2_vae": "locatello2020few",
    "fairness": "locatello2019fairness",
    "strong_downstream_task": "locatello2020weakly",
    "unified_scores": "locatello2020sober",
    "reduced_downstream_task": "locatello2019challenging",
    "cars3d": "reed2015analogy",
    "causal_chamber": "gamella2025chambers",
    "celeba": "liu2015faceattributes",
    "chairs": "aubry2014chairs",
    "cifar": "krizhevsky2009learning",
    "correlated": "traeuble2021correlated",
    "dsprites": "matthey2017dsprites",
    "color_dsprites": "matthey2017dsprites locatello2019challenging",
    "noisy_dsprites": "matthey2017dsprites locatello2019challenging",
    "scream_dsprites": "matthey2017dsprites locatello2019challenging",
    "held_out": "montero2021role",
    "mpi3d": "gondal2019mpi3d",
    "shapes3d": "burgess2018shapes3d",
    "smallnorb": "lecun2004norb",
    "xysquares": "michlo2023overlooked",
}
_ENTRY = re.compile(r"^@\w+\{(?P<key>\w+),\n.*?^\}$", re.MULTILINE | re.DOTALL)


def read(path: Path) -> dict[str, str]:
    """{key: entry} of a .bib file whose entries begin with @ and end with } at the start of a line."""
    return {match["key"]: match[0] for match in _ENTRY.finditer(path.read_text(encoding="utf-8"))}


def label(entry: str) -> str:
    """An entry as texts cite it: "Kim & Mnih 2018", "Higgins et al. 2017"."""
    authors = re.search(r"author = \{(.*)\}", entry)
    year = re.search(r"year = \{(\d+)\}", entry)
    if authors is None or year is None:
        raise ValueError(f"an entry has no author or no year: {entry.splitlines()[0]}")
    names = [each.split(",")[0] for each in authors[1].split(" and ")]
    short = f"{names[0]} et al." if len(names) > 2 or "others" in names else " & ".join(names)
    return f"{short} {year[1]}"


def cited(name: str, paper: str, entries: Mapping[str, str]) -> list[str]:
    """The entries that the card of `name` cites: those of CITED, or by what its file says, such as "A & B 2018; C et al. 2020".

    Raises ValueError for a text that fits none or several entries.
    """
    if name in CITED:
        return [entries[key] for key in CITED[name].split()]
    found = []
    for text in filter(None, paper.replace(" and ", " & ").strip("–").split("; ")):
        known = [CITED[text]] if text in CITED else entries
        fitting = [entries[key] for key in known if label(entries[key]) == text]
        if len(fitting) != 1:
            raise ValueError(f"{name} cites {text!r}, which {len(fitting)} entries of the bibliography fit")
        found += fitting
    return found

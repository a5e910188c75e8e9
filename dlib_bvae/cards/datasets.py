"""The cards of data sets, from the registry; and their table. No file of a data set is opened."""

from __future__ import annotations

import inspect
import math
from pathlib import Path
from typing import Any

from dlib_bvae.cards import changes, code, description, papers, parameters, sections, table
from dlib_bvae.datasets import DATASETS, DERIVED, ImageData
from dlib_bvae.datasets.catalogue import MOST_FACTORS, factors_text, open_set
from dlib_bvae.datasets.images import RE_ENCODED
from dlib_bvae.datasets.official.base import OfficialData
from dlib_bvae.errors import UserError

HEAD = ("name", "images", "factors", "source, licence")
_HERE = "this package"
_UNSHOWN = ("data_dir", "cache_dir")


def all_datasets() -> dict[str, ImageData | None]:
    """{name: data set}; None for one that only a configuration makes. Those of other packages are not among them."""
    found: dict[str, ImageData | None] = {}
    for name in DATASETS.names():
        if not _function(name).__module__.startswith("dlib_bvae."):
            continue
        try:
            found[name] = None if name in DERIVED else open_set(name)
        except UserError:  # a parameter without a default, such as scream.picture
            found[name] = None
    return found


def pages(bibliography: Path, gin_files: Path) -> dict[str, str]:
    """{file: text} of all cards and of README.md, their tables."""
    entries, known = papers.read(bibliography), all_datasets()
    named = {name: data for name, data in known.items() if name not in DERIVED}
    found = {f"{name}.md": card(name, data, gin_files, _cited(name, entries)) for name, data in known.items()}
    derived = [(f"[`{name}`]({name}.md)", _first(name)) for name in DERIVED]
    text = _INTRODUCTION + table(HEAD, [row(name, data) for name, data in named.items()])
    return {"README.md": text + _DERIVED + table(("name", "what it gives"), derived), **found}


_INTRODUCTION = """# Data sets

A name leads to its card. What has this package for its source is rendered by it, without a download; the others need official
files. Where these lie, how they are checked, and how close the rendered images are: [data sets](../../data.md).

"""
_DERIVED = """
Derived from another data set, or read from files of yours ([your own data](../../datasets.md)):

"""


def row(name: str, data: ImageData | None) -> tuple[str, ...]:
    """A data set's line in the table."""
    if data is None:
        return f"[`{name}`]({name}.md)", "as dSprites", "as dSprites", "derived from dSprites and a picture of yours"
    shape = "×".join(map(str, data.observation_shape))
    return f"[`{name}`]({name}.md)", f"{data.num_images:,} of {shape}", factors_text(data, MOST_FACTORS), _source(data)


def card(name: str, data: ImageData | None, gin_files: Path, cited: list[str]) -> str:
    """A data set's page. data: None where only a configuration makes one."""
    commands = [f"dlib_bvae_data info {name}", f"dlib_bvae_data preview {name}"] if data is not None else []
    if isinstance(data, OfficialData) and data.origin != RE_ENCODED:
        commands.insert(0, f"dlib_bvae_data download {name}")
    gray = data is None or data.observation_shape[-1] == 1
    base = "gin/beta4_dsprites.gin" if gray else "gin/beta4_shapes3d.gin"
    commands += [
        f"dlib_bvae_train --gin_config={base} --gin_config=gin/datasets/{path.name} --model_dir=runs/{path.stem}"
        for path in sorted((gin_files / "datasets").glob("*.gin"))
        if f'dataset.name = "{name}"' in path.read_text(encoding="utf-8").splitlines()
    ]
    known = DATASETS.versions(name)
    load = f'from dlib_bvae import datasets\n\ndata = datasets.load("{name}")\nimages = data.images_at([0, 1, 2])'
    example = code("\n".join(commands)) if commands else ""
    return sections(
        f"`{name}`",
        ("", description(_function(name))),
        ("Facts", table(("", ""), [*_facts(data), ("version", str(max(known)))])),
        ("Versions", changes(known)),
        ("Parameters", _parameters(name)),
        ("Example", "\n".join(filter(None, (example, code(load, "python") if data is not None else "")))),
        ("BibTeX", code("\n".join(cited), "bibtex") if cited else ""),
    )


def _function(name: str) -> Any:
    return DATASETS.get(name)


def _first(name: str) -> str:
    return description(_function(name)).split("\n\n")[0]


def _cited(name: str, entries: dict[str, str]) -> list[str]:
    """Of the longest name in papers.CITED that this one begins with; the grid's paper for what is rendered of it too."""
    known = [each for each in papers.CITED if name.startswith(each)]
    known = known or [each for each in ("dsprites",) if each in name]
    return papers.cited(max(known, key=len), "", entries) if known else []


def _parameters(name: str) -> str:
    shown = [each for each in inspect.signature(_function(name)).parameters if each not in _UNSHOWN]
    return parameters(name, _function(name), _UNSHOWN) if shown else ""


def _facts(data: ImageData | None) -> list[tuple[str, str]]:
    if data is None:
        return []
    shape = "×".join(map(str, data.observation_shape))
    facts = [
        ("images", f"{data.num_images:,}"),
        ("pixels", f"{shape}, values 0 … {data.max_pixel}"),
        ("factors", factors_text(data, MOST_FACTORS)),
    ]
    if not isinstance(data, OfficialData):
        return [*facts, ("origin", f"{data.origin}")] if data.origin == "rendered" else facts
    files = ", ".join(f"`{file.name}`" for file in data.source.files)
    megabytes = data.num_images * math.prod(data.row_shape) / 1e6
    if data.origin == RE_ENCODED:
        facts.append(("origin", f"{data.origin}: scores are never compared with published ones"))
    return [
        *facts,
        ("source", data.source.page),
        ("licence", data.source.licence),
        ("files", files),
        ("published checksums", _checksums(data)),
        ("converted, in the cache", f"{megabytes:,.0f} MB"),
    ]


def _checksums(data: OfficialData) -> str:
    if data.source.has_checksums:
        return "of all files, compared"
    return "none" if data.origin == RE_ENCODED else "not of all files"


def _source(data: ImageData) -> str:
    if isinstance(data, OfficialData):
        return f"[{data.source.page.removeprefix('https://').removeprefix('http://')}]({data.source.page}), {data.source.licence}"
    base = getattr(data, "data", None)
    return _HERE if base is None else f"derived from `{base.name}`"

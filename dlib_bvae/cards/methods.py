"""The cards of methods, trained and fitted, from the registries and the gin files that choose them; and their table."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gin

from dlib_bvae.cards import code, description, papers, parameters, sections, table
from dlib_bvae.models import MODELS, baselines, objectives

HEAD = ("gin name", "method", "parameters", "paper")
_CHOICE = re.compile(r"^model\.model = @(\w+)\(\)", re.MULTILINE)
_INCLUDE = re.compile(r'^include "gin/models/(\w+)\.gin"', re.MULTILINE)
_SUPERVISION = {
    "none": "none",
    "pairs": "pairs of images that share factors, or of which one follows from the other",
    "labels": "the factors of some images",
    "factors": "all factors of all images",
}


def all_methods() -> dict[str, Any]:
    """{gin name: method}, the trained ones first; those of other packages are not among them."""
    trained = {name: objectives.OBJECTIVES.get(name) for name in objectives.METHODS}
    return trained | {name: baselines.BASELINES.get(name) for name in baselines.METHODS}


def pages(bibliography: Path, gin_files: Path, speed: Path) -> dict[str, str]:
    """{file: text} of all cards and of README.md, their table.

    gin_files: the folder of configurations. speed: the file of benchmarks/methods_speed.py.
    """
    entries, methods = papers.read(bibliography), all_methods()
    rates = {row["method"]: row["ratio_to_beta_vae"] for row in json.loads(speed.read_text(encoding="utf-8"))["rows"]}
    found = {"README.md": _INTRODUCTION + table(HEAD, [row(name, method) for name, method in methods.items()])}
    for name, method in methods.items():
        files = configurations(name, gin_files)
        cited = papers.cited(name, method.paper, entries)
        found[f"{name}.md"] = card(name, method, files, gin_files, rates.get(name), cited)
    return found


_INTRODUCTION = """# Methods

First those that are trained step by step, then those that are fitted at once. A name leads to its card: the loss, all parameters
with their defaults, configurations, an example. Networks, likelihoods, optimisers and what else a configuration may bind:
[methods](../../methods.md).

"""


def row(name: str, method: Any) -> tuple[str, ...]:
    """A method's line in the table."""
    summary = method.summary + "".join(f"; network `{network}`" for network in networks(method))
    shown = [each.name for each in _parameters(name)]
    return f"[`{name}`]({name}.md)", summary, ", ".join(f"`{each}`" for each in shown) or "none", method.paper


def card(
    name: str, method: Any, files: Mapping[str, str | None], gin_files: Path, rate: float | None, cited: list[str]
) -> str:
    """A method's page. files: {configuration in gin/models: an experiment with it, or None}; rate: of that of the β-VAE."""
    network = ", ".join(f"`{each}`" for each in networks(method)) or "`gaussian_vae`, the default"
    trained = name in objectives.METHODS
    facts = [
        ("paper", method.paper or "–"),
        ("network (`model.network`)", network if trained else "its own"),
        ("what training learns of the factors", _SUPERVISION[_supervision(method)]),
    ]
    facts += [("images per second", f"{rate:g} of the β-VAE's with the same network and batch")] if rate else []
    facts += [("several GPUs", "share a batch" if method.separable else "are not used")] if trained else []
    text = {file: (gin_files / "models" / f"{file}.gin").read_text(encoding="utf-8") for file in files}
    shown = [f"`gin/models/{file}.gin`:\n\n" + code(text[file]) for file in files]
    commands = [f"dlib_bvae_train --gin_config=gin/{each}.gin" for each in files.values() if each]
    return sections(
        f"`{name}`",
        ("", f"{method.summary[0].upper()}{method.summary[1:]}.\n\n" + table(("", ""), facts)),
        ("Loss" if trained else "What it does", description(method)),
        ("Parameters", "None.\n" if not _parameters(name) else parameters(name, gin.get_configurable(name))),
        ("Configurations", "\n".join(shown)),
        ("Example", code("\n".join(commands)) if commands else ""),
        ("BibTeX", code("\n".join(cited), "bibtex") if cited else ""),
    )


def networks(method: Any) -> list[str]:
    """The networks that the method asks for in place of the Gaussian VAE, by their gin names."""
    wanted = set(getattr(method, "latents", ())) - {"gaussian"}
    return [each for each in MODELS.names() if getattr(MODELS.get(each), "latents", None) in wanted]


def configurations(name: str, gin_files: Path) -> dict[str, str | None]:
    """{file in gin/models that chooses the method: the experiment on dSprites that includes it, or None}, without suffixes."""
    chosen = [
        path.stem
        for path in sorted((gin_files / "models").glob("*.gin"))
        if name in _CHOICE.findall(path.read_text(encoding="utf-8"))
    ]
    experiments: dict[str, str] = {}
    for path in sorted(gin_files.glob("*_dsprites.gin"), reverse=True):
        for part in _INCLUDE.findall(path.read_text(encoding="utf-8")):
            experiments[part] = path.stem
    return {part: experiments.get(part) for part in sorted(chosen, key=lambda part: part != name)}


def _parameters(name: str) -> list[inspect.Parameter]:
    known = inspect.signature(gin.get_configurable(name)).parameters.values()
    return [each for each in known if each.kind is each.POSITIONAL_OR_KEYWORD]


def _supervision(method: Any) -> str:
    return method.wants.supervision if hasattr(method, "wants") else method.supervision

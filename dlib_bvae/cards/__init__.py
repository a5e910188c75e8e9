"""The cards of the manual: a page a data set, method and metric, in Markdown, from what the registries say of them.

`python -m dlib_bvae.cards.write docs` writes them into docs/reference; a page is text that a forge shows as well as the site.
"""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import gin

from dlib_bvae.gin_names import configurables

_LONG = 4  # a longer sequence is shown by its first two entries


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown; cells are Markdown without line ends, a bar in them is escaped."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line).rstrip() + " |\n" for line in lines)


def plain(text: str) -> str:
    """Text of a docstring as Markdown that shows the same: what is between backticks stays, other marks are escaped."""
    parts = re.split(r"(`[^`\n]+`)", text)
    # An underscore within a word marks nothing, in CommonMark as in Python-Markdown.
    escape = lambda part: re.sub(r"(?<![\w])_|_(?![\w])|[*<\\]", lambda mark: "\\" + mark[0], part)
    return "".join(part if part.startswith("`") and len(part) > 1 else escape(part) for part in parts)


def description(documented: Any, first: bool = True) -> str:
    """The docstring in paragraphs of Markdown, without its first sentence if not `first`."""
    paragraphs = [textwrap.dedent(each) for each in (inspect.getdoc(documented) or "").split("\n\n")]
    joined = [plain(" ".join(each.split())) for each in paragraphs if each.strip()]
    return "\n\n".join(joined if first else joined[1:])


def value_text(default: Any) -> str:
    """A default as gin takes it; of a long sequence the first two entries."""
    if default is gin.REQUIRED:
        return "required"
    if not isinstance(default, (tuple, list)):
        return f"`{default!r}`"
    shown = f"{', '.join(map(repr, default[:2]))}, …" if len(default) > _LONG else ", ".join(map(repr, default))
    return f"`[{shown}]`"


def parameters(name: str, function: Any, given: Sequence[str] = ()) -> str:
    """The table of the gin parameters of `function`, called `name` in gin, with their defaults; `given` are none."""
    every = inspect.signature(function).parameters.values()
    kept = [
        each for each in every if each.name not in given and each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)
    ]
    if not kept:
        return "None.\n"
    known = configurables().get(name)
    help_of = {} if known is None or known.parameters is None else known.parameters
    text_of = lambda parameter: plain(help_of[parameter].text) if parameter in help_of else ""
    rows = [(f"`{name}.{each.name}`", value_text(each.default), text_of(each.name)) for each in kept]
    return table(("parameter", "default", "what it is"), rows)


def changes(versions: Mapping[int, str]) -> str:
    """What changed with each version (see Registry.versions), as a table; "" where there is one version only."""
    rows = [(str(each), plain(text)) for each, text in versions.items() if each > 1]
    return table(("version", "what changed"), rows) if rows else ""


def sections(title: str, *parts: tuple[str, str]) -> str:
    """A page: its title, then (heading, text) each; an empty text has no section, an empty heading no line."""
    text = [f"# {title}\n"]
    for heading, body in parts:
        if body.strip():
            text.append((f"## {heading}\n\n" if heading else "") + body.rstrip() + "\n")
    return "\n".join(text)


def code(text: str, language: str = "") -> str:
    """A block of code."""
    return f"```{language}\n{text.rstrip()}\n```\n"

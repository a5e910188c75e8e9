"""All methods, trained and fitted, as README's table; `python -m dlib_bvae.models.methods README.md` writes it there."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path
from typing import Any

import gin

from dlib_bvae.models import MODELS, baselines, objectives

_HEAD = "| gin name | method | parameters | paper |\n|---|---|---|---|\n"


def table() -> str:
    """Markdown: a line a method, the trained ones first, each with all its parameters in gin."""
    trained = [_line(name, objectives.OBJECTIVES.get(name)) for name in objectives.METHODS]
    fitted = [_line(name, baselines.BASELINES.get(name)) for name in baselines.METHODS]
    return _HEAD + "".join([*trained, *fitted])


def _line(name: str, method: Any) -> str:
    known = inspect.signature(gin.get_configurable(name)).parameters.values()
    parameters = ", ".join(f"`{each.name}`" for each in known if each.kind is each.POSITIONAL_OR_KEYWORD)
    wanted = set(getattr(method, "latents", ())) - {"gaussian"}
    networks = [each for each in MODELS.names() if getattr(MODELS.get(each), "latents", None) in wanted]
    summary = method.summary + "".join(f"; network `{network}`" for network in networks)
    return f"| `{name}` | {summary} | {parameters or 'none'} | {method.paper or ''} |\n".replace("|  |", "| |")


def with_table(text: str) -> str:
    """`text` of README with the present table in place of the one that begins with the same head."""
    before, _, after = text.partition(_HEAD)
    lines = after.splitlines(keepends=True)
    count = next((place for place, line in enumerate(lines) if not line.startswith("|")), len(lines))
    return before + table() + "".join(lines[count:])


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(with_table(path.read_text(encoding="utf-8")), encoding="utf-8")

"""The gin text that a training recorded → its statements, where what it imports may be executed.

That is so where this command imports the same modules itself, where the run has this user's mark (marks.py), and under --trust.
A text with dynamic registration may call anything in the modules that it imports, so there this command's imports do not do.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, replace
from pathlib import Path

from dlib_bvae.artifacts.marks import KEY_VARIABLE, NoKey, say_unmarked, user_key, why_not_marked
from dlib_bvae.artifacts.record import recorded_text
from dlib_bvae.errors import UserError
from dlib_bvae.gin_text import IMPORT, Statement, imported_module, recorded, statements

_TRUST_VARIABLE = "DLIB_BVAE_TRUST"  # "1" in a study's worker, where the study has --trust; nothing else reads it
_OF_GIN = "__gin__."


@dataclass(frozen=True)
class _Trusted:
    """everything: whether all imports are executed. configurations: gin files and bindings of this command."""

    everything: bool = False
    configurations: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = ()


_NOTHING = _Trusted()
_trusted: ContextVar[_Trusted] = ContextVar("trusted", default=_NOTHING)


@contextlib.contextmanager
def trusting(files: Sequence[str] = (), bindings: Sequence[str] = (), everything: bool = False) -> Iterator[None]:
    """In the block a run may import what the gin `files` and `bindings` of this command import; everything: any module."""
    before = _trusted.get()
    configurations = (*before.configurations, (tuple(files), tuple(bindings)))
    token = _trusted.set(replace(before, everything=before.everything or everything, configurations=configurations))
    try:
        yield
    finally:
        _trusted.reset(token)


def statements_of_run(model_dir: Path) -> list[Statement]:
    """The gin statements of the training in `model_dir`, for config.part_of_configuration, which executes their imports.

    Raises UserError, which names the modules and says what to do, where they may not be executed; and for a text that is not
    there, cannot be read, is no gin or includes a file.
    """
    directory = model_dir / "train"
    path = directory / "results" / "gin" / "train.gin"
    text = recorded_text(path, "train")
    found = recorded(text, str(path))
    modules = list(dict.fromkeys(imported_module(each) for each in found if each.kind == IMPORT))
    if not modules or _trusted.get().everything:
        return found
    dynamic = any(each.startswith(_OF_GIN) for each in modules)
    known = set() if dynamic else _imported_here()
    refused = [each for each in modules if each not in known and not each.startswith(_OF_GIN)]
    if refused and (why := why_not_marked(directory, "train", text)):
        instead = "" if dynamic else ", or import the same in a gin file or binding of this command"
        raise UserError(
            f"{model_dir} imports {', '.join(refused)}, which is not executed: {why}; if you trust its author, give "
            f"--trust{instead}"
        )
    return found


def handed_on(configurations: Iterable[tuple[Sequence[str], Sequence[str]]]) -> dict[str, str]:
    """The environment by which a worker of a study marks and opens runs as this command does: the key, and --trust.

    configurations: gin files and bindings of the trainings; where none imports a module no key is handed on, or made.
    """
    found = {_TRUST_VARIABLE: "1"} if _trusted.get().everything else {}
    if any(each.kind == IMPORT for one in configurations for each in statements(*one)):
        try:
            found[KEY_VARIABLE] = user_key(make=True).hex()
        except NoKey as error:
            say_unmarked(error)
    return found


def trusted_by_study() -> bool:
    """Whether the study that started this process, a worker, has --trust."""
    return os.environ.get(_TRUST_VARIABLE) == "1"


def _imported_here() -> set[str]:
    """The modules that the configurations of this command import, and the packages that they are in."""
    found = [each for one in _trusted.get().configurations for each in statements(*one) if each.kind == IMPORT]
    names = [imported_module(each).split(".") for each in found]
    return {".".join(parts[:length]) for parts in names for length in range(1, len(parts) + 1)}

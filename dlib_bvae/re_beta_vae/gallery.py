"""The report's pictures on disk: figures/<name> and figures/figures.json, which says of which runs each is."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from dlib_bvae.artifacts import write_atomic
from dlib_bvae.errors import UserError

_TYPES = {".png": "image/png", ".svg": "image/svg+xml"}


class Figure(NamedTuple):
    """caption, alt: text. path: of the picture, None where there is none; missing: then why."""

    caption: str
    alt: str
    path: Path | None
    missing: str = ""

    @property
    def data_uri(self) -> str:
        """The picture as an address that needs no other file."""
        if self.path is None:
            raise ValueError(f"{self.caption}: no picture")
        content = base64.b64encode(self.path.read_bytes()).decode("ascii")
        return f"data:{_TYPES[self.path.suffix]};base64,{content}"


class Gallery:
    """Pictures below `folder`; what was drawn of the same runs before is not drawn again.

    draw: whether pictures that need models, images or events are made; otherwise only those drawn before are shown.
    """

    def __init__(self, folder: Path, draw: bool):
        self._folder, self.draw = folder, draw
        self._index = folder / "figures.json"
        self._known: dict[str, dict[str, str]] = _read(self._index)

    def chart(self, name: str, caption: str, alt: str, content: bytes) -> Figure:
        """A chart of the rows, which is made every time."""
        path = self._folder / f"{name}.svg"
        write_atomic(path, content)
        return Figure(caption, alt, path)

    def picture(
        self, name: str, caption: str, alt: str, source: str | None, make: Callable[[], bytes], none: str = "not run"
    ) -> Figure:
        """The picture called `name` (with its ending) of `source`, which says of which runs; made where it has to be.

        source: None where there is nothing to make it of now, and `none` says why. One that was made before of other runs
        is shown as what it is when its own cannot be made.
        """
        path, why = self._folder / name, none
        known = self._known.get(name) if path.is_file() else None
        if source is not None and (known is None or known["source"] != source):
            why = "pictures are switched off"
            if self.draw:
                try:
                    content = make()
                except Exception as error:  # whatever is wrong with one run, the report has the others
                    why = reason(error)
                else:
                    write_atomic(path, content)
                    self._known[name] = known = {"caption": caption, "alt": alt, "source": source}
                    write_atomic(self._index, json.dumps(self._known, indent=1, ensure_ascii=False) + "\n")
        if known is None:
            return Figure(caption, alt, None, why)
        if known["source"] == source:
            return Figure(caption, alt, path)
        return Figure(known["caption"], known["alt"], path)


def reason(error: BaseException) -> str:
    """The error in one line; its kind where it is no sentence for users."""
    text = without_folders((str(error).splitlines() or [""])[0])
    return text if isinstance(error, UserError) else f"{type(error).__name__}: {text}"


def without_folders(text: str) -> str:
    """`text` with the last part only of absolute paths, which mean nothing on another machine."""
    return re.sub(r"(?<!\S)/(?:[^\s/:;,]+/)+", "…/", text)


def _read(path: Path) -> dict[str, Any]:
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
        wanted = {"caption", "alt", "source"}
        if all(set(entry) == wanted for entry in known.values()):
            return dict(known)
    except FileNotFoundError:
        return {}
    except (ValueError, AttributeError, TypeError):
        pass
    raise UserError(f"{path} is damaged; delete it, the pictures are then drawn again")

"""The members of an ensemble: what each binds in gin, and where it is trained."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gin

from dlib_bvae.errors import UserError
from dlib_bvae.training.ensemble import WAYS

_LITERALS = (bool, int, float, str)


@dataclass(frozen=True)
class Member:
    """One training: gin `bindings` that come after all others, and what is added to the run directory's name."""

    bindings: tuple[str, ...]
    suffix: str

    def directory(self, model_dir: Path) -> Path:
        """Where it is trained: beside `model_dir`."""
        return model_dir.with_name(f"{model_dir.name}-{self.suffix}")


@gin.configurable("ensemble")
def ensemble(
    seeds: Sequence[int] = (), each: Mapping[str, Sequence[Any]] | None = None, way: str = "auto"
) -> tuple[list[Member], str]:
    """The members that are trained together, none without `seeds`, and how they are computed (see Ensemble).

    seeds: one a member, in place of model.random_seed. each: further parameters that differ, such as
    {"vae.beta": [1.0, 4.0, 4.0]}, with one number, text or truth value a member; what is no member's own, such as the data
    set or the number of steps, is refused when members are built. Raises UserError for lists of other lengths, other
    values, and two equal members.
    """
    if way not in WAYS:
        raise UserError(f"ensemble.way must be one of {', '.join(WAYS)}; got {way!r}")
    if not isinstance(seeds, (list, tuple)):
        raise UserError(f"ensemble.seeds must be a list of seeds such as [1, 2, 3]; got {seeds!r}")
    columns = {"model.random_seed": seeds, **_checked(each or {}, len(seeds))}
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    members = [Member(tuple(f"{key} = {value!r}" for key, value in row.items()), _suffix(row)) for row in rows]
    for place, member in enumerate(members):
        if member.suffix in (earlier.suffix for earlier in members[:place]):
            raise UserError(f"two members of the ensemble would be called {member.suffix}; give each seed once")
    return members, way


def _checked(each: Any, count: int) -> dict[str, Sequence[Any]]:
    """`each`, when it is a dictionary of lists of `count` literals."""
    if not isinstance(each, Mapping):
        raise UserError(f'ensemble.each must be a dictionary such as {{"vae.beta": [1.0, 4.0]}}; got {each!r}')
    for key, values in each.items():
        if not isinstance(key, str) or not re.fullmatch(r"[\w./]+", key):
            raise UserError(f'ensemble.each must name parameters such as "vae.beta"; got {key!r}')
        if key == "model.random_seed":
            raise UserError("the seeds of an ensemble are ensemble.seeds; leave model.random_seed out of ensemble.each")
        if not isinstance(values, (list, tuple)) or len(values) != count:
            raise UserError(f"ensemble.each[{key!r}] must be a list of {count} values, one a seed; got {values!r}")
        if odd := [value for value in values if not isinstance(value, _LITERALS)]:
            raise UserError(f"ensemble.each[{key!r}] may hold numbers, texts and truth values; got {odd[0]!r}")
    return dict(each)


def _suffix(row: Mapping[str, Any]) -> str:
    """vae.beta 4.0, seed 1 → "vae.beta=4.0-seed1"."""
    parts = [f"{key}={value}" for key, value in row.items() if key != "model.random_seed"]
    text = "-".join([*parts, f"seed{row['model.random_seed']}"])
    return re.sub(r"[^A-Za-z0-9_.,=+-]+", "_", text)


def without_ensemble(gin_text: str) -> str:
    """What gin.config_str() gave, without the parameters of `ensemble`: a member's configuration as if it were alone."""
    sections = gin_text.split("\n\n")
    return "\n\n".join(text for text in sections if not text.startswith("# Parameters for ensemble:"))

"""Files of finished stages without the work: a configuration as a dictionary → what write_stage writes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dlib_bvae.artifacts import Identity, write_stage

_LABELS = ("model.name", "model.log_every", "model.checkpoint_every", "model.keep_checkpoints")
_REFERENCE = re.compile(r"@[\w./]+(\(\))?|%[\w./]+")


def gin_text(config: Mapping[str, Any]) -> str:
    """{"vae.beta": 4.0, "model.model": "@vae()"} → the gin text that binds it."""
    return "".join(f"{key} = {_literal(value)}\n" for key, value in config.items())


def identity(
    stage: str, config: Mapping[str, Any] | None = None, given: Mapping[str, Any] | None = None, **fields: Any
) -> Identity:
    """Of the parameters `config`: those called …seed are seeds, a run's name and pace labels.

    given: parameters that are not gin's. fields: others of Identity.
    """
    parameters = {**(config or {}), **(given or {})}
    recorded = {key: parameters.pop(key) for key in _LABELS if key in parameters}
    seeds = tuple(sorted(key for key in parameters if re.search(r"(^|[._])seed$", key)))
    return Identity(stage, 1, parameters, **{"recorded": recorded, "seeds": seeds, **fields})


def write(
    directory: Path,
    stage: str,
    results: Mapping[str, Any] | None = None,
    config: Mapping[str, Any] | None = None,
    earlier: Path | None = None,
    **fields: Any,
) -> dict[str, Any]:
    """Writes `results` of `stage`, of one second where they do not say, and returns them as they stand there.

    fields: see identity.
    """
    config = config or {}
    return write_stage(
        directory,
        identity(stage, config, **fields),
        results={"elapsed_time": 1.0, **(results or {})},
        gin_text=gin_text(config),
        earlier=earlier,
    )


def _literal(value: Any) -> str:
    return value if isinstance(value, str) and _REFERENCE.fullmatch(value) else repr(value)

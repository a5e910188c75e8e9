"""Names that gin parameters had in earlier versions: they are read as today's, in files, bindings and results."""

from __future__ import annotations

from collections.abc import Mapping

# former gin name → today's, of a configurable or of one parameter; results keep telling configurations apart by the former
FORMER_NAMES = {"fid": "frechet_curve", "validation.every": "validation.every_steps"}
FORMER_FILES = {"gin/models/fid_curve.gin": "gin/models/frechet_curve.gin"}


def current_key(key: str, names: Mapping[str, str] = FORMER_NAMES) -> str:
    """Today's name of a parameter: "fid.seed" → "frechet_curve.seed", with its scope and module; any other as it is."""
    scope, slash, selector = key.rpartition("/")
    *modules, configurable, parameter = ["", *selector.split(".")]
    renamed = names.get(f"{configurable}.{parameter}") or f"{names.get(configurable, configurable)}.{parameter}"
    return scope + slash + ".".join([*modules[1:], renamed]) if configurable else key

"""What makes two configurations the same: parameters without seeds, in canonical JSON, and the digest of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from dlib_bvae.former_names import FORMER_NAMES, current_key

_HASHED_AS = {new: old for old, new in FORMER_NAMES.items()}  # a renamed parameter makes no other configuration
_NO_EFFECT = ("model.name", "model.log_every", "model.checkpoint_every")


def config_hash(config: Mapping[str, Any]) -> str:
    """Ten hexadecimal digits that name a training configuration, given as {"vae.beta": 4.0, …}.

    What cannot change a result does not count: the run's name, how often it logs and saves, seeds (parameters called
    seed, random_seed or …_seed), and macros used by nothing else; 4 and 4.0 are one value.
    """
    config = {current_key(key, _HASHED_AS): value for key, value in config.items()}
    kept = {key: value for key, value in config.items() if not _is_seed(key) and key.split("/")[-1] not in _NO_EFFECT}
    left_out = [value for key, value in config.items() if key not in kept and isinstance(value, str)]
    in_use = json.dumps(list(kept.values()))
    for macro in {value[1:] for value in left_out if value.startswith("%")}:
        if f'"%{macro}"' not in in_use:
            kept.pop(macro, None)
    return hashlib.sha1(_canonical(kept).encode(), usedforsecurity=False).hexdigest()[:10]


def without_seeds(parameters: Mapping[str, Any]) -> str:
    """`parameters` but for the seeds among them, as canonical JSON."""
    return _canonical({name: value for name, value in parameters.items() if not _is_seed(name)})


def _is_seed(key: str) -> bool:
    last = key.split("/")[-1].split(".")[-1]
    return last == "seed" or last.endswith("_seed")


def _canonical(value: Any) -> str:
    def whole(entry: Any) -> Any:
        if isinstance(entry, dict):
            return {key: whole(each) for key, each in entry.items()}
        if isinstance(entry, list):
            return [whole(each) for each in entry]
        return int(entry) if isinstance(entry, float) and entry.is_integer() else entry

    return json.dumps(whole(value), sort_keys=True, ensure_ascii=False)

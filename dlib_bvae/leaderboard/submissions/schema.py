"""The JSON Schema of a submission, and the part of JSON Schema that it uses."""

from __future__ import annotations

import functools
import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dlib_bvae.errors import UserError, unknown

_TYPES: dict[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "null": type(None),
}


@functools.cache
def schema() -> dict[str, Any]:
    """The schema of meta.json, which lies beside this file."""
    return json.loads(Path(__file__).with_name("schema.json").read_text(encoding="utf-8"))


def check(value: Any, rules: Mapping[str, Any], where: str) -> None:
    """Raises UserError, which names the place below `where`, unless the JSON value keeps to the rules of a schema."""
    kinds = rules.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if kinds and not any(_is(value, kind) for kind in kinds):
        raise UserError(f"{where} must be of type {' or '.join(kinds)}; got {value!r}")
    if "enum" in rules and value not in rules["enum"]:
        raise UserError(f"{where} must be one of {', '.join(map(str, rules['enum']))}; got {value!r}")
    if isinstance(value, str) and not re.search(rules.get("pattern", ""), value):
        raise UserError(f"{where} must match {rules['pattern']}; got {value!r}")
    if isinstance(value, (int, float)) and not value >= rules.get("minimum", -math.inf):
        raise UserError(f"{where} must be >= {rules['minimum']}; got {value!r}")
    least = next((rules[key] for key in ("minItems", "minLength", "minProperties") if key in rules), 0)
    if isinstance(value, (str, list, dict)) and len(value) < least:
        raise UserError(f"{where} must not be empty")
    if isinstance(value, dict):
        _check_object(value, rules, where)
    if isinstance(value, list):
        for place, each in enumerate(value):
            check(each, rules.get("items", {}), f"{where}[{place}]")


def _check_object(value: dict[str, Any], rules: Mapping[str, Any], where: str) -> None:
    known, others = rules.get("properties", {}), rules.get("additionalProperties", {})
    if lacking := [key for key in rules.get("required", ()) if key not in value]:
        raise UserError(f"{where} lacks {', '.join(lacking)}")
    for key, entry in value.items():
        if key not in known and others is False:
            raise unknown(f"entry of {where}", key, known)
        check(entry, known.get(key, others), f"{where}.{key}")


def _is(value: Any, kind: str) -> bool:
    if isinstance(value, bool) or (isinstance(value, float) and not math.isfinite(value)):
        return False  # the schema asks for nothing that is true or false, and NaN is no JSON
    return isinstance(value, _TYPES[kind])

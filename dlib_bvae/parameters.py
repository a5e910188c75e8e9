"""What the open gin configuration says of parameters: which were used, which value each would have; as JSON values."""

from __future__ import annotations

import contextlib
import difflib
import inspect
import math
import tokenize
from collections.abc import Iterable, Mapping
from typing import Any

import gin
from gin.config import ConfigurableReference, parse_value

from dlib_bvae.errors import warn_once
from dlib_bvae.former_names import current_key
from dlib_bvae.gin_text import Reference, bindings_of, json_value
from dlib_bvae.registry import name_of


def used() -> dict[str, Any]:
    """Every parameter of the configurables called in the open configuration, with its value, bound or default, as JSON values.

    Functions that gin knows are "@name". A parameter that the caller gave, or whose value is no literal, is left out.
    """
    text = gin.operative_config_str()
    found = {canonical(key): as_json(value) for key, value in bindings_of(text).items()}
    called = [line.split()[-1].rstrip(":") for line in text.splitlines() if line.startswith("# Parameters for ")]
    for scoped in filter(_find, called):
        for parameter, value in _present(scoped).items():
            key = canonical(f"{scoped}.{parameter}")
            # gin's text leaves out what it cannot write; what it could write but did not was given by the caller
            if key not in found and not _gin_can_write(value) and _is_configurable(key):
                with contextlib.suppress(NoLiteral):
                    found[key] = as_json(statement_value(value))
    return found


def current(keys: Iterable[str]) -> dict[str, Any]:
    """The value that each parameter "scope/configurable.parameter" would have now, as in used().

    It is what is bound in the scope or one around it, else the default. Absent: a key that gin does not know, or whose value is
    no literal.
    """
    found, present = dict[str, Any](), dict[str, dict[str, Any]]()
    for key in keys:
        scoped, _, parameter = current_key(key).rpartition(".")
        with contextlib.suppress(NoLiteral, ValueError, KeyError):
            if scoped not in present:
                present[scoped] = _present(scoped)
            if _is_configurable(f"{scoped}.{parameter}"):
                found[key] = as_json(statement_value(present[scoped][parameter]))
    return found


def default(key: str) -> Any:
    """The value that a parameter of a configurable has where nothing binds it, as in used(); None where it has no literal one."""
    scoped, _, parameter = key.rpartition(".")
    try:
        with gin.config_scope(None):
            signature = inspect.signature(gin.get_configurable(scoped.rpartition("/")[2]))
        return as_json(statement_value(signature.parameters[parameter].default))
    except (NoLiteral, ValueError, KeyError):
        return None


def say_unused(typed: Mapping[str, Any], used: Mapping[str, Any]) -> None:
    """Names on standard error what was typed (see Configuration) and that nothing of `used`, with values, used; once a process.

    What a value names, as a reference or in a registry, may be used later.
    """
    for sentence in unused(typed, reached(used, typed, ())):
        warn_once(sentence)


def unused(typed: Mapping[str, Any], used: Iterable[str]) -> list[str]:
    """One sentence for each of `typed` (see Configuration) that is none of the parameters `used` and reaches none.

    E.g. "nothing used beta_tc_vae.beta = 6; what was used: vae.beta", with up to three near ones: those of the same name first.
    """
    used, found = list(used), []
    for key, value in typed.items():
        shown = value if isinstance(value, str) and value.startswith(("@", "%")) else repr(value)
        parameter = parts_of(key)[2]
        if not parameter:
            found.append(f"nothing used the macro {key} = {shown}")
        elif not any(_reaches(key, each) for each in used):
            same = [each for each in used if parts_of(each)[2] == parameter]
            near = difflib.get_close_matches(key, same or used, n=3, cutoff=0.0 if same else 0.6)
            found.append(f"nothing used {key} = {shown}" + (f"; what was used: {', '.join(near)}" if near else ""))
    return found


def reached(used: Mapping[str, Any], bound: Mapping[str, Any], doors: Iterable[str]) -> dict[str, Any]:
    """`used`, and what of `bound` belongs to the functions `doors` or to functions that a value reached so far names."""
    found, new = dict(used), dict(used)
    named = {*doors}
    while True:
        named |= {name for value in new.values() for name in _names_in(value)}
        new = {key: value for key, value in bound.items() if key not in found and _is_of(key, named)}
        if not new:
            return found
        found |= new


def _is_of(key: str, named: Iterable[str]) -> bool:
    """Whether a call of one of the functions `named` ("scope/function") would have the binding `key`."""
    scope, selector, parameter = parts_of(key)
    return any(
        _reaches(key, f"{name}.{parameter}") for name in named if name == selector or name.endswith(f"/{selector}")
    )


def foreign(keys: Iterable[str]) -> set[str]:
    """Those of `keys` that are parameters of functions of other packages."""
    found = set()
    for key in keys:
        known = _find(parts_of(key)[1])
        if known is not None and not known.__module__.startswith("dlib_bvae."):
            found.add(key)
    return found


def _names_in(value: Any) -> list[str]:
    """What a value may name: references and texts in it."""
    if isinstance(value, dict):
        return [name for each in (*value, *value.values()) for name in _names_in(each)]
    if isinstance(value, (list, tuple)):
        return [name for each in value for name in _names_in(each)]
    return [value.strip("@()")] if isinstance(value, str) else []


class NoLiteral(Exception):
    """A value that gin cannot write."""


def statement_value(value: Any) -> Any:
    """A value that gin holds as one of a Statement; raises NoLiteral when it has none."""
    kind = type(value)
    if kind in (list, tuple):
        return kind(statement_value(each) for each in value)
    if kind is dict:
        return {statement_value(key): statement_value(each) for key, each in value.items()}
    if kind in (type(None), bool, int, str, bytes) or (kind is float and not math.isnan(value)):
        return value
    if kind is ConfigurableReference:
        return bindings_of(f"value = {value!r}")["value"]
    if callable(value) and (name := _name_of(value)):
        return Reference(name, False)
    raise NoLiteral


def _name_of(function: Any) -> str | None:
    """The selector of a function or class that gin knows; None when it does not."""
    try:
        registered = gin.get_configurable(function)
    except (ValueError, TypeError):
        return None
    name: str = name_of(function) or str(getattr(function, "__name__", ""))
    full = f"{function.__module__}.{name}"
    return next((_shortest(each) for each in (name, full) if _find(each) is registered), None)


def _gin_can_write(value: Any) -> bool:
    try:
        return bool(parse_value(repr(value)) == value)
    except (SyntaxError, ValueError, LookupError, tokenize.TokenError):
        return False


def _present(scoped: str) -> dict[str, Any]:
    """parameter → the value, bound or default, that a call of "scope/configurable" has now, as gin holds it.

    Raises ValueError when gin does not know it.
    """
    with gin.config_scope(None):
        signature = inspect.signature(gin.get_configurable(parts_of(f"{scoped}.")[1]))
        bound = gin.get_bindings(scoped, resolve_references=False)
    given = {name: each.default for name, each in signature.parameters.items() if each.default is not each.empty}
    return {**given, **bound}


def _is_configurable(key: str) -> bool:
    """Whether gin may bind the parameter, which is one."""
    try:
        gin.query_parameter(key)
    except ValueError as error:
        return "no bound parameters" in str(error) or "no value bound" in str(error)
    return True


def _find(selector: str) -> Any:
    """What gin knows by this selector, with or without a scope; None where it is nothing, or several."""
    try:
        with gin.config_scope(None):
            return gin.get_configurable(selector.rpartition("/")[2])
    except (ValueError, LookupError):
        return None


def is_known(selector: str) -> bool:
    try:
        gin.get_configurable(selector)
    except ValueError:
        return False
    except LookupError:  # it is several, which gin refuses
        pass
    return True


def _shortest(selector: str) -> str:
    """The least of a selector that gin still knows it by: "dlib_bvae.metrics.mig.mig" → "mig"; any other as it is."""
    parts = selector.split(".")
    if len(parts) == 1 or (known := _find(selector)) is None:
        return selector
    ends = (".".join(parts[-length:]) for length in range(1, len(parts)))
    return next((end for end in ends if _find(end) is known), selector)


def canonical(key: str) -> str:
    scope, selector, parameter = parts_of(key)
    return f"{scope}{'/' if scope else ''}{_shortest(selector)}.{parameter}" if parameter else key


def as_json(value: Any) -> Any:
    """json_value() with references by their shortest names."""
    return json_value(value, lambda each: repr(_shortened(each)) if isinstance(each, Reference) else str(each))


def _shortened(reference: Reference) -> Reference:
    scope, slash, selector = reference.name.rpartition("/")
    return Reference(scope + slash + _shortest(selector), reference.evaluate)


def parts_of(key: str) -> tuple[str, str, str]:
    """(scope, configurable, parameter) of a key; of a macro's name, the parameter is empty."""
    scope, _, name = key.rpartition("/")
    selector, dot, parameter = name.rpartition(".")
    return (scope, selector, parameter) if dot else (scope, name, "")


def _reaches(key: str, other: str) -> bool:
    """Whether the binding `key` is in force for the parameter `other`, of the same scope or one within it."""
    (scope, *parameter), (within, *same) = parts_of(key), parts_of(other)
    return parameter == same and (not scope or f"{within}/".startswith(f"{scope}/"))

"""gin configuration of one stage: resolved once, errors become one sentence, nothing stays bound afterwards."""

from __future__ import annotations

import contextlib
import difflib
import inspect
import math
import re
import tokenize
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gin
from gin.config import ConfigurableReference, parse_value

from dlib_bvae.errors import NotApplicable, UnknownName, UserError, unknown, warn_once
from dlib_bvae.former_names import current_key
from dlib_bvae.gin_text import (
    IMPORT,
    RENAMED,
    Macro,
    Macros,
    Reference,
    Statement,
    bindings_of,
    config_dict,
    effective,
    homes,
    installed,
    json_value,
    literal,
    statements,
)
from dlib_bvae.registry import Registry

__all__ = [
    "Configuration",
    "config_dict",
    "configuration",
    "current",
    "flattened",
    "homes",
    "installed",
    "missing_binding",
    "unused",
    "used",
]

_DOORS = (
    "dataset",
    "feed",
    "validation",
    "divergence",
    "frechet_curve",
    "model",
    "ensemble",
    "encoder",
    "decoder",
    "reconstruction_loss",
    "postprocess",
    "evaluation",
    "visualize",
)


@dataclass(frozen=True)
class Configuration:
    """What a configuration binds, with values in place of macros, as JSON values: {"vae.beta": 4.0, "model.model": "@vae()"}.

    bound: every parameter, "scope/configurable.parameter". typed: those of them that bindings bind, not files; and the macros
    that bindings define and that stand in no value, e.g. {"N": 2}.
    """

    bound: dict[str, Any]
    typed: dict[str, Any]


@contextlib.contextmanager
def configuration(
    files: Sequence[str], bindings: Sequence[str], registries: Iterable[Registry], skip_unknown: bool = False
) -> Iterator[Configuration]:
    """Binds what gin `files`, then `bindings`, say, with every name of `registries` known; clears gin when the block ends.

    gin holds values in place of macros; the last definition of a macro holds wherever it stands.
    skip_unknown: leave out what names other things, to read one part of a whole run's configuration.
    A file is looked for from the working directory first, then among those installed with the package.
    Raises UserError for a missing file, wrong syntax, a macro that is not defined or runs in a circle, or an unknown name or
    parameter, which names the near ones.
    """
    registries = list(registries)
    with gin.unlock_config():  # an earlier stage in this process has locked gin
        for registry in registries:
            registry.import_all()
    gin.clear_config()
    try:
        names = [name for registry in registries for name in registry.names()]
        yield _bind(statements(files, bindings), names, skip_unknown)
    except UserError as error:
        kind = next(
            each for each in (NotApplicable, UnknownName, UserError) if isinstance(error, each)
        )  # gin raises a class of its own
        raise kind(_without_gin_trace(str(error))) from error
    except (RuntimeError, TypeError) as error:
        if explained := missing_binding(error):
            raise explained from error
        raise
    finally:
        gin.clear_config()


def flattened(files: Sequence[str], bindings: Sequence[str]) -> dict[str, Any]:
    """What gin `files` and then `bindings` bind, with values in place of macros, as JSON values; imports nothing.

    Keys are as written, in today's names. A name that does not exist is not found here; a macro that nothing defines, which may
    be a constant of a plug-in, stays "%NAME".
    Raises UserError for a missing file, wrong syntax, or macros that run in a circle.
    """
    parameters, macros = effective(statements(files, bindings))
    values = Macros(macros)
    return {key: json_value(values.resolve(each.value, each)) for key, each in parameters.items()}


def used() -> dict[str, Any]:
    """Every parameter of the configurables called in the open configuration, with its value, bound or default, as JSON values.

    Functions that gin knows are "@name". A parameter that the caller gave, or whose value is no literal, is left out.
    """
    text = gin.operative_config_str()
    found = {_canonical(key): _json(value) for key, value in bindings_of(text).items()}
    called = [line.split()[-1].rstrip(":") for line in text.splitlines() if line.startswith("# Parameters for ")]
    for scoped in filter(_find, called):
        for parameter, value in _present(scoped).items():
            key = _canonical(f"{scoped}.{parameter}")
            # gin's text leaves out what it cannot write; what it could write but did not was given by the caller
            if key not in found and not _gin_can_write(value) and _is_configurable(key):
                with contextlib.suppress(_NoLiteral):
                    found[key] = _json(_statement_value(value))
    return found


def current(keys: Iterable[str]) -> dict[str, Any]:
    """The value that each parameter "scope/configurable.parameter" would have now, as in used().

    It is what is bound in the scope or one around it, else the default. Absent: a key that gin does not know, or whose value is
    no literal.
    """
    found, present = dict[str, Any](), dict[str, dict[str, Any]]()
    for key in keys:
        scoped, _, parameter = current_key(key).rpartition(".")
        with contextlib.suppress(_NoLiteral, ValueError, KeyError):
            if scoped not in present:
                present[scoped] = _present(scoped)
            if _is_configurable(f"{scoped}.{parameter}"):
                found[key] = _json(_statement_value(present[scoped][parameter]))
    return found


def unused(typed: Mapping[str, Any], used: Iterable[str]) -> list[str]:
    """One sentence for each of `typed` (see Configuration) that is none of the parameters `used` and reaches none.

    E.g. "nothing used beta_tc_vae.beta = 6; what was used: vae.beta", with up to three near ones: those of the same name first.
    """
    used, found = list(used), []
    for key, value in typed.items():
        shown = value if isinstance(value, str) and value.startswith(("@", "%")) else repr(value)
        parameter = _parts(key)[2]
        if not parameter:
            found.append(f"nothing used the macro {key} = {shown}")
        elif not any(_reaches(key, each) for each in used):
            same = [each for each in used if _parts(each)[2] == parameter]
            near = difflib.get_close_matches(key, same or used, n=3, cutoff=0.0 if same else 0.6)
            found.append(f"nothing used {key} = {shown}" + (f"; what was used: {', '.join(near)}" if near else ""))
    return found


def missing_binding(error: Exception) -> UserError | None:
    """What to tell a user when `error` is gin's about a parameter that has to be given; None when it is another."""
    missing = re.search(r"Required bindings for `(\S+)` not provided in config: \['(\w+)'", str(error))
    if missing is None:
        return None
    return UserError(
        f"the configuration does not say {missing[1]}.{missing[2]}; set it in a gin file or by "
        f"--gin_bindings='{missing[1]}.{missing[2]} = …'"
    )


def _bind(found: list[Statement], names: list[str], skip_unknown: bool) -> Configuration:
    for each in found:
        if each.kind == RENAMED and not (skip_unknown and each.file):  # a run's results may have them
            warn_once(f"{each.key}{f' ({each.file})' if each.file else ''}; the former name still works")
    imports = _imported(found, names, skip_unknown)
    parameters, macros = effective(found)
    if not skip_unknown:
        _check(macros, imports, names)
    values = Macros(macros, not skip_unknown, _constant)
    bound, typed = dict[str, Any](), dict[str, Any]()
    for key, each in parameters.items():
        if skip_unknown and not _is_known(_parts(key)[1]):
            continue
        value = values.resolve(each.value, each)
        _tell_gin([*imports.get(each.file, []), f"{key} = {literal(value)}"], each, names, skip_unknown)
        key = _canonical(key)
        bound[key] = _json(value)
        typed.pop(key, None)
        if not each.file:
            typed[key] = bound[key]
    if not skip_unknown:
        try:
            gin.finalize()  # refuses what gin.REQUIRED stands for
        except ValueError as error:
            raise _friendly(error, names, "") from error
    idle = {key: each for key, each in macros.items() if not each.file and key not in values.used}
    return Configuration(bound, typed | {key: json_value(each.value) for key, each in idle.items()})


def _imported(found: list[Statement], names: list[str], skip_unknown: bool) -> dict[str, list[str]]:
    """Imports what `found` says; gives the imports that gin must see again before a binding, file → import statements."""
    imports: dict[str, list[str]] = {}
    for each in found:
        if each.kind == IMPORT:
            of_file = imports.setdefault(each.file, [])
            of_file += [each.key] if each.key not in of_file else []
            _tell_gin(of_file, each, names, skip_unknown)
    dynamic = "from __gin__ import dynamic_registration"
    return {file: of_file for file, of_file in imports.items() if dynamic in of_file}


def _check(macros: dict[str, Statement], imports: dict[str, list[str]], names: list[str]) -> None:
    """Refuses a macro whose value cannot be, whether or not it is used."""
    values = Macros(macros, True, _constant)
    for name, each in macros.items():
        value = values.resolve(Macro(name), each)
        if each.file not in imports:  # there, names are known by what the file imports
            try:
                parse_value(literal(value))
            except (ValueError, LookupError) as error:
                raise _friendly(error, names, each.place) from error


def _tell_gin(lines: list[str], statement: Statement, names: list[str], skip_unknown: bool) -> None:
    # an imported module that fails with another error is a fault of its author, who needs the traceback
    expected = (ImportError, SyntaxError, ValueError, OSError)
    of_a_name = (LookupError, NameError, AttributeError) if statement.kind != IMPORT else ()
    try:
        gin.parse_config("\n".join(lines), skip_unknown=skip_unknown)
    except (*expected, *of_a_name) as error:
        raise _friendly(error, names, statement.place) from error


def _constant(name: str) -> tuple[Any, ...]:
    """(what a macro that is one of gin's constants stands for,): itself where the constant has no literal; (): it is none."""
    try:
        value = gin.query_parameter(name)
    except (ValueError, LookupError):
        return ()
    try:
        return (_statement_value(value),)
    except _NoLiteral:
        return (Macro(name),)


def _friendly(error: Exception, names: list[str], where: str) -> UserError:
    text = str(error)
    if isinstance(error, ImportError):
        return UserError(
            f"the configuration imports a module that cannot be imported: {_without_gin_trace(text)}; install it, or put "
            f"its folder into PYTHONPATH{where}"
        )
    if match := re.search(r"No configurable matching (?:reference )?'@?([^'()]+)", text):
        return UserError(str(unknown("gin name", match[1], [*names, *_DOORS])) + where)
    if match := re.search(r"Configurable '([^']+)' doesn't have a parameter named '([^']+)'", text):
        parameters = inspect.signature(gin.get_configurable(match[1])).parameters
        return UserError(str(unknown(f"parameter of {match[1]}", match[2], parameters)) + where)
    return UserError(f"the gin configuration cannot be used: {_without_gin_trace(text)}{where}")


def _without_gin_trace(text: str) -> str:
    return text.split("\n")[0].strip()


class _NoLiteral(Exception):
    """A value that gin cannot write."""


def _statement_value(value: Any) -> Any:
    """A value that gin holds as one of a Statement; raises _NoLiteral when it has none."""
    kind = type(value)
    if kind in (list, tuple):
        return kind(_statement_value(each) for each in value)
    if kind is dict:
        return {_statement_value(key): _statement_value(each) for key, each in value.items()}
    if kind in (type(None), bool, int, str, bytes) or (kind is float and not math.isnan(value)):
        return value
    if kind is ConfigurableReference:
        return bindings_of(f"value = {value!r}")["value"]
    if callable(value) and (name := _name_of(value)):
        return Reference(name, False)
    raise _NoLiteral


def _name_of(function: Any) -> str | None:
    """The selector of a function or class that gin knows; None when it does not."""
    try:
        registered = gin.get_configurable(function)
    except (ValueError, TypeError):
        return None
    name = getattr(function, "__name__", "")
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
        signature = inspect.signature(gin.get_configurable(_parts(f"{scoped}.")[1]))
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


def _is_known(selector: str) -> bool:
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


def _canonical(key: str) -> str:
    scope, selector, parameter = _parts(key)
    return f"{scope}{'/' if scope else ''}{_shortest(selector)}.{parameter}" if parameter else key


def _json(value: Any) -> Any:
    """json_value() with references by their shortest names."""
    return json_value(value, lambda each: repr(_shortened(each)) if isinstance(each, Reference) else str(each))


def _shortened(reference: Reference) -> Reference:
    scope, slash, selector = reference.name.rpartition("/")
    return Reference(scope + slash + _shortest(selector), reference.evaluate)


def _parts(key: str) -> tuple[str, str, str]:
    """(scope, configurable, parameter) of a key; of a macro's name, the parameter is empty."""
    scope, _, name = key.rpartition("/")
    selector, dot, parameter = name.rpartition(".")
    return (scope, selector, parameter) if dot else (scope, name, "")


def _reaches(key: str, other: str) -> bool:
    """Whether the binding `key` is in force for the parameter `other`, of the same scope or one within it."""
    (scope, *parameter), (within, *same) = _parts(key), _parts(other)
    return parameter == same and (not scope or f"{within}/".startswith(f"{scope}/"))

"""gin configuration of one stage: resolved once, errors become one sentence, nothing stays bound afterwards."""

from __future__ import annotations

import contextlib
import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import gin
from gin.config import parse_value

from dlib_bvae.dlib_gin import statements
from dlib_bvae.errors import NotApplicable, UnknownName, UserError, unknown, warn_once
from dlib_bvae.gin_text import (
    ADVICE,
    IMPORT,
    RENAMED,
    Macro,
    Macros,
    Statement,
    config_dict,
    effective,
    homes,
    installed,
    json_value,
    literal,
    without,
)
from dlib_bvae.parameters import (
    NoLiteral,
    as_json,
    canonical,
    current,
    default,
    foreign,
    is_known,
    parts_of,
    reached,
    say_unused,
    statement_value,
    unused,
    used,
)
from dlib_bvae.registry import Registry

__all__ = [
    "Configuration",
    "config_dict",
    "bound",
    "configuration",
    "current",
    "default",
    "flattened",
    "foreign",
    "homes",
    "installed",
    "missing_binding",
    "part_of_configuration",
    "reached",
    "say_unused",
    "unused",
    "used",
    "without",
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
    files: Sequence[str], bindings: Sequence[str], registries: Iterable[Registry]
) -> Iterator[Configuration]:
    """Binds what gin `files`, then `bindings`, say, with every name of `registries` known; clears gin when the block ends.

    gin holds values in place of macros; the last definition of a macro holds wherever it stands.
    A file is looked for from the working directory first, then among those installed with the package.
    Raises UserError for a missing file, wrong syntax, a macro that is not defined or runs in a circle, or an unknown name or
    parameter, which names the near ones.
    """
    with _binding(lambda: statements(files, bindings), registries, skip_unknown=False) as opened:
        yield opened


@contextlib.contextmanager
def part_of_configuration(found: list[Statement], registries: Iterable[Registry]) -> Iterator[Configuration]:
    """Like configuration(), of statements that a run recorded; what names other things than gin knows is left out.

    It executes what `found` imports: artifacts.trust says whether that may be.
    """
    with _binding(lambda: found, registries, skip_unknown=True) as opened:
        yield opened


@contextlib.contextmanager
def _binding(
    find: Callable[[], list[Statement]], registries: Iterable[Registry], skip_unknown: bool
) -> Iterator[Configuration]:
    registries = list(registries)
    with gin.unlock_config():  # an earlier stage in this process has locked gin
        for registry in registries:
            registry.import_all()
    gin.clear_config()
    try:
        names = [name for registry in registries for name in registry.names()]
        _opened.append(_bind(find(), names, skip_unknown))
        yield _opened[-1]
    except UserError as error:
        kind = next(
            each for each in (NotApplicable, UnknownName, UserError) if isinstance(error, each)
        )  # gin raises a class of its own
        raise kind(_without_gin_trace(str(error))) from error
    except (RuntimeError, TypeError) as error:
        if explained := missing_binding(error):
            raise explained from error
        raise
    except OSError as error:
        raise _without_gin(error) from error
    finally:
        _opened.clear()
        gin.clear_config()


def _without_gin(error: OSError) -> OSError:
    """The error that gin puts in the place of one raised in a configurable has neither its number nor its file: that one."""
    while closure := getattr(vars(type(error)).get("__getattr__"), "__closure__", None):
        error = closure[0].cell_contents
    return error


_opened: list[Configuration] = []


def bound() -> dict[str, Any]:
    """What the open configuration binds, see Configuration; nothing where none is open."""
    return dict(_opened[-1].bound) if _opened else {}


def flattened(files: Sequence[str], bindings: Sequence[str]) -> dict[str, Any]:
    """What gin `files` and then `bindings` bind, with values in place of macros, as JSON values; imports nothing.

    Keys are as written, in today's names. A name that does not exist is not found here; a macro that nothing defines, which may
    be a constant of a plug-in, stays "%NAME".
    Raises UserError for a missing file, wrong syntax, or macros that run in a circle.
    """
    parameters, macros = effective(statements(files, bindings))
    values = Macros(macros)
    return {key: json_value(values.resolve(each.value, each)) for key, each in parameters.items()}


def missing_binding(error: Exception) -> UserError | None:
    """What to tell a user when `error` is gin's about a parameter that has to be given; None when it is another."""
    macro = re.search(r"configurable 'macro' \(.*\) in scope '([^']+)'", str(error))
    if macro and "missing 1 required positional argument: 'value'" in str(error):
        return UserError(f"no macro is called {macro[1]!r}; define it, or bind a value in its place")
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
        if each.kind == ADVICE:
            warn_once(each.key)
    imports = _imported(found, names, skip_unknown)
    parameters, macros = effective(found)
    if not skip_unknown:
        _check(macros, imports, names)
    values = Macros(macros, not skip_unknown, _constant)
    bound, typed = dict[str, Any](), dict[str, Any]()
    for key, each in parameters.items():
        if skip_unknown and not is_known(parts_of(key)[1]):
            continue
        value = values.resolve(each.value, each)
        _tell_gin([*imports.get(each.file, []), f"{key} = {literal(value)}"], each, names, skip_unknown)
        key = canonical(key)
        bound[key] = as_json(value)
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
        return (statement_value(value),)
    except NoLiteral:
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

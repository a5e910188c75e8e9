"""gin configuration of one stage: files are found, errors become one sentence, nothing stays bound afterwards."""

from __future__ import annotations

import contextlib
import functools
import inspect
import logging
import math
import os
import re
import tempfile
import tokenize
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import gin

from dlib_bvae.errors import NotApplicable, UnknownName, UserError, unknown, warn_once
from dlib_bvae.former_names import FORMER_FILES, current_key, current_names
from dlib_bvae.registry import Registry

_PACKAGE = Path(__file__).resolve().parent
# The installed package carries the configurations inside it; a checkout has them next to it.
_HOMES = [home for home in (_PACKAGE, _PACKAGE.parent) if (home / "gin" / "models").is_dir()]
_INCLUDE = re.compile(r"""include\s+(["'])(.+)\1\s*(#.*)?$""")
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


@contextlib.contextmanager
def configuration(
    files: Sequence[str], bindings: Sequence[str], registries: Iterable[Registry], skip_unknown: bool = False
) -> Iterator[Configuration]:
    """Parses gin `files`, then `bindings`, with every name of `registries` known; clears gin when the block ends.

    skip_unknown: leave out what names other things, to read one part of a whole run's configuration.
    A file is looked for from the working directory first, then among those installed with the package.
    Raises UserError for a missing file, wrong syntax, or an unknown name or parameter, which names the near ones.
    """
    registries = list(registries)
    _search_installed()
    with gin.unlock_config():  # an earlier stage in this process has locked gin
        for registry in registries:
            registry.import_all()
    gin.clear_config()
    try:
        names = [name for registry in registries for name in registry.names()]
        _parse(list(files), list(bindings), names, skip_unknown)
        yield Configuration(config_dict("\n".join(_lines(list(bindings)))))
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


@functools.cache
def _search_installed() -> None:
    """Lets gin find the installed files, once a process."""
    for home in _HOMES:
        gin.add_config_file_search_path(str(home))


def missing_binding(error: Exception) -> UserError | None:
    """What to tell a user when `error` is gin's about a parameter that has to be given; None when it is another."""
    missing = re.search(r"Required bindings for `(\S+)` not provided in config: \['(\w+)'", str(error))
    if missing is None:
        return None
    return UserError(
        f"the configuration does not say {missing[1]}.{missing[2]}; set it in a gin file or by "
        f"--gin_bindings='{missing[1]}.{missing[2]} = …'"
    )


def _parse(files: list[str], bindings: list[str], names: list[str], skip_unknown: bool) -> None:
    # gin logs an error for every place where a file is not, before it finds it in the next.
    quiet = lambda record: not str(record.msg).startswith("Path not found")
    logging.getLogger().addFilter(quiet)
    try:
        with _renamed(files, say=not skip_unknown) as current:
            # gin's last check refuses what is known but bound to something unknown, such as model.model = @vae().
            gin.parse_config_files_and_bindings(
                current, _current(_lines(bindings)), finalize_config=not skip_unknown, skip_unknown=skip_unknown
            )
    except (ImportError, SyntaxError, ValueError, OSError) as error:
        raise _friendly(error, names) from error
    finally:
        logging.getLogger().removeFilter(quiet)


def _lines(bindings: list[str]) -> list[str]:
    """Each binding as one statement; several may stand in one flag, separated by line ends."""
    return [line for binding in bindings for line in binding.splitlines() if line.strip()]


def _current(bindings: list[str]) -> list[str]:
    """The bindings in today's names; says which were not."""
    text, notes = current_names("\n".join(bindings))
    _say(notes)
    return text.splitlines()


def _say(notes: Iterable[str]) -> None:
    for note in notes:
        warn_once(f"{note}; the former name still works")


@contextlib.contextmanager
def _renamed(files: Sequence[str], say: bool) -> Iterator[list[str]]:
    """Gives the files to parse: copies in today's names of those that have former ones, themselves or in what they include.

    say: whether the former names are named, as those of a run's own results need not be.
    """
    with tempfile.TemporaryDirectory() as folder:
        yield [_copy(file, folder, say) or file for file in files]


def _copy(file: str, folder: str, say: bool, above: tuple[str, ...] = ()) -> str | None:
    """A copy of `file` in today's names; None where it has no former names, or is not there."""
    found = next((each for each in (home / file for home in (Path(), *_HOMES)) if each.is_file()), None)
    if found is None:
        if file in FORMER_FILES:
            _say([f"{file} is now called {FORMER_FILES[file]}"])
            return _copy(FORMER_FILES[file], folder, say, above) or FORMER_FILES[file]
        return None
    if file in above:  # gin says what is wrong with a file that includes itself
        return None
    text, notes = current_names(found.read_text(encoding="utf-8"))
    if say:
        _say(f"{note} ({file})" for note in notes)
    lines, changed = text.splitlines(), bool(notes)
    for number, line in enumerate(lines):
        if (included := _INCLUDE.match(line)) and (copy := _copy(included[2], folder, say, (*above, file))):
            lines[number], changed = f"include {copy!r}", True
    if not changed:
        return None
    copy = os.path.join(tempfile.mkdtemp(dir=folder), found.name)
    Path(copy).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return copy


def _friendly(error: Exception, names: list[str]) -> UserError:
    text = str(error)
    where = _place(text)
    if isinstance(error, ImportError):
        return UserError(
            f"the configuration imports a module that cannot be imported: {_without_gin_trace(text)}; install it, or put "
            f"its folder into PYTHONPATH{where}"
        )
    if isinstance(error, OSError) or "Unable to open file" in text:
        path = re.search(r"Unable to open file: (\S+?)\.? ", text + " ")
        return UserError(
            f"there is no gin file {path[1] if path else text}; looked in the working directory and among the "
            f"installed ones: {', '.join(installed())}"
        )
    if isinstance(error, SyntaxError):
        line = f"line {error.lineno} of " if error.lineno else ""
        return UserError(
            f"gin syntax error in {line}{error.filename or '--gin_bindings'}: {error.msg}; expected "
            "name.parameter = value"
        )
    if match := re.search(r"No configurable matching (?:reference )?'@?([^'()]+)", text):
        return UserError(str(unknown("gin name", match[1], [*names, *_DOORS])) + where)
    if match := re.search(r"Configurable '([^']+)' doesn't have a parameter named '([^']+)'", text):
        parameters = inspect.signature(gin.get_configurable(match[1])).parameters
        return UserError(str(unknown(f"parameter of {match[1]}", match[2], parameters)) + where)
    return UserError(f"the gin configuration cannot be used: {_without_gin_trace(text)}{where}")


def _place(text: str) -> str:
    match = re.search(r'In file "([^"]+)", line (\d+)', text)
    if match:
        return f" (line {match[2]} of {match[1]})"
    match = re.search(r"In bindings string line (\d+)", text)
    return f" (line {match[1]} of --gin_bindings)" if match else ""


def _without_gin_trace(text: str) -> str:
    return text.split("\n")[0].strip()


def homes() -> list[Path]:
    """Where the installed gin/ folder lies."""
    return list(_HOMES)


def plain_text(file: str) -> str:
    """The text of a gin file with what it includes in place of its include statements; found as configuration() finds it.

    Raises UserError for a missing file.
    """
    for home in (Path(), *_HOMES):
        if (home / file).is_file():
            lines = (home / file).read_text(encoding="utf-8").splitlines()
            return "\n".join(plain_text(found[2]) if (found := _INCLUDE.match(line)) else line for line in lines)
    raise UserError(f"there is no gin file {file}; looked in the working directory and among the installed ones")


def installed() -> list[str]:
    """The experiments that come with the package, as typed after --gin_config."""
    return [f"gin/{path.name}" for path in sorted((_HOMES[0] / "gin").glob("*.gin"))] if _HOMES else []


def config_dict(gin_text: str) -> dict[str, Any]:
    """The bindings of a gin operative configuration as JSON values: {"vae.beta": 4.0, "train/encoder.num_latent": 10}.

    What JSON lacks is given as its text: references ("@vae()"), macros ("%beta"), bytes, complex and infinite numbers.
    Tuples become lists. Nothing is imported and no configurable has to be registered.

    Raises UserError when `gin_text` is not gin, or includes another file, whose bindings would be missing.
    """
    import gin.config_parser as config_parser

    class Texts(config_parser.ParserDelegate):
        def configurable_reference(self, scoped_configurable_name: str, evaluate: bool) -> str:
            return f"@{scoped_configurable_name}{'()' if evaluate else ''}"

        def macro(self, scoped_macro_name: str) -> str:
            return f"%{scoped_macro_name}"

    config: dict[str, Any] = {}
    try:
        for statement in config_parser.ConfigParser(gin_text, Texts()):
            if isinstance(statement, config_parser.IncludeStatement):
                raise UserError(
                    f"the gin configuration includes {statement.filename!r}; give the operative one instead"
                )
            if isinstance(statement, config_parser.BindingStatement):
                scope, selector, parameter, value = statement[:4]
                name = current_key(f"{selector}.{parameter}") if parameter else selector  # a macro has no parameter
                config[f"{scope}/{name}" if scope else name] = _json_value(value)
    except (SyntaxError, tokenize.TokenError) as error:
        raise UserError(f"the gin configuration cannot be parsed: {error}") from error
    return config


def _json_value(value: Any) -> Any:
    if isinstance(value, dict):
        return {key if isinstance(key, str) else str(key): _json_value(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_json_value(entry) for entry in value]
    if value is None or isinstance(value, (str, int)) or (isinstance(value, float) and math.isfinite(value)):
        return value
    return str(value)


def bound() -> dict[str, Any]:
    """PROVISIONAL"""
    return config_dict(gin.config_str())


def used() -> dict[str, Any]:
    """PROVISIONAL"""
    return config_dict(gin.operative_config_str())


def current(keys: Iterable[str]) -> dict[str, Any]:
    """PROVISIONAL"""
    b = bound()
    out = {}
    for key in keys:
        selector, _, parameter = key.rpartition(".")
        if key in b:
            out[key] = b[key]
            continue
        try:
            default = inspect.signature(gin.get_configurable(selector.split("/")[-1])).parameters[parameter].default
        except (ValueError, KeyError):
            continue
        if callable(default):
            out[key] = "@" + default.__name__
        else:
            out[key] = _json_value(default)
    return out


def without(text: str, left_out: Callable[[str], bool]) -> str:
    """PROVISIONAL"""
    return text


class Configuration:
    def __init__(self, typed: dict) -> None:
        self.typed = typed
        self.bound = bound()


def say_unused(typed: dict[str, Any], used: Iterable[str]) -> None:
    """PROVISIONAL"""


def default(key: str) -> Any:
    """PROVISIONAL"""
    selector, _, parameter = key.rpartition(".")
    value = inspect.signature(gin.get_configurable(selector.split("/")[-1])).parameters[parameter].default
    return "@" + value.__name__ if callable(value) else _json_value(value)

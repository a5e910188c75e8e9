"""gin text → statements: files found and read as UTF-8 with what they include, macros resolved, values as JSON."""

from __future__ import annotations

import difflib
import functools
import io
import math
import os
import re
import tokenize
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from gin import config_parser

from dlib_bvae.errors import UserError, unknown
from dlib_bvae.former_names import FORMER_FILES, current_key

_PACKAGE = Path(__file__).resolve().parent
# The installed package carries the configurations inside it; a checkout has them next to it.
_HOMES = [home for home in (_PACKAGE, _PACKAGE.parent) if (home / "gin" / "models").is_dir()]
_MACROS = ("macro", "gin.macro")  # "N/macro.value = 3" and "@N/macro()" are the long forms of "N = 3" and "%N"

BINDING, MACRO, IMPORT, INCLUDE, RENAMED = "binding", "macro", "import", "include", "renamed"
ADVICE, METRIC = "advice", "metric"


@dataclass(frozen=True, repr=False)
class Reference:
    """A value "@scope/name" or "@scope/name()"."""

    name: str
    evaluate: bool

    @property
    def selector(self) -> str:
        """The name of the function alone, without scope and module."""
        return self.name.rpartition("/")[2].rpartition(".")[2]

    def __repr__(self) -> str:
        return f"@{self.name}{'()' if self.evaluate else ''}"


@dataclass(frozen=True, repr=False)
class Macro:
    """A value "%scope/name"."""

    name: str

    def __repr__(self) -> str:
        return f"%{self.name}"


class Statement(NamedTuple):
    """One gin statement, in today's names.

    kind: BINDING, MACRO, IMPORT, INCLUDE, RENAMED, which says that a former name was read, or, of what dlib_gin.py translates,
    ADVICE, a line to say, and METRIC, the metric to score by. key: the parameter, the macro, the import statement, the file, what
    RENAMED or ADVICE says, or the metric. value: of a BINDING or MACRO, in Python's literals, Reference and Macro; not to be
    changed. file: as it is named where it is used, "" for bindings. line: from 1; 0: no place.
    """

    kind: str
    key: str
    value: Any
    file: str
    line: int

    @property
    def place(self) -> str:
        """Where it stands, as error sentences end."""
        return f" (line {self.line} of {self.file or '--gin_bindings'})" if self.line else ""


def statements(files: Sequence[str], bindings: Sequence[str], only_installed: bool = False) -> list[Statement]:
    """The statements of gin `files`, with those that they include in their place, and then of `bindings`; no INCLUDE is left.

    disentanglement_lib's names stand as they are; dlib_gin.statements() translates them.

    A file is looked for from the working directory first, then among those installed with the package. A binding may be several
    statements, separated by line ends. only_installed: whatever an include statement, at any depth, names must be a file in the
    installed gin/; the working directory is not looked into.
    Raises UserError for a file that is missing, not UTF-8 or includes itself, and for wrong syntax.
    """
    # the line ends are those of text files, no other character that str.splitlines takes for one
    lines = [line.rstrip("\n") for binding in bindings for line in io.StringIO(binding, None) if line.strip()]
    tops = [Statement(INCLUDE, file, None, "", 0) for file in files]
    return list(_expanded([*tops, *_parsed_text("\n".join(lines), "")], (), only_installed))


def recorded(text: str, file: str) -> list[Statement]:
    """The statements of `text`, which a stage wrote into `file`; no stage writes an include statement.

    Raises UserError for one, and for wrong syntax.
    """
    found = list(_parsed_text(text, file))
    if included := [each for each in found if each.kind == INCLUDE]:
        raise UserError(
            f"{file} includes {included[0].key!r}, which no stage writes; train the run again with --overwrite"
        )
    return found


def imported_module(statement: Statement) -> str:
    """The module that an IMPORT executes: "from a import b as c" → "a.b"."""
    words = statement.key.split()
    return words[1] if words[0] == "import" else f"{words[1]}.{words[3]}"


def effective(found: Iterable[Statement]) -> tuple[dict[str, Statement], dict[str, Statement]]:
    """(parameter → the binding that holds, macro → the definition that holds): the last of each, in their order."""
    last: dict[str, dict[str, Statement]] = {BINDING: {}, MACRO: {}}
    for each in found:
        if each.kind in last:
            last[each.kind].pop(each.key, None)
            last[each.kind][each.key] = each
    return last[BINDING], last[MACRO]


@dataclass
class Macros:
    """What macros stand for.

    defined: name → its definition. strict: whether a macro that nothing defines is refused; else it stays as it is. constant:
    name → (value,) or (), asked first, as gin's constants go before macros. used: the names that resolve() met.
    """

    defined: dict[str, Statement]
    strict: bool = False
    constant: Callable[[str], tuple[Any, ...]] = lambda _: ()
    used: set[str] = field(default_factory=set)

    def resolve(self, value: Any, user: Statement, above: tuple[str, ...] = ()) -> Any:
        """`value`, which stands in the statement `user`, with values in place of macros, at any depth.

        Raises UserError for macros that run in a circle or, if strict, are not defined.
        """
        if isinstance(value, Macro):
            return self._of(value, user, above)
        if isinstance(value, (list, tuple)):
            return type(value)(self.resolve(each, user, above) for each in value)
        if isinstance(value, dict):
            pairs = [(self.resolve(key, user, above), self.resolve(each, user, above)) for key, each in value.items()]
            try:
                return dict(pairs)
            except TypeError as error:
                raise UserError(
                    f"{user.key} has a dictionary with a key that cannot be one: {error}{user.place}"
                ) from None
        return value

    def _of(self, macro: Macro, user: Statement, above: tuple[str, ...]) -> Any:
        name = macro.name
        self.used.add(name)
        if name in above:
            circle = " → ".join(f"%{each}" for each in (*above[above.index(name) :], name))
            raise UserError(f"macros run in a circle: {circle}; give one of them a value{user.place}")
        if found := self.constant(name):
            return found[0]
        if name in self.defined:
            return self.resolve(self.defined[name].value, user, (*above, name))
        if self.strict:
            raise UserError(f"{unknown('macro', name, self.defined)}{user.place}")
        return macro


def references(value: Any) -> Iterator[Reference]:
    """The references in the value of a Statement, at any depth."""
    if isinstance(value, Reference):
        yield value
    elif isinstance(value, (list, tuple, dict)):
        for each in (*value, *value.values()) if isinstance(value, dict) else value:
            yield from references(each)


def config_dict(gin_text: str) -> dict[str, Any]:
    """The bindings of a gin operative configuration as JSON values: {"vae.beta": 4.0, "train/encoder.num_latent": 10}.

    What JSON lacks is given as its text: references ("@vae()"), macros ("%beta"), bytes, complex and infinite numbers.
    Tuples become lists. Nothing is imported and no configurable has to be registered.

    Raises UserError when `gin_text` is not gin, or includes another file, whose bindings would be missing.
    """
    return {key: json_value(value) for key, value in bindings_of(gin_text).items()}


def bindings_of(gin_text: str) -> dict[str, Any]:
    """Like config_dict(), with the values as in a Statement."""
    try:
        found = list(_parsed(gin_text, ""))
    except (SyntaxError, TypeError, tokenize.TokenError) as error:
        raise UserError(f"the gin configuration cannot be parsed: {error}") from error
    if included := [each.key for each in found if each.kind == INCLUDE]:
        raise UserError(f"the gin configuration includes {included[0]!r}; give the operative one instead")
    return {each.key: each.value for each in found if each.kind in (BINDING, MACRO)}


def without(gin_text: str, left_out: Callable[[str], bool]) -> str:
    """`gin_text` but for the bindings of the parameters that are left out; comments stay."""
    lines = list(io.StringIO(gin_text))  # as gin counts them: other line ends are characters of a line
    starts = [(each.location.line_num, each) for each in config_parser.ConfigParser(gin_text, _Delegate())]
    ends = [*(line for line, _ in starts[1:]), len(lines) + 1]
    for (first, each), after in reversed(list(zip(starts, ends[: len(starts)], strict=True))):
        if isinstance(each, config_parser.BindingStatement) and each.arg_name:
            last = after - 1
            while last > first and (not lines[last - 1].strip() or lines[last - 1].startswith("#")):
                last -= 1
            if left_out(_binding(each, "", _Delegate()).key):
                del lines[first - 1 : last]
    return "".join(lines)


def json_value(value: Any, text: Callable[[Any], str] = str) -> Any:
    """A value of a Statement in JSON's types; see config_dict(). text: what stands for what JSON lacks."""
    if isinstance(value, dict):
        pairs = value.items()
        return {key if isinstance(key, str) else text(key): json_value(entry, text) for key, entry in pairs}
    if isinstance(value, (list, tuple)):
        return [json_value(entry, text) for entry in value]
    if value is None or isinstance(value, (str, int)) or (isinstance(value, float) and math.isfinite(value)):
        return value
    return text(value)


def literal(value: Any) -> str:
    """A value of a Statement on one line, as gin reads it."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{literal(key)}: {literal(each)}" for key, each in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        inner = ", ".join(literal(each) for each in value)
        return f"[{inner}]" if isinstance(value, list) else f"({inner}{',' if len(value) == 1 else ''})"
    if isinstance(value, float) and math.isinf(value):
        return "1e999" if value > 0 else "-1e999"  # gin knows no name for it
    if isinstance(value, complex):
        return literal(value.imag) + "j"  # all that gin can write of one
    return repr(value)


def homes() -> list[Path]:
    """Where the installed gin/ folder lies."""
    return list(_HOMES)


def installed() -> list[str]:
    """The experiments that come with the package, as typed after --gin_config."""
    return [f"gin/{path.name}" for path in sorted((_HOMES[0] / "gin").glob("*.gin"))] if _HOMES else []


def _expanded(found: Iterable[Statement], above: tuple[str, ...], only_installed: bool) -> Iterator[Statement]:
    for each in found:
        if each.kind != INCLUDE:
            yield each
            continue
        if each.key in above:
            circle = " → ".join((*above[above.index(each.key) :], each.key))
            raise UserError(f"{each.key} includes itself ({circle}); remove one of the include statements{each.place}")
        find = _installed_path if only_installed and each.line else _path
        path, name = find(each.key), each.key
        if path is None and name in FORMER_FILES:
            name = FORMER_FILES[name]
            yield Statement(RENAMED, f"{each.key} is now called {name}", None, "", 0)
            path = find(name)
        if path is None and find is _installed_path:
            raise UserError(
                f"{each.file or '--gin_bindings'} includes {each.key!r}; it may include files of the installed gin/ only, "
                f"such as {installed()[0]}{each.place}"
            )
        if path is None:
            raise UserError(f"there is no gin file {name}; {_near_file(name)}{each.place}")
        yield from _expanded(_parsed_file(path, name), (*above, each.key), only_installed)


def _near_file(name: str) -> str:
    """Which of the installed files, or of those in the working directory, `name` may mean."""
    there = [str(path.relative_to(home)) for home in _HOMES[:1] for path in sorted((home / "gin").rglob("*.gin"))]
    there += [path.name for path in sorted(Path().glob("*.gin"))]
    by_name = {Path(each).stem.lower(): each for each in reversed(there)}
    near = [by_name[each] for each in difflib.get_close_matches(Path(name).stem.lower(), by_name, n=3, cutoff=0.7)]
    if near:
        return f"did you mean {' or '.join(near)}? (all: dlib_bvae list configs)"
    return "looked in the working directory and among the installed ones, which dlib_bvae list configs shows"


def _path(file: str) -> str | None:
    return next((path for home in ("", *map(str, _HOMES)) if os.path.isfile(path := os.path.join(home, file))), None)


def _installed_path(file: str) -> str | None:
    """Where `file` is in an installed gin/, wherever links and ".." lead; None where it is not."""
    paths = ((home / "gin", path) for home in _HOMES if os.path.isfile(path := os.path.join(home, file)))
    return next((path for gin, path in paths if Path(path).resolve().is_relative_to(gin.resolve())), None)


def _parsed_file(path: str, name: str) -> tuple[Statement, ...]:
    status = os.stat(path)
    return _parsed_version(os.path.abspath(path), name, (status.st_ino, status.st_mtime_ns, status.st_size))


@functools.lru_cache(maxsize=1024)
def _parsed_version(path: str, name: str, version: tuple[int, ...]) -> tuple[Statement, ...]:
    """What `path` holds; `version` changes with the file."""
    del version
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{name} is not UTF-8 (byte {error.start}: {error.reason}); save it as UTF-8") from None
    except OSError as error:
        raise UserError(f"the gin file {name} cannot be read: {error.strerror}") from error
    return _parsed_text(text, name)


@functools.lru_cache(maxsize=4096)
def _parsed_text(text: str, file: str) -> tuple[Statement, ...]:
    try:
        return tuple(_parsed(text, file))
    except (SyntaxError, TypeError, tokenize.TokenError, RecursionError) as error:
        line = error.lineno if isinstance(error, SyntaxError) else error.args[1:] and error.args[1][0]
        message = (error.msg if isinstance(error, SyntaxError) else str(error.args[0])).split("\n")[0]
        where = f"{f'line {line} of ' if line else ''}{file or '--gin_bindings'}"
        if message.startswith("malformed node"):
            message = "text stands in quotes, a function after @, a macro after %"
        advice = _advice(text, int(line or 0)) or f"{message}; expected name.parameter = value"
        raise UserError(f"gin syntax error in {where}: {advice}") from error


def _advice(text: str, number: int) -> str:
    """What is wrong with the value in a line of one binding, text without quotes above all; "" for other faults."""
    line = [*text.splitlines(), ""][number - 1].strip() if number else ""
    match = re.fullmatch(r"([\w./]+)\s*=\s*(.*?)\s*(?:#.*)?", line)
    if match is None:
        return ""
    key, value = match.groups()
    if not value:
        return f"{key} has no value; write {key} = 4, or {key} = 'text'"
    if value.lower() in ("true", "false", "none"):
        return f"{key} = {value} is no value; write {key} = {value.capitalize()}"
    if re.fullmatch(r"[\w./~:-]+", value) and not re.fullmatch(r"-?\d[\d.]*", value):
        return (
            f"{key} = {value} is no value; text stands in quotes: {key} = '{value}' (in a shell: "
            f"--gin_bindings=\"{key} = '{value}'\"), a function after @, a macro after %"
        )
    return ""


def _parsed(text: str, file: str) -> Iterator[Statement]:
    """The statements of `text`, each after the RENAMED ones of what is in it."""
    delegate = _Delegate()
    for each in config_parser.ConfigParser(text, delegate):
        line = each.location.line_num
        if isinstance(each, config_parser.IncludeStatement):
            statement = Statement(INCLUDE, each.filename, None, file, line)
        elif isinstance(each, config_parser.ImportStatement):
            statement = Statement(IMPORT, each.format(), None, file, line)
        elif isinstance(each, config_parser.BindingStatement):
            statement = _binding(each, file, delegate)
        else:
            continue  # the head of a block; its bindings follow
        yield from (Statement(RENAMED, f"{old} is now called {new}", None, file, line) for old, new in delegate.renamed)
        delegate.renamed.clear()
        yield statement


def _binding(each: Any, file: str, delegate: _Delegate) -> Statement:
    scope, slash = each.scope, "/" if each.scope else ""
    if scope and each.selector in _MACROS and each.arg_name == "value":
        return Statement(MACRO, scope, each.value, file, each.location.line_num)
    if not each.arg_name:
        return Statement(MACRO, f"{scope}{slash}{each.selector}", each.value, file, each.location.line_num)
    key = f"{scope}{slash}{each.selector}.{each.arg_name}"
    return Statement(BINDING, delegate.current(key, current_key(key)), each.value, file, each.location.line_num)


class _Delegate:
    """gin's ParserDelegate: makes the values of statements; notes the former names."""

    def __init__(self) -> None:
        self.renamed: list[tuple[str, str]] = []

    def current(self, former: str, today: str) -> str:
        if former != today:
            self.renamed.append((former, today))
        return today

    def configurable_reference(self, scoped_configurable_name: str, evaluate: bool) -> Reference | Macro:
        scope, _, selector = scoped_configurable_name.rpartition("/")
        if scope and selector in _MACROS and evaluate:
            return Macro(scope)
        today = current_key(f"{scoped_configurable_name}.x").removesuffix(".x")
        return Reference(self.current(scoped_configurable_name, today), evaluate)

    def macro(self, scoped_macro_name: str) -> Macro:
        return Macro(scoped_macro_name)

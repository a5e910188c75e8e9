"""What gin configures in this package, read from its source: names, parameters and their help, without importing a module."""

from __future__ import annotations

import ast
import functools
import inspect
import re
from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

from dlib_bvae.dlib_gin import statements
from dlib_bvae.errors import unknown
from dlib_bvae.gin_text import BINDING, IMPORT, references

_PACKAGE = Path(__file__).parent
_REQUIRED = "gin.REQUIRED"
# What gin itself brings.
_OF_GIN = ("macro", "constant", "singleton")
_CONFIGURES = re.compile(rb"@(gin\.)?configurable\b|\bconfigurable\(")
_LABELS = r"[a-z_]\w*(?:, [a-z_]\w*)*"
_OUTSIDE = {"abc.ABC": (), "tf.Module": ("name",)}  # base classes of other packages → what they are given
_SHARED = {  # parameters that mean the same wherever they are
    "initializer": "how its weights start; see dlib_bvae.models.layers",
    "num_bins": "bins, of equal width, that a code is cut into",
    "num_eval": "points that it is scored on",
    "num_test": "images that it is scored on",
    "num_train": "images that it is computed from, or fitted to",
    "random_seed": "seed of all random draws",
    "seed": "seed of all random draws",
}
_Function = ast.FunctionDef | ast.ClassDef


class Parameter(NamedTuple):
    """default: as source text, "" where a value has to be given. text: what the documentation says of it, "" for nothing."""

    name: str
    default: str
    text: str


class Configurable(NamedTuple):
    """A function or class that gin configures.

    module: where it is. summary: its first line, of a method its line in tables. parameters: by name, those that gin may bind;
    None where the source does not say which there are. label: of a method, how boards name it (see Objective.label).
    """

    name: str
    module: str
    summary: str
    parameters: dict[str, Parameter] | None
    label: str = ""


@functools.cache
def configurables() -> dict[str, Configurable]:
    """Name → what gin configures by it; not what other packages bring."""
    files = [file for file in sorted(_PACKAGE.rglob("*.py")) if _CONFIGURES.search(file.read_bytes())]
    return {each.name: each for file in files for each in _Source.of(file).configurables()}


def plugins() -> set[str]:
    """The names that installed packages add, whose parameters are not known without importing them."""
    points = metadata.entry_points()
    return {
        point.name for group in points.groups if group.startswith("dlib_bvae.") for point in points.select(group=group)
    }


def check(files: Sequence[str], bindings: Sequence[str]) -> None:
    """Raises UserError, as opening the configuration would, for a name or a parameter that nothing in this package has.

    Says nothing of what imported modules and plug-ins may bring. Imports neither TensorFlow nor any plug-in.
    """
    found = statements(files, bindings)
    if any(each.kind == IMPORT for each in found):
        return
    known, further = configurables(), plugins()
    for each in found:
        names = [reference.selector for reference in references(each.value)]
        if each.kind == BINDING:
            selector, _, parameter = each.key.rpartition("/")[2].rpartition(".")
            names.insert(0, selector)
        for selector in names:
            name = selector.rpartition("/")[2].rpartition(".")[2]
            if name not in known and name not in _OF_GIN and not further:
                raise type(error := unknown("gin name", name, known))(f"{error}{each.place}")
        if each.kind == BINDING:
            parameters = known[name].parameters if (name := names[0].rpartition(".")[2]) in known else None
            if parameters is not None and parameter not in parameters:
                raise type(error := unknown(f"parameter of {name}", parameter, parameters))(f"{error}{each.place}")


class _Source:
    """One file of the package."""

    def __init__(self, file: Path):
        text = file.read_text(encoding="utf-8")
        tree = ast.parse(text)
        self.module = ".".join(("dlib_bvae", *file.relative_to(_PACKAGE).with_suffix("").parts)).removesuffix(
            ".__init__"
        )
        self.defined = {each.name: each for each in tree.body if isinstance(each, _Function)}
        self.values = {
            target.id: each.value
            for each in tree.body
            if isinstance(each, ast.Assign)
            for target in each.targets
            if isinstance(target, ast.Name)
        }
        self.imported = {
            alias.asname or alias.name: (each.module or "", alias.name)
            for each in tree.body
            if isinstance(each, ast.ImportFrom)
            for alias in each.names
        }

    @classmethod
    @functools.cache
    def of(cls, file: Path) -> _Source:
        return cls(file)

    def configurables(self) -> Iterator[Configurable]:
        for each in self.defined.values():
            for decorator in each.decorator_list:
                call = decorator.func if isinstance(decorator, ast.Call) else decorator
                if ast.unparse(call) in ("gin.configurable", "configurable"):
                    yield self._configurable(each, decorator)
        for name, value in self.values.items():
            if isinstance(value, ast.Call) and value.args and ast.unparse(value.args[0]) == repr(name):
                yield from self._made(name, value.func)

    def _made(self, name: str, make: ast.expr) -> Iterator[Configurable]:
        """What name = make("name", …) is, where `make` configures a function in it."""
        maker = self.defined.get(make.id) if isinstance(make, ast.Name) else None
        if maker is not None and "configurable(" in ast.unparse(maker):
            (inner,) = [each for each in maker.body if isinstance(each, ast.FunctionDef)]
            yield Configurable(name, self.module, "", self._of_function(inner, "", skip=0))

    def _configurable(self, each: _Function, decorator: ast.expr) -> Configurable:
        name, hidden = each.name, set[str]()
        if isinstance(decorator, ast.Call):
            if decorator.args:
                name = ast.literal_eval(decorator.args[0])
            for keyword in decorator.keywords:
                if keyword.arg == "denylist":
                    hidden = set(ast.literal_eval(self._resolved(keyword.value)))
        text = ast.get_docstring(each) or ""
        parameters = self._parameters(each, " ".join(text.split()))
        shown = None if parameters is None else {key: value for key, value in parameters.items() if key not in hidden}
        summary = _line(each, "summary") or first_sentence(text)
        return Configurable(name, self.module, summary, shown, _line(each, "label"))

    def _parameters(self, each: _Function, text: str) -> dict[str, Parameter] | None:
        if isinstance(each, ast.FunctionDef):
            return self._of_function(each, text, skip=0)
        for inner in each.body:
            if isinstance(inner, ast.FunctionDef) and inner.name == "__init__":
                described = f"{text} {' '.join((ast.get_docstring(inner) or '').split())}"
                return self._of_function(inner, described, skip=1)
        if any("dataclass" in ast.unparse(decorator) for decorator in each.decorator_list):
            fields = [
                one for one in each.body if isinstance(one, ast.AnnAssign) and "init=False" not in ast.unparse(one)
            ]
            return {
                one.target.id: Parameter(one.target.id, self._default(one.value), help_of(one.target.id, text))
                for one in fields
                if isinstance(one.target, ast.Name)
            }
        for base in map(ast.unparse, each.bases):
            if base in _OUTSIDE:
                return {name: Parameter(name, "None", "") for name in _OUTSIDE[base]}
            if (found := self._class(base)) is not None:
                source, definition = found
                return source._parameters(
                    definition, f"{text} {' '.join((ast.get_docstring(definition) or '').split())}"
                )
        return {} if not each.bases else None

    def _class(self, name: str) -> tuple[_Source, _Function] | None:
        if name in self.defined:
            return self, self.defined[name]
        source, original = self._imported(name)
        return None if source is None else source._class(original)

    def _of_function(self, each: ast.FunctionDef, text: str, skip: int) -> dict[str, Parameter] | None:
        given = each.args
        if given.kwarg is not None:
            return None
        positional = [*given.posonlyargs, *given.args]
        defaults = [*[None] * (len(positional) - len(given.defaults)), *given.defaults]
        pairs = [*zip(positional, defaults, strict=True), *zip(given.kwonlyargs, given.kw_defaults, strict=True)]
        return {
            one.arg: Parameter(one.arg, self._default(value), help_of(one.arg, text)) for one, value in pairs[skip:]
        }

    def _constant(self, name: str) -> ast.expr | None:
        if name in self.values:
            return self.values[name]
        source, original = self._imported(name)
        return None if source is None else source._constant(original)

    def _imported(self, name: str) -> tuple[_Source | None, str]:
        """The file of this package that `name` is imported from, and what it is called there."""
        module, original = self.imported.get(name, ("", ""))
        path = _PACKAGE.parent.joinpath(*module.split("."))
        files = (path.with_suffix(".py"), path / "__init__.py") if module.startswith("dlib_bvae") else ()
        return next((_Source.of(file) for file in files if file.is_file()), None), original

    def _default(self, value: ast.expr | None) -> str:
        text = "" if value is None else ast.unparse(self._resolved(value))
        return "" if text == _REQUIRED else text

    def _resolved(self, value: ast.expr) -> ast.expr:
        """The value of a constant of the module in place of its name; any other expression as it is."""
        named = self._constant(value.id) if isinstance(value, ast.Name) else None
        try:
            ast.literal_eval(named) if named is not None else None
        except (ValueError, SyntaxError):
            return value
        return value if named is None else named


def first_sentence(text: str) -> str:
    """The first sentence of documentation, in one line, without its full stop."""
    return re.split(r"(?<=[.:]) (?=[A-Z`]|\w+: )|(?<!al)\. ", " ".join(text.split()))[0].rstrip(".:")


def _line(each: _Function, name: str) -> str:
    """The text that the class `each` has as its attribute `name`, "" for none."""
    for one in each.body:
        if isinstance(one, ast.Assign) and ast.unparse(one.targets[0]) == name and isinstance(one.value, ast.Constant):
            return str(one.value.value)
    return ""


def help_of(parameter: str, text: str) -> str:
    """What documentation `text`, its white space collapsed, says of `parameter`: "a, b: text." is said of a and of b.

    Else what is said of all parameters of that name, else the first sentence that names it.
    """
    text = inspect.cleandoc(text).replace("\n", " ")
    for match in re.finditer(rf"(?:^|[.;:] )({_LABELS}): (.+?)(?=[.;] (?:{_LABELS}: |Raises |Returns )|$)", text):
        if parameter in match[1].split(", "):
            return match[2].rstrip(" .")
    if parameter in _SHARED:
        return _SHARED[parameter]
    sentences = re.split(r"(?<=[.;]) ", text)
    return next((each.rstrip(" .;") for each in sentences if re.search(rf"\b{parameter}\b", each)), "")

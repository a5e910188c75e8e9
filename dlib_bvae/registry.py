"""Registry: a name → an address 'module:attribute', imported when it is asked for; plug-ins add entries.

And the decorator of what gin configures, which declares the parameters that do not tell two results apart.
"""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from typing import Any, TypeVar

from dlib_bvae.errors import UnknownName, UserError, unknown, warn_once

FIRST = "as first released"  # version 1 of everything
_DATED = re.compile(r"\d{4}-\d\d-\d\d: \S")


class Registry:
    """Named factories of one kind.

    The package's own entries are addresses, so listing names imports nothing. Installed packages add entries through the
    entry-point group `dlib_bvae.<plural>`, e.g. in setup.py: entry_points={"dlib_bvae.metrics": ["mine = my_package:mine"]}.
    """

    def __init__(
        self,
        kind: str,
        group: str,
        addresses: Mapping[str, str],
        aliases: Mapping[str, str] | None = None,
        hints: Mapping[str, str] | None = None,
    ):
        """aliases: another name → the name. hints: a name of another package → what to say of it."""
        self.kind = kind
        self._hints = dict(hints or {})
        self._aliases = dict(aliases or {})
        self.group = group
        self._addresses = dict(addresses)
        self._plugins: dict[str, metadata.EntryPoint] | None = None
        self._added: dict[str, Any] = {}

    def names(self) -> list[str]:
        """All names, sorted; imports none of them."""
        return sorted([*self._addresses, *self._entry_points()])

    def canonical(self, name: str) -> str:
        """The name that results and gin use for `name`, an alias or one in other letter case; any other is returned as it is."""
        name = self._aliases.get(name, name)
        if name in self._addresses or not isinstance(name, str):
            return name
        return {each.lower(): each for each in self._addresses}.get(name.lower(), name)

    def __contains__(self, name: str) -> bool:
        return self.canonical(name) in self._addresses or name in self._entry_points() or name in self._added

    def add(self, name: str, entry: Any) -> None:
        """Makes `entry`, of a module that is imported already, known in this process; names() does not list it."""
        self._added[name] = entry

    def get(self, name: str) -> Any:
        """Imports and returns the entry `name`.

        Raises UnknownName, which names the near entries; UserError when a plug-in cannot be imported.
        """
        name = self.canonical(name)
        if name in self._addresses:
            module, attribute = self._addresses[name].split(":")
            return getattr(importlib.import_module(module), attribute)
        if name in self._entry_points():
            return self._load_plugin(self._entry_points()[name])
        if name in self._added:
            return self._added[name]
        if name in self._hints:
            raise UnknownName(f"no {self.kind} is called {name!r}; {self._hints[name]}")
        raise unknown(self.kind, name, self.names())

    def versions(self, name: str) -> dict[int, str]:
        """{version: what changed with it} of the entry `name`, 1, 2, …, of which the last is today's.

        Its module says VERSIONS = {name: {2: "2026-11-30: what changed"}}, a line a version; 1 is FIRST unless it says so too.
        Raises UnknownName, and UserError where a version is left out or a line has no date.
        """
        name = self.canonical(name)
        said = getattr(sys.modules[self.get(name).__module__], "VERSIONS", {}).get(name, {})
        found: dict[int, str] = {1: FIRST, **said}
        if [*found] != [*range(1, 1 + len(found))] or not all(_DATED.match(line) for line in said.values()):
            raise UserError(
                f'VERSIONS of the {self.kind} {name} must be {{2: "2026-11-30: what changed", 3: …}}, a dated line for each '
                f"version in their order; got {said!r}"
            )
        return found

    def version(self, name: str) -> int:
        """The version of the entry `name` today; 1 where its module says none. Raises as versions."""
        return max(self.versions(name))

    def import_all(self) -> list[str]:
        """Imports every entry, so that gin knows them all; returns the names of those that could be.

        A plug-in that cannot be imported is left out, which one line on standard error says once.
        """
        found = []
        for name in self.names():
            try:
                self.get(name)
                found.append(name)
            except UserError as error:
                warn_once(f"left out: {error}")
        return found

    def _entry_points(self) -> dict[str, metadata.EntryPoint]:
        if self._plugins is None:
            found: dict[str, metadata.EntryPoint] = {}
            for point in metadata.entry_points(group=self.group):
                if point.name in self._addresses or found.get(point.name, point).value != point.value:
                    warn_once(
                        f"left out: the plug-in {point.value!r} gives a {self.kind} the name {point.name!r}, which is "
                        "taken; rename it in its package's entry points, or uninstall one of the two packages"
                    )
                else:
                    found[point.name] = point
            self._plugins = found
        return self._plugins

    def _load_plugin(self, point: metadata.EntryPoint) -> Any:
        try:
            return point.load()
        except Exception as error:
            raise UserError(
                f"the plug-in {point.value!r} ({self.kind} {point.name!r}) cannot be imported: {error}; "
                "repair or uninstall the package that brings it"
            ) from error


# What a parameter is when it is no ordinary one, which changes a result and tells two apart:
SEED = "seed"  # changes it; results that differ in seeds only are samples of one thing
LABEL = "label"  # names or paces the work
EXECUTION = "execution"  # how it is computed, which changes a result by rounding only
ADDITION = "addition"  # what else is kept of the work

_Decorated = TypeVar("_Decorated", bound=Callable[..., Any])
_kinds: dict[str, str] = {}  # "model.random_seed" → SEED
_names: dict[Any, str] = {}  # GaussianVAE → "gaussian_vae"


def configurable(
    name: str | None = None,
    *,
    module: str | None = None,
    denylist: Sequence[str] | None = None,
    seeds: Sequence[str] = (),
    labels: Sequence[str] = (),
    execution: Sequence[str] = (),
    additions: Sequence[str] = (),
) -> Callable[[_Decorated], _Decorated]:
    """gin.configurable with a declaration of the parameters that are no ordinary ones, for plug-ins too.

    name, module, denylist: as of gin.configurable. seeds: parameters that results are pooled over. labels: names, and how often
    something is logged or saved. execution: devices, compilers, and what else moves a result by rounding only. additions:
    what is kept besides the result, or can be added to it later. Any other parameter tells results apart.
    """
    kinds = {SEED: seeds, LABEL: labels, EXECUTION: execution, ADDITION: additions}

    def decorate(decorated: _Decorated) -> _Decorated:
        import gin

        selector = (name or decorated.__name__).rpartition(".")[2]
        _kinds.update({f"{selector}.{each}": kind for kind, names in kinds.items() for each in names})
        made = gin.configurable(name, module=module, denylist=denylist)(decorated)
        _names[made] = selector
        return made

    return decorate


def name_of(function: Any) -> str | None:
    """The name by which gin knows what `configurable` decorated; None for anything else."""
    return _names.get(function)


def kind_of(key: str) -> str | None:
    """SEED, LABEL, EXECUTION or ADDITION of a parameter "scope/module.configurable.parameter" as declared; None: ordinary."""
    return _kinds.get(".".join(key.split("/")[-1].split(".")[-2:]))

"""The life of every stage's result: looked for, compared, continued or begun in <name>.part, written, renamed to its place."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gin

from dlib_bvae import config
from dlib_bvae.artifacts.identity import Identity, completed, described, differences
from dlib_bvae.artifacts.lock import run_lock
from dlib_bvae.artifacts.permissions import check_readable, check_removable
from dlib_bvae.artifacts.record import (
    is_done,
    is_temporary,
    make_directory,
    read_identity,
    read_results,
    relabel,
    write_atomic,
    write_stage,
    writing,
)
from dlib_bvae.errors import UserError
from dlib_bvae.registry import LABEL, SEED, kind_of
from dlib_bvae.runtime import raise_if_interrupted, say

PART, OLD = ".part", ".old"
GROWN_FROM = "continued_from"
_LONGEST_NAME = 80  # bytes
_PLACES = ("*", "*/*", "*/metrics/*")  # where results stand in a run directory
_BEGUN = "begun.json"  # in a part: the identity of the work, {} until all that it uses is known
_REPLACED = "replaced"  # in a directory whose place another takes, which tells it from a user's copy
_OF_EARLIER_VERSIONS = "started.gin"
_MARKS = ("results", _REPLACED, _BEGUN, _OF_EARLIER_VERSIONS)  # of the directories of this engine


@dataclass(frozen=True)
class Stage:
    """What a stage is to the engine.

    name: of its files. version: raised when the same parameters give another result than before. again: what is done where
    something differs, as in "; scoring again". way_out: None, or what to do instead, where doing it again is too dear: then
    what differs is refused. continues: an interrupted one goes on in its part. grows, kept: a parameter that may become larger,
    by which a finished one goes on, from copies of what the patterns `kept` name.
    """

    name: str
    version: int = 1
    again: str = "doing it again"
    way_out: str | None = None
    continues: bool = False
    grows: str = ""
    kept: tuple[str, ...] = ()


class Work:
    """One result of a stage under the open configuration.

    directory: where it stands, or will. given: parameters that are not gin's, or stand for a value of gin's. inputs: digests of
    what it is made from; sources: uuids of the very results. unused: parameters of gin that change nothing about it; hidden:
    those of them that are not even recorded.
    """

    def __init__(
        self,
        stage: Stage,
        directory: Path,
        *,
        given: Mapping[str, Any] | None = None,
        inputs: Mapping[str, Any] | None = None,
        sources: Mapping[str, Any] | None = None,
        unused: Callable[[str], bool] = lambda key: False,
        hidden: Callable[[str], bool] = lambda key: False,
    ):
        self.stage, self.directory = stage, directory
        self.given, self.inputs, self.sources = dict(given or {}), dict(inputs or {}), dict(sources or {})
        self.unused, self.hidden = unused, hidden
        self.notes: dict[str, Any] = {}  # what else is recorded
        self.grown_from: list[Any] = []  # the values that the parameter by which it grows had before
        self._seen: tuple[dict[str, Any], str] = {}, ""
        self._bound: frozenset[str] = frozenset()
        self._named = True

    @classmethod
    def among(cls, stage: Stage, parent: Path, **what: Any) -> Work:
        """The work that one of the results in `parent` is of, by its parameters alone, else a new one. what: see Work."""
        for directory in finished(parent, stage.name):
            work = cls(stage, directory, **what)
            if not work.parameters_differ(read_identity(directory, stage.name)):
                return work
        work = cls(stage, parent / stage.name, **what)
        work._named = False
        return work

    @property
    def part(self) -> Path:
        """Where it is worked on."""
        return part_of(self.directory)

    def done(self, overwrite: bool = False) -> bool:
        """Whether the result is there and the same; says what differs where it is to be made again.

        overwrite: make it again in any case. Raises UserError, which names the first difference and the way out, where that
        is refused.
        """
        if overwrite or not self._named:
            remove(self.part)
            return False
        final = None
        if is_done(self.directory, self.stage.name):
            final = self.differ(read_identity(self.directory, self.stage.name))
        begun = self.interrupted()
        differ = None if begun is None else self.differ(begun)
        if final == {}:
            if differ == {}:
                remove(self.part)
            return True
        other = self._larger(differ) or (self._other(differ) if final is None else [])
        if begun is not None and (differ == {} or other):
            self.grown_from = [*begun.recorded.get(GROWN_FROM, []), *other]
            return False
        if self._larger(final):
            self._grow(self._larger(final))
            return False
        self._refuse(final, differ)
        if final:
            say(f"{self.directory} {described(final)}; {self.stage.again}")
        remove(self.part)
        return False

    def name(self, text: str) -> None:
        """Gives a new result the name `text`, in letters that every file system takes; where another has it, with a digest."""
        if self._named:
            return
        digest = self.identity().digest[:10]
        safe = re.sub(r"[^\w.,=+-]+", "_", text)
        if len(safe.encode()) > _LONGEST_NAME:
            safe = f"{safe.encode()[: _LONGEST_NAME - 11].decode(errors='ignore')}-{digest}"
        place = self.directory.with_name(safe)
        self.directory = place.with_name(f"{safe}-{digest}") if place.exists() else place
        self._named = True

    def interrupted(self) -> Identity | None:
        """What a work that was interrupted and can go on was begun as; None where there is none."""
        if not self.stage.continues:
            return None
        try:
            return Identity.from_json(json.loads((self.part / _BEGUN).read_text(encoding="utf-8")))
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return None

    def begin(self) -> Path:
        """The directory to work in, which holds what an interrupted work left where that continues."""
        raise_if_interrupted()
        _check_ours(self.directory)
        _check_replaceable(self.directory)
        if self.interrupted() is None and not self.grown_from:
            make_part(self.directory)
        return self.part

    def begun(self) -> None:
        """Notes what the work uses, once all of it has been called: an interrupted work of another kind does not go on."""
        write_atomic(self.part / _BEGUN, json.dumps(self.identity().to_json()))

    def abandon(self) -> None:
        """Removes what was worked on."""
        remove(self.part)

    def note_used(self) -> None:
        """Takes up what has been used under the open configuration, for when it is closed."""
        if text := gin.operative_config_str():
            self._seen, self._bound = (config.used(), text), frozenset(config.bound())

    def identity(self) -> Identity:
        """By what has been used until now."""
        self.note_used()
        used = {**{key: value for key, value in self._seen[0].items() if not self.hidden(key)}, **self.given}
        left_out = [key for key in used if key not in self.given and self.unused(key)]
        in_it = {key: value for key, value in used.items() if key not in left_out}
        identity = Identity.of(self.stage.name, self.stage.version, in_it, self.inputs, self.sources, self._bound)
        identity.recorded.update({key: used[key] for key in left_out} | self.notes)
        identity = replace(identity, seeds=tuple(sorted(key for key in used if kind_of(key) == SEED)))
        if self.grown_from:
            identity.recorded[GROWN_FROM] = self.grown_from
        return identity

    def finish(self, results: Mapping[str, Any], earlier: Path | None = None, over: bool = False) -> dict[str, Any]:
        """Writes `results`, puts all in its place, and returns them as they stand there. over: see write_stage."""
        identity, place = self.identity(), self.directory if over else self.part
        text = config.without(self._seen[1], self.hidden)
        written = write_stage(place, identity, results=results, gin_text=text, earlier=earlier, over=over)
        self.abandon() if over else commit(self.directory)
        return written

    def results(self) -> dict[str, Any]:
        """What stands there."""
        return read_results(self.directory, self.stage.name)

    def used(self) -> dict[str, Any]:
        """All parameters of gin that the result, or the work until now, used, with their values."""
        if not is_done(self.directory, self.stage.name):
            return dict(self._seen[0])
        before = read_identity(self.directory, self.stage.name)
        return {**before.parameters, **before.recorded, **self._seen[0]}

    def relabel(self, results: Mapping[str, Any]) -> None:
        """Writes labels that are others now, and `results` that follow from them, into the result and all made from it."""
        before = read_identity(self.directory, self.stage.name).recorded
        known = config.current(key for key in before if kind_of(key) == LABEL)
        labels = differences({key: before[key] for key in known}, known)
        stands = self.results()
        follow = {key: value for key, value in results.items() if stands.get(key) != value}
        if labels or follow:
            relabel(self.directory, self.stage.name, {key: now for key, (_, now) in labels.items()}, follow)

    def differ(self, before: Identity) -> dict[str, tuple[Any, Any]]:
        """What differs between the result `before` and this one: {name: (before, now)}, parameters first."""
        version = "the version of the stage"
        found = self.parameters_differ(before) | differences({version: before.version}, {version: self.stage.version})
        for old, now in ((before.inputs, self.inputs), (before.sources, self.sources)):
            both = old.keys() & now.keys()  # results of earlier versions do not say all
            found |= differences({key: old[key] for key in both}, {key: now[key] for key in both})
        return found

    def parameters_differ(self, before: Identity) -> dict[str, tuple[Any, Any]]:
        """Which parameters differ between the result `before` and this one: {name: (before, now)}."""
        if found := differences({key: before.parameters.get(key) for key in self.given}, self.given):
            return found
        had = completed(before.parameters)
        known = config.current(had.keys() - self.given.keys())
        for key in had.keys() - known.keys():
            if "." in key and key not in before.bound:  # of what is not imported yet: it has its default, as before
                known[key] = had[key]
        selectors = {key.rpartition(".")[0] for key in had}
        for key, value in config.bound().items():
            new = key not in had and not self.unused(key) and not self.hidden(key)
            if new and key.rpartition(".")[0] in selectors and kind_of(key) in (None, SEED):
                known[key] = value  # it may have changed nothing about that result, which then recorded it only
                had |= {key: before.recorded[key]} if key in before.recorded else {}
        ignored = {GROWN_FROM, *(key for key in had if self.unused(key) or self.hidden(key))}
        return differences(had, {**known, **self.given}, ignored)

    def _larger(self, differ: Mapping[str, tuple[Any, Any]] | None) -> list[Any]:
        """[What the parameter was by which the stage grows], where it is larger now and nothing else differs."""
        return [before for before in self._other(differ) if differ and differ[self.stage.grows][1] > before]

    def _other(self, differ: Mapping[str, tuple[Any, Any]] | None) -> list[Any]:
        """[What the parameter was by which the stage grows], where nothing else differs."""
        return [differ[self.stage.grows][0]] if differ and list(differ) == [self.stage.grows] else []

    def _grow(self, before: list[Any]) -> None:
        """Begins with what the finished result keeps to go on from, which stays as it is."""
        check_readable(self.directory)
        make_part(self.directory)
        with writing(self.part):
            for path in (path for pattern in self.stage.kept for path in self.directory.glob(pattern)):
                (shutil.copytree if path.is_dir() else shutil.copy2)(path, self.part / path.name)
        self.grown_from = [*read_identity(self.directory, self.stage.name).recorded.get(GROWN_FROM, []), *before]

    def _refuse(self, final: Mapping[str, tuple[Any, Any]] | None, begun: Mapping[str, tuple[Any, Any]] | None) -> None:
        if self.stage.way_out is None:
            return
        if differ := final or begun:
            shown = {key: pair for key, pair in differ.items() if key != self.stage.grows} or differ
            raise UserError(f"{self.directory if final else self.part} {described(shown)}; {self.stage.way_out}")
        if self.stage.continues and (self.part / _OF_EARLIER_VERSIONS).exists():
            raise UserError(f"{self.part} was begun by an earlier version of this package; {self.stage.way_out}")


@contextlib.contextmanager
def open_run(directory: Path, flag: str = "--model_dir") -> Iterator[None]:
    """Keeps other processes out of a run directory (see run_lock), and puts in order what a killed one left in it."""
    with run_lock(directory, flag):
        for pattern in _PLACES:
            for path in (*directory.glob(f"{pattern}/.*"), *directory.glob(f"{pattern}/results/*/.*")):
                if is_temporary(path):
                    path.unlink()
        for pattern in _PLACES:
            for ending in (PART, OLD):
                for path in directory.glob(pattern + ending):
                    _settle(path)
        yield


def finished(parent: Path, stage: str) -> list[Path]:
    """The directories in `parent` that hold a result of `stage`, by name."""
    places = sorted(parent.iterdir()) if parent.is_dir() else []
    return [each for each in places if each.suffix not in (PART, OLD) and is_done(each, stage)]


def standing(final: Path, stage: str) -> str:
    """ "done", also where a finished part only has to be renamed; "begun" where there is an unfinished one; else ""."""
    if is_done(final, stage) or is_done(part_of(final), stage):
        return "done"
    return "begun" if part_of(final).is_dir() else ""


def part_of(final: Path) -> Path:
    """Where an unfinished result is worked on."""
    return final.with_name(final.name + PART)


def commit(final: Path) -> None:
    """Puts the finished part in its place; a directory that was there goes only after."""
    part, old = part_of(final), final.with_name(final.name + OLD)
    remove(old)
    if final.exists():
        write_atomic(final / _REPLACED, "")
        final.rename(old)
    if any(part.glob("results/json/*_results.json")) and _is_empty(
        part / _BEGUN
    ):  # results are mark enough for a part that is finished
        (part / _BEGUN).unlink(missing_ok=True)
    part.rename(final)
    if _is_empty(final / _BEGUN):
        (final / _BEGUN).unlink(missing_ok=True)
    remove(old)


def remove(directory: Path) -> None:
    """Removes a directory of this engine, its marks last: what a kill leaves of it can still be told from a user's files.

    Raises UserError for any other directory.
    """
    if not directory.is_dir():
        return
    _check_ours(directory)
    if (directory / _BEGUN).exists():
        write_atomic(directory / _BEGUN, "{}")  # what a kill leaves of it must not go on
    last = ("", *(mark for mark in _MARKS if mark not in (_BEGUN, _REPLACED)), _BEGUN, _REPLACED)
    for path in sorted(directory.iterdir(), key=lambda each: last.index(each.name if each.name in _MARKS else "")):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    directory.rmdir()


def make_part(final: Path) -> Path:
    """An empty directory to work on what is to stand at `final`; commit puts it there.

    Raises UserError where something of the user's stands in the way.
    """
    part = part_of(final)
    _check_replaceable(final)
    remove(part)
    make_directory(part)
    write_atomic(part / _BEGUN, "{}")
    return part


def _settle(path: Path) -> None:
    """Finishes the renaming of a finished part, removes a part that cannot go on; leaves what is not this engine's."""
    final = path.with_name(path.name.removesuffix(path.suffix))
    if not path.is_dir() or not _is_ours(path):
        return
    if path.suffix == PART and any(path.glob("results/json/*_results.json")):
        commit(final)
    elif path.suffix == PART:
        if _is_empty(path / _BEGUN) and not (path / _OF_EARLIER_VERSIONS).exists():
            remove(path)
    elif final.exists():
        remove(path)
    elif any(path.iterdir()):
        path.rename(final)
        (final / _REPLACED).unlink()


def _is_empty(begun: Path) -> bool:
    """Whether nothing tells of a work that could go on."""
    return not begun.exists() or begun.read_bytes() == b"{}"


def _is_ours(directory: Path) -> bool:
    """Whether a directory has the mark of this engine: one to be replaced always, one to work in also while it gets it."""
    names = [path.name for path in directory.iterdir()]
    if not names:
        return True  # a kill within remove() leaves it so; nothing is lost with it
    if directory.suffix == OLD:
        return _REPLACED in names
    return any(name in _MARKS or name.startswith(f".{_BEGUN}.") for name in names)


def _check_replaceable(final: Path) -> None:
    _check_ours(final.with_name(final.name + OLD))
    check_removable(final)


def _check_ours(directory: Path) -> None:
    if directory.is_dir() and not _is_ours(directory):
        raise UserError(f"{directory} is not a directory of this package; move it elsewhere")

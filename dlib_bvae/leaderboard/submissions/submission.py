"""A submission's folder → its meta.json, checked by schema.json, and what its codes have to keep to."""

from __future__ import annotations

import functools
import hashlib
import json
import math
import re
import stat
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dlib_bvae.datasets.images import ImageData
from dlib_bvae.errors import UserError, unknown, visible, warn_once

META = "meta.json"
_TYPES: dict[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "null": type(None),
}
_BATCH = 1_000
_SAME = 1e-3  # standard deviations of a code that two encodings of one image may differ by: batches are computed in other orders
_EXACT = 1e-6  # of a factor's variance that an exact copy leaves unexplained
_MOST_SHOWN = 100  # characters of a wrong value in a message
_ROWS_A_CODE = 10  # fewer images for each code would fit any factor


@dataclass(frozen=True)
class Claim:
    """Scores that a metric is said to give the codes, {score: value}, with its seed and parameters."""

    metric: str
    metric_seed: int
    scores: dict[str, float]
    parameters: dict[str, Any]


@dataclass(frozen=True)
class Retrain:
    """How to train the model again."""

    gin_config: Path


@dataclass(frozen=True)
class Entry:
    """Codes of one data set by one trained model.

    probe: (images, seed) of the data set `probe`; None: the whole grid. codes: the file, whose checksum is sha256.
    configuration: which of the submission's; None where it has one. budget: (steps, images of each) of training; None: not
    stated.
    """

    dataset: str
    fingerprint: str
    probe: tuple[int, int] | None
    training_seed: int
    codes: Path
    sha256: str
    claims: tuple[Claim, ...]
    retrain: Retrain | None
    configuration: str | None = None
    budget: tuple[int, int] | None = None

    @property
    def row(self) -> tuple[str, tuple[int, int] | None, str | None]:
        """What is the same for the entries that are seeds of one row."""
        return self.dataset, self.probe, self.configuration

    @property
    def place(self) -> str:
        """The name of the folder of its rows."""
        configuration = f"-{self.configuration}" if self.configuration else ""
        probe = f"-probe{self.probe[1]}" if self.probe else ""
        return f"{self.dataset}{configuration}-seed{self.training_seed}{probe}"


@dataclass(frozen=True)
class Submission:
    """What meta.json says; the paths are those of files in `folder`."""

    folder: Path
    name: str
    method: str
    supervision: str
    entries: tuple[Entry, ...]
    paper: str | None
    code: str | None

    def row_name(self, entry: Entry) -> str:
        """What the row of an entry is called."""
        return f"{self.name} {entry.configuration}" if entry.configuration else self.name


def read(folder: Path, name: str | None = None) -> Submission:
    """The submission in `folder`, which is called like it; name: as it will be called.

    A `tolerance` for training again, which earlier versions asked for, is ignored with a line on standard error.
    Raises UserError for a file that is missing, is no JSON or does not keep to schema.json, for a name that is not the folder's,
    two entries of one data set, configuration and seed, and files outside the folder.
    """
    path = folder / META
    try:
        value = _read(path)
        _drop_tolerances(value, path)
        check_json(value, schema(), str(path))
    except (FileNotFoundError, NotADirectoryError):
        raise UserError(f"{folder} is no submission: it lacks {META}") from None
    except UserError:
        raise
    except RecursionError:
        raise UserError(f"{path} cannot be read: an entry is nested too deeply") from None
    except (ValueError, OSError) as error:
        raise UserError(f"{path} cannot be read: {error}") from error
    name = name or folder.resolve().name
    if value["name"] != name:
        raise UserError(f"{path}: the name {value['name']!r} must be that of its folder, {name!r}")
    entries = tuple(_entry(folder, each, f"{path}.entries[{i}]") for i, each in enumerate(value["entries"]))
    places = [(each.row, each.training_seed) for each in entries]
    if twice := [place for place in places if places.count(place) > 1]:
        (dataset, _, configuration), seed = twice[0]
        raise UserError(
            f"{path} has two entries for {dataset}{f', {configuration}' if configuration else ''} and training seed {seed}; give "
            "each once"
        )
    given = {key: value.get(key) for key in ("name", "method", "supervision", "paper", "code")}
    return Submission(folder=folder, entries=entries, **given)


def _read(path: Path) -> Any:
    """The JSON value in a file; ValueError and OSError also for what is no regular file, NaN, and texts that are no Unicode."""
    if not stat.S_ISREG(path.stat().st_mode):  # a pipe would be waited for
        raise ValueError("it is no regular file")
    value = json.loads(path.read_text(encoding="utf-8"))
    json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    return value


def _drop_tolerances(value: Any, path: Path) -> None:
    """Removes retrain.tolerance of every entry, wherever `value` has the form of earlier versions, and says so."""
    entries = value.get("entries") if isinstance(value, dict) else None
    for entry in entries if isinstance(entries, list) else []:
        retrain = entry.get("retrain") if isinstance(entry, dict) else None
        if isinstance(retrain, dict) and "tolerance" in retrain:
            del retrain["tolerance"]
            warn_once(
                f"ignored: retrain.tolerance in {visible(str(path))}; a model that is trained again is accepted by how much the "
                "seeds of a configuration vary"
            )


def _entry(folder: Path, value: dict[str, Any], where: str) -> Entry:
    probe, retrain, budget = value["probe"], value.get("retrain"), value.get("budget")
    claims = [Claim(**{"parameters": {}, **claim}) for claim in value["claims"]]
    again = retrain and Retrain(_file(folder, retrain["gin_config"], f"{where}.retrain.gin_config"))
    return Entry(
        **{key: value[key] for key in ("dataset", "fingerprint", "training_seed", "sha256")},
        probe=probe and (probe["images"], probe["seed"]),
        codes=_file(folder, value["codes"], f"{where}.codes"),
        claims=tuple(claims),
        retrain=again or None,
        configuration=value.get("configuration"),
        budget=budget and (budget["steps"], budget["batch_size"]),
    )


def _file(folder: Path, name: str, where: str) -> Path:
    """The file, wherever links lead. Raises UserError unless it is in the folder."""
    path = folder / name
    try:
        inside, there = path.resolve().is_relative_to(folder.resolve()), path.is_file()
    except (OSError, ValueError, RuntimeError) as error:  # a circle of links, a name that no file can have
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise UserError(f"{where} cannot be found: {reason}; got {name!r:.{_MOST_SHOWN}}") from None
    if not inside:
        raise UserError(f"{where} must be a file in the submission's folder; got {name!r:.{_MOST_SHOWN}}")
    if not there:
        raise UserError(f"{where}: there is no file {path}")
    return path


@functools.cache
def schema() -> dict[str, Any]:
    """The schema of meta.json, which lies next to this file."""
    return json.loads(Path(__file__).with_name("schema.json").read_text(encoding="utf-8"))


def check_json(value: Any, rules: Mapping[str, Any], where: str) -> None:
    """Raises UserError, which names the place below `where`, unless the JSON value keeps to the rules of a schema."""
    kinds = rules.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if kinds and not any(_is(value, kind) for kind in kinds):
        raise UserError(f"{where} must be of type {' or '.join(kinds)}; got {value!r:.{_MOST_SHOWN}}")
    if "enum" in rules and value not in rules["enum"]:
        raise UserError(f"{where} must be one of {', '.join(map(str, rules['enum']))}; got {value!r:.{_MOST_SHOWN}}")
    if isinstance(value, str) and "pattern" in rules and not re.fullmatch(rules["pattern"], value):
        raise UserError(f"{where} must match {rules['pattern']}; got {value!r:.{_MOST_SHOWN}}")
    if isinstance(value, (int, float)) and not value >= rules.get("minimum", -math.inf):
        raise UserError(f"{where} must be >= {rules['minimum']}; got {value!r:.{_MOST_SHOWN}}")
    if isinstance(value, (int, float)) and not value <= rules.get("maximum", math.inf):
        raise UserError(f"{where} must be <= {rules['maximum']}; got {value!r:.{_MOST_SHOWN}}")
    least = next((rules[key] for key in ("minItems", "minLength", "minProperties") if key in rules), 0)
    if isinstance(value, (str, list, dict)) and len(value) < least:
        raise UserError(f"{where} must not be empty")
    if isinstance(value, dict):
        _check_object(value, rules, where)
    if isinstance(value, list):
        for place, each in enumerate(value):
            check_json(each, rules.get("items", {}), f"{where}[{place}]")


def _check_object(value: dict[str, Any], rules: Mapping[str, Any], where: str) -> None:
    known, others = rules.get("properties", {}), rules.get("additionalProperties", {})
    if lacking := [key for key in rules.get("required", ()) if key not in value]:
        raise UserError(f"{where} lacks {', '.join(lacking)}")
    for key, entry in value.items():
        if key not in known and others is False:
            raise unknown(f"entry of {where}", key, known)
        check_json(entry, known.get(key, others), f"{where}.{key}")


def _is(value: Any, kind: str) -> bool:
    if isinstance(value, bool) or (isinstance(value, (int, float)) and not abs(value) <= sys.float_info.max):
        return False  # the schema asks for nothing that is true or false, NaN is no JSON, and a float holds no larger integer
    return isinstance(value, _TYPES[kind])


def duplicates(data: ImageData) -> list[np.ndarray]:
    """Groups of indices (two or more each) of the images of `data` that are the same, pixel by pixel."""
    found: dict[bytes, list[int]] = {}
    for start in range(0, data.num_images, _BATCH):
        rows = np.arange(start, min(start + _BATCH, data.num_images))
        for row, image in zip(rows, np.ascontiguousarray(data.images_at(rows)), strict=True):
            found.setdefault(hashlib.blake2b(image.tobytes(), digest_size=16).digest(), []).append(int(row))
    return [np.array(rows) for rows in found.values() if len(rows) > 1]


def unequal_duplicate(codes: np.ndarray, groups: list[np.ndarray]) -> tuple[int, int] | None:
    """The first two rows of codes (images, latents) that belong to one image and differ; None when there are none.

    Codes that hang on the order of rows, or on factors that the image does not show, differ so. A difference below a
    thousandth of a code's standard deviation does not count.
    """
    codes = np.asarray(codes, np.float64)
    allowed = _SAME * codes.std(axis=0) + 1e-12
    for rows in groups:
        apart = (np.abs(codes[rows] - codes[rows[0]]) > allowed).any(axis=1)
        if apart.any():
            return int(rows[0]), int(rows[apart.argmax()])
    return None


def exact_factors(codes: np.ndarray, factors: np.ndarray) -> list[int]:
    """The factors (columns) that the codes reproduce exactly, as no unsupervised encoder of images would.

    codes (images, latents), factors int64 (images, factors). Exactly: a factor is a linear function of the codes up to a
    millionth of its variance, or one code has one value for each value of the factor. Factors with one value do not count;
    the linear test needs ten images a code.
    """
    codes = np.asarray(codes, np.float64)
    varied = [column for column in range(factors.shape[1]) if np.ptp(factors[:, column])]
    linear = _linear(codes, factors[:, varied]) if len(codes) >= _ROWS_A_CODE * (codes.shape[1] + 1) else set()
    return [column for place, column in enumerate(varied) if place in linear or _named(codes, factors[:, column])]


def _linear(codes: np.ndarray, factors: np.ndarray) -> set[int]:
    targets = factors - factors.mean(axis=0)
    design = codes - codes.mean(axis=0)
    scale = design.std(axis=0)
    design = design / np.where(scale > 0, scale, 1)
    residual = targets - design @ np.linalg.lstsq(design, targets, rcond=None)[0]
    return set(np.flatnonzero((residual**2).sum(axis=0) <= _EXACT * (targets**2).sum(axis=0)).tolist())


def _named(codes: np.ndarray, factor: np.ndarray) -> bool:
    """Whether some code has one value for each value of the factor, and another for every other."""
    groups = np.unique(factor, return_inverse=True)[1]
    deviations = codes.std(axis=0)
    alive = codes[:, deviations > 0] / deviations[deviations > 0]
    if not alive.shape[1]:
        return False
    means = np.stack([np.bincount(groups, code) for code in alive.T], axis=1) / np.bincount(groups)[:, None]
    exact = ((alive - means[groups]) ** 2).mean(axis=0) <= _EXACT
    apart = np.diff(np.sort(means, axis=0), axis=0).min(axis=0) > _SAME
    return bool((exact & apart).any())

"""A submission: a folder with meta.json and codes of a probe set."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dlib_bvae.errors import UserError
from dlib_bvae.leaderboard.submissions.schema import check, schema

META = "meta.json"


@dataclass(frozen=True)
class Claim:
    """Scores that a metric is said to give the codes, {score: value}, with its seed and parameters."""

    metric: str
    metric_seed: int
    scores: dict[str, float]
    parameters: dict[str, Any]


@dataclass(frozen=True)
class Retrain:
    """How to train the model again: a gin file, and how far a score may lie off then."""

    gin_config: Path
    tolerance: float


@dataclass(frozen=True)
class Entry:
    """Codes of one data set by one trained model.

    probe: (images, seed) of the data set `probe`; None: the whole grid. codes: the file, whose checksum is sha256.
    """

    dataset: str
    fingerprint: str
    probe: tuple[int, int] | None
    training_seed: int
    codes: Path
    sha256: str
    claims: tuple[Claim, ...]
    retrain: Retrain | None


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


def read(folder: Path) -> Submission:
    """The submission in `folder`.

    Raises UserError for a file that is missing, is no JSON or does not keep to schema.json, for a name that is not the
    folder's, two entries of one data set and seed, and files outside the folder.
    """
    path = folder / META
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise UserError(f"{folder} is no submission: it lacks {META}") from None
    except (ValueError, RecursionError, OSError) as error:
        raise UserError(f"{path} cannot be read: {error}") from error
    check(value, schema(), str(path))
    if value["name"] != folder.resolve().name:
        raise UserError(f"{path}: the name {value['name']!r} must be that of its folder, {folder.resolve().name!r}")
    entries = tuple(_entry(folder, each, f"{path}.entries[{i}]") for i, each in enumerate(value["entries"]))
    places = [(each.dataset, each.probe, each.training_seed) for each in entries]
    if twice := [place for place in places if places.count(place) > 1]:
        raise UserError(f"{path} has two entries for {twice[0][0]} and training seed {twice[0][2]}; give each once")
    told = {key: value.get(key) for key in ("name", "method", "supervision", "paper", "code")}
    return Submission(folder=folder, entries=entries, **told)


def _entry(folder: Path, value: dict[str, Any], where: str) -> Entry:
    probe, retrain = value["probe"], value.get("retrain")
    claims = [Claim(**{"parameters": {}, **claim}) for claim in value["claims"]]
    again = retrain and Retrain(
        _file(folder, retrain["gin_config"], f"{where}.retrain.gin_config"), retrain["tolerance"]
    )
    return Entry(
        **{key: value[key] for key in ("dataset", "fingerprint", "training_seed", "sha256")},
        probe=probe and (probe["images"], probe["seed"]),
        codes=_file(folder, value["codes"], f"{where}.codes"),
        claims=tuple(claims),
        retrain=again or None,
    )


def _file(folder: Path, name: str, where: str) -> Path:
    """The file, wherever links lead. Raises UserError unless it is in the folder."""
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()):
        raise UserError(f"{where} must be a file in the submission's folder; got {name!r}")
    if not path.is_file():
        raise UserError(f"{where}: there is no file {path}")
    return path

"""What a stage writes: its configuration, its results and one flat dictionary of everything that led to them."""

from __future__ import annotations

import contextlib
import errno
import json
import math
import os
import re
import stat
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path, PurePath
from typing import Any

import numpy as np

from dlib_bvae.artifacts.identity import Identity
from dlib_bvae.artifacts.marks import marks, why_not_marked
from dlib_bvae.artifacts.permissions import unreadable
from dlib_bvae.errors import Damaged, UserError, is_disk_full
from dlib_bvae.former_names import current_key
from dlib_bvae.gin_text import config_dict, without
from dlib_bvae.runtime import raise_if_interrupted

COMMANDS = {
    "train": "dlib_bvae_train",
    "postprocess": "dlib_bvae_postprocess",
    "evaluation": "dlib_bvae_evaluate",
    "visualize": "dlib_bvae_visualize",
}


Content = str | bytes | Iterable[str | bytes]  # text as UTF-8; or pieces, which are made when they are written


def write_atomic(path: Path, text: Content) -> None:
    """Writes `text` to `path`, which appears whole or not at all; makes the directories above it.

    Raises UserError when it cannot be written (no permission, a file in the place of a folder, a full disk); an older
    `path` is then as it was.
    """
    write_together({path: text})


def write_together(files: Mapping[Path, Content]) -> None:
    """Writes files that say the same in several ways: none is replaced before all are on the disk.

    Raises UserError as write_atomic does; older files are then as they were.
    """
    with written_next_to(files) as parts:
        for path, part in parts.items():
            os.replace(part, path)


def is_temporary(path: Path) -> bool:
    """Whether a file is one that write_atomic or write_stage was writing when its process was killed."""
    return re.fullmatch(r"\..+\.\d+", path.name) is not None and path.is_file()


def make_directory(directory: Path) -> None:
    """Makes `directory` and those above it where they are not there. Raises UserError when that cannot be done."""
    with writing(directory):
        directory.mkdir(parents=True, exist_ok=True)


def check_writable(directory: Path) -> None:
    """Raises UserError where it is plain that no file can be written in `directory`; makes nothing.

    For commands that compute for long before they write: permissions and files in the way are seen now, other obstacles
    only when it is written.
    """
    place = directory.absolute()
    while not os.path.lexists(place):
        place = place.parent
    with writing(directory):
        if not place.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(place))
        if not os.access(place, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(place))


@contextlib.contextmanager
def writing(path: Path, advice: str = "choose another place, or see who may write there") -> Iterator[None]:
    """In the block an OSError becomes a UserError that says why `path` cannot be written, and `advice`, what to do."""
    try:
        yield
    except OSError as error:
        if is_disk_full(error):
            raise UserError(
                f"cannot write {path}: the disk is full; free space and run the same command again (nothing is lost)"
            ) from error
        raise UserError(f"cannot write {path}: {error.strerror or error}; {advice}") from error


def write_stage(
    directory: Path,
    identity: Identity,
    *,
    results: Mapping[str, Any],
    gin_text: str,
    earlier: Path | None,
    over: bool = False,
) -> dict[str, Any]:
    """Writes the files of a finished stage under `directory`/results and returns its results as they stand there.

    `results` must hold `elapsed_time` (seconds) and gets the digest of `identity` and, where it has none, a new `uuid`;
    `gin_text` is the operative gin configuration. `earlier` is the directory of the stage before, whose entries are copied into
    results/aggregate/<stage>.json, or None for the first stage. The gin text of a training that imports modules gets a mark
    (see marks.py). <stage>_results.json is written last, as a stage is done exactly when it exists. over: the files of an
    equal result are replaced, which stays done all the while.

    Raises UserError when a value is NaN or infinite (a result that is no number is no result: nothing is written), when
    `earlier` holds no readable results or `directory` cannot be written; KeyboardInterrupt, and nothing is written, when a
    library has swallowed one (see runtime.interruptible); TypeError when JSON cannot hold a value; ValueError when
    `elapsed_time` is missing or two keys are the same once flattened.
    """
    stage = identity.stage
    if "elapsed_time" not in results:
        raise ValueError(f"the results of {stage} lack elapsed_time (seconds); they have {sorted(results)}")
    raise_if_interrupted()
    config = config_dict(gin_text)
    # where the identity has another value, as a digest for a path, that one makes results equal
    config |= {key: value for key, value in identity.parameters.items() if key in {*config, "continued_from"}}
    config = _plain(config, f"{stage}_config")
    results = _plain({"uuid": str(uuid.uuid4()), **results, "identity": identity.digest}, f"{stage}_results")
    aggregate = {
        **(_merged(earlier) if earlier is not None else {}),
        **flatten(config, f"{stage}_config"),
        **flatten(results, f"{stage}_results"),
        f"{stage}_identity.seeds": list(identity.seeds),
    }
    done = _json_path(directory, f"{stage}_results")
    files: dict[Path, str | bytes] = {
        directory / "results" / "gin" / f"{stage}.gin": gin_text,
        **marks(directory, stage, gin_text),
        _json_path(directory, f"{stage}_config"): _dump(config),
        directory / "results" / "aggregate" / f"{stage}.json": _dump(aggregate),
        _json_path(directory, f"{stage}_identity"): _dump(_plain(identity.to_json(), f"{stage}_identity")),
        done: _dump(results),
    }
    with written_next_to(files) as parts:
        if not over:
            done.unlink(missing_ok=True)  # old results never stand next to a new configuration
        for path, part in parts.items():
            os.replace(part, path)
    return dict(results)


def relabel(directory: Path, stage: str, labels: Mapping[str, Any], results: Mapping[str, Any]) -> None:
    """Writes the parameters `labels` and entries of `results` into a finished stage and into all below the run made from it."""
    identity, before = read_identity(directory, stage), read_results(directory, stage)
    gin_path = directory / "results" / "gin" / f"{stage}.gin"
    stands = recorded_text(gin_path, stage)
    text = without(stands, labels.__contains__) + "".join(f"{key} = {value!r}\n" for key, value in labels.items())
    changed = {**flatten(labels, f"{stage}_config"), **flatten(results, f"{stage}_results")}
    files: dict[Path, Content] = {}
    for path in directory.parent.rglob("results/aggregate/*.json"):
        entries = read_json(path, stage)
        if entries.get(f"{stage}_results.uuid") == before["uuid"]:
            files[path] = _dump({**entries, **changed})
    recorded = replace(identity, recorded={**identity.recorded, **labels})
    if not why_not_marked(directory, stage, stands):  # else a text of somebody else would get this user's mark
        files |= marks(directory, stage, text, stands)
    files[gin_path] = text
    files[_json_path(directory, f"{stage}_config")] = _dump({**read_config(directory, stage), **labels})
    # last what shows that there is something to write, so that a kill is made good by the next command
    files[_json_path(directory, f"{stage}_results")] = _dump({**before, **results})
    files[_json_path(directory, f"{stage}_identity")] = _dump(recorded.to_json())
    write_together(files)


def is_done(directory: Path | str, stage: str) -> bool:
    """Whether `stage` has finished in `directory`. Raises UserError where that may not be seen."""
    try:
        # Text, not a Path: of a large study this is asked 100,000 times.
        return stat.S_ISREG(os.stat(f"{directory}/results/json/{stage}_results.json").st_mode)
    except PermissionError as error:
        raise unreadable(error) from error
    except (OSError, ValueError):  # nothing is there, or nothing can be: a name that is too long, a circle of links
        return False


def read_results(directory: Path, stage: str) -> dict[str, Any]:
    """The results of a finished stage; UserError when there are none, or the file is damaged or cannot be read."""
    path = _json_path(directory, f"{stage}_results")
    results = read_json(path, stage)
    if not isinstance(results.get("uuid"), str):
        raise damaged(path, stage, "it lacks uuid")
    if not isinstance(results.get("elapsed_time"), (int, float)):
        raise damaged(path, stage, "it lacks elapsed_time in seconds")
    return results


def results_standing(directory: Path, stage: str) -> dict[str, Any]:
    """What the results of a stage say, whole or damaged: then what results/aggregate repeats of them; {} where there are none.

    Raises UserError where a file cannot be read.
    """
    if is_done(directory, stage):
        with contextlib.suppress(Damaged):
            return read_results(directory, stage)
    path = directory / "results" / "aggregate" / f"{stage}.json"
    prefix = f"{stage}_results."
    with contextlib.suppress(Damaged):
        if path.is_file():
            entries = read_json(path, stage)
            return {key.removeprefix(prefix): value for key, value in entries.items() if key.startswith(prefix)}
    return {}


def read_config(directory: Path, stage: str) -> dict[str, Any]:
    """The configuration that a stage ran with; UserError when there is none, or the file is damaged or cannot be read."""
    return read_json(_json_path(directory, f"{stage}_config"), stage)


def read_identity(directory: Path, stage: str) -> Identity:
    """The identity of a finished stage; of a result of an earlier version, which has none, what its other files say of it.

    Raises UserError when a file is damaged or cannot be read.
    """
    path = _json_path(directory, f"{stage}_identity")
    if path.exists():
        value = read_json(path, stage)
        try:
            return Identity.from_json(value)
        except (KeyError, TypeError) as error:
            raise damaged(path, stage, f"it lacks {error}") from error
    results = read_results(directory, stage)
    used = {current_key(key): value for key, value in read_config(directory, stage).items() if "." in key}
    parameters = results.get("metric_parameters", {})
    more = {**results, **(parameters if isinstance(parameters, dict) else {})}
    given = {key: more[key] for key in ("metric", "run_set", "codes_key", "training_seed") if key in more}
    sources: dict[str, Any] = {key: results[key] for key in ("trained", "probe", "encoded") if key in results}
    inputs: dict[str, Any] = (
        {"data": results["fingerprint"]} if "fingerprint" in results and stage != "sensitivity" else {}
    )
    return Identity.of(stage, 1, {**used, **given}, inputs, sources)


def read_json(path: Path, stage: str) -> dict[str, Any]:
    """The JSON object in `path`, a file of `stage`.

    Raises UserError, which says what to do, when there is none, it cannot be read, or it is damaged.
    """
    text = recorded_text(path, stage)
    try:
        value = json.loads(text)
        if "\\ud" in text.lower():  # half of a character alone, which no file can hold
            json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise damaged(path, stage, "a name or text in it is no Unicode") from error
    except (ValueError, RecursionError) as error:
        raise damaged(path, stage, str(error)) from error
    if not isinstance(value, dict):
        raise damaged(path, stage, "it holds no JSON object")
    return value


def recorded_text(path: Path, stage: str) -> str:
    """What stands in `path`, a file of `stage`, as UTF-8.

    Raises UserError, which says what to do, when there is none, it cannot be read, or it is damaged.
    """
    command = _command(stage)
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # reading a pipe would wait for ever
            raise UserError(f"{path} is no regular file; remove it and run {command} again")
        return path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        raise UserError(f"there is no {path}; run {command} first, or choose another --model_dir") from None
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}); see who may read it") from error
    except UnicodeDecodeError as error:
        raise damaged(path, stage, str(error)) from error


def damaged(path: Path, stage: str, why: str) -> Damaged:
    """The error for a file of `stage` that was read and is not as that stage writes it."""
    of_codes = stage == "postprocess" and len(path.parents) > 3 and not (path.parents[3] / "train").exists()
    command = COMMANDS["evaluation"] if of_codes else _command(stage)  # codes from elsewhere have no stage of their own
    return Damaged(f"{path} is damaged ({why}); run {command} again with --overwrite")


def _command(stage: str) -> str:
    return COMMANDS.get(stage, f"the stage {stage}")


def flatten(nested: Mapping[str, Any], stem: str) -> dict[str, Any]:
    """{"a": {"b": 1}} → {"stem.a.b": 1}; lists stay, an empty dictionary leaves no entry.

    Raises ValueError when two keys become the same.
    """
    flat: dict[str, Any] = {}
    for key, value in nested.items():
        name = f"{stem}.{key}"
        entries = flatten(value, name) if isinstance(value, Mapping) else {name: value}
        if twice := sorted(flat.keys() & entries.keys()):
            raise ValueError(f"two entries are called {twice[0]!r} once nested dictionaries are flattened; rename one")
        flat.update(entries)
    return flat


def _json_path(directory: Path, stem: str) -> Path:
    return directory / "results" / "json" / f"{stem}.json"


def _dump(value: Any) -> str:
    return json.dumps(value, indent=2, sort_keys=True, allow_nan=False) + "\n"


def _merged(earlier: Path) -> dict[str, Any]:
    try:
        paths = sorted(path for path in (earlier / "results" / "aggregate").iterdir() if path.suffix == ".json")
    except PermissionError as error:
        raise unreadable(error) from error
    except (FileNotFoundError, NotADirectoryError):
        paths = []
    if not paths:
        raise UserError(f"{earlier} has no results of the stage before; run that first, or choose another --model_dir")
    return {key: value for path in paths for key, value in read_json(path, path.stem).items()}


def _plain(value: Any, key: str) -> Any:
    """`value` in JSON's own types; `key` is its name in messages."""
    if isinstance(value, (np.ndarray, np.generic)):
        value = value.tolist()
    if isinstance(value, float) and not math.isfinite(value):
        raise UserError(
            f"{key} is {value}, so the stage has no result and nothing was written; "
            "find out why (did training diverge? is the score undefined here?) and run the stage again"
        )
    if value is None or isinstance(value, (str, int, float)):
        return value
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, (list, tuple)):
        return [_plain(entry, f"{key}[{place}]") for place, entry in enumerate(value)]
    if isinstance(value, Mapping):
        plain = {_plain_key(name, key): _plain(entry, f"{key}.{name}") for name, entry in value.items()}
        if len(plain) != len(value):
            raise TypeError(f"{key} has keys that are the same as text: {list(value)!r}")
        return plain
    raise TypeError(f"{key} cannot be written as JSON: {type(value).__name__} {value!r}")


def _plain_key(name: Any, key: str) -> str:
    if isinstance(name, (str, int, np.integer)):
        return str(name)
    raise TypeError(f"{key} has a key that is neither text nor an integer: {type(name).__name__} {name!r}")


def _bytes(piece: str | bytes) -> bytes:
    """As UTF-8; what the command line had in another encoding becomes the bytes that were typed."""
    return piece if isinstance(piece, bytes) else piece.encode("utf-8", "surrogateescape")


@contextlib.contextmanager
def written_next_to(files: Mapping[Path, Content]) -> Iterator[dict[Path, Path]]:
    """Writes each file next to its place and yields place → written file; what was not renamed is removed at the end.

    All are on the disk before the first is renamed, so a disk that is full leaves everything as it was.
    """
    parts = {path: path.with_name(f".{path.name}.{os.getpid()}") for path in files}
    try:
        for path, text in files.items():
            with writing(path):
                path.parent.mkdir(parents=True, exist_ok=True)
                with open(parts[path], "wb") as file:
                    for piece in [text] if isinstance(text, (str, bytes)) else text:
                        file.write(_bytes(piece))
                    file.flush()
                    os.fsync(file.fileno())  # else a power cut can leave the name without the content
        with writing(next(reversed(parts))):
            yield parts
    finally:
        for part in parts.values():
            with contextlib.suppress(OSError):  # a file in the place of a folder
                part.unlink(missing_ok=True)

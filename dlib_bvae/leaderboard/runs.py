"""The runs behind the rows of a board: cost, pictures, and the configuration as what gin would be told again."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from dlib_bvae.artifacts.record import is_done, read_config, read_json

Settings = dict[str, str]  # {"vae.beta": "4.0"}: each value as gin text

_PICTURES = ("train/reconstructions.png", "visualize/*.png", "visualize/*.gif")
_COSTS = {  # in the board → column of the frame of `collect`
    "parameters": "train_results.num_parameters",
    "seconds": "train_results.elapsed_time",
    "reconstruction": "train_results.reconstruction",
}
_FACTS = {
    "seed": "train_results.seed",
    "model": "train_results.model",
    "config": "config",
    "started": "train_results.started",
    "device": "train_results.device",
    "package_version": "train_results.environment.package_version",
    "git_commit": "train_results.environment.git_commit",
    "source": "postprocess_results.source",
    "saved_model": "postprocess_results.saved_model",
    "submission": "submission_results.name",
    "told": "submission_results.method",
    "paper": "submission_results.paper",
    "code": "submission_results.code",
}
_EXACT = "submission_results.exact_factors"
_LINE_ENDS = re.compile("[\x7f-\x9f\u2028\u2029]")  # beside those that JSON escapes: a binding is one line
COLUMNS = [*_COSTS.values(), *_FACTS.values(), "train_results.steps", "train_config.model.batch_size", _EXACT]


def gin_text(value: Any) -> str:
    """A value of `config_dict` as gin reads it: "@vae()" and "%beta" are references, other texts are quoted."""
    if isinstance(value, str):
        return value if value.startswith(("@", "%")) else _quoted(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_quoted(key)}: {gin_text(entry)}" for key, entry in value.items()) + "}"
    if isinstance(value, Sequence):
        return "[" + ", ".join(map(gin_text, value)) + "]"
    return repr(value)


def _quoted(text: str) -> str:
    return _LINE_ENDS.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(text, ensure_ascii=False))


def shared_and_own(every: Sequence[Settings]) -> tuple[Settings, list[Settings]]:
    """(What all have, what each has beside it)."""
    first, *rest = every
    shared = {key: text for key, text in first.items() if all(other.get(key) == text for other in rest)}
    return shared, [{key: text for key, text in each.items() if key not in shared} for each in every]


def settings_of(directory: Path, stage: str) -> Settings:
    """The configuration that a stage ran with; none where the stage did not run. Raises UserError for a damaged file."""
    if not is_done(directory, stage):
        return {}
    return {key: gin_text(value) for key, value in read_config(directory, stage).items()}


def evaluation_settings(directory: Path, encodings: dict[Path, Settings]) -> Settings:
    """What an evaluation and the encoding that it scored were told. encodings: those read so far; gets new ones."""
    representation = directory.parents[1]
    if representation not in encodings:
        encodings[representation] = settings_of(representation, "postprocess")
    return encodings[representation] | settings_of(directory, "evaluation")


def run_set(directory: Path) -> list[str]:
    """The run directories that a metric of a set of runs compared, as they were typed; none for other metrics."""
    path = directory / "results" / "json" / "evaluation_results.json"
    return [entry["run"] for entry in read_json(path, "evaluation").get("run_set", [])]


def describe(record: Mapping[str, Any], root: Path, output: Path) -> dict[str, Any]:
    """One run of a board from the `record` of one of its evaluations (COLUMNS and path; None where something is missing).

    Costs: parameters of the model, seconds of training, images that training saw, reconstruction at its end (nats).
    path: of the run directory, from `root`; directory: as commands name it; pictures, page: of their files, from the
    folder `output`. exact_factors: those that a submission's codes hold as they are.
    """
    directory = (root / record["path"]).parents[2]
    path = directory.relative_to(root)
    # A page shows no path of its maker's machine.
    home = Path(root.name) if root.is_absolute() or ".." in root.parts else root
    steps, batch = record["train_results.steps"], record["train_config.model.batch_size"]
    page = directory / "visualize" / "index.html"
    return {
        "path": path.as_posix(),
        "directory": (home / path).as_posix(),
        **{name: record[column] for name, column in {**_FACTS, **_COSTS}.items()},
        "images": None if steps is None or batch is None else steps * batch,
        "exact_factors": json.loads(record[_EXACT] or "[]"),
        "pictures": [relative(picture, output) for picture in pictures_of(directory)],
        "page": relative(page, output) if page.is_file() else None,
    }


def pictures_of(directory: Path) -> Iterable[Path]:
    """The pictures of a run directory, in the order of _PICTURES."""
    return [path for pattern in _PICTURES for path in sorted(directory.glob(pattern))]


def relative(path: Path, output: Path) -> str:
    """`path` as seen from the folder `output`, with forward slashes."""
    return Path(os.path.relpath(path.resolve(), output.resolve())).as_posix()

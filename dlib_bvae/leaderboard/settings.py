"""The settings behind a board's rows: what trainings, encodings and evaluations ran with, as gin text, each file read once."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from dlib_bvae.artifacts.record import damaged, is_done, read_config, read_results
from dlib_bvae.errors import UserError

Settings = dict[str, str]  # {"vae.beta": "4.0"}: each value as gin text
_DEPTH = 3  # an evaluation's directory is <run>/<representation>/metrics/<name>
_LINE_ENDS = re.compile("[\x7f-\x9f\u2028\u2029]")  # besides those that JSON escapes: a binding is one line


class Behind:
    """What stands behind the evaluations below the folder `root`; the paths of evaluations are as seen from there."""

    def __init__(self, root: Path):
        self._root = root
        self._read: dict[tuple[str, str], Settings] = {}
        self._equal: dict[tuple[tuple[str, str], ...], Settings] = {}
        self._run_sets: dict[str, list[str]] = {}

    def check(self, path: str) -> None:
        """Raises UserError where something that a board shows of the evaluation `path` cannot be read."""
        parts = Path(path).parts
        if len(parts) < _DEPTH:
            raise UserError(
                f"{self._root / path} is in no run directory below {self._root}; name the folder of the runs"
            )
        self.of_training(Path(*parts[:-_DEPTH]).as_posix())
        self.of_evaluation(path)
        self.run_set(path)

    def of_training(self, run: str) -> Settings:
        """The settings of the training in the run directory `run`; none of codes from elsewhere."""
        return self._of(f"{run}/train", "train")

    def of_evaluation(self, path: str) -> Settings:
        """The settings of an evaluation and of the encoding that it scored."""
        return self._of(Path(path).parents[1].as_posix(), "postprocess") | self._of(path, "evaluation")

    def run_set(self, path: str) -> list[str]:
        """The run directories that a metric of a set of runs compared, as they were typed; none for other metrics."""
        if path not in self._run_sets:
            directory = self._root / path
            entries = read_results(directory, "evaluation").get("run_set", [])
            try:
                runs = [entry["run"] for entry in entries]
                "".join(runs).encode()
            except (TypeError, KeyError, UnicodeEncodeError):
                raise damaged(directory, "evaluation", "its run_set is no list of runs") from None
            if runs:
                self._run_sets[path] = runs
            return runs
        return self._run_sets[path]

    def _of(self, directory: str, stage: str) -> Settings:
        if (directory, stage) not in self._read:
            settings = self._settings(self._root / directory, stage)
            self._read[directory, stage] = self._equal.setdefault(tuple(settings.items()), settings)
        return self._read[directory, stage]

    def _settings(self, directory: Path, stage: str) -> Settings:
        if not is_done(directory, stage):
            return {}
        try:
            settings = {key: gin_text(value) for key, value in read_config(directory, stage).items()}
            "".join([*settings, *settings.values()]).encode()
        except RecursionError:
            raise damaged(directory, stage, "an entry of its configuration is nested too deeply") from None
        except UnicodeEncodeError:
            raise damaged(directory, stage, "a text of its configuration is no Unicode") from None
        return settings


def gin_text(value: object) -> str:
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


def shared_and_differing(every: Sequence[Settings]) -> tuple[Settings, list[Settings]]:
    """(The settings that all have, those that each has besides)."""
    first, *others = every
    shared = {key: text for key, text in first.items() if all(other.get(key) == text for other in others)}
    return shared, [{key: text for key, text in each.items() if key not in shared} for each in every]

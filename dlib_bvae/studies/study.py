"""A study's gin files → its runs: each a training named by its configuration, and the metrics that score it."""

from __future__ import annotations

import functools
import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import gin

from dlib_bvae.artifacts import is_done
from dlib_bvae.artifacts.identity import run_hash
from dlib_bvae.artifacts.names import LONGEST, check_name, shortened
from dlib_bvae.config import configuration, flattened, homes, say_unused, used
from dlib_bvae.errors import UserError, check_integer, check_number, pluralize
from dlib_bvae.runtime import RUNS
from dlib_bvae.studies.evaluation import Evaluation, combinations, evaluations, scored, statements_of, texts, with_null

AUTO = "auto"  # of study.gpus: what GPUs there are is shared out
_SEED = "model.random_seed"
_DIGEST = re.compile(r"-([0-9a-f]{10}-seed\d+)$")


@dataclass(frozen=True)
class Run:
    """A training under gin files and statements, and how it is scored. config: what both bind, see resolved().

    pictures: whether it is drawn after it is scored.
    """

    part: str
    gin_config: tuple[str, ...]
    gin_bindings: tuple[str, ...]
    evaluations: tuple[Evaluation, ...]
    config: dict[str, Any]
    pictures: bool = False

    @property
    def seed(self) -> int:
        """The training's seed."""
        return self.config.get(_SEED, 0)

    @functools.cached_property
    def digest(self) -> str:
        """What names the training: ten hexadecimal digits of what the configuration binds, and the seed.

        The run's name and what cannot change a result do not count (artifacts.identity.run_hash).
        """
        return f"{run_hash(self.config)}-seed{self.seed}"

    def directory(self, store: Path) -> Path:
        """Its run directory in `store`, the same for every study: <model>_<data set>-<digest>."""
        label = f"{self.config.get('model.name', 'run')}_{self.config.get('dataset.name', 'data')}"
        plain = shortened(re.sub(r"[^A-Za-z0-9_.]+", "_", label), LONGEST - 1 - len(self.digest))
        usual = store / f"{plain}-{self.digest}"
        # A study that calls the model otherwise may have trained it.
        return usual if usual.is_dir() else directories(store).get(self.digest, usual)

    def with_those_of(self, other: Run) -> Run:
        """The same training, with the evaluations and pictures of `other` too."""
        both = tuple(dict.fromkeys((*self.evaluations, *other.evaluations)))
        return replace(self, evaluations=both, pictures=self.pictures or other.pictures)

    def is_trained(self, store: Path) -> bool:
        """Whether its training is finished."""
        return is_done(self.directory(store) / "train", "train")

    def is_encoded(self, store: Path) -> bool:
        """Whether its training is finished, and all codes that are of all images are there for what is not scored yet."""
        directory = self.directory(store)
        return self.is_trained(store) and all(
            is_done(directory / each.representation(), "postprocess")
            for each in self.missing(store)
            if each.encodes_all()
        )

    def missing(self, store: Path) -> list[Evaluation]:
        """The evaluations that have no results of its present codes yet."""
        found = scored(self.directory(store), self.evaluations)
        return [each for each in self.evaluations if each not in found]

    def is_drawn(self, store: Path) -> bool:
        """Whether its pictures are there, or none are asked for, or its model is not here, so that none can be drawn."""
        directory = self.directory(store)
        return not self.pictures or is_done(directory / "visualize", "visualize") or not _has_model(directory)

    def is_complete(self, store: Path) -> bool:
        """Whether nothing is left to do."""
        return self.is_trained(store) and not self.missing(store) and self.is_drawn(store)

    def to_json(self) -> dict[str, Any]:
        """All of it as JSON values; from_json reads them."""
        return asdict(self)

    @staticmethod
    def from_json(values: dict[str, Any]) -> Run:
        """The run that to_json wrote."""
        scored = tuple(
            Evaluation(each["metric"], tuple(each["gin_config"]), tuple(each["gin_bindings"]), each.get("step"))
            for each in values["evaluations"]
        )
        files, statements, pictures = values["gin_config"], values["gin_bindings"], values.get("pictures", False)
        return Run(values["part"], tuple(files), tuple(statements), scored, values["config"], pictures)


def _has_model(directory: Path) -> bool:
    """Whether more of a trained run is here than its results, which may have been trained elsewhere."""
    return any(entry.name != "results" for entry in os.scandir(directory / "train"))


def directories(store: Path) -> dict[str, Path]:
    """The run directories in `store` by Run.digest: by the end of their names, those that were renamed by their run.json."""
    if not store.is_dir():
        return {}
    names = sorted((entry.name for entry in os.scandir(store)), reverse=True)
    named = {match[1]: store / name for name in names if (match := _DIGEST.search(name))}
    others = [store / name for name in names if not _DIGEST.search(name)]
    return {**{digest: path for path in others if (digest := _recorded_digest(path))}, **named}


def _recorded_digest(directory: Path) -> str | None:
    """The digest of the run that an executor began in `directory`; None where there is none."""
    try:
        return Run.from_json(json.loads((directory / "run.json").read_text(encoding="utf-8"))).digest
    except (OSError, ValueError, KeyError, TypeError):
        return None


def resolved(files: Sequence[str], bindings: Sequence[str]) -> dict[str, Any]:
    """What gin `files` and then `bindings` bind, the last statement winning; see artifacts.config_dict for the values.

    Nothing is imported, so a name that does not exist is found when the run is trained. Raises UserError.
    """
    return flattened(files, bindings)


@functools.cache
def _bound_by(statement: str) -> dict[str, Any]:
    """What one gin statement binds, nothing for a macro; not to be changed."""
    return flattened((), (statement,))


class Study(NamedTuple):
    """Runs, each configuration once, in the order of the gin file.

    cpus, gpus: what one run is given; a fraction of a GPU lets several share it, 0 hides all of them, "auto" shares out
    those that there are. timeout: seconds of one process, 0 for no limit. attempts: how often a run that failed is started.
    fuse: how many runs at most are trained in one graph, "auto" as tasks.groups says; it changes no result's identity.
    """

    name: str
    runs: tuple[Run, ...]
    cpus: int
    gpus: float | str
    timeout: float
    attempts: int
    fuse: int | str


class Part(NamedTuple):
    """A configuration and its grid, as part() says."""

    name: str
    gin_config: tuple[str, ...]
    gin_bindings: tuple[str, ...]
    grid: dict[str, list[object]]
    metrics: list[object] | None


def load(files: Sequence[str], bindings: Sequence[str] = ()) -> Study:
    """The study of gin `files`, such as gin/studies/re_beta_vae_small.gin; imports no TensorFlow.

    Raises UserError for what is wrong in it or in a file that it names; files are looked for as other gin files are.
    """
    if not files:
        raise UserError("no study; give one, e.g. --study=gin/studies/re_beta_vae_small.gin")
    with configuration(files, bindings, []) as configured:
        found = study()
        say_unused(configured.typed, used())
    return found


def numbered(name: str, number: int) -> Run:
    """The run `number`, from 0, of a study, which is an installed one's name or a gin file.

    Raises UserError for a study or run that is not there.
    """
    file = f"gin/studies/{name}.gin"
    runs = load([file if file in installed() else name]).runs
    if not 0 <= number < len(runs):
        raise UserError(
            f"--model_num must be one of the {pluralize(len(runs), 'run')} of {name}, 0 … {len(runs) - 1}; got {number}"
        )
    return runs[number]


def with_run(
    name: str | None,
    number: int | None,
    gin_config: Sequence[str],
    gin_bindings: Sequence[str],
    model_dir: Path | None,
    **others: Any,
) -> dict[str, Any]:
    """What dlib_bvae_train is to do with --study and --model_num: the run's configuration, then the one given.

    The run directory is runs/<study>-<number> where none is given. Raises UserError without one of the flags, and as numbered().
    """
    if name is None or number is None:
        raise UserError("--study and --model_num go together: --study=unsupervised_study_v1 --model_num=300")
    run = numbered(name, number)
    return {
        "gin_config": [*run.gin_config, *gin_config],
        "gin_bindings": [*run.gin_bindings, *gin_bindings],
        "model_dir": model_dir or RUNS / f"{Path(name).stem}-{number}",
        **others,
    }


@gin.configurable
def study(
    name: str = gin.REQUIRED,
    parts: Sequence[Part] = gin.REQUIRED,
    metrics: Sequence[object] = ("beta_vae",),
    cpus: int = 1,
    gpus: float | str = AUTO,
    timeout: float = 0.0,
    attempts: int = 1,
    null: int = 0,
    costly_null: int = 5,
    order: Mapping[str, Sequence[object]] | None = None,
    fuse: int | str = AUTO,
    pictures: bool = False,
) -> Study:
    """The runs of all parts; one that two parts have is there once, with the metrics of both.

    metrics: of parts that name none; see evaluations. null, costly_null: evaluation.null and evaluation.costly_null of all
    metrics that say nothing of them; 20 for a board, so that each score has what chance gives. order: {"dataset.name":
    ["dsprites_full", "cars3d"]} has all runs of one value come before those of the next, whatever their part; other values come
    last. fuse: so many runs of a part that differ only in their seed and in parameters of the objective, the optimizer and the
    schedule are trained in one graph, each in its run directory; 1: every run by itself; "auto": 16 where there is a GPU, else 1.
    pictures: draws each run after it is scored, as dlib_bvae_visualize does; with postprocess.images = "needed" of the metrics
    no more images are encoded for it than it shows.
    Raises UserError for values out of range.
    """
    check_name("study.name", name)
    check_integer("study.cpus", cpus, 1)
    check_integer("study.attempts", attempts, 1)
    if gpus != AUTO:
        _check_gpus(gpus)
    if fuse != AUTO:
        _check_fuse(fuse)
    check_number("study.timeout", timeout, 0)
    check_integer("study.null", null, 0)
    check_integer("study.costly_null", costly_null, 0)
    if not isinstance(pictures, bool):
        raise UserError(f"study.pictures must be True or False; got {pictures!r}")
    if not isinstance(parts, (list, tuple)) or not all(isinstance(each, Part) for each in parts):
        raise UserError(f"study.parts must be a list such as [@conv/part(), @mlp/part()]; got {parts!r}")
    runs: dict[str, Run] = {}
    for each in parts:
        asked = evaluations(metrics if each.metrics is None else each.metrics)
        scored = tuple(with_null(one, null, costly_null) for one in asked) if null else asked
        for run in _runs_of(each, scored, pictures):
            before = runs.get(run.digest)
            runs[run.digest] = run if before is None else before.with_those_of(run)
    return Study(name, _ordered(runs.values(), order or {}), cpus, gpus, timeout, attempts, fuse)


def _ordered(runs: Iterable[Run], order: Mapping[str, Sequence[object]]) -> tuple[Run, ...]:
    for key, values in order.items():
        if not isinstance(values, (list, tuple)):
            raise UserError(f"study.order[{key!r}] must be a list of values; got {values!r}")

    def place(run: Run) -> list[int]:
        found = ((values, run.config.get(key)) for key, values in order.items())
        return [list(values).index(value) if value in values else len(values) for values, value in found]

    return tuple(sorted(runs, key=place))


def _check_gpus(gpus: object) -> None:
    try:
        check_number("study.gpus", gpus, 0)
    except UserError as error:
        raise UserError(f"{error}; or 'auto', which shares out the GPUs that there are") from None


def _check_fuse(fuse: object) -> None:
    try:
        check_integer("study.fuse", fuse, 1)
    except UserError as error:
        raise UserError(f"{error}; or 'auto', which is 16 where there is a GPU and 1 elsewhere") from None


@gin.configurable
def part(
    configs: Sequence[str] = gin.REQUIRED,
    grid: Mapping[str, Sequence[object]] | None = None,
    bindings: Sequence[str] = (),
    metrics: Sequence[object] | None = None,
) -> Part:
    """One part of a study; its name is its gin scope, as in conv/part.configs = ["gin/beta4_dsprites.gin"].

    configs: gin files of one training. grid: {"vae.beta": [1.0, 4.0], "model.random_seed": [0, 1]}: every combination is a
    run. bindings: gin statements for all of them. Lists within configs and bindings are joined to one, so that a macro can stand
    for several. metrics: see evaluations; None for the study's. Raises UserError for values of another kind.
    """
    for key, values in (grid or {}).items():
        if not isinstance(values, (list, tuple)) or not values:
            raise UserError(f"part.grid[{key!r}] must be a list of values; got {values!r}")
    plain = {key: list(values) for key, values in (grid or {}).items()}
    return Part(
        gin.current_scope_str(),
        texts("part.configs", configs),
        texts("part.bindings", bindings),
        plain,
        None if metrics is None else [*metrics],
    )


def _runs_of(each: Part, scored: tuple[Evaluation, ...], pictures: bool) -> list[Run]:
    runs = []
    common = resolved(each.gin_config, each.gin_bindings)
    for combination in combinations(each.grid):
        statements = statements_of(combination)
        bindings, found = (*each.gin_bindings, *statements), [_bound_by(text) for text in statements]
        if all(found):
            config = {**common, **{key: value for each_bound in found for key, value in each_bound.items()}}
        else:  # a macro, which may stand anywhere
            config = resolved(each.gin_config, bindings)
        runs.append(Run(each.name, each.gin_config, bindings, scored, config, pictures))
    return runs


def installed() -> list[str]:
    """The studies that come with the package, as typed after --study."""
    return [f"gin/studies/{path.name}" for home in homes()[:1] for path in sorted((home / "gin/studies").glob("*.gin"))]

"""Runs that are scored → the folder of a submission: codes, meta.json and gin files, checked as verification reads them."""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dlib_bvae import datasets, metrics
from dlib_bvae.analysis import budget
from dlib_bvae.analysis.frame import CODES, KEYS, SEED, STEP, collect
from dlib_bvae.analysis.names import named
from dlib_bvae.analysis.supervision import NOT_STATED, of_rows
from dlib_bvae.artifacts import read_identity, read_results, standing, write_atomic
from dlib_bvae.artifacts.lifecycle import commit, make_part, remove
from dlib_bvae.artifacts.record import recorded_text, writing
from dlib_bvae.datasets import DATASETS
from dlib_bvae.datasets.cache import sha256_of
from dlib_bvae.datasets.derived.subsets import Subsample
from dlib_bvae.errors import UserError, check_integer, pluralize, visible, warn_once
from dlib_bvae.gin_text import bindings_of, literal
from dlib_bvae.leaderboard.submissions.checks import Images, check, configured
from dlib_bvae.leaderboard.submissions.scores import parameters_of
from dlib_bvae.leaderboard.submissions.submission import META, check_json, read, schema
from dlib_bvae.metrics.headline import is_default
from dlib_bvae.representations.codes import codes_digest, read_codes
from dlib_bvae.representations.on_demand import CodesOnDemand
from dlib_bvae.runtime import load_tensorflow, say
from dlib_bvae.stages import external
from dlib_bvae.stages.inputs import load_encoder, opened_run
from dlib_bvae.stages.postprocess import NEEDED

if TYPE_CHECKING:
    import pandas as pd

FOLDER = Path("submissions")
PROBE_SEED = 0  # of --images
_PROBE = re.compile(r"probe\((\w+), (\d+) images, seed (\d+)\)")
_UNFIT = re.compile(r"[^A-Za-z0-9\u0370-\u03ff =,_.+·-]+")  # what the name of a configuration may not have
_LONGEST = 64
_MOST_STEPS = 10**9
_DEPTH = 2  # of an evaluation below its run: mean/metrics/mig
_BETWEEN_MODELS = ("model.random_seed", "frechet_curve.")  # a seed, and what else is recorded of a training
_INITIAL = "model.initial_weights"  # "": none


@dataclass(frozen=True)
class Source:
    """A run: the evaluations of its codes after training, on the data set `dataset`, or on a `probe` of it (images, seed).

    trained: whether it was trained here. directory: of the codes.
    """

    run: Path
    directory: Path
    frame: pd.DataFrame
    dataset: str
    probe: tuple[int, int] | None
    trained: bool

    @property
    def key(self) -> tuple[str, str, str]:
        """Data set, model and configuration, as analysis.names has them."""
        return self.entry(KEYS["dataset"]), self.entry(KEYS["model"]), self.entry(KEYS["config"])

    @property
    def seed(self) -> int:
        """Of the training."""
        return int(self.entry(SEED))

    def entry(self, column: str) -> Any:
        """What all its evaluations have in a column; None where it has no such entry."""
        import pandas as pd

        found = self.frame[column].iloc[0] if column in self.frame else None
        return None if pd.isna(found) else found


def run(
    runs: Sequence[Path],
    name: str,
    output_dir: Path = FOLDER,
    images: int | None = None,
    method: str | None = None,
    supervision: str | None = None,
    paper: str | None = None,
    code: str | None = None,
    training_steps: int | None = None,
    batch_size: int | None = None,
) -> Path:
    """Writes the submission `name` of the scored `runs` into `output_dir` and returns its folder.

    runs: run directories of dlib_bvae_train, or of dlib_bvae_evaluate --codes, one for each data set, configuration and
    training seed. Claimed is what they were scored by, as far as verification can say it with the metric's own parameters.
    images: submit the codes of as many images, drawn uniformly, and score these; None: all that were encoded, with the scores
    that the runs have. Models trained here get a gin file for verify --retrain where that accepts it. method, supervision:
    None: as the runs say. training_steps, batch_size: the budget of codes from elsewhere, None: not stated. What is left out is
    named on standard error. Raises UserError, and leaves nothing, for a name that is taken, a run that is not scored or of data
    that not everyone has, two of one seed, and what verification would refuse without scoring.
    """
    properties = schema()["properties"]
    check_json(name, properties["name"], "--name")
    if images is not None:
        check_integer("--images", images, 2)
    final = output_dir / name
    if os.path.lexists(final):
        raise UserError(f"{final} is there already; choose another --name, or move it elsewhere")
    stated = _stated(training_steps, batch_size)
    sources = [_source(each) for each in runs]
    labels = _labels(sources)
    told = {
        "name": name,
        "method": method or _method(sources, labels),
        "supervision": _supervision(sources, supervision),
        **{key: value for key, value in (("paper", paper), ("code", code)) if value},
    }
    part = make_part(final)
    try:
        entries = list(_entries(sources, _configurations(sources, labels), images, stated, part))
        write_atomic(part / META, json.dumps({**told, "entries": entries}, ensure_ascii=False, indent=2) + "\n")
        check(read(part, name))
        commit(final)
    except BaseException:
        remove(part)
        raise
    size = sum(path.stat().st_size for path in final.iterdir()) / 2**20
    say(visible(f"{final}: {pluralize(len(entries), 'entry', 'entries')}, {size:,.1f} MiB"))
    say(visible(f"next: dlib_bvae_leaderboard verify {final}"))
    return final


def _source(run: Path) -> Source:
    """Raises UserError for what is no run that is scored."""
    if not run.is_dir():
        raise UserError(
            f"there is no run directory {run}; name those of dlib_bvae_train, or of dlib_bvae_evaluate --codes"
        )
    if (trained := standing(run / "train", "train")) == "begun":
        raise UserError(f"the training in {run} is not finished; run its dlib_bvae_train command again")
    frame, problems = collect(run)
    depths = {path.count("/") for path in frame.get("path", ())}
    if depths - {_DEPTH}:
        raise UserError(
            f"{run} {'holds several runs; name each of them' if max(depths) > _DEPTH else 'is part of a run; name its directory'}"
        )
    if STEP in frame:
        frame = frame[frame[STEP].isna()]
    if not frame.empty:
        frame = frame[[metric in metrics.METRICS for metric in frame[KEYS["metric"]]]]
    if frame.empty:
        why = f" ({problems[0]})" if problems else ""
        what = "is not scored" if trained or any(run.glob("*/results")) else "is no run directory"
        raise UserError(f"{run} {what}{why}; run dlib_bvae_evaluate --model_dir={run} --metric=… first, or --codes=…")
    kinds = list(dict.fromkeys(frame[KEYS["representation"]]))
    if len(kinds) > 1 and "mean" not in kinds:
        raise UserError(f"{run} has several representations, {', '.join(kinds)}; score the posterior means, too")
    frame = frame[frame[KEYS["representation"]] == ("mean" if "mean" in kinds else kinds[0])]
    place = min((Path(path).parts[0] for path in frame["path"]), key=len)  # "mean" before "mean-needed"
    frame = frame[frame["path"].str.startswith(f"{place}/")].sort_values("path", ignore_index=True)
    source = Source(run, run / place, frame, "", None, bool(trained))
    data = source.entry("postprocess_results.probe") or source.entry(KEYS["dataset"])
    found = _PROBE.fullmatch(data)
    dataset, probe = (found[1], (int(found[2]), int(found[3]))) if found else (data, None)
    if dataset in datasets.DERIVED or dataset not in DATASETS:
        raise UserError(f"{run} is of {data}, which is no data set that everyone has; dlib_bvae_data lists them")
    return replace(source, dataset=dataset, probe=probe)


def _labels(sources: Sequence[Source]) -> dict[tuple[str, str, str], str]:
    """{key of a source: what a board calls its configuration}."""
    import pandas as pd

    found = named(pd.concat([each.frame for each in sources], ignore_index=True))
    return {key: each.name for key, each in found.items()}


def _method(sources: Sequence[Source], labels: Mapping[tuple, str]) -> str:
    if foreign := [each.run for each in sources if not each.trained]:
        raise UserError(f"{foreign[0]} has codes from elsewhere; say in a sentence what was done by --method")
    return f"{', '.join(dict.fromkeys(labels[each.key] for each in sources))}, trained by dlib_bvae"


def _supervision(sources: Sequence[Source], said: str | None) -> str:
    kinds = list(schema()["properties"]["supervision"]["enum"])
    found = {kind: each.run for each in sources for kind in of_rows(each.frame).values()}
    recorded = [kind for kind in kinds if kind in found]
    if len(recorded) > 1:
        raise UserError(
            f"{found[recorded[0]]} and {found[recorded[1]]} have the supervision {recorded[0]} and {recorded[1]}; submit them "
            "under two names"
        )
    if said is not None and recorded not in ([], [said]):
        run, kind = found[recorded[0]], recorded[0]
        raise UserError(f"{run} was trained with the supervision {kind}, not {said}; leave out --supervision")
    if said is None and NOT_STATED in found:
        raise UserError(
            f"{found[NOT_STATED]} does not say what its training knew of the factors; add --supervision={', '.join(kinds[:-1])} "
            f"or {kinds[-1]}"
        )
    return said or recorded[0]


def _configurations(sources: Sequence[Source], labels: Mapping[tuple, str]) -> dict[tuple[str, str, str], str]:
    """{key of a source: the name of its configuration}; empty where no data set has two."""
    keys = dict.fromkeys(each.key for each in sources)
    if len({key[0] for key in keys}) == len(keys):
        return {}
    found: dict[tuple[str, str, str], str] = {}
    for key in keys:
        text = _UNFIT.sub("-", labels[key]).strip(" =,_.+·-")[:_LONGEST].rstrip() or key[2]
        taken = {name for other, name in found.items() if other[0] == key[0]}
        found[key] = text if text not in taken else f"{text[: _LONGEST - len(key[2]) - 1]} {key[2]}"
    return found


def _entries(
    sources: Sequence[Source],
    configurations: Mapping[tuple, str],
    images: int | None,
    stated: tuple[int, int] | None,
    part: Path,
) -> Iterator[dict[str, Any]]:
    """Writes codes and gin files into `part`, gives what meta.json says of them."""
    taken: dict[str, Path] = {}
    for source in sources:
        configuration = configurations.get(source.key)
        row = f"{source.dataset}{f'-{configuration}' if configuration else ''}"
        place = f"{row}-seed{source.seed}"
        if place in taken:
            raise UserError(
                f"{taken[place]} and {source.run} are both of training seed {source.seed}; name one of them, or say the seed of "
                "codes from elsewhere by dlib_bvae_evaluate --training_seed"
            )
        taken[place] = source.run
        data, fingerprint, probe, codes = _encoded(source, images)
        with writing(part):
            np.save(part / f"{place}.npy", codes)
        claims = list(_claims(source, data, codes, images is not None and probe != source.probe))
        if not claims:
            raise UserError(
                f"{source.run} has no score that can be claimed; run dlib_bvae_evaluate --metric=mig, for one"
            )
        gin_config = _gin_file(source, part / f"{row}.gin")
        yield {
            **{"dataset": source.dataset, "fingerprint": fingerprint},
            "probe": probe and {"images": probe[0], "seed": probe[1]},
            "training_seed": source.seed,
            **({"configuration": configuration} if configuration else {}),
            **_budget(source, stated),
            **{"codes": f"{place}.npy", "sha256": sha256_of(part / f"{place}.npy"), "claims": claims},
            **({"retrain": {"gin_config": gin_config}} if gin_config else {}),
        }


def _stated(steps: int | None, batch_size: int | None) -> tuple[int, int] | None:
    """The budget that is typed; None for none. Raises UserError for one half of it, and for numbers out of range."""
    if steps is None and batch_size is None:
        return None
    if steps is None or batch_size is None:
        raise UserError("--training_steps and --batch_size go together: --training_steps=10000 --batch_size=64")
    check_integer("--training_steps", steps, 1, _MOST_STEPS)
    check_integer("--batch_size", batch_size, 1, _MOST_STEPS)
    return steps, batch_size


def _budget(source: Source, stated: tuple[int, int] | None) -> dict[str, Any]:
    """The budget of an entry: of a training here its own, of codes from elsewhere what is stated."""
    recorded = source.entry(budget.STEPS), source.entry(budget.BATCH)
    if source.trained:
        if stated is not None and stated != recorded:
            raise UserError(
                f"{source.run} was trained here and says its own budget; leave out --training_steps and --batch_size"
            )
        stated = None if None in recorded else (int(recorded[0]), int(recorded[1]))
    return {} if stated is None else {"budget": {"steps": stated[0], "batch_size": stated[1]}}


def _encoded(source: Source, images: int | None) -> tuple[Images, str, tuple[int, int] | None, np.ndarray]:
    """(Images, their fingerprint, which probe they are, codes (images, latents)) that are submitted of a source."""
    with configured([]):
        whole = datasets.as_factor_dataset(source.dataset, "dataset")
    data = Subsample(whole, *source.probe) if source.probe else whole
    fingerprint = source.entry(KEYS["fingerprint"])
    if fingerprint not in (data.fingerprint, whole.fingerprint):
        raise UserError(
            f"{source.run} is of {data.name} {fingerprint}, here that data set is {data.fingerprint}; use the package version "
            "that made it, or score it again"
        )
    with _codes(source, data) as codes:
        if images is None or images >= data.num_images:
            return data, fingerprint, source.probe, np.asarray(codes[np.arange(data.num_images)])
        if source.probe:
            raise UserError(f"{source.run} has codes of {data.name}; leave out --images, and they are submitted")
        part = Subsample(whole, images, PROBE_SEED)
        return part, part.fingerprint, (images, PROBE_SEED), np.asarray(codes[part.rows])


@contextlib.contextmanager
def _codes(source: Source, data: Images) -> Iterator[np.ndarray | CodesOnDemand]:
    """The codes that were scored, (images, latents). Raises UserError where they are others by now, or no more there."""
    results = read_results(source.directory, "postprocess")
    if results.get("images") == NEEDED:
        shape = (results["num_images"], results["num_latents"])
        if not source.trained:
            encode = load_encoder(Path(results["saved_model"]))
            yield CodesOnDemand(lambda: (encode, data), shape, source.directory)
            return
        with opened_run(source.run) as opened:
            yield CodesOnDemand(lambda: opened.encoder(data), shape, source.directory)
        return
    if results.get("source") is None:
        codes = read_codes(source.directory)
    else:
        path = Path(results["source"]).expanduser()
        if not path.is_file():
            raise UserError(f"the codes of {source.run} are no more at {path}; go where they were, or score it again")
        codes = external.codes_of_file(path, results.get("codes_key"), data.num_images, "codes")
        if source.entry(CODES) not in (None, codes_digest(codes)):
            raise UserError(
                f"{path} has changed since {source.run} was scored; run dlib_bvae_evaluate --codes={path} --overwrite again"
            )
    yield codes


def _claims(source: Source, data: Images, codes: np.ndarray, anew: bool) -> Iterator[dict[str, Any]]:
    """What meta.json claims of a source. anew: the scores of `codes`, computed here, not those that the run has."""
    for path in source.frame["path"]:
        results = read_results(source.run / path, "evaluation")
        metric, seed = results["metric"], int(results["random_seed"])
        told = results["metric_parameters"]
        parameters = {key: value for key, value in told.items() if not is_default(metric, {key: value})}
        try:
            if unsaid := [key for key in parameters if key not in parameters_of(metric)]:
                raise UserError(f"a claim cannot say {unsaid[0]} = {parameters[unsaid[0]]}")
            results = metrics.score(metric, data, codes, seed, **parameters) if anew else results
        except UserError as error:
            warn_once(visible(f"left out: {metric}: {str(error).splitlines()[0]}"))  # gin adds lines to an error
            continue
        names = results.get("score_names", results)
        if scores := {name: results[name] for name in names if _is_number(results.get(name))}:
            yield {"metric": metric, "metric_seed": seed, "parameters": parameters, "scores": scores}


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)


def _gin_file(source: Source, path: Path) -> str | None:
    """Writes how a model trained here is made, but for its seed; None for others, and where verify --retrain would refuse it."""
    if not source.trained:
        return None
    if not path.exists():
        train = source.run / "train"
        told = bindings_of(recorded_text(train / "results" / "gin" / "train.gin", "train"))
        wanted = read_identity(train, "train").parameters
        kept = {key: value for key, value in told.items() if key in wanted and not key.startswith(_BETWEEN_MODELS)}
        if kept.get(_INITIAL) == "":
            del kept[_INITIAL]
        write_atomic(path, "".join(f"{key} = {literal(value)}\n" for key, value in kept.items()))
        load_tensorflow()
        from dlib_bvae.leaderboard.submissions.gin_check import checked

        try:
            checked(path, source.dataset)
        except UserError as error:
            path.unlink()
            warn_once(visible(f"left out: the gin file of {source.run}, which cannot be trained again: {error}"))
            return None
    return path.name

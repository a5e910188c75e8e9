"""A submission's models trained again by another seed, and their scores held against those of the seeds that were submitted."""

from __future__ import annotations

import hashlib
import json
import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dlib_bvae.analysis import prediction_interval, predictions
from dlib_bvae.analysis.frame import KEYS, VERSIONS, collect, with_versions
from dlib_bvae.analysis.ranks import LEAST_FREEDOM
from dlib_bvae.analysis.tables import GROUP, has_columns, per_run, per_seed
from dlib_bvae.artifacts.record import relabel
from dlib_bvae.errors import UserError, visible
from dlib_bvae.leaderboard.submissions import Claim, Entry, Submission
from dlib_bvae.leaderboard.submissions.checks import Images, configured
from dlib_bvae.leaderboard.submissions.gin_check import checked
from dlib_bvae.leaderboard.submissions.scores import Verified, rows_of
from dlib_bvae.metrics.headline import is_main
from dlib_bvae.registry import LABEL, kind_of
from dlib_bvae.runtime import RUNS, quiet
from dlib_bvae.stages import external, train
from dlib_bvae.stages.external import ExternalCodes
from dlib_bvae.stages.inputs import TrainedRun

if TYPE_CHECKING:
    import pandas as pd

TABLE = "runs.parquet"  # of dlib_bvae_aggregate, which stands for the runs
_SEED = "model.random_seed"
_SEEDS = 2**31
_BATCH = 1_000
_CLAIMED = "evaluation_results.evidence"  # of an evaluation that nobody computed
_SUBMISSION = "submission_results.name"
Refuse = Callable[[Sequence[Entry], UserError], None]


def check_rows(
    submission: Submission, verified: Sequence[Verified], scratch: Path, results: Sequence[Path] | None, refuse: Refuse
) -> None:
    """Trains the gin file of each row by a seed that no entry of it has (see new_seed), below `scratch`.

    A row are the entries of one data set and configuration. Each main score of the new seed has to lie in the
    prediction_interval of the seeds that were submitted, for all main scores that are judged together. The standard deviation
    is pooled within trained configurations of the submission and of `results` (see collected; None: the runs here), by as many as
    20 degrees of freedom; else the score is too few to judge, which is said, and nothing is trained where no score can be.
    The evaluations of which all main scores are judged, and are inside, have the evidence "retrained" afterwards.
    refuse: is called with the entries of a row whose gin file is refused, differs between its seeds or cannot be trained, and
    of one with a score outside. Raises UserError for `results` that are none.
    """
    committed = _computed(collect(scratch / "rows")[0])
    if committed.empty:
        return
    table = predictions(_with_others(committed, submission.name, results))
    table = table[[is_main(*pair) for pair in table[["metric", "score"]].itertuples(index=False, name=None)]]
    rows: dict[tuple, list[Verified]] = defaultdict(list)
    for each in verified:
        if each.entry.retrain is not None:
            rows[each.entry.row].append(each)
    for number, row in enumerate(rows.values()):
        entries = [each.entry for each in row]
        taken = {each.training_seed for each in submission.entries if each.row == entries[0].row}
        name = submission.row_name(entries[0])
        mine = table[(table["model"] == name) & (table["dataset"] == row[0].data.name)]
        try:
            found = _check_row(row, name, mine, taken, scratch / f"again{number}")
        except UserError as error:
            refuse(entries, error)
            continue
        for each in row:
            _mark(each, scratch / "rows", committed, found)


def collected(place: Path) -> pd.DataFrame:
    """The evaluations in `place`: a directory of runs, or the runs.parquet that dlib_bvae_aggregate made of one.

    A directory with such a table stands for it. What had to be left out is named on standard error. Raises UserError for what
    is neither.
    """
    import pandas as pd
    import pyarrow as pa

    path = place / TABLE if (place / TABLE).is_file() else place
    if path.is_dir():
        frame, problems = collect(path)
        for problem in problems:
            print(f"left out: {visible(problem)}", file=sys.stderr)
        return frame
    recorded = [column for name, column in KEYS.items() if name not in VERSIONS]
    if not path.is_file() or not has_columns(path, recorded):
        raise UserError(f"{place} is no directory of runs, and no {TABLE} of dlib_bvae_aggregate")
    try:
        frame = with_versions(pd.read_parquet(path))
        per_run(frame)
    except (ValueError, TypeError, KeyError, OSError, pa.ArrowException) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(f"{path} is no table that dlib_bvae_aggregate wrote: {reason}") from error
    return frame


def new_seed(entries: Sequence[Entry], taken: set[int]) -> int:
    """The seed of a training by which none of the entries was made: the same for the same codes, whoever verifies them."""
    digest = hashlib.sha256("".join(sorted(each.sha256 for each in entries)).encode()).digest()
    seed = int.from_bytes(digest[:8], "big") % _SEEDS
    while seed in taken:
        seed = (seed + 1) % _SEEDS
    return seed


def _with_others(committed: pd.DataFrame, name: str, results: Sequence[Path] | None) -> pd.DataFrame:
    """The evaluations of the submission and those of `results`, but for what was verified of it before."""
    import pandas as pd

    places = ([RUNS] if RUNS.is_dir() else []) if results is None else results
    frames = [committed]
    keys = [KEYS[name] for name in ("dataset", "fingerprint", "num_images", "metric")]
    wanted = set(committed[keys].itertuples(index=False, name=None))
    for place in places:
        frame = collected(place)
        if frame.empty:
            continue
        frame = frame[[row in wanted for row in frame[keys].itertuples(index=False, name=None)]]
        if _SUBMISSION in frame:
            frame = frame[frame[_SUBMISSION].ne(name).fillna(True).to_numpy(bool)]
        frames.append(_computed(frame))
    return pd.concat([each for each in frames if not each.empty], ignore_index=True)


def _computed(frame: pd.DataFrame) -> pd.DataFrame:
    """The evaluations that were computed, and not only claimed."""
    if _CLAIMED not in frame:
        return frame
    return frame[frame[_CLAIMED].ne("claimed").fillna(True).to_numpy(bool)]


def _check_row(
    row: Sequence[Verified], name: str, table: pd.DataFrame, taken: set[int], place: Path
) -> dict[tuple, dict[str, Any]]:
    """{GROUP of each main score that was judged: what is recorded of it}. Raises UserError for a score outside."""
    gin_config, bindings = _bindings(row)
    few = table[table["df"] < LEAST_FREEDOM]
    judged = table[table["df"] >= LEAST_FREEDOM]
    for each in few.to_dict("records"):
        print(
            visible(
                f"{gin_config}: too few seeds to judge {each['metric']}.{each['score']}: {each['df']} of {LEAST_FREEDOM} degrees "
                "of freedom; name results of trained configurations on the same images by --results_dir, or submit more seeds"
            )
        )
    if judged.empty:
        return {}
    seed = new_seed([each.entry for each in row], taken)
    try:
        with quiet():  # it would name a scratch folder
            train.run([], [*bindings, f"{_SEED} = {seed}"], place / "model")
    except UserError as error:
        raise UserError(f"{gin_config} cannot be trained again: {error}") from error
    values = _scores(row, name, seed, place)
    found, outside = {}, []
    for each in judged.to_dict("records"):
        key = tuple(each[column] for column in GROUP)
        low, high = prediction_interval(each["mean"], each["seeds"], each["sd"], each["df"], len(judged))
        value = values.get(key)
        found[key] = {"seed": seed, "value": value, "low": low, "high": high, "sd": each["sd"], "df": each["df"]}
        interval = f"{low:.4g} … {high:.4g}"
        said = f"{each['metric']}.{each['score']} is {'missing' if value is None else f'{value:.4g}'}"
        of = f"mean {each['mean']:.4g} of {each['seeds']}, ± {each['sd']:.2g} by {each['df']} degrees of freedom"
        if value is None or not low <= value <= high:
            outside.append(f"{said}, not in {interval} ({of})")
        else:
            print(visible(f"{gin_config}: trained again by seed {seed}, {said}, in {interval} ({of})"))
    if outside:
        reason = "the file does not make the models whose codes were submitted"
        raise UserError(f"{gin_config}: trained again by seed {seed}, {'; '.join(outside)}; {reason}")
    return found


def _bindings(row: Sequence[Verified]) -> tuple[Path, list[str]]:
    """The gin file of a row, and what it says but for the seed. Raises UserError where its entries train different models."""
    told: dict[Path, list[str]] = {}
    for each in row:
        path: Path = each.entry.retrain.gin_config  # type: ignore[union-attr]
        told[path] = checked(path, each.entry.dataset)
    parts = {path: {line for line in lines if _counts(line)} for path, lines in told.items()}
    first = next(iter(told))
    for path, part in parts.items():
        if differing := sorted({line.partition(" = ")[0] for line in part ^ parts[first]}):
            raise UserError(
                f"{first} and {path} train different models for seeds of one row ({', '.join(differing)}); give entries of "
                'different models different names by "configuration"'
            )
    return first, [line for line in told[first] if line.partition(" = ")[0] != _SEED]


def _counts(line: str) -> bool:
    """Whether a binding tells one model from another."""
    name = line.partition(" = ")[0]
    return name != _SEED and kind_of(name) != LABEL


def _scores(row: Sequence[Verified], name: str, seed: int, place: Path) -> dict[tuple, float]:
    """{GROUP: score} of the model that was trained in `place`, by the claims of the entries, each metric once."""
    data = row[0].data
    codes = _codes(place / "model", data)
    path = place / "codes.npy"
    np.save(path, codes)
    source = ExternalCodes(name, place / "rows" / "model", path, None, None, row[0].entry.dataset, seed)
    with configured([]):
        representation, _ = external.represent(source, data, codes, overwrite=False)
    claims: dict[str, Claim] = {}
    for each in row:
        for claim, result, _ in each.outcomes:
            if result is not None:
                claims.setdefault(json.dumps([result["metric"], claim.parameters], sort_keys=True), claim)
    for claim in claims.values():
        rows_of(claim, representation, configured)
    frame = _computed(collect(place / "rows")[0])
    if frame.empty:
        return {}
    values = per_seed(per_run(frame)).groupby(GROUP).mean()
    return {key: float(value) for key, value in values.items()}


def _codes(model_dir: Path, data: Images) -> np.ndarray:
    """Posterior means, float32 (images, latents)."""
    encode, encoded = TrainedRun(model_dir, model_dir, data).encoder(data)
    starts = range(0, data.num_images, _BATCH)
    rows = [np.arange(start, min(start + _BATCH, data.num_images)) for start in starts]
    return np.concatenate([np.asarray(encode(encoded.observations_at(each))[0]) for each in rows])


def _mark(each: Verified, root: Path, frame: pd.DataFrame, found: dict[tuple, dict[str, Any]]) -> None:
    """Writes "retrained", and the numbers, into the evaluations of an entry whose main scores are all among those `found`."""
    ours = frame[[Path(path).parts[0] == each.place.name for path in frame["path"]]]
    for path, names, *key in ours[["path", "evaluation_results.score_names", *KEYS.values()]].itertuples(
        index=False, name=None
    ):
        metric = key[list(KEYS).index("metric")]
        main = {score: (*key, score) for score in json.loads(names) if is_main(metric, score)}
        known = {score: found[row] for score, row in main.items() if row in found}
        if main and len(known) == len(main):
            relabel(root / path, "evaluation", {}, {"evidence": "retrained", "retrained": known})

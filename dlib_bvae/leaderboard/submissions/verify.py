"""Verification: the scores that a submission claims are computed again from its codes, and its rows join the tables."""

from __future__ import annotations

import contextlib
import shutil
import sys
import tempfile
import time
from collections.abc import Collection, Sequence
from pathlib import Path

from dlib_bvae.artifacts import Identity, describe, open_run, read_results, write_stage
from dlib_bvae.artifacts.lifecycle import OLD, commit, make_part, remove
from dlib_bvae.errors import UserError, check_integer, check_number, pluralize, visible
from dlib_bvae.leaderboard.submissions import Entry, Submission, read
from dlib_bvae.leaderboard.submissions.checks import Images, check_different, check_honest, configured, opened
from dlib_bvae.leaderboard.submissions.scores import (
    NULL,
    Outcome,
    Verified,
    add_null,
    check_range,
    differences,
    rows_of,
)
from dlib_bvae.metrics.engine.null import MOST
from dlib_bvae.runtime import RUNS, load_tensorflow
from dlib_bvae.stages import external
from dlib_bvae.stages.external import ExternalCodes
from dlib_bvae.stages.inputs import Representation

TOLERANCE = 1e-3  # other versions of numerical libraries move a score by less
MOST_TOLERANCE = 0.15  # no score of this package has a range of less than 1
STAGE = "submission"
CODES = "codes"  # the folder of an entry's representation


def run_all(
    folders: Sequence[Path],
    tolerance: float = TOLERANCE,
    retrain: bool = False,
    null: int = NULL,
    results: Sequence[Path] | None = None,
) -> None:
    """Verifies the submissions in `folders`, see run; one that is refused does not stop those after it.

    Raises UserError for a number out of range before any is read, and at the end where one was refused.
    """
    check_number("--tolerance", tolerance, 0, MOST_TOLERANCE)
    check_integer("--null", null, 0, MOST)
    refused: list[str] = []
    for folder in folders:
        try:
            run(folder, tolerance=tolerance, retrain=retrain, null=null, results=results)
        except UserError as error:
            if len(folders) == 1:
                raise
            refused.append(folder.name)
            print(visible(f"refused: {error}"), file=sys.stderr)
    if refused:
        count = f"{len(refused)} of {pluralize(len(folders), 'submission')}"
        raise UserError(f"{count} refused, wholly or in part: {', '.join(refused)}")


def run(
    folder: Path,
    output_dir: Path | None = None,
    tolerance: float = TOLERANCE,
    retrain: bool = False,
    null: int = NULL,
    results: Sequence[Path] | None = None,
) -> list[Path]:
    """Verifies the submission in `folder` and writes its rows to `output_dir` (default: runs/submissions/<name>).

    Every claimed score is computed again from the codes by the metric's seed and parameters, and must be within
    `tolerance`, 0 … 0.15 (times the score where that is above 1). retrain: also train each row's gin file by another seed, whose
    scores have to be among those of the seeds that were submitted (see retrain.check_rows). results: where else to look for
    seeds of trained configurations: directories of runs, or tables of dlib_bvae_aggregate; None: the runs here. Rows are
    evaluations like others; their `evidence` is "recomputed", "retrained", or "claimed" where the metric cannot be computed from
    these codes. null: how many matchings the null of a computed score has (at most 5 of a costly metric). Returns the folders of
    the entries, one each.

    Raises UserError, and writes nothing, for a meta.json that does not keep to the schema and for equal codes of several
    training seeds. An entry is refused for codes with another checksum, data with another fingerprint, images that are the same
    and have different codes, scores out of their range, and scores that differ; its rows are then as they were before. The
    other entries are verified all the same, and a UserError at the end says how many were not. Codes that hold the factors
    exactly without supervision are named on standard output and in the rows (submission_results.exact_factors), not refused.
    """
    check_number("tolerance", tolerance, 0, MOST_TOLERANCE)
    check_integer("null", null, 0, MOST)
    submission = read(folder)
    final = output_dir or RUNS / "submissions" / submission.name
    check_different(submission)
    refused: list[str] = []

    def refuse(entries: Sequence[Entry], error: UserError) -> None:
        if len(entries) == len(submission.entries):
            raise error
        refused.extend(each.place for each in entries)
        print(
            visible(f"refused: {submission.name}, {', '.join(each.place for each in entries)}: {error}"),
            file=sys.stderr,
        )

    with tempfile.TemporaryDirectory() as name:
        verified = []
        for entry in submission.entries:
            try:
                verified.append(_verified(submission, entry, Path(name) / "rows", tolerance))
            except UserError as error:
                refuse([entry], error)
        if retrain and any(each.entry.retrain for each in verified):
            load_tensorflow()
            from dlib_bvae.leaderboard.submissions.retrain import check_rows

            check_rows(submission, verified, Path(name), results, refuse)
            verified = [each for each in verified if each.entry.place not in refused]
        for each in verified:
            for outcome in each.outcomes:
                add_null(outcome, each.representation, configured, null)
        with open_run(final, "--output_dir") if verified else contextlib.nullcontext():
            kept = [each.place for each in verified]
            places = _put_in_place(kept, final, submission.name, refused) if verified else []
    if places:
        print(visible(f"{submission.name}: {pluralize(len(places), 'entry', 'entries')} verified; rows in {final}"))
    if refused:
        count = f"{len(refused)} of {pluralize(len(submission.entries), 'entry', 'entries')}"
        raise UserError(f"{submission.name}: {count} refused: {', '.join(refused)}")
    return places


def _put_in_place(verified: list[Path], final: Path, name: str, kept: Collection[str] = ()) -> list[Path]:
    """Puts the entries below `final` in place of the submission's earlier ones, each whole or not at all.

    kept: names of earlier ones that stay as they are. Raises UserError where a folder of something else has an entry's name.
    """
    targets = [final / place.name for place in verified]
    earlier = _placed(final, name)
    for target in targets:
        if target.exists() and not (target.is_dir() and {*target.iterdir()} <= {*earlier}):
            raise UserError(f"{target} is not a folder of the submission {name}; choose another output directory")
    for place, target in zip(verified, targets, strict=True):
        _copy(place / CODES, make_part(target / CODES))
    for target in targets:
        commit(target / CODES)
    for codes in earlier:
        if codes.parent not in targets and codes.parent.name not in kept:
            _take_away(codes)
    return targets


def _placed(final: Path, name: str) -> list[Path]:
    """The codes of the submission's entries below `final`; what cannot be read is nobody's."""
    found = []
    for codes in sorted(each.parents[2] for each in final.glob(f"*/{CODES}/results/json/{STAGE}_results.json")):
        with contextlib.suppress(UserError):
            if read_results(codes, STAGE).get("name") == name:
                found.append(codes)
    return found


def _copy(codes: Path, part: Path) -> None:
    """Copies, as the scratch folder may lie on another disk; the results come last, as a part that has them is finished."""
    shutil.copytree(
        codes, part, dirs_exist_ok=True, ignore=lambda folder, _: ["results"] if Path(folder) == codes else []
    )
    shutil.copytree(codes / "results", part / "copied")
    (part / "copied").rename(part / "results")


def _take_away(codes: Path) -> None:
    """Removes an entry at once, as what a kill leaves in a part does not count; the user's files next to it stay."""
    part = make_part(codes)
    codes.rename(part / f"{CODES}{OLD}")  # a name that tables leave out
    remove(part)
    if not any(codes.parent.iterdir()):
        codes.parent.rmdir()


def _verified(submission: Submission, entry: Entry, rows: Path, tolerance: float) -> Verified:
    """The entry's rows, in a folder of `rows`, without nulls."""
    for claim in entry.claims:
        check_range(claim)
    data, codes = opened(entry)
    exact = check_honest(submission, entry, data, codes)
    place = rows / entry.place
    source = ExternalCodes(
        submission.row_name(entry), place, entry.codes, None, None, entry.dataset, entry.training_seed
    )
    with configured([]):
        representation, _ = external.represent(source, data, codes, overwrite=False)
    _write_submission(representation, submission, entry, exact, tolerance)
    outcomes = [rows_of(claim, representation, configured) for claim in entry.claims]
    _check_claims(submission, entry, data, outcomes, tolerance)
    return Verified(entry, place, data, representation, outcomes)


def _write_submission(
    representation: Representation,
    submission: Submission,
    entry: Entry,
    exact: list[str],
    tolerance: float,
) -> None:
    """Next to the codes, so that every row has it."""
    results = {
        "name": submission.name,
        "method": submission.method,
        "supervision": submission.supervision,
        "paper": submission.paper,
        "code": submission.code,
        "evidence": "recomputed",
        "exact_factors": exact,
        **({"steps": entry.budget[0], "batch_size": entry.budget[1]} if entry.budget else {}),
        "sha256": entry.sha256,
        "tolerance": tolerance,
        "verified": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "environment": describe(),
        "elapsed_time": 0.0,
    }
    identity = Identity(STAGE, 1, {}, {"sha256": entry.sha256})
    write_stage(representation.directory, identity, results=results, gin_text="", earlier=None)


def _check_claims(
    submission: Submission, entry: Entry, data: Images, outcomes: list[Outcome], tolerance: float
) -> None:
    """Prints what was computed. Raises UserError, which lists them, for scores that differ."""
    for claim, found, reason in outcomes:
        for score, claimed in claim.scores.items():
            computed = f"recomputed {found[score]:.6g}" if found and score in found else f"not recomputed: {reason}"
            names = f"{data.name}, training seed {entry.training_seed}: {claim.metric}.{score}"
            print(visible(f"{names} claimed {claimed:.6g}, {computed}"))
    apart = [text for outcome in outcomes for text in differences(outcome, tolerance)]
    if apart:
        raise UserError(
            f"{submission.name} is refused: on {data.name}, training seed {entry.training_seed}, {'; '.join(apart)} "
            f"(tolerance {tolerance:g}); claim what dlib_bvae_evaluate gives"
        )

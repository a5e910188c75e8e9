"""Verification: the scores that a submission claims are computed again from its codes, and its rows join the tables."""

from __future__ import annotations

import contextlib
import shutil
import sys
import tempfile
import time
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np

from dlib_bvae import datasets
from dlib_bvae.artifacts import Identity, describe, open_run, read_results, write_stage
from dlib_bvae.artifacts.lifecycle import OLD, commit, make_part, remove
from dlib_bvae.config import configuration
from dlib_bvae.datasets import DATASETS
from dlib_bvae.datasets.cache import sha256_of
from dlib_bvae.datasets.derived.subsets import Subsample
from dlib_bvae.datasets.ground_truth import GroundTruthData
from dlib_bvae.errors import UserError, check_integer, check_number, pluralize, visible
from dlib_bvae.leaderboard.submissions import Entry, Submission, duplicates, exact_factors, read, unequal_duplicate
from dlib_bvae.leaderboard.submissions.scores import NULL, Outcome, add_null, check_range, differences, rows_of
from dlib_bvae.metrics.engine.null import MOST
from dlib_bvae.representations.codes import codes_digest
from dlib_bvae.runtime import RUNS, load_tensorflow
from dlib_bvae.stages import external
from dlib_bvae.stages.evaluate import REGISTRIES
from dlib_bvae.stages.external import ExternalCodes
from dlib_bvae.stages.inputs import Representation

TOLERANCE = 1e-3  # other versions of numerical libraries move a score by less
MOST_TOLERANCE = 0.15  # as of a model that is trained again: no score of this package has a range of less than 1
STAGE = "submission"
CODES = "codes"  # the folder of an entry's representation

Images = GroundTruthData | Subsample  # the whole grid, or a probe of it


def run_all(folders: Sequence[Path], tolerance: float = TOLERANCE, retrain: bool = False, null: int = NULL) -> None:
    """Verifies the submissions in `folders`, see run; one that is refused does not stop those after it.

    Raises UserError for a number out of range before any is read, and at the end where one was refused.
    """
    check_number("--tolerance", tolerance, 0, MOST_TOLERANCE)
    check_integer("--null", null, 0, MOST)
    refused: list[str] = []
    for folder in folders:
        try:
            run(folder, tolerance=tolerance, retrain=retrain, null=null)
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
) -> list[Path]:
    """Verifies the submission in `folder` and writes its rows to `output_dir` (default: runs/submissions/<name>).

    Every claimed score is computed again from the codes by the metric's seed and parameters, and must be within
    `tolerance`, 0 … 0.15 (times the score where that is above 1). retrain: also train each entry that has a gin file again, and
    compare within the entry's tolerance. Rows are evaluations like others; their `evidence` is "recomputed", "retrained", or
    "claimed" where the metric cannot be computed from these codes. null: how many
    matchings the null of a computed score has (at most 5 of a costly metric). Returns the folders of the entries, one each.

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
    _check_different(submission)
    verified, refused = [], []
    with tempfile.TemporaryDirectory() as scratch:
        for entry in submission.entries:
            try:
                verified.append(_verified(submission, entry, Path(scratch), tolerance, retrain, null))
            except UserError as error:
                if len(submission.entries) == 1:
                    raise
                refused.append(_place_of(entry))
                print(visible(f"refused: {submission.name}, {refused[-1]}: {error}"), file=sys.stderr)
        with open_run(final, "--output_dir") if verified else contextlib.nullcontext():
            places = _put_in_place(verified, final, submission.name, refused) if verified else []
    if places:
        print(visible(f"{submission.name}: {pluralize(len(places), 'entry', 'entries')} verified; rows in {final}"))
    if refused:
        count = f"{len(refused)} of {pluralize(len(submission.entries), 'entry', 'entries')}"
        raise UserError(f"{submission.name}: {count} refused: {', '.join(refused)}")
    return places


def _place_of(entry: Entry) -> str:
    """The name of the folder of an entry's rows."""
    return f"{entry.dataset}-seed{entry.training_seed}{f'-probe{entry.probe[1]}' if entry.probe else ''}"


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


def _verified(submission: Submission, entry: Entry, scratch: Path, tolerance: float, retrain: bool, null: int) -> Path:
    """The folder of the entry's rows, below `scratch`."""
    for claim in entry.claims:
        check_range(claim)
    data, codes = _opened(entry)
    exact = _check_honest(submission, entry, data, codes)
    place = scratch / _place_of(entry)
    external_codes = ExternalCodes(submission.name, place, entry.codes, None, None, entry.dataset, entry.training_seed)
    with _configured([]):
        representation, _ = external.represent(external_codes, data, codes, overwrite=False)
    evidence = "recomputed"
    if entry.retrain is not None and retrain:
        load_tensorflow()
        from dlib_bvae.leaderboard.submissions.retrain import check

        check(entry, data, scratch / f"{place.name}-trained")
        evidence = "retrained"
    _write_submission(representation, submission, entry, evidence, exact, tolerance)
    outcomes = [rows_of(claim, representation, _configured) for claim in entry.claims]
    _check_claims(submission, entry, data, outcomes, tolerance)
    for outcome in outcomes:
        add_null(outcome, representation, _configured, null)
    return place


def _opened(entry: Entry) -> tuple[Images, np.ndarray]:
    """The probe, or the whole grid, and the codes of its images. Raises UserError for what does not fit."""
    found = sha256_of(entry.codes)
    if found != entry.sha256:
        raise UserError(f"{entry.codes} is not the file that was claimed: sha256 {entry.sha256} claimed, {found} found")
    if entry.dataset in datasets.DERIVED or entry.dataset not in DATASETS:
        raise UserError(f"dataset {entry.dataset!r} is no data set that everyone has; dlib_bvae_data lists them")
    with _configured([]):  # else gin adds a line to an error of theirs
        whole = datasets.as_factor_dataset(entry.dataset, "dataset")
        data = Subsample(whole, *entry.probe) if entry.probe else whole
    if entry.fingerprint not in (data.fingerprint, whole.fingerprint):
        raise UserError(
            f"{entry.codes} was encoded from other images: fingerprint {entry.fingerprint} claimed, {data.name} has "
            f"{data.fingerprint}, {whole.name} {whole.fingerprint}"
        )
    if entry.codes.suffix != ".npy":
        raise UserError(f"{entry.codes} must be a .npy file")
    return data, external.codes_of_file(entry.codes, None, data.num_images, "codes")


def _check_different(submission: Submission) -> None:
    """Raises UserError for codes of one data set that are the same for two training seeds: they are one model's."""
    seeds: dict[tuple[str, tuple[int, int] | None, str], int] = {}
    for entry in submission.entries:
        try:
            digest = codes_digest(_opened(entry)[1])
        except UserError:  # for which the entry is refused when its turn comes
            continue
        other = seeds.setdefault((entry.dataset, entry.probe, digest), entry.training_seed)
        if other != entry.training_seed:
            raise UserError(
                f"{entry.codes}: the codes of {entry.dataset} by the training seeds {other} and {entry.training_seed} are "
                "equal, so they count once; leave out all but one of these entries"
            )


def _check_honest(submission: Submission, entry: Entry, data: Images, codes: np.ndarray) -> list[str]:
    """The factors that the codes hold exactly, printed too. Raises UserError for codes that are no function of the image."""
    if submission.supervision == "factors":
        return []
    if pair := unequal_duplicate(codes, duplicates(data)):
        raise UserError(
            f"{entry.codes}: the images {pair[0]} and {pair[1]} of {data.name} are the same pixel by pixel and have "
            "different codes, so the codes are no function of the image; encode each image by itself, without noise"
        )
    columns = exact_factors(codes, data.factors_at(np.arange(data.num_images)))
    names = [data.factor_names[column] for column in columns]
    if names and submission.supervision == "none":
        print(visible(f"suspicious: {entry.codes} holds {', '.join(names)} exactly, with supervision 'none'"))
    return names


def _write_submission(
    representation: Representation,
    submission: Submission,
    entry: Entry,
    evidence: str,
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
        "evidence": evidence,
        "exact_factors": exact,
        "sha256": entry.sha256,
        "tolerance": tolerance,
        "retrain_tolerance": entry.retrain.tolerance if entry.retrain and evidence == "retrained" else None,
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


def _configured(bindings: list[str]) -> contextlib.AbstractContextManager:
    return configuration([], bindings, [*REGISTRIES, DATASETS])

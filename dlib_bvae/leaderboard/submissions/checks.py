"""What the codes of a submission's entry are held against: their checksum, the images, the factors, the other entries."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np

from dlib_bvae import datasets
from dlib_bvae.config import configuration
from dlib_bvae.datasets import DATASETS
from dlib_bvae.datasets.cache import sha256_of
from dlib_bvae.datasets.derived.subsets import Subsample
from dlib_bvae.datasets.ground_truth import GroundTruthData
from dlib_bvae.errors import UserError, visible
from dlib_bvae.leaderboard.submissions import Entry, Submission, duplicates, exact_factors, unequal_duplicate
from dlib_bvae.leaderboard.submissions.scores import check_range
from dlib_bvae.representations.codes import codes_digest
from dlib_bvae.stages import external
from dlib_bvae.stages.evaluate import REGISTRIES

Images = GroundTruthData | Subsample  # the whole grid, or a probe of it


def configured(bindings: list[str]) -> contextlib.AbstractContextManager:
    """What scores and data sets of submissions are made under."""
    return configuration([], bindings, [*REGISTRIES, DATASETS])


def check(submission: Submission) -> None:
    """All that a submission is refused for without computing a score. Raises UserError."""
    check_different(submission)
    for entry in submission.entries:
        for claim in entry.claims:
            check_range(claim)
        check_honest(submission, entry, *opened(entry))


def opened(entry: Entry) -> tuple[Images, np.ndarray]:
    """The probe, or the whole grid, and the codes of its images. Raises UserError for what does not fit."""
    found = sha256_of(entry.codes)
    if found != entry.sha256:
        raise UserError(f"{entry.codes} is not the file that was claimed: sha256 {entry.sha256} claimed, {found} found")
    if entry.dataset in datasets.DERIVED or entry.dataset not in DATASETS:
        raise UserError(f"dataset {entry.dataset!r} is no data set that everyone has; dlib_bvae_data lists them")
    with configured([]):  # else gin adds a line to an error of theirs
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


def check_different(submission: Submission) -> None:
    """Raises UserError for codes of one row that are the same for two training seeds: they are one model's."""
    seeds: dict[tuple[Any, ...], int] = {}
    for entry in submission.entries:
        try:
            digest = codes_digest(opened(entry)[1])
        except UserError:  # for which the entry is refused when its turn comes
            continue
        other = seeds.setdefault((entry.row, digest), entry.training_seed)
        if other != entry.training_seed:
            raise UserError(
                f"{entry.codes}: the codes of {entry.dataset} by the training seeds {other} and {entry.training_seed} are "
                "equal, so they count once; leave out all but one of these entries"
            )


def check_honest(submission: Submission, entry: Entry, data: Images, codes: np.ndarray) -> list[str]:
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

"""Submissions to the leaderboard: meta.json with its schema, and what codes are checked for."""

from dlib_bvae.leaderboard.submissions.submission import (
    META,
    Claim,
    Entry,
    Retrain,
    Submission,
    duplicates,
    exact_factors,
    read,
    schema,
    unequal_duplicate,
)

__all__ = [
    "META",
    "Claim",
    "Entry",
    "Retrain",
    "Submission",
    "duplicates",
    "exact_factors",
    "read",
    "schema",
    "unequal_duplicate",
]

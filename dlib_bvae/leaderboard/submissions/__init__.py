"""Submissions to the leaderboard: meta.json with its schema, and what codes are checked for."""

from dlib_bvae.leaderboard.submissions.checks import duplicates, exact_factors, unequal_duplicate
from dlib_bvae.leaderboard.submissions.meta import META, Claim, Entry, Retrain, Submission, read
from dlib_bvae.leaderboard.submissions.schema import schema

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

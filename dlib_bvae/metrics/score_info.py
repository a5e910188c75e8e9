"""What a metric's file says of its metrics, as data: SCORES, MATRICES, SAMPLING, COSTS, ABOUT and VALIDITY.

VERSIONS (see registry.Registry.versions), too: a metric's version is raised when the same parameters give other scores.
A metric of another package may say any of them in its module, and need not.
"""

from __future__ import annotations

import fnmatch
import sys
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from dlib_bvae.registry import Registry

Json: TypeAlias = "None | bool | int | float | str | Sequence[Json] | Mapping[str, Json]"
# What a metric returns: scores, numbers by themselves, and lists, matrices and texts. A score that these codes have no value of
# is None, and MISSING in the result is {score: why}.
Result: TypeAlias = dict[str, Json]
MISSING = "missing_scores"
HIGH = "high"  # COSTS = {metric: HIGH}: with its defaults it takes half a minute or more of two cores on dSprites
PERMUTATION = "permutation"  # a null: the same codes, given to other images at random


class Score(NamedTuple):
    """SCORES = {result key or pattern of keys: Score}: the range of a score (None: unbounded) and what is better.

    higher_is_better: None where neither more nor less is. chance: what continuous codes that are independent of the factors
    score in expectation; None where that depends on the data or on how many images are drawn, as it mostly does. Where such
    codes have no value, what that counts as. null: PERMUTATION, or None for a score that looks at no factors, or of which
    codes that know nothing are the ideal (see engine/null.py).
    """

    low: float | None
    high: float | None
    higher_is_better: bool | None
    chance: float | None = None
    null: str | None = PERMUTATION


UNKNOWN = Score(None, None, None)
UNIT = Score(0.0, 1.0, True)
COUNT = Score(0.0, None, None)


class Matrix(NamedTuple):
    """MATRICES = {result key: Matrix}: a matrix in a metric's result.

    rows, columns: "code", "active code" (those in active_codes), "factor" (those with more than one value), or the result
    key that lists what they are. of: what an entry is, with its unit. low, high: its range (None: as far as it goes).
    shares: a picture shows each entry, a count, as the share of its row. row_label, column_label: what its axes are called, where
    not after rows and columns.
    """

    rows: str
    columns: str
    of: str
    low: float | None = 0.0
    high: float | None = None
    shares: bool = False
    row_label: str = ""
    column_label: str = ""


INFORMATION = {"mutual_information": Matrix("code", "factor", "mutual information (nats)")}


class Sampling(NamedTuple):
    """SAMPLING: which parameters say how much the metrics of a file draw and fit; less is faster and noisier.

    images: numbers of images, pairs, points, votes or features of them. fits: numbers of trees or repetitions. A parameter is an
    integer or a sequence of them; one that only some metrics of the file have is left out for the others.
    """

    images: tuple[str, ...] = ()
    fits: tuple[str, ...] = ()

    def small(self, defaults: Mapping[str, Any], images: int, fits: int) -> dict[str, Any]:
        """{parameter of `defaults` named here: its default, but at most `images` or `fits`}; a sequence is cut to two sizes."""
        few = {name: _at_most(defaults[name], images) for name in self.images if name in defaults}
        return few | {name: _at_most(defaults[name], fits) for name in self.fits if name in defaults}


def _at_most(default: int | Sequence[int], limit: int) -> int | list[int]:
    if isinstance(default, Sequence):
        return [size for size in default[:2] if size <= limit] or [limit]
    return min(default, limit)


class About(NamedTuple):
    """ABOUT = {metric: About}: its card and its row in docs/reference/metrics (see dlib_bvae.cards.metrics).

    measures: in a few words. scores: the keys of SCORES to look at first. parameters: those to change, apart from num_train
    and num_test. paper: authors and year, or – for none. cost: CPU time on cached codes of dSprites in words, as
    benchmarks/metrics_cost.py measures it. defects: where the score says what it should not, in Markdown sentences.
    """

    measures: str
    scores: tuple[str, ...]
    parameters: tuple[str, ...]
    paper: str
    cost: str = "< 1 s"
    defects: str = ""


# What a high score claims of codes: that each factor has one code and each code one factor; that each code has one factor at
# most; that the factors can be read from the codes; that the codes are a rotation of the factors. UNJUDGED: none of these.
ONE_TO_ONE, MODULAR, READABLE, ROTATION, UNJUDGED = CLAIMS = (
    "one code a factor",
    "one factor a code",
    "factors can be read",
    "a rotation of the factors",
    "–",
)


class Validity(NamedTuple):
    """VALIDITY = {metric: Validity}: what its scores claim, and when they are wrong (see stages/identification.py).

    claims: {result key or pattern: one of CLAIMS}. caution: two sentences that say when it misleads, from the table of
    benchmarks/results/validity.csv.
    """

    claims: Mapping[str, str]
    caution: str


def said_by(registry: Registry, name: str, what: str, default: Any) -> Any:
    """What the file of the metric `name` says in its variable `what`; `default` where it has none."""
    return getattr(sys.modules[registry.get(name).__module__], what, default)


def info_of(scores: Mapping[str, Score], key: str) -> Score | None:
    """The entry of `scores` for the result `key`; an entry may be a pattern, as in "*:mean_test_accuracy"."""
    return next((score for pattern, score in scores.items() if fnmatch.fnmatchcase(key, pattern)), None)

"""A board's rows and differences → sentences: who leads by a metric on a data set, by how much, and within what noise."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from dlib_bvae.analysis.cells import CLAIMED
from dlib_bvae.analysis.ranks import ALPHA, LEAST_FREEDOM, LEAST_SEEDS
from dlib_bvae.analysis.supervision import NOT_STATED
from dlib_bvae.leaderboard.summary import PERCENT, PLACE, UNSUPERVISED

Row = Mapping[str, Any]
_PCA = "pca"
_REFERENCES = {"noise": "noise", "random_encoder": "random encoder", _PCA: "PCA", "oracle": "oracle"}
_CLASSES = {  # how training was supervised → how a sentence begins
    "pairs": "Of methods that learn from pairs of images, ",
    "labels": "Of methods that learn from labels, ",
    "factors": "Of methods that learn from the factors, ",
    "not stated": "Of codes whose supervision is not stated, ",
}


class Gap(NamedTuple):
    """A difference of two rows, how much better the first is, with its 95 % interval and p; None where not known."""

    value: float
    low: float | None
    high: float | None
    p: float | None

    @property
    def ends(self) -> tuple[float, float] | None:
        """The interval, where there is one."""
        return None if self.low is None or self.high is None else (self.low, self.high)


class Unit(NamedTuple):
    """How values of a column are written: in percent, or as they are."""

    percent: bool

    def value(self, value: float) -> str:
        """0.861 → "86.1 %"; 21.53 → "21.5"."""
        return f"{100 * value:.1f} %".replace("-", "−") if self.percent else _number(value)

    def span(self, low: float, high: float) -> str:
        """(0.8, 0.9) → "80.0 … 90.0 %"."""
        if self.percent:
            return f"{100 * low:.1f} … {100 * high:.1f} %".replace("-", "−")
        return f"{_number(low)} … {_number(high)}"

    def points(self, value: float) -> str:
        """A difference: 0.012 → "1.2 points"; 1.53 → "1.53"."""
        if not self.percent:
            return _number(value)
        text = f"{100 * value:.1f}".replace("-", "−")
        return f"{text} point" if text == "1.0" else f"{text} points"

    def points_between(self, low: float, high: float) -> str:
        """The interval of a difference: "−0.4 … 2.8 points"."""
        if not self.percent:
            return self.span(low, high)
        return f"{100 * low:.1f} … {100 * high:.1f} points".replace("-", "−")


def answers(board: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One answer a column of board["summary"]: its PLACE, its "metric", and what it says.

    "lead": one sentence, who leads and how sure that is; "more": sentences on the next, what is better but of too few seeds to
    lead where others are ranked, PCA and other kinds of supervision; "missing": what was not recorded, or is too little, for
    what the others do not say.
    """
    by_id = {row["id"]: row for row in board["rows"]}
    gap = gaps(board["differences"])
    found = []
    for place in board["summary"]:
        where = {name: place[name] for name in PLACE}
        several = len({each["budget"] for each in board["summary"] if each["dataset"] == place["dataset"]}) > 1
        on = (
            f"{place['dataset']} after {place['budget']}"
            if several and place["budget"] != NOT_STATED
            else place["dataset"]
        )
        for column in place["columns"]:
            rows = [by_id[each] for each in column["rows"]]
            found.append({**where, "metric": column["metric"], **_answer(on, column, rows, gap)})
    return found


def _answer(dataset: str, column: Mapping[str, Any], rows: Sequence[Row], gap: Callable[[Row, Row], Gap]) -> dict:
    unit = Unit(column["unit"] == PERCENT)
    metric = f"the {column['title']}" if column["title"].endswith("metric") else column["title"]
    more: list[str] = []
    direction = "" if column["higher_is_better"] else " (lower is better)"
    competing = [row for row in rows if not row["reference"] and row["mean"] is not None]
    classes = _classes(competing)
    leaders = {name: _leader(those) for name, those in classes.items()}
    first = next(iter(classes), None)
    if first is None:
        lead = f"On {dataset} only reference rows are scored by {metric}."
    elif (leader := leaders[first]) is None:
        lead = f"{_begins(first, f'On {dataset} ')}nothing scores above chance by {metric}."
    else:
        others = [(row, gap(leader, row)) for row in _contending(classes[first]) if row is not leader]
        on = _begins(first, f"On {dataset}, ")
        lead = (
            f"{on}{leader['name']} leads by {metric}{direction} with {_with_spread(leader, unit)}{_how_surely(others)}."
        )
        better = _better_of_few(leader, classes[first], unit)
        more = [*_collapse(leader), *_next(leader, others, unit), *better, *_against_pca(leader, rows, unit, gap)]
    for name, leader in list(leaders.items())[1:]:
        leads = (
            "nothing scores above chance"
            if leader is None
            else f"{leader['name']} leads with {_with_spread(leader, unit)}"
        )
        more.append(f"{_begins(name)}{leads}.")
    return {"lead": lead, "more": more, "missing": _missing(competing, rows)}


def _begins(supervision: str, on: str = "") -> str:
    """How a sentence on a kind of supervision begins; on: "On dsprites, "."""
    if supervision == UNSUPERVISED:
        return on
    whose = _CLASSES.get(supervision, f"Of supervision {supervision}, ")
    return f"{on}{whose[0].lower()}{whose[1:]}" if on else whose


def _classes(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """Supervision → its rows; what learns from images alone comes first."""
    names = sorted({row["supervision"] for row in rows}, key=lambda name: (name != UNSUPERVISED, name))
    return {name: [row for row in rows if row["supervision"] == name] for name in names}


def _leader(rows: Sequence[Row]) -> Row | None:
    """The row with the best mean, of those that could lead."""
    return next(iter(_contending(rows)), None)


def _contending(rows: Sequence[Row]) -> list[Row]:
    """Rows that could lead, the best first: where some have the seeds for a rank, no others."""
    ordered = _ordered(rows)
    ranked = [row for row in ordered if row["seeds"] >= LEAST_SEEDS and (row["rank_df"] or 0) >= LEAST_FREEDOM]
    return ranked or ordered


def _ordered(rows: Sequence[Row]) -> list[Row]:
    """The rows that could lead, the best first: above chance where that is known, and not only claimed."""
    able = [row for row in rows if row["above_chance"] is not False and row["evidence"] != CLAIMED]
    return sorted(able, key=lambda row: (_worth(row), row["id"]), reverse=True)


def _worth(row: Row) -> float:
    return float(row["mean"] if row["higher_is_better"] else -row["mean"])


def _with_spread(row: Row, unit: Unit) -> str:
    """ "86.1 % (95 % interval 84.9 … 87.3 %, 5 seeds)"."""
    mean, seeds = unit.value(row["mean"]), row["seeds"]
    if row["interval"] in ("t", "BCa"):
        return f"{mean} (95 % interval {unit.span(row['low'], row['high'])}, {seeds} seeds)"
    if row["interval"] == "range":
        return f"{mean} (range of {seeds} seeds {unit.span(row['low'], row['high'])}; too few for an interval)"
    return f"{mean} (one seed, so no interval)"


def gaps(differences: Sequence[Mapping[str, Any]]) -> Callable[[Row, Row], Gap]:
    """How much better a row is than another, from board["differences"]."""
    places: dict[str, list[tuple[Mapping[str, Any], int]]] = {}
    for group in differences:
        for place, each in enumerate(group["ids"]):
            places.setdefault(each, []).append((group, place))

    def gap(first: Row, second: Row) -> Gap:
        better = 1 if first["higher_is_better"] else -1
        value = better * (first["mean"] - second["mean"])
        others = {id(group): place for group, place in places.get(second["id"], ())}
        for group, i in places.get(first["id"], ()):
            j = others.get(id(group))
            if j is not None and group["low"][i][j] is not None:
                ends = sorted(better * group[name][i][j] for name in ("low", "high"))
                return Gap(value, ends[0], ends[1], group["p"][i][j])
        return Gap(value, None, None, None)

    return gap


def _how_surely(others: Sequence[tuple[Row, Gap]]) -> str:
    """How many of the others could be as good as the leader, as far as that is known."""
    if not others:
        return ", the only one"
    if not all(found.ends for _, found in others):
        return "; whether that lead is more than noise is not known"
    tied = sum(not _significant(found) for _, found in others)
    if tied == 0:
        return ", more than noise ahead of all others"
    return f"; {tied} {'other is' if tied == 1 else 'others are'} within noise of it"


def _next(leader: Row, others: Sequence[tuple[Row, Gap]], unit: Unit) -> list[str]:
    """How far the next is behind, and which differences so many seeds can show."""
    if not others:
        return []
    row, found = others[0]
    between = "" if found.ends is None else f" (95 % interval {unit.points_between(*found.ends)})"
    least, seeds = leader["smallest_difference"]["value"], leader["seeds"]
    noise = (
        []
        if least is None
        else [f"With {seeds} seeds differences from {unit.points(least)} on are found (80 % power)."]
    )
    return [f"{row['name']} is {unit.points(found.value)} behind{between}.", *noise]


def _better_of_few(leader: Row, rows: Sequence[Row], unit: Unit) -> list[str]:
    """Which rows have a better mean than the leader, of too few seeds to be it."""
    better = [row for row in _ordered(rows) if _worth(row) > _worth(leader)]
    if not better:
        return []
    best, many = f"{better[0]['name']} with {unit.value(better[0]['mean'])}", len(better)
    of = f"fewer than {LEAST_SEEDS} seeds"
    if many == 1:
        return [f"{best} is not ranked, as it has {of}."]
    return [f"{many} configurations with better means, first {best}, are not ranked, as they have {of}."]


def _collapse(leader: Row) -> list[str]:
    """That the leader has fewer active latents than there are factors, where it has."""
    active = (leader["latents"] or "").removeprefix("collapsed: ")
    return [f"In some of its runs latents collapsed ({active})."] if leader["collapsed"] else []


def _significant(gap: Gap) -> bool:
    return gap.p is not None and gap.p < ALPHA


def _against_pca(leader: Row, rows: Sequence[Row], unit: Unit, gap: Callable[[Row, Row], Gap]) -> list[str]:
    """Whether the leader is better than PCA; nothing where there is no such row."""
    scored = [row for row in rows if row["method"] == _PCA and row["mean"] is not None]
    best = _ordered(scored)[:1]
    if scored and not best:
        return [f"PCA ({unit.value(scored[0]['mean'])}) is not above chance."]
    return [_than_pca(leader, unit, gap(leader, row), f"PCA ({unit.value(row['mean'])})") for row in best]


def _than_pca(leader: Row, unit: Unit, found: Gap, pca: str) -> str:
    name, size = leader["name"], unit.points(abs(found.value))
    if found.ends is None:
        way = "better" if found.value > 0 else "worse"
        return f"{name} is {size} {way} than {pca}; whether that is more than noise is not known."
    between = f" (95 % interval {unit.points_between(*found.ends)})"
    if not _significant(found):
        return f"{name} does not beat {pca}: the difference of {unit.points(found.value)} is within noise{between}."
    if found.value > 0:
        return f"{name} beats {pca} by {size}{between}."
    return f"{name} does not beat {pca}, which is {size} better{between}."


def _missing(competing: Sequence[Row], rows: Sequence[Row]) -> list[str]:
    """What was not recorded, in words."""
    found = []
    methods = {row["method"] for row in rows}
    lacking = [title for method, title in _REFERENCES.items() if method not in methods]
    if "PCA" in lacking:
        found.append("no PCA is scored, so whether the leader beats it is not known")
    others = [title for title in lacking if title != "PCA"]
    if others:
        found.append(f"no reference row of {_listed(others)}")
    if any(row["no_null"] for row in competing):
        without = sum(row["no_null"] for row in competing)
        whose = "no nulls are recorded" if without == len(competing) else f"{_rows(without)} no null"
        found.append(f"{whose}, so whether scores are above chance is not known")
    few = sum(row["seeds"] < LEAST_SEEDS for row in competing)
    if few:
        found.append(f"{_rows(few)} fewer than {LEAST_SEEDS} seeds, so no rank")
    freedom = [row["rank_df"] for row in competing if row["rank_df"] is not None]
    if few < len(competing) and (not freedom or max(freedom) < LEAST_FREEDOM):
        have = f"{max(freedom)} degrees of freedom" if freedom else "degrees of freedom"
        found.append(f"the seeds give {have}, fewer than {LEAST_FREEDOM}, so nothing is ranked")
    return found


def _rows(number: int) -> str:
    return "1 configuration has" if number == 1 else f"{number} configurations have"


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}".replace("-", "−")

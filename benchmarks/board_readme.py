"""What a published board says, in ten sentences: `python benchmarks/board_readme.py benchmarks/boards/v1` writes its README.md.

Six on who leads by each main score of the plan, then one each on supervision by pairs, chance, agreement of the scores and the
steps of training. What a board lacks for a sentence leaves it out. A test compares each README with its board.
"""

from __future__ import annotations

import argparse
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from dlib_bvae.leaderboard.answer import Unit, gaps

README = "README.md"
DATASET, BUDGET = "dsprites_rendered", "10,000 steps of 64"
# The main scores of plan.md: metric → (score, what it is called in a sentence).
MAIN = {
    "beta_vae": ("eval_accuracy", "the β-VAE metric"),
    "factor_vae_score": ("eval_accuracy", "the FactorVAE metric"),
    "mig": ("discrete_mig", "MIG"),
    "dci": ("disentanglement", "DCI disentanglement"),
    "sap": ("SAP_score", "SAP"),
    "mcc": ("matched", "MCC"),
}
UNIT = Unit(percent=True)
Row = Mapping[str, Any]


def text(folder: Path) -> str:
    """README.md of the board in `folder`: HEAD, what its board.json says, and LIMITS."""
    board = json.loads((folder / "board.json").read_text(encoding="utf-8"))
    numbered = "\n".join(f"{number}. {each}" for number, each in enumerate(sentences(board), 1))
    return f"{HEAD.format(name=folder.name)}\n{numbered}\n\n{LIMITS}"


def sentences(board: Mapping[str, Any]) -> list[str]:
    """What the rows of a board.json say, each with its interval or, where there is none, the number of seeds."""
    rows = rows_of(board)
    return [*_leaders(board), *_pairs(board, rows), *_chance(rows), *_agreement(board), *_steps(rows)]


def rows_of(board: Mapping[str, Any]) -> list[Row]:
    """The rows of a board.json as dictionaries."""
    return [dict(zip(board["rows"]["columns"], values, strict=True)) for values in board["rows"]["data"]]


def _leaders(board: Mapping[str, Any]) -> Iterator[str]:
    """Who leads by each main score, and against PCA."""
    for each in board["answers"]:
        if (each["dataset"], each["budget"]) == (DATASET, BUDGET) and each["metric"] in MAIN:
            against = [sentence for sentence in each["more"] if "PCA" in sentence]
            yield "; ".join([each["lead"].removesuffix("."), *against[:1]]).removesuffix(".") + "."


def _ranked(rows: Sequence[Row], metric: str, supervision: str) -> list[Row]:
    """Rows that have a rank by a main score, the best first."""
    kept = [row for row in _main(rows, metric) if row["supervision"] == supervision and row["unranked"] is None]
    return sorted(kept, key=lambda row: -row["mean"])


def _main(rows: Sequence[Row], metric: str) -> list[Row]:
    """The rows of a main score after BUDGET on DATASET, those of baselines too."""
    here = [row for row in rows if row["headline"] and (row["metric"], row["score"]) == (metric, MAIN[metric][0])]
    return [row for row in here if row["dataset"] == DATASET and row["budget"] in (BUDGET, None)]


def _pairs(board: Mapping[str, Any], rows: Sequence[Row]) -> Iterator[str]:
    """What learns from pairs of images, against the best that learns from images alone."""
    gap, found = gaps(board["differences"]), []
    names: set[str] = set()
    for metric, (_, title) in MAIN.items():
        alone, paired = _ranked(rows, metric, "none")[:1], _ranked(rows, metric, "pairs")[:1]
        if alone and paired and (ends := (difference := gap(paired[0], alone[0])).ends):
            names.add(paired[0]["name"])
            found.append(f"{UNIT.points(difference.value)} ({UNIT.points_between(*ends)}) by {title}")
    if found:
        yield (
            f"{' and '.join(sorted(names))}, which learns from pairs of images, against the best that does not, with 95 % "
            f"intervals: {', '.join(found)}."
        )


def _chance(rows: Sequence[Row]) -> Iterator[str]:
    """Which trained rows are not above chance, by how many of the main scores."""
    judged = [
        row for metric in MAIN for row in _main(rows, metric) if row["budget"] and row["above_chance"] is not None
    ]
    below = [row for row in judged if not row["above_chance"]]
    if judged:
        named = ", ".join(f"{row['name']} by {MAIN[row['metric']][1]} (n = {row['seeds']})" for row in below)
        yield (
            f"Of {len(judged)} main scores of trained configurations {len(judged) - len(below)} are above what random matchings "
            f"of codes and images give (false discovery rate 5 %){f'; not above it: {named}' if below else ''}."
        )


def _agreement(board: Mapping[str, Any]) -> Iterator[str]:
    """Which two main scores order the runs most and least alike."""
    for each in board["agreement"]:
        if (each["dataset"], each["budget"]) != (DATASET, BUDGET):
            continue
        places = {score["metric"]: place for place, score in enumerate(each["scores"]) if score["metric"] in MAIN}
        pairs = [
            (each["spearman"][i][j], each["runs"][i][j], MAIN[a][1], MAIN[b][1])
            for (a, i), (b, j) in itertools.combinations(places.items(), 2)
            if each["spearman"][i][j] is not None
        ]
        if len(pairs) == 1:
            (rho, runs, first, second) = pairs[0]
            yield f"Over runs Spearman's ρ of {first} and {second} is {_rho(rho)} ({runs} runs)."
        elif pairs:
            low, high = min(pairs), max(pairs)
            yield (
                f"Over runs Spearman's ρ of two main scores lies between {_rho(low[0])} ({low[2]} and {low[3]}, {low[1]} runs) "
                f"and {_rho(high[0])} ({high[2]} and {high[3]}, {high[1]} runs)."
            )


def _rho(value: float) -> str:
    return f"{value:.2f}".replace("-", "−")


def _steps(rows: Sequence[Row]) -> Iterator[str]:
    """The β-VAE metric after 10,000 steps of a training and at its end."""
    here = [row for row in rows if (row["dataset"], row["metric"]) == (DATASET, "beta_vae")]
    here = [row for row in here if row["budget"] not in (BUDGET, None)]
    found = []
    for last in (row for row in here if row["last"]):
        for row in here:
            if row["config"] == last["config"] and row["step"] == 10_000 and not row["last"]:
                said = f"from {UNIT.value(row['mean'])} to {UNIT.value(last['mean'])}"
                found.append(f"{last['name']} {said} (n = {last['seeds']})")
    if found:
        yield f"The β-VAE metric after 10,000 steps of a training and at its end: {'; '.join(found)}."


HEAD = """# Board {name}

Every method of the suite by one recipe, scored by every metric that is not costly, with intervals, nulls and reference rows.
[plan.md](plan.md) says what is compared and how; it was written before the runs. `index.html` is the board, `board.csv` and
`board.json` have its main scores, `board.parquet` all, `versions.json` the versions of data and metrics, `runs.tar.xz` the
results that it is made of. All of it is made again by

```
dlib_bvae_study run --study=gin/studies/board_{name}.gin --results_dir=runs/board_{name} --workers=2
dlib_bvae_leaderboard --results_dir=runs/board_{name} --output_dir=board
```

or, without training, by `python benchmarks/study_results.py unpack benchmarks/boards/{name}/runs.tar.xz runs/board_{name}` and
the second line. `python benchmarks/board_readme.py benchmarks/boards/{name}` writes this page.

## What it says
"""
LIMITS = """## What it cannot say

- Which method is best when trained as its authors do: strengths are those that the configurations ship with, and the recipe was
  chosen for the β-VAE.
- Anything of real pictures: the ranked rows are of one rendered data set, whose factors are independent and few.
- How much more training changes ranks: trainings of 300,000 steps have one seed and are described, not tested.
- Which of the methods with one seed are better than others: they are shown and not ranked.
- Which score measures disentanglement: where scores order runs differently, [validity](../../../docs/validity.md) says what each
  rewards.
"""


def main() -> None:
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("folder", type=Path, help="the board, as dlib_bvae_leaderboard writes it")
    folder = flags.parse_args().folder
    (folder / README).write_text(text(folder), encoding="utf-8")
    print(folder / README)


if __name__ == "__main__":
    main()

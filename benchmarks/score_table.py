"""The table at the head of docs/metrics.md: scores of one trained β-VAE with their null, adjusted, and what they tell apart.

    python benchmarks/score_table.py [--runs=runs/score_table] [--seeds=11] [--steps=2000]
    python benchmarks/score_table.py --write README.md docs/metrics.md

β-VAEs of gin/quickstart.gin (β = 4; batches of 32) are trained on every second orientation and position of dsprites_rendered,
92,160 images, one a seed, and scored with a null of 20 matchings, 5 of `dci`; so are two untrained networks. Runs are kept in
--runs and continued. Writes results/score_table.json; --write puts the table of that file between the markers of texts.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd

from dlib_bvae.analysis.frame import collect, with_versions
from dlib_bvae.analysis.power import spreads
from dlib_bvae.leaderboard.board import build

STUDY = Path(__file__).parent / "results" / "re_beta_vae_small" / "runs.parquet"
OUTPUT = Path(__file__).parent / "results" / "score_table.json"
BEGIN, END = "<!-- benchmarks/score_table.py -->", "<!-- end -->"
VALUES = {"orientation": [*range(0, 40, 2)], "position_x": [*range(0, 32, 2)], "position_y": [*range(0, 32, 2)]}
DATA = ["dataset.name = 'subset'", "subset.data = 'dsprites_rendered'", f"subset.values = {VALUES}"]
SCORES = {  # metric → its scores in the table
    "beta_vae": ["eval_accuracy"],
    "factor_vae_score": ["eval_accuracy"],
    "mig": ["discrete_mig"],
    "sap": ["SAP_score"],
    "dci": ["disentanglement", "completeness", "informativeness_test"],
    "infomec": ["infom", "infoe", "infoc"],
    "modularity_explicitness": ["modularity_score", "explicitness_score_test"],
    "irs": ["IRS"],
    "mcc": ["matched"],
}
COSTLY = {"dci": ["dci.n_estimators = 10"]}  # and fewer matchings
MODELS = ("beta_vae", "random_encoder")
UNTRAINED = 2  # seeds of the network before its first step
HEAD = ["metric", "score", "null", "adjusted", "above chance", "untrained network", "smallest difference"]


def command(name: str, *flags: str) -> None:
    """Runs a command of the package; its failure ends the benchmark."""
    subprocess.run([sys.executable, "-m", "dlib_bvae", name, *flags], check=True)


def bound(*bindings: str) -> list[str]:
    """Bindings as flags."""
    return [f"--gin_bindings={each}" for each in bindings]


def run(runs: Path, seed: int, steps: int) -> None:
    """Trains the β-VAE of a seed, makes the untrained network, and scores both."""
    length = [f"model.training_steps = {steps}", "model.batch_size = 32"]
    settings = {"beta_vae": ["gin/quickstart.gin", *length], "random_encoder": ["gin/random_encoder_dsprites.gin"]}
    if seed >= UNTRAINED:
        del settings["random_encoder"]
    for model, (file, *bindings) in settings.items():
        place = f"--model_dir={runs / f'{model}-{seed}'}"
        seeded = [*DATA, f"model.random_seed = {seed}", f"model.name = '{model}'", *bindings]
        command("train", f"--gin_config={file}", *bound(*seeded), place)
        cheap = ",".join(["active_units", *(name for name in SCORES if name not in COSTLY)])
        command("evaluate", f"--metric={cheap}", "--null=20", place)
        for name, parameters in COSTLY.items():
            command("evaluate", f"--metric={name}", "--null=5", *bound(*parameters), place)


def found(runs: Path) -> dict[str, Any]:
    """What the results below `runs` say: of each score in the table the rows of both models on a board."""
    frame, problems = collect(runs)
    if problems:
        raise SystemExit("\n".join(problems))
    rows = {(row["model"], row["metric"], row["score"]): row for row in build(frame, runs, runs)["rows"]}
    names = ("mean", "std", "seeds", "null", "above_chance", "chance_p", "adjusted", "adjusted_random")
    kept = (*names, "smallest_difference", "latents", "metric_parameters")
    scores = [(metric, score) for metric, named in SCORES.items() for score in named]
    return {
        f"{metric}.{score}": {model: {name: rows[model, metric, score][name] for name in kept} for model in MODELS}
        for metric, score in scores
        if all((model, metric, score) in rows for model in MODELS)
    }


def of_study(scores: dict[str, Any]) -> dict[str, Any]:
    """What the small study's networks on dsprites_rendered tell apart by the same metrics: {score: value, df, seeds}."""
    known = spreads(with_versions(pd.read_parquet(STUDY)))
    known = known[(known["source"] == "training seed") & (known["dataset"] == "dsprites_rendered")]
    found = {}
    for name, models in scores.items():
        metric, score = name.split(".")
        given = models["beta_vae"]["metric_parameters"]
        for row in known[(known["metric"] == metric) & (known["score"] == score)].to_dict("records"):
            parameters = json.loads(row["metric_parameters"])
            if all(given[key] == value for key, value in parameters.items() if key in given) and pd.notna(row["sd"]):
                kept = {"value": "smallest_difference", "df": "degrees_of_freedom", "seeds": "seeds"}
                found[name] = {key: row[column] for key, column in kept.items()}
    return found


def table(results: dict[str, Any]) -> str:
    """The table with a sentence on what it shows, in Markdown."""
    lines = [HEAD, ["---"] * len(HEAD)]
    for name, models in results["scores"].items():
        row, untrained = models["beta_vae"], models["random_encoder"]
        least = row["smallest_difference"] or {"value": None}
        metric, score = name.split(".")
        cells = [_number(row), _number(row["null"]), _number(row["adjusted"]), "yes" if row["above_chance"] else "no"]
        of_others = results["study"].get(name)
        known = "not known" if of_others is None else f"{of_others['value']:.3f} *"
        difference = known if least["value"] is None else f"{least['value']:.3f}"
        lines.append([f"`{metric}` `{score}`", *cells, _number(untrained), difference])
    text = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    seeds, steps = results["seeds"], results["steps"]
    others = next(iter(results["study"].values()), None)
    starred = (
        ""
        if others is None or " * |" not in text
        else f"\n\\* of the networks of `re_beta_vae_small` on all of `dsprites_rendered`: {others['seeds']} seeds, "
        f"{others['df']} degrees of freedom.\n"
    )
    said = (
        f"A β-VAE (β = 4, {steps:,} steps, {seeds} seeds) on every second orientation and position of `dsprites_rendered`,\n"
        "mean ± standard deviation over seeds. Null: the same codes given to other images at random. Adjusted: 0 for the null,\n"
        "1 for the best value. Smallest difference: what a t test at 5 % finds with 80 % probability between two models of\n"
        f"{seeds} seeds each, known from 10 degrees of freedom on. Untrained: the network before its first step\n"
        "(`benchmarks/score_table.py`; `dci` with 10 trees).\n"
    )
    return f"{BEGIN}\n{said}\n{text}\n{starred}{END}"


def _number(entry: dict[str, Any]) -> str:
    text = f"{entry['mean']:.3f}" if entry["std"] is None else f"{entry['mean']:.3f} ± {entry['std']:.3f}"
    return text.replace("-", "−")


def write(path: Path, text: str) -> None:
    """Puts the table between the markers in a file."""
    before = path.read_text(encoding="utf-8")
    after, number = re.subn(f"{re.escape(BEGIN)}.*?{re.escape(END)}", lambda _: text, before, flags=re.DOTALL)
    if number != 1:
        raise SystemExit(f"{path} must have {BEGIN} … {END} once")
    path.write_text(after, encoding="utf-8")


def main() -> None:
    """Trains and scores what is lacking, and writes what is found; with --write only the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=Path, default=Path("runs/score_table"))
    parser.add_argument("--seeds", type=int, default=11)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--write", type=Path, nargs="+", default=[])
    flags = parser.parse_args()
    if not flags.write:
        for seed in range(flags.seeds):
            run(flags.runs, seed, flags.steps)
        results: dict[str, Any] = {
            "seeds": flags.seeds,
            "steps": flags.steps,
            "data": DATA,
            "scores": found(flags.runs),
        }
        results["study"] = of_study(results["scores"])
        OUTPUT.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    text = table(json.loads(OUTPUT.read_text(encoding="utf-8")))
    for path in flags.write:
        write(path, text)
    print(text)


if __name__ == "__main__":
    main()

"""What a run's page says of it: name, settings, scores, links and how to cite it; a trained run and its codes in, texts out."""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dlib_bvae import metrics
from dlib_bvae.artifacts import finished, read_identity, read_results
from dlib_bvae.artifacts.citation import bibtex, short_commit
from dlib_bvae.errors import UserError, warn_once
from dlib_bvae.metrics.score_info import About, Score, info_of, said_by
from dlib_bvae.models.naming import readable_name, text_of
from dlib_bvae.stages.inputs import TrainedRun
from dlib_bvae.visualize.page import Cite, Facts, Shown

_BOARD = Path("board", "index.html")  # where dlib_bvae_leaderboard writes, unless it is given another folder
_ABOVE = 3  # folders above a run in which a board is looked for
_WHERE = {
    "rendered": "rendered images, not the published files",
    "official": "the published files",
    "re-encoded": "re-encoded pictures, not the published files",
    "external": "files of the user",
}
_OPTIMIZER, _BATCH = "model.optimizer", "model.batch_size"


def facts_of(trained: TrainedRun, encoded: Path, directory: Path) -> Facts:
    """What the page in `directory` says of a run. encoded: the directory of its codes.

    It imports the metrics that scored them, so no configuration may be open.
    """
    results, parameters = trained.results, trained.identity.parameters
    environment = results.get("environment", {})
    commit = short_commit(environment.get("git_commit"))
    origin = _WHERE.get(str(results.get("origin", "")), "")
    lines = [
        ("data", f"{results['dataset']}{f' ({origin})' if origin else ''}"),
        ("network", _network(parameters)),
        ("training", _training(results, parameters)),
        *[
            (name, f"{results[key]:.2f}{' nats per image' if 'reconstruction' in results else ''}")
            for key, name in (("loss", "loss"), ("reconstruction", "reconstruction"), ("kl", "KL"))
            if isinstance(results.get(key), (int, float))
        ],
        ("run", trained.directory.name),
        ("trained", f"{str(results.get('started', ''))[:10]} on {results.get('device', 'an unknown device')}".strip()),
        ("version", f"dlib_bvae {environment.get('package_version', '')} {commit}".strip()),
    ]
    title = readable_name(parameters, str(results["model"]))
    return Facts(
        title=f"{title} on {results['dataset']}",
        lines=[(name, value) for name, value in lines if value],
        scores=_scores(encoded, directory),
        links=_links(trained, encoded, directory),
        cite=_cite(title, results, environment),
    )


def score_digests(encoded: Path) -> dict[str, str]:
    """{name of its folder: digest} of every evaluation of these codes; one that cannot be read is named and left out."""
    mine = read_identity(encoded, "postprocess").digest
    found = {}
    for place in finished(encoded / "metrics", "evaluation"):
        try:
            identity = read_identity(place, "evaluation")
            read_results(place, "evaluation")
        except UserError as error:
            warn_once(f"left out of the page: {error}")
            continue
        if identity.inputs.get("codes") == mine:
            found[place.name] = identity.digest
    return found


def _scores(encoded: Path, directory: Path) -> list[Shown]:
    """The main scores of the evaluations."""
    found = []
    for name in score_digests(encoded):
        place = encoded / "metrics" / name
        results = read_results(place, "evaluation")
        known, first = _known(str(results.get("metric", name)))
        names = [str(key) for key in results.get("score_names") or ()]
        main = [key for key in names if any(fnmatch.fnmatchcase(key, pattern) for pattern in first)] or names[:1]
        link = _relative(place / "results" / "json" / "evaluation_results.json", directory)
        for key in main:
            info = info_of(known, key)
            chance = ((results.get("null") or {}).get(key) or {}).get("mean")
            value = _number(results.get(key), info)
            found.append(Shown(name, key, value, "" if chance is None else _number(chance, info), link))
    return found


def _known(metric: str) -> tuple[dict[str, Score], tuple[str, ...]]:
    """What is known of a metric's scores, and which to look at first; nothing of a metric that is not installed here."""
    if metric not in metrics.METRICS:
        return {}, ()
    about: dict[str, About] = said_by(metrics.METRICS, metric, "ABOUT", {})
    return metrics.scores_of(metric), about[metric].scores if metric in about else ()


def _number(value: Any, info: Score | None) -> str:
    """A score in %, where it goes from 0 to 1, else as a number."""
    if not isinstance(value, (int, float)):
        return "no value"
    return f"{100 * value:.1f} %" if info is not None and (info.low, info.high) == (0.0, 1.0) else f"{value:.4g}"


def _network(parameters: Mapping[str, Any]) -> str:
    both = [text_of(parameters[key]) for key in ("encoder.encoder_fn", "decoder.decoder_fn") if key in parameters]
    return ", ".join(both)


def _training(results: Mapping[str, Any], parameters: Mapping[str, Any]) -> str:
    parts = [f"{results['steps']:,} steps"] if isinstance(results.get("steps"), int) else []
    if parts and _BATCH in parameters:
        parts.append(f"batch size {parameters[_BATCH]}")
    if parts and _OPTIMIZER in parameters:
        parts.append(text_of(parameters[_OPTIMIZER]))
    return ", ".join([*parts, f"seed {results['seed']}"])


def _links(trained: TrainedRun, encoded: Path, directory: Path) -> list[tuple[str, str]]:
    """Files of the run, and the board where there is one."""
    files = {
        "training results": trained.directory / "train" / "results" / "json" / "train_results.json",
        "configuration": trained.directory / "train" / "results" / "gin" / "train.gin",
        "codes": encoded / "codes.npy",
    }
    found = [(name, _relative(path, directory)) for name, path in files.items() if path.is_file()]
    boards = [parent / _BOARD for parent in list(trained.directory.resolve().parents)[:_ABOVE]]
    return found + [("board", _relative(path, directory)) for path in boards if path.is_file()][:1]


def _relative(path: Path, directory: Path) -> str:
    return Path(os.path.relpath(path.resolve(), directory.resolve())).as_posix()


def _cite(title: str, results: Mapping[str, Any], environment: Mapping[str, Any]) -> Cite:
    """How the run is cited: a sentence and BibTeX."""
    version, commit = environment.get("package_version", "unknown"), environment.get("git_commit") or "unknown"
    year = str(results.get("started", ""))[:4]
    text = (
        f"{title}, trained on {results['dataset']} (fingerprint {results['fingerprint']}) with seed {results['seed']} by "
        f"dlib_bvae {version}, commit {commit}."
    )
    return Cite(text, bibtex(str(version), f"commit {commit}", year))

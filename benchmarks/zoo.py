"""Makes a model of the zoo of a finished run: its weights in float16, the gin text of its training, and a card with its scores.

    python benchmarks/zoo.py runs/beta4_dsprites --name=beta4_dsprites [--images=2000] [--folder=dlib_bvae/models/zoo]

The float16 network encodes --images images of the run's data set, and is scored by every evaluation that the run has (without
its null). Nothing is written where the weights are too large, or codes or scores are further from the run's than rounding to
float16 explains (CODES_WITHIN, SCORES_WITHIN of dlib_bvae/models/zoo.py); the card records how far they are.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from dlib_bvae.artifacts import finished, read_identity, read_results
from dlib_bvae.artifacts.citation import bibtex
from dlib_bvae.artifacts.identity import Identity
from dlib_bvae.errors import UserError
from dlib_bvae.gin_text import BINDING, literal, recorded
from dlib_bvae.models import zoo
from dlib_bvae.models.naming import readable_name
from dlib_bvae.stages import evaluate
from dlib_bvae.stages.inputs import same_data, trained_results, trained_run
from dlib_bvae.training.warm_start import start_from

LICENCE = "Apache-2.0, as dlib_bvae"
_REFERENCE = re.compile(r"@[\w./]+(\(\))?")
_NOT_KEPT = ("uuid", "identity", "weights")  # of the training's results: those of its files


def make(run: Path, name: str, folder: Path, images: int = 2_000) -> dict[str, Any]:
    """Writes the entry `name` of the run into `folder` and returns its card.

    images: of the data set, whose codes are compared. Raises UserError for a run that no zoo takes, and where float16 changes
    more than it may.
    """
    run = trained_run(run)
    results, identity = trained_results(run), read_identity(run / "train", "train")
    if not re.fullmatch(r"[a-z0-9_]+", name):
        raise UserError(f"--name must be of small letters, digits and _; got {name!r}")
    if not (run / "train" / "saved_model").is_dir() or identity.parameters.get("model.initial_weights"):
        raise UserError(
            f"{run} has no network, or one that began from another run's weights; give a run trained from its seed"
        )
    data, text = same_data(run), flattened(run, identity)
    network = zoo.network_of(text, run / "train", data.observation_shape)
    start_from(str(run), network)
    rows = np.sort(np.random.default_rng(0).permutation(data.num_images)[:images])
    codes = lambda: np.concatenate(
        [network.encode(data.observations_at(part))[0].numpy() for part in np.array_split(rows, -(-len(rows) // 200))]
    )
    before, weights = codes(), zoo.weights_of(network)
    zoo.set_weights(network, weights, name)
    off, within = zoo.apart(before, codes()), zoo.CODES_WITHIN[identity.parameters["model.precision"]]
    if not off <= within:
        raise UserError(
            f"{run}: codes of float16 weights are off by {off:.2g} of their root mean square, more than {within:.2g}"
        )
    file = io.BytesIO()
    np.savez_compressed(file, **weights)
    if file.tell() > zoo.LARGEST:
        raise UserError(f"{run} has {file.tell() / 2**20:.2f} MiB of weights, more than {zoo.LARGEST / 2**20:g}")
    content = {zoo.GIN: text.encode(), zoo.WEIGHTS: file.getvalue()}
    card = {
        "name": name,
        **described(results, identity, sum(each.size for each in weights.values())),
        "observation_shape": list(data.observation_shape),
        "files": {each: hashlib.sha256(written).hexdigest() for each, written in content.items()},
        "float16": {
            "codes": off,
            "images": len(rows),
            "codes_of_noise": network.encode(zoo.noise_images(data.observation_shape))[0].numpy().tolist(),
        },
        "licence": LICENCE,
        "training": {
            "results": {key: value for key, value in results.items() if key not in _NOT_KEPT},
            "identity": identity.to_json(),
        },
        "scores": [],
    }
    with tempfile.TemporaryDirectory() as place:
        write(Path(place) / name, card, content)
        card["scores"] = scores(run, name, Path(place))
        write(Path(place) / name, card, content)
        shutil.rmtree(folder / name, ignore_errors=True)
        shutil.copytree(Path(place) / name, folder / name)
    return card


def flattened(run: Path, identity: Identity) -> str:
    """The gin text of a training with every parameter, also the functions that its own text leaves out as defaults."""
    path = run / "train" / "results" / "gin" / "train.gin"
    found = {each.key: f"{literal(each.value)}" for each in recorded(path.read_text(encoding="utf-8"), str(path))}
    known = {key: value for key, value in identity.parameters.items() if isinstance(value, str)}
    found |= {key: value for key, value in known.items() if key not in found and _REFERENCE.fullmatch(value)}
    return "".join(f"{key} = {value}\n" for key, value in sorted(found.items()))


def described(results: dict[str, Any], identity: Identity, weights: int) -> dict[str, Any]:
    """line, about and citation of a card."""
    parameters, environment = identity.parameters, results["environment"]
    title = f"{readable_name(parameters, results['model'])} on {results['dataset']}"
    about = {
        "method": readable_name(parameters, results["model"]),
        **{key: results.get(key) for key in ("dataset", "fingerprint", "origin", "steps", "seed", "device")},
        "batch_size": parameters.get("model.batch_size"),
        "precision": parameters["model.precision"],
        "weights": weights,
        **{key: environment.get(key) for key in ("package_version", "git_commit")},
    }
    line = f"{title}, {about['steps']:,} steps of {about['batch_size']}, seed {about['seed']}, {about['precision']}"
    note = f"{title}, seed {about['seed']}, commit {about['git_commit']}"
    citation = bibtex(str(about["package_version"]), note, str(results.get("started", ""))[:4])
    return {"line": line, "about": about, "citation": citation}


def scores(run: Path, name: str, folder: Path) -> list[dict[str, Any]]:
    """The evaluations of the last model of a run, and what zoo:`name` in `folder` scores by the same."""
    found, zoo.FOLDER = [], folder
    representations = [each for each in finished(run, "postprocess") if "-step" not in each.name]
    for codes in representations:
        for place in finished(codes / "metrics", "evaluation"):
            results = read_results(place, "evaluation")
            row = {
                "metric": results["metric"],
                "representation": codes.name,
                "bindings": [*bindings(codes, "postprocess"), *bindings(place, "evaluation")],
                "scores": {key: results.get(key) for key in results["score_names"]},
                "null": results.get("null"),
            }
            row["float16"] = scored_again(name, row, folder / "runs")
            if apart := different(row["scores"], row["float16"]):
                raise UserError(f"{run}: {row['metric']} of float16 weights is too far off: {apart}")
            found.append(row)
    return found


def bindings(place: Path, stage: str) -> list[str]:
    """The parameters that a stage used, as gin bindings."""
    path = place / "results" / "gin" / f"{stage}.gin"
    found = recorded(path.read_text(encoding="utf-8"), str(path))
    return [f"{each.key} = {literal(each.value)}" for each in found if each.kind == BINDING]


def scored_again(name: str, row: dict[str, Any], output_dir: Path) -> dict[str, float | None]:
    """The scores of zoo:`name` by the evaluation of a row of its card, without a null."""
    lines = [*row["bindings"], "evaluation.null = 0"]
    (place,) = evaluate.run(row["metric"], [], lines, Path(f"{zoo.PREFIX}{name}"), output_dir=output_dir)
    results = read_results(place, "evaluation")
    return {key: results.get(key) for key in row["scores"]}


def different(expected: dict[str, float | None], found: dict[str, float | None]) -> str:
    """Which scores are further apart than SCORES_WITHIN allows; "" for none."""
    within = lambda value, here: abs(value - here) <= zoo.SCORES_WITHIN * max(1.0, abs(value))
    apart = []
    for key, value in expected.items():
        here = found[key]
        if not (value is here if value is None or here is None else within(value, here)):
            apart.append(f"{key} {here} instead of {value}")
    return ", ".join(apart)


def write(place: Path, card: dict[str, Any], content: dict[str, bytes]) -> None:
    """Writes an entry."""
    place.mkdir(parents=True, exist_ok=True)
    for name, written in content.items():
        (place / name).write_bytes(written)
    text = json.dumps(card, indent=1, ensure_ascii=False, allow_nan=False)
    (place / zoo.CARD).write_text(text + "\n", encoding="utf-8")


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--name", required=True)
    parser.add_argument("--folder", type=Path, default=zoo.FOLDER)
    parser.add_argument("--images", type=int, default=2_000)
    given = parser.parse_args()
    try:
        card = make(given.run, given.name, given.folder, given.images)
    except UserError as error:
        raise SystemExit(str(error)) from error
    scored = f"{len(card['scores'])} evaluations"
    print(f"{given.folder / given.name}: {card['line']}; codes off by {card['float16']['codes']:.2g}, {scored}")


if __name__ == "__main__":
    main()

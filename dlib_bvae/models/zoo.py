"""The model zoo: trained models that are installed with the package; a name → a run directory with its SavedModel, in the cache.

An entry is a folder of zoo/: card.json (what it is, checksums, scores), train.gin (its training, without macros) and weights.npz
(float16). The weights are checked before they are used, and nothing is unpickled.
"""

from __future__ import annotations

import hashlib
import importlib
import io
import json
import shutil
import uuid
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import gin
import numpy as np

import dlib_bvae
from dlib_bvae import gin_names
from dlib_bvae.artifacts import Identity, is_done, write_stage
from dlib_bvae.artifacts.permissions import damage_is_said
from dlib_bvae.config import part_of_configuration
from dlib_bvae.datasets.cache import CACHE_VARIABLE, cache_dir, locked
from dlib_bvae.errors import UserError, unknown
from dlib_bvae.gin_text import IMPORT, Reference, Statement, effective, recorded, references
from dlib_bvae.runtime import load_tensorflow

FOLDER = Path(__file__).with_name("zoo")
PREFIX = "zoo:"
CARD, GIN, WEIGHTS = "card.json", "train.gin", "weights.npz"
LARGEST = 5 * 2**19  # bytes of the weights
# How far codes may move, of their root mean square: sixteen roundings, as of so many layers, to float16 (2^-11), or to bfloat16
# (2^-8) where the network computes in it, as another last bit of a weight makes other roundings on the way.
CODES_WITHIN = {"float32": 2**-7, "mixed_float16": 2**-7, "mixed_bfloat16": 2**-4}
# How far a score may move, of its size where that is above 1: a few of a metric's images change sides where codes are rounded.
SCORES_WITHIN = 0.02
NOISE_IMAGES = 4
_FACTS = {
    **dict.fromkeys(("name", "line", "licence", "citation"), str),
    **dict.fromkeys(("about", "files", "float16", "training"), dict),
    **dict.fromkeys(("observation_shape", "scores"), list),
}
_FACTOR = 4  # bytes of the SavedModel for one of the weights, about


def names() -> list[str]:
    """The models of this installation, sorted."""
    return sorted(path.parent.name for path in FOLDER.glob(f"*/{CARD}"))


def name_in(source: str | Path) -> str | None:
    """The name in "zoo:name"; None where `source` is something else, as a path is."""
    text = str(source)
    return text.removeprefix(PREFIX) if text.startswith(PREFIX) else None


def card(name: str) -> dict[str, Any]:
    """What is known of a model of the zoo.

    line, about: what it is, as a sentence and by parts. observation_shape: of an image. files: {file: SHA-256}. training: results
    and identity of its training.
    float16: how far its codes are from those of the float32 weights, of their root mean square, and on how many images; and its
    codes of noise_images, with which the network's build elsewhere is compared. scores:
    of each evaluation the metric, the bindings that score again, the scores of the float32 weights, their null, and those of
    these weights. licence, citation (BibTeX).
    Raises UnknownName, with the near names, and UserError for a card that is damaged.
    """
    known = names()
    if not known:
        raise UserError(
            f"there is no {PREFIX}{name}: the zoo of this installation is empty; train a model instead, e.g. "
            "dlib_bvae_train --gin_config=gin/beta4_dsprites.gin"
        )
    if name not in known:
        raise unknown("model of the zoo", name, known)
    path = FOLDER / name / CARD
    with damage_is_said(lambda _: _damaged(path), OSError, ValueError, RecursionError):
        found = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(found, dict) or any(not isinstance(found.get(key), kind) for key, kind in _FACTS.items()):
        raise _damaged(path)
    return found


def run_directory(name: str) -> Path:
    """A run directory with the training's results and SavedModel of zoo:`name`, which is made in the cache folder once.

    Its files are compared with their checksums first. The training's results have the name as "zoo". Raises UserError as card()
    does, and for files that are damaged.
    """
    found = card(name)
    content = {file: _checked(FOLDER / name / file, found["files"].get(file)) for file in (GIN, WEIGHTS)}
    made_of = [dlib_bvae.__version__, *(found[key] for key in ("name", "files", "observation_shape", "training"))]
    key = hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()[:16]
    place = _cache() / f"{name}-{key}"
    if not is_done(place / "train", "train"):
        with locked(place, f"unpack {PREFIX}{name}", CACHE_VARIABLE, _FACTOR * len(content[WEIGHTS])):
            if not is_done(place / "train", "train"):
                _unpack(found, content, place)
    return place


def name_of(directory: Path) -> str | None:
    """The model that run_directory made `directory` of; None for any other directory."""
    place = directory.resolve()
    return place.name.rpartition("-")[0] if place.parent == _cache().resolve() else None


def _cache() -> Path:
    return cache_dir() / "zoo"


def network_of(text: str, where: Path | str, observation_shape: tuple[int, int, int]) -> Any:
    """The network of the training that a gin text says, with the weights that its seed gives.

    where: the file of `text`, for messages. Raises UserError for a text that imports modules, whose networks no zoo has.
    """
    found = recorded(text, str(where))
    if imported := [each.key for each in found if each.kind == IMPORT]:
        raise UserError(f"{where} has {imported[0]!r}; a model of the zoo is made of this package's parts only")
    parameters = {key: each.value for key, each in effective(found)[0].items()}
    chosen, seed, precision = (parameters.get(f"model.{key}") for key in ("network", "random_seed", "precision"))
    if not isinstance(chosen, Reference) or seed is None or precision is None:
        raise UserError(
            f"{where} does not say model.network, model.random_seed and model.precision, as a training's text does"
        )
    _import(found)
    with part_of_configuration(found, []):
        return gin.get_configurable(chosen.selector)(observation_shape, seed, precision)


def _import(found: list[Statement]) -> None:
    """Imports the parts of networks that `found` names, so that gin knows them."""
    known = gin_names.configurables()
    named = {each.key.rpartition(".")[0].rpartition("/")[2].rpartition(".")[2] for each in found}
    named |= {reference.selector for each in found for reference in references(each.value)}
    with gin.unlock_config():
        for module in sorted({known[name].module for name in named & known.keys()}):
            if module.startswith("dlib_bvae.models."):
                importlib.import_module(module)


def noise_images(observation_shape: Sequence[int]) -> np.ndarray:
    """Images of independent uniform pixels, float32 (NOISE_IMAGES, H, W, C) in [0, 1], the same ones everywhere."""
    return np.random.default_rng(0).uniform(size=(NOISE_IMAGES, *observation_shape)).astype(np.float32)


def apart(codes: np.ndarray, others: np.ndarray) -> float:
    """How far `others` (images, latents) are from `codes`: the root mean square of the difference, of that of `codes`."""
    return float(np.sqrt(np.mean((others - codes) ** 2) / np.mean(codes**2)))


def weights_of(network: Any) -> dict[str, np.ndarray]:
    """The variables of a network as the zoo keeps them, by their place and name: float16 what is float32, else as it is.

    Raises UserError for a weight that float16 does not have.
    """
    found = {}
    for key, variable in _variables(network).items():
        value = variable.numpy()
        if value.dtype == np.float32:
            with np.errstate(over="ignore"):
                small = value.astype(np.float16)
            if not np.isfinite(small).all():
                raise UserError(f"{variable.name} has a weight of {np.abs(value).max():g}, which float16 does not have")
            value = small
        found[key] = value
    return found


def set_weights(network: Any, weights: dict[str, np.ndarray], where: Path | str) -> None:
    """Gives `network` what weights_of gave. Raises UserError, which names `where`, for those of another network."""
    variables = _variables(network)
    shapes = {key: (tuple(variable.shape), variable.dtype.as_numpy_dtype) for key, variable in variables.items()}
    kinds = {
        key: (each.shape, np.float32 if each.dtype == np.float16 else each.dtype.type) for key, each in weights.items()
    }
    if kinds != shapes:
        differ = next(key for key in [*shapes, *kinds] if shapes.get(key) != kinds.get(key))
        raise UserError(f"{where} is of another network than this version of dlib_bvae builds: {differ} differs")
    for key, variable in variables.items():
        variable.assign(weights[key].astype(kinds[key][1]))


def _variables(network: Any) -> dict[str, Any]:
    """tf.Module gives them in an order of its own, by the names of attributes."""
    name = lambda variable: variable.name.partition(":")[0].replace("/", "_")
    return {f"{place:03}_{name(variable)}": variable for place, variable in enumerate(network.variables)}


def _checked(path: Path, expected: object) -> bytes:
    """The content of a file of the zoo, whose SHA-256 is the expected one."""
    with damage_is_said(lambda _: _damaged(path), OSError):
        content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != expected:
        raise _damaged(path, "its SHA-256 is not that of the card; ")
    return content


def _unpack(found: dict[str, Any], content: dict[str, bytes], place: Path) -> None:
    """Writes the run directory `place`, which appears when it is whole."""
    load_tensorflow()
    from dlib_bvae.models.saved_model import export

    path, part = FOLDER / found["name"] / WEIGHTS, place.with_name(f"{place.name}.part")
    errors = (OSError, ValueError, KeyError, zipfile.BadZipFile, zlib.error)
    with (
        damage_is_said(lambda _: _damaged(path), *errors),
        np.load(io.BytesIO(content[WEIGHTS]), allow_pickle=False) as file,
    ):
        weights = {key: file[key] for key in file.files}
    text = content[GIN].decode()
    network = network_of(text, path.with_name(GIN), tuple(found["observation_shape"]))
    set_weights(network, weights, path)
    results, sha256 = found["training"]["results"], found["files"][WEIGHTS]
    identity = Identity.from_json(found["training"]["identity"])
    identity = replace(identity, inputs={**identity.inputs, "weights": sha256})
    more = {"zoo": found["name"], "uuid": str(uuid.uuid5(uuid.NAMESPACE_OID, place.name))}
    for each in (part, place):
        shutil.rmtree(each, ignore_errors=True)
    export(network, part / "train" / "saved_model")
    write_stage(part / "train", identity, results={**results, **more}, gin_text=text, earlier=None)
    part.rename(place)


def _damaged(path: Path, why: str = "") -> UserError:
    return UserError(f"{path} is damaged: {why}install dlib_bvae again")

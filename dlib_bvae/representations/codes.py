"""Images of a data set and an encoder → codes.npy: the code of every image in index order, a posterior's mean or a sample.

Written in blocks, continued after an interruption, checked when read; the stages evaluate, rank and visualize read them.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

import gin
import numpy as np
from rich.console import Console
from rich.progress import Progress

from dlib_bvae.artifacts import write_atomic
from dlib_bvae.artifacts.permissions import damage_is_said, permission_is_said
from dlib_bvae.datasets import ImageData
from dlib_bvae.datasets.cache import mapped, sha256_of
from dlib_bvae.errors import Damaged, UserError, is_disk_full
from dlib_bvae.models import MOST_LATENTS
from dlib_bvae.registry import Registry

ON_DEMAND = "encoded.npz"  # of codes that are encoded when they are asked for
CODES_FILES = ("codes.npy", "codes.json")
ENCODE_AGAIN = "run dlib_bvae_postprocess --overwrite"
_BLOCK = 16_384
BATCH = 1_024  # images that are encoded at once
# Observations float32 (n, H, W, C) → posterior mean float32 (n, latents), and log_variance of the same shape or None.
Encode: TypeAlias = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray | None]]
# Mean, log_variance and random numbers → codes float32 (n, latents).
Reduction: TypeAlias = Callable[[np.ndarray, np.ndarray | None, np.random.Generator], np.ndarray]


REPRESENTATIONS = Registry(
    "representation",
    "dlib_bvae.representations",
    {name: f"dlib_bvae.representations.codes:{name}" for name in ("mean_representation", "sampled_representation")},
)


@gin.configurable(denylist=["mean", "log_variance", "rng"])
def mean_representation(mean: np.ndarray, log_variance: np.ndarray | None, rng: np.random.Generator) -> np.ndarray:
    """The posterior mean: float32 (n, latents) → the same."""
    del log_variance, rng
    return mean


@gin.configurable(denylist=["mean", "log_variance", "rng"])
def sampled_representation(mean: np.ndarray, log_variance: np.ndarray | None, rng: np.random.Generator) -> np.ndarray:
    """One posterior sample a row: float32 (n, latents) twice → float32 (n, latents).

    Raises UserError where the encoder gives no log_variance.
    """
    if log_variance is None:
        raise UserError("the encoder gives no log_variance, so nothing can be sampled; use @mean_representation")
    return mean + np.exp(0.5 * log_variance) * rng.standard_normal(mean.shape, dtype=np.float32)


def encode_all(encode: Encode, data: ImageData, reduction: Reduction, directory: Path, seed: int) -> dict[str, Any]:
    """Encodes every image of `data` into `directory`/codes.npy (float32 (images, latents)) and describes it in codes.json.

    reduction: one of REPRESENTATIONS. seed: of its random numbers, a stream for each block: a call that continues where an
    interrupted one stopped gives the same codes. Returns the description (shape, dtype, sha256).
    Raises UserError when the disk is full, a code is not finite, or an image has more than MOST_LATENTS of them.
    """
    latents = encode(data.observations_at(np.arange(1)))[0].shape[1]
    check_width(latents)
    path, progress_path = directory / "codes.npy", directory / "encoded.json"
    begun = _rows_done(path, progress_path, (data.num_images, latents))
    try:
        codes = (
            np.load(path, mmap_mode="r+", allow_pickle=False) if begun else _create(path, (data.num_images, latents))
        )
        with Progress(console=Console(stderr=True), transient=True) as progress:
            task = progress.add_task(f"encoding {data.name}", total=data.num_images, completed=begun)
            for start in range(begun, data.num_images, _BLOCK):
                stop = min(start + _BLOCK, data.num_images)
                codes[start:stop] = _encode_block(encode, data, reduction, start, stop, seed)
                codes.flush()
                write_atomic(progress_path, json.dumps({"rows": stop}))
                progress.update(task, completed=stop)
    except OSError as error:
        if not is_disk_full(error):
            raise
        raise UserError(
            f"the disk is full: {path} needs {4 * latents * data.num_images / 2**20:,.0f} MiB; free some space and run "
            "the same command again, it continues"
        ) from error
    description = {"shape": list(codes.shape), "dtype": "float32", "sha256": sha256_of(path)}
    write_atomic(directory / "codes.json", json.dumps(description, indent=2) + "\n")
    progress_path.unlink()
    return description


def codes_digest(codes: np.ndarray) -> str:
    """64 hexadecimal digits that are the same for equal codes, of any type and in any order of memory: codes (images, latents).

    The SHA-256 of codes.npy as encode_all writes it: float32 where that holds every value exactly, else float64; -0 is 0.
    """
    blocks = lambda kind: _blocks(codes, kind)
    both = zip(blocks("<f4"), blocks("<f8"), strict=True)
    single = codes.dtype == np.float32 or all(np.array_equal(one, two) for one, two in both)
    file = io.BytesIO()
    _write_header(file, "<f4" if single else "<f8", codes.shape)
    digest = hashlib.sha256(file.getvalue())
    for block in blocks("<f4" if single else "<f8"):
        digest.update(block.tobytes())
    return digest.hexdigest()


def recorded_digest(directory: Path, row: Mapping[str, Any]) -> str | None:
    """The digest of codes by results of earlier versions, which do not record it: their file's checksum; None: not known.

    directory: of the codes, with codes.json where they were encoded here. row: entries "postprocess_results.…"; the checksum
    of a file with several arrays says nothing of one.
    """
    if row.get("postprocess_results.source") is not None:
        return row.get("postprocess_results.trained") if row.get("postprocess_results.codes_key") is None else None
    path = directory / "codes.json"
    try:
        found = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
    except (OSError, ValueError, RecursionError):
        return None
    sha256 = found.get("sha256") if isinstance(found, dict) else None
    return sha256 if isinstance(sha256, str) else None


def _blocks(codes: np.ndarray, kind: str) -> Iterator[np.ndarray]:
    for start in range(0, len(codes), _BLOCK):
        with np.errstate(over="ignore"):  # what float32 cannot hold is not equal
            yield np.ascontiguousarray(codes[start : start + _BLOCK], kind) + np.array(0, kind)


def check_width(latents: int) -> None:
    """Raises UserError for more than MOST_LATENTS numbers per image."""
    if latents > MOST_LATENTS:
        raise UserError(
            f"codes may have at most {MOST_LATENTS} numbers per image, as a sample of more does not fit into memory; got "
            f"{latents}; give fewer, for instance their principal components"
        )


def _rows_done(path: Path, progress_path: Path, shape: tuple[int, int]) -> int:
    """How far an interrupted encoding came; 0 where its files are missing or damaged, which only costs time."""
    try:
        begun = mapped(path)
        rows = int(json.loads(progress_path.read_text(encoding="utf-8"))["rows"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError, OverflowError):
        return 0
    return rows if begun.shape == shape and begun.dtype == np.float32 and 0 <= rows <= shape[0] else 0


def codes_sha256(directory: Path) -> str | None:
    """The SHA-256 of the codes under `directory` as they were written; where no description says it, of what is there.

    None where there are none. Raises UserError where they cannot be read.
    """
    path = directory / "codes.npy"
    with permission_is_said():
        try:
            return str(json.loads((directory / "codes.json").read_text(encoding="utf-8"))["sha256"])
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return sha256_of(path) if path.is_file() else None


def read_codes(directory: Path, advice: str = ENCODE_AGAIN) -> np.ndarray:
    """The codes under `directory`, float32 (images, latents), memory-mapped.

    Raises UserError: which ends with `advice` when they are missing or damaged, and says so when they cannot be read.
    """
    path = directory / "codes.npy"
    if (directory / ON_DEMAND).is_file():
        raise UserError(
            f'the codes in {directory} are encoded when a metric asks; set postprocess.images = "all" for all of them'
        )
    damaged = lambda error: Damaged(f"{path} or its codes.json is missing or damaged ({error}); {advice}")
    with damage_is_said(damaged, OSError, ValueError, KeyError, TypeError, RecursionError):
        description = json.loads((directory / "codes.json").read_text(encoding="utf-8"))
        if sha256_of(path) != description["sha256"]:
            raise Damaged(f"{path} is not what was written (its checksum differs): truncated or changed; {advice}")
        return mapped(path)


def _create(path: Path, shape: tuple[int, int]) -> np.memmap:
    """A new array to write in; its bytes are reserved at once, as a full disk under a memory map would kill the process."""
    with path.open("wb") as file:
        _write_header(file, "<f4", shape)
        empty = np.zeros((min(shape[0], _BLOCK), shape[1]), np.float32)
        for start in range(0, shape[0], _BLOCK):
            file.write(empty[: shape[0] - start].tobytes())
    return np.load(path, mmap_mode="r+", allow_pickle=False)


def _write_header(file: BinaryIO, kind: str, shape: tuple[int, ...]) -> None:
    np.lib.format.write_array_header_1_0(file, {"descr": kind, "fortran_order": False, "shape": shape})


def _encode_block(
    encode: Encode, data: ImageData, reduction: Reduction, start: int, stop: int, seed: int
) -> np.ndarray:
    rng = np.random.default_rng([seed, start])
    parts = []
    for first in range(start, stop, BATCH):
        mean, log_variance = encode(data.observations_at(np.arange(first, min(first + BATCH, stop))))
        parts.append(reduction(mean, log_variance, rng))
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite and is refused below
        block = np.concatenate(parts).astype(np.float32, copy=False)
    check_finite(block, f"{start} … {stop - 1}")
    return block


def check_finite(codes: np.ndarray, images: str) -> None:
    """Raises UserError for codes that are NaN or infinite, those of `images`."""
    if not np.isfinite(codes).all():
        raise UserError(f"the encoder gives NaN or infinite codes for images {images}; train the model again")

"""What the command dlib_bvae_data shows and does: the data sets that there are, and their files."""

from __future__ import annotations

import math
from pathlib import Path

from rich.console import Console
from rich.table import Table

from dlib_bvae.config import missing_binding
from dlib_bvae.datasets import DATASETS, DERIVED, FactorDataset, ImageData, as_dataset
from dlib_bvae.datasets.cache import sha256_of
from dlib_bvae.datasets.cache import verify as verify_rows
from dlib_bvae.datasets.ground_truth import CONTINUOUS, CYCLIC
from dlib_bvae.datasets.images import RE_ENCODED
from dlib_bvae.datasets.official.base import OfficialData
from dlib_bvae.datasets.official.files import check
from dlib_bvae.datasets.official.files import download as download_files
from dlib_bvae.errors import UserError

_WIDTH_OF_A_PIPE = 160
MOST_FACTORS = 10  # of a data set in a table of all


def open_set(name: str, data_dir: Path | None = None) -> ImageData:
    """The data set called `name`, its official files in `data_dir` (None: the usual folder). Opens no official file.

    Raises UserError for one derived from another or read from the user's files when the configuration does not say of which.
    """
    cls = DATASETS.get(name)
    official = data_dir is not None and isinstance(cls, type) and issubclass(cls, OfficialData)
    try:
        return as_dataset(cls(data_dir=data_dir) if official else cls(), name)
    except (RuntimeError, TypeError) as error:
        raise missing_binding(error) or error from error


def show_all(data_dir: Path | None = None) -> None:
    """Prints the table of all registered data sets: images, pixels, factors, and whether they are here."""
    table = Table("data set", "images", "pixels", "factors", "here")
    table.columns[1].justify = "right"
    for name in DATASETS.names():
        if name in DERIVED:
            table.add_row(name, "", "", "", "of other images or your files, as a gin file says")
            continue
        try:
            data = open_set(name, data_dir)
            table.add_row(name, f"{data.num_images:,}", _pixels(data), factors_text(data, MOST_FACTORS), _state(data))
        except UserError as error:
            table.add_row(name, "", "", "", str(error).split(";")[0])
    console = Console()
    console = console if console.is_terminal else Console(width=_WIDTH_OF_A_PIPE)
    console.print(table)


def download(name: str, data_dir: Path | None = None) -> None:
    """Gets the official files of the data set and prints where they are. Raises UserError when that fails."""
    data = open_set(name, data_dir)
    if not isinstance(data, OfficialData):
        print(f"{name} needs no download: {_state(data)}")
        return
    if data.origin == RE_ENCODED and not data.found():
        raise data.missing()
    if data.origin == RE_ENCODED:
        print(f"{name} has no download: {_state(data)}, from {data.found()}")
        return
    for path in download_files(data.source, data.folder):
        print(path)


def verify(name: str, data_dir: Path | None = None) -> None:
    """Compares the whole official files and the whole cache file with their checksums, as far as they are here.

    Raises UserError for the first that differs, or when there is nothing to compare of a data set that needs files.
    """
    data = open_set(name, data_dir)
    lines = _verified_files(data) if isinstance(data, OfficialData) else []
    cache = getattr(data, "cache_path", None)
    if cache is not None and cache.exists():
        verify_rows(cache)
        lines.append(f"{cache}: as it was written (sha256)")
    if not lines and isinstance(data, OfficialData):
        raise data.missing()
    print("\n".join(lines) or f"{name}: nothing to verify, {_state(data)}")


def _verified_files(data: OfficialData) -> list[str]:
    lines = []
    for file in data.source.files:
        path = data.folder / file.name
        if path.is_file():
            check(path, file)
            state = (
                f"as published ({file.checksum})"
                if file.checksum
                else f"no checksum is published; sha256 {sha256_of(path)}"
            )
            lines.append(f"{path}: {state}")
    if not lines and (place := data.found()):
        lines.append(f"{place}: a folder has no checksum; its images are counted and checked when they are read")
    return lines


def info(name: str, data_dir: Path | None = None) -> None:
    """Prints what is known of the data set: images, factors and their sizes, origin, source, licence, files, fingerprint."""
    data = open_set(name, data_dir)
    lines = {
        "data set": name,
        "images": f"{data.num_images:,} of {_pixels(data)}, values 0 … {data.max_pixel}",
        "factors": factors_text(data),
        "here": _state(data),
        "origin": data.origin,
    }
    if isinstance(data, OfficialData):
        lines |= _source(data)
    cache = getattr(data, "cache_path", None)
    if cache is not None:
        lines["cache"] = f"{cache} ({_size(cache) if cache.exists() else 'not written yet'})"
    known = not isinstance(data, OfficialData) or data.verified or data.cache_path.exists()
    versions = DATASETS.versions(name)
    lines["version"] = f"{max(versions)}, {versions[max(versions)]}"
    lines["fingerprint"] = data.fingerprint if known else "of the pixels, when they are read"
    width = max(map(len, lines))
    print("\n".join(f"{key:{width}}  {value}" for key, value in lines.items()))


def _source(data: OfficialData) -> dict[str, str]:
    lines = {"source": data.source.page, "licence": data.source.licence}
    if data.origin == RE_ENCODED:
        return {**lines, "folder": str(data.found() or f"{data.folder}, which has no such files")}
    for k, file in enumerate(data.source.files):
        path = data.folder / file.name
        place = f"{path} ({_size(path)})" if path.is_file() else f"{file.name}, not in {data.folder}"
        number = f" {k + 1}" if len(data.source.files) > 1 else ""
        lines[f"file{number}"] = f"{place}; {file.checksum or 'no published checksum'}"
        if file.urls:
            lines[f"download{number}"] = " or ".join(file.urls)
    return lines


def _pixels(data: ImageData) -> str:
    return "×".join(map(str, data.observation_shape))


def factors_text(data: ImageData, most: int | None = None) -> str:
    """Names, numbers of values and declared kinds; of more than `most` factors the first three and how many more."""
    if not isinstance(data, FactorDataset):
        return "none"
    kinds = getattr(data, "factor_kinds", None) or [None] * len(data.factor_names)
    each = []
    for name, size, kind in zip(data.factor_names, data.factor_sizes, kinds, strict=True):
        # A number that is drawn anew for every image has no number of values to tell.
        drawn = kind in (CONTINUOUS, CYCLIC) and size == data.num_images
        each.append(name + ("" if drawn else f" {size}") + (f" ({kind})" if kind else ""))
    if most is not None and len(each) > most:
        each[3:] = [f"and {len(each) - 3} more (dlib_bvae_data info)"]
    return ", ".join(each)


def _state(data: ImageData) -> str:
    cache = getattr(data, "cache_path", None)
    if isinstance(data, OfficialData):
        unverified = "" if data.verified else f", {data.origin if data.origin == RE_ENCODED else 'unverified'}"
        if cache is not None and cache.exists():
            return f"yes, converted{unverified}"
        place = data.found()
        return "no" if place is None else f"yes{unverified}, converted at the first use"
    if cache is None:
        base = getattr(data, "data", None)
        return f"as {base.name}: {_state(base)}" if base is not None else "needs no file"
    return "yes, rendered" if cache.exists() else "rendered at the first use"


def _size(path: Path) -> str:
    size = path.stat().st_size
    power = min(3, int(math.log(max(size, 1), 1024)))
    return f"{size / 1024**power:.1f} {('bytes', 'KiB', 'MiB', 'GiB')[power]}"

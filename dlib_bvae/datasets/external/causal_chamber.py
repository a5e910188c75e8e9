"""causal_chamber: photographs from the light tunnel of the causal chambers (Gamella et al. 2025), its actuators as factors."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dlib_bvae.datasets.cache import content_sha256
from dlib_bvae.datasets.external.image_folder import LabelledFolder, rows_of_pictures
from dlib_bvae.datasets.external.labels import checked_names, factors_of
from dlib_bvae.datasets.external.tables import read_columns
from dlib_bvae.datasets.ground_truth import CONTINUOUS, CYCLIC
from dlib_bvae.datasets.official.files import DATA_VARIABLE, data_dir
from dlib_bvae.errors import UserError, unknown
from dlib_bvae.registry import configurable

_PICTURES = "image_file"  # the column that names them
_ACTUATORS = {"red": CONTINUOUS, "green": CONTINUOUS, "blue": CONTINUOUS, "pol_1": CYCLIC, "pol_2": CYCLIC}


# The fingerprint is of the content of the pictures and the table.
@configurable("causal_chamber", labels=["folder"], execution=["download"])
def causal_chamber(
    dataset: str = "lt_camera_v1",
    experiment: str = "uniform_ap_1.8_iso_500.0_ss_0.005",
    size: str = "100",
    factors: Sequence[str] = tuple(_ACTUATORS),
    height: int = 64,
    width: int = 64,
    folder: str | None = None,
    download: bool = False,
) -> LabelledFolder:
    """The photographs of one experiment in the light tunnel of the causal chambers, resized, in the order of their files' names.

    The factors are columns of its table: the light source, red, green, blue (0 … 255), and angles of the two polarisers,
    pol_1, pol_2 (degrees); without a grid. Layout, as the authors' zip files have it (CC BY 4.0,
    https://github.com/juangamella/causal-chamber):
    <dataset>/<experiment>/<experiment>.csv with a column image_file, and the pictures in <dataset>/<experiment>/images_<size>/.

    dataset, experiment: of the authors' repository, e.g. "lt_camera_v1", "lt_crl_benchmark_v1". size: of the pictures on disk,
    one of those that the experiment has, e.g. "64", "100". factors: columns of numbers that vary. height, width: pixels.
    folder: where the data sets lie; None: $DLIB_BVAE_DATA_DIR, or `data` in the cache folder. download: let the authors' client,
    the package causalchamber, fetch the data set where it is not there.
    Raises UserError for what is not there, and where the client is missing or fails.
    """
    root = data_dir() if folder is None else Path(folder).expanduser()
    place = root / dataset / experiment
    if download and not (root / dataset).is_dir():
        _download(dataset, root)
    table = place / f"{experiment}.csv"
    if not table.is_file():
        raise UserError(_missing(root, dataset, experiment))
    sizes = sorted(each.name.removeprefix("images_") for each in place.glob("images_*") if each.is_dir())
    if str(size) not in sizes:
        raise unknown(f"size of the pictures of {experiment} (causal_chamber.size)", str(size), sizes)
    names = checked_names(factors, [None] * len(factors), "causal_chamber.factors")
    columns = read_columns(table, [_PICTURES, *names], None, "causal_chamber.factors")
    pictures, *numbers = columns.entries
    for name, column in zip(names, numbers, strict=True):
        if column.dtype == object:
            raise UserError(f"causal_chamber.factors must be columns of numbers; {name!r} of {table.name} has texts")
    found = LabelledFolder(str(place / f"images_{size}"), height, width)
    found.name = f"causal_chamber({dataset}, {experiment})"
    rows = rows_of_pictures(found.files, pictures, "causal_chamber.experiment")
    kinds = [_ACTUATORS.get(name, CONTINUOUS) for name in names]
    known = factors_of([column[rows] for column in numbers], names, kinds, "causal_chamber.factors")
    for name, values in zip(names, known.values, strict=True):
        if len(values) < 2:
            raise UserError(f"causal_chamber.factors: {name!r} has one value only in {experiment}; leave it out")
    found.identify(f"causal_chamber {content_sha256([table])} {names} {kinds}")
    return found.label(known, "causal_chamber.factors")


def _missing(root: Path, dataset: str, experiment: str) -> str:
    there = sorted(each.name for each in (root / dataset).glob("*") if (each / f"{each.name}.csv").is_file())
    if there:
        return (
            f"no experiment of {dataset} is called {experiment!r} (causal_chamber.experiment); {root / dataset} has "
            f"{', '.join(there)}"
        )
    return (
        f"there is no {dataset}/{experiment}/{experiment}.csv in {root}, which causal_chamber needs; unpack the authors' zip "
        f"file there, set {DATA_VARIABLE} to the folder that has it, or set causal_chamber.download = True"
    )


def _download(dataset: str, root: Path) -> None:
    """Has the authors' client fetch a data set. It reads the list of all data sets from its server when it is imported."""
    try:
        from causalchamber.datasets import Dataset
    except ImportError as error:
        raise UserError(
            "causal_chamber.download needs the package causalchamber, which is not installed; pip install "
            "'dlib_bvae[causal_chamber]', or unpack the authors' zip file yourself"
        ) from error
    except Exception as error:
        raise _failed(dataset, error) from error
    try:
        root.mkdir(parents=True, exist_ok=True)
        Dataset(dataset, root=str(root), download=True)
    except Exception as error:  # of the network, the disk, a checksum, and a name that the server does not have
        raise _failed(dataset, error) from error


def _failed(dataset: str, error: Exception) -> UserError:
    reason = (str(error).splitlines() or [type(error).__name__])[0][:200]
    return UserError(f"causalchamber cannot fetch {dataset}: {reason}; unpack the authors' zip file yourself")

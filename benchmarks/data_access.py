"""What official files cost: seconds and peak memory of the conversion, then milliseconds for a random batch of 64.

    python benchmarks/data_access.py [--folder FOLDER]      # 3 GB there, removed afterwards; 2 minutes

The files are synthetic, in the official layouts. Those that are converted in a stream (MPI3D, stored and compressed;
Shapes3D; dSprites) are shorter than the official ones, as nothing but the time depends on their length; those that are
held in memory (Cars3D, SmallNORB, CIFAR-100) are of full length. Each is converted in a process of its own; batches are
read from the page cache. Writes results/data_access.json.
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import pickle
import resource
import struct
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

import numpy as np

from dlib_bvae.datasets import DATASETS
from dlib_bvae.datasets.official.files import OfficialFile, Source

SETS = {
    "mpi3d_toy": (6, 6, 2, 3, 3, 10, 10),
    "mpi3d_real": (6, 6, 2, 3, 3, 10, 10),
    "shapes3d": (10, 10, 5, 8, 4, 2),
    "dsprites_full": (3, 6, 4, 32, 32),
    "cars3d": (4, 24, 183),
    "smallnorb": (5, 9, 18, 6),
    "cifar100": None,
}
BATCHES = 300


def smooth(*shape: int) -> np.ndarray:
    """Pixels that compress about as pictures do: noise of four bits on a ramp."""
    noise = np.random.default_rng(0).integers(16, size=shape, dtype=np.uint8)
    noise += np.linspace(0, 200, shape[-2], dtype=np.uint8)[:, None]
    return noise


def write(name: str, folder: Path) -> None:
    """Writes the official file or files of `name`."""
    files, sizes = [file.name for file in DATASETS.get(name).source.files], SETS[name]
    path, number = folder / files[0], int(np.prod(sizes or 0))
    if name.startswith("mpi3d"):
        (np.savez if name == "mpi3d_toy" else np.savez_compressed)(path, images=smooth(number, 64, 64, 3))
    elif name == "dsprites_full":
        images = (smooth(number, 64, 64) > 205).astype(np.uint8)
        classes = np.stack([np.zeros(number, int), *np.unravel_index(np.arange(number), sizes)], axis=1)
        np.savez_compressed(path, imgs=images, latents_classes=classes)
    elif name == "shapes3d":
        import h5py

        with h5py.File(path, "w") as file:
            file.create_dataset("images", data=smooth(number, 64, 64, 3), compression="gzip", compression_opts=1)
            file["labels"] = np.stack(np.unravel_index(np.arange(number), sizes), axis=1).astype(float)
    elif name == "cars3d":
        write_cars(path, *sizes)
    elif name == "smallnorb":
        write_norb(folder, files)
    else:
        batches = {b: {b"data": smooth(n, 1536, 2).reshape(n, 3072)} for b, n in (("train", 50_000), ("test", 10_000))}
        write_tar(path, {f"cifar-100-python/{key}": pickle.dumps(batch, 2) for key, batch in batches.items()})


def write_tar(path: Path, members: dict[str, bytes]) -> None:
    """A tar.gz of {name: content}."""
    with tarfile.open(path, "w:gz", compresslevel=1) as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))


def write_cars(path: Path, elevations: int, azimuths: int, cars: int) -> None:
    """183 times the same car."""
    from scipy.io import savemat

    file = io.BytesIO()
    savemat(file, {"im": smooth(3, azimuths, elevations, 128, 128).transpose(3, 4, 0, 1, 2)}, do_compression=True)
    members = {f"data/cars/car_{k:03}_mesh.mat": file.getvalue() for k in range(cars)}
    write_tar(path, members | {"data/cars/list.txt": "\n".join(f"car_{k:03}_mesh" for k in range(cars)).encode()})


def write_norb(folder: Path, files: list[str]) -> None:
    """Both halves, instance by instance."""
    for half, instances in enumerate(((4, 6, 7, 8, 9), (0, 1, 2, 3, 5))):
        grid = np.stack([axis.ravel() for axis in np.indices((5, 5, 9, 18, 6))], axis=1).astype(np.int32)
        info = np.stack([np.take(instances, grid[:, 1]), grid[:, 2], 2 * grid[:, 3], grid[:, 4]], axis=1)
        parts = (smooth(len(grid), 2, 96, 96), grid[:, 0], info.astype(np.int32))
        for name, array in zip(files[3 * half : 3 * half + 3], parts, strict=True):
            dims = [*array.shape, *[1] * (3 - array.ndim)]
            magic = 507333717 if array.dtype == np.uint8 else 507333716
            with gzip.open(folder / name, "wb", compresslevel=1) as file:
                file.write(struct.pack(f"<ii{len(dims)}i", magic, array.ndim, *dims))
                file.write(np.ascontiguousarray(array))


def synthetic(name: str, folder: Path) -> object:
    """The data set `name`, reading the synthetic files in `folder`, whose checksums nobody has published."""
    cls, sizes = DATASETS.get(name), SETS[name]
    files = tuple(OfficialFile(file.name) for file in cls.source.files)
    attributes = {"source": Source("", "", files, cls.source.folder)} | ({"factor_sizes": sizes} if sizes else {})
    return type("Synthetic", (cls,), attributes)(folder, folder / "cache")


def measure(name: str, folder: Path) -> dict[str, object]:
    """Converts the files in `folder` and reads batches, in this process."""
    data = synthetic(name, folder)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.perf_counter()
    data.rows  # noqa: B018 - converts
    seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for start in range(0, data.num_images, 4096):  # into the page cache
        data.rows[start : start + 4096].max()
    rng, times = np.random.default_rng(0), []
    for _ in range(BATCHES):
        indices = rng.integers(data.num_images, size=64)
        began = time.perf_counter()
        data.images_at(indices)
        times.append(time.perf_counter() - began)
    return {
        "images": data.num_images,
        "seconds": round(seconds, 1),
        "images_per_second": round(data.num_images / seconds),
        "peak_mib": round(peak / 1024),
        "of_which_imports_mib": round(before / 1024),
        "batch_of_64_ms_median": round(1000 * float(np.median(times)), 3),
        "batch_of_64_ms_99th_percentile": round(1000 * float(np.percentile(times, 99)), 3),
    }


def main() -> None:
    """Prints and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, help="where the files are made (default: the system's temporary folder)")
    parser.add_argument("--step", nargs=3, metavar=("STEP", "NAME", "FOLDER"), help="used by the script itself")
    parser.add_argument("--only", choices=list(SETS), nargs="+", default=list(SETS))
    flags = parser.parse_args()
    if flags.step:
        step = {"write": write, "measure": measure}[flags.step[0]]
        print(json.dumps(step(flags.step[1], Path(flags.step[2]))))
        return
    output = Path(__file__).parent / "results" / "data_access.json"
    record = json.loads(output.read_text(encoding="utf-8")) if output.exists() else {}
    for name in flags.only:
        with tempfile.TemporaryDirectory(dir=flags.folder) as folder:
            # A process inherits the peak memory of the one that starts it, so this one stays small.
            for step in ("write", "measure"):
                command = [sys.executable, __file__, "--step", step, name, folder]
                done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
            record[name] = json.loads(done.stdout)
            print(name, json.dumps(record[name]), flush=True)
    output.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

"""Small files in the layouts of the official ones, and the data sets that read them.

Each `tiny_…(folder)` writes the files into `folder` and returns (data set, images): the official reader on a small
grid, its cache in folder/cache, and what it must give, uint8 (n, height, width, channels).
"""

import hashlib
import io
import zipfile

import numpy as np

from dlib_bvae.datasets.dsprites_full import DSpritesFull
from dlib_bvae.datasets.files import OfficialFile, Source
from dlib_bvae.datasets.mpi3d import MPI3DRealComplex, MPI3DToy
from dlib_bvae.datasets.shapes3d import Shapes3D


def pixels(*shape, high=256, seed=0):
    return np.random.default_rng(seed).integers(high, size=shape).astype(np.uint8)


def md5(path):
    return "md5:" + hashlib.md5(path.read_bytes()).hexdigest()


def git_blob(path):
    content = path.read_bytes()
    return "git-blob:" + hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def tiny(cls, folder, sizes=None, checksum=md5, **attributes):
    """`cls` on a grid of `sizes`, its official files being those in `folder` (checksum: None where nobody knows it)."""
    names = [file.name for file in cls.source.files]
    files = tuple(OfficialFile(name, checksum and checksum(folder / name)) for name in names)
    source = Source(cls.source.page, cls.source.licence, files, cls.source.folder)
    grid = {} if sizes is None else {"factor_sizes": sizes}
    return type(f"Tiny{cls.__name__}", (cls,), {"source": source, **grid, **attributes})(folder, folder / "cache")


def tiny_dsprites(folder, compressed=True, classes=None, high=2):
    sizes = (3, 2, 4, 2, 3)
    images = pixels(144, 64, 64, high=high)
    order = np.stack([np.zeros(144, int), *np.unravel_index(np.arange(144), sizes)], axis=1)
    arrays = {
        "metadata": np.array({"title": "dSprites"}, object),
        "imgs": images,
        "latents_classes": order if classes is None else classes,
        "latents_values": order.astype(float),
    }
    path = folder / DSpritesFull.source.files[0].name
    (np.savez_compressed if compressed else np.savez)(path, **arrays)
    return tiny(DSpritesFull, folder, sizes, git_blob), images[..., None]


def tiny_mpi3d(folder, cls=MPI3DToy, compressed=False, split=False, checksum=md5):
    sizes = (3, 2, 1, 2, 1, 2, 2)
    images = pixels(48, 64, 64, 3)
    stored = images.reshape(*sizes, 64, 64, 3) if split else images
    (np.savez_compressed if compressed else np.savez)(folder / cls.source.files[0].name, images=stored)
    return tiny(cls, folder, sizes, checksum), images


def tiny_mpi3d_complex(folder):
    return tiny_mpi3d(folder, MPI3DRealComplex, checksum=None)


def tiny_shapes3d(folder, chunks=(5, 64, 64, 3), labels=None):
    import h5py

    sizes = (2, 2, 1, 3, 2, 2)
    images = pixels(48, 64, 64, 3)
    grid = np.stack(np.unravel_index(np.arange(48), sizes), axis=1)
    with h5py.File(folder / "3dshapes.h5", "w") as file:
        file.create_dataset("images", data=images, chunks=chunks, compression="gzip" if chunks else None)
        file["labels"] = grid * 0.1 - 0.05 if labels is None else labels
    return tiny(Shapes3D, folder, sizes), images


def repack(path, change, compression=zipfile.ZIP_DEFLATED):
    """Rewrites the zip at `path` with change(name, content) → content for every member; None leaves it out."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members.items():
            if (new := change(name, content)) is not None:
                archive.writestr(name, new)


def npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()

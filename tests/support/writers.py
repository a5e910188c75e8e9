"""Small files in the layouts of the official ones, and the data sets that read them.

Each `tiny_…(folder)` writes the files into `folder` and returns (data set, images): the official reader on a small
grid, its cache in folder/cache, and what it must give, uint8 (n, height, width, channels).
"""

import gzip
import hashlib
import io
import pickle
import struct
import tarfile
import zipfile

import numpy as np
import pytest
from PIL import Image

from dlib_bvae.datasets.official.cars3d import Cars3D
from dlib_bvae.datasets.official.celeba_and_chairs import CelebA, Chairs
from dlib_bvae.datasets.official.cifar import CIFAR10
from dlib_bvae.datasets.official.dsprites_full import DSpritesFull
from dlib_bvae.datasets.official.files import OfficialFile, Source
from dlib_bvae.datasets.official.mpi3d import MPI3DRealComplex, MPI3DToy
from dlib_bvae.datasets.official.shapes3d import Shapes3D
from dlib_bvae.datasets.official.smallnorb import SmallNORB
from dlib_bvae.errors import UserError


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


def tiny_dsprites(folder, compressed=True, classes=None, high=2, grid=(3, 2, 4, 2, 3)):
    number = int(np.prod(grid))
    images = pixels(number, 64, 64, high=high)
    order = np.stack([np.zeros(number, int), *np.unravel_index(np.arange(number), grid)], axis=1)
    arrays = {
        "metadata": np.array({"title": "dSprites"}, object),
        "imgs": images,
        "latents_classes": order if classes is None else classes,
        "latents_values": order.astype(float),
    }
    path = folder / DSpritesFull.source.files[0].name
    (np.savez_compressed if compressed else np.savez)(path, **arrays)
    return tiny(DSpritesFull, folder, grid, git_blob), images[..., None]


def tiny_mpi3d(folder, cls=MPI3DToy, compressed=False, split=False, checksum=md5, sizes=(3, 2, 1, 2, 1, 2, 2)):
    images = pixels(int(np.prod(sizes)), 64, 64, 3)
    stored = images.reshape(*sizes, 64, 64, 3) if split else images
    (np.savez_compressed if compressed else np.savez)(folder / cls.source.files[0].name, images=stored)
    return tiny(cls, folder, sizes, checksum), images


def tiny_mpi3d_complex(folder):
    return tiny_mpi3d(folder, MPI3DRealComplex, checksum=None)


def tiny_shapes3d(folder, chunks=(5, 64, 64, 3), labels=None, sizes=(2, 2, 1, 3, 2, 2)):
    import h5py

    number = int(np.prod(sizes))
    images = pixels(number, 64, 64, 3)
    chunks = chunks and (min(chunks[0], number), *chunks[1:])
    grid = np.stack(np.unravel_index(np.arange(number), sizes), axis=1)
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


def tar_of(path, members):
    """Writes a tar (or tar.gz, by its name) of {name: bytes}."""
    with tarfile.open(path, "w:gz" if path.suffix == ".gz" else "w") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))


def enlarged(images):
    """uint8 (n, height, width[, channels]) → 64×64 by Lanczos, one by one."""
    return np.stack([np.asarray(Image.fromarray(each).resize((64, 64), Image.LANCZOS)) for each in images])


def python2_pickle(data, labels, key=b"labels"):
    """A batch as Python 2's cPickle wrote it: texts are byte strings, the array's parts come from numpy.core."""
    short = lambda text: b"U" + bytes([len(text)]) + text
    count = lambda number: b"M" + struct.pack("<H", number)
    dtype = b"cnumpy\ndtype\n" + short(b"u1") + b"K\x00K\x01\x87R"
    dtype += b"(K\x03" + short(b"|") + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    array = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85" + short(b"b") + b"\x87R"
    shape = count(data.shape[0]) + count(data.shape[1]) + b"\x86"
    array += b"(K\x01" + shape + dtype + b"\x89T" + struct.pack("<i", data.size) + data.tobytes() + b"tb"
    numbers = b"](" + b"".join(b"K" + bytes([label]) for label in labels) + b"e"
    return b"\x80\x02}q\x01(" + short(b"data") + array + short(key) + numbers + b"u."


def cifar_batch(data, labels, python2=True, key=b"labels"):
    if python2:
        return python2_pickle(data, labels, key)
    return pickle.dumps({b"data": data, key: labels.tolist(), b"filenames": []}, protocol=2)


def tiny_cifar(folder, cls=CIFAR10, python2=True, extracted=False):
    batches = tuple((name, 3 + k) for k, (name, _) in enumerate(cls.batches))
    total = sum(number for _, number in batches)
    data = pixels(total, 3072)
    rows = np.split(data, np.cumsum([number for _, number in batches])[:-1])
    key = cls.label_key.encode()
    contents = [cifar_batch(part, np.arange(len(part)) % 10, python2, key) for part in rows]
    inside = cls.source.folder
    members = {f"{inside}/{name}": content for (name, _), content in zip(batches, contents, strict=True)}
    if extracted:
        (folder / inside).mkdir()
        for name, content in members.items():
            (folder / name).write_bytes(content)
        data_set = type("TinyCIFAR", (cls,), {"batches": batches})(folder, folder / "cache")
    else:
        # The archive's own order is not that of the numbers.
        tar_of(folder / cls.source.files[0].name, {f"{inside}/readme": b"x", **dict(reversed(members.items()))})
        data_set = tiny(cls, folder, batches=batches)
    return data_set, enlarged(data.reshape(total, 3, 32, 32).transpose(0, 2, 3, 1))


def tiny_cars3d(folder, cars=3, names=None, key="im", images=None, views=(2, 3)):
    from scipy.io import savemat

    sizes = (*views, cars)
    images = pixels(cars, 128, 128, 3, *views[::-1], high=4) * 80 if images is None else images
    members = {}
    for k in reversed(range(cars)):
        file = io.BytesIO()
        savemat(file, {key: images[k], "mask": np.zeros((128, 128, 3, 2), np.uint8)}, do_compression=True)
        members[f"data/cars/car_00{k}_mesh.mat"] = file.getvalue()
    names = [f"car_00{k}_mesh" for k in range(cars)] if names is None else names
    members["data/cars/list.txt"] = "\n".join(names).encode()
    members["data/shapes48.mat"] = b"not for us"
    tar_of(folder / "nips2015-analogy-data.tar.gz", members)
    data = tiny(Cars3D, folder, sizes)
    if images.dtype != np.uint8:
        return data, None
    return data, enlarged(images.transpose(5, 4, 0, 1, 2, 3).reshape(-1, 128, 128, 3))


def norb_matrix(array, magic=None):
    magic = {"uint8": 507333717, "int32": 507333716}[array.dtype.name] if magic is None else magic
    dims = [*array.shape, *[1] * (3 - array.ndim)]
    return struct.pack(f"<ii{len(dims)}i", magic, array.ndim, *dims) + array.tobytes()


def tiny_smallnorb(folder, change=None, sizes=(2, 2, 3, 1)):
    """Instances 0 and 1 are the testing half, 2 and 3 the training half, each in a random order."""
    instances = 4
    cells = np.stack([grid.ravel() for grid in np.indices((*sizes, instances))], axis=1)
    order = np.random.default_rng(0).permutation(len(cells))
    left = pixels(len(cells), 96, 96, seed=1)
    for half, wanted in (("5x46789x9x18x6x2x96x96-training", (2, 3)), ("5x01235x9x18x6x2x96x96-testing", (0, 1))):
        rows = [row for row in order if cells[row, 4] in wanted]
        category, elevation, azimuth, lighting, instance = cells[rows].T.astype(np.int32)
        pairs = np.stack([left[rows], pixels(len(rows), 96, 96, seed=2)], axis=1)
        parts = {
            "dat": pairs,
            "cat": category,
            "info": np.stack([instance, elevation, 2 * azimuth, lighting], axis=1),
        }
        for part, array in parts.items():
            content = norb_matrix(change(half, part, array) if change else array)
            (folder / f"smallnorb-{half}-{part}.mat.gz").write_bytes(gzip.compress(content, 1))
    return tiny(SmallNORB, folder, sizes, images_per_cell=instances), enlarged(left)[..., None]


def encoded(image, kind):
    file = io.BytesIO()
    Image.fromarray(image).save(file, kind)
    return file.getvalue()


def tiny_celeba(folder, extracted=False, size=(218, 178), number=6):
    """Faces with a coarse pattern, in no order of names; what is expected is cut from the decoded JPEG."""
    coarse = pixels(number, 11, 9, 3)
    faces = [np.asarray(Image.fromarray(each).resize(size[::-1], Image.BILINEAR)) for each in coarse]
    members = {f"img_align_celeba/{k + 1:06d}.jpg": encoded(faces[k], "JPEG") for k in range(number)}
    jpegs = [np.asarray(Image.open(io.BytesIO(content))) for content in members.values()]
    if extracted:
        (folder / "img_align_celeba").mkdir()
        (folder / "img_align_celeba" / "readme.txt").write_text("no picture")
        for name, content in members.items():
            (folder / name).write_bytes(content)
        data = type("TinyCelebA", (CelebA,), {"num_images": number})(folder, folder / "cache")
    else:
        with zipfile.ZipFile(folder / "img_align_celeba.zip", "w") as archive:
            for name, content in reversed([("img_align_celeba/", b""), *members.items()]):
                archive.writestr(name, content)
        data = tiny(CelebA, folder, num_images=number)
    return data, enlarged([jpeg[20:198] for jpeg in jpegs])


def tiny_chairs(folder, extracted=False, side=600, number=5):
    coarse = pixels(number, 6, 6, 3)
    names = [
        f"rendered_chairs/{c}/renders/image_00{v}_p020_t011_r096.png"
        for c, v in ("a0", "a1", "b0", "b1", "c0")[:number]
    ]
    views = [np.asarray(Image.fromarray(each).resize((side, side), Image.NEAREST)) for each in coarse]
    members = {name: encoded(view, "PNG") for name, view in zip(names, views, strict=True)}
    if extracted:
        for name, content in members.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
    else:
        others = {"rendered_chairs/all_chair_names.mat": b"x", "rendered_chairs/a/renders/._image.png": b"x"}
        tar_of(folder / "rendered_chairs.tar", dict(reversed([*members.items(), *others.items()])))
    data = type("TinyChairs", (Chairs,), {"num_images": number})(folder, folder / "cache")
    return data, enlarged([np.asarray(Image.fromarray(view).convert("L")) for view in views])[..., None]


def again(data, folder, checksum=md5):
    """The same reader, the changed file now being the official one."""
    return tiny(type(data), folder, data.factor_sizes, checksum)


def refused(data, words):
    """Checks that the first image raises one sentence with `words`, and that no cache file is left."""
    with pytest.raises(UserError, match=words) as caught:
        data.images_at([0])
    assert "\n" not in str(caught.value)
    assert {path.suffix for path in data.cache_path.parent.iterdir()} == {".lock"}

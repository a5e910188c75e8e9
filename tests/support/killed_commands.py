"""Commands of every kind that are killed: what is there before, the command, and what must be true after a kill.

All run in the working directory, so that results do not say where they were made.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple
from unittest import mock

import numpy as np
from PIL import Image

from dlib_bvae import leaderboard, metrics
from dlib_bvae.analysis import tables
from dlib_bvae.analysis.frame import LEFTOVERS, SCORE_NAMES, collect
from dlib_bvae.artifacts.outputs import MARK
from dlib_bvae.datasets import cache
from dlib_bvae.datasets.derived.subsets import Subsample
from dlib_bvae.datasets.external.arrays import open_array
from dlib_bvae.datasets.external.image_folder import ImageFolder
from dlib_bvae.datasets.official import base
from dlib_bvae.leaderboard.submissions import verify
from dlib_bvae.re_beta_vae import page
from dlib_bvae.stages import ensemble, evaluate, postprocess, rank, train, validity
from dlib_bvae.stages.external import external_codes
from support import killed, writers
from support.later_commands import FEW, draw, encode, fit, results, score, study
from support.submissions import IMAGES, PARAMETERS, claim, noisy
from support.tiny_runs import DATA, FITS, MIG, SETS, VAE

NOTES = "notes.txt"
STEPS = [line for line in VAE if "training_steps" not in line]
SUBMISSION = Path("submissions/mine")


class Killed(NamedTuple):
    """before: the calls that prepare a folder. call: what is killed in it, and run again."""

    before: list[Callable[[Path], object]]
    call: Callable[[Path], object]


def _train(folder: Path, steps: int = 4) -> object:
    return train.run([], [*STEPS, f"model.training_steps = {steps}"], folder / "one")


def _ensemble(folder: Path, *lines: str) -> object:
    return ensemble.run([], [*VAE, "ensemble.seeds = [0, 1]", *lines], folder / "one")


def _pair(folder: Path) -> None:
    for name in ("random0", "random1"):
        train.run([], [*DATA, *FITS[name]], folder / name)
        postprocess.run([], [], folder / name)


def _rank(folder: Path, *lines: str, overwrite: bool = False) -> object:
    return rank.run("udr", [folder / "random0", folder / "random1"], [], [*SETS, *lines], overwrite)


def _validity(folder: Path, perturbations: str = "noise") -> object:
    return validity.run("mig", perturbations, 1, folder / "validity", [], MIG)


def _identification(folder: Path, sizes: str = "200") -> object:
    few = {"structures": "independent", "codes": "aligned,noise", "sizes": sizes}
    return validity.run("mig", None, 1, folder / "validity", [], MIG, **few)


def _scores(folder: Path) -> None:
    fit(folder)
    for metric in ("active_units", "mig"):
        score(folder, metric=metric)


def _aggregate(folder: Path) -> object:
    return tables.run(folder / "one", folder / "tables")


def _board(folder: Path) -> object:
    return leaderboard.run(folder / "one", folder / "board")


def _report(folder: Path) -> object:
    return page.write([folder / "one"], folder / "report", draw=False)


def _codes(folder: Path) -> None:
    (folder / "sources").mkdir()
    np.save(folder / "sources/codes.npy", np.random.default_rng(0).normal(size=(512, 3)).astype(np.float32))


def _external(folder: Path, *lines: str, overwrite: bool = False) -> object:
    source = external_codes(codes=folder / "sources/codes.npy", dataset="dummy_data", output_dir=folder / "theirs")
    return evaluate.run("active_units", [], ["active_units.num_train = 100", *lines], None, overwrite, None, source)


def submission(factor: float, *seeds: int) -> Callable[[Path], None]:
    """Makes a submission of so many seeds, whose codes are `factor` times those of another."""

    def make(folder: Path) -> None:
        probe, place = Subsample("dummy_data", IMAGES, 5), folder / SUBMISSION
        place.mkdir(parents=True, exist_ok=True)
        entries = []
        for seed in seeds:
            codes = noisy(probe) * np.float32(factor + seed)
            np.save(place / f"{seed}.npy", codes)
            value = metrics.score("mig", probe, codes, 3, **PARAMETERS)["discrete_mig"]
            entries.append(
                {
                    **{"dataset": "dummy_data", "fingerprint": probe.fingerprint, "training_seed": seed},
                    "probe": {"images": IMAGES, "seed": 5},
                    "codes": f"{seed}.npy",
                    "sha256": hashlib.sha256((place / f"{seed}.npy").read_bytes()).hexdigest(),
                    "claims": [claim("mig", {"discrete_mig": value}, PARAMETERS)],
                }
            )
        meta = {"name": "mine", "method": "noisy factors", "supervision": "none", "entries": entries}
        (place / "meta.json").write_text(json.dumps(meta), encoding="utf-8")

    return make


def _verify(folder: Path) -> object:
    return verify.run(folder / SUBMISSION, folder / "verified")


def _stepwise(call):
    """A function, or a generator's function, each value of which is a step."""

    def one(*args, **more):
        found = call(*args, **more)
        killed.step()
        return found

    def each(*args, **more):
        for block in call(*args, **more):
            for row in block:
                killed.step()
                yield row[None]

    return one, each


def _official_files(folder: Path) -> None:
    (folder / "official").mkdir()
    writers.tiny_mpi3d(folder / "official", sizes=(3, 1, 1, 2, 1, 2, 1))


def _convert(folder: Path) -> object:
    place = folder / "official"
    known = place / writers.MPI3DToy.source.files[0].name
    data = writers.tiny(writers.MPI3DToy, place, (3, 1, 1, 2, 1, 2, 1), lambda path: writers.md5(known))
    data._cache_dir = folder / "cache"
    with (
        mock.patch.object(type(data), "read", _stepwise(type(data).read)[1]),
        mock.patch.object(base, "_BYTES_BETWEEN_NOTES", 20_000),
    ):
        return data.images_at(np.arange(12))


def _pictures(folder: Path) -> None:
    (folder / "pictures").mkdir()
    for place in range(24):
        Image.fromarray(writers.pixels(8, 8, 3, seed=place)).save(folder / f"pictures/{place:02}.png")


def _fold(folder: Path) -> object:
    with mock.patch.object(ImageFolder, "_decoded", _stepwise(ImageFolder._decoded)[0]), _cache(folder):
        return ImageFolder(str(folder / "pictures")).images_at(np.arange(24))


def _packed(folder: Path) -> None:
    (folder / "packed").mkdir()
    images = writers.pixels(24, 64, 64)
    np.savez_compressed(folder / "packed/x.npz", **{f"images{place}": images for place in range(6)})


def _unpack(folder: Path) -> object:
    with _cache(folder):
        return [open_array(folder / "packed/x.npz", f"images{place}", (3,), "path") for place in range(6)]


def _cache(folder: Path):
    return mock.patch.dict("os.environ", {cache.CACHE_VARIABLE: str(folder / "cache")})


COMMANDS = {
    "train": Killed([], _train),
    "train on": Killed([_train], partial(_train, steps=6)),
    "fit again": Killed([fit, score], partial(fit, overwrite=True)),
    "postprocess": Killed([fit], encode),
    "postprocess again": Killed([fit, score], lambda folder: encode(folder, FEW)),
    "evaluate": Killed([fit, encode], score),
    "evaluate again": Killed([fit, score], partial(score, overwrite=True)),
    "evaluate codes from elsewhere": Killed([_codes], _external),
    "evaluate others from elsewhere": Killed([_codes, _external], partial(_external, overwrite=True)),
    "visualize": Killed([fit], draw),
    "visualize again": Killed([fit, draw], lambda folder: draw(folder, "visualize.random_seed = 5")),
    "rank": Killed([_pair], _rank),
    "rank again": Killed([_pair, _rank], partial(_rank, overwrite=True)),
    "sensitivity": Killed([fit, encode], study),
    "sensitivity again": Killed([fit, study], lambda folder: study(folder, "sensitivity.random_seed = 3")),
    "validity": Killed([], _validity),
    "validity again": Killed([_validity], partial(_validity, perturbations="dead")),
    "validity's table": Killed([], _identification),
    "validity's table again": Killed([_identification], partial(_identification, sizes="200,1000")),
    "ensemble": Killed([], _ensemble),
    "aggregate": Killed([fit, score], _aggregate),
    "aggregate again": Killed([fit, score, _aggregate, partial(score, metric="mig")], _aggregate),
    "leaderboard": Killed([fit, score], _board),
    "leaderboard again": Killed([fit, score, _board, partial(score, metric="mig")], _board),
    "report": Killed([_scores], _report),
    "verify": Killed([submission(1, 0, 1)], _verify),
    "verify again": Killed([submission(1, 0, 1), _verify, submission(5, 1, 2)], _verify),
    "conversion of an official set": Killed([_official_files], _convert),
    "cache of pictures": Killed([_pictures], _fold),
    "cache of packed arrays": Killed([_packed], _unpack),
}


class State(NamedTuple):
    """What is in the working directory: the results of stages but for time, rows of tables, and digests of all files."""

    results: dict
    rows: set
    files: dict[str, str]


def state() -> State:
    """That of the working directory."""
    found = results(Path())
    kept = {
        key: ({name: entry for name, entry in values.items() if name != "verified"}, codes)  # verified: the time
        for key, (values, codes) in found.items()
        if not _left_over(key)
    }
    frame, _ = collect(Path())
    rows = set() if frame.empty else {_row(row) for row in frame.to_dict("records")}
    files = {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(Path().rglob("*"))
        if path.is_file()
        and path.suffix != ".lock"
        and path.name not in (".lock", MARK)
        and "tfevents" not in path.name
    }
    return State(kept, rows, files)


def _row(row: dict) -> tuple:
    names = json.loads(row[SCORE_NAMES])
    return row["path"], row["train_results.seed"], *((name, row[f"evaluation_results.{name}"]) for name in names)


def _left_over(path: str) -> bool:
    return any(part.endswith(LEFTOVERS) for part in Path(path).parts)


class Expected(NamedTuple):
    """What is there after a command that nothing disturbed: files those that are the same after every one, names of all."""

    results: dict
    rows: set
    files: dict[str, str]
    names: set[str]

    @classmethod
    def of(cls, one: State, other: State) -> Expected:
        """By what two copies of the command left."""
        assert one.files.keys() == other.files.keys()
        assert (one.results, one.rows) == (other.results, other.rows)
        stable = {path: digest for path, digest in one.files.items() if other.files[path] == digest}
        return cls(one.results, one.rows, stable, set(one.files))


def half_done(now: State, old: State, new: Expected) -> list[str]:
    """What of the working directory is neither as before a command nor as after it, or is lost."""
    wrong = [f"the row {row} is neither old nor new" for row in now.rows - old.rows - new.rows]
    for key, value in now.results.items():
        if value not in (old.results.get(key), new.results.get(key)):
            wrong.append(f"the result {key} is neither old nor new")
    for key in old.results.keys() & new.results.keys() - now.results.keys():
        if not any(Path(f"{each}{ending}").is_dir() for each in (key, *Path(key).parents) for ending in LEFTOVERS):
            wrong.append(f"the result {key} is lost")
    stages = {*old.results, *new.results}
    for path, digest in now.files.items():
        in_a_stage = _left_over(path) or any(Path(path).is_relative_to(stage) for stage in stages)
        temporary = Path(path).name.startswith(".") or Path(path).suffix in (".part", ".progress", ".note")
        if in_a_stage or temporary or (path in new.names and path not in new.files):
            continue
        if digest not in (old.files.get(path), new.files.get(path)):
            wrong.append(f"{path} is neither old nor new")
    for path in old.files.keys() & new.files.keys() - now.files.keys():
        if not any(Path(path).is_relative_to(stage) for stage in stages):
            wrong.append(f"{path} is lost")
    return wrong


def undone(now: State, new: Expected) -> list[str]:
    """What of the working directory is not as after a command that nothing disturbed."""
    wrong = [f"the result {key} differs" for key, value in new.results.items() if now.results.get(key) != value]
    wrong += [f"the row {row} is there" for row in now.rows - new.rows]
    wrong += [f"the row {row} is not there" for row in new.rows - now.rows]
    wrong += [f"{path} differs" for path, digest in new.files.items() if now.files.get(path, digest) != digest]
    wrong += [f"{path} is left" for path in now.files.keys() - new.names]
    return wrong + [f"{path} is not there" for path in new.names - now.files.keys()]

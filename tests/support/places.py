"""Commands on a folder of runs in which one place may not be read, written or entered; what did not hold of each.

The commands run in a process that permissions bind: as root it is one without the capabilities that pass them by.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple
from unittest import mock

import numpy as np

from support.tiny_runs import CELLS, DATA, FITS, MIG, PICTURES, VAE, bound, command, snapshot, strays, train

FEW = ["active_units.num_train = 100"]
WITHOUT = {"read": 0o300, "write": 0o500, "enter": 0o600}  # what is missing → the mode of a folder
_PASSING = "-dac_override,-dac_read_search"


class Case(NamedTuple):
    """A command on the folder, by its name in COMMANDS, and a place in it without a permission."""

    name: str
    place: str
    missing: str


NET, ORACLE = "runs/net", "runs/oracle"
# A copy of everything is made for each case.
_SMALL = [line.replace("fc_e", "conv_e").replace("fc_d", "deconv_d") for line in VAE]
_STEPS = [line for line in _SMALL if "training_steps" not in line]
_FEW_VOTES = [f"model_centrality.{each}" for each in ("batch_size = 8", "num_votes = 20", "num_variance_estimate = 50")]
_MORE = [*_STEPS, "model.training_steps = 6"]
_CODES = ["--codes=data/codes.npz", "--codes_key=codes", "--dataset=dummy_data", "--metric=active_units", *bound(*FEW)]
_FILE = ["from_file.path = 'data/images.npz'", "dataset.name = 'from_file'"]
REPLACING = ("encode others", "extend", "train again", "draw", "continue", "reproduce")  # what was made before goes
# Name → the command and its flags, in the folder.
COMMANDS: dict[str, list[str]] = {
    "extend": ["train", f"--model_dir={NET}", *bound(*_MORE)],
    "train again": ["train", f"--model_dir={NET}", "--overwrite", *bound(*_SMALL)],
    "train a new one": ["train", "--model_dir=runs/new", *bound(*_SMALL)],
    "start from": ["train", "--model_dir=runs/new", *bound(*_SMALL, f"model.initial_weights = '{NET}'")],
    "continue": ["train", "--model_dir=runs/begun", *bound(*_SMALL)],
    "ensemble": ["train", "--model_dir=runs/members", *bound(*_SMALL, "ensemble.seeds = [0, 1]")],
    "fit": ["train", f"--model_dir={ORACLE}", "--overwrite", *bound(*DATA, *FITS["oracle"])],
    "fit a file": ["train", "--model_dir=runs/file", *bound(*_FILE, *FITS["pca"])],
    "encode": ["postprocess", f"--model_dir={ORACLE}"],
    "encode again": ["postprocess", f"--model_dir={ORACLE}", "--overwrite"],
    "encode others": ["postprocess", f"--model_dir={ORACLE}", *bound("postprocess.max_images = 300")],
    "encode elsewhere": ["postprocess", f"--model_dir={NET}", "--output_dir=out", "--overwrite"],
    "score": ["evaluate", f"--model_dir={ORACLE}", "--metric=active_units", *bound(*FEW)],
    "score again": ["evaluate", f"--model_dir={ORACLE}", "--metric=mig", "--overwrite", *bound(*MIG)],
    "score others": ["evaluate", f"--model_dir={ORACLE}", "--metric=active_units,mig", *bound("mig.num_train = 90")],
    "score elsewhere": ["evaluate", f"--model_dir={ORACLE}", "--output_dir=out", "--metric=mig", *bound(*MIG)],
    "score codes": ["evaluate", *_CODES, "--output_dir=runs/codes"],
    "score new codes": ["evaluate", *_CODES, "--output_dir=out"],
    "draw": ["visualize", f"--model_dir={NET}", "--overwrite", *bound(*PICTURES)],
    "draw elsewhere": ["visualize", f"--model_dir={NET}", "--output_dir=out", *bound(*PICTURES)],
    "rank": ["rank", "runs/net", "runs/other", "--metric=model_centrality", *bound(*_FEW_VOTES)],
    "study cells": ["sensitivity", ORACLE, "--output_dir=tables", *bound(*CELLS)],
    "validity": ["validity", "--metric=mig", "--perturbations=noise", "--output_dir=validity", *bound(*MIG)],
    "tables": ["aggregate", "--results_dir=runs", "--output_dir=tables"],
    "board": ["leaderboard", "--results=runs", "--output=board"],
    "report": ["report", "--results=runs", "--output=report", "--no_pictures"],
    "plan": ["reproduce", "--study=tiny.gin", "--results=study", "--dry_run"],
    "reproduce": ["reproduce", "--study=tiny.gin", "--results=study", "--workers=1"],
    "status": ["sweep", "status", "--study=tiny.gin", "--results=study"],
    "data": ["data", "info", "from_file", *bound(*_FILE[:1])],
    "list": ["data", "list"],
}
_ALL_OF_RUN = ["encode again", "score others", "score elsewhere", "tables", "board", "report"]
_OF_NET = ["extend", "train again", "start from", "encode elsewhere", "draw", "draw elsewhere", "rank"]
# A place → the commands that come by it.
PLACES: dict[str, list[str]] = {
    NET: [*_OF_NET, "tables", "board", "report"],
    f"{NET}/train": [*_OF_NET, "tables", "board"],
    f"{NET}/train/results": [*_OF_NET, "tables", "board"],
    f"{NET}/train/results/json": [*_OF_NET, "tables", "board"],
    f"{NET}/train/results/gin": [*_OF_NET, "board"],
    f"{NET}/train/results/aggregate": ["encode elsewhere", "draw", "tables"],
    f"{NET}/train/checkpoint": ["extend", "train again"],
    f"{NET}/train/saved_model": _OF_NET,
    f"{NET}/train/saved_model/variables": _OF_NET,
    f"{NET}/train/saved_model/saved_model.pb": ["encode elsewhere", "draw", "rank"],
    f"{NET}/train/saved_model/variables/variables.index": ["start from", "encode elsewhere", "train again"],
    f"{NET}/train/results/json/train_results.json": [*_OF_NET, "tables", "board"],
    f"{NET}/train/results/json/train_identity.json": ["extend", "train again", "draw"],
    f"{NET}/train/results/gin/train.gin": ["draw", "board"],
    f"{NET}/train/results/aggregate/train.json": ["draw", "encode elsewhere"],
    f"{NET}/train/reconstructions.png": ["draw", "board"],
    f"{NET}/visualize": ["draw", "board", "report"],
    f"{NET}/.lock": ["draw", "draw elsewhere", "tables"],
    "runs/begun/train.part": ["continue", "tables"],
    "runs/begun/train.part/begun.json": ["continue"],
    "runs/begun/train.part/checkpoint": ["continue"],
    ORACLE: ["fit", *_ALL_OF_RUN, "encode", "encode others", "score", "score again", "study cells"],
    f"{ORACLE}/mean": ["fit", *_ALL_OF_RUN, "encode", "encode others", "score", "score again", "study cells"],
    f"{ORACLE}/mean/codes.npy": ["encode", "encode again", "score", "score others", "score elsewhere", "study cells"],
    f"{ORACLE}/mean/codes.json": ["encode", "encode again", "score others", "score elsewhere"],
    f"{ORACLE}/mean/results": [*_ALL_OF_RUN, "encode", "encode others", "score", "study cells"],
    f"{ORACLE}/mean/results/json": [*_ALL_OF_RUN, "encode", "encode others", "score", "study cells"],
    f"{ORACLE}/mean/results/json/postprocess_results.json": [*_ALL_OF_RUN, "encode", "encode others", "study cells"],
    f"{ORACLE}/mean/results/gin": ["encode", "encode again", "encode others"],
    f"{ORACLE}/mean/results/aggregate": ["score others", "tables", "encode again"],
    f"{ORACLE}/mean/metrics": [*_ALL_OF_RUN, "encode others", "score", "score again"],
    f"{ORACLE}/mean/metrics/active_units-num_train=100": [*_ALL_OF_RUN, "encode others", "score"],
    f"{ORACLE}/mean/metrics/mig-num_train=100/results/json": ["score again", "score others", "tables", "board"],
    f"{ORACLE}/mean/metrics/mig-num_train=100/results/json/evaluation_results.json": ["score again", "tables", "board"],
    f"{ORACLE}/mean/metrics/mig-num_train=100/results/aggregate/evaluation.json": ["tables", "board", "report"],
    f"{ORACLE}/mean/sensitivity": ["study cells", "encode others", "tables"],
    "runs/codes": ["score codes", "tables", "board"],
    "runs/codes/codes": ["score codes", "tables"],
    "runs/codes/codes/results/json": ["score codes"],
    "runs": ["train a new one", "ensemble", "fit a file", "score", "tables", "board", "report", "draw elsewhere"],
    "runs/members": ["ensemble"],
    "runs/members-seed=1": ["ensemble"],
    "data": ["fit a file", "score codes", "score new codes", "data"],
    "data/codes.npz": ["score codes", "score new codes"],
    "data/images.npz": ["fit a file", "data"],
    "data/official": ["list"],
    "cache": ["score new codes", "score codes", "fit a file", "list", "board"],
    "cache/unpacked": ["score new codes", "score codes", "fit a file"],
    "cache/checksums": ["score new codes", "score codes", "fit a file"],
    "out": ["encode elsewhere", "score elsewhere", "score new codes", "draw elsewhere"],
    "tables": ["tables", "study cells"],
    "tables/.dlib_bvae_files.json": ["tables"],
    "tables/results.csv": ["tables"],
    "board": ["board"],
    "board/board.json": ["board"],
    "report": ["report"],
    "validity": ["validity"],
    "study": ["plan", "status", "reproduce"],
    "study/tiny-seed0": ["plan", "status", "reproduce"],
    "study/tiny-seed0/failure.json": ["plan", "status"],
    "tiny.gin": ["plan"],
    "tmp": ["score others", "train a new one", "board", "draw"],
    "home": ["score others", "draw", "board", "list"],
}


def cases(places: Sequence[str] = ()) -> list[Case]:
    """All of PLACES, or of those given."""
    return [
        Case(name, place, missing)
        for place, names in PLACES.items()
        if not places or place in places
        for name in names
        for missing in WITHOUT
        if missing != "enter" or "." not in Path(place).name or place.endswith(".part")  # a file cannot be entered
    ]


def has_network(case: Case) -> bool:
    """Whether the case needs a network, which takes seconds to train."""
    return any(run in text for run in ("net", "begun", "new", "members") for text in (case.place, *COMMANDS[case.name]))


def prepare(folder: Path, networks: bool = True) -> None:
    """Makes the runs, tables, caches and studies that the commands work on; the present directory is `folder`."""
    for name in ("data/official", "cache", "tmp", "home", "out", "report", "validity", "runs/members", "runs/new"):
        (folder / name).mkdir(parents=True)
    rng = np.random.default_rng(0)
    np.savez_compressed(
        "data/codes.npz", codes=rng.integers(0, 5, (512, 3)).astype(np.float32), others=np.zeros((2, 2))
    )
    np.savez_compressed("data/images.npz", images=rng.integers(0, 256, (64, 16, 16)).astype(np.uint8))
    Path("tiny.gin").write_text(STUDY, encoding="utf-8")
    train(Path(ORACLE), *DATA, *FITS["oracle"])
    names = ["score", "score again", "score codes", "tables"]
    if networks:
        train(Path(NET), *_SMALL)
        train(Path("runs/other"), *_SMALL, "model.random_seed = 1")
        shutil.copytree(f"{NET}/train", "runs/begun/train.part")
        shutil.rmtree("runs/begun/train.part/results")
        identity = json.loads(Path(NET, "train/results/json/train_identity.json").read_text(encoding="utf-8"))
        Path("runs/begun/train.part/begun.json").write_text(json.dumps(identity), encoding="utf-8")
        names += ["study cells", "draw", "board", "report", "validity"]
    for name in names:
        done = command(*COMMANDS[name])
        assert done.code == 0, (name, done.err)
    train(Path("study/tiny-seed0"), *DATA, *FITS["oracle"])
    Path("study/tiny-seed0/failure.json").write_text('{"message": "it failed"}', encoding="utf-8")


STUDY = """
study.name = "tiny"
study.parts = [@fit/part()]
study.metrics = [{"metric": "mig", "gin_bindings": ["mig.num_train = 100"]}]
fit/part.bindings = ["dataset.name = 'dummy_data'", "model.model = @oracle()"]
fit/part.configs = []
"""


def held(case: Case, template: Path, folder: Path) -> str:
    """Runs the command on a copy of `template` in `folder`; what did not hold, nothing where all did."""
    shutil.copytree(template, folder, symlinks=True)
    os.chdir(folder)
    place, changes = folder / case.place, {}
    if place.exists():
        changes[place] = place.stat().st_mode
    before, left = snapshot(folder), strays(folder)
    environment = {
        "HOME": str(folder / "home"),
        "TMPDIR": str(folder / "tmp"),
        "DLIB_BVAE_DATA_DIR": str(folder / "data" / "official"),
        "DLIB_BVAE_CACHE_DIR": "" if case.place == "home" else str(folder / "cache"),
    }
    tempfile.tempdir = None
    for path in changes:
        path.chmod(WITHOUT[case.missing])
    try:
        with mock.patch.dict(os.environ, environment):
            done = command(*COMMANDS[case.name])
    except BaseException as error:  # what a command raises is printed as a traceback
        return f"{type(error).__name__}: {error}"
    finally:
        for path, mode in changes.items():
            if path.exists():
                path.chmod(mode)
        _open(folder)  # the place may have another name now
        after, found = snapshot(folder), strays(folder)
        os.chdir(template)
        shutil.rmtree(folder)
    if not changes:
        return "there is no such place"
    return _judged(case, done, before, after, sorted({*found} - {*left}))


def _open(folder: Path) -> None:
    folder.chmod(0o700)
    for each in folder.iterdir():
        if each.is_dir() and not each.is_symlink():
            _open(each)


def _judged(case: Case, done, before: dict, after: dict, new_strays: list[str]) -> str:
    lines = done.err.strip().splitlines()
    said = lines[-1] if lines else ""
    gone = sorted({*before} - {*after})
    if done.code == 0:
        return f"lost: {gone[:4]}" if gone and case.name not in REPLACING else ""
    if done.code != 2:
        return f"exit status {done.code}: {said}"
    if must_work(case):
        return f"it only reads there, and fails: {said}"
    if not all(line.startswith(("left out", "refused", "training on", "step ")) for line in lines[:-1]):
        return f"{len(lines)} lines: {done.err.strip()}"
    if case.place.rpartition("/")[2] not in done.err and case.place not in done.err:
        return f"it does not name the place: {said}"
    if "Permission denied" not in done.err and "ermission" not in done.err:
        return f"it does not say what is missing: {said}"
    if lost := sorted(name for name, (digest, _) in before.items() if after.get(name, ("",))[0] != digest):
        return f"lost or changed: {lost[:4]}; {said}"
    if new_strays:
        return f"half-written: {new_strays}; {said}"
    if "--overwrite" in said or "damaged" in said:
        return f"bad advice: {said}"
    return ""


def must_work(case: Case) -> bool:
    """Whether the command only reads in the place, and only writing is forbidden there."""
    if case.missing != "write":
        return False
    elsewhere = {"encode elsewhere", "score elsewhere", "draw elsewhere", "start from", "rank of"}
    if case.name in {"tables", "board", "report", "plan", "status", "list", "data"}:
        return case.place.startswith(("runs", "data", "cache", "home", "tmp", "study", "tiny"))
    return (case.name in elsewhere and case.place.startswith("runs/")) or case.place.startswith(("data", "home"))


def main(selection: Sequence[Sequence[str]]) -> None:
    """Prints a line of JSON for each case of the `selection`: the case and what did not hold."""
    with tempfile.TemporaryDirectory() as scratch:
        template = Path(scratch).resolve() / "template"
        template.mkdir()
        os.chdir(template)
        with mock.patch.dict(os.environ, {"DLIB_BVAE_CACHE_DIR": str(template / "cache")}):
            selected = [Case(*each) for each in selection]
            prepare(template, any(map(has_network, selected)))
        for case in selected:
            print(json.dumps([*case, held(case, template, Path(scratch).resolve() / "folder")]), flush=True)
        os.chdir("/")


def bound_by_permissions(program: list[str]) -> list[str]:
    """The program as one that permissions bind: of root without the capabilities that pass them by, which setpriv takes."""
    return ["setpriv", f"--bounding-set={_PASSING}", *program] if os.geteuid() == 0 else program


def tried(selection: Sequence[Case]) -> Iterator[tuple[Case, str]]:
    """(case, what did not hold) of each, from a process that permissions bind. Raises OSError where none can be had."""
    program = bound_by_permissions([sys.executable, "-m", "support.places"])
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        program, input=json.dumps(selection), env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise OSError(done.stderr[-2000:])
    for line in done.stdout.splitlines():
        *case, why = json.loads(line)
        yield Case(*case), why


if __name__ == "__main__":
    main(json.load(sys.stdin))

"""Two commands on one run at once: the second is refused, the lock covers every file of a run, and a killed holder's is free."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from support.tiny_runs import CELLS, DATA, FITS, MIG, PICTURES, SETS, VAE, bound, command, done, snapshot, strays

from dlib_bvae.artifacts import lock
from dlib_bvae.artifacts.environment import describe

HOLD = """
import sys
from pathlib import Path
from dlib_bvae.artifacts import lock
with getattr(lock, sys.argv[1])(Path(sys.argv[2])):
    print("held", flush=True)
    sys.stdin.read()
"""
OTHERS = {
    "fit": ["train", "--model_dir=held", "--overwrite", *bound(*DATA, *FITS["random0"])],
    "another fit": ["train", "--model_dir=held", *bound(*DATA, *FITS["pca"])],
    "encode": ["postprocess", "--model_dir=held"],
    "encode again": ["postprocess", "--model_dir=held", "--overwrite"],
    "score": ["evaluate", "--model_dir=held", "--metric=mig", *bound(*MIG)],
    "score elsewhere": ["evaluate", "--model_dir=held", "--output_dir=mine", "--metric=mig", *bound(*MIG)],
    "encode elsewhere": ["postprocess", "--model_dir=held", "--output_dir=mine"],
    "draw": ["visualize", "--model_dir=held", *bound(*PICTURES)],
    "draw elsewhere": ["visualize", "--model_dir=held", "--output_dir=mine", *bound(*PICTURES)],
    "rank": ["rank", "free", "held", *bound(*SETS)],
    "study": ["sensitivity", "held", "--output_dir=tables", *bound(*CELLS)],
    "codes": ["evaluate", "--codes=codes.npy", "--dataset=dummy_data", "--output_dir=held-codes", "--metric=mig"],
    "ensemble": ["train", "--model_dir=held", *bound(*VAE, "ensemble.seeds = [1, 2]")],
    "start from": ["train", "--model_dir=next", *bound(*VAE, "model.initial_weights = 'held'")],
    "ensemble from": [
        "train",
        "--model_dir=next",
        *bound(*VAE, "model.initial_weights = 'held'", "ensemble.seeds = [1]"),
    ],
}
FOLDERS = {"codes": "held-codes", "ensemble": "held-seed2"}  # others: "held"
READERS = [name for name in OTHERS if name.endswith("elsewhere")]


@contextlib.contextmanager
def held(folder, kind="run_lock"):
    """Another process that holds a lock on `folder` in the block."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, kind, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout.readline() == "held\n"
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def folder(tmp_path_factory, trained):
    """A folder with two encoded runs and a file of codes."""
    place = tmp_path_factory.mktemp("locks")
    shutil.copytree(trained / "random0", place / "held")
    shutil.copytree(trained / "random1", place / "free")
    np.save(place / "codes.npy", np.random.default_rng(0).normal(size=(512, 3)).astype(np.float32))
    return place


@pytest.fixture
def here(folder, monkeypatch, tmp_path):
    monkeypatch.chdir(folder)
    monkeypatch.setenv("DLIB_BVAE_CACHE_DIR", str(tmp_path / "cache"))
    return folder


@pytest.fixture(scope="module")
def all_held(folder):
    """A process for each folder that a command below works in."""
    with contextlib.ExitStack() as stack:
        yield {name: stack.enter_context(held(folder / name)) for name in ("held", *FOLDERS.values())}


@pytest.mark.parametrize("name", OTHERS)
def test_the_second_command_is_refused_and_told_who_has_it(name, here, all_held):
    where = FOLDERS.get(name, "held")
    before = snapshot(here)
    found = command(*OTHERS[name])
    assert (found.code, len(found.err.strip().splitlines())) == (2, 1)
    assert f"{where} is in use by process {all_held[where].pid} (started 20" in found.err
    assert f"wait for it or choose another {'model.initial_weights' if name.endswith('from') else '--'}" in found.err
    assert snapshot(here) == before
    assert strays(here) == []


def test_a_run_that_is_read_is_not_written_and_others_read_it(copied, place):
    run = copied("oracle")
    done("postprocess", f"--model_dir={run}")
    with held(run, "read_lock"):
        found = command("postprocess", f"--model_dir={run}", "--overwrite")
        assert found.code == 2
        assert "oracle is in use by another process" in found.err
        before = snapshot(run)
        done("evaluate", f"--model_dir={run}", "--output_dir=mine", "--metric=active_units")
        assert snapshot(run) == before
    assert list(place.glob("mine/mean/metrics/active_units/results"))


@pytest.mark.parametrize("name", ["encode again", "score", "study"])
def test_the_lock_of_a_killed_process_is_free(name, copied):
    run = copied("oracle").rename("held")
    with held(run) as process:
        assert command(*OTHERS[name]).code == 2
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=10)
        assert (run / ".lock").read_bytes()  # it had no time to say that it ended
        done(*OTHERS[name])


class Opened:
    """Files of runs that were opened in a block, without the lock of their run, and how many with it."""

    def __init__(self, folder):
        self.folder, self.on, self.free, self.locked = Path(folder).resolve(), False, [], 0
        sys.addaudithook(self._hook)

    def _hook(self, event, args):
        if not self.on or event != "open" or not isinstance(args[0], (str, os.PathLike)):
            return
        path = Path(os.path.abspath(os.fspath(args[0])))
        if self.folder not in path.parents or path.name == ".lock" or len(path.relative_to(self.folder).parts) < 2:
            return
        self.on = False  # to look at locks opens files too
        try:
            run = self.folder / path.relative_to(self.folder).parts[0]
            if self._is_locked(run):
                self.locked += 1
            else:
                self.free.append(str(path.relative_to(self.folder)))
        finally:
            self.on = True

    @staticmethod
    def _is_locked(run):
        if run in lock._held:
            return True
        inode = (run / ".lock").stat().st_ino if (run / ".lock").exists() else None
        return inode in [os.fstat(each).st_ino for each in lock._reading]

    @contextlib.contextmanager
    def watched(self):
        self.on = True
        try:
            yield self
        finally:
            self.on = False


ONE = {
    **{name: [flag.replace("held", "one") for flag in flags] for name, flags in OTHERS.items() if "ens" not in name},
    "start from": [
        "train",
        "--model_dir=next",
        *bound(*VAE, "model.training_steps = 1", "model.initial_weights = 'vae'"),
    ],
}


@pytest.mark.parametrize("name", ONE)
def test_no_file_of_a_run_is_opened_without_its_lock(name, place, trained, vae):
    describe()  # asks git, whatever the folder
    shutil.copytree(trained / "random0", place / "one")
    shutil.copytree(trained / "random1", place / "free")
    shutil.copytree(vae, place / "vae")
    for run in ("one", "vae"):
        (place / run / ".lock").touch()
    np.save(place / "codes.npy", np.random.default_rng(0).normal(size=(512, 3)).astype(np.float32))
    watch = Opened(place)
    (place / "cache").mkdir()
    for _ in range(2):  # when there is something to do, and when all is done
        with watch.watched():
            assert command(*ONE[name]).code == (2 if name == "another fit" else 0)
        assert [path for path in watch.free if not path.startswith(("cache", "data", "tables"))] == []
        assert watch.locked > 0


@pytest.mark.slow
def test_two_commands_that_start_at_once_leave_one_result(place, copied):
    run = copied("random0")
    start = partial(subprocess.Popen, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    flags = ["evaluate", f"--model_dir={run}", "--metric=active_units"]
    for _ in range(3):
        shutil.rmtree(run / "mean", ignore_errors=True)
        commands = [start([sys.executable, "-m", "dlib_bvae", *flags]) for _ in range(3)]
        ended = [(each, *each.communicate(timeout=300)) for each in commands]
        codes = [each.returncode for each, _, _ in ended]
        assert 0 in codes
        assert {*codes} <= {0, 2}
        assert all("is in use by" in err for each, _, err in ended if each.returncode == 2)
        assert strays(run) == []
        done(*flags)

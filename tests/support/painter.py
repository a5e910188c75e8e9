"""A stage that paints: parameters of every kind, work that a test may interrupt, and what does and does not change its result."""

import contextlib
import json
from dataclasses import replace

import pytest

from dlib_bvae.artifacts import Identity, Stage, Work, open_run
from dlib_bvae.config import configuration
from dlib_bvae.former_names import FORMER_NAMES
from dlib_bvae.registry import configurable

__all__ = ["FORMER_NAMES"]

PAINT = Stage("paint", again="painting again")
# The bindings that leave the result as it is.
SAME = {
    "the same, written otherwise": ("painting.size = 1.0", "painting.colour = %C", "C = 'red'"),
    "a label": ("painting.title = 'x'",),
    "execution": ("painting.workers = 8",),
    "an addition": ("painting.saved = [1, 2]",),
    "what is not used": ("painting.frame = 'gold'",),
    "another function": ("sketching.lines = 7",),
}
# What changes it → bindings, what else changes, and what is said.
CHANGES = {
    "a parameter": (["painting.colour = 'blue'"], {}, "was computed with painting.colour = 'red', now it is 'blue'"),
    "a seed": (["painting.seed = 7"], {}, "was computed with painting.seed = 0, now it is 7"),
    "what is given": ([], {"given": {"step": 2}}, "was computed with step = 1, now it is 2"),
    "an input": ([], {"inputs": {"codes": "other"}}, "was computed from another encoding"),
    "a source": ([], {"sources": {"trained": "other"}}, "was computed from another training"),
    "the version": (
        [],
        {"stage": replace(PAINT, version=2)},
        "was computed with the version of the stage = 1, now it is 2",
    ),
}


@configurable("painting", seeds=["seed"], labels=["title"], execution=["workers"], additions=["saved"])
def painting(colour="red", size=1, seed=0, title="", workers=1, saved=(), frame="none"):
    """What is painted; `frame` changes nothing."""
    return f"{colour} {size}"


@configurable("sketching")
def sketching(lines=1):
    """What a painting does not use."""
    return lines


def paint(final, *bindings, stage=PAINT, overwrite=False, kill="", run=None, **what):
    """Paints at `final` in the run directory `run` (its parent), killed while "beginning" or "working".

    what: given, inputs, sources of the Work. Returns "done", "made", or "continued" from what an interrupted one left.
    """
    what = {"given": {"step": 1}, "inputs": {"codes": "c"}, "sources": {"trained": "t"}, **what}
    with configuration([], bindings, []), open_run(run or final.parent):
        work = Work(stage, final, unused={"painting.frame"}.__contains__, **what)
        return worked(work, overwrite, kill)


def worked(work, overwrite=False, kill="", name=None):
    """What a stage does with a Work, under the open configuration."""
    if work.done(overwrite):
        return "done"
    text = painting()
    if name is not None:
        work.name(name)
    part = work.begin()
    if kill == "beginning":
        raise KeyboardInterrupt
    if work.stage.continues:
        work.begun()
    value = part / "value.txt"
    goes_on = value.exists()
    (part / "layers").mkdir(exist_ok=True)
    (part / "layers" / text).write_text(text)
    value.write_text(text)
    if kill == "working":
        raise KeyboardInterrupt
    work.finish({"elapsed_time": 1.0, "text": text})
    return "continued" if goes_on else "made"


def killed():
    """A block that is interrupted."""
    return pytest.raises(KeyboardInterrupt)


def value(final):
    """What was painted."""
    return (final / "value.txt").read_text()


def listed(directory):
    """The names in a directory, but for the lock."""
    return sorted(path.name for path in directory.iterdir() if path.name != ".lock")


def begun_by(final):
    """The identity of an interrupted work."""
    with contextlib.closing(open(final.with_name(final.name + ".part") / "begun.json", encoding="utf-8")) as file:
        return Identity.from_json(json.load(file))

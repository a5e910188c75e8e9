"""Changed files of runs, of output folders and of submissions, to every command that reads them.

JSON has its entries removed, renamed, doubled and swapped, gin its lines; both are changed byte by byte too. A command does
what it does with the unchanged file, or with another value, or refuses the file by one sentence; tables leave its row out.
"""

import contextlib
import io
import json
import shutil
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from support.killed import killed_after, steps_of
from support.killed_commands import submission
from support.later_commands import encode, fit, quietly, results, score, study
from support.mutations import changed_bytes, changed_json, changed_lines, outcome

from dlib_bvae import leaderboard
from dlib_bvae.analysis import tables
from dlib_bvae.analysis.frame import collect
from dlib_bvae.artifacts import environment, outputs
from dlib_bvae.config import configuration
from dlib_bvae.leaderboard.submissions import verify
from dlib_bvae.re_beta_vae import page
from dlib_bvae.stages.train import REGISTRIES

COUNTS = [pytest.param(300, id="whole", marks=pytest.mark.slow)]
pytestmark = pytest.mark.filterwarnings("ignore")
RIGHT = ("equal", "other", "refused")
EVALUATION = "one/mean/metrics/active_units-num_train=100/results"
# What commands on a run read of it.
OF_A_RUN = [
    *(f"one/train/results/json/train_{each}.json" for each in ("results", "identity", "config")),
    *("one/train/results/gin/train.gin",),
    *(f"one/mean/results/json/postprocess_{each}.json" for each in ("results", "identity")),
    *("one/mean/codes.json", "one/mean/codes.npy", "one/mean/results/aggregate/postprocess.json"),
    *(f"{EVALUATION}/json/evaluation_{each}.json" for each in ("results", "identity")),
]
# What a sensitivity study and a ranking read of what they did.
OF_STUDIES = [
    "one/mean/sensitivity/results/json/sensitivity_results.json",
    "one/mean/sensitivity/results/json/sensitivity_identity.json",
]
# What tables and boards read.
OF_ROWS = [
    f"{EVALUATION}/aggregate/evaluation.json",
    *("one/train/results/gin/train.gin", "one/train/results/json/train_config.json"),
]
# In the folder that tables are written into.
OF_OUTPUTS = [f"tables/{outputs.MARK}", "tables/results.csv", "board/board.json", f"board/{outputs.MARK}"]


@pytest.fixture(autouse=True, scope="module")
def no_git():
    with mock.patch.object(environment, "_git_commit", return_value=None):
        yield


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """A folder with a run of two scores, tables and a board of them."""
    folder = tmp_path_factory.mktemp("base")
    for call in (fit, encode, score, study, lambda place: score(place, metric="mig"), aggregate, board):
        quietly(call, folder)
    return folder


def aggregate(folder):
    return tables.run(folder / "one", folder / "tables")


def board(folder):
    return leaderboard.run(folder / "one", folder / "board")


def report(folder):
    return page.write([folder / "one"], folder / "report", draw=False)


def changed(path, rng):
    content = path.read_bytes()
    change = {".json": changed_json, ".gin": changed_lines}.get(path.suffix)
    return changed_bytes(content, rng) if change is None else change(content.decode(), rng)


def attempts(base, file, count, place):
    """(Seed, a copy of the folder in which this file is changed) so many times."""
    for seed in range(count):
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(base, place)
        (place / file).write_bytes(changed(place / file, np.random.default_rng(seed)))
        yield seed, place


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("file", OF_A_RUN)
def test_a_run_with_a_changed_file_is_scored_or_refused(file, count, base, tmp_path, tally):
    counts = tally(f"mutations of {Path(file).name} of a run, scored", *RIGHT)
    expected = results(base)[EVALUATION.removesuffix("/results")]

    def same(place):
        return results(place / "one/mean/metrics")["active_units-num_train=100"] == expected

    for seed, place in attempts(base, file, count, tmp_path / "place"):

        def scored(place=place):
            quietly(score, place)
            return place

        came = outcome(scored, same)
        left = [path for path in place.rglob("*") if path.suffix in (".part", ".old")]
        counts.add(f"{came}, left {left}" if left else came, f"seed {seed}")


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("file", OF_STUDIES)
def test_a_study_with_a_changed_file_is_shown_done_again_or_refused(file, count, base, tmp_path, tally):
    counts = tally(f"mutations of {Path(file).name}, shown", *RIGHT)
    expected = (base / "tables/sensitivity.csv").read_text()

    def same(place):
        return (place / "tables/sensitivity.csv").read_text().replace(str(place), str(base)) == expected

    for seed, place in attempts(base, file, count, tmp_path / "place"):

        def shown(place=place):
            quietly(study, place)
            return place

        counts.add(outcome(shown, same), f"seed {seed}")


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("file", OF_ROWS)
def test_tables_and_boards_leave_out_a_row_with_a_changed_file(file, count, base, tmp_path, tally):
    expected, _ = collect(base / "one")
    (kept,) = expected["evaluation_results.discrete_mig"].dropna()
    counts = {
        each: tally(f"mutations of {Path(file).name} to {each.__name__}", *RIGHT) for each in (aggregate, board, report)
    }
    for seed, place in attempts(base, file, count, tmp_path / "place"):
        frame, problems = collect(place / "one")
        values = frame["evaluation_results.discrete_mig"].dropna().tolist() if len(frame) else []
        said = "" if values == [kept] else f"the other row is lost: {problems}"
        said += "" if all(len(each) < 2_000 for each in problems) else "a problem of more than a sentence"
        for command, each in counts.items():
            came = outcome(
                lambda command=command, place=place: quietly(command, place), lambda _, frame=frame: len(frame) == 2
            )
            each.add(said or came, f"seed {seed}")


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("file", OF_OUTPUTS)
def test_a_changed_file_of_an_output_folder_is_left_or_replaced(file, count, base, tmp_path, tally):
    command = aggregate if file.startswith("tables") else board
    counts = tally(f"mutations of {file}, written again", "equal", "refused")
    for seed, place in attempts(base, file, count, tmp_path / "place"):
        before = (place / file).read_bytes()
        came = outcome(lambda place=place: quietly(command, place))
        lost = came == "refused" and (place / file).read_bytes() != before
        counts.add("refused, and changed" if lost else came, f"seed {seed}")


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("file", ["begun.json", "encoded.json", "codes.npy"])
def test_an_interrupted_encoding_with_a_changed_file_goes_on_or_begins_again(file, count, tmp_path, tally, monkeypatch):
    monkeypatch.setattr("dlib_bvae.representations.codes._BLOCK", 128)
    (tmp_path / "base").mkdir()
    quietly(fit, tmp_path / "base")
    whole = shutil.copytree(tmp_path / "base", tmp_path / "whole")
    steps = steps_of(whole, lambda: quietly(encode, whole))
    expected = results(whole)["one/mean"]
    part = tmp_path / "base/one/mean.part"
    for step in range(steps // 2, steps):
        place = shutil.copytree(tmp_path / "base", tmp_path / "place", dirs_exist_ok=True)
        killed_after(step, place, lambda place=place: quietly(encode, place))
        if (place / "one/mean.part/encoded.json").exists():
            break
        shutil.rmtree(place)
    shutil.move(tmp_path / "place/one/mean.part", part)
    counts = tally(
        f"mutations of {file} of an interrupted encoding", "equal", "refused", *(["other"] if "npy" in file else [])
    )
    for seed, place in attempts(tmp_path / "base", f"one/mean.part/{file}", count, tmp_path / "place"):

        def go_on(place=place):
            quietly(encode, place)
            return results(place)["one/mean"]

        counts.add(outcome(go_on, lambda found: found == expected), f"seed {seed}")


@pytest.mark.parametrize("count", COUNTS)
def test_a_changed_gin_file_is_read_or_refused(count, tmp_path, tally):
    text = Path("gin/beta4_dsprites.gin").read_text(encoding="utf-8") + "N = 3\nvae.beta = %N\n"
    path = tmp_path / "mine.gin"
    counts = tally("mutations of a gin file", *RIGHT)

    def read():
        with configuration([str(path)], [], REGISTRIES) as found:
            return found.bound

    path.write_text(text, encoding="utf-8")
    expected = read()
    for seed in range(count):
        path.write_bytes(changed_lines(text, np.random.default_rng(seed)))
        counts.add(outcome(read, lambda found: found == expected), f"seed {seed}")


@pytest.mark.parametrize("count", COUNTS)
def test_a_changed_submission_is_verified_or_refused(count, tmp_path, tally, monkeypatch):
    monkeypatch.chdir(tmp_path)
    submission(1, 0)(Path())
    meta = Path("submissions/mine/meta.json")
    text = meta.read_text(encoding="utf-8")
    counts = tally("mutations of a submission's meta.json", *RIGHT)

    def verified():
        shutil.rmtree("verified", ignore_errors=True)
        with contextlib.redirect_stdout(io.StringIO()):
            verify.run(meta.parent, Path("verified"))
        return json.loads(meta.read_bytes()) == json.loads(text)

    for seed in range(count):
        meta.write_bytes(changed_json(text, np.random.default_rng(seed)))
        came = outcome(verified, lambda same: same)
        rows = [*Path("verified").rglob("*.json")] if came == "refused" else []
        counts.add(f"refused, but there are {rows}" if rows else came, f"seed {seed}")

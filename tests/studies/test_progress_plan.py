"""progress.py: the plan that --dry_run prints, and what is left out and why."""

import io

from rich.console import Console

from dlib_bvae.studies import progress, state


def printed(study, states, absent, capsys, store="store", workers=3):
    """(Rows of the table as lists of cells, the lines after it)."""
    console = Console(file=io.StringIO(), width=200)
    progress.print_plan(study, states, absent, store, workers, console)
    lines = console.file.getvalue().splitlines()
    rows = [[cell.strip() for cell in line.strip("│").split("│")] for line in lines if line.startswith("│")]
    return rows, capsys.readouterr().out.splitlines()


def test_a_plan_has_a_row_a_part_and_the_sums(tiny, tmp_path, capsys):
    study = tiny("vae/part.grid = {'vae.beta': [1.0, 4.0], 'model.training_steps': [1000, 2000]}")
    seen = state.states(study.runs, tmp_path)
    seen[0] = seen[0]._replace(phase="done", trained=True, scored=1)
    seen[1] = seen[1]._replace(phase="scoring", trained=True)
    rows, lines = printed(study, seen, {}, capsys)
    assert rows == [
        ["vae", "tiny", "dummy_data", "4", "1", "1,000, 2,000", "1", "1"],
        ["pca", "pca", "dummy_data", "2", "0", "", "1", "0"],
    ]
    assert lines == ["store: 6 runs, 2 trained, 1 done; 6 evaluations, 1 done; 3 at a time"]


def test_one_run_is_told_in_the_singular(tiny, tmp_path, capsys):
    study = tiny("study.parts = [@vae/part()]")
    _, lines = printed(study, state.states(study.runs, tmp_path), {}, capsys, workers=1)
    assert lines == ["store: 1 run, 0 trained, 0 done; 1 evaluation, 0 done; 1 at a time"]


def test_runs_whose_data_set_is_absent_are_named_unless_they_are_done(tiny, tmp_path, capsys):
    study = tiny("vae/part.grid = {'dataset.name': ['dummy_data', 'shapes3d'], 'model.random_seed': [0, 1]}")
    seen = state.states(study.runs, tmp_path)
    absent = {"vae shapes3d": "no file", "pca dummy_data": "no picture"}
    assert printed(study, seen, absent, capsys)[1][:-1] == [
        "left out: 2 runs on shapes3d: no file",
        "left out: 2 runs on dummy_data: no picture",
    ]
    done = [
        each._replace(phase="done") if run.config["dataset.name"] == "shapes3d" else each
        for run, each in zip(study.runs, seen, strict=True)
    ]
    assert printed(study, done, absent, capsys)[1][:-1] == ["left out: 2 runs on dummy_data: no picture"]


def test_one_reason_on_two_data_sets_is_one_sentence(tiny):
    runs = tiny("pca/part.grid = {'dataset.name': ['shapes3d', 'cars3d', 'shapes3d']}").runs
    absent = {"pca shapes3d": "no net", "pca cars3d": "no net"}
    assert progress.left_out(runs, absent) == ["left out: 2 runs on shapes3d, cars3d: no net"]
    assert progress.left_out(runs, {}) == []

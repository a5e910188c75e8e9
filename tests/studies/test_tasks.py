"""tasks.py: which runs are trained in one graph, decided by their configurations alone, and what follows a task."""

import subprocess
import sys
from dataclasses import replace

import pytest
from support.study_runs import finish

from dlib_bvae.errors import UserError
from dlib_bvae.studies import tasks
from dlib_bvae.studies.state import states
from dlib_bvae.studies.tasks import ALL, ENCODE, SCORE, TRAIN, Task

VAE = "study.parts = [@vae/part()]"


@pytest.fixture
def sizes(tiny):
    """sizes(grid, …) → how many runs each group of the part vae has."""

    def of(grid, *bindings, fuse="4", gpus=0):
        study = tiny(VAE, f"study.fuse = {fuse}", f"vae/part.grid = {grid!r}", *bindings)
        return [len(group) for group in tasks.groups(study, study.runs, gpus)]

    return of


SEEDS = {"model.random_seed": [*range(10)]}


def test_runs_of_other_seeds_betas_and_rates_are_grouped_in_their_order(tiny, sizes):
    assert sizes(SEEDS) == [4, 4, 2]
    grid = {"vae.beta": [1.0, 4], "adam.learning_rate": [0.1, 0.2], "cosine.floor": [0.0, 0.1]}
    steps = "'model.training_steps = 9'"
    assert sizes(grid, f"vae/part.bindings = ['model.schedule = @cosine()', {steps}]", fuse="8") == [8]
    assert sizes(grid, f"vae/part.bindings = [{steps}]", fuse="8") == [4, 4]  # of a schedule that is not used
    study = tiny(VAE, "study.fuse = 3", f"vae/part.grid = {SEEDS!r}")
    assert [[run.seed for run in group] for group in tasks.groups(study, study.runs, 0)] == [
        [0, 1, 2],
        [3, 4, 5],
        [6, 7, 8],
        [9],
    ]


@pytest.mark.parametrize(
    "differing",
    [
        {"dataset.name": ["dummy_data", "shapes3d"]},
        {"model.batch_size": [8, 16]},
        {"model.training_steps": [10, 20]},
        {"model.precision": ["float32", "mixed_bfloat16"]},
        {"encoder.num_latent": [3, 4]},
        {"model.clip_norm": [0.0, 1.0]},
        {"feed.anything": [1, 2]},
        {"rmsprop.learning_rate": [0.1, 0.2]},  # not that of this optimizer
        {"vae.beta": ["@one()", "@two()"]},  # no literals
        {"other/vae.beta": [1.0, 2.0]},
    ],
)
def test_what_members_do_not_share_keeps_runs_apart(sizes, differing):
    assert sizes({**differing, "model.random_seed": [0, 1]}) == [2, 2]


def test_parts_and_files_keep_runs_apart_and_fitted_methods_are_alone(tiny):
    study = tiny("study.fuse = 4", "vae/part.grid = {'model.random_seed': [0, 1]}")
    assert [[run.part for run in group] for group in tasks.groups(study, study.runs, 0)] == [
        ["vae", "vae"],
        ["pca"],
        ["pca"],
    ]
    first, second, *_ = study.runs
    changes = {"part": "other", "gin_config": ("other.gin",), "gin_bindings": (*second.gin_bindings, "import json")}
    for name, value in changes.items():
        other = replace(second, **{name: value})
        assert [len(group) for group in tasks.groups(study, [first, other], 0)] == [1, 1], name


def test_parameters_of_ensembles_are_left_to_training_which_refuses_them(sizes):
    assert sizes(SEEDS, "vae/part.bindings = ['ensemble.way = \"loop\"', 'model.training_steps = 9']") == [1] * 10


def test_auto_is_one_without_a_gpu_and_sixteen_with_one_but_every_gpu_has_a_group(sizes):
    grid = {"model.random_seed": [*range(20)]}
    assert sizes(grid, fuse="'auto'") == [1] * 20
    assert sizes(grid, fuse="'auto'", gpus=1) == [16, 4]
    assert sizes(grid, fuse="'auto'", gpus=4) == [5] * 4
    assert sizes(grid, fuse="'auto'", gpus=64) == [1] * 20
    assert sizes(grid, fuse="1", gpus=1) == [1] * 20


def test_the_default_is_auto_and_other_values_are_refused(tiny):
    assert tiny().fuse == "auto"
    for value in ("0", "-1", "1.5", "'all'", "True"):
        with pytest.raises(UserError, match="study.fuse must be an integer >= 1; got .*; or 'auto', which is 16"):
            tiny(f"study.fuse = {value}")


def test_it_is_said_what_is_trained_together(tiny):
    study = tiny("study.fuse = 4", f"vae/part.grid = {SEEDS!r}")
    assert tasks.sentence(study, study.runs, 0) == ("trained together: 10 runs in 3 groups of 2 to 4 (study.fuse = 4)")
    assert tasks.sentence(study, study.runs[:8], 0) == "trained together: 8 runs in 2 groups of 4 (study.fuse = 4)"
    assert tasks.sentence(study, study.runs[:3], 0) == "trained together: 3 runs in 1 group of 3 (study.fuse = 4)"
    assert tasks.sentence(study, study.runs[-2:], 0) == ""


def test_a_study_s_digests_are_the_same_whatever_is_trained_together(tiny):
    digests = [[run.digest for run in tiny(f"study.fuse = {fuse}").runs] for fuse in (1, 4, "'auto'")]
    assert digests[0] == digests[1] == digests[2]


def first(study, store, gpus):
    return [(task.steps, len(task.runs)) for task in tasks.tasks(study, states(study.runs, store), store, gpus)]


def test_the_first_tasks_of_a_sweep(tiny, tmp_path):
    study = tiny(VAE, "study.fuse = 2", "vae/part.grid = {'model.random_seed': [0, 1, 2, 3, 4, 5]}")
    finish(study.runs[0], tmp_path)
    finish(study.runs[1], tmp_path, scored=False)
    assert first(study, tmp_path, 0) == [(ALL, 1), ((TRAIN,), 2), ((TRAIN,), 2)]
    assert first(study, tmp_path, 1) == [((TRAIN, ENCODE), 1), ((TRAIN, ENCODE), 2), ((TRAIN, ENCODE), 2)]
    needed = tiny(
        VAE,
        "study.metrics = [{'metric': 'mig', 'gin_bindings': ['postprocess.images = \"needed\"']}]",
        "vae/part.grid = {'model.random_seed': [0, 1]}",
    )
    assert first(needed, tmp_path, 1) == [((SCORE,), 1), ((SCORE,), 1)]  # what is encoded when it is scored


def test_what_follows_a_task(tiny, tmp_path):
    run, other, *_ = tiny(VAE, "vae/part.grid = {'model.random_seed': [0, 1]}").runs
    group = Task((TRAIN, ENCODE), (run, other))
    finish(run, tmp_path, scored=False)
    assert tasks.after(group, run, "done", tmp_path) == Task((SCORE,), (run,))
    assert tasks.after(group, run, "apart", tmp_path) == Task((TRAIN, ENCODE), (run,))
    for status in ("failed", "timeout", "stopped", "busy"):
        assert tasks.after(group, run, status, tmp_path) is None
    assert tasks.after(Task((SCORE,), (run,)), run, "done", tmp_path) is None
    assert tasks.after(Task(ALL, (run,)), run, "done", tmp_path) is None
    finish(run, tmp_path)
    assert tasks.after(group, run, "done", tmp_path) is None  # nothing is left to score


def test_when_a_task_is_done(tiny, tmp_path):
    (run, *_) = tiny(VAE).runs
    found = lambda: [Task(steps, (run,)).is_done(run, tmp_path) for steps in ((TRAIN,), (TRAIN, ENCODE), (SCORE,), ALL)]
    assert found() == [False] * 4
    finish(run, tmp_path, scored=False)
    assert found() == [True, False, False, False]
    finish(run, tmp_path)
    assert found() == [True] * 4


def test_groups_are_found_without_tensorflow():
    code = (
        "from dlib_bvae.studies import study, tasks; s = study.load(['gin/studies/re_beta_vae.gin']); "
        "tasks.groups(s, s.runs, 1); import sys; print('tensorflow' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"

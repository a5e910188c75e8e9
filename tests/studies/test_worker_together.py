"""Runs of a study that are trained in one graph, through real processes: as if each were alone, ended and continued."""

import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from support.study_runs import pid_of, wait_for
from support.trainings import checkpoint_of, logged

from dlib_bvae.artifacts import read_identity, read_results
from dlib_bvae.stages import ensemble, train
from dlib_bvae.studies import local, state, study

TEXT = """
study.name = "together"
study.parts = [@vae/part()]
study.metrics = []
study.fuse = 4
vae/part.configs = ["gin/models/beta_vae.gin", "gin/models/burgess_conv.gin"]
vae/part.bindings = [
    "dataset.name = 'dummy_data'",
    "model.batch_size = 8",
    "model.training_steps = STEPS",
    "model.log_every = 5",
    "model.checkpoint_every = EVERY",
    "encoder.num_latent = 3",
    "encoder.encoder_fn = @fc_encoder",
    "decoder.decoder_fn = @fc_decoder",
    "adam.learning_rate = 0.001",
]
vae/part.grid = GRID
"""


@pytest.fixture
def asked(tmp_path):
    """asked(grid, steps, every) → a study of such runs, four in a group."""

    def make(grid, steps, every):
        text = TEXT.replace("GRID", repr(grid)).replace("STEPS", str(steps)).replace("EVERY", str(every))
        (tmp_path / "together.gin").write_text(text)
        return study.load([str(tmp_path / "together.gin")])

    return make


@pytest.mark.slow
@pytest.mark.parametrize("way", ["fused", "loop"])
def test_fifty_steps_together_are_those_alone(asked, tmp_path, way):
    runs = asked({"vae.beta": [1.0, 16.0], "model.random_seed": [3, 8]}, 50, 50).runs
    errors = ensemble.run_members(
        [ensemble.Wanted(run.gin_config, run.gin_bindings, run.directory(tmp_path / "group")) for run in runs], way
    )
    assert errors == [None] * 4
    for run in runs:
        member, alone = run.directory(tmp_path / "group"), run.directory(tmp_path / "alone")
        train.run(run.gin_config, run.gin_bindings, alone)
        assert read_results(member / "train", "train")["ensemble"] == {"members": 4, "way": way}
        assert read_identity(member / "train", "train") == read_identity(alone / "train", "train")
        check_losses(member, alone)
        theirs, ours = checkpoint_of(alone / "train"), checkpoint_of(member / "train")
        assert theirs.keys() == ours.keys()
        for name, value in theirs.items():
            # Adam moves a weight by its whole rate even where its gradient is hardly more than rounding.
            finite = value[np.isfinite(value)]  # the best loss of a window is infinite before there is one
            near = np.isclose(ours[name], value, rtol=0.0, atol=1e-4 * np.abs(finite).max(initial=1.0))
            assert near.mean() > 1 - 2e-3, name
            np.testing.assert_allclose(ours[name], value, atol=50 * 1e-3, rtol=1e-3, err_msg=name)


def check_losses(member, alone):
    """Fails unless all that both logged agree within 1e-3 of their size."""
    for tag in ("loss/loss", "loss/reconstruction", "loss/kl"):
        ours, theirs = logged(member / "train", tag), logged(alone / "train", tag)
        assert [step for step, _ in ours] == [step for step, _ in theirs] == [*range(5, 51, 5)]
        assert [value for _, value in ours] == pytest.approx([value for _, value in theirs], rel=1e-3), tag


@pytest.mark.slow
def test_a_group_whose_process_is_killed_or_stopped_goes_on_from_its_checkpoints(asked, tmp_path):
    chosen = asked({"model.random_seed": [0, 1]}, 400, 20)
    steps = lambda: [each.step for each in state.states(chosen.runs, tmp_path)]
    first, second = (run.directory(tmp_path) for run in chosen.runs)
    stop, said = threading.Event(), []
    with ThreadPoolExecutor() as pool:
        going = pool.submit(local.execute, chosen, tmp_path, 1, stop=stop)
        wait_for(lambda: min(steps()) >= 20)
        assert pid_of(first) == pid_of(second)
        stop.set()
        assert {each.status for each in going.result().values()} == {"stopped"}
        kept = steps()
        assert kept[0] == kept[1] < 400
        going = pool.submit(local.execute, chosen, tmp_path, 1, lambda run, each: said.append(each and each.status))
        wait_for(lambda: min(steps()) > kept[0])
        os.kill(pid_of(first), signal.SIGKILL)
        assert {each.status for each in going.result().values()} == {"done"}
    assert said.count("apart") == 2
    log = (first / "log.txt").read_text() + (second / "log.txt").read_text()
    assert log.count(" step 1/400 ") + log.count("\nstep 1/400 ") == 1  # nothing began again
    for run in chosen.runs:
        assert read_results(run.directory(tmp_path) / "train", "train")["steps"] == 400
        assert not (run.directory(tmp_path) / "failure.json").exists()


def test_a_member_that_diverges_is_dropped_with_its_reason_and_finished_ones_are_left_alone(asked, tmp_path):
    chosen = asked({"adam.learning_rate": [0.001, 1e38, 0.002]}, 6, 3)
    outcomes = local.execute(chosen, tmp_path, 1)
    good, bad, other = chosen.runs
    assert [outcomes[run.digest].status for run in chosen.runs] == ["done", "failed", "done"]
    assert "the loss or a weight became NaN" in outcomes[bad.digest].message
    found = state.states(chosen.runs, tmp_path)
    assert [each.phase for each in found] == ["done", "failed", "done"]
    assert found[1].failure == outcomes[bad.digest].message
    assert [
        read_results(run.directory(tmp_path) / "train", "train")["ensemble"]["members"] for run in (good, other)
    ] == [
        3,
        3,
    ]
    assert local.execute(chosen._replace(runs=(good, other)), tmp_path, 1) == {}

"""complete.py: what is executed, and how it is said to have ended."""

import math
import re
import signal
import threading

import pytest
from support.study_runs import finish

from dlib_bvae.errors import UserError
from dlib_bvae.studies import complete, state
from dlib_bvae.studies.attempts import Outcome
from dlib_bvae.studies.executors import Executor
from dlib_bvae.studies.state import RuntimeEstimator, Seconds


class Known:
    """A Progress of which the runs of part vae are known to take `seconds`."""

    def __init__(self, study, store, seconds):
        self.states = state.states(study.runs, store)
        self.pace = RuntimeEstimator(study.runs, self.states, store)
        self.pace._mean["vae"] = Seconds(seconds, 0.0)

    def state(self, run):
        return self.states[0]


@pytest.mark.parametrize(
    ("takes", "left", "hours", "started"),
    [
        (1800.0, 1801.0, 1.0, True),
        (1800.0, 1799.0, 1.0, False),  # the next time it will fit
        (7200.0, 60.0, 1.0, True),  # it never fits, so it goes on piece by piece
        (7200.0, math.inf, None, True),
    ],
)
def test_what_does_not_fit_is_not_started(tiny, tmp_path, takes, left, hours, started):
    study = tiny()
    fits = complete._fitting(Known(study, tmp_path, takes), lambda: left, hours)
    assert fits(study.runs[0]) is started
    assert fits(study.runs[1])  # of a part that nothing is known of


def test_the_hours_end():
    stop = threading.Event()
    with complete._deadline(stop, 0.2 / 3600) as left:
        assert 0 < left() <= 0.2
        assert stop.wait(timeout=60)
        assert left() <= 0
    stop.clear()
    with complete._deadline(stop, 0.2 / 3600):
        pass
    with complete._deadline(stop, None) as left:
        assert left() == math.inf
    assert not stop.wait(timeout=0.4)


def executor_of(outcomes, done=()):
    """An executor that has no child: how each run of the parts ends, and which runs it finishes."""
    calls = []

    def execute(study, store, workers, report, stop, fits):
        calls.append((study, store, workers))
        ended = {}
        for run in study.runs:
            if run.part in outcomes and fits(run):
                report(run, None)
                if run.part in done:
                    finish(run, store)
                ended[run.digest] = Outcome(outcomes[run.part], f"{run.part} is {outcomes[run.part]}", 1.0)
                report(run, ended[run.digest])
        return ended

    return Executor(execute, lambda study: 7, lambda study: 0), calls


@pytest.fixture
def begin(tiny, tmp_path, monkeypatch):
    """begin(executor, absent, flags…): complete.run of the tiny study in tmp_path/store."""

    def run(executor, absent=None, bindings=(), **flags):
        monkeypatch.setattr(complete, "check", lambda runs: absent or {})
        tiny(*bindings)
        complete.run([str(tmp_path / "tiny.gin")], bindings, tmp_path / "store", executor=executor, **flags)

    return run


def test_what_is_missing_is_executed_and_what_is_done_is_said(begin, tiny, tmp_path, capsys):
    executor, calls = executor_of({"vae": "done", "pca": "done"}, done=("vae", "pca"))
    begin(executor)
    ((study, store, workers),) = calls
    assert (len(study.runs), store, workers) == (3, tmp_path / "store", 7)
    last, following = capsys.readouterr().out.splitlines()[-2:]
    assert re.match(r"3 of 3 runs done · \d+ s so far", last)
    assert following.startswith("next: dlib_bvae_aggregate ")
    begin(executor)
    said = [
        f"{tmp_path / 'store'}: all is done (3 runs)",
        f"next: dlib_bvae_aggregate --results_dir={tmp_path / 'store'} ",
    ]
    lines = capsys.readouterr().out.splitlines()
    assert [line[: len(each)] for line, each in zip(lines, said, strict=True)] == said
    assert len(calls) == 1


def test_runs_that_fail_are_named_and_counted_at_the_end(begin, tmp_path, capsys):
    executor, _ = executor_of({"vae": "timeout", "pca": "failed"})
    with pytest.raises(UserError, match="^3 runs failed; the lines above say why; the same command tries them again$"):
        begin(executor, workers=2)
    lines = capsys.readouterr().out.splitlines()
    failed = [line for line in lines if line.startswith("failed: ")]
    assert [line.split(" (")[0] for line in failed] == [
        "failed: vae: vae is timeout",
        "failed: pca random_seed=0: pca is failed",
        "failed: pca random_seed=1: pca is failed",
    ]
    assert all(line.endswith("log.txt)") for line in failed)


def test_runs_of_others_are_left_out_and_are_no_failure(begin, capsys):
    executor, _ = executor_of({"vae": "done", "pca": "busy"}, done=("vae",))
    begin(executor)
    assert "left out: 2 runs that another process works on" in capsys.readouterr().out.splitlines()


def test_runs_without_their_data_set_are_left_out_and_refused_at_the_end(begin, capsys):
    executor, calls = executor_of({"vae": "done", "pca": "done"}, done=("vae", "pca"))
    with pytest.raises(UserError, match="^the data sets of others cannot be had; the lines above say why"):
        begin(executor, {"pca dummy_data": "no file"})
    assert [run.part for run in calls[0][0].runs] == ["vae"]
    assert "left out: 2 runs on dummy_data: no file" in capsys.readouterr().out.splitlines()


def test_done_runs_stay_in_the_counts_where_their_data_set_is_gone(begin, tiny, tmp_path, capsys):
    executor, calls = executor_of({"vae": "done", "pca": "done"}, done=("vae", "pca"))
    finish(tiny().runs[1], tmp_path / "store")
    with pytest.raises(UserError, match="the data sets of others cannot be had"):
        begin(executor, {"pca dummy_data": "no file"})
    assert [run.part for run in calls[0][0].runs] == ["vae", "pca"]
    assert "left out: 1 run on dummy_data: no file" in capsys.readouterr().out.splitlines()


def test_a_dry_run_starts_nothing(begin, capsys):
    executor, calls = executor_of({})
    begin(executor, dry_run=True, workers=5)
    assert calls == []
    sums, *_ = [line for line in capsys.readouterr().out.splitlines() if " trained, " in line]
    assert sums.endswith("3 runs, 0 trained, 0 done; 3 evaluations, 0 done; 5 at a time")


def test_hours_that_are_over_are_said(begin, capsys):
    begin(executor_of({"vae": "stopped"})[0], max_hours=1.5)
    said = "the 1.5 hours are over, or too short for what is left; run the same command again to continue"
    assert said in capsys.readouterr().out.splitlines()
    begin(executor_of({"vae": "done", "pca": "done"}, done=("vae", "pca"))[0], max_hours=1.5)
    assert said not in capsys.readouterr().out
    for name, value in {"--max_hours": {"max_hours": 0.0}, "--workers": {"workers": 0}}.items():
        with pytest.raises(UserError, match=name):
            begin(executor_of({})[0], **value)


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_and_is_handed_on_unless_all_was_done(begin, signum):
    before = signal.getsignal(signum)
    finished, _ = executor_of({"vae": "done", "pca": "done"}, done=("vae", "pca"))
    seen = []

    def execute(study, store, workers, report, stop, fits):
        signal.raise_signal(signum)
        seen.append(stop.is_set())
        return {}

    with pytest.raises(complete.Stopped, match="what was in training has a checkpoint") as stopped:
        begin(Executor(execute, lambda study: 1, lambda study: 0))
    assert (stopped.value.signum, seen) == (signum, [True])
    assert signal.getsignal(signum) is before

    def all_done(*given):
        signal.raise_signal(signum)
        return finished.execute(*given)

    begin(Executor(all_done, lambda study: 1, lambda study: 0))

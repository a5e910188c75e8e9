"""plan.py: hours and disk by the runs that are done, else by a probe; what is not known is said."""

import pytest
from support import study_runs

from dlib_bvae.errors import UserError
from dlib_bvae.studies import plan, preflight
from dlib_bvae.studies.state import RuntimeEstimator, states

GRID = "vae/part.grid = {'model.random_seed': [0, 1, 2, 3]}"


@pytest.fixture
def shown(tiny, tmp_path, monkeypatch, capsys):
    """shown(costs, *statements) → the lines of a plan whose probes say `costs` ({part: cost})."""
    asked = []

    def show(costs, *bindings, **options):
        def answer(program, runs, environment):
            asked.append([run.part for run in runs])
            return [costs[run.part] for run in runs]

        monkeypatch.setattr(preflight, "asked", answer)
        monkeypatch.setattr(preflight, "check", lambda runs: {})
        tiny(*bindings)
        plan.run([str(tmp_path / "tiny.gin")], bindings, tmp_path / "store", **options)
        return capsys.readouterr().out.splitlines()

    show.asked = asked
    return show


def test_a_part_with_a_run_done_goes_by_that_one_and_others_by_a_probe(shown, tiny, tmp_path):
    first, *_ = tiny(GRID).runs
    study_runs.finish(first, tmp_path / "store", seconds=1200.0)
    lines = shown({"pca": None}, GRID, workers=3)
    assert shown.asked == [["pca"]]
    assert "to do: 5 runs" in lines
    assert "time: about 1 h 00 min, 3 at a time" in lines  # 3 runs of train, encode and score, 20 min each
    assert "time not known: 2 runs of pca, of which none is done and scored" in lines
    assert [line for line in lines if line.startswith("disk: at least")]


def test_a_probe_gives_the_hours_of_steps_and_the_disk(shown):
    cost = [10.0, 3.6, 100.0, 2.0 * 2**30]  # seconds before, of a step, of encoding; bytes
    lines = shown({"vae": cost}, GRID, "study.parts = [@vae/part()]", workers=2)
    assert "time: about 2 h 04 min, 2 at a time" in lines  # 4 · (10 + 1000 · 3.6 + 100) s / 2
    assert "  the metrics of 4 runs come on top: of their parts none is scored yet; ask again when one is" in lines
    (disk,) = [line for line in lines if line.startswith("disk: about 8.0 GiB (2.0 GiB per run); ")]
    assert "free" in disk
    cost[3] = 2.0**60
    (disk,) = [line for line in shown({"vae": cost}, "study.parts = [@vae/part()]") if line.startswith("disk: ")]
    assert "too little; free some, or name another --results_dir" in disk


def test_without_a_probe_nothing_is_trained_and_nothing_is_written(shown, tmp_path):
    lines = shown({}, probe=False)
    assert shown.asked == []
    assert lines[-1] == "time not known: 3 runs of vae, pca, of which none is done and scored"
    assert not (tmp_path / "store").exists()
    with pytest.raises(UserError, match="--workers must be an integer >= 1"):
        shown({}, workers=0)


def test_a_probe_measures_steps_encoding_and_what_is_kept(tiny, monkeypatch):
    monkeypatch.setattr(plan, "SECONDS", 0.05)
    monkeypatch.setattr(plan, "_ENCODING", 0.05)
    vae, pca, _ = tiny().runs
    cost = plan._probe(vae)
    assert 0 < cost.step < cost.start
    assert cost.encode > 0
    weights_and_codes = 4 * 4 * 10**5 + 512 * 10 * 4
    assert cost.size > weights_and_codes
    assert plan._probe(pca) is None


def test_partly_trained_runs_count_by_the_steps_that_are_left(tiny, tmp_path):
    (run, *_) = tiny().runs
    (state, *_) = states([run], tmp_path)
    pace = RuntimeEstimator([run], [state], tmp_path)
    costs = {preflight.place(run): plan.Cost(0.0, 1.0, 0.0, 1.0)}
    half = state._replace(step=500)
    assert plan.estimate([(run, half)], pace, costs, 1)[0] == "time: about 8 min, 1 at a time"


def test_what_is_trained_together_is_shown(shown):
    seeds = "vae/part.grid = {'model.random_seed': [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]}"
    lines = shown({}, seeds, "study.fuse = 4", probe=False)
    said = "trained together: 12 runs in 3 groups of 4 (study.fuse = 4)"
    assert f"{said}; the time that is said is that of runs which are trained alone" in lines
    assert not [line for line in shown({}, seeds, "study.fuse = 1", probe=False) if line.startswith("trained together")]

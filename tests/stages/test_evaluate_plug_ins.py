"""evaluate.py: metrics of other packages: what they may return, and what their defects cost."""

from pathlib import Path
from types import SimpleNamespace

import gin
import numpy as np
import pytest

from dlib_bvae import errors, metrics
from dlib_bvae.analysis.frame import collect
from dlib_bvae.artifacts import read_results
from dlib_bvae.errors import UnknownName, UserError
from dlib_bvae.stages import evaluate
from dlib_bvae.stages.external import external_codes
from dlib_bvae.stages.scoring import Scoring

DENIED = ["data", "codes", "random_state"]


@gin.configurable(denylist=DENIED)
def numpy_scores(data, codes, random_state):
    return {"single": np.float32(0.5), "double": np.float64(0.25), "count": np.int64(3), "flag": np.True_}


@gin.configurable(denylist=DENIED)
def bare_number(data, codes, random_state):
    return 0.5


@gin.configurable(denylist=DENIED)
def reserved_name(data, codes, random_state):
    return {"metric": 0.5}


@gin.configurable(denylist=DENIED)
def defective(data, codes, random_state):
    return {"x": [][1]}


@gin.configurable
def my_kernel(width=1):
    return width


@gin.configurable(denylist=DENIED)
def kernel_score(data, codes, random_state, kernel=my_kernel, power=1.0):
    return {"kernel_score": kernel() ** power}


def undecorated(data, codes, random_state):
    return {"x": 0.5}


@pytest.fixture
def mine(codes, monkeypatch):
    """Codes in mine.npy, and the metrics above as if another package had brought them."""
    np.save("mine.npy", codes)
    monkeypatch.setattr(errors, "_warned", set())
    brought = (numpy_scores, bare_number, reserved_name, defective, kernel_score, undecorated)
    points = {each.__name__: SimpleNamespace(name=each.__name__, load=lambda each=each: each) for each in brought}
    monkeypatch.setattr(metrics.METRICS, "_plugins", points)
    return Path("mine.npy")


def test_numbers_of_numpy_are_scores(mine, score_external, tmp_path):
    (found,) = score_external("numpy_scores", "evaluation.null = 3", codes=mine)
    assert {name: each["n"] for name, each in found["null"].items()} == {"single": 3, "double": 3, "count": 3}
    assert found["score_names"] == ["single", "double", "count"]
    assert [found[key] for key in ("single", "double", "count", "flag")] == [0.5, 0.25, 3, True]
    frame, problems = collect(tmp_path / "runs")
    assert problems == []
    assert frame["evaluation_results.single"].tolist() == [0.5]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("bare_number", r"^the metric bare_number must return its scores as a dictionary .*; it returned 0\.5$"),
        ("reserved_name", r"^the metric reserved_name calls a score 'metric', which results have already; it must"),
        (
            "defective",
            r"^the metric defective failed with IndexError: list index out of range \(.*test_evaluate_plug_ins",
        ),
        ("undecorated", r"^the metric undecorated is no gin configurable of that name; decorate .*@gin\.configurable"),
    ],
)
def test_a_defect_is_one_sentence(mine, score_external, tmp_path, name, message):
    with pytest.raises(UserError, match=message):
        score_external(name, codes=mine)
    assert not list((tmp_path / "runs").glob("*/*/metrics/*"))


def test_a_defect_does_not_cost_the_scores_of_others(mine, score_external, tmp_path, capsys):
    with pytest.raises(UserError, match="^1 of 3 metrics could not be scored: defective; the lines above say why$"):
        score_external("mig,defective,numpy_scores", codes=mine)
    assert "refused: defective: the metric defective failed with IndexError" in capsys.readouterr().err
    assert len(list((tmp_path / "runs").glob("*/*/metrics/*"))) == 2


def test_all_leaves_out_what_gin_cannot_configure(mine, capsys):
    names = evaluate.named("all")
    assert "undecorated" not in names
    assert {"mig", "defective"} <= set(names)
    assert capsys.readouterr().err.startswith("left out: the metric undecorated is no gin configurable")


def test_a_defect_of_the_package_is_shown_as_it_is(mine, score_external, monkeypatch):
    def broken(*given, **parameters):
        raise ZeroDivisionError

    monkeypatch.setattr(Scoring, "scores", broken)
    with pytest.raises(ZeroDivisionError):
        score_external("mig", codes=mine)


def test_the_parameters_of_what_a_metric_calls_tell_its_results_apart(mine, score_external, tmp_path, capsys):
    (narrow,) = score_external("kernel_score", codes=mine)
    (wide,) = score_external("kernel_score", "my_kernel.width = 5", codes=mine)
    assert [each["kernel_score"] for each in (narrow, wide)] == [1, 5]
    drawn = {"evaluation.sampling": "disjoint"}
    assert narrow["metric_parameters"] == {"kernel": "@my_kernel", "power": 1.0, "my_kernel.width": 1, **drawn}
    assert wide["metric_parameters"] == {**narrow["metric_parameters"], "my_kernel.width": 5}
    places = sorted(path.name for path in (tmp_path / "runs/mine/codes/metrics").iterdir())
    assert places == ["kernel_score", "kernel_score-my_kernel.width=5"]
    frame, problems = collect(tmp_path / "runs")
    assert problems == []
    assert frame["metric_parameters"].nunique() == 2
    capsys.readouterr()
    score_external("kernel_score", "my_kernel.width = 5", "kernel_score.power = 1", codes=mine)
    assert "kernel_score-my_kernel.width=5: scored already" in capsys.readouterr().out


IMPORTED = """
import gin

@gin.configurable
def imported_range(data, codes, random_state, *, power=1.0):
    return {"imported_range": float((codes.max() - codes.min()) ** power)}

@gin.configurable
def no_metric(x=1):
    return x
"""


def test_a_metric_may_come_from_a_module_that_the_gin_file_imports(codes, monkeypatch, tmp_path):
    np.save("mine.npy", codes)
    Path("module_with_a_metric.py").write_text(IMPORTED)
    Path("mine.gin").write_text("import module_with_a_metric\nimported_range.power = 2.0\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    source = external_codes(codes=Path("mine.npy"), dataset="dummy_data")
    with pytest.raises(UnknownName, match="no metric is called 'imported_range'"):
        evaluate.run("imported_range", source=source)
    (path,) = evaluate.run("imported_range", ["mine.gin"], source=source)
    found = read_results(path, "evaluation")
    assert found["imported_range"] == pytest.approx(float(codes.max() - codes.min()) ** 2, rel=1e-5)
    assert found["metric_parameters"] == {"power": 2.0, "evaluation.sampling": "disjoint"}
    assert path.name == "imported_range-power=2.0"
    with pytest.raises(UnknownName, match="no metric is called 'no_metric'"):
        evaluate.run("no_metric", ["mine.gin"], source=source)

"""preflight.py: a study that is wrong is refused before anything is trained."""

import os
import types
from pathlib import Path

import pytest

from dlib_bvae import datasets, runtime
from dlib_bvae.errors import UserError
from dlib_bvae.studies import preflight, progress


@pytest.fixture
def forked(forks, monkeypatch):
    """The child is a process of its own, but need not load the libraries first."""

    def run(command, input, **_):
        return forks.run(Path.cwd(), *command[1:], given=input)

    monkeypatch.setattr(preflight.subprocess, "run", run)


def test_every_value_is_tried_once_whatever_the_seeds(tiny):
    study = tiny(
        "vae/part.grid = {'vae.beta': [1.0, 4.0], 'model.batch_size': [8, 16], 'model.random_seed': [0, 1, 2]}"
    )
    tried = [
        (run.part, run.config.get("vae.beta"), run.config.get("model.batch_size"))
        for run in preflight.examples(study.runs)
    ]
    assert tried == [("vae", 1.0, 8), ("vae", 1.0, 16), ("vae", 4.0, 8), ("pca", None, None)]


@pytest.mark.parametrize(
    ("binding", "said"),
    [
        ("study.metrics = ['mgi']", "no metric is called 'mgi'; did you mean mig"),
        (
            "study.metrics = [{'metric': 'mig', 'gin_bindings': ['mig.bins = 3']}]",
            "no parameter of mig is called 'bins'",
        ),
        (
            "study.metrics = ['mig', {'metric': 'mig', 'grid': {'mig.num_bins': [20, 1]}}]",
            r"part vae of the study is wrong: mig\.num_bins must be an integer >= 2; got 1",
        ),
        (
            "pca/part.metrics = [{'metric': 'beta_vae', 'gin_bindings': [\"beta_vae.classifier = 'mpl'\"]}]",
            "part pca of the study is wrong: no classifier is called 'mpl'; did you mean mlp",
        ),
    ],
)
def test_a_wrong_metric_is_refused(tiny, forked, binding, said):
    with pytest.raises(UserError, match=said):
        preflight.check(tiny(binding).runs)


def test_evaluations_whose_codes_would_lie_in_one_directory_are_refused(tiny, forked):
    sampled = "'postprocess.postprocess_fn = @sampled_representation'"
    seeded = f"{{'metric': 'mig', 'gin_bindings': [{sampled}], 'grid': {{'postprocess.random_seed': [0, 1]}}}}"
    said = (
        r"encode sampled by postprocess\.random_seed = 0 and postprocess\.random_seed = 1, and a run keeps one of them"
    )
    with pytest.raises(UserError, match=said):
        preflight.check(tiny(f"study.metrics = [{seeded}]").runs)


@pytest.mark.parametrize(
    ("binding", "said"),
    [
        (
            "vae/part.bindings = ['dataset.name = \"dummy_data\"', 'beta_tc_vae.beta = 6']",
            "part vae .* nothing used beta_tc_vae.beta = 6; what was used: vae.beta; leave",
        ),
        (
            "study.metrics = [{'metric': 'mig', 'grid': {'dci.num_train': [10]}}]",
            "mig: nothing used dci.num_train = 10; what was used: mig.num_train",
        ),
    ],
)
def test_what_nothing_uses_is_refused(tiny, forked, binding, said):
    with pytest.raises(UserError, match=said):
        preflight.check(tiny(binding).runs)


def test_what_some_runs_use_is_not_refused(tiny, forked):
    grid = "{'dataset.name': ['dummy_data', 'probe'], 'probe.data': ['dummy_data'], 'probe.images': [100]}"
    assert preflight.check(tiny(f"vae/part.grid = {grid}").runs) == {}


def test_a_metric_may_come_from_a_module_that_its_gin_file_imports(tiny, tmp_path, monkeypatch):
    (tmp_path / "module_of_a_study.py").write_text(
        "import gin\n"
        "@gin.configurable\n"
        "def helper(width=1):\n    return width\n"
        "@gin.configurable(denylist=['data', 'codes', 'random_state'])\n"
        "def metric_of_a_module(data, codes, random_state, scale=1.0):\n    return {'size': scale * helper()}\n"
    )
    (tmp_path / "theirs.gin").write_text("import module_of_a_study\n")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}")
    monkeypatch.syspath_prepend(tmp_path)
    wanted = {
        "metric": "metric_of_a_module",
        "gin_config": [f"{tmp_path}/theirs.gin"],
        "gin_bindings": ["helper.width = 3"],
    }
    study = tiny(f"study.metrics = [{wanted!r}]")
    assert preflight.check(study.runs) == {}
    assert study.runs[0].evaluations[0].representation() == "mean"


def test_data_sets_that_cannot_be_had_are_named_once(tiny, forked, tmp_path, monkeypatch):
    monkeypatch.setenv("DLIB_BVAE_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("DLIB_BVAE_CACHE_DIR", str(tmp_path))
    study = tiny(
        "vae/part.grid = {'dataset.name': ['dummy_data', 'shapes3d'], 'model.random_seed': [0, 1]}",
        "pca/part.grid = {'dataset.name': ['scream_dsprites', 'shapes3d'], 'scream.picture': ['none.png']}",
    )
    absent = preflight.check(study.runs)
    assert set(absent) == {"vae shapes3d", "pca scream_dsprites", "pca shapes3d"}
    lines = progress.left_out(study.runs, absent)
    assert len(lines) == 2
    assert lines[0].startswith("left out: 3 runs on shapes3d: there is no 3dshapes.h5 in")
    assert lines[1].startswith("left out: 1 run on scream_dsprites: scream.picture = 'none.png' cannot be read")


def test_a_metric_that_does_not_apply_is_no_error(tiny):
    assert preflight.check(tiny("study.metrics = ['mig', 'reconstruction_error', 'elbo', 'image_quality']").runs) == {}


@pytest.mark.parametrize(("cached", "found"), [(False, None), (False, "file"), (True, None), (True, "file")])
def test_a_data_set_is_absent_without_its_file_and_its_cache(tmp_path, monkeypatch, cached, found):
    monkeypatch.setenv("DLIB_BVAE_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("DLIB_BVAE_CACHE_DIR", str(tmp_path / "cache"))
    data = datasets.load("shapes3d")
    monkeypatch.setattr(type(data), "cache_path", tmp_path if cached else tmp_path / "none")
    monkeypatch.setattr(type(data), "found", lambda self: found)
    wrapped = types.SimpleNamespace(data=types.SimpleNamespace(data=data))
    for each in (data, wrapped):
        absence = preflight._absence(each)
        assert absence == "" if cached or found else absence.startswith("there is no 3dshapes.h5 in")
    assert preflight._absence(types.SimpleNamespace(data=None)) == preflight._absence(types.SimpleNamespace()) == ""


def test_an_evaluation_is_tried_once_a_data_set(tiny, monkeypatch):
    tried = []
    monkeypatch.setattr(runtime, "load_tensorflow", lambda: None)
    monkeypatch.setattr(preflight, "_data_set", lambda run, typed: "no file" if run.part == "pca" else object())
    monkeypatch.setattr(
        preflight, "_try_evaluations", lambda fresh, data: tried.append([each.metric for each in fresh])
    )
    runs = tiny("study.metrics = ['mig', 'sap']", "vae/part.grid = {'vae.beta': [1.0, 4.0]}").runs
    assert preflight._try(runs) == {"pca dummy_data": "no file"}
    assert tried == [["mig", "sap"], []]


def test_a_child_that_says_nothing_is_named_by_its_status(tiny, monkeypatch):
    done = types.SimpleNamespace(returncode=3, stderr="\n", stdout="")
    monkeypatch.setattr(preflight.subprocess, "run", lambda *_, **__: done)
    with pytest.raises(UserError, match=r"^dlib_bvae.studies.preflight ended by 3$"):
        preflight.check(tiny().runs)
    done.stderr = "first\ndlib_bvae.studies.preflight: it is wrong\n\n"
    with pytest.raises(UserError, match="^it is wrong$"):
        preflight.check(tiny().runs)
    done.returncode, done.stdout = 0, 'noise\n{"vae dummy_data": "why"}\n'
    assert preflight.check(tiny().runs) == {"vae dummy_data": "why"}

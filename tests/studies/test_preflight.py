"""preflight.py: a study that is wrong is refused before anything is trained."""

import pytest

from dlib_bvae.errors import UserError
from dlib_bvae.studies import preflight, progress


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
def test_a_wrong_metric_is_refused(tiny, binding, said):
    with pytest.raises(UserError, match=said):
        preflight.check(tiny(binding).runs)


def test_data_sets_that_cannot_be_had_are_named_once(tiny, tmp_path, monkeypatch):
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

"""gin_check.py: what of a submission's gin file is trained, and what is refused before anything runs."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from support import submittable

from dlib_bvae import gin_text
from dlib_bvae.datasets import DERIVED
from dlib_bvae.errors import UserError
from dlib_bvae.leaderboard.submissions.gin_check import checked

HEAD = "include 'gin/beta4_dsprites.gin'\ndataset.name = 'dummy_data'\n"
HOSTILE = "from __gin__ import dynamic_registration\nimport it_ran\nit_ran.here.path = 1\n"
WIDE = "\N{FULLWIDTH FULL STOP}"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The working directory, which is the submission's folder, with hostile files wherever an include may look."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "it_ran", raising=False)
    (tmp_path / "gin" / "models").mkdir(parents=True)
    for name in ("extra.gin", "gin/extra.gin", "gin/models/extra.gin"):
        (tmp_path / name).write_text(HOSTILE)
    (tmp_path / "it_ran.py").write_text("")
    yield tmp_path
    assert "it_ran" not in sys.modules


def refused(folder, text):
    (folder / "train.gin").write_text(HEAD + text, encoding="utf-8")
    with pytest.raises(UserError) as caught:
        checked(folder / "train.gin", "dummy_data")
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    "include",
    [
        "include 'extra.gin'",
        "include 'gin/extra.gin'",
        "include r'extra.gin'",
        "include u'gin/extra.gin'",
        "include'gin/extra.gin'",
        "  include 'gin/extra.gin'",
        "include \\\n  'gin/extra.gin'",
        'include """gin/extra.gin"""',
        "include 'gin/' 'extra.gin'",
        r"include 'gin/\x2e\x2e/extra.gin'",
        r"include 'gin/\N{FULL STOP}./extra.gin'",
        "include 'gin/../extra.gin'",
        "include './gin/extra.gin'",
        f"include 'gin/{WIDE}{WIDE}/extra.gin'",
        r"include 'gin/extra.gin\0'",
        r"include '\ud800.gin'",
        "include 'gin/models'",
        "include ''",
    ],
)
def test_no_file_but_an_installed_one_is_included(folder, include):
    said = refused(folder, include)
    assert "it may include files of the installed gin/ only" in said or "gin syntax error" in said


def test_no_path_leads_out_of_the_installed_files(folder):
    home = gin_text.homes()[0]
    out = "/".join([".."] * len(home.parts))
    for path in (folder / "extra.gin", folder / "gin" / "extra.gin"):
        assert "of the installed gin/ only" in refused(folder, f"include '{path}'")
        assert "of the installed gin/ only" in refused(folder, f"include 'gin/{out}{path}'")


def test_a_file_in_the_working_directory_does_not_stand_in_for_an_installed_one(folder):
    (folder / "gin" / "beta4_dsprites.gin").write_text(HOSTILE)
    (folder / "gin" / "models" / "beta_vae.gin").write_text(HOSTILE)
    (folder / "train.gin").write_text(HEAD)
    assert "vae.beta = 4.0" in checked(Path("train.gin"), "dummy_data")


@pytest.mark.parametrize(
    "statement",
    [
        "import it_ran",
        "  import it_ran",
        "import it_ran as it",
        "from os import path",
        "from\\\n os import path",
        "from __gin__ import dynamic_registration",
        "import\\\n it_ran",
    ],
)
def test_nothing_is_imported(folder, statement):
    assert "imports a module, which is never run for a submission" in refused(folder, statement)


@pytest.mark.parametrize(
    ("binding", "said"),
    [
        ("image_folder.path = '/home'", "uses 'image_folder', which is no part of a model"),
        ("dlib_bvae.datasets.external.image_folder.image_folder.path = '/home'", "uses 'image_folder'"),
        ("deep/image_folder.path = '/home'", "uses 'image_folder'"),
        ("image_folder:\n  path = '/home'", "uses 'image_folder'"),
        ("from_file.labels = 'x.npy'", "uses 'from_file'"),
        ("scream.picture = 'x.png'", "uses 'scream'"),
        ("efficientnet_lite0.path = 'x'", "uses 'efficientnet_lite0'"),
        ("inception_2015.path = 'x'", "uses 'inception_2015'"),
        ("frechet_curve.every_steps = 5", "uses 'frechet_curve'"),
        ("model.model = @image_folder()", "uses 'image_folder'"),
        ("model.network = {'a': [1, (@from_file(),)]}", "uses 'from_file'"),
        ("N = @from_file()\nmodel.model = %N", "uses 'from_file'"),
        ("N/macro.value = @deep/from_file()", "uses 'from_file'"),
        ("model.model = @one/gin.singleton()\none/gin.singleton.constructor = @vae", "uses 'singleton'"),
        ("model.initial_weights = '/home'", "sets model.initial_weights, a folder of another run"),
        ("dlib_bvae.training.settings.model.initial_weights = '/home'", "sets model.initial_weights"),
        ("dataset.name = 'image_folder'", "trains on 'image_folder'; the codes are of dummy_data"),
        ("dlib_bvae.datasets.dataset.name = 'shapes3d'", "trains on 'shapes3d'"),
        ("N = 'shapes3d'\ndataset.name = %N", "trains on 'shapes3d'"),
        ("dataset.name = @pca()", r"trains on @pca(); the codes are of"),
        ("deep/dataset.name = 'dummy_data'", "sets dataset.name in a scope"),
        ("os.system.command = 'x'", "uses 'system'"),
    ],
)
def test_only_the_model_and_its_training_are_configured(folder, binding, said):
    assert said in refused(folder, binding)


def test_a_file_that_names_no_data_set_is_refused(tmp_path):
    (tmp_path / "train.gin").write_text("model.model = @vae()\n")
    with pytest.raises(UserError, match=r"does not say dataset\.name; bind it to 'dummy_data'"):
        checked(tmp_path / "train.gin", "dummy_data")


def test_what_was_checked_is_what_is_returned(tmp_path):
    (tmp_path / "train.gin").write_text(f"{HEAD}B = 3\nvae.beta = %B\nB = 5\nmodel.name = 'a\\u2028b'\n")
    found = checked(tmp_path / "train.gin", "dummy_data")
    assert {"dataset.name = 'dummy_data'", "vae.beta = 5", "model.model = @vae()", "model.name = 'a\\u2028b'"} <= {
        *found
    }
    parameters, _ = gin_text.effective(gin_text.statements([], found))
    assert len(parameters) == len(found)


def test_every_installed_experiment_may_be_submitted():
    tried = 0
    for file in gin_text.installed():
        parameters, _ = gin_text.effective(gin_text.statements([file], []))
        name, path = parameters["dataset.name"].value, gin_text.homes()[-1] / file
        if any(key.startswith(f"{name}.") for key in parameters):  # images of its own are no board's data set
            with pytest.raises(UserError, match=f"uses '{name}', which is no part of a model or its training"):
                checked(path, name)
        elif name not in DERIVED and isinstance(name, str):
            assert checked(path, name)
            tried += 1
    assert tried > 50


def test_no_parameter_that_is_allowed_names_a_file():
    texts = submittable.parameters("str")
    texts = {each for each in texts if not each.endswith((".precision", ".initializer"))}  # each one of a few names
    choices = {
        "fast_ica.fun",
        "beta_tc_vae.estimator",
        "dip_vae.dip_type",
        "s2_vae.supervision",
        "validation.keep",
        "model.output_bias",
    }
    assert texts - choices == {"model.name", "model.initial_weights"}


def test_names_of_disentanglement_lib_are_checked_as_what_they_are_here(folder):
    text = (
        "vae_optimizer.optimizer_fn = @vae/AdamOptimizer\nvae/AdamOptimizer.beta1 = 0.8\nAdamOptimizer.name = @os.system()\n"
        "model.model_num = @it_ran.here()\n"
    )
    (folder / "train.gin").write_text(HEAD + text)
    found = checked(folder / "train.gin", "dummy_data")
    assert "model.optimizer = @adam" in found
    assert "adam.beta1 = 0.8" in found
    assert not [line for line in found if "AdamOptimizer" in line or "system" in line or "it_ran" in line]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("AdamOptimizer.beta1 = @os.system()", "uses 'system', which is no part of a model"),
        ("vae_optimizer.optimizer_fn = @os.system", "uses 'system', which is no part of a model"),
        (
            "evaluation.evaluation_fn = @sap_score",
            "says by what to score, which is no part of a training; leave it out",
        ),
        ("evaluation.evaluation_fn = @mig", "says by what to score"),
        ("discretizer.num_bins = 10", "uses 'mig', which is no part of a model"),
        ("sap_score.num_train = 10", "uses 'sap_dlib', which is no part of a model"),
        ("reconstruction_loss.loss_fn = @l2_loss", "use @gaussian_loss"),
    ],
)
def test_what_they_may_not_be_is_refused(folder, text, said):
    assert said in refused(folder, text)

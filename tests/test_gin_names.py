"""gin_names.py: what the source says gin configures is what gin knows once everything is imported; wrong names are refused."""

import subprocess
import sys

import pytest
from gin import config as gin_config
from support.identity_table import parameters

from dlib_bvae import gin_names
from dlib_bvae.errors import UserError


@pytest.fixture(scope="module")
def known():
    """Configurable → its parameters as gin has them, of this package alone."""
    found = parameters()  # imports everything
    modules = {selector.rpartition(".")[2]: selector for selector, _ in gin_config._REGISTRY.items()}
    return {name: names for name, names in found.items() if modules[name].startswith("dlib_bvae.")}


def test_names_and_parameters_are_those_of_gin(known):
    read = gin_names.configurables()
    assert len(known) > 100
    assert {name: sorted(read[name].parameters) for name in known if read[name].parameters is not None} == {
        name: sorted(names) for name, names in known.items() if read[name].parameters is not None
    }
    assert {name for name in known if read[name].parameters is None} <= {"constant"}


def test_no_name_of_the_source_is_unknown_to_gin(known):
    selectors = {selector.rpartition(".")[2] for selector, _ in gin_config._REGISTRY.items()}
    assert set(gin_names.configurables()) - selectors <= {"study", "part"}  # whose room may not be imported here


def test_defaults_are_those_of_the_functions(known):
    read = {name: gin_names.configurables()[name].parameters or {} for name in ("vae", "mig", "model", "beta_vae")}
    assert read["vae"]["beta"].default == "1.0"
    assert read["model"]["training_steps"].default == "300000"
    assert read["model"]["model"].default == ""  # has to be given
    assert read["mig"]["num_bins"].default == "20"


def test_help_is_what_the_documentation_says_of_a_parameter():
    text = "Does this. size, width: pixels, > 0. rate: a number; or None. Raises UserError when neither."
    assert gin_names.help_of("width", text) == "pixels, > 0"
    assert gin_names.help_of("rate", text) == "a number; or None"
    assert gin_names.help_of("seed", text) == "seed of all random draws"
    assert gin_names.help_of("other", text) == ""
    assert gin_names.help_of("depth", "It has `depth` layers. Else not.") == "It has `depth` layers"


@pytest.mark.parametrize(
    ("binding", "said"),
    [
        ("vea.beta = 4.0", "no gin name is called 'vea'; did you mean"),
        ("vae.bta = 4.0", "no parameter of vae is called 'bta'; did you mean beta"),
        ("scope/dlib_bvae.models.objectives.vae.vae.bta = 4.0", "no parameter of vae is called 'bta'"),
        ("model.model = @vea()", "no gin name is called 'vea'"),
        ("model.schedule = [1, {'x': @cosin}]", "no gin name is called 'cosin'; did you mean cosine"),
    ],
)
def test_a_wrong_name_is_refused(binding, said, monkeypatch):
    monkeypatch.setattr(gin_names, "plugins", set)
    with pytest.raises(UserError, match=said) as error:
        gin_names.check([], [binding])
    assert str(error.value).endswith("(line 1 of --gin_bindings)")


def test_what_others_may_bring_is_left_to_gin(monkeypatch):
    gin_names.check([], ["import os", "vea.beta = 4.0"])
    monkeypatch.setattr(gin_names, "plugins", lambda: {"vea"})
    gin_names.check([], ["vea.beta = 4.0", "x/macro.value = 3", "N = 3", "model.batch_size = %N"])
    with pytest.raises(UserError, match="no parameter of vae"):
        gin_names.check([], ["vae.bta = 4.0"])


def test_a_wrong_name_is_refused_before_tensorflow_is_imported(tmp_path):
    code = """
import sys
from dlib_bvae import commands
sys.argv = ["dlib_bvae_train", "--gin_config=gin/beta4_dsprites.gin", "--gin_bindings=vae.bta = 4.0"]
try:
    commands.run("train")
except SystemExit as ended:
    print(ended.code, "tensorflow" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr.startswith("dlib_bvae_train: no parameter of vae is called 'bta'")) == (
        "2 False\n",
        True,
    ), done.stderr


def test_every_installed_configuration_has_names_that_there_are():
    from dlib_bvae.gin_text import installed

    for file in installed():
        gin_names.check([file], [])

"""train.py: what was typed and changes nothing is named, what a file binds is not."""

import pytest

from dlib_bvae import errors
from dlib_bvae.stages import train

DATA = "dataset.name = 'dummy_data'"


@pytest.fixture(autouse=True)
def nothing_said(monkeypatch):
    """Sentences are said once a process."""
    monkeypatch.setattr(errors, "_warned", set())


def test_parameters_of_another_objective_are_named(tmp_path, ten_steps, capsys):
    run = ten_steps(tmp_path / "run", "beta_tc_vae.beta = 6")
    assert "nothing used beta_tc_vae.beta = 6; what was used: vae.beta" in capsys.readouterr().err.splitlines()
    ten_steps(run, "vae.beta = 4")
    assert capsys.readouterr().err == ""


def test_of_a_finished_training_too(tmp_path, capsys):
    train.run([], [DATA, "model.model = @oracle()"], tmp_path / "run")
    assert capsys.readouterr().err == ""
    train.run([], [DATA, "model.model = @oracle()", "pca.num_latent = 3"], tmp_path / "run")
    said = capsys.readouterr()
    assert "trained already" in said.out
    assert said.err == "nothing used pca.num_latent = 3\n"


def test_what_a_file_binds_is_not_held_against_it(tmp_path, capsys):
    file = tmp_path / "mine.gin"
    file.write_text(f"{DATA}\nmodel.model = @oracle()\npca.num_latent = 3\nN = 4\n")
    train.run([str(file)], [], tmp_path / "run")
    assert capsys.readouterr().err == ""

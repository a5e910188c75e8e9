"""config.py: where gin files are found, what errors say, and that nothing stays bound."""

import gin
import pytest

from dlib_bvae import datasets, errors, stages
from dlib_bvae.config import configuration, installed
from dlib_bvae.errors import UserError
from dlib_bvae.metrics import CLASSIFIERS, METRICS

REGISTRIES = [datasets.DATASETS, METRICS, CLASSIFIERS]


def bound(files=(), bindings=(), **options):
    with configuration(files, bindings, REGISTRIES, **options):
        return gin.config_str()


def test_a_file_is_found_among_the_installed_ones(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "dataset.name = 'dsprites_rendered'" in bound(["gin/datasets/dsprites_rendered.gin"])


def test_the_working_directory_comes_first_for_includes_too(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gin/metrics").mkdir(parents=True)
    (tmp_path / "gin/metrics/beta_vae.gin").write_text("beta_vae.num_train = 17\n")
    text = bound(["gin/metrics/beta_vae_without_shape.gin"])
    assert "beta_vae.num_train = 17" in text
    assert "'position_x'" in text


def test_bindings_come_after_files_and_may_stand_on_several_lines():
    text = bound(["gin/metrics/beta_vae.gin"], ["beta_vae.num_train = 5\n\nbeta_vae.num_eval = 6", "mlp.max_iter = 7"])
    for line in ("beta_vae.num_train = 5", "beta_vae.num_eval = 6", "mlp.max_iter = 7"):
        assert line in text


@pytest.mark.parametrize(
    "binding", ["dataset.nam = 'x'", "datset.name = 'x'", "dataset.name = ", "dataset.name = @nothing"]
)
def test_nothing_stays_bound_after_an_error(binding):
    with pytest.raises(UserError, match=r"line 1 of --gin_bindings"):
        bound(["gin/datasets/dsprites_rendered.gin"], [binding])
    assert gin.config_str() == ""


def test_nothing_stays_bound_after_a_block_that_fails():
    with pytest.raises(ZeroDivisionError), configuration([], ["dataset.name = 'dummy_data'"], REGISTRIES):
        raise ZeroDivisionError
    assert gin.config_str() == ""


def test_a_missing_binding_says_how_to_give_it():
    message = r"does not say dataset\.name; .*--gin_bindings='dataset\.name = …'"
    with pytest.raises(UserError, match=message), configuration([], [], REGISTRIES):
        datasets.load()


def test_a_part_of_a_whole_configuration_can_be_read(tmp_path):
    path = tmp_path / "whole.gin"
    known = "beta_vae.classifier = @unheard()"  # as model.model = @vae() where only the stage has been imported
    path.write_text(f"dataset.name = 'dummy_data'\nunheard_of.rate = 3.0\nunheard_of.model = @unheard()\n{known}\n")
    with configuration([str(path)], [], REGISTRIES, skip_unknown=True):
        assert datasets.load().name == "dummy_data"
    with pytest.raises(UserError, match="unheard_of"):
        bound([str(path)])
    with pytest.raises(UserError, match="unheard"):
        bound([], [known])


def test_every_installed_experiment_is_listed():
    assert "gin/beta4_dsprites.gin" in installed()


def test_every_installed_experiment_can_be_read():
    from dlib_bvae.stages.train import REGISTRIES as ALL

    for path in installed():
        with configuration([path], [], ALL):
            assert gin.query_parameter("model.model")
            assert gin.query_parameter("dataset.name") in datasets.names()


def test_former_names_are_read_and_said_once(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gin").mkdir()
    (tmp_path / "gin" / "mine.gin").write_text("dataset.name = 'fid.seed'  # fid.seed\nfid.num_images = 9\n")
    (tmp_path / "top.gin").write_text("include 'gin/mine.gin'\nvalidation:\n  every = 7\n  seed = 2\n")
    monkeypatch.setattr(errors, "_warned", set())
    for _ in range(2):
        with configuration(["top.gin"], ["fid.seed = 3"], [datasets.DATASETS, stages.train.EXTRACTORS]):
            found = gin.config_str()
    for line in ("frechet_curve.num_images = 9", "frechet_curve.seed = 3", "validation.every_steps = 7"):
        assert line in found
    assert "dataset.name = 'fid.seed'" in found
    assert "fid.num_images" not in found
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == len(set(lines)) == 3
    assert "fid.num_images is now called frechet_curve.num_images (gin/mine.gin); the former name still works" in lines


def test_a_former_file_is_found(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(errors, "_warned", set())
    with configuration(["gin/models/fid_curve.gin"], [], [stages.train.EXTRACTORS]):
        assert "frechet_curve.every_steps = 5000" in gin.config_str()
    assert capsys.readouterr().err.startswith("gin/models/fid_curve.gin is now called gin/models/frechet_curve.gin")


def test_former_names_in_the_configuration_of_a_run_are_read_without_a_word(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(errors, "_warned", set())
    (tmp_path / "train.gin").write_text("fid.seed = 3\nno_such.thing = 1\n")
    with configuration([str(tmp_path / "train.gin")], [], [stages.train.EXTRACTORS], skip_unknown=True):
        assert "frechet_curve.seed = 3" in gin.config_str()
    assert capsys.readouterr().err == ""

"""retrain.py: models of submissions trained again, and gin files that are not run."""

import numpy as np
import pytest
from support.submissions import IMAGES, noisy, rows

from dlib_bvae.errors import UserError
from dlib_bvae.leaderboard.submissions import verify

TRAINING = [
    "include 'gin/beta4_dsprites.gin'",
    "dataset.name = 'dummy_data'",
    "model.batch_size = 16",
    "model.log_every = 10",
    "model.checkpoint_every = 10",
    "model.training_steps = 10",
]


def test_a_model_is_trained_again(submit, probe, tmp_path, capsys):
    from dlib_bvae.stages import inputs, train

    train.run(["gin/beta4_dsprites.gin"], [*TRAINING[1:], "model.random_seed = 7"], tmp_path / "theirs")
    encode = inputs.load_encoder(tmp_path / "theirs" / "train" / "saved_model")
    codes = np.asarray(encode(probe.observations_at(np.arange(IMAGES)))[0])
    gin_file = tmp_path / "submissions" / "mine" / "train.gin"
    gin_file.write_text("\n".join(TRAINING))
    retrain = {"gin_config": "train.gin", "tolerance": 0.05}
    folder = submit(codes, training_seed=7, retrain=retrain)
    verify.run(folder)
    assert rows()["evidence"].tolist() == ["recomputed"]
    verify.run(folder, retrain=True)
    assert rows()["evidence"].tolist() == ["retrained"]
    assert "trained again by seed 7" in capsys.readouterr().out
    submit(noisy(probe), training_seed=7, retrain=retrain)
    with pytest.raises(UserError, match="trained again by seed 7, mig.discrete_mig: claimed"):
        verify.run(folder, retrain=True)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("import this", "imports a module, which is never run for a submission"),
        ("  from os import path", "imports a module"),
        ("include 'evil.gin'", "includes 'evil.gin'; it may include files of the installed gin/ only"),
        ("include 'gin/../evil.gin'", "it may include files of the installed gin/ only"),
        ("include 'gin/evil.gin'", "it may include files of the installed gin/ only"),
        ("include r'gin/evil.gin'", "it may include files of the installed gin/ only"),
        ("include\\\n u'evil.gin'", "it may include files of the installed gin/ only"),
        ("image_folder.path = '/home'", "uses 'image_folder', which is no part of a model or its training"),
        ("vae.beat = 3", "cannot be trained again: no parameter of vae is called 'beat'"),
        (
            "dataset.name = 'subset'\nsubset.data = 'dummy_data'\nsubset.values = {'row': [0]}",
            "uses 'subset', which is no part of a model or its training",
        ),
    ],
)
def test_gin_files_that_are_not_run(submit, probe, tmp_path, monkeypatch, line, said):
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "it_ran.py").write_text("open('it_ran', 'w')")
    (tmp_path / "gin").mkdir()
    for evil in (tmp_path / "evil.gin", tmp_path / "gin" / "evil.gin"):
        evil.write_text("from __gin__ import dynamic_registration\nimport it_ran\n")
    gin_file = tmp_path / "submissions" / "mine" / "train.gin"
    gin_file.write_text("\n".join([*TRAINING, line]))
    folder = submit(noisy(probe), retrain={"gin_config": "train.gin", "tolerance": 0.05})
    with pytest.raises(UserError, match=said):
        verify.run(folder, retrain=True)
    assert not (tmp_path / "it_ran").exists()
    assert not list(verify.RUNS.rglob("*.json"))

"""model.deterministic: set for the training, recorded, bit for bit what a CPU does without it, and refused where it cannot be."""

from types import SimpleNamespace

import pytest
import tensorflow as tf

from dlib_bvae.artifacts import read_results
from dlib_bvae.errors import UserError
from dlib_bvae.models.objectives.vae import vae
from dlib_bvae.stages import ensemble, train
from dlib_bvae.training.devices import determinism
from dlib_bvae.training.session import raised_by
from dlib_bvae.training.settings import TrainingSettings
from dlib_bvae.training.trainer import Trainer

# Three trainings in a process of their own, as TensorFlow has no public way to take the switch back.
SCRIPT = """
import sys
from pathlib import Path
import numpy as np
import tensorflow as tf
from dlib_bvae.artifacts import read_results
from dlib_bvae.stages import train

def weights(folder):
    reader = tf.train.load_checkpoint(tf.train.latest_checkpoint(str(folder / "train/checkpoint")))
    names = [n for n in reader.get_variable_to_shape_map() if "VARIABLE_VALUE" in n and "seconds" not in n]
    return np.concatenate([reader.get_tensor(name).ravel() for name in sorted(names)])

found = []
for case in ("plain", "memory", "stream"):
    bindings = ["dataset.name = 'dummy_data'", "model.batch_size = 8", "model.training_steps = 6", "model.log_every = 3",
                f"model.deterministic = {case != 'plain'}", f"feed.max_mib = {0 if case == 'stream' else 1}"]
    folder = Path(sys.argv[1]) / case
    train.run(["gin/models/beta_vae.gin", "gin/models/burgess_conv.gin"], bindings, folder)
    results = read_results(folder / "train", "train")
    assert results["deterministic"] == (case != "plain")
    found.append(weights(folder))
assert len(found[0]) > 1000
assert all((found[0] == other).all() for other in found[1:])
"""


def test_a_cpu_gives_the_same_bits_with_it_and_without(forks, tmp_path):
    done = forks.run(tmp_path, "-c", SCRIPT, tmp_path)
    assert done.returncode == 0, done.stderr


def test_an_operation_without_such_a_kernel_is_one_sentence():
    trainer = SimpleNamespace(feed=SimpleNamespace(error=None))
    message = "A deterministic GPU implementation of X is not available.\n\tat"
    expected = r"cannot be kept on this device \(A deterministic GPU .* available.\); train"
    with pytest.raises(UserError, match=expected), raised_by(trainer):
        raise tf.errors.UnimplementedError(None, None, message)


def test_xla_on_a_gpu_is_refused(monkeypatch):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind=None: ["a GPU"])
    with pytest.raises(UserError, match="cannot be kept with model.xla on a GPU"):
        TrainingSettings(model=vae(), deterministic=True, xla=True)
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind=None: [])
    assert TrainingSettings(model=vae(), deterministic=True, xla=True).deterministic


BINDINGS = ["dataset.name = 'dummy_data'", "model.batch_size = 4", "model.training_steps = 2"]


def random_without_a_seed():
    """Raises RuntimeError where operations must be deterministic."""
    return tf.random.normal([1])


@pytest.mark.parametrize("stage", [train, ensemble])
def test_it_ends_with_the_training_and_the_next_is_without_it(stage, tmp_path, monkeypatch):
    tf.random.set_seed(None)
    seen, run = [], Trainer.means

    def means(self, *given):
        try:
            seen.append(bool(random_without_a_seed().shape) and "any")
        except RuntimeError:
            seen.append("deterministic")
        return run(self, *given)

    monkeypatch.setattr(Trainer, "means", means)
    seeds = ["ensemble.seeds = [3]"] if stage is ensemble else []
    for name, bindings, expected in (("first", ["model.deterministic = True"], "deterministic"), ("second", [], "any")):
        stage.run(["gin/models/beta_vae.gin"], [*BINDINGS, *bindings, *seeds], tmp_path / name)
        assert set(seen) == {expected}
        seen.clear()
        random_without_a_seed()
        folder = tmp_path / (f"{name}-seed3" if seeds else name)
        assert read_results(folder / "train", "train")["deterministic"] == (expected == "deterministic")


def test_it_ends_with_a_training_that_fails_and_stays_where_it_was_on_before():
    with pytest.raises(KeyError), determinism(True):
        raise KeyError
    random_without_a_seed()
    with determinism(True):
        with determinism(True):
            pass
        with pytest.raises(RuntimeError, match="when determinism is enabled"):
            random_without_a_seed()
    random_without_a_seed()
    with determinism(False):
        random_without_a_seed()


def test_where_tensorflow_has_no_way_back_it_stays_on(forks, tmp_path):
    done = forks.run(tmp_path, "-c", WITHOUT)
    assert done.stdout.endswith("stays on\n"), done.stderr


WITHOUT = """
import tensorflow as tf
from tensorflow.python.framework import config
del config.disable_op_determinism
from dlib_bvae.training.devices import determinism
with determinism(True):
    pass
try:
    tf.random.normal([1])
except RuntimeError:
    print("stays on")
"""

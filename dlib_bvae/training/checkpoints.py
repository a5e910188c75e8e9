"""The checkpoints of a training: its state under <directory>/checkpoint, and which step can be continued from there."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import tensorflow as tf

from dlib_bvae.artifacts.permissions import check_readable
from dlib_bvae.artifacts.record import make_directory, write_atomic
from dlib_bvae.errors import UserError
from dlib_bvae.models.literal_paths import literal_path

_KEEP = 2
_STEP = "state/step/.ATTRIBUTES/VARIABLE_VALUE"


class Checkpoints:
    """Saves and restores `state` (a tf.Module) under `directory`; the last two are kept until the training ends."""

    def __init__(self, directory: Path, state: tf.Module):
        self.directory = directory
        self._checkpoint = tf.train.Checkpoint(state=state)

    def save(self, step: int) -> None:
        """Writes the state of `step`; the checkpoint before stays until this one is complete."""
        make_directory(self.directory)  # as TensorFlow makes none behind a link
        with self._manager() as manager:
            manager.save(checkpoint_number=step)

    def steps(self) -> list[int]:
        """The steps whose state is kept, oldest saving first."""
        # A process that is killed while it deletes a checkpoint leaves its name behind.
        with self._manager() as manager:
            kept = [path for path in manager.checkpoints if Path(f"{path}.index").is_file()]
        return [int(path.rsplit("-", 1)[1]) for path in kept]

    def restore(self, step: int | None = None) -> bool:
        """Reads the checkpoint of `step`, None for the newest; False where there is none. Raises UserError when damaged."""
        with self._manager() as manager:
            newest = manager.latest_checkpoint
            if newest is None:
                return False
            path = newest if step is None else f"{newest.rsplit('-', 1)[0]}-{step}"
            check_readable(self.directory)  # TensorFlow calls what may not be read damaged
            try:
                self._checkpoint.restore(path).assert_consumed()
            except (tf.errors.OpError, ValueError, AssertionError, IndexError, RuntimeError) as error:
                raise UserError(
                    f"the checkpoint {self.directory / Path(path).name} is damaged or of another model; delete the folder "
                    f"{self.directory} to start this run again, or use --overwrite"
                ) from error
        return True

    @contextlib.contextmanager
    def _manager(self) -> Iterator[tf.train.CheckpointManager]:
        """TensorFlow's manager of the directory as it is now; it finds and deletes files by patterns."""
        with literal_path(self.directory) as place:
            yield tf.train.CheckpointManager(self._checkpoint, place, max_to_keep=_KEEP)


def keep_newest(directory: Path, number: int) -> None:
    """Deletes the checkpoints under `directory`/checkpoint but the newest `number`; with 0 the whole folder."""
    place = directory / "checkpoint"
    if not number:
        shutil.rmtree(place, ignore_errors=True)
        return
    with literal_path(place) as literal:
        state = tf.train.get_checkpoint_state(literal)
    if state is None:
        return
    names = [Path(path).name for path in state.all_model_checkpoint_paths]
    kept, times = names[-number:], list(state.all_model_checkpoint_timestamps)[-number:]
    old = [path for path in place.glob("ckpt-*") if path.name.rpartition(".")[0] not in kept]
    if not old:
        return
    lines = [f'model_checkpoint_path: "{kept[-1]}"', *(f'all_model_checkpoint_paths: "{name}"' for name in kept)]
    lines += [
        f"all_model_checkpoint_timestamps: {each!r}" for each in times
    ]  # TensorFlow knows of none without its time
    lines += [f"last_preserved_timestamp: {state.last_preserved_timestamp!r}"]
    write_atomic(place / "checkpoint", "".join(f"{line}\n" for line in lines))
    for path in old:
        path.unlink(missing_ok=True)


def kept_step(directory: Path) -> int | None:
    """The step of the newest checkpoint under `directory`/checkpoint; None where there is none or it is damaged.

    Raises UserError where it may not be read.
    """
    check_readable(directory / "checkpoint")
    with literal_path(directory / "checkpoint") as place:
        found = tf.train.get_checkpoint_state(place)
        if found is None:
            return None
        try:
            reader = tf.train.load_checkpoint(found.model_checkpoint_path)
            values = {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}
            return int(values[_STEP])
        except (tf.errors.OpError, ValueError, IndexError, RuntimeError, KeyError):
            return None

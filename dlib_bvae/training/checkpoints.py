"""Checkpoints: the whole state of a run, written whole or not at all, and read back with a clear word when damaged."""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf

from dlib_bvae.errors import UserError

_KEEP = 2


class Checkpoints:
    """Saves and restores `state` (a tf.Module) under `directory`; the last two are kept."""

    def __init__(self, directory: Path, state: tf.Module):
        self.directory = directory
        self._checkpoint = tf.train.Checkpoint(state=state)
        self._manager = tf.train.CheckpointManager(self._checkpoint, str(directory), max_to_keep=_KEEP)

    def save(self, step: int) -> None:
        """Writes the state of `step`; the checkpoint before stays until this one is whole."""
        self._manager.save(checkpoint_number=step)

    def restore(self) -> bool:
        """Reads the newest checkpoint; False where there is none. Raises UserError when it is damaged."""
        newest = self._manager.latest_checkpoint
        if newest is None:
            return False
        try:
            self._checkpoint.restore(newest).assert_consumed()
        except (tf.errors.OpError, ValueError, AssertionError, IndexError, RuntimeError) as error:
            raise UserError(
                f"the checkpoint {newest} is damaged or of another model; delete the folder {self.directory} "
                "to start this run again, or use --overwrite"
            ) from error
        return True

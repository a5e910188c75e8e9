"""Checkpoints: the whole state of a run, written whole or not at all, and read back with a clear word when damaged."""

from __future__ import annotations

import errno
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
        """Writes the state of `step`. Raises UserError when the disk is full; the checkpoint before stays."""
        try:
            self._manager.save(checkpoint_number=step)
        except (tf.errors.OpError, OSError) as error:
            if _disk_full(error):
                raise UserError(
                    f"the disk is full: the checkpoint of step {step} could not be written to {self.directory}; "
                    "free some space and run the same command again, it continues from the checkpoint before"
                ) from error
            raise

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


def _disk_full(error: Exception) -> bool:
    return getattr(error, "errno", None) == errno.ENOSPC or "No space left" in str(error)

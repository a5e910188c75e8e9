"""TensorBoard events of a training: the tags under which scalars are written, and the names by which they are read again.

A tag is <group>/<name>, as TensorBoard shows a group together: loss (nats), method (weights, capacities and what else a method
logs), latents, optimizer, speed and quality. Validation has the tags of training in `validation`, a run of its own below that of
training, so that TensorBoard draws both into one chart.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import tensorflow as tf
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.custom_scalar import summary as custom_scalar

VALIDATION = "validation"
KL = "latents/kl_z"  # and the index of a latent
_NAMED = ("loss", "method", "quality")  # groups whose tags are read by the name alone, as earlier versions wrote it
_LOSSES = ("loss", "reconstruction", "kl")  # of every method, besides its terms


class Events:
    """Writes the events of the training in `directory`. losses: the names of the terms of its loss."""

    def __init__(self, directory: Path, losses: Collection[str]):
        self._directory, self._losses = directory, {*_LOSSES, *losses}
        self._writers = {"": tf.summary.create_file_writer(str(directory))}
        with self._writers[""].as_default():
            tf.summary.experimental.write_raw_pb(custom_scalar.pb(_layout()).SerializeToString(), step=0)

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Writes scalars by their names or tags; validation/<name> goes to the run of validation."""
        for name, value in values.items():
            first, _, remaining = name.partition("/")
            run, name = (VALIDATION, remaining) if first == VALIDATION else ("", name)
            with self._writer(run).as_default(step=step):
                tf.summary.scalar(self._tag(name), value)
        self._flush()

    def histogram(self, step: int, tag: str, values: tf.Tensor) -> None:
        """Writes the distribution of `values`."""
        with self._writers[""].as_default(step=step):
            tf.summary.histogram(tag, values)
        self._flush()

    def images(self, step: int, name: str, images: tf.Tensor) -> None:
        """Writes at most 8 images, float32 (n, H, W, C) in [0, 1]."""
        with self._writers[""].as_default(step=step):
            tf.summary.image(name, images, max_outputs=8)
        self._flush()

    def _writer(self, run: str) -> tf.summary.SummaryWriter:
        if run not in self._writers:  # a writer makes its file at once
            self._writers[run] = tf.summary.create_file_writer(str(self._directory / run))
        return self._writers[run]

    def _tag(self, name: str) -> str:
        return name if "/" in name else f"{'loss' if name in self._losses else 'method'}/{name}"

    def _flush(self) -> None:
        for writer in self._writers.values():
            writer.flush()


def _layout() -> layout_pb2.Layout:
    """One chart with the KL of every latent, in TensorBoard's tab of custom scalars."""
    lines = layout_pb2.MultilineChartContent(tag=[rf"{KL}\d+$"])
    chart = layout_pb2.Chart(title="KL per latent (nats)", multiline=lines)
    return layout_pb2.Layout(category=[layout_pb2.Category(title="latents", chart=[chart])])


def runs_of(directory: Path) -> Iterator[tuple[str, Path]]:
    """The folders with events of the training in `directory`, each with what stands before the names of its scalars."""
    yield "", directory
    yield f"{VALIDATION}/", directory / VALIDATION


def name_of(tag: str) -> str:
    """The name of a scalar by its tag, which earlier versions wrote alone: loss/kl → kl. Other tags stay as they are."""
    group, _, name = tag.partition("/")
    return name if name and group in _NAMED else tag

"""The losses of a training against its steps, from the TensorBoard events it wrote."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from dlib_bvae.visualize.curves import COLOURS
from dlib_bvae.visualize.tiles import figure_png

_SHOWN = ("loss", "reconstruction", "kl")
_VALIDATION = "validation/"

Curve = dict[int, float]  # step → value


def scalars(directory: Path) -> dict[str, Curve]:
    """Every scalar in the event files of `directory`: {name: {step: value}}, steps ascending.

    Of a step that was logged twice, as after an interruption, the later file counts. A file that ends in the middle of a record,
    as when its process was killed, is read as far as it goes.
    """
    import tensorflow as tf
    from tensorflow.core.util import event_pb2

    found: dict[str, Curve] = {}
    for path in sorted(directory.glob("events.out.tfevents.*")):
        try:
            for record in tf.data.TFRecordDataset(str(path)):
                event = event_pb2.Event.FromString(record.numpy())
                for value in event.summary.value:
                    tensor = value.tensor
                    if tensor.dtype == tf.float32.as_datatype_enum and not tensor.tensor_shape.dim:
                        found.setdefault(value.tag, {})[event.step] = float(tf.make_ndarray(tensor))
        except tf.errors.DataLossError:
            continue
    return {name: dict(sorted(curve.items())) for name, curve in found.items()}


def draw_curves(curves: Mapping[str, Curve]) -> bytes | None:
    """A PNG with a panel each for loss, reconstruction and kl in nats, as far as they are there; None where none is.

    A curve called validation/… is drawn into the panel of the same name.
    """
    from matplotlib.figure import Figure

    names = [name for name in _SHOWN if curves.get(name)]
    if not names:
        return None
    figure = Figure(figsize=(3.4 * len(names), 3.0), layout="constrained")
    for name, axes in zip(names, figure.subplots(1, len(names), squeeze=False)[0], strict=True):
        validation = curves.get(_VALIDATION + name)
        axes.plot(list(curves[name]), list(curves[name].values()), color=COLOURS[0], linewidth=1.3, label="training")
        if validation:
            looks = {"color": COLOURS[1], "linestyle": "--", "marker": "o", "markersize": 3}
            axes.plot(list(validation), list(validation.values()), label="validation", **looks)
            axes.legend(fontsize=8, frameon=False)
        axes.set_title({"kl": "KL"}.get(name, name), fontsize=10)
        axes.set(xlabel="step", ylabel="nats an image")
        axes.tick_params(labelsize=8)
        axes.grid(color="0.9", linewidth=0.6)
        axes.spines[["top", "right"]].set_visible(False)
    return figure_png(figure)

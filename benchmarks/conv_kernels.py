"""The convolutions of the conv model's training step alone: what part of the float32 matrix rate TensorFlow's kernels reach.

    python benchmarks/conv_kernels.py [--batch=256] [--rounds=5]

Each kernel (forward with bias and ReLU, gradient of the filter, gradient of the input) is timed by itself, with the matrix rate
measured before and after it; medians over rounds. A step of nothing but these has the fraction that is told last, and no step of
the model can be faster. Writes results/conv_kernels.json.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Callable
from pathlib import Path

from rates import matrix_rate, rate
from training_speed import instructions

from dlib_bvae.runtime import load_tensorflow

OUTPUT = Path(__file__).parent / "results" / "conv_kernels.json"
# name, whether transposed, height = width of the larger side, channels of the larger side; the smaller has 32
LAYERS = (
    ("encoder 1", False, 64, 1),
    ("encoder 2", False, 32, 32),
    ("encoder 3", False, 16, 32),
    ("decoder 1", True, 16, 32),
    ("decoder 2", True, 32, 32),
    ("decoder 3", True, 64, 1),
)


def kernels(transposed: bool, size: int, channels: int, batch: int) -> dict[str, Callable[[], object]]:
    """The layer's three kernels, but for the gradient of the images."""
    import tensorflow as tf

    from dlib_bvae.models.layers import one_channel_deconv

    large, small = tf.random.normal([batch, size, size, channels]), tf.random.normal([batch, size // 2, size // 2, 32])
    kernel, large_bias, small_bias = tf.random.normal([4, 4, channels, 32]), tf.zeros([channels]), tf.zeros([32])
    down = lambda: tf.nn.conv2d(large, kernel, 2, "SAME")
    up = lambda: tf.nn.conv2d_transpose(small, kernel, large.shape, 2)
    filters = lambda: tf.raw_ops.Conv2DBackpropFilter(
        input=large, filter_sizes=kernel.shape, out_backprop=small, strides=[1, 2, 2, 1], padding="SAME"
    )
    if channels == 1 and transposed:
        named = {"forward": lambda: one_channel_deconv(small, kernel) + large_bias, "filter": filters, "input": down}
    elif transposed:
        named = {"forward": lambda: tf.nn.relu(tf.nn.bias_add(up(), large_bias)), "filter": filters, "input": down}
    else:
        named = {"forward": lambda: tf.nn.relu(tf.nn.bias_add(down(), small_bias)), "filter": filters}
        named |= {"input": up} if channels > 1 else {}
    return {name: tf.function(call, autograph=False) for name, call in named.items()}


def main() -> None:
    """Prints and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=5)
    flags = parser.parse_args()
    load_tensorflow()
    record, ideal, taken = {}, 0.0, 0.0
    for name, transposed, size, channels in LAYERS:
        work = flags.batch * (size // 2) ** 2 * 16 * channels * 32  # multiply-adds of each of the three
        for part, call in kernels(transposed, size, channels, flags.batch).items():
            rounds = []
            for _ in range(flags.rounds):
                before = matrix_rate(0.1)
                each = 1 / rate(call, 1, 0.2)
                rounds.append((each, 2 * work / (before + matrix_rate(0.1))))
            actual, least = (statistics.median(column) for column in zip(*rounds, strict=True))
            record[f"{name} {part}"] = {"milliseconds": round(actual * 1e3, 2), "fraction": round(least / actual, 2)}
            print(f"{name} {part}", record[f"{name} {part}"], flush=True)
            ideal, taken = ideal + least, taken + actual
    result = {"cpu_has": instructions(), "batch": flags.batch, "kernels": record, "fraction": round(ideal / taken, 2)}
    print("all", result["fraction"])
    OUTPUT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

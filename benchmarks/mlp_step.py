"""What a training step of the MLP waits for: its matrix products, its optimiser's update, and all else.

    python benchmarks/mlp_step.py [--batch=256] [--seconds=5] [--rounds=5]

The products of the step (forward, gradient of the weights, gradient of the input) are timed at their shapes without anything
around them, the update with gradients that are there; what is left of the step is the loss over 4,096 pixels, its gradient,
biases, activations, sampling and feeding. Medians over rounds, each of which measures all of them. Writes results/mlp_step.json.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Callable
from pathlib import Path

from rates import matrix_rate, rate
from training_speed import instructions, settings

OUTPUT = Path(__file__).parent / "results" / "mlp_step.json"
LAYERS = ((4096, 1200), (1200, 1200), (1200, 20), (10, 1200), (1200, 1200), (1200, 1200), (1200, 4096))


def products(batch: int) -> tuple[Callable[[], object], int]:
    """A call that does the step's matrix products, and its multiply-adds; the images need no gradient."""
    import tensorflow as tf

    normal = lambda rows, columns: tf.random.stateless_normal([rows, columns], [0, 0])
    layers = [(normal(batch, i), normal(i, o), normal(batch, o)) for i, o in LAYERS]

    def call() -> list[tf.Tensor]:
        forward = [x @ w for x, w, _ in layers]
        weights = [tf.matmul(x, g, transpose_a=True) for x, _, g in layers]
        inputs = [tf.matmul(g, w, transpose_b=True) for _, w, g in layers[1:]]
        return [each[0, 0] for each in (*forward, *weights, *inputs)]

    sizes = [batch * i * o for i, o in LAYERS]
    return tf.function(call, autograph=False), 3 * sum(sizes) - sizes[0]


def update() -> Callable[[], object]:
    """A call of the configuration's optimiser on weights of the layers' shapes."""
    import tensorflow as tf

    from dlib_bvae.training.optimizers import adagrad

    variables = [tf.Variable(tf.ones([i, o])) for i, o in LAYERS]
    gradients = [tf.ones([i, o]) for i, o in LAYERS]
    optimizer = adagrad(variables)

    def call() -> tf.Tensor:
        optimizer.apply(gradients, tf.ones([]), tf.zeros([], tf.int64))
        return tf.zeros([])

    return tf.function(call, autograph=False)


def main() -> None:
    """Prints and writes the shares."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--rounds", type=int, default=5)
    flags = parser.parse_args()
    from dlib_bvae.runtime import load_tensorflow

    load_tensorflow()
    import tensorflow as tf

    from dlib_bvae import datasets
    from dlib_bvae.config import configuration
    from dlib_bvae.stages import train as stage

    with configuration(*settings("mlp", flags.batch, "float32", 10), stage.REGISTRIES):
        trainer, _ = stage.build(datasets.load(), stage.TrainingSettings())
        inputs = trainer.feed.inputs(tf.constant(0, tf.int64))
        step = tf.function(trainer.step, autograph=False)
        multiply, amount = products(flags.batch)
        calls: dict[str, Callable[[], object]] = {
            "step": lambda: step(step=tf.constant(0, tf.int64), **inputs)["loss"].numpy(),
            "matrix_products": lambda: multiply()[0].numpy(),
            "update": (lambda apply: lambda: apply().numpy())(update()),
        }
        rounds = []
        for _ in range(flags.rounds):
            times = {name: 1 / rate(call, 1, flags.seconds) for name, call in calls.items()}
            products_rate = amount / times["matrix_products"] / matrix_rate(flags.seconds / 2)
            shares = {f"{name}_share": times[name] / times["step"] for name in ("matrix_products", "update")}
            rounds.append({"step_ms": 1000 * times["step"], **shares, "products_of_matrix_rate": products_rate})
    found = {name: round(statistics.median(each[name] for each in rounds), 3) for name in rounds[0]}
    found["all_else_share"] = round(1 - found["matrix_products_share"] - found["update_share"], 3)
    record = {"batch": flags.batch, "cpu_has": instructions(), **found, "rounds": rounds}
    print(json.dumps(found, indent=1))
    OUTPUT.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

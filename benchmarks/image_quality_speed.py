"""Inception's forward pass and the Fréchet distance of 2048 features on this CPU.

    python benchmarks/image_quality_speed.py --seconds=10 --rounds=3

inception: images/s of batches of 64 at 299 pixels, the median over rounds, and as a fraction of the float32 matrix rate that
is measured before and after; multiply-adds are counted in the graph that runs. Where the official files are not in the data
directory's `weights`, it is Keras' InceptionV3 with random weights, of which the speed does not depend. bfloat16: the same
network in mixed_bfloat16 on images of --bfloat16_size pixels, and the Fréchet distance of the two precisions' features; a
process of its own, ended after --bfloat16_limit seconds, as a CPU without the instructions takes minutes. distance: of two sets
of 5,000 × 2048 features, and where its time goes. Writes results/image_quality_speed.json.
"""

from __future__ import annotations

import argparse
import functools
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from rates import matrix_rate, rate

BATCH, SIZE, FEATURES = 64, 299, 2048
OUTPUT = Path(__file__).parent / "results" / "image_quality_speed.json"


def multiply_adds(features: Any, size: int) -> int:
    """Of one image's convolutions and matrix products, in the graph with its variables frozen and its functions inlined."""
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    called = tf.function(lambda images: features(images), autograph=False)
    graph = convert_variables_to_constants_v2(called.get_concrete_function(tf.TensorSpec([1, size, size, 3]))).graph
    counted = 0
    for operation in graph.get_operations():
        if operation.type in ("Conv2D", "_FusedConv2D"):
            output, kernel = operation.outputs[0].shape, operation.inputs[1].shape
            counted += int(np.prod(output[1:])) * int(np.prod(kernel[:3]))
        elif operation.type == "MatMul":
            counted += int(np.prod(operation.outputs[0].shape[1:])) * int(operation.inputs[0].shape[-1])
    return counted


def networks() -> dict[str, Any]:
    """{what it is: images (n, 299, 299, 3) in 0 … 255 → features}: the official weights that are here, or random ones."""
    from dlib_bvae.errors import UserError
    from dlib_bvae.image_quality.extractors import EXTRACTORS

    found: dict[str, Any] = {}
    for name in ("inception_2015", "inception_tfgan", "inception_keras"):
        try:
            extractor = EXTRACTORS.get(name)(None)
        except UserError as missing:
            print(missing)
            continue
        found[f"{name}, {extractor.weights}"] = extractor.features
    return found or {"Keras' InceptionV3, random weights": random_inception("float32", SIZE)}


def random_inception(precision: str, size: int) -> Any:
    """Keras' InceptionV3 with random weights that follow from a seed, features float32."""
    import tensorflow as tf

    tf.keras.mixed_precision.set_global_policy(precision)
    tf.keras.utils.set_random_seed(0)
    network = tf.keras.applications.InceptionV3(
        include_top=False, weights=None, pooling="avg", input_shape=(size, size, 3)
    )
    call = lambda images: tf.cast(network(images / 127.5 - 1.0, training=False), tf.float32)
    return tf.function(call, autograph=False, reduce_retracing=True)


def pictures(count: int, size: int, seed: int) -> Any:
    """Random images without fine detail, float32 (count, size, size, 3), values 0 … 255."""
    import tensorflow as tf

    coarse = np.random.RandomState(seed).uniform(0, 255, (count, 8, 8, 3)).astype(np.float32)
    return tf.image.resize(coarse, [size, size])


def evaluated(features: Any, images: Any) -> np.ndarray:
    """The features, computed."""
    return np.asarray(features(images))


def measure_inception(seconds: float, rounds: int) -> list[dict[str, Any]]:
    """A row a network."""
    images, rows = pictures(BATCH, SIZE, 0), []
    for name, features in networks().items():
        work, found = multiply_adds(features, SIZE), []
        for _ in range(rounds):
            before = matrix_rate(seconds / 4)
            speed = rate(functools.partial(evaluated, features, images), BATCH, seconds, first=1)
            found.append((speed, speed * work / statistics.mean([before, matrix_rate(seconds / 4)])))
        row = {"network": name, "batch": BATCH, "size": SIZE, "multiply_adds_an_image": work}
        row["images_per_second"] = round(statistics.median(speed for speed, _ in found), 2)
        row["fraction_of_float32_matrix_rate"] = round(statistics.median(share for _, share in found), 3)
        rows.append(row)
        print(row, flush=True)
    return rows


def measure_bfloat16(size: int, count: int) -> None:
    """Prints a row: `count` images a side, in both precisions."""
    from dlib_bvae.image_quality.distances import Moments, frechet_distance

    sides = [pictures(count, size, seed) for seed in (1, 2)]
    row: dict[str, Any] = {"network": "Keras' InceptionV3, random weights", "size": size, "images_each_side": count}
    kept: dict[str, list[Moments]] = {}
    for precision in ("float32", "mixed_bfloat16"):
        features = random_inception(precision, size)
        features(sides[0])
        began = time.perf_counter()
        kept[precision] = [Moments.of(np.asarray(features(side))) for side in sides]
        row[f"images_per_second_{precision}"] = round(2 * count / (time.perf_counter() - began), 3)
        row[f"distance_{precision}"] = frechet_distance(*kept[precision])
    row["relative_change"] = row["distance_mixed_bfloat16"] / row["distance_float32"] - 1
    row["distance_between_precisions"] = frechet_distance(kept["float32"][0], kept["mixed_bfloat16"][0])
    print(json.dumps(row))


def bfloat16_apart(size: int, count: int, limit: float) -> dict[str, Any]:
    """The row of measure_bfloat16, or what is known after `limit` seconds without one."""
    command = [sys.executable, __file__, "--bfloat16_worker", f"--bfloat16_size={size}", f"--bfloat16_images={count}"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=limit)
    except subprocess.TimeoutExpired:
        return {"size": size, "images_each_side": count, "not_done_within_seconds": limit}
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def timed(call: Any) -> tuple[Any, dict[str, float]]:
    """What `call` gives, and the seconds and CPU seconds that it took."""
    began, cpu = time.perf_counter(), time.process_time()
    found = call()
    return found, {
        "seconds": round(time.perf_counter() - began, 2),
        "cpu_seconds": round(time.process_time() - cpu, 2),
    }


def measure_distance(count: int = 5_000) -> dict[str, Any]:
    """The distance and its parts; last, tensorflow_gan's own with its decompositions by TensorFlow."""
    import tensorflow as tf

    from dlib_bvae.image_quality.distances import frechet_distance
    from dlib_bvae.image_quality.features import moments_of
    from dlib_bvae.image_quality.tfgan import classifier_metrics, loaded, symmetric_root

    random = np.random.RandomState(0)
    spread = np.exp(-6 * np.arange(FEATURES) / FEATURES)
    sides = [(random.normal(size=(count, FEATURES)) * spread).astype(np.float32) for _ in range(2)]
    frechet_distance(*(moments_of(side[:, :64]) for side in sides))  # imports
    parts: dict[str, Any] = {}
    moments, parts["moments_of_both_sides"] = timed(lambda: [moments_of(side) for side in sides])
    distance, parts["distance_of_moments"] = timed(lambda: frechet_distance(*moments))
    one, two = (tf.constant(each.covariance * 1e10) for each in moments)
    _, parts["one_root_of_two"] = timed(lambda: symmetric_root(one))
    ours, parts["trace_sqrt_product"] = timed(lambda: float(classifier_metrics().trace_sqrt_product(one, two)))
    theirs, parts["trace_sqrt_product_by_tensorflows_svd"] = timed(lambda: float(loaded().trace_sqrt_product(one, two)))
    return {
        "features": FEATURES,
        "images_each_side": count,
        "distance": distance,
        **parts,
        "relative_difference_of_traces": abs(ours - theirs) / theirs,
    }


def main() -> None:
    """Prints and writes the record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--bfloat16_size", type=int, default=75, help="pixels, at least 75; 299 where the CPU has bfloat16"
    )
    parser.add_argument("--bfloat16_images", type=int, default=16)
    parser.add_argument("--bfloat16_limit", type=float, default=900)
    parser.add_argument("--bfloat16_worker", action="store_true")
    flags = parser.parse_args()
    if flags.bfloat16_worker:
        measure_bfloat16(flags.bfloat16_size, flags.bfloat16_images)
        return
    cpu = set(Path("/proc/cpuinfo").read_text(encoding="utf-8").split())
    record: dict[str, Any] = {
        "command": " ".join(sys.argv),
        "cpu_has": sorted(cpu & {"avx2", "fma", "avx512f", "avx512_bf16", "amx_bf16"}),
        "distance": measure_distance(),
    }
    print(json.dumps(record["distance"], indent=1), flush=True)
    record["inception"] = measure_inception(flags.seconds, flags.rounds)
    record["bfloat16"] = bfloat16_apart(flags.bfloat16_size, flags.bfloat16_images, flags.bfloat16_limit)
    print(record["bfloat16"])
    OUTPUT.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

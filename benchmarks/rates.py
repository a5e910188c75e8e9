"""How fast something is done, and how fast this machine multiplies matrices: what other scripts here compare with."""

from __future__ import annotations

import time
from collections.abc import Callable


def rate(call: Callable[[], object], amount: float, seconds: float, first: int = 3) -> float:
    """`amount` of a call, times calls a second over at least `seconds`, after the `first` that do not count."""
    for _ in range(first):
        call()
    count, began = 0, time.perf_counter()
    while (passed := time.perf_counter() - began) < seconds:
        call()
        count += 1
    return count * amount / passed


def matrix_rate(seconds: float) -> float:
    """Multiply-adds/s of a large float32 matrix product."""
    import tensorflow as tf

    a = tf.random.stateless_normal([2048, 2048], [0, 0])
    product = tf.function(lambda: tf.reduce_sum(tf.matmul(a, a)[:1, :1]))
    return rate(lambda: product().numpy(), 2048**3, seconds)

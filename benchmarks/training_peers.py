"""The same training step in other frameworks, as fast as they have it: images/s, printed as JSON.

    python benchmarks/training_peers.py torch_channels_last conv 64 float32 --seconds=10

torch: NCHW; torch_channels_last: the same with NHWC strides, which is faster for convolutions; torch_compile: that, compiled;
jax: flax and optax, one jitted function. Each draws a batch of 64×64×1 images from 20,000 in memory, computes the β-VAE's loss
(β = 4) and updates with the same optimiser. It runs in an environment of its own: pip install torch jax flax optax.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from typing import Any

import numpy as np
from rates import rate

IMAGES = 20_000
PEERS = ("torch", "torch_channels_last", "torch_compile", "jax")
Step = Callable[[], object]


def images(*shape: int) -> np.ndarray:
    """Random binary images, uint8 (IMAGES, *shape)."""
    return np.random.default_rng(0).integers(2, size=(IMAGES, *shape), dtype=np.uint8)


def torch_step(kind: str, batch: int, precision: str, channels_last: bool, compiled: bool) -> Step:
    """A plain loop: index, forward, backward, optimiser."""
    import torch
    from torch import nn

    relu, tanh = nn.ReLU(), nn.Tanh()
    if kind == "conv":
        conv = lambda i, o: nn.Conv2d(i, o, 4, 2, 1)
        deconv = lambda i, o: nn.ConvTranspose2d(i, o, 4, 2, 1)
        encoder = nn.Sequential(
            conv(1, 32), relu, conv(32, 32), relu, conv(32, 32), relu, nn.Flatten(),
            nn.Linear(2048, 256), relu, nn.Linear(256, 256), relu, nn.Linear(256, 20),
        )  # fmt: skip
        decoder = nn.Sequential(
            nn.Linear(10, 256), relu, nn.Linear(256, 256), relu, nn.Linear(256, 2048), relu,
            nn.Unflatten(1, (32, 8, 8)), deconv(32, 32), relu, deconv(32, 32), relu, deconv(32, 1),
        )  # fmt: skip
    else:
        encoder = nn.Sequential(
            nn.Flatten(), nn.Linear(4096, 1200), relu, nn.Linear(1200, 1200), relu, nn.Linear(1200, 20)
        )
        decoder = nn.Sequential(
            nn.Linear(10, 1200), tanh, nn.Linear(1200, 1200), tanh, nn.Linear(1200, 1200), tanh,
            nn.Linear(1200, 4096), nn.Unflatten(1, (1, 64, 64)),
        )  # fmt: skip
    layout = torch.channels_last if channels_last else torch.contiguous_format
    encoder, decoder = (each.to(memory_format=layout) for each in (encoder, decoder))
    parameters = [*encoder.parameters(), *decoder.parameters()]
    optimizer = torch.optim.Adam(parameters, 5e-4) if kind == "conv" else torch.optim.Adagrad(parameters, 1e-2)
    data = torch.from_numpy(images(1, 64, 64))

    def loss_of(x: Any) -> Any:
        with torch.autocast("cpu", torch.bfloat16, enabled=precision != "float32"):
            mean, log_variance = encoder(x).float().chunk(2, dim=1)
            logits = decoder(mean + (0.5 * log_variance).exp() * torch.randn_like(mean)).float()
        reconstruction = nn.functional.binary_cross_entropy_with_logits(logits, x, reduction="sum") / batch
        return reconstruction + 4 * 0.5 * (mean**2 + log_variance.exp() - log_variance - 1).sum(1).mean()

    loss_of = torch.compile(loss_of) if compiled else loss_of

    def step() -> float:
        x = data[torch.randint(len(data), (batch,))].float().contiguous(memory_format=layout)
        loss = loss_of(x)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def jax_step(kind: str, batch: int, precision: str) -> Step:
    """One jitted function of parameters, optimiser's state and key, which reuses their memory."""
    import jax
    import jax.numpy as jnp
    import optax
    from flax import linen as nn

    dtype = jnp.float32 if precision == "float32" else jnp.bfloat16
    dense = lambda features: nn.Dense(features, dtype=dtype)
    conv = lambda features: nn.Conv(features, (4, 4), strides=2, dtype=dtype)
    deconv = lambda features: nn.ConvTranspose(features, (4, 4), strides=(2, 2), dtype=dtype)
    flat = lambda x: x.reshape(len(x), -1)
    if kind == "conv":
        encoder = nn.Sequential(
            [conv(32), nn.relu, conv(32), nn.relu, conv(32), nn.relu, flat]
            + [dense(256), nn.relu, dense(256), nn.relu, dense(20)]
        )
        decoder = nn.Sequential(
            [dense(256), nn.relu, dense(256), nn.relu, dense(2048), nn.relu, lambda x: x.reshape(-1, 8, 8, 32)]
            + [deconv(32), nn.relu, deconv(32), nn.relu, deconv(1)]
        )
    else:
        encoder = nn.Sequential([flat, dense(1200), nn.relu, dense(1200), nn.relu, dense(20)])
        hidden = [layer for _ in range(3) for layer in (dense(1200), nn.tanh)]
        decoder = nn.Sequential([*hidden, dense(4096), lambda x: x.reshape(-1, 64, 64, 1)])
    data = jnp.asarray(images(64, 64, 1))
    first, second, key = jax.random.split(jax.random.key(0), 3)
    parameters = (
        encoder.init(first, jnp.zeros((1, 64, 64, 1))),
        decoder.init(second, jnp.zeros((1, 10))),
    )
    optimizer = optax.adam(5e-4) if kind == "conv" else optax.adagrad(1e-2)

    def loss_of(parameters: Any, x: Any, key: Any) -> Any:
        mean, log_variance = jnp.split(encoder.apply(parameters[0], x).astype(jnp.float32), 2, axis=1)
        noise = jax.random.normal(key, mean.shape)
        logits = decoder.apply(parameters[1], mean + jnp.exp(0.5 * log_variance) * noise).astype(jnp.float32)
        reconstruction = optax.sigmoid_binary_cross_entropy(logits, x).sum() / batch
        return reconstruction + 4 * 0.5 * (mean**2 + jnp.exp(log_variance) - log_variance - 1).sum(1).mean()

    def update(parameters: Any, state: Any, key: Any) -> Any:
        key, rows, noise = jax.random.split(key, 3)
        x = data[jax.random.randint(rows, (batch,), 0, IMAGES)].astype(jnp.float32)
        loss, gradient = jax.value_and_grad(loss_of)(parameters, x, noise)
        changes, state = optimizer.update(gradient, state, parameters)
        return optax.apply_updates(parameters, changes), state, key, loss

    jitted = jax.jit(update, donate_argnums=(0, 1))
    now = [parameters, optimizer.init(parameters), key]

    def step() -> float:
        *now[:], loss = jitted(*now)
        return float(loss)

    return step


def step_of(who: str, kind: str, batch: int, precision: str) -> Step:
    """One of PEERS."""
    if who == "jax":
        return jax_step(kind, batch, precision)
    return torch_step(kind, batch, precision, channels_last=who != "torch", compiled=who == "torch_compile")


def main() -> None:
    """Measures one peer."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("peer", choices=PEERS)
    parser.add_argument("model", choices=("conv", "mlp"))
    parser.add_argument("batch", type=int)
    parser.add_argument("precision", choices=("float32", "mixed_bfloat16"))
    parser.add_argument("--seconds", type=float, default=10)
    flags = parser.parse_args()
    step = step_of(flags.peer, flags.model, flags.batch, flags.precision)
    print(json.dumps({"loop": rate(step, flags.batch, flags.seconds, first=10)}))


if __name__ == "__main__":
    main()

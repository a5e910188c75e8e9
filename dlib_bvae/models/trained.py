"""Trained models from Python: takes a run directory or a SavedModel, hands on what it can do, on numpy arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from dlib_bvae.artifacts import standing
from dlib_bvae.errors import NotApplicable, UserError, check_integer
from dlib_bvae.models import zoo
from dlib_bvae.models.decoding import BATCH, decoded, traverse
from dlib_bvae.runtime import load_tensorflow

_SPAN = 2.0  # standard deviations of the prior, to both sides


class TrainedModel:
    """A trained network of any framework's SavedModel, on numpy arrays; it is a function observations → codes for metrics.score.

    directory: of the SavedModel. Raises UserError where there is none, it is damaged or has no signature encode.
    """

    def __init__(self, directory: Path):
        load_tensorflow()
        from dlib_bvae.models import signatures
        from dlib_bvae.models.saved_model import load

        self.directory, loaded = directory, load(directory)
        self._encode = signatures.encoder(directory, loaded)
        self._decode = signatures.decoder(directory, loaded)
        self.observation_shape, self.num_latent = signatures.sizes(directory, loaded)

    def __repr__(self) -> str:
        shape = "×".join("?" if size is None else str(size) for size in self.observation_shape)
        latents = "?" if self.num_latent is None else self.num_latent
        return f"TrainedModel({str(self.directory)!r}): images {shape} → {latents} latent{'' if latents == 1 else 's'}"

    def __call__(self, observations: ArrayLike) -> np.ndarray:
        """encode(observations)."""
        return self.encode(observations)

    def encode(self, observations: ArrayLike) -> np.ndarray:
        """Observations float (n, H, W, C) in [0, 1] → posterior means float32 (n, latents)."""
        return self.posterior(observations)[0]

    def posterior(self, observations: ArrayLike) -> tuple[np.ndarray, np.ndarray | None]:
        """Observations float (n, H, W, C) in [0, 1] → mean and log variance (None: it has none), float32 (n, latents)."""
        images = self._checked(observations)
        parts = [self._encode(images[k : k + BATCH]) for k in range(0, len(images), BATCH)]
        mean = np.concatenate([part[0] for part in parts])
        variances = [part[1] for part in parts if part[1] is not None]
        return mean, np.concatenate(variances) if variances else None

    def decode(self, latents: ArrayLike) -> np.ndarray:
        """Latents (n, latents) → images float32 (n, H, W, C) in [0, 1]. Raises NotApplicable for a model without a decoder."""
        decoder = self._decoder()
        codes = np.asarray(latents, np.float32)
        if codes.ndim != 2 or self.num_latent not in (None, codes.shape[1]):
            raise UserError(f"decode takes latents (n, {self.num_latent}); got {codes.shape}")
        return decoded(decoder, codes)

    def reconstruct(self, observations: ArrayLike) -> np.ndarray:
        """Decodes the posterior means: observations → images, both float (n, H, W, C) in [0, 1]."""
        self._decoder()
        return self.decode(self.encode(observations))

    def sample(self, num: int = 16, random_state: int = 0) -> np.ndarray:
        """`num` images float32 (num, H, W, C) in [0, 1], decoded from latents drawn from the prior N(0, I).

        Raises NotApplicable for a model without a decoder, or without a prior, whose encoder gives no posterior variance.
        """
        check_integer("num", num, 1)
        check_integer("random_state", random_state, 0)
        return self.decode(self._prior(np.random.default_rng(random_state), num))

    def traverse(
        self, observation: ArrayLike, latents: Sequence[int] | None = None, values: ArrayLike | None = None
    ) -> np.ndarray:
        """Images of one observation's code with one latent at a time changed: float32 (latents, values, H, W, C) in [0, 1].

        observation: float (H, W, C) in [0, 1]. latents: which (None: all). values: what each takes (None: 11 steps from −2 to
        2). Raises NotApplicable for a model without a decoder, UserError for latents that it lacks.
        """
        code = self.encode(np.asarray(observation)[None])[0]
        chosen = np.arange(len(code)) if latents is None else np.asarray(latents)
        if chosen.ndim != 1 or chosen.dtype.kind not in "iu" or not ((chosen >= 0) & (chosen < len(code))).all():
            raise UserError(f"latents must be a list of 0 … {len(code) - 1}; got {latents!r}")
        steps = np.linspace(-_SPAN, _SPAN, 11) if values is None else np.asarray(values, np.float64)
        if steps.ndim != 1 or not len(steps) or not np.isfinite(steps).all():
            raise UserError(f"values must be a list of finite numbers; got {values!r}")
        return decoded(self._decoder(), traverse(code, chosen, steps))

    def _prior(self, rng: np.random.Generator, num: int) -> np.ndarray:
        shape = [1 if size is None else size for size in self.observation_shape]
        mean, log_variance = self.posterior(np.zeros((1, *shape), np.float32))
        if log_variance is None or np.isneginf(log_variance).any():
            raise NotApplicable(
                f"{self.directory} has latents without a posterior variance, and with it no prior to draw from; decode codes of "
                "images instead: decode(encode(images))"
            )
        return rng.standard_normal((num, mean.shape[1]), dtype=np.float32)

    def _decoder(self) -> Callable[[np.ndarray], np.ndarray]:
        if self._decode is None:
            raise NotApplicable(f"the SavedModel {self.directory} has no signature 'decode'; export it with one")
        return self._decode

    def _checked(self, observations: ArrayLike) -> np.ndarray:
        images = np.asarray(observations)
        if images.dtype.kind != "f":
            raise UserError(
                f"observations must be floats in [0, 1]; got {images.dtype} (divide the images' bytes by 255)"
            )
        shape = self.observation_shape
        fits = images.ndim == 4 and all(want in (None, got) for want, got in zip(shape, images.shape[1:], strict=True))
        if not fits or not len(images):
            wanted = ", ".join("any" if size is None else str(size) for size in shape)
            raise UserError(f"observations must be (n, {wanted}) with n >= 1; got {images.shape}")
        if not (images.min() >= 0 and images.max() <= 1):
            raise UserError(f"observations must be in [0, 1]; got values in [{images.min():g}, {images.max():g}]")
        return images.astype(np.float32, copy=False)


def load(source: str | Path) -> TrainedModel:
    """The trained model of a run directory, of a SavedModel with a signature encode, or of the zoo: "zoo:name".

    Raises UserError where there is none of these, and for a run of a method without an encoder (oracle, noise, constant_codes).
    """
    if (name := zoo.name_in(source)) is not None:
        return TrainedModel(zoo.run_directory(name) / "train" / "saved_model")
    place = Path(source).expanduser()
    if (place / "saved_model.pb").is_file():
        return TrainedModel(place)
    if standing(place / "train", "train") == "begun":
        raise UserError(f"the training in {place} is not finished; run it again, it continues")
    if not (place / "train").is_dir():
        raise UserError(
            f"{place} is neither a run directory of dlib_bvae_train nor a SavedModel; train one: runs.train(…)"
        )
    return TrainedModel(place / "train" / "saved_model")

"""The β curve of a run: what one multi-rate VAE reconstructs, and how many nats it spends, at every β."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from dlib_bvae.artifacts import read_results, run_lock
from dlib_bvae.artifacts.outputs import Content, check_outputs, write_outputs
from dlib_bvae.datasets.images import ImageData, training_sample
from dlib_bvae.errors import UserError, check_integer
from dlib_bvae.runtime import load_tensorflow
from dlib_bvae.stages.inputs import same_data, trained_run

if TYPE_CHECKING:
    import pandas as pd

_BATCH = 256
_FILES, _FLAG = ("beta_curve.csv", "beta_curve.png"), "--model_dir"


def run(model_dir: Path | None = None, num_images: int = 10_000, num_betas: int = 13) -> list[Path]:
    """Writes <model_dir>/beta_curve/beta_curve.csv and .png, over those of before, and returns their paths.

    Raises UserError for a run of another method, which has one β.
    """
    check_integer("--num_images", num_images, 1)
    check_integer("--num_betas", num_betas, 2)
    model_dir = trained_run(model_dir)
    check_outputs(model_dir / "beta_curve", _FILES, _FLAG)
    load_tensorflow()
    from dlib_bvae.models.saved_model import load

    with run_lock(model_dir):
        trained = read_results(model_dir / "train", "train")
        model = load(model_dir / "train" / "saved_model")
        if "rate_distortion" not in model.signatures:
            raise UserError(
                f"{model_dir} was trained by {trained['model']}, which has one β or none; a curve needs a run of mr_vae, such as "
                "--gin_config=gin/mr_vae_dsprites.gin trains"
            )
        curve = beta_curve(model, same_data(model_dir), num_images, num_betas)
        return save_beta_curve(model_dir / "beta_curve", curve, f"{trained['model']} on {trained['dataset']}")


class HasSignatures(Protocol):
    """A loaded SavedModel: name → a function of tensors that returns {name: tensor}."""

    signatures: Mapping[str, Callable[..., Mapping[str, Any]]]


def beta_curve(model: HasSignatures, data: ImageData, num_images: int, num_betas: int) -> pd.DataFrame:
    """One row a β, evenly spaced in log β over the range of training: beta, reconstruction and kl.

    model: the SavedModel of a multi_rate_vae. Both terms are in nats, summed over pixels or latents, averaged over `num_images`
    images as training shows them; every image has one posterior sample, whose noise is the same at every β.
    """
    import pandas as pd
    import tensorflow as tf

    ends = {name: float(value) for name, value in model.signatures["beta_range"]().items()}
    betas = np.geomspace(ends["low"], ends["high"], num_betas)
    rows = np.sort(training_sample(data, num_images, seed=0))
    sums = np.zeros((num_betas, 2))
    for start in range(0, len(rows), _BATCH):
        observations = tf.constant(data.observations_at(rows[start : start + _BATCH]))
        key = tf.constant([0, start], tf.int64)
        for place, beta in enumerate(betas):
            found = model.signatures["rate_distortion"](
                observations=observations, beta=tf.constant(beta, tf.float32), key=key
            )
            sums[place] += [np.sum(found[name].numpy(), dtype=np.float64) for name in ("distortion", "rate")]
    reconstruction, kl = sums.T / len(rows)
    return pd.DataFrame({"beta": betas, "reconstruction": reconstruction, "kl": kl})


def save_beta_curve(directory: Path, curve: pd.DataFrame, title: str) -> list[Path]:
    """Writes beta_curve.csv and beta_curve.png: both terms against β, and one against the other. Returns their paths."""
    import io

    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4), layout="constrained")
    left, plane = figure.subplots(1, 2)
    right = left.twinx()
    for axes, name, color in ((left, "reconstruction", "tab:blue"), (right, "kl", "tab:red")):
        axes.semilogx(curve["beta"], curve[name], color=color, marker=".")
        axes.set_ylabel(f"{name} (nats)", color=color)
    left.set_xlabel("β")
    plane.plot(curve["kl"], curve["reconstruction"], color="black", marker=".")
    for _, row in curve.iloc[:: max(1, len(curve) // 6)].iterrows():
        plane.annotate(
            f"β = {row['beta']:.2g}", (row["kl"], row["reconstruction"]), (4, 4), textcoords="offset points", fontsize=8
        )
    plane.margins(x=0.15)
    plane.set(xlabel="rate: kl (nats)", ylabel="distortion: reconstruction (nats)")
    figure.suptitle(title)
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=120)
    contents: tuple[Content, ...] = (curve.to_csv(index=False), picture.getvalue())
    return write_outputs(directory, dict(zip(_FILES, contents, strict=True)), _FLAG)

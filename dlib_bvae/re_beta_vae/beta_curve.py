"""The β curve of a run: what one multi-rate VAE reconstructs, and how many nats it spends, at every β."""

from __future__ import annotations

from pathlib import Path

from dlib_bvae.artifacts import read_results, run_lock
from dlib_bvae.errors import UserError, check_integer
from dlib_bvae.re_beta_vae.beta_curve_pictures import beta_curve, save_beta_curve
from dlib_bvae.runtime import load_tensorflow
from dlib_bvae.stages.inputs import same_data, trained_run


def run(model_dir: Path | None = None, num_images: int = 10_000, num_betas: int = 13) -> list[Path]:
    """Writes <model_dir>/beta_curve/beta_curve.csv and .png, over those of before, and returns their paths.

    Raises UserError for a run of another method, which has one β.
    """
    check_integer("--num_images", num_images, 1)
    check_integer("--num_betas", num_betas, 2)
    model_dir = trained_run(model_dir)
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

"""Objectives by name: one class a method."""

from dlib_bvae.models.objectives.base import Batch, Objective, Wants
from dlib_bvae.models.objectives.weights import WEIGHTS, Weight
from dlib_bvae.registry import Registry

__all__ = ["OBJECTIVES", "WEIGHTS", "Batch", "Objective", "Wants", "Weight"]

_MODULES = {
    "vae": ("vae",),
    "annealed_vae": ("annealed_vae",),
    "control_vae": ("control_vae",),
    "factor_vae": ("factor_vae",),
    "dip_vae": ("dip_vae",),
    "beta_tc_vae": ("beta_tc_vae",),
    "mmd": ("info_vae", "wae_mmd"),
    "joint_vae": ("joint_vae",),
    "hfs": ("hfs",),
    "quantized": ("qlae", "factor_qvae", "vq_vae"),
    "mr_vae": ("mr_vae",),
    "weak": ("ada_gvae", "ada_ml_vae"),
    "semi_supervised": ("s2_vae",),
}
OBJECTIVES = Registry(
    "objective",
    "dlib_bvae.objectives",
    {name: f"dlib_bvae.models.objectives.{module}:{name}" for module, names in _MODULES.items() for name in names},
)

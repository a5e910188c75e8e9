"""Objectives by name: one class a method."""

from dlib_bvae.models.objectives.base import WEIGHTS, Batch, Objective, Wants, Weight, check_weight
from dlib_bvae.registry import Registry

__all__ = ["METHODS", "OBJECTIVES", "WEIGHTS", "Batch", "Objective", "Wants", "Weight", "check_weight"]

METHODS = {  # gin name → module, in the order of tables
    "vae": "vae",
    "annealed_vae": "annealed_vae",
    "factor_vae": "factor_vae",
    "beta_tc_vae": "beta_tc_vae",
    "dip_vae": "dip_vae",
    "control_vae": "control_vae",
    "info_vae": "mmd",
    "wae_mmd": "mmd",
    "hfs": "hfs",
    "qlae": "quantized",
    "factor_qvae": "quantized",
    "vq_vae": "quantized",
    "joint_vae": "joint_vae",
    "mr_vae": "mr_vae",
    "ada_gvae": "weak",
    "ada_ml_vae": "weak",
    "s2_vae": "semi_supervised",
}
OBJECTIVES = Registry(
    "objective",
    "dlib_bvae.objectives",
    {name: f"dlib_bvae.models.objectives.{module}:{name}" for name, module in METHODS.items()},
)

"""Objectives by name: one class a method. Names alone import no TensorFlow."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from dlib_bvae.registry import Registry

if TYPE_CHECKING:
    from dlib_bvae.models.objectives.base import Batch, Objective, Wants, Weight, check_weight

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
    "orthogonal_jacobian": "orthogonal_jacobian",
    "qlae": "quantized",
    "factor_qvae": "quantized",
    "vq_vae": "quantized",
    "tripod": "tripod",
    "joint_vae": "joint_vae",
    "d_vae": "d_vae",
    "factor_d_vae": "d_vae",
    "mr_vae": "mr_vae",
    "ada_gvae": "weak",
    "ada_ml_vae": "weak",
    "lejepa_pairs": "lejepa_pairs",
    "s2_vae": "semi_supervised",
}
OBJECTIVES = Registry(
    "objective",
    "dlib_bvae.objectives",
    {name: f"dlib_bvae.models.objectives.{module}:{name}" for name, module in METHODS.items()},
)
WEIGHTS = Registry(
    "weight schedule",
    "dlib_bvae.weights",
    {
        name: f"dlib_bvae.models.objectives.base:{name}"
        for name in ("linear_weight", "logistic_weight", "cyclical_weight")
    },
)


def __getattr__(name: str) -> Any:
    """What base.py has, which imports TensorFlow, when it is asked for."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.base"), name)

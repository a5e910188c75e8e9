"""Objectives by name: one class a method."""

from dlib_bvae.models.objectives.base import Batch, Objective, Wants
from dlib_bvae.registry import Registry

__all__ = ["OBJECTIVES", "Batch", "Objective", "Wants"]

_ROOM = "dlib_bvae.models.objectives"
OBJECTIVES = Registry("objective", "dlib_bvae.objectives", {"vae": f"{_ROOM}.vae:vae"})

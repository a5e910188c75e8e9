"""Training: one session of steps, from the images of a data set to the weights of a network; optimisers by name."""

from dlib_bvae.registry import Registry
from dlib_bvae.runtime import prepare_tensorflow

prepare_tensorflow()

OPTIMIZERS = Registry(
    "optimizer",
    "dlib_bvae.optimizers",
    {name: f"dlib_bvae.training.optimizers:{name}" for name in ("adam", "adamw", "adagrad", "sgd")},
)
SCHEDULES = Registry(
    "schedule",
    "dlib_bvae.schedules",
    {name: f"dlib_bvae.training.optimizers:{name}" for name in ("constant", "step_decay", "cosine", "warm_up")},
)

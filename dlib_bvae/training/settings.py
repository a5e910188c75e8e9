"""What one training is: the parameters `model.…` of gin, checked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from numbers import Integral
from typing import TypeGuard

import gin
import tensorflow as tf

from dlib_bvae.errors import UserError, check_integer
from dlib_bvae.models.baselines import Baseline
from dlib_bvae.models.objectives import Objective
from dlib_bvae.models.vae import GaussianVAE
from dlib_bvae.registry import configurable
from dlib_bvae.training.callbacks import Callback
from dlib_bvae.training.optimizers import Optimizer, Schedule, adam, constant

_MOST_IN_BATCH = 2**16  # images
OUTPUT_BIASES = ("zero", "data_mean")
_MOST_STEPS = 10**12  # whose images are counted in 64 bits


@configurable(
    "model",
    seeds=["random_seed"],
    labels=["name", "checkpoint_every", "keep_checkpoints", "log_every"],
    execution=["xla", "devices", "deterministic"],
    additions=["export_steps"],
)
@dataclass(frozen=True)
class TrainingSettings:
    """The settings of one training.

    model: the objective, or a baseline, which reads name and random_seed only. network: the model's class. name: in results
    and tables; the method's when empty. schedule: of the learning rate, None for a constant one.
    batch_size: images, at most 65,536. training_steps, checkpoint_every, log_every: steps. keep_checkpoints: how many a finished
    training keeps, at most two; with 0 it cannot be extended. loss_window: steps over which
    recorded losses are averaged, and of a window of `divergence`. initial_weights: a run whose network this one starts from
    (see start_from), "" for random weights. export_steps: different steps in 1 … training_steps whose models are kept (see
    exports.py). output_bias: where the bias of the decoder's last layer starts, at "zero" or, by "data_mean", at the logit of
    the mean pixel of each channel (see start_output_bias). precision: of the networks, "float32", "mixed_bfloat16" or
    "mixed_float16" (with loss scaling). xla: compile the step with XLA. clip_norm, clip_value: bounds of the gradients' common
    norm and of each number, 0 for none. average_decay: the weights that are exported are moving averages of this decay, 0 for
    the last ones. deterministic: operations give the same bits every time, which a CPU's do anyway; on a GPU it is slower, and
    what has no such kernel is refused. devices: how many share a batch, 0 for all GPUs. Raises UserError for values out of range.
    """

    model: Objective | Baseline = gin.REQUIRED
    network: Callable[..., GaussianVAE] = GaussianVAE
    name: str = ""
    batch_size: int = 64
    training_steps: int = 300_000
    random_seed: int = 0
    optimizer: Callable[..., Optimizer] = adam
    schedule: Schedule | None = None
    precision: str = "float32"
    xla: bool = False
    clip_norm: float = 0.0
    clip_value: float = 0.0
    average_decay: float = 0.0
    deterministic: bool = False
    devices: int = 0
    checkpoint_every: int = 1_000
    keep_checkpoints: int = 1
    log_every: int = 100
    loss_window: int = 100
    initial_weights: str = ""
    output_bias: str = "zero"
    export_steps: Sequence[int] = ()
    learning_rates: Schedule = field(init=False)  # `schedule`, or the constant one

    def __post_init__(self) -> None:
        check_integer("model.batch_size", self.batch_size, 1, _MOST_IN_BATCH)
        for key in ("training_steps", "checkpoint_every", "log_every", "loss_window"):
            check_integer(f"model.{key}", getattr(self, key), 1, _MOST_STEPS)
        check_integer("model.keep_checkpoints", self.keep_checkpoints, 0)
        if not _is_integer(self.random_seed) or not 0 <= self.random_seed < 2**31:
            raise UserError(f"model.random_seed must be an integer in 0 … 2^31 - 1; got {self.random_seed!r}")
        if self.deterministic and self.xla and tf.config.list_physical_devices("GPU"):
            raise UserError(
                "model.deterministic cannot be kept with model.xla on a GPU, where XLA chooses its kernels by timing them; "
                "set one of the two to False"
            )
        if not isinstance(self.model, (Objective, Baseline)):
            raise UserError(
                f"model.model must be an objective such as @vae(), or a fitted model such as @pca(); got {self.model!r}"
            )
        if not isinstance(self.initial_weights, str):
            raise UserError(
                f"model.initial_weights must be a run directory such as 'runs/other'; got {self.initial_weights!r}"
            )
        if self.output_bias not in OUTPUT_BIASES:
            raise UserError(f"model.output_bias must be one of {', '.join(OUTPUT_BIASES)}; got {self.output_bias!r}")
        if self.initial_weights and self.output_bias != "zero":
            raise UserError(
                f"model.output_bias = {self.output_bias!r} and model.initial_weights both say where a bias starts; bind "
                "model.output_bias to 'zero'"
            )
        object.__setattr__(self, "export_steps", _checked_steps(self.export_steps, self.training_steps))
        object.__setattr__(self, "learning_rates", self.schedule or constant())

    @property
    def method(self) -> str:
        """What results and tables call it."""
        return self.name or type(self.model).__name__

    @property
    def objective(self) -> Objective:
        """The model as what it is in a training with steps."""
        assert isinstance(self.model, Objective)
        return self.model


def depends_on_total(settings: TrainingSettings, callbacks: Sequence[Callback]) -> bool:
    """Whether a training that is extended may differ from one of as many steps in one go.

    It does where the learning rates, the loss, or what a callback measures or chooses, depend on the number of steps; else the
    two are equal bit for bit. callbacks: of the trainer.
    """
    changing = settings.objective.of_total or any(callback.of_total for callback in callbacks)
    return changing or getattr(settings.learning_rates, "of_total", True)


def _checked_steps(steps: object, total: int) -> tuple[int, ...]:
    given = tuple(steps) if isinstance(steps, (list, tuple)) else None
    if given is None or not all(_is_step(step, total) for step in given) or len(set(given)) < len(given):
        raise UserError(
            f"model.export_steps must be a list of different integers in 1 … model.training_steps = {total}, such as "
            f"[{total}]; got {steps!r}"
        )
    return tuple(int(step) for step in given)


def _is_step(step: object, total: int) -> bool:
    return _is_integer(step) and 1 <= step <= total


def _is_integer(value: object) -> TypeGuard[int]:
    return isinstance(value, Integral) and not isinstance(value, bool)

"""Whether a metric's parameters can be used, found out before there are codes."""

from __future__ import annotations

import contextlib
import copy
import inspect
from collections.abc import Callable, Iterable
from typing import Any

from dlib_bvae import metrics
from dlib_bvae.datasets import ImageData
from dlib_bvae.errors import NotApplicable, UserError
from dlib_bvae.stages.evaluation_settings import evaluation, split_subset


class _CodesAsked(Exception):
    """The metric took its parameters, and went on to ask for codes."""


class _Codes:
    """A function that encodes nothing, of codes that are not wide: a metric would ask for some of those to screen them."""

    num_latent = 1

    def __call__(self, *given: Any) -> Any:
        raise _CodesAsked


_ask = _Codes()


def _without_images(data: Any) -> Any:
    """`data` that raises _CodesAsked where an image would be drawn, read or converted to be encoded."""
    seen = copy.copy(data)
    seen.sample_observations_from_factors = seen.observations_at = _ask
    return seen


def try_parameters(name: str, data: ImageData, must_apply: bool = False) -> bool:
    """Calls the metric `name` as the open configuration says, until it asks for the first code of `data`; whether it did.

    Raises UserError for what it refuses until then, but for what does not apply to `data` only where it `must_apply`. Not
    tried are metrics of images, which work for minutes before, and plug-ins, which may not take a function for codes.
    """
    metric = metrics.METRICS.get(name)
    if name in metrics.names() and metric.__module__.startswith("dlib_bvae."):
        settings = evaluation()
        needs_model = inspect.signature(metric).parameters.keys() & {"decode", "model"}  # which it has not here
        with contextlib.suppress(*(() if must_apply and not needs_model else (NotApplicable,))):
            try:
                metric(_without_images(split_subset(data, settings.split) or data), _ask, settings.random_seed)
            except _CodesAsked:
                return True
    return False


def refuse_early(
    names: Iterable[str], data: ImageData, configured: Callable[[], contextlib.AbstractContextManager[object]]
) -> None:
    """Raises UserError when no metric of `names` would take its parameters and `data`: then nothing has to be encoded for it."""
    refused = None
    for name in names:
        try:
            with configured():
                try_parameters(name, data, must_apply=True)
            return
        except UserError as refusal:
            refused = refused or refusal
    if refused:
        raise refused

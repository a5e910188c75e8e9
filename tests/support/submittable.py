"""The parameters that a submission's gin file may bind."""

import inspect

from gin import config

from dlib_bvae.leaderboard.submissions import gin_check
from dlib_bvae.stages import train


def parameters(kind: str) -> set[str]:
    """Names such as vae.beta of all whose annotation has the type `kind`, but those that gin may not bind."""
    for registry in train.REGISTRIES:
        registry.import_all()
    allowed = {*gin_check._DOORS, *(name for registry in gin_check._REGISTRIES for name in registry.names())}
    found = set()
    for selector in config._REGISTRY._selector_map:
        name = selector.rpartition(".")[2]
        if name in allowed and selector.startswith("dlib_bvae."):
            configurable = config._REGISTRY[selector]
            denied = {*(configurable.denylist or ())}
            given = inspect.signature(configurable.wrapped).parameters.values()
            found |= {
                f"{name}.{each.name}" for each in given if kind in str(each.annotation) and each.name not in denied
            }
    return found

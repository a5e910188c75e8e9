"""What a method learns of the factors besides the images: recorded in its results, or what the method says today."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING

from dlib_bvae.analysis.frame import KEYS, OBJECTIVE, RECORDED_SUPERVISION
from dlib_bvae.errors import UserError
from dlib_bvae.models.naming import selector

if TYPE_CHECKING:
    import pandas as pd

NOT_STATED = "not stated"
EXTERNAL = "external codes"  # the method of external codes
SUPERVISION = "supervision"  # the column of a submission's rows that says it


def method_of(config: Mapping[str, object]) -> str:
    """The gin name of the objective or fitted model that a training configuration gives: {"model.model": "@vae()"} → "vae"."""
    reference = config.get("model.model")
    if not isinstance(reference, str) or not reference.startswith("@"):
        return EXTERNAL
    return selector(reference)


@functools.cache
def supervision_of(method: str) -> str:
    """What the training of a method learns of the factors besides the images, of results that do not record it.

    "none", "pairs" of images that share most of them, the "labels" of some images, or the "factors" of all; NOT_STATED for
    external codes, and for a method of a package that is not installed or cannot be imported. Imports TensorFlow.
    """
    if method == EXTERNAL:
        return NOT_STATED
    from dlib_bvae.models.baselines import BASELINES
    from dlib_bvae.models.objectives import OBJECTIVES

    try:
        if method in OBJECTIVES:
            wants = getattr(OBJECTIVES.get(method), "wants", None)
            return getattr(wants, "supervision", NOT_STATED)
        return getattr(BASELINES.get(method), "supervision", NOT_STATED)
    except UserError:  # unknown, or a plug-in that cannot be imported
        return NOT_STATED


def of_rows(frame: pd.DataFrame) -> dict[tuple, str]:
    """{KEYS of a row: its supervision} of a frame of `collect`: as its submission says, else its results, else its method."""
    said = (SUPERVISION, RECORDED_SUPERVISION)
    found: dict[tuple, str] = {}
    methods: dict[tuple, str] = {}
    rows = frame.reindex(columns=[*KEYS.values(), OBJECTIVE, *said]).drop_duplicates()
    for *names, objective, submitted, recorded in rows.itertuples(index=False, name=None):
        key = tuple(names)
        methods.setdefault(key, method_of({"model.model": objective}))
        text = next((each for each in (submitted, recorded) if isinstance(each, str) and each), None)
        if text is not None:
            found.setdefault(key, text)
    return {key: found.get(key) or supervision_of(method) for key, method in methods.items()}

"""Frames as `collect` makes them, without files."""

import json

import pandas as pd

MEAN = "evaluation_results."


def frame_of(*rows):
    """Each row: a dictionary with model, seed, scores {name: value} and what else differs from the defaults."""
    return pd.DataFrame([_row(place, **row) for place, row in enumerate(rows)])


def _row(
    place,
    model="beta_vae",
    seed=0,
    scores=None,
    metric="mig",
    dataset="dummy_data",
    run=None,
    config=None,
    parameters="{}",
    version=1,
    data_version=1,
    **more,
):
    scores = scores or {}
    return {
        "path": str(place),
        "train_results.model": model,
        "config": config or model,
        "train_results.dataset": dataset,
        "train_results.fingerprint": f"f-{dataset}",
        "data_version": data_version,
        "postprocess_results.representation": "mean",
        "postprocess_results.num_images": 512,
        "evaluation_results.metric": metric,
        "metric_version": version,
        "metric_parameters": parameters,
        "train_results.seed": seed,
        "train_results.uuid": run or f"{model} {dataset} {seed} {config}",
        "evaluation_results.score_names": json.dumps(list(scores)),
        **{MEAN + name: value for name, value in scores.items()},
        **more,
    }

"""over_datasets.py: normalised scores pooled over data sets."""

import numpy as np
import pandas as pd
import pytest
from support.frames import frame_of

from dlib_bvae.analysis import normalised_runs, over_datasets, pooled


def boards(with_oracle=True):
    rows = []
    for dataset, (zero, one, values) in {"one": (0.1, 0.9, [0.5, 0.7]), "two": (0, 0.5, [0.1, 0.2, 0.3])}.items():
        known = [("random_encoder", [zero]), ("oracle", [one]), ("a", values)]
        for model, scores in known if with_oracle else known[::2]:
            rows += [
                {"model": model, "dataset": dataset, "seed": seed, "scores": {"discrete_mig": score}}
                for seed, score in enumerate(scores)
            ]
    return frame_of(*rows)


def test_scores_lie_between_the_reference_rows():
    runs = normalised_runs(boards())
    assert runs[runs["model"] == "a"]["value"].tolist() == pytest.approx([0.5, 0.75, 0.2, 0.4, 0.6])
    assert set(runs[runs["model"] == "oracle"]["value"]) == {1.0}


def test_models_are_pooled_over_their_data_sets():
    row = over_datasets(boards(), reps=300).set_index("model").loc["a"]
    tasks = [np.array([0.5, 0.75]), np.array([0.2, 0.4, 0.6])]
    assert row[["value", "low", "high"]].tolist() == pytest.approx(list(pooled(tasks, reps=300)))
    assert (row["datasets"], row["runs"]) == ("one, two", 5)


def test_without_references_there_is_nothing_to_pool():
    assert over_datasets(boards(with_oracle=False)).empty
    assert over_datasets(pd.DataFrame()).empty

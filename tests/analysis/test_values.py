"""values.py: every score once, with the codes it is of and the seed of the metric."""

import math

import pandas as pd
from support.frames import frame_of

from dlib_bvae.analysis.values import after_training, score_values, trained


def scored(value, seed=0, step=None, drawn=0, **more):
    return {
        "seed": seed,
        "run": f"r{seed}",
        "scores": {"discrete_mig": value},
        "evaluation_results.random_seed": drawn,
        "postprocess_results.step": step,
        "postprocess_results.representation": "mean" if step is None else f"mean-step{step}",
        **more,
    }


def test_steps_are_of_the_codes_after_training_and_equal_codes_are_one():
    equal = {"postprocess_results.codes_digest": "d"}
    rows = [
        scored(0.1, 0, **equal),
        scored(0.1, 1, **equal),
        scored(0.2, 2, drawn=5),
        scored(0.3, 2, step=10, drawn=5),
        scored(None, 2, step=20),
    ]
    frame = frame_of(*rows)
    frame["postprocess_results.step"] = frame["postprocess_results.step"].astype("Int64")
    assert after_training(frame) == {"mean": "mean", "mean-step10": "mean", "mean-step20": "mean"}
    found = score_values(frame)
    assert set(found["representation"]) == {"mean"}
    columns = ["run", "step", "last", "metric_seed", "value"]
    assert sorted(found[columns].itertuples(index=False, name=None)) == [
        ("r0", math.inf, True, 0, 0.1),
        ("r2", 10.0, False, 5, 0.3),
        ("r2", math.inf, True, 5, 0.2),
    ]


def test_repeats_are_scores_of_their_seeds_and_a_missing_score_is_none():
    repeats = {
        "evaluation_results.repeats.seeds": "[3, 4]",
        "evaluation_results.repeats.scores.discrete_mig": "[0.1, 0.3]",
    }
    found = score_values(frame_of(scored(0.2, 0, drawn=3, **repeats), scored(0.5, 1, drawn=3)))
    assert found[["run", "metric_seed", "value"]].values.tolist() == [["r0", 3, 0.1], ["r0", 4, 0.3], ["r1", 3, 0.5]]


def test_baselines_and_references_are_not_trained():
    objective = "train_config.model.model"
    frame = frame_of(
        *({"model": name, objective: f"@{name}()"} for name in ("vae", "pca", "noise", "oracle")), {"model": "m"}
    )
    assert trained(frame)["train_results.model"].tolist() == ["vae", "m"]
    assert score_values(pd.DataFrame()).empty

"""chance.py: what is above chance, against numbers worked out by hand and simulated nulls."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from support.frames import frame_of

from dlib_bvae.analysis.chance import (
    NO_NULL,
    WITHOUT,
    above_chance,
    adjusted_random,
    benjamini_hochberg,
    p_of,
    random_ends,
)
from dlib_bvae.analysis.tables import LONG, by_score
from dlib_bvae.errors import UserError


def against(value, null, score="discrete_mig", **row):
    """An evaluation with the null values `null`."""
    if not len(null):
        return {"scores": {score: value}, **row}
    said = {"n": len(null), "mean": np.mean(null), "std": np.std(null, ddof=1) if len(null) > 1 else None}
    return {
        "scores": {score: value},
        **{f"evaluation_results.null.{score}.{name}": each for name, each in said.items()},
        **row,
    }


def only(*rows):
    (row,) = above_chance(frame_of(*rows)).to_dict("records")
    return {name: None if pd.isna(each) else each for name, each in row.items()}


def test_the_mean_of_seeds_is_held_against_all_their_matchings():
    rng = np.random.default_rng(0)
    nulls, values = rng.normal(0.1, 0.02, (3, 20)), [0.2, 0.1, 0.15]
    row = only(*(against(value, null, seed=seed) for seed, (value, null) in enumerate(zip(values, nulls, strict=True))))
    z = (np.mean(values) - nulls.mean()) / nulls.std(ddof=1)
    assert (row["chance_z"], row["chance_n"]) == (pytest.approx(z), 60)
    assert row["chance_p"] == pytest.approx(stats.t.sf(z / math.sqrt(1 + 1 / 60), 59))
    assert row["above_chance"] is True


def test_seeds_count_alike_whatever_the_number_of_their_matchings():
    row = only(against(0.5, [0.5, 0.5, 0.5, 0.6, 0.4] * 8, seed=0), against(0.1, [0.1, 0.2, 0.0, 0.1], seed=1))
    assert row["chance_z"] == pytest.approx(0)  # each as its null; the null of all 44 together has a mean of 0.46
    assert row["chance_p"] == pytest.approx(0.5)


def test_a_seed_without_a_null_is_left_out_of_the_comparison():
    row = only(against(0.9, [], seed=0), against(0.1, [0.1, 0.2, 0.0], seed=1))
    assert (row["chance_z"], row["chance_n"]) == (pytest.approx(0), 3)


def test_equal_codes_are_no_more_matchings():
    codes = {"postprocess_results.codes_digest": "d"}
    row = only(*(against(0.2, [0.1, 0.2, 0.0], seed=seed, **codes) for seed in range(4)))
    assert row["chance_n"] == 3


def test_less_is_better_turns_the_sign():
    null = [0.5, 0.6, 0.4, 0.5]
    row = only(against(0.1, null, "errors", metric="t_mex"))
    assert row["chance_z"] == pytest.approx(0.4 / np.std(null, ddof=1))


@pytest.mark.parametrize(
    ("row", "decided", "why"),
    [
        (against(0.5, []), None, NO_NULL),
        (against(0.5, [0.1]), None, "one matching has no standard deviation"),
        (against(0.5, [0.1, 0.1, 0.1]), None, "the null does not vary"),
        (against(0.1, [0.1, 0.1, 0.1]), False, None),  # constant codes
        (
            against(0.5, [0.1, 0.2], "unheard_of", metric="unheard_of"),
            None,
            "neither more nor less of the score is better",
        ),
        (against(2.0, [], "active_units", metric="active_units"), None, WITHOUT),
    ],
)
def test_what_cannot_be_said_has_its_reason(row, decided, why):
    found = only(row)
    assert found["above_chance"] is decided
    assert found["chance_missing"] == why


def test_one_of_many_rows_needs_more_than_one_alone():
    null = np.linspace(0.08, 0.12, 20)
    alone = against(0.125, null, config="x")
    assert only(alone)["above_chance"] is True  # p 0.03
    others = [against(0.1, null, config=f"c{place}", model=f"m{place}") for place in range(20)]
    found = above_chance(frame_of(alone, *others))
    assert not any(found["above_chance"])
    # scores that are not main ones are a family by themselves
    side = [against(0.1, null, "disentanglement_train", metric="dci", model=f"m{place}") for place in range(20)]
    assert above_chance(frame_of(alone, *side)).set_index("metric")["above_chance"]["mig"]


def test_benjamini_and_hochberg_s_example():
    p = [
        0.0001,
        0.0004,
        0.0019,
        0.0095,
        0.0201,
        0.0278,
        0.0298,
        0.0344,
        0.0459,
        0.3240,
        0.4262,
        0.5719,
        0.6528,
        0.7590,
        1,
    ]
    assert benjamini_hochberg(p).sum() == 4  # of their 15 tests
    np.testing.assert_array_equal(benjamini_hochberg(p, 0.1), stats.false_discovery_control(p) <= 0.1)
    assert benjamini_hochberg([0.0, 0.9]).tolist() == [True, False]
    assert not benjamini_hochberg([]).size
    with pytest.raises(UserError):
        above_chance(frame_of(against(0.5, [0.1, 0.2])), share=2)


def test_p_values_of_noise_are_uniform():
    rng = np.random.default_rng(0)
    draws = rng.normal(size=(1_000, 6))
    z = (draws[:, 0] - draws[:, 1:].mean(axis=1)) / draws[:, 1:].std(axis=1, ddof=1)
    assert stats.kstest([p_of(each, 5) for each in z], "uniform").pvalue > 0.01


def network(model, value, seed=0, objective="vae", latents=10, config=None, **more):
    return {
        "model": model,
        "config": config or f"{model}{latents}",
        "seed": seed,
        "scores": {"discrete_mig": value},
        "train_config.model.model": f"@{objective}()",
        "train_config.encoder.encoder_fn": "@conv_encoder",
        "train_config.encoder.num_latent": latents,
        **more,
    }


def test_scores_stand_between_those_of_untrained_networks_and_the_best():
    rows = [
        *(network("vae", value, seed) for seed, value in enumerate([0.4, 0.6])),
        *(network("re", value, seed, "random_encoder") for seed, value in enumerate([0.0, 0.2, 0.4])),
        network("re", 0.9, 0, "random_encoder", latents=5),
        network("other", 0.4, latents=3),
        network("wide", 0.4, config="wide", **{"train_config.conv_encoder.width": 64}),
        {"model": "codes", "config": "codes", "scores": {"discrete_mig": 0.4}},
        network("vae", 0.6, dataset="elsewhere"),
        network(
            "vae",
            0.6,
            **{"postprocess_results.representation": "mean-step10", "postprocess_results.step": 10, "run": "vae0"},
        ),
    ]
    found = adjusted_random(frame_of(*rows))
    of_model = {
        (row["model"], row["config"], row["dataset"], row["representation"]): (
            row["adjusted_random"],
            None if pd.isna(row["adjusted_random_missing"]) else row["adjusted_random_missing"],
        )
        for row in found.to_dict("records")
    }
    assert of_model["vae", "vae10", "dummy_data", "mean"] == (pytest.approx((0.5 - 0.2) / 0.8), None)
    assert of_model["vae", "vae10", "dummy_data", "mean-step10"] == (pytest.approx(0.5), None)
    assert of_model["re", "re10", "dummy_data", "mean"] == (pytest.approx(0), None)
    assert of_model["re", "re5", "dummy_data", "mean"][0] == pytest.approx(0)
    none = "no random_encoder of this network was scored"
    for model, dataset in (("other", "dummy_data"), ("wide", "dummy_data"), ("vae", "elsewhere")):
        (why,) = {each for key, each in of_model.items() if (key[0], key[2]) == (model, dataset) and key[3] == "mean"}
        assert math.isnan(why[0])
        assert why[1] == none
    assert of_model["codes", "codes", "dummy_data", "mean"][1] == "no encoder of images is recorded"


def test_each_score_stands_between_them_where_a_random_encoder_was_scored():
    rows = [network("vae", 0.6, 0), network("vae", 0.4, 1), network("wide", 0.4, latents=3)]
    frame = frame_of(*rows, network("re", 0.2, 0, "random_encoder"))
    table = by_score(frame, random_ends(frame))
    assert list(table.columns)[: len(LONG) + 1] == [*LONG, "adjusted_random"]
    assert table["adjusted_random"].fillna(-1).tolist() == pytest.approx([0.5, 0.25, -1, 0])
    frame = frame_of(*rows)
    assert "adjusted_random" not in by_score(frame, random_ends(frame))

"""answer.py: the sentences on constructed rows and differences, also where little is known."""

import pytest

from dlib_bvae.leaderboard.answer import answers
from dlib_bvae.leaderboard.summary import summaries


def row(name, mean, **more):
    method = name.lower().replace(" ", "_")
    return {
        **{"id": name, "name": name, "method": method, "mean": mean, "low": mean - 0.02, "high": mean + 0.02},
        **{"interval": "t", "seeds": 5, "supervision": "none", "reference": method in ("pca", "noise"), "rank_df": 36},
        **{"budget": None if method in ("pca", "noise") else "9 steps of 8"},
        **{"above_chance": True, "evidence": "trained here", "no_null": False, "smallest_difference": {"value": 0.03}},
        **{"dataset": "dsprites", "fingerprint": "f" * 16, "num_images": 10, "origin": "rendered", "headline": True},
        **{
            "metric": "beta_vae",
            "metric_version": 1,
            "data_version": 1,
            "score": "eval_accuracy",
            "range": [0, 1],
            "higher_is_better": True,
        },
        **{"default_parameters": True, "metric_parameters": {}, "collapsed": False, "latents": None, **more},
    }


def said(rows, half=None):
    """The answer on the rows, each difference of which is known within `half` (None: none is known)."""
    matrix = lambda of: [[None if half is None or a is b else of(a["mean"] - b["mean"]) for b in rows] for a in rows]
    square = {"ids": [each["id"] for each in rows], "low": matrix(lambda gap: gap - half)}
    square |= {"high": matrix(lambda gap: gap + half), "p": matrix(lambda gap: 0.01 if abs(gap) > half else 0.5)}
    (found,) = answers({"rows": rows, "summary": summaries(rows), "differences": [square]})
    return found


def test_the_leader_is_said_with_its_noise_the_next_and_pca():
    found = said([row("A", 0.861), row("B", 0.851), row("C", 0.7), row("PCA", 0.765), row("Noise", 0.2)], half=0.02)
    assert found["lead"] == (
        "On dsprites, A leads by the β-VAE metric with 86.1 % (95 % interval 84.1 … 88.1 %, 5 seeds); "
        "1 other is within noise of it."
    )
    assert found["more"] == [
        "B is 1.0 point behind (95 % interval −1.0 … 3.0 points).",
        "With 5 seeds differences from 3.0 points on are found (80 % power).",
        "A beats PCA (76.5 %) by 9.6 points (95 % interval 7.6 … 11.6 points).",
    ]
    assert found["missing"] == ["no reference row of random encoder and oracle"]


def test_budgets_have_a_leader_each_and_sentences_say_of_which_they_are():
    rows = [row("A", 0.8), row("B", 0.9, budget="300,000 steps of 64"), row("PCA", 0.7)]
    found = answers({"rows": rows, "summary": summaries(rows), "differences": []})
    assert [each["budget"] for each in found] == ["9 steps of 8", "300,000 steps of 64"]
    assert found[0]["lead"].startswith("On dsprites after 9 steps of 8, A leads by the β-VAE metric with 80.0 %")
    assert found[1]["lead"].startswith("On dsprites after 300,000 steps of 64, B leads by the β-VAE metric with 90.0 %")
    assert all("PCA (70.0 %)" in each["more"][-1] for each in found)


@pytest.mark.parametrize(
    ("pca", "sentence"),
    [
        (
            0.85,
            "A does not beat PCA (85.0 %): the difference of 1.1 points is within noise (95 % interval −0.9 … 3.1 points).",
        ),
        (0.9, "A does not beat PCA (90.0 %), which is 3.9 points better (95 % interval −5.9 … −1.9 points)."),
    ],
)
def test_what_does_not_beat_pca_is_said_not_to(pca, sentence):
    found = said([row("A", 0.861), row("PCA", pca)], half=0.02)
    assert found["lead"].endswith("5 seeds), the only one.")
    assert found["more"][-1] == sentence


def test_a_leader_whose_latents_collapsed_is_said_to_have():
    leader = row("A", 0.9, collapsed=True, latents="collapsed: 1–2 of 10 latents active")
    found = said([leader, row("PCA", 0.8, above_chance=False)], half=0.02)
    assert found["more"] == [
        "In some of its runs latents collapsed (1–2 of 10 latents active).",
        "PCA (80.0 %) is not above chance.",
    ]


def test_a_lead_over_all_others_is_called_that():
    assert said([row("A", 0.9), row("B", 0.8)], half=0.02)["lead"].endswith("), more than noise ahead of all others.")


def test_where_others_are_ranked_few_seeds_do_not_lead_and_what_is_better_of_them_is_said():
    one = {"seeds": 1, "interval": None, "smallest_difference": {"value": None}}
    ranked = [row("A", 0.9), row("B", 0.8), row("PCA", 0.5)]
    found = said([row("X", 0.95, **one), row("Y", 0.4, **one), *ranked], half=0.02)
    assert found["lead"].startswith("On dsprites, A leads by the β-VAE metric with 90.0 % (95 % interval")
    assert found["lead"].endswith(", more than noise ahead of all others.")
    assert found["more"][0].startswith("B is 10.0 points behind")
    assert found["more"][2:] == [
        "X with 95.0 % is not ranked, as it has fewer than 3 seeds.",
        "A beats PCA (50.0 %) by 40.0 points (95 % interval 38.0 … 42.0 points).",
    ]
    assert "2 configurations have fewer than 3 seeds, so no rank" in found["missing"]
    several = said([row("X", 0.95, **one), row("Z", 0.97, **one), *ranked], half=0.02)
    assert several["more"][2] == (
        "2 configurations with better means, first Z with 97.0 %, are not ranked, as they have fewer than 3 seeds."
    )


def test_lower_is_better_turns_differences():
    of = {"metric": "reconstruction_error", "score": "squared_error", "range": [0, None], "higher_is_better": False}
    found = said([row("A", 20.0, **of), row("B", 25.0, **of), row("PCA", 56.1, **of)], half=2.0)
    assert found["lead"].startswith("On dsprites, A leads by reconstruction error (lower is better) with 20 (")
    assert found["more"][0] == "B is 5 behind (95 % interval 3 … 7)."
    assert found["more"][-1] == "A beats PCA (56.1) by 36.1 (95 % interval 34.1 … 38.1)."


def test_what_was_not_recorded_is_said_in_words():
    few = {"seeds": 2, "interval": "range", "no_null": True, "above_chance": None, "rank_df": 3}
    few["smallest_difference"] = {"value": None}
    found = said([row("A", 0.8, **few), row("B", 0.7, **few), row("C", 0.6, **{**few, "seeds": 5, "interval": "t"})])
    assert found["lead"] == (
        "On dsprites, A leads by the β-VAE metric with 80.0 % (range of 2 seeds 78.0 … 82.0 %; too few for an interval); "
        "whether that lead is more than noise is not known."
    )
    assert found["more"] == ["B is 10.0 points behind."]
    assert found["missing"] == [
        "no PCA is scored, so whether the leader beats it is not known",
        "no reference row of noise, random encoder and oracle",
        "no nulls are recorded, so whether scores are above chance is not known",
        "2 configurations have fewer than 3 seeds, so no rank",
        "the seeds give 3 degrees of freedom, fewer than 20, so nothing is ranked",
    ]
    found = said([row("A", 0.8, **few), row("PCA", 0.85)])
    assert found["more"] == ["A is 5.0 points worse than PCA (85.0 %); whether that is more than noise is not known."]
    assert "1 configuration has fewer than 3 seeds, so no rank" in found["missing"]
    assert said([row("A", 0.8, seeds=1, interval=None)])["lead"].endswith(
        "80.0 % (one seed, so no interval), the only one."
    )


def test_what_is_not_above_chance_or_only_claimed_does_not_lead_and_supervisions_stand_apart():
    rows = [
        row("A", 0.9, above_chance=False),
        row("B", 0.8),
        row("C", 0.95, evidence="claimed"),
        row("D", 0.99, supervision="pairs"),
        row("E", 0.97, supervision="odd", above_chance=False),
    ]
    found = said(rows, half=0.02)
    assert found["lead"].startswith("On dsprites, B leads")
    assert found["more"][-2:] == [
        "Of supervision odd, nothing scores above chance.",
        "Of methods that learn from pairs of images, D leads with 99.0 % (95 % interval 97.0 … 101.0 %, 5 seeds).",
    ]
    nothing = said([row("A", 0.2, above_chance=False)])
    assert nothing["lead"] == "On dsprites nothing scores above chance by the β-VAE metric."
    assert said([row("PCA", 0.7)])["lead"] == "On dsprites only reference rows are scored by the β-VAE metric."
    alone = said([row("D", 0.9, supervision="pairs")])
    assert alone["lead"].startswith(
        "On dsprites, of methods that learn from pairs of images, D leads by the β-VAE metric"
    )

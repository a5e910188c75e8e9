"""scores.py: the text of a metric's scores."""

import json

from dlib_bvae.metrics.scores import Scores


def test_a_line_a_score():
    text = repr(Scores({"mig": 0.25, "gap": None, "missing_scores": {"gap": "no factor"}, "matrix": [[1.0]]}))
    assert text.splitlines() == ["mig  0.25", "gap  no value: no factor", "and missing_scores, matrix"]


def test_chance_stands_beside_the_score():
    null = {"a": {"n": 20, "mean": 0.1, "std": 0.01, "adjusted": 0.5}, "b": {"n": 1, "mean": 0.2, "std": None}}
    text = repr(Scores({"a": 0.55, "b": 0.3, "null": null}))
    assert text.splitlines()[:2] == ["a  0.55  (chance 0.1 ± 0.01, adjusted 0.5)", "b  0.3  (chance 0.2)"]


def test_it_is_a_dictionary_of_json_values():
    scores = Scores({"mig": 0.5})
    assert scores == {"mig": 0.5}
    assert json.loads(json.dumps(scores)) == scores
    assert repr(Scores()) == "{}"

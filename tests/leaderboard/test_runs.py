"""runs.py: values as gin text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlib_bvae.artifacts import config_dict
from dlib_bvae.leaderboard.runs import gin_text, shared_and_own

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20).filter(lambda text: text[:1] not in "@%")
PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS
VALUES = st.recursive(PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3))


@given(VALUES)
def test_gin_reads_a_value_as_it_was_in_one_line(value):
    text = f"model.parameter = {gin_text(value)}"
    assert text.splitlines() == [text]
    assert config_dict(text) == {"model.parameter": value}


@pytest.mark.parametrize("value", ["@vae()", "@train/encoder", "%beta", ["@vae()", "%beta", "text"]])
def test_references_stay_references(value):
    assert config_dict(f"model.parameter = {gin_text(value)}") == {"model.parameter": value}


def test_what_is_shared_stands_once():
    every = [{"a": "1", "b": "2"}, {"a": "1", "b": "3"}, {"a": "1", "c": "4"}]
    assert shared_and_own(every) == ({"a": "1"}, [{"b": "2"}, {"b": "3"}, {"c": "4"}])
    assert shared_and_own([{"a": "1"}]) == ({"a": "1"}, [{}])

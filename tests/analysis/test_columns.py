"""columns.py: rows come back as columns, however they were mixed."""

import json

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from dlib_bvae.analysis.columns import Columns

VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=3),
    st.lists(st.integers(), max_size=2),
)
ROWS = st.lists(st.dictionaries(st.sampled_from("abcd"), VALUES), max_size=12)


def columns_of(rows):
    columns = Columns()
    for row in rows:
        columns.add(row)
    return columns.arrays()


def plainly(values):
    """The same, column by column, as pandas makes it of a list."""
    kinds = {type(value) for value in values if value is not None}
    fits = all(abs(value) < 2**63 for value in values if isinstance(value, (int, float)) and int in kinds)
    if kinds == {bool}:
        return pd.Series(values, dtype="boolean")
    if kinds == {int} and fits:
        return pd.Series(values, dtype="Int64")
    if kinds and kinds <= {int, float} and fits:
        return pd.Series(values, dtype="Float64")
    if not kinds <= {str}:
        values = [None if value is None else json.dumps(value, ensure_ascii=False) for value in values]
    return pd.Series(values, dtype="string")


@settings(deadline=None, max_examples=200)
@given(ROWS)
def test_columns_are_those_of_pandas(rows):
    found = columns_of(rows)
    assert list(found) == list(dict.fromkeys(name for row in rows for name in row))
    for name, array in found.items():
        pd.testing.assert_series_equal(pd.Series(array), plainly([row.get(name) for row in rows]))


def test_many_rows_of_several_shapes_keep_their_places():
    rows = [{"a": place, "b": f"t{place % 3}"} if place % 2 else {"a": place, "c": [place]} for place in range(2_500)]
    found = columns_of(rows)
    assert found["a"].tolist() == list(range(2_500))
    assert found["b"][1] == "t1"
    assert pd.isna(found["b"][0])
    assert found["c"][2_498] == "[2498]"


def test_equal_texts_are_kept_once():
    texts = ["".join(["same", " text"]) for _ in range(600)]
    columns = Columns()
    for text in texts:
        columns.add({"a": text})
    (part,) = columns._parts["a"]
    assert len({id(text) for text in part[1]}) == 1


def test_equal_lists_are_one_text():
    columns = Columns()
    for _ in range(600):
        columns.add({"a": [1, "x"]})
    (part,) = columns._parts["a"]
    assert len({id(text) for text in part[1]}) == 1
    assert columns.arrays()["a"].tolist() == ['[1, "x"]'] * 600

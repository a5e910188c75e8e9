"""Takes rows of JSON values, hands on pandas arrays: a column an entry, of one type each."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

_WAITING = 512  # rows with the same names that are turned into columns together


class _Json(str):
    """The JSON text of a list or dictionary."""

    __slots__ = ()


class Columns:
    """Rows {name: JSON value}, kept by column: only the values that are there, and equal texts once."""

    def __init__(self) -> None:
        self._rows = 0
        self._names: dict[str, None] = {}
        self._waiting: dict[tuple[str, ...], tuple[list[int], list[tuple]]] = {}
        self._parts: dict[str, list[tuple[np.ndarray, Any, set[type]]]] = {}
        self._texts: dict[str, str] = {}

    def add(self, row: dict[str, Any]) -> None:
        """Adds a row below the others."""
        names = tuple(row)
        if names not in self._waiting:
            self._waiting[names] = [], []
            self._names |= dict.fromkeys(names)
        places, values = self._waiting[names]
        places.append(self._rows)
        values.append(tuple(row.values()))
        self._rows += 1
        if len(places) == _WAITING:
            self._settle(names)

    def arrays(self) -> dict[str, Any]:
        """Name → array of pandas with one value a row, by the order of names in the rows; the rows are gone afterwards.

        Integers stay integers where others are missing; lists, and anything in a column of several types, become JSON text.
        """
        for names in self._waiting:
            self._settle(names)
        return {name: _array(self._parts.pop(name, []), self._rows) for name in self._names}

    def _settle(self, names: tuple[str, ...]) -> None:
        """Turns the waiting rows with these names into parts of columns."""
        places, rows = self._waiting[names]
        where = np.array(places, np.int64)
        for name, column in zip(names, zip(*rows, strict=True), strict=False):
            values: Any = column
            here, kinds = where, set(map(type, values))
            if type(None) in kinds:
                here = where[[value is not None for value in values]]
                values = [value for value in values if value is not None]
                kinds.discard(type(None))
            if kinds == {float}:
                values = np.array(values, np.float64)
            elif kinds == {str}:
                values = list(map(self._texts.setdefault, values, values))
            elif list in kinds or dict in kinds:
                values, kinds = [self._shared(value) for value in values], kinds - {list, dict} | {_Json}
            if kinds:
                self._parts.setdefault(name, []).append((here, values, kinds))
        places.clear()
        rows.clear()

    def _shared(self, value: Any) -> Any:
        if not isinstance(value, (list, dict)):
            return value
        text = _Json(json.dumps(value, ensure_ascii=False))
        return self._texts.setdefault("json:" + text, text)


def _array(parts: list[tuple[np.ndarray, Any, set[type]]], rows: int) -> Any:
    """A column of one type from its parts: (places, values, their types)."""
    import pandas as pd

    kinds: set[type] = set().union(*(kinds for _, _, kinds in parts))
    missing = np.ones(rows, bool)
    for places, _, _ in parts:
        missing[places] = False
    if kinds == {bool}:
        return pd.arrays.BooleanArray(_filled(parts, np.zeros(rows, bool)), missing)
    if kinds and kinds <= {int, float} and (int not in kinds or _fit(parts)):
        if kinds == {int}:
            return pd.arrays.IntegerArray(_filled(parts, np.zeros(rows, np.int64)), missing)
        numbers = _filled(parts, np.zeros(rows, np.float64))
        return pd.arrays.FloatingArray(numbers, missing | np.isnan(numbers))
    if not kinds <= {str}:
        parts = [(places, [_text(value) for value in _listed(values)], kinds) for places, values, kinds in parts]
    return pd.array(_filled(parts, np.full(rows, None, object)), dtype="string")


def _filled(parts: list[tuple[np.ndarray, Any, set[type]]], array: np.ndarray) -> np.ndarray:
    for places, values, _ in parts:
        array[places] = values
    return array


def _fit(parts: list[tuple[np.ndarray, Any, set[type]]]) -> bool:
    """Whether 64 bits hold all numbers."""
    return all(max(map(abs, values)) < 2**63 for _, values, _ in parts)


def _listed(values: Any) -> list[Any]:
    return values.tolist() if isinstance(values, np.ndarray) else list(values)


def _text(value: Any) -> str:
    return str(value) if type(value) is _Json else json.dumps(value, ensure_ascii=False)

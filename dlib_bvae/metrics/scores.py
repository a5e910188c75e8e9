"""Scores: what a metric returns, a dictionary that shows its scores with what chance gives."""

from __future__ import annotations

from typing import Any

from dlib_bvae.metrics.score_info import MISSING

_NULL = "null"
_WIDEST = 100  # characters of an entry that is no score


class Scores(dict[str, Any]):
    """{name: value} of a metric's result, as JSON values; its text has a line a score, with its null where that was scored."""

    def __repr__(self) -> str:
        missing = self.get(MISSING, {})
        known = self.get("score_names") or [
            key for key, value in self.items() if key in missing or type(value) in (int, float)
        ]
        width = max(map(len, known), default=0)
        lines = [f"{name:{width}}  {self._shown(name)}" for name in known]
        more = [key for key in self if key not in known]
        if more:
            text = ", ".join(more)
            lines.append(f"and {text if len(text) <= _WIDEST else text[:_WIDEST] + ' …'}")
        return "\n".join(lines) or "{}"

    def _shown(self, name: str) -> str:
        value = self.get(name)
        if value is None:
            return f"no value: {self.get(MISSING, {}).get(name, 'not known')}"
        null = self.get(_NULL, {}).get(name, {})
        if null.get("mean") is None:
            return f"{value:.4g}"
        spread = "" if null.get("std") is None else f" ± {null['std']:.2g}"
        adjusted = "" if null.get("adjusted") is None else f", adjusted {null['adjusted']:.4g}"
        return f"{value:.4g}  (chance {null['mean']:.4g}{spread}{adjusted})"

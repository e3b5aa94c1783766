"""Figures of record quality."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go
import polars as pl

from salesiq.figures.theme import ACCENT, ACT, ACT_BAND, BAND, INK, dot, figure, line, numbered, safe
from salesiq.i18n import Language, text
from salesiq.i18n import numbers as num

__all__ = ["is_below", "rep_scores"]


def rep_scores(frame: pl.DataFrame, lang: Language = "zh") -> go.Figure:
    """Draw `quality.rep_scores`, lowest first: the shrunk score with its 95 % interval; the line is the company's mean.

    Red: the whole interval lies below the company's mean, so that chance does not explain it.
    """
    rows = frame.to_dicts()
    marks = [mark for n, row in enumerate(rows) for mark in _rep(n, row, lang)]
    company = rows[0]["company_score"] if rows else 0.0
    return figure(
        [line([company, company], [-0.5, len(rows) - 0.5], INK, 1), *marks],
        height=40 + 19 * max(len(rows), 1),
        xaxis={"range": [0, 100], "nticks": 6},
        yaxis={**numbered([row["rep_name"] or row["rep_id"] for row in rows], 16), "tickfont": {"size": 12}},
        margin={"l": 4, "r": 16, "t": 6, "b": 28},
    )


def is_below(row: dict[str, Any]) -> bool:
    """Return whether the whole interval lies below the company's mean."""
    return row["high"] is not None and bool(row["high"] < row["company_score"])


def _rep(n: int, row: dict[str, Any], lang: Language) -> list[Any]:
    is_act = is_below(row)
    facts = {name: _score(row[name]) for name in ("shrunk_score", "low", "high", "mean_score")}
    words = text("figures.rep_score_hover", lang, n=num.count(row["n_records"], lang), **facts)
    marks = []
    if row["low"] is not None:
        marks.append(line([row["low"], row["high"]], [n, n], ACT_BAND if is_act else BAND, 8))
    hover = f"{safe(row['rep_name'] or row['rep_id'])}<br>{safe(words)}"
    return [*marks, dot(row["shrunk_score"], n, hover, size=8, color=ACT if is_act else ACCENT)]


def _score(value: float | None) -> str:
    return "—" if value is None else f"{value:.0f}"

"""Figures of the forecast."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go
import polars as pl

from salesiq.figures.theme import ACCENT, BAND, GREY, dot, figure, line, safe
from salesiq.i18n import Language, text
from salesiq.i18n import numbers as num

__all__ = ["reliability"]


def reliability(bins: pl.DataFrame, lang: Language = "zh") -> go.Figure:
    """Draw the `bins` of a reliability statement: what was said against what came true, with 95 % intervals.

    On the diagonal, probabilities came true as said.
    """
    rows = bins.to_dicts()
    edge = min(1.0, 1.15 * max([0.2, *(max(row["mean_probability"], row["won_share_high"]) for row in rows)]))
    marks = [mark for row in rows for mark in _bin(row, lang)]
    percent = {"range": [0, edge], "tickformat": ".0%", "nticks": 5}
    return figure(
        [line([0, edge], [0, edge], GREY, 1), *marks],
        height=260,
        xaxis={**percent, "title": {"text": text("figures.said", lang), "font": {"size": 12, "color": GREY}}},
        yaxis={**percent, "showgrid": True, "gridcolor": "#eceef1", "tickfont": {"size": 12, "color": GREY}, "title": {"text": text("figures.came_true", lang), "font": {"size": 12, "color": GREY}}},
        margin={"l": 4, "r": 16, "t": 8, "b": 36},
    )


def _bin(row: dict[str, Any], lang: Language) -> list[go.Scatter]:
    x = row["mean_probability"]
    words = text(
        "figures.bin_hover",
        lang,
        said=num.share(x, lang),
        won=num.share(row["won_share"], lang),
        n_won=num.count(row["n_won"], lang),
        n=num.count(row["n"], lang),
    )
    interval = line([x, x], [row["won_share_low"], row["won_share_high"]], BAND, 8)
    return [interval, dot(x, row["won_share"], safe(words), size=9, color=ACCENT)]

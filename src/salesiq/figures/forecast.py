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

    Across: the probability that was given; up: the share that was won. On the diagonal, probabilities came true as said.
    """
    rows = bins.to_dicts()
    edge = min(1.0, 1.15 * max([0.2, *(max(row["mean_probability"], row["won_share_high"]) for row in rows)]))
    marks = [mark for row in rows for mark in _bin(row, lang)]
    ticks = [k * (0.25 if edge > 0.5 else 0.1) for k in range(11) if k * (0.25 if edge > 0.5 else 0.1) <= edge]
    percent = {"range": [-0.02 * edge, edge * 1.04], "tickvals": ticks, "ticktext": [num.share(tick, lang) for tick in ticks]}
    return figure(
        [line([0, edge], [0, edge], GREY, 1), *marks],
        height=240,
        xaxis={**percent},
        yaxis={
            **percent,
            "ticktext": ["", *percent["ticktext"][1:]],
            "showgrid": True,
            "gridcolor": "#eceef1",
            "tickfont": {"size": 12, "color": GREY},
        },
        margin={"l": 4, "r": 16, "t": 12, "b": 28},
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

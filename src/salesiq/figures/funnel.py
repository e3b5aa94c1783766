"""Figures of the funnel."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go
import polars as pl

from salesiq.figures.funnel_cohorts import conversion, exits, win_rate
from salesiq.figures.funnel_teams import decompose, velocity, win_limits
from salesiq.figures.theme import ACCENT, ACT, ACT_BAND, BAND, GREY, INK, dot, figure, legend_mark, line, numbered, safe
from salesiq.i18n import Language, text
from salesiq.i18n import numbers as num

__all__ = ["conversion", "decompose", "dwell", "exits", "is_slow", "velocity", "win_limits", "win_rate"]


def dwell(frame: pl.DataFrame, lang: Language = "zh") -> go.Figure:
    """Draw `funnel.dwell`: the median stay of each stage with its 95 % interval, the mean with the naive one as a hollow mark.

    A column `standard_days`, where there is one, is drawn as a short line; a stage whose whole interval lies above it
    is red. An interval without an upper end runs to the edge of the figure. A median that was not reached has no dot.
    """
    rows = frame.with_row_index("row").to_dicts()
    edge = _edge(frame)
    traces = [mark for row in rows for mark in _stage(row, edge, lang)]
    legend = [
        legend_mark(text("figures.median", lang), color=ACCENT, size=9),
        legend_mark(text("figures.all_mean", lang), symbol="diamond", color=GREY, size=8),
        legend_mark(
            text("figures.naive_mean", lang), symbol="diamond", color="white", size=8, line={"color": GREY, "width": 1.5}
        ),
    ]
    if "standard_days" in frame.columns:
        legend.append(
            legend_mark(text("figures.standard_days", lang), symbol="line-ns", size=12, line={"color": INK, "width": 2})
        )
    return figure(
        [*traces, *legend],
        height=70 + 44 * max(frame.height, 1),
        showlegend=True,
        xaxis={"range": [0, edge], "ticksuffix": " " + text("figures.days_suffix", lang), "nticks": 6},
        yaxis=numbered([row["stage"] for row in rows], 16),
    )


def _edge(frame: pl.DataFrame) -> float:
    names = [
        name
        for name in ("median_days", "median_high_days", "mean_days", "naive_mean_days", "standard_days")
        if name in frame.columns
    ]
    largest = max((value for name in names for value in frame.get_column(name).drop_nulls().to_list()), default=1.0)
    return float(largest) * 1.12


def is_slow(row: dict[str, Any]) -> bool:
    """Return whether a stage surely takes longer than the company allows: the whole interval lies above the standard."""
    standard, low = row.get("standard_days"), row.get("median_low_days")
    return standard is not None and low is not None and low > standard


def _stage(row: dict[str, Any], edge: float, lang: Language) -> list[go.Scatter]:
    here, colour = row["row"], ACT if is_slow(row) else ACCENT
    hover = safe(row["stage"]) + "<br>" + safe(_words(row, lang))
    marks = []
    if row["median_low_days"] is not None:
        high = edge if row["median_high_days"] is None else row["median_high_days"]
        marks.append(line([row["median_low_days"], high], [here, here], ACT_BAND if colour == ACT else BAND, 11))
    if row.get("standard_days") is not None:
        marks.append(line([row["standard_days"]] * 2, [here - 0.3, here + 0.3], INK, 2))
    if row["naive_mean_days"] is not None:
        marks += _bias(row["naive_mean_days"], row["mean_days"], here, hover)
    if row["median_days"] is not None:
        marks.append(dot(row["median_days"], here, hover, size=10, color=colour))
    return marks


def _bias(naive: float, mean: float, here: float, hover: str) -> list[go.Scatter]:
    """Return the mean of all stays, the mean of the finished ones as a hollow mark, and the gap between them."""
    return [
        line([naive, mean], [here, here], GREY, 1),
        dot(mean, here, hover, size=8, symbol="diamond", color=GREY),
        dot(naive, here, hover, size=8, symbol="diamond", color="white", line={"color": GREY, "width": 1.5}),
    ]


def _words(row: dict[str, Any], lang: Language) -> str:
    return text(
        "figures.dwell_hover",
        lang,
        median=num.days(row["median_days"], lang),
        low=num.days(row["median_low_days"], lang),
        high=num.days(row["median_high_days"], lang),
        mean=num.days(row["mean_days"], lang),
        naive=num.days(row["naive_mean_days"], lang),
        n=num.count(row["n_visits"], lang),
        n_open=num.count(row["n_open"], lang),
    )

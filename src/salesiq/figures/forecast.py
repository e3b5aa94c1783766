"""Figures of the forecast."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go
import polars as pl

from salesiq.figures.theme import ACCENT, BAND, GREY, dot, figure, line, numbered, safe
from salesiq.i18n import Language, text
from salesiq.i18n import numbers as num

__all__ = ["reliability", "skill"]


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


def skill(cuts: pl.DataFrame, lang: Language = "zh") -> go.Figure:
    """Draw the `cuts` of a reliability statement: skill against the base rate with its 95 % interval, one row a part.

    Right of 0 the probabilities were better than the base rate. Parts with too few forecasts are left out.
    """
    rows = cuts.filter(pl.col("skill").is_not_null()).to_dicts()
    names = [f"{text('model_card.cut_' + row['cut'], lang)} · {_part(row, lang)}" for row in rows]
    marks = [mark for at, row in enumerate(rows) for mark in _skill(row, at, lang)]
    ends = [0.0, *(row["skill_low"] for row in rows), *(row["skill_high"] for row in rows)]
    low, high = max(min(ends), -1.0), max(*ends, 0.1)
    ticks = [tick / 100 for tick in range(-100, 101, 20) if low - 0.05 <= tick / 100 <= high + 0.05]
    axis = {"range": [low - 0.05, high + 0.05], "tickvals": ticks, "ticktext": [num.share(tick, lang) for tick in ticks]}
    return figure(
        [line([0, 0], [-0.5, len(rows) - 0.5], GREY, 1), *marks],
        height=60 + 24 * max(len(rows), 1),
        xaxis=axis,
        yaxis=numbered(names, 30),
        margin={"l": 4, "r": 16, "t": 12, "b": 28},
    )


def _part(row: dict[str, Any], lang: Language) -> str:
    if row["cut"] == "horizon":
        return num.days(float(row["value"]), lang)
    return text(f"model_card.life_{row['value']}", lang) if row["cut"] == "life" else str(row["value"])


def _skill(row: dict[str, Any], at: int, lang: Language) -> list[go.Scatter]:
    said, low, high = (num.share(row[name], lang, 1) for name in ("skill", "skill_low", "skill_high"))
    words = f"{said} ({low} … {high})"
    colour = ACCENT if row["skill_low"] > 0 else GREY
    interval = line([row["skill_low"], row["skill_high"]], [at, at], BAND, 8)
    return [interval, dot(row["skill"], at, safe(words), size=9, color=colour)]

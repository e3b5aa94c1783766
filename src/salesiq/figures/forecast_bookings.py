"""Figure of bookings: what is signed, and where the period will end, unit by unit."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go
import polars as pl

from salesiq.figures.theme import ACCENT, BAND, GREY, INK, PALE, amount_ticks, dot, figure, legend_mark, line, numbered, safe
from salesiq.i18n import Language, text
from salesiq.i18n import numbers as num

__all__ = ["bookings"]

_ROW = 34


def bookings(frame: pl.DataFrame, lang: Language = "zh") -> go.Figure:
    """Draw `forecast.bookings`: one row a node, in the order of the frame, named by its column `label`.

    The grey bar is what is booked, the dot what is expected; the strong band holds half of the simulated futures, the pale
    one 80 %, the thin line 95 %. The upright mark is last year's same days, where the book reaches back so far.
    """
    rows = frame.to_dicts()
    edge = max([1.0, *(float(row[name] or 0) for row in rows for name in ("high_95_amount", "last_year_amount"))])
    marks = [mark for place, row in enumerate(rows) for mark in _row(place, row, lang)]
    return figure(
        [*marks, *_legend(rows, lang)],
        height=_ROW * max(len(rows), 1) + 80,
        showlegend=True,
        xaxis={**amount_ticks(0, edge, lang), "range": [0, edge * 1.04], "showgrid": True},
        yaxis=numbered([row["label"] for row in rows], 18),
        margin={"l": 4, "r": 16, "t": 30, "b": 28},
    )


def _row(place: int, row: dict[str, Any], lang: Language) -> list[go.Scatter | go.Bar]:
    low, high = ({band: float(row[f"{side}_{band}_amount"]) for band in (50, 80, 95)} for side in ("low", "high"))
    found = [
        go.Bar(
            x=[float(row["booked_amount"])], y=[place], orientation="h", width=0.5, marker={"color": PALE},
            hoverinfo="skip", showlegend=False,
        ),
        line([low[95], high[95]], [place, place], ACCENT, 1),
        line([low[80], high[80]], [place, place], BAND, 12),
        line([low[50], high[50]], [place, place], BAND, 12),
    ]  # fmt: skip
    if row["last_year_amount"] is not None:
        before = float(row["last_year_amount"])
        found.append(line([before, before], [place - 0.32, place + 0.32], INK, 2))
    return [*found, dot(float(row["expected_amount"]), place, safe(_words(row, lang)), size=8, color=ACCENT)]


def _words(row: dict[str, Any], lang: Language) -> str:
    named = ("expected", "low_80", "high_80", "booked", "open", "new")
    return text("bookings.hover", lang, name=row["label"], **{name: num.amount(row[f"{name}_amount"], lang) for name in named})


def _legend(rows: list[dict[str, Any]], lang: Language) -> list[go.Scatter]:
    marks = [
        ("legend_booked", {"color": PALE, "symbol": "square", "size": 11}),
        ("legend_expected", {"color": ACCENT, "size": 8}),
        ("legend_band", {"color": BAND, "symbol": "square", "size": 11}),
    ]
    if any(row["last_year_amount"] is not None for row in rows):
        marks.append(("legend_last_year", {"color": INK, "symbol": "line-ns", "size": 10, "line": {"width": 2, "color": GREY}}))
    return [legend_mark(text(f"bookings.{name}", lang), **marker) for name, marker in marks]

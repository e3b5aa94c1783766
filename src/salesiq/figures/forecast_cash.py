"""Figure of the money to come."""

from __future__ import annotations

import datetime as dt
from typing import Any

import plotly.graph_objects as go
import polars as pl

from salesiq.figures.theme import ACCENT, BAND, GREY, INK, PALE, amount_ticks, figure, safe
from salesiq.i18n import Language, text
from salesiq.i18n import numbers as num

__all__ = ["cash_in"]

#: blue is money that somebody owes or has signed for, grey what is only hoped for
COLOURS = {"open_invoices": ACCENT, "won_deals": BAND, "future_wins": PALE}
_MOST_NAMED = 6  # periods that fit side by side with both their days


def cash_in(rows: pl.DataFrame, lang: Language = "zh") -> go.Figure:
    """Draw `forecast.cash_in` of one group: a bar a period, stacked by source, and the 80 % band of the total as a line.

    What is surest stands at the bottom: invoices, then what was won, then what may be won. Amounts are in the rows' currency.
    """
    totals = rows.filter(pl.col("source") == "total").sort("start_on").to_dicts()
    # both days, in two lines: side by side they would lie over each other on a phone
    named = [
        span_name(row["start_on"], row["end_on"] if len(totals) <= _MOST_NAMED else None).replace(" – ", "<br>– ")
        for row in totals
    ]
    bars = [_bar(rows, source, colour, lang) for source, colour in COLOURS.items() if source in rows["source"]]
    top = max((float(row["high_80_amount"]) for row in totals), default=0.0)
    places = list(range(len(totals)))
    money_axis = {"range": [0, 1.06 * max(top, 1.0)], "showgrid": True, "gridcolor": "#eceef1"}
    return figure(
        [*bars, *([_band(totals, lang)] if totals else [])],
        height=296,
        barmode="stack",
        bargap=0.45,
        showlegend=True,
        xaxis={"tickvals": places, "ticktext": named, "showgrid": False, "range": [-0.6, len(totals) - 0.4]},
        yaxis={**money_axis, **amount_ticks(0, max(top, 1.0), lang), "tickfont": {"size": 12, "color": GREY}},
        margin={"l": 4, "r": 16, "t": 34, "b": 44},
    )


def span_name(start_on: dt.date, end_on: dt.date | None) -> str:
    """Return the first and last day of a half-open period; the first alone where no end is given.

    >>> span_name(dt.date(2026, 7, 1), dt.date(2026, 8, 1))
    '07-01 – 07-31'
    """
    if end_on is None:
        return f"{start_on:%m-%d}"
    return f"{start_on:%m-%d} – {end_on - dt.timedelta(days=1):%m-%d}"


def _bar(rows: pl.DataFrame, source: str, colour: str, lang: Language) -> go.Bar:
    mine = rows.filter(pl.col("source") == source).sort("start_on").to_dicts()
    name = safe(text(f"figures.cash_{source}", lang))
    return go.Bar(
        x=list(range(len(mine))),
        y=[float(row["expected_amount"]) for row in mine],
        name=name,
        marker={"color": colour},
        hovertext=[_hover(row, name, lang) for row in mine],
        hoverinfo="text",
    )


def _band(totals: list[dict[str, Any]], lang: Language) -> go.Scatter:
    middle = [float(row["expected_amount"]) for row in totals]
    name = safe(text("figures.cash_total", lang))
    return go.Scatter(
        x=list(range(len(totals))),
        y=middle,
        mode="markers",
        name=safe(text("figures.cash_band", lang)),
        marker={"color": INK, "size": 5},
        error_y={
            "type": "data",
            "symmetric": False,
            "array": [float(row["high_80_amount"]) - at for row, at in zip(totals, middle, strict=True)],
            "arrayminus": [at - float(row["low_80_amount"]) for row, at in zip(totals, middle, strict=True)],
            "color": INK,
            "thickness": 1.5,
            "width": 5,
        },
        hovertext=[_hover(row, name, lang) for row in totals],
        hoverinfo="text",
    )


def _hover(row: dict[str, Any], name: str, lang: Language) -> str:
    words = text(
        "figures.cash_hover",
        lang,
        period=span_name(row["start_on"], row["end_on"]),
        source=name,
        amount=num.amount(row["expected_amount"], lang),
        low=num.amount(row["low_80_amount"], lang),
        high=num.amount(row["high_80_amount"], lang),
    )
    return safe(words)

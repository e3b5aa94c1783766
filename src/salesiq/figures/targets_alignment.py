"""Figures of the alignment meeting: what backs each target, why children carry less, what a proposal changes."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go
import polars as pl

from salesiq.figures.bridge import Step, bridge
from salesiq.figures.theme import (
    ACCENT,
    ACT,
    ACT_BAND,
    BAND,
    GREY,
    INK,
    PALE,
    amount_ticks,
    dot,
    figure,
    legend_mark,
    line,
    numbered,
    safe,
)
from salesiq.i18n import Language, text
from salesiq.i18n import numbers as num

__all__ = ["allocation", "coverage", "decay_parts"]

_BUCKETS = {"done_amount": INK, "planned_amount": ACCENT, "unplanned_amount": BAND, "uncovered_amount": ACT_BAND}


def coverage(frame: pl.DataFrame, lang: Language = "zh") -> go.Figure:
    """Draw `targets.coverage`, one bar a row, its target being the whole: done, open with a next step, open without, nothing.

    Rows without buckets or with a target of zero are left out.
    """
    rows = frame.filter(pl.col("done_amount").is_not_null() & (pl.col("target_amount") > 0)).to_dicts()
    bars = [_bar(rows, name, colour, lang) for name, colour in _BUCKETS.items()]
    ticks = [0.0, 0.25, 0.5, 0.75, 1.0]
    return figure(
        bars,
        height=66 + 24 * max(len(rows), 1),
        barmode="stack",
        showlegend=True,
        legend={"traceorder": "normal"},
        margin={"l": 4, "r": 16, "t": 30, "b": 28},
        xaxis={"range": [0, 1.005], "tickvals": ticks, "ticktext": [num.share(tick, lang) for tick in ticks]},
        yaxis=numbered([row["name"] or row["rep_id"] or row["unit_id"] for row in rows], 16),
    )


def _bar(rows: list[dict[str, Any]], name: str, colour: str, lang: Language) -> go.Bar:
    bucket = text(f"alignment.{name}", lang)
    words = [
        f"{safe(row['name'] or row['rep_id'] or row['unit_id'])}<br>{safe(bucket)} {safe(num.amount(row[name], lang))} / "
        f"{safe(num.amount(row['target_amount'], lang))}"
        for row in rows
    ]
    return go.Bar(
        orientation="h",
        name=safe(bucket),
        y=list(range(len(rows))),
        x=[float(row[name] / row["target_amount"]) for row in rows],
        width=0.62,
        marker={"color": colour},
        hovertext=words,
        hoverinfo="text",
    )


def decay_parts(frame: pl.DataFrame, lang: Language = "zh") -> go.Figure:
    """Draw the whole tree of `targets.decay_parts` (one plan): from the top's target to what the sheets carry, part by part."""
    rows = frame.filter((pl.col("level") == "overall") & pl.col("part").is_not_null()).sort("part_amount").to_dicts()
    whole = frame.filter(pl.col("level") == "overall").row(0, named=True)
    steps = [Step(text("figures.decay_top", lang), float(whole["amount"]), num.amount(whole["amount"], lang), is_state=True)]
    steps += [
        Step(
            text(f"targets.{row['part']}", lang),
            float(row["part_amount"]),
            num.signed_amount(row["part_amount"], lang),
            is_act=row["part"] in ("unit_slip", "double_counted"),
        )
        for row in rows
    ]
    left = whole["children_amount"]
    steps.append(Step(text("figures.decay_bottom", lang), float(left), num.amount(left, lang), is_state=True))
    return bridge(steps, lang)


def allocation(frame: pl.DataFrame, lang: Language = "zh") -> go.Figure:
    """Draw rows of `targets.allocate`: from today's amount to the proposed one; what was pinned is an open dot."""
    rows = frame.to_dicts()
    marks = [mark for n, row in enumerate(rows) for mark in _change(n, row, lang)]
    most = max([1.0, *(float(row["amount"]) for row in rows), *(float(row["current_amount"] or 0) for row in rows)])
    legend = [
        legend_mark(text("alignment.today", lang), symbol="line-ns", size=10, line={"color": GREY, "width": 2}),
        legend_mark(text("alignment.proposed", lang), symbol="circle", size=9, color=ACCENT),
    ]
    return figure(
        [*marks, *legend],
        height=66 + 22 * max(len(rows), 1),
        showlegend=True,
        margin={"l": 4, "r": 16, "t": 30, "b": 28},
        xaxis={"range": [0, most * 1.05], **amount_ticks(0, most * 1.05, lang)},
        yaxis=numbered([row["name"] or row["rep_id"] or row["unit_id"] for row in rows], 16),
    )


def _change(n: int, row: dict[str, Any], lang: Language) -> list[Any]:
    now = float(row["amount"])
    hover = f"{safe(row['name'] or row['rep_id'] or row['unit_id'])}<br>{safe(num.amount(row['amount'], lang))}"
    marks: list[Any] = []
    if row["current_amount"] is not None:
        before = float(row["current_amount"])
        hover += f" ({safe(num.signed_amount(row['change_amount'], lang))})"
        marks = [line([before, now], [n, n], PALE, 4), line([before, before], [n - 0.3, n + 0.3], GREY, 2)]
    is_pinned = row["pinned_amount"] is not None
    return [
        *marks,
        dot(now, n, hover, size=9, color=ACT if is_pinned else ACCENT, symbol="circle-open" if is_pinned else "circle"),
    ]

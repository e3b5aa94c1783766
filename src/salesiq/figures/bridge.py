"""The way from one amount to another in steps: a waterfall lying on its side, so that long names fit on a narrow screen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

from salesiq.figures.theme import ACCENT, ACT, INK, PALE, amount_ticks, figure, numbered, safe
from salesiq.i18n import Language

__all__ = ["Step", "bridge"]


@dataclass(frozen=True)
class Step:
    """One row of a bridge: a state (`is_state`, the level itself) or a change of the level, with the words beside it."""

    name: str
    amount: float
    words: str
    is_state: bool = False
    is_act: bool = False


def bridge(steps: Sequence[Step], lang: Language) -> go.Figure:
    """Draw steps from the top down. States are dots, so that the axis need not begin at zero and small changes are seen."""
    spans = _spans(steps)
    low, high = min(min(span) for span in spans), max(max(span) for span in spans)
    pad = max(high - low, abs(high) * 0.02, 1.0) * 0.2
    return figure(
        [_changes(steps, spans), *(_state(step, spans[row][1], row) for row, step in enumerate(steps) if step.is_state)],
        height=44 + 32 * len(steps),
        xaxis={"range": [low - pad, high + pad * 1.5], **amount_ticks(low - pad, high + pad, lang)},
        yaxis=numbered([step.name for step in steps], 18),
        margin={"l": 4, "r": 16, "t": 6, "b": 28},
    )


def _spans(steps: Sequence[Step]) -> list[tuple[float, float]]:
    """Return from where to where each step runs."""
    level, spans = 0.0, []
    for step in steps:
        before, level = level, step.amount if step.is_state else level + step.amount
        spans.append((level, level) if step.is_state else (before, level))
    return spans


def _changes(steps: Sequence[Step], spans: Sequence[tuple[float, float]]) -> go.Bar:
    rows = [row for row, step in enumerate(steps) if not step.is_state]
    return go.Bar(
        orientation="h",
        y=rows,
        base=[min(spans[row]) for row in rows],
        x=[abs(spans[row][1] - spans[row][0]) for row in rows],
        width=0.5,
        marker={"color": [_colour(steps[row]) for row in rows]},
        text=[safe(steps[row].words) for row in rows],
        textposition="outside",
        textfont={"size": 12, "color": [ACT if steps[row].is_act else INK for row in rows]},
        cliponaxis=False,
        constraintext="none",
        hovertext=[f"{safe(steps[row].name)} {safe(steps[row].words)}" for row in rows],
        hoverinfo="text",
    )


def _colour(step: Step) -> str:
    return ACT if step.is_act else ACCENT if step.amount > 0 else PALE


def _state(step: Step, x: float, row: int) -> go.Scatter:
    style: dict[str, Any] = {"marker": {"size": 10, "color": INK}, "textfont": {"size": 13, "color": INK}}
    return go.Scatter(
        x=[x],
        y=[row],
        mode="markers+text",
        text=["  " + safe(step.words)],
        textposition="middle right",
        hovertext=[f"{safe(step.name)} {safe(step.words)}"],
        hoverinfo="text",
        cliponaxis=False,
        **style,
    )

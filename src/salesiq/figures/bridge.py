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
    pad = max(high - low, abs(high) * 0.02, 1.0) * 0.08
    return figure(
        [_changes(steps, spans), _states(steps, spans)],
        height=44 + 32 * len(steps),
        xaxis={"range": [low - pad, high + pad], **amount_ticks(low - pad, high + pad, lang, n=3)},
        yaxis=numbered([step.name for step in steps], 18),
        annotations=_words(steps),
        margin={"l": 4, "r": _width(steps) + 2, "t": 6, "b": 28},
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
        hovertext=[f"{safe(steps[row].name)} {safe(steps[row].words)}" for row in rows],
        hoverinfo="text",
    )


def _colour(step: Step) -> str:
    return ACT if step.is_act else ACCENT if step.amount > 0 else PALE


def _states(steps: Sequence[Step], spans: Sequence[tuple[float, float]]) -> go.Scatter:
    rows = [row for row, step in enumerate(steps) if step.is_state]
    return go.Scatter(
        x=[spans[row][1] for row in rows],
        y=rows,
        mode="markers",
        marker={"size": 10, "color": INK},
        hovertext=[f"{safe(steps[row].name)} {safe(steps[row].words)}" for row in rows],
        hoverinfo="text",
        cliponaxis=False,
    )


def _words(steps: Sequence[Step]) -> list[dict[str, Any]]:
    """Return each step's words in one column right of the figure, where no bar and no narrow screen gets in their way."""
    return [
        {
            "x": 1,
            "xref": "paper",
            "xanchor": "right",
            "xshift": _width(steps),
            "y": row,
            "yanchor": "middle",
            "text": safe(step.words),
            "showarrow": False,
            "font": {"size": 13 if step.is_state else 12, "color": ACT if step.is_act else INK},
        }
        for row, step in enumerate(steps)
    ]


def _width(steps: Sequence[Step]) -> int:
    """Return the pixels that the longest words take: a Chinese character is about as wide as two Latin ones."""
    return 14 + max(sum(13 if ord(letter) > 0x2E80 else 7 for letter in step.words) for step in steps)

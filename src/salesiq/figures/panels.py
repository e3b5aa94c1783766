"""Panels: several small figures of one kind, one below the other, with one legend."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from salesiq.figures.theme import GREY, figure, short

__all__ = ["panels"]

_HEAD, _GAP, _FOOT = 58, 40, 30  # pixels: legend above, space between panels for their names, ticks below


def panels(
    names: Sequence[object], traces: Sequence[Sequence[Any]], *, height: int, x: Sequence[dict[str, Any]], y: dict[str, Any]
) -> go.Figure:
    """Draw one panel a name from the top down; `traces`, and the x axes `x`, are those of each panel, `y` is common."""
    n = max(len(names), 1)
    inner = n * height + (n - 1) * _GAP
    layout: dict[str, Any] = {"annotations": [], "margin": {"l": 4, "r": 16, "t": _HEAD, "b": _FOOT}, "showlegend": True}
    placed = []
    for at, name in enumerate(names):
        mark = "" if at == 0 else str(at + 1)
        top = 1 - at * (height + _GAP) / inner
        layout[f"xaxis{mark}"] = {**x[at], "anchor": f"y{mark}"}
        layout[f"yaxis{mark}"] = {**y, "domain": [max(top - height / inner, 0.0), top], "anchor": f"x{mark}"}
        layout["annotations"].append(_title(name, top))
        placed += [trace.update(xaxis=f"x{mark}", yaxis=f"y{mark}") for trace in traces[at]]
    layout["legend"] = {"y": 1 + 26 / inner}
    return figure(placed, height=inner + _HEAD + _FOOT, **layout)


def _title(name: object, top: float) -> dict[str, Any]:
    return {
        "text": short(name, 40),
        "x": 0,
        "xref": "paper",
        "xanchor": "left",
        "y": top,
        "yref": "paper",
        "yanchor": "bottom",
        "yshift": 3,
        "showarrow": False,
        "font": {"size": 13, "color": GREY},
    }

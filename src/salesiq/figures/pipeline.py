"""Figures of the pipeline as it is reviewed: what changed, and from which stage to which stage deals went."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go
import polars as pl

from salesiq.figures.bridge import Step
from salesiq.figures.bridge import bridge as draw_bridge
from salesiq.figures.theme import ACCENT, ACT_BAND, BAND, GREY, INK, PALE, figure, safe, short
from salesiq.i18n import Language, text
from salesiq.i18n import numbers as num

__all__ = ["bridge", "stage_flows"]

_STAYED = "rgba(107,114,128,0.20)"
_ENDS = {"won": ACCENT, "lost": PALE, "removed": PALE}


def bridge(steps: pl.DataFrame, lang: Language = "zh") -> go.Figure:
    """Draw `funnel.bridge` of one group: the way from the open amount then to the open amount now.

    Takes columns `step` and `amount`, first and last the totals; steps that leave the amount as it is are left out.
    """
    is_total = pl.col("step").is_in(["then", "now"])
    return draw_bridge([_step(row, lang) for row in steps.filter(is_total | (pl.col("amount") != 0)).to_dicts()], lang)


def _step(row: dict[str, Any], lang: Language) -> Step:
    is_total = row["step"] in ("then", "now")
    words = num.amount(row["amount"], lang) if is_total else num.signed_amount(row["amount"], lang)
    return Step(text(f"figures.step_{row['step']}", lang), float(row["amount"]), words, is_state=is_total)


def stage_flows(flows: pl.DataFrame, lang: Language = "zh", *, weigh: str = "n_deals") -> go.Figure:
    """Draw `funnel.stage_flows` as a Sankey: stages then on the left, stages now and ends on the right.

    Blue went forward, or was won; vermilion went back; grey stayed, began or ended otherwise. `weigh` names the column
    that gives the widths: `n_deals` or `amount`.
    """
    rows = flows.to_dicts()
    left = list(dict.fromkeys(_start(row) for row in rows))
    right = list(dict.fromkeys(_end(row) for row in rows))
    order = {name: place for place, name in enumerate(_stages(rows))}
    left.sort(key=lambda node: (node[0] != "open", order.get(node[1], 0)))
    right.sort(key=lambda node: (["open", *_ENDS].index(node[0]), order.get(node[1], 0)))
    nodes = [*((0, node) for node in left), *((1, node) for node in right)]
    place = {node: n for n, node in enumerate(nodes)}
    sankey = go.Sankey(
        arrangement="snap",
        node={
            "label": [_label(node, rows, weigh, lang) for node in nodes],
            "color": [_ENDS.get(kind, GREY) for _, (kind, _) in nodes],
            "thickness": 10,
            "pad": 14,
            "line": {"width": 0},
            "hoverinfo": "skip",
        },
        link={
            "source": [place[(0, _start(row))] for row in rows],
            "target": [place[(1, _end(row))] for row in rows],
            "value": [float(row[weigh]) for row in rows],
            "color": [_colour(row, order) for row in rows],
            "customdata": [safe(_hover(row, lang)) for row in rows],
            "hovertemplate": "%{customdata}<extra></extra>",
        },
        textfont={"size": 12, "color": INK},
    )
    return figure([sankey], height=max(220, 40 * max(len(left), len(right))), margin={"l": 4, "r": 4, "t": 8, "b": 8})


Node = tuple[str, str | None]


def _start(row: dict[str, Any]) -> Node:
    return (row["began"], row["stage_before"])


def _end(row: dict[str, Any]) -> Node:
    return (row["ended"], row["stage_now"])


def _stages(rows: list[dict[str, Any]]) -> list[str | None]:
    """Return the stages in the order of the process: rows come in the order of the stages before, then of those now."""
    found = [row["stage_before"] for row in rows if row["began"] == "open"]
    later = [row["stage_now"] for row in rows if row["ended"] == "open"]
    return list(dict.fromkeys([*found, *later]))


def _name(node: Node, lang: Language) -> str:
    kind, stage = node
    return str(stage or "—") if kind == "open" else text(f"figures.step_{kind}", lang)


def _label(node: tuple[int, Node], rows: list[dict[str, Any]], weigh: str, lang: Language) -> str:
    side, (kind, stage) = node
    total = sum(row[weigh] for row in rows if (_start(row), _end(row))[side] == (kind, stage))
    words = num.count(total, lang) if weigh == "n_deals" else num.amount(total, lang)
    return f"{short(_name((kind, stage), lang), 18)}  {safe(words)}"


def _colour(row: dict[str, Any], order: dict[str | None, int]) -> str:
    if row["ended"] == "won":
        return BAND
    if row["began"] == "open" and row["ended"] == "open":
        step = order[row["stage_now"]] - order[row["stage_before"]]
        return BAND if step > 0 else ACT_BAND if step < 0 else _STAYED
    return _STAYED


def _hover(row: dict[str, Any], lang: Language) -> str:
    return text(
        "figures.flow_hover",
        lang,
        start=_name(_start(row), lang),
        end=_name(_end(row), lang),
        n=num.count(row["n_deals"], lang),
        amount=num.amount(row["amount"], lang),
    )

"""Figures of targets: what decays, what is met, what fell."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go
import polars as pl

from salesiq.figures.bridge import Step, bridge
from salesiq.figures.theme import ACCENT, ACT, ACT_BAND, BAND, GREY, INK, PALE, dot, figure, legend_mark, line, numbered, safe
from salesiq.i18n import Language, catalogue, text
from salesiq.i18n import numbers as num

__all__ = ["attainment", "decay", "decay_steps", "is_out_of_reach", "judged", "level_name", "red_flags"]

WIDEST = 2.0  # of the target: a target that is far too small must not squeeze all others into a corner


def decay(frame: pl.DataFrame, lang: Language = "zh") -> go.Figure:
    """Draw `targets.decay` of one tree, period and measure: what is lost at each level on the way down.

    A level whose targets are in another unit of money is red; its gap is no loss, so that it moves the level only as far as
    the corrected targets do.
    """
    levels = _levels(frame, lang)
    return bridge([_drawn(row, levels, lang) for row in decay_steps(frame).to_dicts()], lang)


def decay_steps(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the way from the top's target to what is left at the bottom: `step`, `depth`, `amount`, `share`, `is_slip`.

    Steps: "top", one "level" for each depth that loses or gains, "bottom". `share` is the level's change over the sum that
    came down to it. The levels add up exactly to the difference of top and bottom; where a level slipped by a unit of
    money, its part is what the other levels leave.
    """
    whole = frame.filter(pl.col("level") == "overall").row(0, named=True)
    edges = frame.filter((pl.col("level") != "overall") & pl.col("gap_amount").is_not_null())
    is_slip = pl.col("finding").eq_missing("unit_slip")
    levels = (
        edges.group_by("depth")
        .agg(amount=pl.col("gap_amount").filter(~is_slip).sum(), is_slip=is_slip.any())
        .sort("depth")
        .to_dicts()
    )
    level, rows = whole["amount"], [_row("top", None, whole["amount"], None, is_slip=False)]
    rest = whole["children_amount"] - whole["amount"] - sum(one["amount"] for one in levels)
    slipped = [one["depth"] for one in levels if one["is_slip"]]
    for one in levels:
        change = one["amount"] + (rest if slipped and one["depth"] == slipped[-1] else 0)
        rows.append(_row("level", one["depth"], change, float(change / level) if level else None, is_slip=one["is_slip"]))
        level += change
    rows.append(_row("bottom", None, whole["children_amount"], whole["retained_share"], is_slip=False))
    schema: dict[str, Any] = {
        "step": pl.String,
        "depth": pl.Int64,
        "amount": pl.Decimal(38, 2),
        "share": pl.Float64,
        "is_slip": pl.Boolean,
    }
    return pl.DataFrame(rows, schema=schema)


def _row(step: str, depth: int | None, amount: Any, share: float | None, *, is_slip: bool) -> dict[str, Any]:
    return {"step": step, "depth": depth, "amount": amount, "share": share, "is_slip": is_slip}


def _levels(frame: pl.DataFrame, lang: Language) -> dict[int, str]:
    """Return what units are called at each depth; below the last of them stand people."""
    named = (
        frame.filter((pl.col("level") != "overall") & pl.col("level").is_not_null())
        .group_by("depth")
        .agg(pl.col("level").mode().min())
    )
    found = {depth: level_name(level, lang) for depth, level in named.rows()}
    return found | {max(found, default=-1) + 1: level_name("rep", lang)}


def level_name(level: str, lang: Language) -> str:
    """Return how a level of the organisation is called; the company's own word where it is one."""
    return catalogue(lang, "figures").get(f"level_{level}", level)


def _drawn(row: dict[str, Any], levels: dict[int, str], lang: Language) -> Step:
    if row["step"] != "level":
        return Step(
            text(f"figures.decay_{row['step']}", lang), float(row["amount"]), num.amount(row["amount"], lang), is_state=True
        )
    words = f"{num.signed_amount(row['amount'], lang)}  {num.signed_share(row['share'], lang, 1)}"
    if row["is_slip"]:
        words = text("figures.decay_slip", lang)
    above, below = (levels.get(depth, str(depth + 1)) for depth in (row["depth"], row["depth"] + 1))
    name = text("figures.decay_level", lang, level=above, below=below)
    return Step(name, float(row["amount"]), words, is_act=row["is_slip"])


def is_out_of_reach(row: dict[str, Any]) -> bool:
    """Return whether even the upper end of the projection stays below the target."""
    high, target = row["projected_high_amount"], row["target_amount"]
    return high is not None and target is not None and high < target


def attainment(frame: pl.DataFrame, lang: Language = "zh") -> go.Figure:
    """Draw `targets.attainment`, one row each: what came in over the target, and the band in which the period may end.

    The long line is the target, the short one the share of working time that is gone. Red: even the upper end of the band
    stays below the target. Of a period that is over there is nothing left to project.
    """
    rows = frame.filter(pl.col("attainment_share").is_not_null()).to_dicts()
    widest = max(
        [1.0, *(_share(row, "projected_high_amount") or 0 for row in rows), *(row["attainment_share"] for row in rows)]
    )
    edge = min(widest * 1.05, WIDEST)
    marks = [mark for n, row in enumerate(rows) for mark in _unit(n, row, edge, lang)]
    legend = [
        legend_mark(text("figures.came_in", lang), symbol="square", color=PALE, size=10),
        legend_mark(text("figures.may_end", lang), symbol="square", color=BAND, size=10),
        legend_mark(text("figures.time_gone", lang), symbol="line-ns", size=10, line={"color": INK, "width": 2}),
    ]
    is_over = all(row["elapsed_share"] == 1 for row in rows)
    ticks = _round_shares(edge)
    return figure(
        [line([1, 1], [-0.5, len(rows) - 0.5], INK, 1), *marks, *([] if is_over else legend)],
        height=(40 if is_over else 66) + 22 * max(len(rows), 1),
        margin={"l": 4, "r": 16, "t": 6 if is_over else 30, "b": 28},
        showlegend=not is_over,
        barmode="overlay",
        xaxis={"range": [0, edge * 1.03], "tickvals": ticks, "ticktext": [num.share(tick, lang) for tick in ticks]},
        yaxis=numbered([row["name"] or row["rep_id"] or row["unit_id"] for row in rows], 16),
    )


def _round_shares(edge: float) -> list[float]:
    """Return a few round shares from 0 to `edge`, so few that they stand apart on a narrow screen."""
    step = 0.25 if edge < 1.3 else 0.5 if edge < 2.3 else 1.0
    return [step * k for k in range(int(edge / step) + 1)]


def _share(row: dict[str, Any], name: str) -> float | None:
    return None if row[name] is None or not row["target_amount"] else float(row[name] / row["target_amount"])


def _unit(n: int, row: dict[str, Any], edge: float, lang: Language) -> list[Any]:
    is_over = row["elapsed_share"] == 1
    is_act = is_out_of_reach(row) and not is_over
    hover = f"{safe(row['name'] or row['rep_id'] or row['unit_id'])}<br>{safe(_words(row, lang))}"
    marks: list[Any] = [
        go.Bar(
            orientation="h",
            x=[min(row["attainment_share"], edge)],
            y=[n],
            width=0.55,
            marker={"color": PALE},
            hovertext=[hover],
            hoverinfo="text",
            showlegend=False,
        )
    ]
    low, high, middle = (_share(row, f"projected_{name}amount") for name in ("low_", "high_", ""))
    if low is not None and high is not None and high > low:
        marks.append(line([min(low, edge), min(high, edge)], [n, n], ACT_BAND if is_act else BAND, 9))
    if middle is not None and not is_over:
        marks.append(_end(middle, n, edge, hover, ACT if is_act else ACCENT))
    if row["elapsed_share"] is not None and row["elapsed_share"] < 1:
        marks.append(line([row["elapsed_share"]] * 2, [n - 0.32, n + 0.32], INK, 2))
    return marks


def _end(x: float, n: int, edge: float, hover: str, colour: str) -> go.Scatter:
    """Return the dot of the projection; beyond the edge of the figure it is an arrow."""
    if x <= edge:
        return dot(x, n, hover, size=8, color=colour)
    return dot(edge, n, hover, size=9, color=colour, symbol="triangle-right")


def _words(row: dict[str, Any], lang: Language) -> str:
    return text(
        "figures.attainment_hover",
        lang,
        actual=num.amount(row["actual_amount"], lang),
        target=num.amount(row["target_amount"], lang),
        share=num.share(row["attainment_share"], lang),
        projected=num.amount(row["projected_amount"], lang),
        low=num.amount(row["projected_low_amount"], lang),
        high=num.amount(row["projected_high_amount"], lang),
    )


def red_flags(frame: pl.DataFrame, lang: Language = "zh") -> go.Figure:
    """Draw rows of `targets.red_flags`: the week over what was expected, in the range that chance explains.

    Red: a fall out of that range. Rows that cannot be judged are left out.
    """
    rows = judged(frame).to_dicts()
    edge = max(
        [
            1.5,
            *(min(row["high"] / row["expected"], 3.0) for row in rows),
            *(min(row["value"] / row["expected"], 3.0) for row in rows),
        ]
    )
    marks = [mark for n, row in enumerate(rows) for mark in _flag(n, row, edge, lang)]
    names = [f"{row['unit_name'] or text('figures.company', lang)}  {text('targets.' + row['measure'], lang)}" for row in rows]
    ticks = _round_shares(edge)
    return figure(
        [line([1, 1], [-0.5, len(rows) - 0.5], INK, 1), *marks],
        height=40 + 24 * max(len(rows), 1),
        xaxis={"range": [-0.03 * edge, edge * 1.04], "tickvals": ticks, "ticktext": [num.share(tick, lang) for tick in ticks]},
        yaxis=numbered(names, 26),
        margin={"l": 4, "r": 16, "t": 6, "b": 28},
    )


def judged(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of `targets.red_flags` that were compared with enough weeks and can be drawn on one scale."""
    return frame.filter(
        (pl.col("expected") > 0) & pl.col("low").is_not_null() & pl.col("high").is_not_null() & pl.col("value").is_not_null()
    )


def _flag(n: int, row: dict[str, Any], edge: float, lang: Language) -> list[Any]:
    low, high, value = (min(row[name] / row["expected"], edge) for name in ("low", "high", "value"))
    measure, why = (safe(text(key, lang)) for key in (f"targets.{row['measure']}", row["explanation"]))
    hover = f"{safe(row['unit_name'] or '')} {measure}<br>{why}"
    is_act = bool(row["is_flag"])
    return [
        line([low, high], [n, n], "#e4e7eb", 11),
        dot(value, n, hover, size=9, color=ACT if is_act else ACCENT if row["is_plain_flag"] else GREY),
    ]

"""Figures of where visits end and of what becomes of cohorts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go
import polars as pl

from salesiq.figures.panels import panels
from salesiq.figures.theme import ACCENT, GREY, LINE, PALE, legend_mark, line, safe
from salesiq.i18n import Language, text
from salesiq.i18n import numbers as num

__all__ = ["conversion", "exits", "win_rate"]

#: from the axis up: what went well below, what went badly above it, what still waits is left white
_EXITS = {"won": ACCENT, "advanced": "#7fb8d8", "regressed": PALE, "lost": "#8d949e"}
#: without a label at 0, which would stand on that of day 0
_HALVES = {"tickvals": [0.5, 1], "ticktext": ["50%", "100%"], "range": [0, 1], "gridcolor": "#eceef1", "showgrid": True}
_SHARES = {"tickformat": ".0%", "nticks": 5, "gridcolor": "#eceef1", "showgrid": True}


def exits(frame: pl.DataFrame, lang: Language = "zh") -> go.Figure:
    """Draw `funnel.exits` asked for many days: what has become of the visits by each day, stacked; white is still waiting.

    One panel per stage and group. Days on which the shares are not known are left out.
    """
    groups = frame.columns[: frame.columns.index("day")]
    parts = frame.partition_by(groups, as_dict=True, maintain_order=True)
    drawn = [
        [_area(part, name, colour, lang, is_first=at == 0) for name, colour in _EXITS.items()]
        for at, part in enumerate(parts.values())
    ]
    days = [float(day) for day in frame["day"].to_list()]
    suffix = " " + text("figures.days_suffix", lang)
    axis = {"range": [0, max(days, default=1.0)], "ticksuffix": suffix, "nticks": 7, "showgrid": False}
    return panels([_named(key) for key in parts], drawn, height=120, x=[axis] * len(parts), y=_HALVES)


def _area(part: pl.DataFrame, name: str, colour: str, lang: Language, *, is_first: bool) -> go.Scatter:
    rows = part.filter((pl.col("exit") == name) & pl.col("share").is_not_null()).sort("day")
    words = text(f"figures.exit_{name}", lang)
    hovers = [
        safe(
            text(
                "figures.exit_hover",
                lang,
                exit=words,
                day=num.days(row["day"], lang),
                share=num.share(row["share"], lang, 1),
                low=num.share(row["low_share"], lang, 1),
                high=num.share(row["high_share"], lang, 1),
            )
        )
        for row in rows.to_dicts()
    ]
    return go.Scatter(
        x=rows["day"].to_list(),
        y=rows["share"].to_list(),
        name=words,
        stackgroup="exits",
        mode="lines",
        line={"width": 0, "shape": "hv"},
        fillcolor=colour,
        hovertext=hovers,
        hoverinfo="text",
        showlegend=is_first,
        legendgroup=name,
    )


def conversion(frame: pl.DataFrame, lang: Language = "zh") -> go.Figure:
    """Draw `funnel.conversion`: each cohort's share with its interval; full dots are mature, hollow dashed ones projected.

    A small cross shows what a dashboard would tell of an immature cohort: its share so far. One panel per stage and group.
    """
    groups = frame.columns[: frame.columns.index("cohort")]
    parts = frame.partition_by(groups, as_dict=True, maintain_order=True)
    cohorts = frame["cohort"].unique().sort().to_list()
    drawn = [_cohorts(part, cohorts, lang) for part in parts.values()]
    if drawn:
        drawn[0] += [
            legend_mark(text("figures.cohort_mature", lang), color=ACCENT, size=9),
            legend_mark(text("figures.cohort_projected", lang), color="white", size=9, line={"color": ACCENT, "width": 1.5}),
            legend_mark(text("figures.cohort_so_far", lang), symbol="x-thin", size=8, line={"color": GREY, "width": 1.5}),
        ]
    axis = _categories(cohorts)
    return panels([_named(key) for key in parts], drawn, height=130, x=[axis] * len(parts), y=_up_to(frame))


def _up_to(frame: pl.DataFrame) -> dict[str, Any]:
    high = max(frame["high_share"].drop_nulls().to_list(), default=1.0)
    return {**_SHARES, "range": [0, min(high * 1.08, 1.02)]}


def _categories(names: Sequence[str]) -> dict[str, Any]:
    """Return an axis with one place a name; few enough names are written that they do not run into one another."""
    step = max(1, -(-len(names) // 8))
    shown = list(range(len(names) - 1, -1, -step))[::-1]
    return {
        "tickmode": "array",
        "tickvals": shown,
        "ticktext": [safe(names[at]) for at in shown],
        "tickangle": 0,
        "range": [-0.6, len(names) - 0.4],
        "showgrid": False,
    }


def _cohorts(part: pl.DataFrame, cohorts: list[str], lang: Language) -> list[go.Scatter]:
    marks: list[go.Scatter] = []
    for row in part.to_dicts():
        at = cohorts.index(row["cohort"])
        if row["share"] is None:
            continue
        span = line([at, at], [row["low_share"], row["high_share"]], ACCENT if row["is_mature"] else GREY, 2)
        if not row["is_mature"]:
            span.line.dash = "dot"
            marks.append(_mark(at, row["naive_share"], "", symbol="x-thin", size=8, line={"color": GREY, "width": 1.5}))
        fill = {"color": ACCENT} if row["is_mature"] else {"color": "white", "line": {"color": ACCENT, "width": 1.5}}
        marks += [span, _mark(at, row["share"], _cohort_words(row, lang), size=9, **fill)]
    return marks


def _mark(x: float, y: float, hover: str, **marker: Any) -> go.Scatter:
    info = {"hovertext": [hover], "hoverinfo": "text"} if hover else {"hoverinfo": "skip"}
    return go.Scatter(x=[x], y=[y], mode="markers", marker=marker, showlegend=False, cliponaxis=False, **info)


def _cohort_words(row: dict[str, Any], lang: Language) -> str:
    return safe(
        text(
            "figures.cohort_hover",
            lang,
            cohort=row["cohort"],
            share=num.share(row["share"], lang),
            low=num.share(row["low_share"], lang),
            high=num.share(row["high_share"], lang),
            n=num.count(row["n_entered"], lang),
            n_open=num.count(row["n_open"], lang),
            so_far=num.share(row["naive_share"], lang),
        )
    )


def win_rate(frame: pl.DataFrame, lang: Language = "zh") -> go.Figure:
    """Draw `funnel.win_rate`: the share won period by period with its interval; a period that still runs is hollow."""
    groups = frame.columns[: frame.columns.index("starts_on")]
    everything: dict[tuple[Any, ...], pl.DataFrame] = {(text("figures.all_deals", lang),): frame}
    parts = frame.partition_by(groups, as_dict=True, maintain_order=True) if groups else everything
    periods = sorted({f"{day:%Y-%m}" for day in frame["starts_on"].to_list()})
    drawn = [_periods(part, periods, lang) for part in parts.values()]
    axis = _categories(periods)
    made = panels([_named(key) for key in parts], drawn, height=130, x=[axis] * len(parts), y=_up_to(frame))
    return made.update_layout(showlegend=False, margin={"t": 26})


def _periods(part: pl.DataFrame, periods: list[str], lang: Language) -> list[go.Scatter]:
    marks: list[go.Scatter] = []
    for row in part.to_dicts():
        at = periods.index(f"{row['starts_on']:%Y-%m}")
        marks.append(line([at, at], [row["low_share"], row["high_share"]], LINE, 6))
        fill = {"color": ACCENT} if row["is_complete"] else {"color": "white", "line": {"color": ACCENT, "width": 1.5}}
        hover = text(
            "figures.win_rate_hover",
            lang,
            period=f"{row['starts_on']:%Y-%m}",
            share=num.share(row["share"], lang),
            low=num.share(row["low_share"], lang),
            high=num.share(row["high_share"], lang),
            n_won=num.count(row["n_won"], lang),
            n=num.count(row["n_closed"], lang),
        )
        marks.append(_mark(at, row["share"], safe(hover), size=9, **fill))
    return marks


def _named(key: tuple[Any, ...]) -> str:
    return " · ".join("—" if part is None else str(part) for part in key)

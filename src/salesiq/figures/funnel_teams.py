"""Figures of what moved the money a day, and of teams and reps against chance."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go
import polars as pl

from salesiq.figures.bridge import Step, bridge
from salesiq.figures.theme import ACCENT, ACT, GREY, INK, LINE, PALE, dot, figure, legend_mark, line, numbered, safe, short
from salesiq.i18n import Language, text
from salesiq.i18n import numbers as num

__all__ = ["decompose", "velocity", "win_limits"]

_FACTORS = ("n_open", "win_share", "mean_won_amount", "cycle_days")
_LIMITS = ("low_998_share", "low_95_share", "high_95_share", "high_998_share")
_PARTS = {"mix_share": PALE, "rate_share": ACCENT, "chance_share": "#eceef1"}


def velocity(frame: pl.DataFrame, lang: Language = "zh") -> go.Figure:
    """Draw the first row of `funnel.velocity` asked with a moment before: from the money a day then, by factor, to now.

    Where a part is null, the change stands in one step.
    """
    row = frame.row(0, named=True)
    before, now = row["velocity_amount_before"], row["velocity_amount"]
    if before is None or now is None:
        return bridge([_state("velocity_now", now or 0.0, lang)], lang)
    parts = [(name, row[f"{name}_part"]) for name in _FACTORS]
    if any(part is None for _, part in parts):
        parts = [("change", row["change_amount"])]
    steps = [_factor(name, float(part), row, lang) for name, part in parts]
    return bridge([_state("velocity_before", before, lang), *steps, _state("velocity_now", now, lang)], lang)


def _state(key: str, amount: float, lang: Language) -> Step:
    return Step(text(f"figures.{key}", lang), float(amount), num.amount(round(amount), lang), is_state=True)


def _factor(name: str, part: float, row: dict[str, Any], lang: Language) -> Step:
    words = num.signed_amount(round(part), lang)
    if name != "change":
        words += f" ({_value(name, row[f'{name}_before'], lang)} → {_value(name, row[name], lang)})"
    return Step(text(f"figures.velocity_{name}", lang), part, words, is_act=part < 0)


def _value(name: str, value: float, lang: Language) -> str:
    if name == "win_share":
        return num.share(value, lang)
    if name == "cycle_days":
        return num.days(value, lang, 0)
    return num.count(value, lang) if name == "n_open" else num.amount(round(value), lang)


def win_limits(frame: pl.DataFrame, lang: Language = "zh") -> go.Figure:
    """Draw `funnel.win_limits` of one team: a funnel of limits around the usual rate; who is far outside is named."""
    rows = frame.sort("n_closed")
    n = [float(value) for value in rows["n_closed"].to_list()]
    limits = [_limit(n, rows[name].to_list(), "solid" if "998" in name else "dot") for name in _LIMITS]
    usual = rows["usual_share"].to_list()
    dots = [_rep(row, lang) for row in rows.to_dicts()]
    top = max([*rows["share"].to_list(), *rows["high_998_share"].to_list(), 0.1])
    return figure(
        [*limits, line(n, usual, INK, 1), *dots, *_funnel_legend(lang)],
        height=360,
        showlegend=True,
        margin={"l": 4, "r": 60, "t": 34, "b": 46},
        xaxis={
            "title": {"text": text("figures.n_closed", lang), "font": {"size": 12, "color": GREY}},
            "rangemode": "tozero",
            "nticks": 7,
        },
        yaxis={"tickformat": ".0%", "range": [-0.07, min(top * 1.08, 1.06)], "showgrid": True, "gridcolor": "#eceef1"},
        annotations=_names(rows.filter(pl.col("finding").str.starts_with("very")).to_dicts()),
    )


def _limit(n: list[float], shares: list[float], dash: str) -> go.Scatter:
    found = line(n, shares, GREY if dash == "solid" else PALE, 1.2)
    found.line.dash = dash
    return found


def _rep(row: dict[str, Any], lang: Language) -> go.Scatter:
    hover = text(
        "figures.win_limits_hover",
        lang,
        name=_called(row),
        share=num.share(row["share"], lang),
        n_won=num.count(row["n_won"], lang),
        n=num.count(row["n_closed"], lang),
        usual=num.share(row["usual_share"], lang),
    )
    colour = {"very_low": ACT, "very_high": ACCENT}.get(row["finding"], GREY)
    return dot(row["n_closed"], row["share"], safe(hover), size=9 if colour != GREY else 7, color=colour)


def _called(row: dict[str, Any]) -> str:
    """Return the name of who is compared: the last column before the counts."""
    return str(row[list(row)[list(row).index("n_won") - 1]])


def _names(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the names of dots from left to right, above and below by turns, so that neighbours stay readable."""
    return [
        {
            "x": row["n_closed"],
            "y": row["share"],
            "text": short(_called(row), 12),
            "showarrow": False,
            "yshift": -13 if at % 2 else 13,
            "font": {"size": 12, "color": ACT if row["finding"] == "very_low" else ACCENT},
        }
        for at, row in enumerate(rows)
    ]


def _funnel_legend(lang: Language) -> list[go.Scatter]:
    wide = legend_mark(text("figures.limits_998", lang), symbol="line-ew", size=14, line={"color": GREY, "width": 1.5})
    narrow = legend_mark(text("figures.limits_95", lang), symbol="line-ew", size=14, line={"color": PALE, "width": 1.5})
    return [
        wide,
        narrow,
        legend_mark(text("figures.usual_rate", lang), symbol="line-ew", size=14, line={"color": INK, "width": 1.5}),
    ]


def decompose(frame: pl.DataFrame, lang: Language = "zh") -> go.Figure:
    """Draw `funnel.decompose`: per team the change of the win rate in points, made of mix, rate and chance; the dot is the sum.

    Teams without a change to tell have no bar.
    """
    teams = frame.columns[: frame.columns.index("n_won_before")]
    rows = frame.to_dicts()
    names = [" · ".join(str(row[name]) for name in teams) or text("figures.all_deals", lang) for row in rows]
    bars = [_bars(rows, part, colour, lang) for part, colour in _PARTS.items()]
    dots = [
        dot(row["change_share"], at, safe(_split_words(row, lang)), size=9, color=INK)
        for at, row in enumerate(rows)
        if row["change_share"] is not None
    ]
    sums = legend_mark(text("figures.change_sum", lang), color=INK, size=9)
    return figure(
        [*bars, line([0, 0], [-0.5, len(rows) - 0.5], LINE, 1.5), *dots, sums],
        height=80 + 34 * max(len(rows), 1),
        barmode="relative",
        showlegend=True,
        xaxis={"tickformat": "+.0%", "nticks": 6, "zeroline": False},
        yaxis=numbered(names, 18),
    )


def _bars(rows: list[dict[str, Any]], part: str, colour: str, lang: Language) -> go.Bar:
    told = [(at, row) for at, row in enumerate(rows) if row[part] is not None]
    return go.Bar(
        orientation="h",
        y=[at for at, _ in told],
        x=[row[part] for _, row in told],
        width=0.55,
        name=text(f"figures.part_{part}", lang),
        marker={"color": colour, "line": {"color": PALE, "width": 0.5}},
        hovertext=[safe(_split_words(row, lang)) for _, row in told],
        hoverinfo="text",
    )


def _split_words(row: dict[str, Any], lang: Language) -> str:
    return text(
        "figures.decompose_hover",
        lang,
        before=num.share(row["share_before"], lang),
        after=num.share(row["share"], lang),
        mix=num.signed_share(row["mix_share"], lang, 1),
        rate=num.signed_share(row["rate_share"], lang, 1),
        chance=num.signed_share(row["chance_share"], lang, 1),
    )

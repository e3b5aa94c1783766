"""The figure of bookings: a bar for what is booked, a dot for what is expected, bands around it, last year beside."""

from __future__ import annotations

from decimal import Decimal

import polars as pl

from salesiq.figures import forecast_bookings
from salesiq.figures.theme import ACCENT, INK


def rows() -> pl.DataFrame:
    edges = {"low_95": 110, "low_80": 120, "low_50": 140, "high_50": 160, "high_80": 180, "high_95": 190}
    said = {"booked": 100, "expected": 150, "open": 40, "new": 10} | edges
    first = {f"{name}_amount": Decimal(value) * 10_000 for name, value in said.items()}
    return pl.DataFrame(
        [
            {"label": "<b>华东</b>", **first, "last_year_amount": Decimal(1_300_000)},
            {"label": "上海", **first, "last_year_amount": None},
        ]
    )


def test_each_unit_has_its_bar_its_dot_and_its_bands() -> None:
    made = forecast_bookings.bookings(rows(), "en")
    bars = [(trace.x[0], trace.y[0]) for trace in made.data if trace.type == "bar"]
    dots = [trace for trace in made.data if trace.type == "scatter" and trace.mode == "markers" and trace.x[0] is not None]
    lines = [
        (trace.x, trace.line.width)
        for trace in made.data
        if trace.type == "scatter" and trace.mode == "lines" and trace.y[0] == trace.y[1] == 0
    ]
    assert bars == [(1_000_000, 0), (1_000_000, 1)]
    assert [(dot.x[0], dot.y[0], dot.marker.color) for dot in dots] == [(1_500_000, 0, ACCENT), (1_500_000, 1, ACCENT)]
    assert lines == [((1_100_000, 1_900_000), 1), ((1_200_000, 1_800_000), 12), ((1_400_000, 1_600_000), 12)]
    assert "1.2M to 1.8M" in dots[0].hovertext[0]
    assert list(made.layout.yaxis.ticktext) == ["&lt;b&gt;华东&lt;/b&gt;", "上海"]


def test_last_year_is_marked_only_where_it_is_known() -> None:
    made = forecast_bookings.bookings(rows(), "zh")
    upright = [trace for trace in made.data if trace.type == "scatter" and trace.mode == "lines" and trace.x[0] == trace.x[1]]
    assert [(trace.x[0], trace.line.color) for trace in upright] == [(1_300_000, INK)]
    assert "去年同期" in [trace.name for trace in made.data]
    without = forecast_bookings.bookings(rows().with_columns(last_year_amount=pl.lit(None, pl.Decimal(38, 2))), "zh")
    assert "去年同期" not in [trace.name for trace in without.data]

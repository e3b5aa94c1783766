"""The figure of the money to come: what is stacked, and the band of the total."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import polars as pl

from salesiq.figures.forecast_cash import cash_in
from salesiq.figures.theme import ACCENT, BAND


def rows() -> pl.DataFrame:
    first = [(dt.date(2026, 7, 1), dt.date(2026, 8, 1)), (dt.date(2026, 8, 1), dt.date(2026, 8, 20))]
    amounts = {"open_invoices": (600, 300), "won_deals": (20, 310), "total": (620, 610)}
    found = [
        {"start_on": start, "end_on": end, "source": name, "expected_amount": Decimal(told[at]),
         "low_80_amount": Decimal(told[at] - 100), "high_80_amount": Decimal(told[at] + 150)}
        for name, told in amounts.items() for at, (start, end) in enumerate(first)
    ]  # fmt: skip
    return pl.DataFrame(found)


def test_bars_are_stacked_by_source_under_the_band_of_their_total():
    figure = cash_in(rows(), "zh")
    bars = [trace for trace in figure.data if trace.type == "bar"]
    assert [(bar.name, list(bar.y), bar.marker.color) for bar in bars] == [
        ("已开票未收", [600, 300], ACCENT),
        ("已签单待开票", [20, 310], BAND),
    ]
    assert figure.layout.barmode == "stack"
    (band,) = [trace for trace in figure.data if trace.type == "scatter"]
    assert list(band.y) == [620, 610]
    assert (list(band.error_y.array), list(band.error_y.arrayminus)) == ([150, 150], [100, 100])
    assert list(figure.layout.xaxis.ticktext) == ["07-01<br>– 07-31", "08-01<br>– 08-19"]
    assert figure.layout.yaxis.range[1] > 770


def test_a_hover_says_the_period_the_source_and_the_band():
    figure = cash_in(rows(), "en")
    assert figure.data[1].hovertext[1] == "08-01 – 08-19 Signed, not yet invoiced: 310 expected (80% band 210 to 460)"


def test_without_rows_the_figure_is_empty():
    assert len(cash_in(rows().clear(), "zh").data) == 0

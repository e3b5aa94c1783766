from __future__ import annotations

import datetime as dt
from decimal import Decimal

import numpy as np
import polars as pl
import pytest

from salesiq import targets
from salesiq.book import Book
from salesiq.calendar import Calendar
from salesiq.errors import UsageError
from salesiq.targets.capacity import ramp_share

PLAIN_WEEKS = Calendar.from_days({}, on_top_of="weekdays")


def won(rep: str, start: dt.date, end: dt.date, amount: int, every: int = 7) -> list[dict]:
    days = [start + dt.timedelta(days=n) for n in range(0, (end - start).days, every)]
    return [
        {"deal_id": f"{rep}-{n}", "owner_id": rep, "status": "won", "amount": Decimal(amount), "closed_at": day}
        for n, day in enumerate(days)
    ]


@pytest.fixture
def book(org, plan) -> Book:
    """P1 sells 100 a week for a year; P2, hired on 1 October, sells as a ramped newcomer does; P3 starts in the period."""
    year, quarter = dt.date(2025, 1, 1), dt.date(2026, 1, 1)
    rows = won("P1", year, quarter, 100) + won("P2", dt.date(2025, 10, 1), quarter, 100, every=28)
    deals = pl.DataFrame(rows).with_columns(
        pl.col("closed_at").cast(pl.Datetime("us")),
        created_at=pl.lit(dt.datetime(2024, 12, 1)),
        amount=pl.col("amount").cast(pl.Decimal(18, 2)),
    )
    hired = {"P1": dt.date(2020, 1, 1), "P2": dt.date(2025, 10, 1), "P3": dt.date(2026, 1, 1)}
    reps = pl.DataFrame({"rep_id": list(hired), "unit_id": "T", "hired_on": list(hired.values())})
    return Book.from_frames(
        org_units=org({"T": None}),
        reps=reps,
        deals=deals,
        targets=plan({"P1": 1300, "P2": 1300, "P3": 650}),
        exported_at=dt.datetime(2026, 1, 2),
    )


def test_own_history_and_capacity(book):
    found = targets.stretch(book.as_of("2026-01-02"), "2026-Q1", calendar=PLAIN_WEEKS)
    seen = {row["rep_id"]: row for row in found.to_dicts()}
    days = PLAIN_WEEKS.working_days(dt.date(2026, 1, 1), dt.date(2026, 4, 1))
    before = PLAIN_WEEKS.working_days(dt.date(2025, 1, 1), dt.date(2026, 1, 1))
    assert seen["P1"]["trailing_amount"] == round(Decimal(5300) * days / before, 2)
    assert seen["P1"]["trailing_stretch_share"] == pytest.approx(1300 / (5300 * days / before))
    assert seen["P1"]["stretch_share"] == pytest.approx(1, abs=0.06)  # asked what was done before
    assert seen["P3"]["trailing_amount"] is None  # no history at all
    # P2 is a quarter ramped at the mean of the first 92 days and three quarters in the period
    assert seen["P2"]["ramp_share"] == pytest.approx(0.75, abs=0.02)
    assert seen["P2"]["trailing_stretch_share"] > 3
    assert 1.0 < seen["P2"]["stretch_share"] < 2.5
    # the newcomer who begins gets half of what the others can, and is asked half: nothing is hidden
    assert seen["P3"]["ramp_share"] == pytest.approx(0.25)
    assert seen["P3"]["capacity_amount"] < seen["P2"]["capacity_amount"] < seen["P1"]["capacity_amount"]
    assert found["stretch_share"].to_list() == sorted(found["stretch_share"].to_list(), reverse=True)


def test_results_of_the_period_itself_do_not_count(book, org, plan):
    """Asked again after the quarter, the stretch of its target is what it was."""
    early = targets.stretch(book.as_of("2026-01-02"), "2026-Q1")
    late = targets.stretch(book.as_of("2026-05-02"), "2026-Q1")
    assert early.equals(late)


def test_ramp_is_the_mean_of_days():
    """A second computation: day by day."""
    start, end = dt.date(2026, 1, 1), dt.date(2026, 4, 1)
    hired = [dt.date(2025, 6, 1), dt.date(2025, 11, 11), dt.date(2026, 2, 1), dt.date(2026, 5, 1), None]
    for ramp_days in (30.0, 180.0):
        shares = ramp_share(pl.Series(hired, dtype=pl.Date), start, end, ramp_days)
        for day, share in zip(hired, shares, strict=True):
            first = (start - (day or dt.date(1990, 1, 1))).days
            tenures = [t + 0.5 for t in range(first, first + (end - start).days) if t >= 0]
            by_hand = np.mean([min(1.0, t / ramp_days) for t in tenures]) if tenures else 0.0
            assert share == pytest.approx(by_hand, abs=0.01)


def test_nobody_sold_anything(org, staff, plan):
    book = Book.from_frames(org_units=org({"T": None}), reps=staff({"P1": "T"}), targets=plan({"P1": 10}))
    found = targets.stretch(book.as_of("2026-02-01"), "2026-Q1")
    assert found.select("capacity_amount", "stretch_share").row(0) == (None, None)
    with pytest.raises(UsageError, match="above 0"):
        targets.stretch(book.as_of("2026-02-01"), "2026-Q1", ramp_days=0)
    with pytest.raises(UsageError, match="Q7"):
        targets.stretch(book.as_of("2026-02-01"), "2026-Q7")

"""Days on which money is booked: what falls on days off waits, and the law is learned from before the waiting."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl
import pytest

from salesiq.book import Book
from salesiq.calendar import Calendar
from salesiq.forecast import cash_in
from salesiq.forecast.cash_days import BookedDays, booked_days
from salesiq.forecast.cash_laws import cash_laws
from salesiq.forecast.lag_law import Waits

STRICT = BookedDays(is_strict=True)


def number(*day: int) -> int:
    return (dt.date(*day) - dt.date(1970, 1, 1)).days


def test_every_day_is_booked_on_the_next_working_day() -> None:
    china = Calendar.china()
    days = [dt.date(2026, 1, 1) + dt.timedelta(days=k) for k in range(365)]
    found = STRICT.following(np.array([(day - dt.date(1970, 1, 1)).days for day in days]))
    for day, booked in zip(days, found, strict=True):
        expected = day
        while not china.is_working_day(expected):
            expected += dt.timedelta(days=1)
        assert dt.date(1970, 1, 1) + dt.timedelta(days=int(booked)) == expected
        last = dt.date(1970, 1, 1) + dt.timedelta(days=STRICT.last_booked((day - dt.date(1970, 1, 1)).days))
        assert last <= day
        assert china.is_working_day(last)
        assert not any(china.is_working_day(last + dt.timedelta(days=k)) for k in range(1, (day - last).days + 1))


def test_money_of_a_monday_came_from_the_weekend_too_and_nothing_is_lost() -> None:
    monday, sunday = number(2026, 6, 8), number(2026, 6, 14)
    began = monday - 20
    at = np.array([20, 21, sunday - began])
    waits = Waits(
        np.zeros(3, int), at, np.array([True, True, False]), np.array([0.6, 1.0, 1.0]), np.zeros(3, int), np.arange(3)
    )
    found = STRICT.spread(waits, np.full(3, began), sunday)
    assert found.until.tolist() == [20, 19, 18, 21, sunday - began - 2]  # Friday is the last day that could be seen
    assert found.weight.tolist() == pytest.approx([0.2, 0.2, 0.2, 1.0, 1.0])
    assert found.item.tolist() == [0, 0, 0, 1, 2]
    same = BookedDays(is_strict=False).spread(waits, np.full(3, began), sunday)
    assert same is waits


def test_a_few_days_tell_no_habit() -> None:
    assert not booked_days(np.full(20, number(2026, 6, 8))).is_strict


@pytest.mark.parametrize("now", [dt.date(2026, 4, 30), dt.date(2026, 5, 2)], ids=["before the holiday", "within it"])
def test_no_money_is_promised_for_days_off_and_what_waits_comes_after_them(now: dt.date) -> None:
    """The May holiday of 2026: money meant for 1 to 5 May comes on the 6th, whether or not it has begun."""
    rng = np.random.default_rng(4)
    n = 3000
    issued = rng.integers(number(2025, 1, 1), number(2026, 5, 1), n)
    issued = STRICT.following(issued)
    paid = STRICT.following(issued + 1 + np.floor(rng.exponential(20, n)).astype(int))
    dates = [pl.Series(days.astype("datetime64[D]").tolist(), dtype=pl.Date) for days in (issued, paid)]
    invoices = pl.DataFrame(
        {"invoice_id": [f"V{k}" for k in range(n)], "customer_id": "C1", "issued_on": dates[0], "amount": 10}
    )
    receipts = invoices.select("invoice_id", "amount", receipt_no="invoice_id", received_on=dates[1])
    snapshot = Book.from_frames(invoices=invoices, receipts=receipts).as_of(now)
    assert cash_laws(snapshot).issue.booked.is_strict
    until = dt.date(2026, 5, 6)
    off = cash_in(snapshot, (until - now).days - 1, every=None, n_paths=200)
    assert off["expected_amount"].to_list() == [0, 0]
    first = cash_in(snapshot, (until - now).days, every=None, n_paths=400).row(-1, named=True)
    open_ = cash_laws(snapshot).receivables.bills["open_cents"].sum() / 100
    # six days' worth of a hazard of one twentieth: those off, and the day itself
    assert float(first["expected_amount"]) == pytest.approx(open_ * (1 - np.exp(-6 / 20)), rel=0.1)
    came = receipts.filter(pl.col("received_on") == until)["amount"].sum()
    assert float(first["low_95_amount"]) <= came <= float(first["high_95_amount"]) * 1.1

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

PLAIN_WEEKS = Calendar.from_days({}, on_top_of="weekdays")


def deals(per_day: dict[tuple[int, int], int], owner: str = "P1") -> pl.DataFrame:
    """Make so many deals a working day, won at once, by (year, month)."""
    rows = []
    for (year, month), n in per_day.items():
        day = dt.datetime(year, month, 1, 12)
        while day.month == month:
            if day.weekday() < 5:
                rows += [(f"{owner}-{day:%Y%m%d}-{k}", day) for k in range(n)]
            day += dt.timedelta(days=1)
    frame = pl.DataFrame(rows, schema=["deal_id", "closed_at"], orient="row").with_columns(created_at=pl.col("closed_at"))
    return frame.with_columns(owner_id=pl.lit(owner), status=pl.lit("won"), amount=pl.lit(Decimal(50)).cast(pl.Decimal(18, 2)))


@pytest.fixture
def book(org, staff) -> Book:
    months = {(2025, 4): 10, (2025, 5): 20, (2026, 4): 8, (2026, 5): 10, (2026, 6): 5}
    return Book.from_frames(org_units=org({"C": None, "T": "C"}), reps=staff({"P1": "T"}), deals=deals(months))


def row(found: pl.DataFrame, against: str, measure: str = "won_deals", unit: str = "C") -> dict:
    return found.filter(unit_id=unit, measure=measure, against=against).row(0, named=True)


def test_a_working_day_against_a_working_day(book):
    found = targets.changes(book.as_of("2026-05-31"), "2026-05", calendar=PLAIN_WEEKS)
    month, year = row(found, "period_before"), row(found, "year_before")
    assert (month["against_period"], year["against_period"]) == ("2026-04", "2025-05")
    assert (month["n"], month["n_before"]) == (210, 176)  # 21 working days, 22 before
    assert month["change_share"] == pytest.approx(0.25)
    assert year["change_share"] == pytest.approx(-0.5)
    spread = (1 / 210 + 1 / 176) ** 0.5
    assert month["low_change_share"] == pytest.approx(1.25 * np.exp(-1.959964 * spread) - 1)
    assert (month["is_change"], year["is_change"]) == (True, True)
    amount = row(found, "year_before", "won_amount", "T")
    assert (amount["amount"], amount["amount_before"]) == (Decimal(10_500), Decimal(22_000))


def test_a_month_that_goes_on_is_compared_with_as_many_days(book):
    """On Monday the 11th seven working days are over; seven of April reach to the 9th."""
    found = row(targets.changes(book.as_of("2026-05-11"), calendar=PLAIN_WEEKS), "period_before")
    assert (found["n"], found["n_before"]) == (70, 56)
    assert found["change_share"] == pytest.approx(0.25)


def test_what_is_too_old_is_left_out(book):
    assert targets.changes(book.as_of("2025-04-30"), calendar=PLAIN_WEEKS).is_empty()
    assert targets.changes(book.as_of("2025-05-31"))["against"].unique().to_list() == ["period_before"]
    nothing = row(targets.changes(book.as_of("2026-04-30"), "2026-04"), "period_before")
    assert (nothing["n_before"], nothing["change_share"], nothing["is_change"]) == (0, None, False)
    with pytest.raises(UsageError, match="Q9"):
        targets.changes(book.as_of("2026-04-30"), "2026-Q9")


def test_the_interval_holds_the_truth():
    """Simulation of the formula: counts, and sums of log-normal amounts, with nothing changed."""
    rng = np.random.default_rng(8)
    for spread in (0.0, 0.8):
        hits = 0
        for _ in range(2000):
            sides = [rng.lognormal(0, spread, rng.poisson(60)) for _ in range(2)]
            width = 1.959964 * sum((side**2).sum() / side.sum() ** 2 for side in sides) ** 0.5
            hits += abs(np.log(sides[0].sum() / sides[1].sum())) <= width
        assert 0.935 <= hits / 2000 <= 0.965


def test_empty_book():
    assert targets.changes(Book.from_frames().as_of("2026-01-31")).is_empty()

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import numpy as np
import polars as pl
import pytest

from salesiq import targets
from salesiq.book import Book
from salesiq.calendar import Calendar
from salesiq.targets.season import LEVEL, season_of

PLAIN_WEEKS = Calendar.from_days({}, on_top_of="weekdays")


def monthly(
    start: dt.date, n_months: int, per_day: dict[int, float], other: float, *, is_late_busy: bool = False
) -> pl.DataFrame:
    rows = []
    for k in range(n_months):
        month = (start.month - 1 + k) % 12 + 1
        year = start.year + (start.month - 1 + k) // 12
        end = dt.date(year + month // 12, month % 12 + 1, 1)
        cuts = [dt.date(year, month, 1), dt.date(year, month, 11), dt.date(year, month, 21), end]
        for third in range(3):
            days = PLAIN_WEEKS.working_days(cuts[third], cuts[third + 1])
            late = 3.0 if is_late_busy and third == 2 and month % 3 == 0 else 1.0
            rows.append((year, month, third, round(days * per_day.get(month, other) * late)))
    return pl.DataFrame(rows, schema=["year", "month", "third", "n"], orient="row")


def test_factors_are_those_of_the_months():
    start = dt.date(2023, 1, 1)
    found = season_of(monthly(start, 36, {12: 30.0, 2: 5.0}, 10.0), start, dt.date(2026, 1, 1), PLAIN_WEEKS)
    by_month = found.factors.mean(axis=1)
    assert by_month[11] / by_month[6] == pytest.approx(3, rel=0.15)
    assert by_month[1] / by_month[6] == pytest.approx(0.5, rel=0.15)
    assert found.days(start, dt.date(2026, 1, 1), PLAIN_WEEKS) == pytest.approx(
        PLAIN_WEEKS.working_days(start, dt.date(2026, 1, 1))
    )


def test_the_busy_end_of_quarters_is_known_after_a_year():
    start, now = dt.date(2025, 1, 1), dt.date(2026, 1, 15)
    found = season_of(monthly(start, 12, {}, 10.0, is_late_busy=True), start, now, PLAIN_WEEKS)
    for month in (3, 6, 9, 12):
        assert found.factors[month - 1, 2] / found.factors[month - 1, 0] == pytest.approx(3, rel=0.1)
    assert found.factors[1, 2] == pytest.approx(found.factors[0, 0], rel=0.05)


def test_less_than_a_year_says_nothing_and_few_results_little():
    start = dt.date(2025, 3, 1)
    assert season_of(monthly(start, 10, {12: 30.0}, 10.0), start, dt.date(2026, 1, 1), PLAIN_WEEKS) is LEVEL
    start = dt.date(2023, 1, 1)
    few = season_of(monthly(start, 36, {12: 0.1}, 0.04), start, dt.date(2026, 1, 1), PLAIN_WEEKS)
    assert few.factors.max() < 1.65  # two and a half times as many, but of some thirty results in all


@pytest.mark.parametrize(("n_years", "is_seasonal"), [(3, True), (0.7, False)])
def test_a_projection_knows_the_season(org, staff, plan, n_years, is_seasonal):
    """Every December brings three times as much a day; asked at the end of November."""
    first = dt.date(2025, 12, 1) - dt.timedelta(days=int(n_years * 365.25))
    days = [first + dt.timedelta(days=k) for k in range((dt.date(2025, 12, 1) - first).days)]
    rows = [(day, k) for day in days for k in range(6 if day.month == 12 else 2)]
    deals = pl.DataFrame({"deal_id": [f"{day}-{k}" for day, k in rows], "closed_at": [day for day, _ in rows]}).with_columns(
        pl.col("closed_at").cast(pl.Datetime("us")),
        created_at=pl.lit(dt.datetime(2020, 1, 1)),
        status=pl.lit("won"),
        owner_id=pl.lit("P1"),
        amount=pl.lit(Decimal(100)).cast(pl.Decimal(18, 2)),
    )
    book = Book.from_frames(
        org_units=org({"C": None}),
        reps=staff({"P1": "C"}),
        deals=deals,
        targets=plan({"C": 1}, "2025-12", set_at=dt.datetime(2025, 11, 1)),
    )
    found = targets.attainment(book.as_of("2025-11-30"), "2025-12", calendar=PLAIN_WEEKS)
    projected = float(found["projected_amount"][0])
    # 2 a calendar day are 14 a week: 23 working days of December bring 64, three times that in season
    usual = 23 * 14 / 5 * 100
    assert projected == pytest.approx(usual * (3 if is_seasonal else 1), rel=0.12)
    if is_seasonal:
        assert float(found["projected_low_amount"][0]) > usual
    assert np.isfinite(projected)

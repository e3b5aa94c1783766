"""Stretch: what a rep's target asks, against what the rep did and what the rep can."""

from __future__ import annotations

import polars as pl

from salesiq.book import Snapshot, needs
from salesiq.calendar import Calendar
from salesiq.errors import UsageError
from salesiq.targets.capacity import RAMP_DAYS, rep_capacity
from salesiq.targets.windows import Window

_MONEY = pl.Decimal(38, 2)
_COLUMNS = (
    *("period", "measure", "version", "rep_id", "name", "unit_id", "target_amount", "trailing_amount", "capacity_amount"),
    *("trailing_stretch_share", "stretch_share", "ramp_share", "tenure_days", "n_results"),
)


@needs("targets", "deals", "reps")
def stretch(
    snapshot: Snapshot,
    period: str,
    measure: str = "bookings",
    *,
    ramp_days: float = RAMP_DAYS,
    calendar: Calendar | None = None,
) -> pl.DataFrame:
    """Return how far each rep's target lies above the rep's own trailing mean, and above the rep's capacity.

    Reads `targets` (the newest version), `deals`, `reps`, for receipts `receipts` and `customers`; results are those of
    `attainment` in the year before the period begins (of a period to come: before the snapshot's moment).

    One row per rep with a target. Columns: `period`, `measure`, `version`, `rep_id`, `name`, `unit_id`; `target_amount`;
    `trailing_amount`, the rep's own results a working day times the period's working days; `capacity_amount`, the same pace
    drawn towards everybody's as far as the own history is short (gamma-Poisson and Bühlmann credibility, as in
    `attainment`), with newcomers ramped: a day of somebody hired t days ago counts min(1, t / `ramp_days`), in the history
    and in the period; `trailing_stretch_share` = target / trailing and `stretch_share` = target / capacity: 1 asks what is to
    be expected, 1.3 asks 30 % more; `ramp_share`, mean of the period; `tenure_days` at its start; `n_results`. Amounts are
    Decimal.

    Null: what a zero divides; `trailing_amount` below ten working days of history; `capacity_amount` where nobody had
    results. Ordered by `stretch_share`, largest first (nulls last), then rep. Raises UsageError for a period that cannot be
    read and for `ramp_days` of zero or less.

    >>> from decimal import Decimal
    >>> from salesiq.book import Book
    >>> plan = pl.DataFrame({"version": "v1", "period": "2026-Q1", "measure": "bookings", "rep_id": ["P1"],
    ...                      "amount": [Decimal(1000)], "set_at": "2025-12-01T00:00:00"})
    >>> deals = pl.DataFrame({"deal_id": ["D1", "D2"], "owner_id": "P1", "status": "won", "amount": [Decimal(400)] * 2,
    ...                       "created_at": "2025-06-01T09:00:00", "closed_at": ["2025-07-01T09:00:00", "2025-10-01T09:00:00"]})
    >>> book = Book.from_frames(reps=pl.DataFrame({"rep_id": ["P1"]}), targets=plan, deals=deals)
    >>> stretch(book.as_of("2025-12-31"), "2026-Q1").select(pl.col("trailing_stretch_share").round(2)).item()
    2.71
    """
    if ramp_days <= 0:
        raise UsageError("targets.ramp_days", days=ramp_days)
    window = Window.parse(period)
    plan = snapshot.sql(
        "SELECT period, measure, version, rep_id, sum(amount)::DECIMAL(38, 2) AS target_amount "
        "FROM targets.plan(as_of := $as_of) WHERE rep_id IS NOT NULL AND period = $period AND measure = $measure GROUP BY ALL",
        period=window.name,
        measure=measure,
    )
    able = rep_capacity(snapshot, measure, window, calendar or Calendar.china(), ramp_days)
    target = pl.col("target_amount").cast(pl.Float64)
    joined = plan.join(able, on="rep_id", how="left").with_columns(
        trailing_stretch_share=pl.when(pl.col("trailing_amount") > 0).then(target / pl.col("trailing_amount")),
        stretch_share=pl.when(pl.col("capacity_amount") > 0).then(target / pl.col("capacity_amount")),
    )
    money = [pl.col(name).round(2).cast(_MONEY) for name in ("trailing_amount", "capacity_amount")]
    return (
        joined.with_columns(money).select(_COLUMNS).sort("stretch_share", "rep_id", descending=[True, False], nulls_last=True)
    )

"""Changes: a period so far against the one before it and the same a year before, with what chance does to such a ratio."""

from __future__ import annotations

import datetime as dt
import itertools

import polars as pl

from salesiq.book import Snapshot, needs
from salesiq.calendar import Calendar, Period

MEASURES = ("new_deals", "won_deals", "won_amount", "activities")
AGAINST = ("period_before", "year_before")
_Z = 1.959963984540054  # 95 %
_COLUMNS = (
    *(
        "period",
        "unit_id",
        "unit_name",
        "level",
        "measure",
        "against",
        "against_period",
        "amount",
        "amount_before",
        "n",
        "n_before",
    ),
    *("change_share", "low_change_share", "high_change_share", "is_change"),
)


@needs("deals", "org_units")
def changes(snapshot: Snapshot, period: str | None = None, *, calendar: Calendar | None = None) -> pl.DataFrame:
    """Return how each unit's period so far differs from the one before and from the same a year before, with intervals.

    Reads `deals`, `activities`, `reps`, `org_units` as they stand. `period` is a year, a quarter or a month, by default the
    month of the snapshot's moment: month on month and year on year. While it goes on, the same number of working days from
    the start of the other period is compared (all of it where it has fewer), and what came in is taken a working day.

    One row per unit with anything in either, measure ("new_deals", "won_deals", "won_amount", "activities") and `against`
    ("period_before", "year_before"; left out where the book knows nothing that old). Columns: `period`, `unit_id`,
    `unit_name`, `level`, `measure`, `against`, `against_period`; `amount` and `amount_before` (Decimal; counts where things
    are counted); `n`, `n_before`; `change_share`, growth a working day, negative for a fall, with its 95 % interval
    `low_change_share` to `high_change_share`; `is_change`, the interval excludes zero: chance alone seldom does this.

    Interval: normal on the log of the ratio, variance sum of squares over squared sum on either side: 1/n for counts
    (Poisson), the compound Poisson's for amounts. Activities entered late make the newest days look weak. Null: the change
    where either side has nothing. Ordered by unit from the top, measure and against in the order above. Raises UsageError
    for a period that cannot be read.

    >>> from salesiq.book import Book
    >>> days = pl.datetime_range(pl.datetime(2026, 4, 1), pl.datetime(2026, 5, 31), "6h", eager=True)
    >>> deals = pl.DataFrame({"created_at": days}).with_row_index("deal_id").cast({"deal_id": pl.String})
    >>> units = pl.DataFrame({"unit_id": ["C"], "valid_from": ["2025-01-01"]})
    >>> found = changes(Book.from_frames(deals=deals, org_units=units).as_of("2026-05-31"), "2026-05")
    >>> found.filter(measure="new_deals").select("n", "n_before", "is_change").row(0)
    (121, 120, False)
    """
    clock = calendar or Calendar.china()
    asked = Period.covering(snapshot.as_of.date(), "month") if period is None else Period.parse(period)
    until_on = min(asked.end_on, snapshot.as_of.date() + dt.timedelta(days=1))
    days = clock.working_days(asked.start_on, max(until_on, asked.start_on))
    now = _span(snapshot, asked.start_on, until_on)
    first = snapshot.sql("SELECT min(created_at)::DATE AS day FROM base.deals(as_of := $as_of)").item()
    others = {"period_before": asked.previous(), "year_before": _year_before(asked)}
    known = {name: other for name, other in others.items() if first is not None and other.start_on >= first}
    parts = [_against(snapshot, now, name, other, days, until_on < asked.end_on, clock) for name, other in known.items()]
    units = snapshot.sql("SELECT unit_id, name AS unit_name, level, depth FROM base.units(as_of := $as_of)")
    schema = {"unit_id": pl.String, "measure": pl.String, "against": pl.String, "against_period": pl.String, "n": pl.Int64}
    money = dict.fromkeys(("amount", "amount_before"), pl.Decimal(38, 2))
    rest = {"n_before": pl.Int64, "change_share": pl.Float64, "low_change_share": pl.Float64, "high_change_share": pl.Float64}
    empty = pl.DataFrame(schema={**schema, **money, **rest, "is_change": pl.Boolean})
    told = (
        pl.concat([empty, *parts], how="diagonal").join(units, on="unit_id", how="left").with_columns(period=pl.lit(asked.name))
    )
    order = [
        pl.col(name).replace_strict({one: k for k, one in enumerate(names)}, return_dtype=pl.Int64)
        for name, names in (("measure", MEASURES), ("against", AGAINST))
    ]
    return told.sort("depth", "unit_id", *order, nulls_last=True).select(_COLUMNS)


def _year_before(period: Period) -> Period:
    steps = {"month": 12, "quarter": 4, "year": 1}[period.grain]
    found = period
    for _ in itertools.repeat(None, steps):
        found = found.previous()
    return found


def _span(snapshot: Snapshot, start_on: dt.date, end_on: dt.date) -> pl.DataFrame:
    return snapshot.run("targets.spans", span_from=start_on, span_to=end_on, order=("unit_id", "measure"))


def _against(
    snapshot: Snapshot, now: pl.DataFrame, name: str, other: Period, days: int, goes_on: bool, calendar: Calendar
) -> pl.DataFrame:
    """Compare with another period, cut to as many working days where this one still goes on."""
    end_on = other.end_on
    if goes_on and 0 < days < calendar.working_days(other.start_on, other.end_on):
        end_on = calendar.add_working_days(other.start_on - dt.timedelta(days=1), days) + dt.timedelta(days=1)
    days_before = calendar.working_days(other.start_on, end_on)
    before = _span(snapshot, other.start_on, end_on)
    joined = now.join(before, on=["unit_id", "measure"], how="full", coalesce=True, suffix="_before").with_columns(
        pl.col("n", "n_before", "amount", "amount_before").fill_null(0)
    )
    one, two = (pl.col(column).cast(pl.Float64) for column in ("amount", "amount_before"))
    spread = (pl.col("squares").cast(pl.Float64) / one**2 + pl.col("squares_before").cast(pl.Float64) / two**2).sqrt()
    ratio = one / max(days, 1) / (two / max(days_before, 1))
    has_both = (one > 0) & (two > 0)
    limits = {"change_share": 0.0, "low_change_share": -_Z, "high_change_share": _Z}
    told = joined.with_columns(
        pl.when(has_both).then(ratio * (sign * spread).exp() - 1).alias(column) for column, sign in limits.items()
    )
    is_change = ((pl.col("low_change_share") > 0) | (pl.col("high_change_share") < 0)).fill_null(value=False)
    return told.with_columns(against=pl.lit(name), against_period=pl.lit(other.name), is_change=is_change).drop(
        "squares", "squares_before"
    )

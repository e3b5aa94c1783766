"""Dwell: how long deals stay in a stage, counting those that still wait."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from salesiq.book import Snapshot, needs
from salesiq.calendar import Calendar
from salesiq.funnel.survival import product_limit
from salesiq.funnel.waits import Unit, Waits, Window, by_group, in_stage_order, waits

SCHEMA = {
    "n_visits": pl.Int64,
    "n_open": pl.Int64,
    "median_days": pl.Float64,
    "median_low_days": pl.Float64,
    "median_high_days": pl.Float64,
    "p75_days": pl.Float64,
    "p90_days": pl.Float64,
    "mean_days": pl.Float64,
    "naive_mean_days": pl.Float64,
    "mean_low_days": pl.Float64,
    "mean_high_days": pl.Float64,
    "longest_days": pl.Float64,
}


@needs("stage_events")
def dwell(
    snapshot: Snapshot,
    by: str | Sequence[str] | None = None,
    *,
    stages: Sequence[str] | None = None,
    window: Window | None = None,
    unit: Unit = "calendar",
    calendar: Calendar | None = None,
) -> pl.DataFrame:
    """Return how long visits to each stage last, one row per stage and group of `by`.

    `by` names columns of `base.segments`: rep_id, unit_id, region, industry, tier, product_line, source, quarter ... `stages`
    narrows the answer to some stages. `window` (from, to) counts only the waiting inside a half-open span of time: a visit that
    was waiting before it comes into view with the wait it had (left truncation), one that outlasts it is cut at its end; what
    is known at the snapshot's moment counts. A day in a window means its first moment. Visits that still go on are
    right-censored at the window's end, without a window at the snapshot's moment. `unit="working"` counts on the clock of
    working hours (`calendar`, China's unless given): one day is one full working day, nights and days off take no time.

    Columns: `stage`, the `by` columns, `n_visits`, `n_open` (visits that still go on), `median_days` with its 95 % interval
    `median_low_days` to `median_high_days`, `p75_days`, `p90_days`, `mean_days` (restricted mean: the mean of the stay, cut at
    the longest stay seen), `naive_mean_days` (mean of the finished visits only: biased low, shown as the bias it is),
    `mean_low_days` to `mean_high_days` (95 % interval of the restricted mean), `longest_days` (the longest stay seen).

    A quantile that the curve does not reach is null, as is the upper end of an interval that the data do not bound, and
    `naive_mean_days` where no visit has ended. In a window the curve ends at the first length of wait at which nobody was in
    view, for it cannot be joined across the gap; without a visit that begins in the window nothing is told. Raises UsageError
    for a `by` column, stage or unit that does not exist, and for a window that is empty or begins after the snapshot.

    Estimator: Kaplan and Meier (1958), product limit, with delayed entry in a window (Tsai, Jewell and Wang 1987); interval of
    the median by inverting the log(-log) transformed sign test (Brookmeyer and Crowley 1982), as in statsmodels
    `SurvfuncRight`; variance of the restricted mean as in Klein and Moeschberger (2003), 4.5.2. Assumes that censoring (the
    moment of asking) and the window say nothing about how long the visit will last.

    >>> import datetime as dt
    >>> from salesiq.book import Book
    >>> start = dt.datetime(2026, 1, 1)
    >>> events = pl.DataFrame([(f"D{n}", stage, start + dt.timedelta(days=n * step))
    ...     for n in range(1, 6) for step, stage in enumerate(["lead", "proposal"])],
    ...     schema=["deal_id", "stage", "entered_at"], orient="row")
    >>> found = dwell(Book.from_frames(stage_events=events).as_of("2026-01-04"))
    >>> found.filter(pl.col("stage") == "lead").select("n_visits", "n_open", "median_days", "naive_mean_days").row(0)
    (5, 2, 3.0, 2.0)
    """
    found = waits(snapshot, by, stages=stages, window=window, unit=unit, calendar=calendar)
    groups = found.columns[: found.columns.index("days")]
    rows = [{**dict(zip(groups, key, strict=True)), **_estimate(group)} for key, group in by_group(found, groups)]
    schema = {name: found.schema[name] for name in groups} | SCHEMA
    return in_stage_order(snapshot, pl.DataFrame(rows, schema=schema), groups[1:])


def _estimate(group: Waits) -> dict[str, float | None]:
    finished = group.days[group.is_left]
    return {
        "n_visits": len(group.days),
        "n_open": len(group.days) - len(finished),
        "naive_mean_days": float(finished.mean()) if len(finished) else None,
        **product_limit(group.days, group.is_left, group.entry_days),
    }

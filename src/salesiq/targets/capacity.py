"""Capacity: what each rep can be expected to bring in a window, from what came before it; newcomers are ramped."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl

from salesiq.book import Snapshot
from salesiq.calendar import Calendar
from salesiq.targets import projection
from salesiq.targets.projection import Floats, Pace
from salesiq.targets.windows import Window

HISTORY_DAYS = 365
RAMP_DAYS = 180  # a newcomer's pace grows evenly from nothing to that of the others in so many calendar days
FEWEST_DAYS = 10


def rep_capacity(
    snapshot: Snapshot, measure: str, window: Window, calendar: Calendar, ramp_days: float = RAMP_DAYS
) -> pl.DataFrame:
    """Return one row per rep: `rep_id`, `name`, `unit_id`, `hired_on`, `left_on`, and what the year before the window says.

    `n_results`, `trailing_amount` (the own results a working day, times the window's working days; null below ten days),
    `capacity_amount` (the pace drawn towards everybody's as far as the own history is short, each working day counted by
    how far the rep is ramped, times the window's ramped days; null where nobody had results), `ramp_share` (mean over the
    window) and `tenure_days` at its start. Amounts are Float64. What was known, and happened, before the window begins
    counts; of a window that has not begun everything known now. Ordered by rep_id.
    """
    until_on = min(window.start_on, snapshot.as_of.date() + dt.timedelta(days=1))
    since_on = until_on - dt.timedelta(days=HISTORY_DAYS)
    reps = _with_results(snapshot, measure, since_on, until_on)
    first = snapshot.sql(
        "SELECT min(happened_on) AS first_on FROM targets.results(as_of := $as_of) WHERE measure = $measure", measure=measure
    ).item()
    begin_on = max(since_on, first) if first is not None and first < until_on else until_on
    plain = working_days(reps["hired_on"], begin_on, until_on, calendar)
    ramped = plain * ramp_share(reps["hired_on"], begin_on, until_on, ramp_days)
    ahead = ramp_share(reps["hired_on"], window.start_on, window.end_on, ramp_days)
    days = float(calendar.working_days(window.start_on, window.end_on))
    to_come = working_days(reps["hired_on"], window.start_on, window.end_on, calendar) * ahead
    trailing = np.divide(
        reps["amount"].cast(pl.Float64).to_numpy() * days, plain, out=np.full_like(plain, np.nan), where=plain >= FEWEST_DAYS
    )
    return reps.select("rep_id", "name", "unit_id", "hired_on", "left_on", n_results="n").with_columns(
        trailing_amount=_series(trailing),
        capacity_amount=_series(_paced(reps, ramped) * to_come),
        ramp_share=_series(ahead),
        tenure_days=(pl.lit(window.start_on) - pl.col("hired_on")).dt.total_days(),
    )


def _with_results(snapshot: Snapshot, measure: str, since_on: dt.date, until_on: dt.date) -> pl.DataFrame:
    """Return every rep with what came in during the days, zero where nothing did."""
    return snapshot.sql(
        "SELECT reps.*, coalesce(rates.n, 0) AS n, coalesce(rates.amount, 0)::DECIMAL(38, 2) AS amount, "
        "coalesce(rates.squares, 0)::DECIMAL(38, 4) AS squares FROM targets.standing_reps(as_of := $as_of) AS reps "
        "LEFT JOIN targets.rates(as_of := $as_of, since_on := $since, until_on := $until) AS rates "
        "ON rates.rep_id = reps.rep_id AND rates.measure = $measure ORDER BY reps.rep_id",
        since=since_on,
        until=until_on,
        measure=measure,
    )


def _paced(reps: pl.DataFrame, ramped_days: Floats) -> Floats:
    """Return what each rep brings a fully ramped working day; NaN where nobody had results to learn from."""
    n, amount, squares = (reps[name].cast(pl.Float64).to_numpy() for name in ("n", "amount", "squares"))
    pace = Pace(n, amount, squares, np.maximum(ramped_days, 0.01))
    if not pace.has_history or ramped_days.max(initial=0.0) < FEWEST_DAYS:
        return np.full(reps.height, np.nan)
    return projection.expected(pace, 1.0)


def working_days(hired_on: pl.Series, start_on: dt.date, end_on: dt.date, calendar: Calendar) -> Floats:
    """Return the working days of [start_on, end_on) on which each rep was there; who has no hiring date always was."""
    begins = hired_on.to_frame("hired").select(pl.max_horizontal("hired", pl.lit(start_on)).clip(upper_bound=end_on))["hired"]
    ends = pl.repeat(end_on, len(begins), dtype=pl.Date, eager=True)
    return np.asarray(calendar.count_working_days(begins, ends).to_numpy(), dtype=np.float64)


def ramp_share(hired_on: pl.Series, start_on: dt.date, end_on: dt.date, ramp_days: float) -> Floats:
    """Return how far each rep is ramped on the mean day of [start_on, end_on) on which the rep is there, 0 to 1.

    The ramp is min(1, tenure / ramp_days): its mean over the days is the difference of its integral over their number.

    >>> import datetime as dt
    >>> hired = pl.Series([dt.date(2026, 1, 1), dt.date(2020, 1, 1), None], dtype=pl.Date)
    >>> ramp_share(hired, dt.date(2026, 1, 1), dt.date(2026, 4, 1), 180).tolist()
    [0.25, 1.0, 1.0]
    """
    long_ago = dt.date(1900, 1, 1)
    tenure = (pl.Series([start_on]) - hired_on.fill_null(long_ago)).dt.total_days().to_numpy().astype(np.float64)
    begin, end = np.maximum(tenure, 0.0), tenure + (end_on - start_on).days
    span = np.maximum(end - begin, 0.0)
    area = _ramp_area(end, ramp_days) - _ramp_area(begin, ramp_days)
    found: Floats = np.divide(area, span, out=np.zeros_like(span), where=span > 0)
    return found


def _ramp_area(tenure: Floats, ramp_days: float) -> Floats:
    rising = np.minimum(tenure, ramp_days)
    found: Floats = rising**2 / (2 * ramp_days) + np.maximum(tenure - ramp_days, 0.0)
    return found


def _series(values: Floats) -> pl.Series:
    return pl.Series(values, dtype=pl.Float64).fill_nan(None)

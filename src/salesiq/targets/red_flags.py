"""Red flags: what fell last week, and whether chance explains it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import numpy as np
import polars as pl
from numpy.typing import NDArray

from salesiq.book import Snapshot, needs
from salesiq.calendar import Calendar
from salesiq.errors import UsageError
from salesiq.targets.limits import Floats, Limits, count_limits, rate_limits, shared_spread, spread_beyond_chance

MEASURES = ("new_deals", "won_deals", "won_amount", "win_rate", "activities")
PLAIN_FALL = 0.15
FEWEST_WEEKS = 4
_PRIOR_WINS = 10  # a team's sizes of wins lean on the company's as if it had seen ten of them

SCHEMA = pl.Schema(
    {
        "unit_id": pl.String(),
        "unit_name": pl.String(),
        "is_company": pl.Boolean(),
        "measure": pl.String(),
        "week_start_on": pl.Date(),
        "value": pl.Float64(),
        "expected": pl.Float64(),
        "low": pl.Float64(),
        "high": pl.Float64(),
        "change_share": pl.Float64(),
        "is_plain_flag": pl.Boolean(),
        "is_flag": pl.Boolean(),
        "chance_share": pl.Float64(),
        "explanation": pl.String(),
        "n_weeks": pl.Int64(),
        "amount": pl.Decimal(38, 2),
    }
)


@needs("deals")
def red_flags(
    snapshot: Snapshot, weeks: int = 12, *, false_alarms_a_year: float = 1.0, calendar: Calendar | None = None
) -> pl.DataFrame:
    """Return what fell in the last complete week, by team and for the company: the plain rule, and what chance says to it.

    Reads `deals`, `activities`, `reps`, `org_units`. A team is a unit with reps of its own, left out where nothing happened
    in any of these weeks; the company is the top of the organisation with everything below it, owned or not (without
    `org_units` one row set with a null unit). Weeks begin on Monday; the last one that is over at the snapshot's moment is
    compared with up to `weeks` before it, of those since the first deal or activity. `false_alarms_a_year` is the budget of
    false flags a unit, over all five measures together.

    One row per unit and measure ("new_deals" created, "won_deals", "won_amount", "win_rate" among the deals closed,
    "activities"). Columns: `unit_id`, `unit_name`, `is_company`, `measure`, `week_start_on`; `value` of the week (a count,
    CNY, or a share); `expected` from the weeks before; `low` and `high`, the smallest and largest value that chance explains
    within the budget; `change_share` = value / week before - 1, negative for a fall; `is_plain_flag`, fell by more than 15 %
    two weeks running; `is_flag`, below `low`; `chance_share`, how often chance alone gives this or less (one-sided mid-p);
    `explanation`, the key of a text; `n_weeks` compared with; `amount`, the exact Decimal of won_amount.

    How: a count is negative binomial around its mean a working day: a week with a holiday expects less, a make-up Saturday
    more. The spread between weeks beyond Poisson is estimated over all teams together. An amount is taken as a count in units
    of its size (sum of squares over sum), which keeps mean and variance. The win rate is beta-binomial. Each measure is
    tested at budget / (52 x 5). Activities are compared at equal age: late entries do not make the last week look weak.
    Assumes no season and no trend within the weeks compared. A flag is a fall; a rise is never one.

    Null: `win_rate` where nothing closed; `change_share` where the week before was zero; limits and chance where fewer than
    four weeks can be compared or the week had no working day (`is_flag` is false then). Ordered: companies first, then teams
    by unit, measures in the order above. Empty before the first complete week. Raises UsageError for fewer than four `weeks`.

    >>> from salesiq.book import Book
    >>> days = pl.datetime_range(pl.datetime(2026, 3, 2), pl.datetime(2026, 5, 16), "1h", eager=True)
    >>> deals = pl.DataFrame({"created_at": days}).with_row_index("deal_id").cast({"deal_id": pl.String})
    >>> before = deals.filter(pl.col("created_at") < pl.datetime(2026, 5, 11))
    >>> found = red_flags(Book.from_frames(deals=before).as_of("2026-05-17"))
    >>> found.filter(measure="new_deals").select("value", pl.col("expected").round(), "is_plain_flag", "is_flag").row(0)
    (0.0, 179.0, False, True)
    """
    if weeks < FEWEST_WEEKS:
        raise UsageError("targets.few_weeks", weeks=weeks, fewest=FEWEST_WEEKS)
    clock = calendar or Calendar.china()
    rows = snapshot.sql(
        "FROM targets.weekly(as_of := $as_of, n_weeks := $weeks) ORDER BY NOT is_company, unit_id NULLS LAST, week_start_on",
        weeks=weeks,
    )
    if rows.is_empty():
        return pl.DataFrame(schema=SCHEMA)
    happened = pl.sum_horizontal("new_deals", "won_deals", "lost_deals", "activities").sum().over("unit_id", "is_company") > 0
    grid = _Grid(rows.filter(pl.col("is_company") | happened), clock)
    level = false_alarms_a_year / (52 * len(MEASURES))
    parts = [
        _judge(grid, measure, level).with_columns(order=pl.int_range(pl.len()), rank=pl.lit(n))
        for n, measure in enumerate(MEASURES)
    ]
    return pl.concat(parts).sort("order", "rank").select(SCHEMA.names()).cast(SCHEMA)


class _Grid:
    """The weekly rows as matrices, units by weeks, the week to judge last."""

    def __init__(self, rows: pl.DataFrame, calendar: Calendar) -> None:
        self.rows = rows
        mondays: list[dt.date] = rows["week_start_on"].unique().sort().to_list()
        self.n_weeks = len(mondays)
        self.last = rows.filter(week_start_on=mondays[-1])
        self.days = np.array(
            [calendar.working_days(monday, monday + dt.timedelta(days=7)) for monday in mondays], dtype=np.float64
        )
        self.is_worked = self.days[:-1] > 0
        self.is_company: NDArray[np.bool_] = self.last["is_company"].to_numpy()

    def matrix(self, name: str) -> Floats:
        """Return a column as units by weeks."""
        return self.rows[name].cast(pl.Float64).to_numpy().reshape(-1, self.n_weeks)

    @property
    def is_judged(self) -> bool:
        """Whether there are weeks enough to compare with, and work was done in the last one."""
        return bool(self.is_worked.sum() >= FEWEST_WEEKS and self.days[-1] > 0)

    @property
    def silence(self) -> str:
        """Why something is not judged."""
        return "targets.flag_too_short" if self.days[-1] > 0 else "targets.flag_no_working_day"


def _judge(grid: _Grid, measure: str, level: float) -> pl.DataFrame:
    values = _values(grid, measure)
    nothing = np.full(len(values), np.nan)
    limits = _LIMITS[measure](grid, level) if grid.is_judged else Limits(nothing, nothing, nothing, nothing)
    is_flag = (limits.chance <= level) & (values[:, -1] < limits.expected)
    is_plain = _falls(values, -1) & _falls(values, -2)
    reasons = np.where(is_flag, "targets.flag_fall", np.where(is_plain, "targets.flag_chance", "targets.flag_quiet"))
    reasons = np.where(np.isnan(limits.chance), grid.silence, reasons)
    if measure == "win_rate" and grid.is_judged:
        reasons = np.where(np.isnan(values[:, -1]), "targets.flag_nothing_closed", reasons)
    return grid.last.select("unit_id", "unit_name", "is_company", "week_start_on").with_columns(
        measure=pl.lit(measure),
        value=_series(values[:, -1]),
        expected=_series(limits.expected),
        low=_series(limits.low),
        high=_series(limits.high),
        change_share=_series(_change(values)),
        is_plain_flag=pl.Series(is_plain),
        is_flag=pl.Series(is_flag),
        chance_share=_series(limits.chance),
        explanation=pl.Series(reasons.astype(object), dtype=pl.String),
        n_weeks=pl.lit(int(grid.is_worked.sum())),
        amount=grid.last["won_amount"] if measure == "won_amount" else pl.lit(None, pl.Decimal(38, 2)),
    )


def _values(grid: _Grid, measure: str) -> Floats:
    if measure != "win_rate":
        return grid.matrix(measure)
    won, closed = grid.matrix("won_deals"), grid.matrix("won_deals") + grid.matrix("lost_deals")
    return np.divide(won, closed, out=np.full_like(won, np.nan), where=closed > 0)


def _falls(values: Floats, week: int) -> NDArray[np.bool_]:
    """Return whether a week, counted from the end, fell by more than 15 % from the one before it."""
    if values.shape[1] < 1 - week:
        return np.zeros(len(values), dtype=np.bool_)
    found: NDArray[np.bool_] = values[:, week] < (1 - PLAIN_FALL) * values[:, week - 1]
    return found


def _change(values: Floats) -> Floats:
    if values.shape[1] < 2:
        return np.full(len(values), np.nan)
    before = values[:, -2]
    return np.divide(values[:, -1], before, out=np.full_like(before, np.nan), where=before > 0) - 1


def _of_counts(name: str) -> Callable[[_Grid, float], Limits]:
    def limits(grid: _Grid, level: float) -> Limits:
        return _of_matrix(grid, grid.matrix(name), level, whole=True)

    return limits


def _of_amounts(grid: _Grid, level: float) -> Limits:
    """Judge sums of money as counts in units of their size."""
    amounts, squares, wins = (grid.matrix(name)[:, :-1] for name in ("won_amount", "won_squares", "won_deals"))
    n = max(float(wins.sum()), 1.0)
    if amounts.sum() <= 0:
        nothing = np.full(len(amounts), np.nan)
        return Limits(nothing, nothing, nothing, nothing)
    common = _PRIOR_WINS * squares.sum() / n, _PRIOR_WINS * amounts.sum() / n
    size = (squares.sum(axis=1) + common[0]) / (amounts.sum(axis=1) + common[1])
    found = _of_matrix(grid, grid.matrix("won_amount") / size[:, None], level, whole=False)
    return Limits(found.expected * size, found.low * size, found.high * size, found.chance)


def _of_matrix(grid: _Grid, values: Floats, level: float, *, whole: bool) -> Limits:
    before, days = values[:, :-1][:, grid.is_worked], grid.days[:-1][grid.is_worked]
    beyond = spread_beyond_chance(before, days)
    alpha = shared_spread(beyond, before.sum(axis=1), grid.is_company, len(days), level)
    return count_limits(before, days, values[:, -1], float(grid.days[-1]), alpha, level, whole)


def _of_rates(grid: _Grid, level: float) -> Limits:
    won, lost = grid.matrix("won_deals"), grid.matrix("lost_deals")
    before = (won[:, :-1].sum(axis=1), (won + lost)[:, :-1].sum(axis=1))
    return rate_limits(*before, won[:, -1], (won + lost)[:, -1], level)


_LIMITS: dict[str, Callable[[_Grid, float], Limits]] = {
    "new_deals": _of_counts("new_deals"),
    "won_deals": _of_counts("won_deals"),
    "won_amount": _of_amounts,
    "win_rate": _of_rates,
    "activities": _of_counts("activities"),
}


def _series(values: Floats) -> pl.Series:
    return pl.Series(values, dtype=pl.Float64).fill_nan(None)

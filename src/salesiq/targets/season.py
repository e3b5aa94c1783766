"""Season: how the tens of days of a quarter differ, from a year of results, and the months of a year, from two."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from salesiq.calendar import Calendar

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

FEWEST_DAYS, FEWEST_DAYS_OF_MONTHS = 365, 730
_PRIOR_RESULTS = 20.0  # a part of the year leans on the mean of all as if it had seen twenty of its results


@dataclass(frozen=True)
class Season:
    """Factors by month and third of a month, with mean one over working days: what a working day brings then."""

    factors: Floats

    def days(self, start_on: dt.date, end_on: dt.date, calendar: Calendar) -> float:
        """Return the working days of [start_on, end_on), each counted as much as its part of the year brings."""
        return float(self.factors[_parts(_working(start_on, end_on, calendar))].sum())


LEVEL = Season(np.ones((12, 3)))


def season_of(seen: pl.DataFrame, first_on: dt.date, until_on: dt.date, calendar: Calendar) -> Season:
    """Return the season of one measure, whose results begin at `first_on`; none (all ones) where a year is not known.

    `seen` has `year`, `month`, `third` (0 to 2: days 1-10, 11-20, 21-) and `n` results. Whole quarters back from `until_on`
    are looked at. From a year on the nine thirds of a quarter differ (quarter ends are busy); from two years on the twelve
    months besides. Each is shrunk towards one by twenty results.
    """
    if (until_on - first_on).days < FEWEST_DAYS:
        return LEVEL
    end_on = dt.date(until_on.year, (until_on.month - 1) // 3 * 3 + 1, 1)
    has_months = (until_on - first_on).days >= FEWEST_DAYS_OF_MONTHS
    n_quarters = max((end_on - first_on).days // 91, 1)
    if has_months:
        n_quarters -= n_quarters % 4  # every month as often as every other
    back = end_on.year * 4 + (end_on.month - 1) // 3 - n_quarters
    begin_on = dt.date(back // 4, back % 4 * 3 + 1, 1)
    days = np.zeros((12, 3))
    np.add.at(days, _parts(_working(begin_on, end_on, calendar)), 1.0)
    whole = seen.filter(pl.date("year", "month", 1).is_between(begin_on, end_on, closed="left"))
    counts = np.zeros((12, 3))
    np.add.at(counts, (whole["month"].to_numpy() - 1, whole["third"].to_numpy()), whole["n"].to_numpy().astype(np.float64))
    if counts.sum() == 0 or days.sum() == 0:
        return LEVEL
    expected = counts.sum() * days / days.sum()
    factors = np.tile(_shrunk(counts.reshape(4, 3, 3).sum(axis=0), expected.reshape(4, 3, 3).sum(axis=0)), (4, 1))
    if has_months:
        factors = factors * _shrunk(counts.sum(axis=1), (expected * factors).sum(axis=1))[:, None]
    return Season(factors * days.sum() / (factors * days).sum())


def _shrunk(counts: Floats, expected: Floats) -> Floats:
    found: Floats = (counts + _PRIOR_RESULTS) / (expected + _PRIOR_RESULTS)
    return found


def _working(start_on: dt.date, end_on: dt.date, calendar: Calendar) -> pl.Series:
    frame = calendar.frame()
    return frame.filter(pl.col("day").is_between(start_on, end_on, closed="left") & pl.col("is_working_day"))["day"]


def _parts(days: pl.Series) -> tuple[Ints, Ints]:
    """Return the month (from 0) and the third of the month of each day."""
    thirds = np.minimum((days.dt.day().to_numpy().astype(np.int64) - 1) // 10, 2)
    return days.dt.month().to_numpy().astype(np.int64) - 1, thirds

"""Bookable deals: what a forecast of bookings reads of each deal, and the day from which its days are counted."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl
from numpy.typing import NDArray

from salesiq.book import Snapshot

Floats = NDArray[np.float64]
_KEY = "forecast.bookable_deals"
_DAY = dt.timedelta(days=1)


def bookable(snapshot: Snapshot) -> pl.DataFrame:
    """Return the rows of `forecast.bookable_deals`, by deal, from the snapshot's cache where they are there already."""
    kept = snapshot.cache.get(_KEY)
    if not isinstance(kept, pl.DataFrame):
        kept = snapshot.run("forecast.bookable_deals", order=("deal_id",))
        snapshot.cache[_KEY] = kept
    return kept


def day_zero(as_of: dt.datetime) -> dt.date:
    """Return the date of day 0 of simulated wins: the nearest midnight ends it. Day 1 is the date after it.

    >>> day_zero(dt.datetime(2026, 6, 30, 20)), day_zero(dt.datetime(2026, 7, 1)), day_zero(dt.datetime(2026, 7, 1, 9))
    (datetime.date(2026, 6, 30), datetime.date(2026, 6, 30), datetime.date(2026, 6, 30))
    """
    return (as_of + dt.timedelta(hours=12)).date() - _DAY


def days_before(moments: pl.Series, as_of: dt.datetime) -> Floats:
    """Return by how many days each moment lies before `as_of`; NaN for a null.

    >>> days_before(pl.Series([dt.datetime(2026, 1, 1), None]), dt.datetime(2026, 1, 3)).tolist()
    [2.0, nan]
    """
    left = moments.to_frame("at").select((pl.lit(as_of) - pl.col("at")).dt.total_microseconds() / 86400e6)
    found: Floats = left.to_series().cast(pl.Float64).fill_null(np.nan).to_numpy()
    return found


def known_won(snapshot: Snapshot) -> tuple[pl.DataFrame, bool]:
    """Return the won deals whose amount a forecast may learn from, and whether it was only told after the snapshot's moment.

    A book's first export tells the amounts of all deals won before it. They are taken where nothing better is there: what was
    agreed at a win does not depend on what came after it. The amount of a deal that was open is never taken so.
    """
    won = bookable(snapshot).filter((pl.col("status") == "won") & pl.col("closed_at").is_not_null())
    priced = won.filter(pl.col("cents").is_not_null())
    told_then = priced.filter(~pl.col("is_hindsight"))
    is_late = told_then.height < min(LEAST_WON, priced.height)
    return (priced if is_late else told_then), is_late


#: fewer won amounts than this are too few to draw from
LEAST_WON = 20

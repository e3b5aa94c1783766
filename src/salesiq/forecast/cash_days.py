"""Days on which money and invoices are booked: where the books are closed on days off, what falls on them waits."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from salesiq.calendar import Calendar
from salesiq.forecast.lag_law import Waits

Ints = NDArray[np.int64]

#: the books are closed on days off where fewer of what they hold than this share, of so many, was booked on one
CLOSED_SHARE, FEWEST = 0.02, 50
_FIRST = int(np.datetime64("2000-01-01").astype(int))  # of the calendar, in days from 1970


@dataclass(frozen=True)
class BookedDays:
    """Whether something is booked on working days only; days are numbers from 1970."""

    is_strict: bool

    def following(self, days: Ints) -> Ints:
        """Return the day on which what happens on each of `days` is booked: itself, or the next working day."""
        if not self.is_strict:
            return days
        found: Ints = _next_open()[np.clip(days - _FIRST, 0, len(_next_open()) - 1)] + days
        return found

    def last_booked(self, day: int) -> int:
        """Return the last day up to `day` on which anything could be booked."""
        return day - int(_days_off_before()[day + 1 - _FIRST]) if self.is_strict else day

    def spread(self, waits: Waits, began: Ints, last_on: int) -> Waits:
        """Return the waits as they ended before booking: in equal parts on the booked day and the days off before it.

        What had not ended was last seen on the last working day. `began` is the day from which each wait counts.
        """
        if not self.is_strict:
            return waits
        seen = np.where(waits.is_over, waits.until, np.minimum(waits.until, self.last_booked(last_on) - began))
        on = np.clip(began + seen - _FIRST, 0, len(_next_open()) - 1)
        n = np.where(waits.is_over & (_next_open()[on] == 0), _days_off_before()[on] + 1, 1)
        row = np.repeat(np.arange(len(n)), n)
        back = np.arange(len(row)) - np.repeat(np.cumsum(n) - n, n)
        until = np.maximum(seen[row] - back, waits.entry[row])
        weight = waits.weight / n
        return Waits(waits.entry[row], until, waits.is_over[row], weight[row], waits.group[row], waits.item[row])


def booked_days(days: Ints) -> BookedDays:
    """Return how days in the books keep to working days.

    >>> monday = np.datetime64("2026-06-01").astype(int)
    >>> booked_days(monday + np.arange(60) % 4).is_strict, booked_days(monday + np.arange(60)).is_strict
    (True, False)
    """
    if len(days) < FEWEST:
        return BookedDays(is_strict=False)
    on = np.clip(days - _FIRST, 0, len(_next_open()) - 1)
    return BookedDays(is_strict=float((_next_open()[on] > 0).mean()) < CLOSED_SHARE)


@cache
def _next_open() -> Ints:
    """Return for each day of the calendar how many days lie between it and the first working day from it on."""
    is_open = Calendar.china().is_working
    days = np.arange(len(is_open))
    following = np.minimum.accumulate(np.where(is_open, days, len(days) - 1)[::-1])[::-1]
    return (following - days).astype(np.int64)


@cache
def _days_off_before() -> Ints:
    """Return for each day of the calendar how many days off lie directly before it."""
    is_open = Calendar.china().is_working
    days = np.arange(len(is_open))
    last = np.maximum.accumulate(np.where(is_open, days, -1))
    return np.concatenate([[0], days[1:] - 1 - last[:-1]]).astype(np.int64)

"""The days that bookings are told for: a period, or the coming days."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from salesiq.calendar import Period
from salesiq.errors import UsageError
from salesiq.forecast.bookable import day_zero

_DAY = dt.timedelta(days=1)


@dataclass(frozen=True)
class BookingWindow:
    """The days start_on <= day < end_on; `name` is the period's, or the two days of ISO 8601 with a slash between."""

    start_on: dt.date
    end_on: dt.date
    name: str

    @classmethod
    def of(cls, as_of: dt.datetime, period: str | None, until: dt.date | str | None, days: int | None) -> BookingWindow:
        """Return the window of what a caller named: by default the calendar quarter of the moment.

        `until` is the last day, `days` a number of them; both begin with the day after the moment's.
        """
        if sum(given is not None for given in (period, until, days)) > 1:
            raise UsageError("bookings.one_window")
        zero = day_zero(as_of)
        if until is None and days is None:
            named = Period.covering(zero, "quarter") if period is None else Period.parse(period)
            return cls(named.start_on, named.end_on, named.name)
        end_on = _day(until) + _DAY if until is not None else zero + (_count(days) + 1) * _DAY
        if end_on <= zero + _DAY:
            raise UsageError("bookings.ends_before", until=until, as_of=zero)
        return cls(zero + _DAY, end_on, f"{zero + _DAY}/{end_on}")

    def last_day(self, as_of: dt.datetime) -> int:
        """Return the number of the window's last day, counted as simulated wins count them; below 1 where it is over."""
        return (self.end_on - day_zero(as_of)).days - 1

    def first_day(self, as_of: dt.datetime) -> int:
        """Return the number of the window's first day that is still to come."""
        return max((self.start_on - day_zero(as_of)).days, 1)

    def year_before(self) -> BookingWindow:
        """Return the same days a year earlier; 29 February is 28 February there."""
        return BookingWindow(_year_before(self.start_on), _year_before(self.end_on), "")


def _day(until: dt.date | str) -> dt.date:
    if isinstance(until, dt.datetime):
        return until.date()
    if isinstance(until, dt.date):
        return until
    try:
        return dt.date.fromisoformat(until)
    except (TypeError, ValueError):
        raise UsageError("calendar.bad_moment", value=repr(until)) from None


def _count(days: object) -> int:
    if isinstance(days, bool) or not isinstance(days, int) or days < 1:
        raise UsageError("bookings.bad_count", name="days", value=repr(days))
    return days


def _year_before(day: dt.date) -> dt.date:
    try:
        return day.replace(year=day.year - 1)
    except ValueError:
        return day.replace(year=day.year - 1, day=28)

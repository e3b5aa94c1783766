"""Fiscal periods: a year, a quarter or a month, half-open."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Literal

from salesiq.calendar.days import Calendar
from salesiq.calendar.moments import parse_moment
from salesiq.errors import UsageError

__all__ = ["Grain", "Period", "periods_between"]

Grain = Literal["year", "quarter", "month"]
GRAIN_MONTHS: dict[Grain, int] = {"year": 12, "quarter": 3, "month": 1}

_NAME = re.compile(r"([1-9][0-9]{3})(?:-Q([1-4])|-(0[1-9]|1[0-2]))?")


@dataclass(frozen=True, order=True)
class Period:
    """The days start_on <= day < end_on of one year, quarter or month.

    Years and quarters are fiscal: with `fiscal_year_start_month` 4, "2026" is April 2026 to March 2027 (named after
    the calendar year in which it begins) and "2026-Q1" April to June 2026. A month "2026-04" is always the calendar
    month. Periods sort by time.

    >>> Period.parse("2026-Q2").previous().name
    '2026-Q1'
    """

    start_on: date
    end_on: date
    grain: Grain
    fiscal_year_start_month: int = 1

    @classmethod
    def parse(cls, name: str, fiscal_year_start_month: int = 1) -> Period:
        """Return the period named "2026", "2026-Q2" or "2026-04"; another text raises UsageError (calendar.bad_period).

        >>> period = Period.parse("2026-Q2")
        >>> str(period.start_on), str(period.end_on)
        ('2026-04-01', '2026-07-01')
        """
        found = _NAME.fullmatch(name.strip()) if isinstance(name, str) else None
        if found is None or int(found[1]) > 9997:  # the end must still be a date
            raise UsageError("calendar.bad_period", value=repr(name))
        year, quarter, month = int(found[1]), found[2], found[3]
        start_month = _checked(fiscal_year_start_month)
        if month:
            return _starting(year * 12 + int(month) - 1, "month", start_month)
        first = year * 12 + start_month - 1
        if quarter:
            return _starting(first + (int(quarter) - 1) * 3, "quarter", start_month)
        return _starting(first, "year", start_month)

    @classmethod
    def covering(cls, day: date, grain: Grain, fiscal_year_start_month: int = 1) -> Period:
        """Return the year, quarter or month in which `day` lies.

        >>> Period.covering(date(2026, 2, 14), "quarter", fiscal_year_start_month=4).name
        '2025-Q4'
        """
        if grain not in GRAIN_MONTHS:
            raise UsageError("calendar.bad_grain", value=repr(grain), allowed=", ".join(GRAIN_MONTHS))
        start_month = _checked(fiscal_year_start_month)
        month = day.year * 12 + day.month - 1
        return _starting(month - (month - start_month + 1) % GRAIN_MONTHS[grain], grain, start_month)

    @property
    def name(self) -> str:
        """The name that `parse` reads: "2026", "2026-Q2" or "2026-04"."""
        if self.grain == "month":
            return f"{self.start_on:%Y-%m}"
        years, months = divmod(_month(self.start_on) - self.fiscal_year_start_month + 1, 12)
        return f"{years:04d}" if self.grain == "year" else f"{years:04d}-Q{months // 3 + 1}"

    def previous(self) -> Period:
        """Return the period of the same grain that ends where this one starts."""
        return self._moved(-1)

    def following(self) -> Period:
        """Return the period of the same grain that starts where this one ends."""
        return self._moved(1)

    def _moved(self, n: int) -> Period:
        return _starting(_month(self.start_on) + n * GRAIN_MONTHS[self.grain], self.grain, self.fiscal_year_start_month)

    def contains(self, day: date) -> bool:
        """Return whether a date or a naive datetime lies in the period.

        >>> june = Period.parse("2026-06")
        >>> june.contains(datetime(2026, 6, 30, 23, 59)), june.contains(date(2026, 7, 1))
        (True, False)
        """
        return self.start_on.toordinal() <= day.toordinal() < self.end_on.toordinal()

    def elapsed_share(self, as_of: date | datetime | str, calendar: Calendar) -> float:
        """Return the share of the period's working time that has passed at `as_of`, 0 before it to 1 after it.

        Counted in working days; the day of `as_of` itself by the calendar's clock, a plain date being complete. Where
        the period has no working day at all, ordinary time is counted instead.

        >>> Period.parse("2026-06").elapsed_share("2026-06-15", Calendar.china())  # 11 of 21 days: the 15th is over
        0.5238095238095238
        """
        start_at, end_at = (datetime.combine(day, time.min) for day in (self.start_on, self.end_on))
        moment = min(max(parse_moment(as_of), start_at), end_at)
        total = calendar.working_hours_between(start_at, end_at)
        if total == 0:
            return (moment - start_at) / (end_at - start_at)
        return calendar.working_hours_between(start_at, moment) / total


def periods_between(start_on: date, end_on: date, grain: Grain, fiscal_year_start_month: int = 1) -> tuple[Period, ...]:
    """Return the periods that share a day with [start_on, end_on), in order; none where end_on <= start_on.

    >>> [period.name for period in periods_between(date(2025, 11, 20), date(2026, 2, 1), "month")]
    ['2025-11', '2025-12', '2026-01']
    """
    period = Period.covering(start_on, grain, fiscal_year_start_month)
    found = []
    while start_on < end_on and period.start_on < end_on:
        found.append(period)
        period = period.following()
    return tuple(found)


def _month(day: date) -> int:
    return day.year * 12 + day.month - 1


def _starting(month: int, grain: Grain, fiscal_year_start_month: int) -> Period:
    ends = month + GRAIN_MONTHS[grain]
    return Period(date(month // 12, month % 12 + 1, 1), date(ends // 12, ends % 12 + 1, 1), grain, fiscal_year_start_month)


def _checked(start_month: int) -> int:
    if start_month not in range(1, 13):
        raise UsageError("calendar.bad_start_month", value=repr(start_month))
    return start_month

"""Windows: the half-open days that a target is for, a calendar period or days of its own."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from salesiq.calendar import Calendar, Period
from salesiq.errors import UsageError

__all__ = ["Window", "window_name"]


@dataclass(frozen=True, order=True)
class Window:
    """The days start_on <= day < end_on of a period with targets; sorts by time."""

    start_on: dt.date
    end_on: dt.date
    name: str

    @classmethod
    def parse(cls, name: str) -> Window:
        """Return the window of "2026", "2026-Q2", "2026-04", or of days of its own, "2011-12-29/2012-03-30" (ISO 8601).

        Raises UsageError for another text (calendar.bad_period) and for days that end before they begin.

        >>> str(Window.parse("2026-Q2").end_on), str(Window.parse("2011-12-29/2012-03-30").end_on)
        ('2026-07-01', '2012-03-30')
        """
        if "/" not in name:
            period = Period.parse(name)
            return cls(period.start_on, period.end_on, period.name)
        try:
            start_on, end_on = (dt.date.fromisoformat(part) for part in name.split("/"))
        except ValueError:
            raise UsageError("calendar.bad_period", value=repr(name)) from None
        if end_on <= start_on:
            raise UsageError("targets.window_ends_first", window=name)
        return cls(start_on, end_on, name)

    def elapsed_share(self, moment: dt.datetime, calendar: Calendar) -> float:
        """Return the share of the window's working time that has passed at `moment`."""
        return Period(self.start_on, self.end_on, "month").elapsed_share(moment, calendar)

    def contains(self, day: dt.date) -> bool:
        """Return whether the day lies in the window."""
        return self.start_on <= day < self.end_on


def window_name(name: str | None) -> str | None:
    """Return the name of a period as the book keeps it, None for None; raises UsageError where it cannot be read."""
    return None if name is None else Window.parse(name).name

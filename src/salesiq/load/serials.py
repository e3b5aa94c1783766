"""Dates that are stored as numbers: days of a spreadsheet, seconds or milliseconds of a computer clock."""

from __future__ import annotations

import datetime as dt
import re

from salesiq.load.amounts import Unreadable

__all__ = ["SERIALS", "from_serial"]

SERIALS = ("excel", "excel1904", "unix", "unix_ms")
"""Words for `format` in a mapping; without them a number is never taken for a date."""

_NUMBER = re.compile(r"([0-9]{1,13})(?:\.([0-9]{1,15}))?")
_DAY = dt.timedelta(days=1)
_MILLISECONDS = 86_400_000
_LEAP_THAT_NEVER_WAS = 60  # Excel counts 1900-02-29


def from_serial(text: str, kind: str) -> dt.datetime | None:
    """Return the moment that a number stands for, in UTC where it is a computer's clock; None for what is no number.

    >>> from_serial("46083", "excel"), from_serial("44621.5", "excel1904")
    (datetime.datetime(2026, 3, 2, 0, 0), datetime.datetime(2026, 3, 2, 12, 0))
    >>> from_serial("1767378600", "unix")
    datetime.datetime(2026, 1, 2, 18, 30, tzinfo=datetime.timezone.utc)
    """
    found = _NUMBER.fullmatch(text)
    if found is None:
        return None
    whole, part = int(found[1]), found[2] or "0"
    try:
        if kind in ("excel", "excel1904"):
            return _of_sheet(whole, part, dt.datetime(1904, 1, 1) if kind == "excel1904" else dt.datetime(1899, 12, 30))
        shift = 6 if kind == "unix" else 3
        micro = whole * 10**shift + int(part.ljust(shift, "0")[:shift])
        return dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(microseconds=micro)
    except OverflowError as error:
        raise Unreadable("reason_date_year") from error


def _of_sheet(days: int, part: str, origin: dt.datetime) -> dt.datetime:
    """A sheet keeps the time as a share of the day, to about a tenth of a millisecond; whole milliseconds are meant."""
    if days <= _LEAP_THAT_NEVER_WAS:
        raise Unreadable("reason_date_year")
    thousandths = (int(part) * _MILLISECONDS * 2 + 10 ** len(part)) // (2 * 10 ** len(part))
    return origin + days * _DAY + dt.timedelta(milliseconds=thousandths)

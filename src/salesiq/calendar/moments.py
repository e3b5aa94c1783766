"""Reading of moments: every `as_of` that a user writes becomes one naive datetime in the company's time zone."""

from __future__ import annotations

import re
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from salesiq.errors import UsageError

__all__ = ["parse_moment"]

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def parse_moment(value: object, zone: str = "Asia/Shanghai") -> datetime:
    """Return the naive datetime in `zone` that `value` (a date, a datetime or ISO text) means.

    A date, or the text of one, means the end of that day: what was recorded on the day is known. A datetime with an
    offset is converted to `zone`; one without is taken as already in it. Text is extended ISO 8601 ("2026-01-31",
    "2026-01-31T20:00", "2026-01-31 20:00+08:00"); "20260131", week dates, numbers, booleans and missing values raise
    UsageError (calendar.bad_moment), an unknown zone UsageError (calendar.bad_zone).

    >>> parse_moment("2026-01-31")
    datetime.datetime(2026, 1, 31, 23, 59, 59, 999999)
    >>> parse_moment("2026-01-31T12:00Z")
    datetime.datetime(2026, 1, 31, 20, 0)
    """
    company = _zone(zone)
    try:
        moment = _read(value)
        if moment.tzinfo is not None:
            moment = moment.astimezone(company)
        # rebuilt from its parts: a pandas Timestamp becomes a plain datetime, and NaT raises here
        return datetime.combine(moment.date(), moment.time())
    except (TypeError, ValueError, OverflowError):
        raise UsageError("calendar.bad_moment", value=repr(value)) from None


def _read(value: object) -> datetime:
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime.combine(value, time.max)
    if not isinstance(value, str):
        raise TypeError(type(value))
    words = value.strip()
    if _DAY.fullmatch(words):
        return datetime.combine(date.fromisoformat(words), time.max)
    if not _DAY.match(words):
        raise ValueError(words)
    return datetime.fromisoformat(words)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # OSError: a name such as "Asia" is a folder of the zone database
        raise UsageError("calendar.bad_zone", zone=repr(name)) from None

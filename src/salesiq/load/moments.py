"""Dates and times as exports write them: read when there is one meaning, refused when there are two."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from zoneinfo import ZoneInfo

from salesiq.load.amounts import Unreadable, plain

__all__ = ["FIRST_YEAR", "LAST_YEAR", "moment"]

FIRST_YEAR, LAST_YEAR = 1990, 2100
_LONGEST = 60
_YEAR_FIRST = re.compile(
    r"([0-9]{4})(?:-([0-9]{1,2})-([0-9]{1,2})|/([0-9]{1,2})/([0-9]{1,2})|\.([0-9]{1,2})\.([0-9]{1,2})"
    r"|\s?年\s?([0-9]{1,2})\s?月\s?([0-9]{1,2})\s?日)"
    r"(?:(?:T|\s{0,2})([0-9]{1,2})(?::|时|点)([0-9]{1,2})(?:(?::|分)([0-9]{1,2})(?:[.]([0-9]{1,9}))?秒?|分)?)?"
    r"\s?(Z|[+-][0-9]{2}:?[0-9]{2})?"
)
_DAY_OR_MONTH_FIRST = re.compile(r"[0-9]{1,2}[-/.][0-9]{1,2}[-/.][0-9]{2,4}(?:\s.*)?")


def moment(text: str, formats: Sequence[str] = (), zone: str = "Asia/Shanghai") -> dt.datetime:
    """Read one date or time; a date is its midnight. A time with an offset is turned to `zone`; the result is naive
    in it.

    `formats` (as `strptime` takes them) are tried first. Without them only forms that begin with the year are read:
    03/04/2026 has two meanings. Raises `Unreadable`.

    >>> moment("2026年1月3日"), moment("03/04/2026", formats=["%d/%m/%Y"])
    (datetime.datetime(2026, 1, 3, 0, 0), datetime.datetime(2026, 4, 3, 0, 0))
    >>> moment("2026-01-02T18:30:00Z")
    datetime.datetime(2026, 1, 3, 2, 30)
    """
    cleaned = plain(text)
    if len(cleaned) > _LONGEST:
        raise Unreadable("reason_date")
    value = _by_formats(cleaned, formats) or _year_first(cleaned)
    if value.tzinfo is not None:
        value = value.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    if not FIRST_YEAR <= value.year <= LAST_YEAR:
        raise Unreadable("reason_date_year")
    return value


def _by_formats(text: str, formats: Sequence[str]) -> dt.datetime | None:
    for form in formats:
        try:
            return dt.datetime.strptime(text, form)
        except ValueError:
            continue
    return None


def _year_first(text: str) -> dt.datetime:
    found = _YEAR_FIRST.fullmatch(text)
    if found is None:
        raise Unreadable("reason_date_order" if _DAY_OR_MONTH_FIRST.fullmatch(text) else "reason_date")
    year, *rest = found.groups()
    month, day = (part for part in rest[:8] if part is not None)
    hour, minute, second, fraction, offset = rest[8:]
    try:
        value = dt.datetime(
            int(year),
            int(month),
            int(day),
            int(hour or 0),
            int(minute or 0),
            int(second or 0),
            int((fraction or "0").ljust(6, "0")[:6]),
        )
        return value.replace(tzinfo=_offset(offset)) if offset else value
    except ValueError as error:
        raise Unreadable("reason_date_impossible") from error


def _offset(text: str) -> dt.timezone:
    if text == "Z":
        return dt.UTC
    sign = -1 if text[0] == "-" else 1
    return dt.timezone(sign * dt.timedelta(hours=int(text[1:3]), minutes=int(text[-2:])))

"""Dates and times as exports write them: read when there is one meaning, refused when there are two."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from zoneinfo import ZoneInfo

from salesiq.load.amounts import Unreadable, plain
from salesiq.load.clocks import Clock, clock, placed
from salesiq.load.serials import SERIALS, from_serial

__all__ = ["FIRST_YEAR", "FORMAT_WORDS", "LAST_YEAR", "LAST_YEAR_OF_FACTS", "moment"]

FIRST_YEAR, LAST_YEAR = 1990, 2100
LAST_YEAR_OF_FACTS = 2049
"""What has happened cannot lie beyond it: 2062 is a year of two digits, taken for the wrong century. Plans may."""

ORDERS = ("dmy", "mdy")
FORMAT_WORDS = (*SERIALS, *ORDERS)
"""Words that `format` in a mapping may hold beside forms such as `%d/%m/%Y`."""

_LONGEST = 60
_MONTHS = (
    *("jan|january", "feb|february", "mar|march", "apr|april", "may", "jun|june"),
    *("jul|july", "aug|august", "sep|sept|september", "oct|october", "nov|november", "dec|december"),
)
_MONTH_NAMES = {name: number for number, names in enumerate(_MONTHS, 1) for name in names.split("|")}
_NAME = "|".join(sorted(_MONTH_NAMES, key=len, reverse=True))
_DAYS = {"mon": 0, "tue": 1, "wed": 2, "thu": 3, "fri": 4, "sat": 5, "sun": 6} | dict(
    zip("一二三四五六日天", "01234566", strict=True)
)
_WEEKDAY = r"(?:\s?[(]?(?:星期|周|礼拜)(?P<weekday>[一二三四五六日天])[)]?)?"
_REST = r"(?:(?:T|\s{1,2}|,\s?|(?<=[日号)]))(?P<clock>.+))?"
_YEAR_FIRST = re.compile(
    r"(?P<year>[0-9]{4})(?:(?P<sign>[-/.])(?P<month>[0-9]{1,2})(?P=sign)(?P<day>[0-9]{1,2}))" + _WEEKDAY + _REST, re.IGNORECASE
)
_CHINESE = re.compile(
    r"(?P<year>[0-9]{4}|[0-9]{2})\s?年\s?(?P<month>[0-9]{1,2})\s?月\s?(?P<day>[0-9]{1,2})\s?[日号]"
    + _WEEKDAY
    + r"(?:T|\s{0,2})(?P<clock>[^T\s].*)?"
)
_COMPACT = re.compile(
    r"(?P<year>[0-9]{4})(?P<month>[0-9]{2})(?P<day>[0-9]{2})"
    r"(?:[T ]?(?P<hour>[0-9]{2})(?P<minute>[0-9]{2})(?P<second>[0-9]{2})?(?P<zone>Z|[+-][0-9]{2}:?[0-9]{2})?)?"
)
_DAY_NAME = r"(?:(?P<weekday>mon|tue|wed|thu|fri|sat|sun)[a-z]{0,6}\.?,?\s{1,2})?"
_NAMED = (
    re.compile(
        _DAY_NAME
        + rf"(?P<day>[0-9]{{1,2}})(?:st|nd|rd|th)?[-\s/.]{{1,2}}(?P<name>{_NAME})\.?,?[-\s/.]{{1,2}}(?P<year>[0-9]{{4}})"
        r"(?:(?:,?\s{1,2}|T|:)(?P<clock>.+))?",
        re.IGNORECASE,
    ),
    re.compile(
        _DAY_NAME + rf"(?P<name>{_NAME})\.?\s{{1,2}}(?P<day>[0-9]{{1,2}})(?:st|nd|rd|th)?,?\s{{1,2}}(?P<year>[0-9]{{4}})"
        r"(?:(?:,?\s{1,2}|T)(?P<clock>.+))?",
        re.IGNORECASE,
    ),
    re.compile(
        rf"(?P<weekday>)(?P<year>[0-9]{{4}})[-\s/.](?P<name>{_NAME})\.?[-\s/.](?P<day>[0-9]{{1,2}})(?:(?:\s{{1,2}}|T)(?P<clock>.+))?",
        re.IGNORECASE,
    ),
)
_YEAR_LAST = re.compile(
    r"(?P<first>[0-9]{1,2})(?P<sign>[-/.])(?P<second>[0-9]{1,2})(?P=sign)(?P<year>[0-9]{4})(?:(?:,?\s{1,2}|T)(?P<clock>.+))?"
)
_TWO_DIGITS = re.compile(
    rf"(?:[0-9]{{1,2}}[-/.][0-9]{{1,2}}[-/.][0-9]{{2}}|[0-9]{{1,2}}[-\s](?:{_NAME})[-\s][0-9]{{2}})(?:\s.*)?", re.IGNORECASE
)


def moment(text: str, formats: Sequence[str] = (), zone: str = "Asia/Shanghai", source_zone: str | None = None) -> dt.datetime:
    """Read one date or time; a date is its midnight. A time with an offset is turned to `zone`; the result is naive
    in it. `source_zone` is the zone of times that bear none, where it is not `zone`.

    `formats` are tried first: as `strptime` takes them, or one of the words `dmy`, `mdy` (which comes first in 03/04/2026),
    `excel`, `excel1904` (days of a spreadsheet), `unix`, `unix_ms` (a computer's clock). Without them only forms that have
    one meaning are read: 03/04/2026 has two. Raises `Unreadable`.

    >>> moment("2026年1月3日 下午2点"), moment("03/04/2026", formats=["%d/%m/%Y"])
    (datetime.datetime(2026, 1, 3, 14, 0), datetime.datetime(2026, 4, 3, 0, 0))
    >>> moment("2026-01-02T18:30:00Z")
    datetime.datetime(2026, 1, 3, 2, 30)
    """
    cleaned = plain(text)
    if len(cleaned) > _LONGEST:
        raise Unreadable("reason_date")
    value = _by_formats(cleaned, formats) or _in_one_way(cleaned)
    if value.tzinfo is None and source_zone and not _is_day(cleaned, value):
        value = placed(value, ZoneInfo(source_zone))
    if value.tzinfo is not None:
        value = value.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    if not FIRST_YEAR <= value.year <= LAST_YEAR:
        raise Unreadable("reason_date_year")
    return value


def _is_day(text: str, value: dt.datetime) -> bool:
    """Whether a text names a day and no time: a day is the same in every zone."""
    return value.time() == dt.time() and ":" not in text and len(text) < len("20260103000000")


def _by_formats(text: str, formats: Sequence[str]) -> dt.datetime | None:
    for form in formats:
        value = _by_word(text, form) if form in FORMAT_WORDS else _by_form(text, form)
        if value is not None:
            return value
    return None


def _by_form(text: str, form: str) -> dt.datetime | None:
    try:
        return dt.datetime.strptime(text, form)
    except ValueError:
        return None


def _by_word(text: str, word: str) -> dt.datetime | None:
    if word in SERIALS:
        return from_serial(text, word)
    found = _YEAR_LAST.fullmatch(text)
    if found is None:
        return None
    first, second = int(found["first"]), int(found["second"])
    day, month = (first, second) if word == "dmy" else (second, first)
    if month > 12 >= day:
        raise Unreadable("reason_date_order")
    return _clock_of(found).on(int(found["year"]), month, day)


def _in_one_way(text: str) -> dt.datetime:
    for form in (_YEAR_FIRST, _CHINESE):
        if found := form.fullmatch(text):
            year = int(found["year"]) + (2000 if len(found["year"]) == 2 else 0)
            return _checked(_clock_of(found).on(year, int(found["month"]), int(found["day"])), found["weekday"])
    for form in _NAMED:
        if found := form.fullmatch(text):
            month = _MONTH_NAMES[found["name"].casefold()]
            return _checked(_clock_of(found).on(int(found["year"]), month, int(found["day"])), found["weekday"])
    if found := _COMPACT.fullmatch(text):
        return _compact(found)
    if _YEAR_LAST.fullmatch(text):
        raise Unreadable("reason_date_order")
    raise Unreadable("reason_date_two_digits" if _TWO_DIGITS.fullmatch(text) else "reason_date")


def _clock_of(found: re.Match[str]) -> Clock:
    return clock(found["clock"].strip()) if found["clock"] else Clock()


def _checked(value: dt.datetime, weekday: str | None) -> dt.datetime:
    """Return the moment; a weekday beside it must be its own."""
    if weekday and int(_DAYS[weekday.casefold()]) != value.weekday():
        raise Unreadable("reason_date_weekday")
    return value


def _compact(found: re.Match[str]) -> dt.datetime:
    """Read digits without marks, 20260103; other numbers of eight digits are no dates."""
    if not FIRST_YEAR <= int(found["year"]) <= LAST_YEAR:
        raise Unreadable("reason_date")
    hour, minute, second = (int(found[name] or 0) for name in ("hour", "minute", "second"))
    zone = clock(f"00:00{found['zone']}").zone if found["zone"] else None
    return Clock(hour, minute, second, 0, zone).on(int(found["year"]), int(found["month"]), int(found["day"]))

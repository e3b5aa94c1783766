"""The time of day as exports write it behind a date: 14:05, 下午2点05分, 2:05 PM, and the zone that it is told in."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from salesiq.load.amounts import Unreadable

__all__ = ["Clock", "clock", "placed", "zone_of"]

_CLOCK = re.compile(
    r"(?P<word>上午|下午|晚上|凌晨|早上|中午|傍晚|AM|PM)?\s?(?P<hour>[0-9]{1,2})"
    r"(?:(?::|时|点)(?P<minute>[0-9]{1,2})(?:(?::|分)(?P<second>[0-9]{1,2})(?:[.,](?P<fraction>[0-9]{1,9}))?秒?|分)?|[时点](?P<half>半|整)?"
    r"|(?=\s?[AP]\.?M))"
    r"\s?(?P<half_day>(?:AM|PM|A\.M\.|P\.M\.)(?![A-Z]))?"
    r"\s?(?P<zone>Z|(?:UTC|GMT)?[+-][0-9]{2}(?::?[0-9]{2})?|(?:UTC|GMT)(?:[+-][0-9]{1,2})?|\[?[A-Z][A-Za-z_]+/[A-Za-z_/+-]+\]?|\(?[A-Z]{2,5}\)?)?",
    re.IGNORECASE,
)
_OFFSET = re.compile(r"(?:UTC|GMT)?([+-])([0-9]{1,2}):?([0-9]{2})?", re.IGNORECASE)
_NIGHT = 24


def _until(first: int, last: int, shift: int) -> Callable[[int], int | None]:
    """Return what turns an hour that a word goes with: from `first` to `last` it is moved, a plain afternoon hour stays."""
    return lambda hour: hour + shift if first <= hour <= last else (hour if shift and 12 < hour < _NIGHT else None)


_WORDS: dict[str, Callable[[int], int | None]] = {
    "上午": lambda hour: 0 if hour == 12 else _until(0, 11, 0)(hour),
    "早上": _until(4, 11, 0),
    "凌晨": lambda hour: 0 if hour == 12 else _until(0, 5, 0)(hour),
    "中午": lambda hour: hour if hour in (11, 12) else _until(1, 2, 12)(hour),
    "下午": lambda hour: hour if hour == 12 else _until(1, 11, 12)(hour),
    "傍晚": _until(4, 8, 12),
    "晚上": _until(5, 11, 12),
    "AM": lambda hour: hour % 12 if 1 <= hour <= 12 else None,
    "PM": lambda hour: hour % 12 + 12 if 1 <= hour <= 12 else None,
}


@dataclass(frozen=True)
class Clock:
    """A time of day and the zone that stands behind it, where one does."""

    hour: int = 0
    minute: int = 0
    second: int = 0
    microsecond: int = 0
    zone: dt.tzinfo | None = None

    def on(self, year: int, month: int, day: int) -> dt.datetime:
        """Return the moment on a day; raises `Unreadable` for a day or a time that there is not."""
        try:
            value = dt.datetime(year, month, day, self.hour, self.minute, self.second, self.microsecond)
        except ValueError as error:
            raise Unreadable("reason_date_impossible") from error
        return value if self.zone is None else placed(value, self.zone)


def clock(text: str) -> Clock:
    """Read the time of day, and the zone behind it. Raises `Unreadable`.

    >>> clock("下午2点半").hour, clock("2:05 PM").hour, clock("14:05Z").zone
    (14, 14, datetime.timezone.utc)
    """
    found = _CLOCK.fullmatch(text)
    if found is None or (found["word"] and found["half_day"]):
        raise Unreadable("reason_date")
    hour: int | None = int(found["hour"])
    word = (found["word"] or found["half_day"] or "").upper().replace(".", "")
    if word:
        if word == "上午" and found["hour"] == "12" and ":" not in text:
            raise Unreadable("reason_date_time")  # 上午12点: midnight or noon?
        hour = _WORDS[word](int(found["hour"]))
    if hour is None:
        raise Unreadable("reason_date_time")
    minute = 30 if found["half"] == "半" else int(found["minute"] or 0)
    fraction = int((found["fraction"] or "0").ljust(6, "0")[:6])
    return Clock(hour, minute, int(found["second"] or 0), fraction, _zone(found["zone"]))


def _zone(text: str | None) -> dt.tzinfo | None:
    if not text:
        return None
    if text.upper() in ("Z", "UTC", "GMT", "(UTC)", "(GMT)"):
        return dt.UTC
    found = _OFFSET.fullmatch(text)
    if found is None:
        return zone_of(text.strip("[]"))
    ahead = dt.timedelta(hours=int(found[2]), minutes=int(found[3] or 0))
    if ahead >= dt.timedelta(hours=15):
        raise Unreadable("reason_date_zone")
    return dt.timezone(ahead if found[1] == "+" else -ahead)


@cache
def zone_of(name: str) -> ZoneInfo:
    """Return a zone by its full name; raises `Unreadable` for letters (CST is China's and Chicago's)."""
    if "/" not in name:
        raise Unreadable("reason_date_zone")
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise Unreadable("reason_date_zone") from error


def placed(value: dt.datetime, zone: dt.tzinfo) -> dt.datetime:
    """Return a naive moment in its zone; raises `Unreadable` where clocks pass over it, or show it twice."""
    early, late = value.replace(tzinfo=zone, fold=0), value.replace(tzinfo=zone, fold=1)
    if early.utcoffset() != late.utcoffset():
        raise Unreadable("reason_date_clock_change")
    return early

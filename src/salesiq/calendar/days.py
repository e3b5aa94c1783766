"""The working-day calendar: one table of days, 2000 to 2060, with cumulative counts: every question is a look-up."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from functools import cache, cached_property
from pathlib import Path
from typing import Literal

import chinese_calendar
import numpy as np
import numpy.typing as npt
import polars as pl

from salesiq.errors import UsageError

__all__ = ["FIRST_DAY", "LAST_DAY", "Base", "Calendar"]

FIRST_DAY, LAST_DAY = date(2000, 1, 1), date(2060, 12, 31)
N_DAYS = (LAST_DAY - FIRST_DAY).days + 1
DAY_US = 86_400_000_000
_EPOCH = date(1970, 1, 1)

Base = Literal["china", "weekdays"]
_YES_NO = {"1": True, "true": True, "是": True, "班": True, "0": False, "false": False, "否": False, "休": False}


@dataclass(frozen=True, eq=False)
class Calendar:
    """Which days are worked, and from when to when; immutable.

    Build it with `Calendar.china()`, `Calendar.from_days(...)` or `Calendar.from_csv(...)`. It covers 2000-01-01 to
    2060-12-31; a day outside raises UsageError (calendar.out_of_range). `guessed_years` are the years whose plan
    nobody announced: there, working days are Monday to Friday, and a report should say so.

    The clock runs from `opens` to `closes` without a break, so the default working day 09:00-18:00 has 9 hours: lunch
    is not deducted, for CRM and approval stamps fall into it too.

    >>> Calendar.china().is_working_day(date(2026, 2, 14)), Calendar.china().is_guess(2026)
    (True, False)
    """

    is_working: npt.NDArray[np.bool_]
    guessed_years: frozenset[int]
    opens: time = time(9)
    closes: time = time(18)

    def __post_init__(self) -> None:
        if self.opens >= self.closes:
            raise UsageError("calendar.bad_clock", opens=f"{self.opens:%H:%M}", closes=f"{self.closes:%H:%M}")
        self.is_working.setflags(write=False)

    @classmethod
    def china(cls) -> Calendar:
        """Return the calendar of the State Council's plans with make-up days (调休), from package chinesecalendar.

        Years without a plan there (before 2004, and those not announced yet) are guessed as Monday to Friday.
        """
        return _china()

    @classmethod
    def from_days(cls, days: Mapping[date, bool] | Iterable[date], on_top_of: Base = "china") -> Calendar:
        """Return a calendar in which the user's own `days` overrule the plan.

        The plan is China's or, with `on_top_of="weekdays"`, plain Monday to Friday. `days` says of each day whether
        it is worked; a plain list of dates is a list of days off. A year with at least one such day counts as settled
        by the user: it is no guess any more.

        >>> own = Calendar.from_days([date(2027, 2, 8)])
        >>> own.is_working_day(date(2027, 2, 8)), own.is_guess(2027), own.is_guess(2028)
        (False, False, True)
        """
        listed = dict(days) if isinstance(days, Mapping) else dict.fromkeys(days, False)
        base = _china() if on_top_of == "china" else _weekdays()
        is_working = base.is_working.copy()
        for day, is_worked in listed.items():
            is_working[_offset(day, N_DAYS - 1)] = is_worked
        return cls(is_working, base.guessed_years - {day.year for day in listed})

    @classmethod
    def from_csv(cls, path: str | Path, on_top_of: Base = "china") -> Calendar:
        """Return a calendar from the user's CSV file: a header line, then lines such as `2027-02-08,0`.

        A line is an ISO date and whether it is worked: 1/0, true/false, 是/否, 班/休. The second column may be absent:
        then every day listed is off. UTF-8 or GB18030. Rules as in `from_days`; a line that cannot be read raises
        UsageError (calendar.bad_line), as does a file that cannot (calendar.bad_file).
        """
        rows = csv.reader(_read_lines(Path(path)))
        next(rows, None)
        return cls.from_days(dict(_read_row(row, rows.line_num, path) for row in rows if any(row)), on_top_of)

    def with_clock(self, opens: time, closes: time) -> Calendar:
        """Return the same days with other working hours; `opens` must come before `closes` on the same day."""
        return replace(self, opens=opens, closes=closes)

    @cached_property
    def n_before(self) -> npt.NDArray[np.int32]:
        """Working days since 2000-01-01 before each day; one entry more than there are days, for half-open ends."""
        return np.concatenate(([0], np.cumsum(self.is_working))).astype(np.int32)

    @property
    def hours_per_day(self) -> float:
        """Hours of the clock in one working day: 9.0 by default."""
        return (_of_day_us(self.closes) - _of_day_us(self.opens)) / 3_600_000_000

    def is_guess(self, year: int) -> bool:
        """Return whether the working days of `year` are only a guess (Monday to Friday)."""
        return year in self.guessed_years

    def guessed_between(self, start_on: date, end_on: date) -> tuple[int, ...]:
        """Return the guessed years that [start_on, end_on) touches, sorted: name them beside what rests on them."""
        if end_on <= start_on:
            return ()
        last = end_on - timedelta(days=1)
        return tuple(year for year in range(start_on.year, last.year + 1) if self.is_guess(year))

    def is_working_day(self, day: date) -> bool:
        """Return whether `day` is worked.

        >>> Calendar.china().is_working_day(date(2025, 10, 1))
        False
        """
        return bool(self.is_working[_offset(day, N_DAYS - 1)])

    def working_days(self, start_on: date, end_on: date) -> int:
        """Return the working days d with start_on <= d < end_on; negative where end_on comes before start_on.

        >>> Calendar.china().working_days(date(2026, 2, 9), date(2026, 3, 1))  # spring festival: 15 to 23 February
        11
        """
        return int(self.n_before[_offset(end_on)]) - int(self.n_before[_offset(start_on)])

    def count_working_days(self, start_on: pl.Series, end_on: pl.Series) -> pl.Series:
        """Return `working_days` of each pair of Dates (or naive Datetimes), as Int32; null where either is null."""
        table = pl.Series("n_working_days", self.n_before)
        return table.gather(_offsets(end_on)) - table.gather(_offsets(start_on))

    def working_hours_between(self, start_at: datetime, end_at: datetime) -> float:
        """Return the hours of the working clock from `start_at` to `end_at`; negative where the end comes first.

        Friday 17:00 to Monday 10:00 is 2 hours. Both must be naive, in the company's time zone, else UsageError
        (calendar.not_naive).

        >>> Calendar.china().working_hours_between(datetime(2026, 6, 5, 17), datetime(2026, 6, 8, 10))
        2.0
        """
        for moment in (start_at, end_at):
            if moment.tzinfo is not None:  # polars would move it to UTC without a word
                raise UsageError("calendar.not_naive", found=str(moment.tzinfo))
        start, end = self._clock_us(pl.Series([start_at, end_at], dtype=pl.Datetime("us")))
        return float(end - start) / 3_600_000_000

    def count_working_hours(self, start_at: pl.Series, end_at: pl.Series) -> pl.Series:
        """Return `working_hours_between` of each pair of naive Datetimes, as Float64; null where either is null."""
        return ((self._clock_us(end_at) - self._clock_us(start_at)) / 3_600_000_000).alias("working_hours")

    def _clock_us(self, moments: pl.Series) -> pl.Series:
        """Return the reading of a clock that runs only in working hours, in microseconds since 2000."""
        offsets = _offsets(moments)
        opens, closes = _of_day_us(self.opens), _of_day_us(self.closes)
        of_day = moments.cast(pl.Datetime("us")).to_physical() % DAY_US
        # the day behind the last one is allowed as an end; nothing of it has been worked
        is_working = pl.Series(np.append(self.is_working, False)).gather(offsets).cast(pl.Int64)
        before = pl.Series(self.n_before).gather(offsets).cast(pl.Int64)
        return before * (closes - opens) + is_working * (of_day.clip(opens, closes) - opens)

    def add_working_days(self, day: date, n: int) -> date:
        """Return the n-th working day after `day`, before it where n is negative; n = 0: `day`, or the next worked one.

        >>> Calendar.china().add_working_days(date(2026, 2, 13), 2)  # Saturday the 14th is worked, then the festival
        datetime.date(2026, 2, 24)
        """
        offset = _offset(day, N_DAYS - 1)
        nth = int(self.n_before[offset + (n > 0)]) + n - (n > 0)
        worked = np.flatnonzero(self.is_working)
        if not 0 <= nth < len(worked):
            raise _out_of_range(f"{day:%Y-%m-%d} {n:+d}")
        return FIRST_DAY + timedelta(days=int(worked[nth]))

    def frame(self) -> pl.DataFrame:
        """Return one row a day, ascending, for joins in SQL: day, is_working_day, n_before, is_guess; no nulls.

        n_before counts the working days from 2000-01-01 to before the day, so those in [a, b) are `b.n_before -
        a.n_before`; is_guess marks the days of guessed years.
        """
        day = pl.date_range(FIRST_DAY, LAST_DAY, eager=True).alias("day")
        return pl.DataFrame(
            [
                day,
                pl.Series("is_working_day", self.is_working),
                pl.Series("n_before", self.n_before[:-1]),
                day.dt.year().is_in(sorted(self.guessed_years)).alias("is_guess"),
            ]
        )


@cache
def _weekdays() -> Calendar:
    first = FIRST_DAY.weekday()
    is_working = (np.arange(N_DAYS) + first) % 7 < 5
    return Calendar(is_working, frozenset(range(FIRST_DAY.year, LAST_DAY.year + 1)))


@cache
def _china() -> Calendar:
    announced = {day.year for day in chinese_calendar.holidays}
    is_working = _weekdays().is_working.copy()
    for offset in range(N_DAYS):
        day = FIRST_DAY + timedelta(days=offset)
        if day.year in announced:
            is_working[offset] = chinese_calendar.is_workday(day)
    return Calendar(is_working, _weekdays().guessed_years - announced)


def _read_lines(path: Path) -> list[str]:
    try:
        raw = path.read_bytes()
        try:
            return raw.decode("utf-8-sig").splitlines()
        except UnicodeDecodeError:
            return raw.decode("gb18030").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError("calendar.bad_file", path=str(path), problem=str(error)) from None


def _read_row(row: list[str], line: int, path: str | Path) -> tuple[date, bool]:
    try:
        day = date.fromisoformat(row[0].strip())
        return day, _YES_NO[row[1].strip().lower()] if len(row) > 1 else False
    except (ValueError, KeyError):
        raise UsageError("calendar.bad_line", path=str(path), line=line, found=",".join(row)) from None


def _of_day_us(clock: time) -> int:
    return ((clock.hour * 60 + clock.minute) * 60 + clock.second) * 1_000_000 + clock.microsecond


def _offset(day: date, last: int = N_DAYS) -> int:
    """Return the row of `day`; half-open ends may stand one behind the last day."""
    offset = day.toordinal() - FIRST_DAY.toordinal()
    if not 0 <= offset <= last:
        raise _out_of_range(f"{day:%Y-%m-%d}")
    return offset


def _offsets(days: pl.Series) -> pl.Series:
    zone = getattr(days.dtype, "time_zone", None)
    if zone is not None:
        raise UsageError("calendar.not_naive", found=zone)
    epoch_days = days.cast(pl.Date)
    for day in (epoch_days.min(), epoch_days.max()):
        if isinstance(day, date):
            _offset(day)
    return epoch_days.to_physical() - (FIRST_DAY - _EPOCH).days


def _out_of_range(found: str) -> UsageError:
    return UsageError("calendar.out_of_range", found=found, first=str(FIRST_DAY), last=str(LAST_DAY))

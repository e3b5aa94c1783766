"""The time in which the sample company lives: its days, its working rhythm, its quarters."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import cached_property
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Texts = NDArray[np.object_]
Moments = NDArray[np.datetime64]

EXPORTED_AT = dt.datetime(2026, 6, 30, 20, 0)
FUTURE_DAYS = 480  # the true probabilities and dwell times look beyond the export

# Public holidays on which the company rests (State Council notices; after 2026 only the spring festival matters, for futures).
_HOLIDAYS = (
    ("2021-10-01", 7), ("2022-01-31", 7), ("2022-05-01", 4), ("2022-10-01", 7),
    ("2023-01-21", 7), ("2023-04-29", 5), ("2023-09-29", 8),
    ("2024-02-10", 8), ("2024-05-01", 5), ("2024-10-01", 7),
    ("2025-01-01", 1), ("2025-01-28", 8), ("2025-04-04", 3), ("2025-05-01", 5), ("2025-05-31", 3), ("2025-10-01", 8),
    ("2026-01-01", 3), ("2026-02-15", 9), ("2026-04-04", 3), ("2026-05-01", 5), ("2026-06-19", 3), ("2026-10-01", 7),
    ("2027-02-05", 8),
)  # fmt: skip
# Share of a full day's work from Monday to Sunday.
_WEEK = (1.0, 1.0, 1.0, 1.0, 1.0, 0.25, 0.02)


def generator(seed: int, part: str) -> np.random.Generator:
    """Return the random numbers of one part of the company: a part that draws more does not disturb the others."""
    return np.random.default_rng([seed, crc32(part.encode())])


@dataclass(frozen=True)
class Window:
    """The months up to the export, as day numbers from 0 (the first day) to `n_days - 1` (the day of the export)."""

    n_months: int = 18

    @cached_property
    def start(self) -> dt.date:
        """First day."""
        months = EXPORTED_AT.year * 12 + EXPORTED_AT.month - self.n_months
        return dt.date(months // 12, months % 12 + 1, 1)

    @cached_property
    def n_days(self) -> int:
        """Days from the first to that of the export, both counted.

        >>> Window(18).start, Window(18).n_days
        (datetime.date(2025, 1, 1), 546)
        """
        return (EXPORTED_AT.date() - self.start).days + 1

    @cached_property
    def dates(self) -> Moments:
        """Calendar dates of all days, with those after the export."""
        return np.datetime64(self.start, "D") + np.arange(self.n_days + FUTURE_DAYS)

    @cached_property
    def weights(self) -> Floats:
        """Share of a full day's work done on each day; 0 on public holidays."""
        weekday = (self.dates.astype(np.int64) + 3) % 7
        weights = np.array(_WEEK)[weekday]
        for first, n_off in _HOLIDAYS:
            offset = (np.datetime64(first, "D") - self.dates[0]).astype(int)
            weights[max(offset, 0) : max(offset + n_off, 0)] = 0.0
        return weights

    @cached_property
    def is_quarter_end(self) -> Bools:
        """Whether a day is among the last ten of a quarter, when decisions hurry."""
        ahead = self.dates + 10
        quarter = self.dates.astype("M8[M]").astype(np.int64) // 3
        return np.asarray(ahead.astype("M8[M]").astype(np.int64) // 3 != quarter)

    def day(self, date: dt.date | str) -> int:
        """Return the day number of a date.

        >>> Window(18).day("2025-01-01"), Window(18).day("2026-06-30")
        (0, 545)
        """
        return int((np.datetime64(date, "D") - self.dates[0]).astype(int))

    def moments(self, day: Ints, second: Ints) -> Moments:
        """Return timestamps (microseconds) from day numbers and seconds since midnight."""
        first = self.dates[0].astype("M8[us]")
        return np.asarray(first + day.astype("m8[D]").astype("m8[us]") + second.astype("m8[s]").astype("m8[us]"))

    def days_of(self, day: Ints) -> Moments:
        """Return dates from day numbers, which may lie before the window."""
        return np.asarray(self.dates[0] + day.astype("m8[D]"))

    def working_on_or_after(self, day: Ints) -> Ints:
        """Return the first full working day on or after each day."""
        working = np.flatnonzero(self.weights >= 1.0)
        return np.asarray(working[np.searchsorted(working, np.maximum(day, 0))], dtype=np.int64)

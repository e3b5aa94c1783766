"""Draws of when a wait ends: from a lag law, its uncertainty, and months in which everybody is faster or slower at once."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from salesiq.forecast.cash_days import BookedDays
from salesiq.forecast.lag_law import NEVER_STRENGTH, LagLaw, Waits

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

#: how alike months may be: strength of the gamma by which a month's hazard differs, so spread 1/sqrt(strength), 50 % to 2 %
MONTH_STRENGTHS = np.geomspace(4.0, 2000.0, 40)
_MOST_MONTHS = 36
_MOST_PARTS = 12


@dataclass(frozen=True)
class Lag:
    """A lag law that can be drawn from.

    `month_odds`: how likely each of `MONTH_STRENGTHS` is after the past months. `booked`: on which days what happens is
    booked; what was not booked by the last of them, `seen_on`, may have happened since (both in days from 1970).
    """

    law: LagLaw
    month_odds: Floats
    booked: BookedDays
    seen_on: int
    last_on: int

    def groups(self, group: Ints, n: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """Draw how fast each group is and what share of it never ends, groups x n; group -1 is one that nobody has seen."""
        law, size = self.law, (len(group), n)
        if len(law.shapes) == 1:
            factors, shape = np.ones(size), np.tile(law.never_counts, (len(group), 1))
        else:
            is_new = group < 0
            shapes = np.where(is_new, law.strength, law.shapes[group])
            factors = rng.gamma(shapes[:, None], size=size) / np.where(is_new, law.strength, law.rates[group])[:, None]
            prior = NEVER_STRENGTH * np.array([law.never_share, 1 - law.never_share])
            shape = np.where(is_new[:, None], np.maximum(prior, 1e-12), law.never_counts[group])
        if not law.is_watched:
            return factors, np.zeros(size)
        return factors, rng.beta(shape[:, :1], shape[:, 1:], size=size)

    def booked_day(self, day: Ints) -> Ints:
        """Return when what happens on each day is booked, in days after the last whole one."""
        return self.booked.following(day + self.last_on) - self.last_on

    def months(self, n_paths: int, n_months: int, rng: np.random.Generator) -> Floats:
        """Draw by how much each month of each path multiplies the hazard, paths x months, one on average."""
        strength = MONTH_STRENGTHS[rng.choice(len(MONTH_STRENGTHS), n_paths, p=self.month_odds)][:, None]
        found: Floats = rng.gamma(np.broadcast_to(strength, (n_paths, n_months))) / strength
        return found


@dataclass(frozen=True)
class Waiting:
    """Waits that go on, one entry each: `age` days long on day `start`, ending at the earliest on the next day.

    `factor` is how fast the entry's group ends its waits, `path` the row of the months' factors.
    """

    start: Ints
    age: Ints
    factor: Floats
    path: Ints

    def of(self, chosen: Bools) -> Waiting:
        """Return the chosen entries."""
        return Waiting(self.start[chosen], self.age[chosen], self.factor[chosen], self.path[chosen])


def new_waits(day: Ints, factor: Floats, path: Ints) -> Waiting:
    """Return waits that begin on `day` and may end on it."""
    return Waiting(day - 1, np.full(len(day), -1, dtype=np.int64), factor, path)


def never_chance(law: LagLaw, row: int, never: Floats, factor: Floats, entry: Ints, age: Ints) -> Floats:
    """Return the chance that a wait never ends, given that it was in view from day `entry` to day `age` and did not."""
    stayed = (1 - never) * np.exp(-factor * (law.reached(age, row) - law.reached(entry - 1, row)))
    found: Floats = never / np.maximum(never + stayed, 1e-300)
    return found


def arrivals(law: LagLaw, row: int, waits: Waiting, months: Floats, ends: Ints, rng: np.random.Generator) -> Ints:
    """Return the day on which each wait ends, or the day after the last of `ends` where it ends later or never.

    `ends` are the last days of the months to come. An exponential is used up month by month at the hazard of the month.
    """
    left = rng.exponential(size=len(waits.start))
    found = np.full(len(left), ends[-1] + 1)
    low = min(0, int(waits.start.min(initial=0)))
    for month, end in enumerate(ends):
        at = np.flatnonzero((found > ends[-1]) & (waits.start < end))
        start, age = waits.start[at], waits.age[at]
        begin = np.maximum(start, low)
        reached = law.reached(age + begin - start, row)
        pull = waits.factor[at] * months[waits.path[at], month]
        used = pull * (law.reached(age + end - start, row) - reached)
        is_over = left[at] <= used
        over = at[is_over]
        day = law.day_of(reached[is_over] + left[over] / pull[is_over], row) - age[is_over] + start[is_over]
        found[over] = np.clip(day, begin[is_over] + 1, end)
        left[at] -= used
        low = end
    return found


def month_ends(last_on: dt.date, n_days: int) -> Ints:
    """Return the last days of the months after `last_on`, counted in days from it; the last one is `n_days`.

    >>> month_ends(dt.date(2026, 6, 30), 90).tolist()
    [31, 62, 90]
    """
    days = np.datetime64(last_on, "D") + np.arange(1, n_days + 2)
    months = days.astype("datetime64[M]")
    found: Ints = np.flatnonzero(months[1:] != months[:-1]) + 1
    return np.append(found[found < n_days], n_days)


def month_odds(law: LagLaw, seen: Waits, began: Ints, last_on: dt.date) -> Floats:
    """Return how likely each of `MONTH_STRENGTHS` is, after what ended in each past month against what the law expected.

    A gamma frailty per calendar month, integrated out, with every strength as likely before (see docs/forecast.md). `began` is
    the day from which each wait counts, as a number of days from 1970.
    """
    ended, expected = _by_month(law, seen, began, last_on)
    nu = MONTH_STRENGTHS[:, None]
    told = (gammaln(nu + ended) - gammaln(nu) + nu * np.log(nu) - (nu + ended) * np.log(nu + expected)).sum(axis=1)
    odds = np.exp(told - told.max())
    found: Floats = odds / odds.sum()
    return found


def _by_month(law: LagLaw, seen: Waits, began: Ints, last_on: dt.date) -> tuple[Floats, Floats]:
    last = np.datetime64(last_on, "D")
    months = np.arange(last.astype("datetime64[M]") - _MOST_MONTHS + 1, last.astype("datetime64[M]") + 2)
    firsts = months.astype("datetime64[D]").astype(np.int64)
    factor = law.factors[seen.group] if len(law.shapes) > 1 else np.ones(len(seen.group))
    share = law.never_shares[seen.group]
    will = np.where(seen.is_over, 1.0, 1 - never_chance(law, 0, share, factor, seen.entry, seen.until))
    pull = will * factor * seen.weight
    over_on = began + seen.until
    ended, expected = np.zeros(len(firsts) - 1), np.zeros(len(firsts) - 1)
    for at, (first, following) in enumerate(pairwise(firsts.tolist())):
        ended[at] = seen.weight[seen.is_over & (over_on >= first) & (over_on < following)].sum()
        is_here = (began + seen.entry < following) & (over_on >= first)
        low = np.maximum(first - 1 - began, seen.entry - 1)[is_here]
        high = np.minimum(following - 1 - began, seen.until)[is_here]
        expected[at] = (pull[is_here] * (law.reached(high) - law.reached(low))).sum()
    return ended, expected


def parts_to_come(past: Ints, so_far: Ints, rng: np.random.Generator) -> Ints:
    """Draw in how many parts the rest comes: `past` numbers of parts above those `so_far`, less these; 1 where none is.

    >>> parts_to_come(np.array([1, 1, 3]), np.array([2, 7]), np.random.default_rng(1)).tolist()
    [1, 1]
    """
    ordered = np.sort(np.minimum(past, _MOST_PARTS))
    if not len(ordered):
        return np.ones(len(so_far), dtype=np.int64)
    first = np.searchsorted(ordered, so_far, side="right")
    at = first + np.floor(rng.random(len(so_far)) * (len(ordered) - first)).astype(np.int64)
    more = ordered[np.minimum(at, len(ordered) - 1)] - so_far
    found: Ints = np.where(first < len(ordered), more, 1)
    return found


def in_parts(cents: Ints, parts: Ints) -> tuple[Ints, Ints]:
    """Return amounts in equal parts, the first with the odd cents: the row of each part, and its cents.

    >>> [column.tolist() for column in in_parts(np.array([100, 7]), np.array([3, 1]))]
    [[0, 0, 0, 1], [34, 33, 33, 7]]
    """
    row = np.repeat(np.arange(len(parts)), parts)
    part = cents[row] // parts[row]
    first = np.cumsum(parts) - parts
    part[first] += cents - cents // parts * parts
    return row, part

"""Projection: what the rest of a period may bring, from the pace of the days before, with its band."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SEED = 20260131
N_DRAWS = 2000
BAND = (0.1, 0.9)
_CHUNK = 1000  # owners drawn at a time: bounds memory at 16 MB a matrix whatever the number of reps


@dataclass(frozen=True)
class Pace:
    """Results of each owner in the days before: how many, how large, in how many working days.

    `n`, `amount` and `squares` (sum of the squared amounts) have one entry per owner, `days` the working days that the owner
    was there. `weekly_spread` is the variance of the whole company's weekly count beyond Poisson, relative to its squared
    mean.
    """

    n: Floats
    amount: Floats
    squares: Floats
    days: Floats
    weekly_spread: float = 0.0

    @property
    def has_history(self) -> bool:
        """Whether anything came in at all, and is worth something in sum."""
        return bool(self.n.sum() > 0 and self.amount.sum() > 0 and self.days.sum() > 0)


@dataclass(frozen=True)
class Shrunk:
    """Rates and sizes of each owner, drawn towards the company's as far as the owner's own history is short."""

    rate_shape: float
    rate_days: float
    mean_size: float
    size_weight: float
    size_spread: float


def shrink(pace: Pace) -> Shrunk:
    """Estimate by moments how much owners differ: in results a day (gamma) and in their size (credibility of Bühlmann 1967)."""
    rate = pace.n.sum() / pace.days.sum()
    between = ((pace.n - rate * pace.days) ** 2 - rate * pace.days).sum() / (pace.days**2).sum()
    # a prior worth more than everything that was seen would be an invention
    rate_days = min(rate / between, pace.days.sum()) if between > 0 else pace.days.sum()
    mean = pace.amount.sum() / pace.n.sum()
    own = np.divide(pace.amount, pace.n, out=np.full_like(pace.amount, mean), where=pace.n > 0)
    within_sum = max(float((pace.squares - pace.n * own**2).sum()), 0.0)
    freedom = float(pace.n.sum() - (pace.n > 0).sum())
    within = within_sum / freedom if freedom > 0 else mean**2
    n_total = pace.n.sum()
    spread_n = n_total - (pace.n**2).sum() / n_total
    between_sum = float((pace.n * (own - mean) ** 2).sum()) - within * max((pace.n > 0).sum() - 1, 0)
    size_weight = min(within * spread_n / between_sum, n_total) if between_sum > 0 and spread_n > 0 else n_total
    # an owner without results has the mean size, however little the others agree on one
    size_weight = max(size_weight, 1e-6)
    return Shrunk(float(rate * rate_days), float(rate_days), float(mean), float(size_weight), float(within / mean**2))


def expected(pace: Pace, horizon_days: float) -> Floats:
    """Return what each owner is expected to bring in `horizon_days` working days; sums over owners are the company's."""
    shrunk = shrink(pace)
    rates = (shrunk.rate_shape + pace.n) / (shrunk.rate_days + pace.days)
    return horizon_days * rates * _sizes(pace, shrunk, 1.0)


def weekly_spread(counts: Floats, days: Floats) -> float:
    """Return the variance of weekly counts beyond Poisson relative to the squared mean; `days` are each week's working days."""
    counts, days = counts[days > 0], days[days > 0]
    if len(counts) < 4 or counts.sum() == 0:
        return 0.0
    means = counts.sum() * days / days.sum()
    beyond = ((counts - means) ** 2 - means * (1 - days / days.sum())).sum()
    return max(float(beyond / ((means**2).sum() * (1 - 1 / len(counts)))), 0.0)


def band(pace: Pace, horizon_days: float, units: Ints, lines: Ints, n_units: int) -> tuple[Floats, Floats]:
    """Return the 80 % band of the rest of the period: one of shape (2, owners), one of shape (2, units), low above high.

    `units` gives each owner's unit by number, -1 for none; `lines` has a row (unit, unit at or above it) for each such pair.
    A unit's band comes from the sum of the very draws of those below it.
    """
    chance = np.random.default_rng(SEED)
    shrunk = shrink(pace)
    # what hits everybody at once: the luck of the estimates that all share, and weeks that are good or bad for all
    rate_luck = _gamma_around_one(chance, 1 / pace.n.sum())
    size_luck = _gamma_around_one(chance, shrunk.size_spread / pace.n.sum())
    season_luck = _gamma_around_one(chance, pace.weekly_spread * 5 / max(horizon_days, 5.0))
    owners = np.empty((2, len(pace.n)))
    direct = np.zeros((n_units, N_DRAWS))
    for start in range(0, len(pace.n), _CHUNK):
        part = slice(start, start + _CHUNK)
        chunk = Pace(pace.n[part], pace.amount[part], pace.squares[part], pace.days[part])
        draws = _draw(chance, chunk, shrunk, horizon_days, rate_luck, size_luck, season_luck)
        owners[:, part] = np.quantile(draws, BAND, axis=1)
        placed = units[part] >= 0
        np.add.at(direct, units[part][placed], draws[placed])
    totals = np.zeros_like(direct)
    np.add.at(totals, lines[:, 1], direct[lines[:, 0]])
    return owners, np.quantile(totals, BAND, axis=1)


def _draw(
    chance: np.random.Generator,
    pace: Pace,
    shrunk: Shrunk,
    horizon_days: float,
    rate_luck: Floats,
    size_luck: Floats,
    season_luck: Floats,
) -> Floats:
    """Draw what each owner brings: a gamma rate, a Poisson number, amounts as a gamma of the number drawn."""
    shapes = shrunk.rate_shape * rate_luck + pace.n[:, None]
    rates = chance.gamma(shapes) / (shrunk.rate_days + pace.days[:, None])
    numbers = chance.poisson(horizon_days * season_luck * rates).astype(float)
    spread = shrunk.size_spread
    sizes = _sizes(pace, shrunk, size_luck)
    own_weight = (pace.n / (shrunk.size_weight + pace.n))[:, None]
    # the part of an owner's mean size that rests on the owner's own few results is uncertain by itself
    sizes = sizes * _gamma_around_one(chance, own_weight * spread / (shrunk.size_weight + pace.n[:, None]), sizes.shape)
    if spread < 1e-9:  # every result counts the same
        return numbers * sizes
    return chance.gamma(numbers / spread) * spread * sizes


def _sizes(pace: Pace, shrunk: Shrunk, luck: Floats | float) -> Floats:
    """Return each owner's mean size between the company's and the owner's own; refunds alone count as nothing."""
    common = shrunk.size_weight * shrunk.mean_size * np.asarray(luck)
    weight = shrunk.size_weight + pace.n
    if common.ndim:
        return np.maximum((common + pace.amount[:, None]) / weight[:, None], 0.0)
    return np.maximum((common + pace.amount) / weight, 0.0)


def _gamma_around_one(chance: np.random.Generator, variance: float | Floats, shape: tuple[int, ...] = (N_DRAWS,)) -> Floats:
    """Draw factors with mean one and the given variance; ones where the variance is nil."""
    safe = np.maximum(variance, 1e-12)
    return np.broadcast_to(chance.gamma(1 / safe, safe, size=shape), shape)

"""Limits: what chance alone does to a week's count, sum or rate, given the weeks before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, gammaln, ndtri, stdtrit

Floats = NDArray[np.float64]

_STEPS = 60  # halvings of a range: the limit of a sum of money is found to the cent


@dataclass(frozen=True)
class Limits:
    """For each unit: the value expected, the lowest and highest that chance explains, how often chance gives this or less."""

    expected: Floats
    low: Floats
    high: Floats
    chance: Floats


def spread_beyond_chance(before: Floats, days: Floats) -> Floats:
    """Return one row per unit: how much its weeks vary beyond Poisson, as a numerator and a denominator that can be summed.

    `before` is units by weeks, `days` the working days of each week. Their ratio estimates alpha in variance = mean + alpha
    mean².
    """
    shares = days / days.sum()
    means = before.sum(axis=1, keepdims=True) * shares
    beyond = ((before - means) ** 2 - means * (1 - shares)).sum(axis=1)
    return np.column_stack([beyond, (means**2).sum(axis=1) * (1 - 1 / len(days))])


def shared_spread(beyond: Floats, totals: Floats, is_company: NDArray[np.bool_], n_weeks: int, level: float) -> Floats:
    """Return alpha of each unit: teams share one estimate; a company has its own, not less than its teams would give it.

    Twelve weeks of one team say little about its spread; those of all teams say more. `totals` are the units' sums. An
    estimate from few weeks is widened as Student's t is wider than the normal at `level`: without it, 12 weeks of one unit
    gave almost three times the false alarms asked for.
    """
    teams = beyond[~is_company].sum(axis=0)
    sizes = totals[~is_company]
    n_alike = float(sizes.sum() ** 2 / (sizes**2).sum()) if sizes.sum() > 0 else 0.0
    of_teams = _widened(max(teams[0] / teams[1], 0.0), n_alike * (n_weeks - 1), level) if teams[1] > 0 else 0.0
    implied = of_teams / n_alike if n_alike else 0.0
    own = np.divide(beyond[:, 0], beyond[:, 1], out=np.zeros(len(beyond)), where=beyond[:, 1] > 0)
    own = _widened(np.maximum(own, 0.0), n_weeks - 1, level)
    return np.where(is_company, np.maximum(own, implied), of_teams)


def _widened(alpha: float | Floats, freedom: float, level: float) -> Floats:
    return np.asarray(alpha * (stdtrit(freedom, level) / ndtri(level)) ** 2, dtype=np.float64)


def count_limits(
    before: Floats, days: Floats, value: Floats, value_days: float, alpha: Floats, level: float, whole: bool
) -> Limits:
    """Return the limits of the next week's count, from the weeks before it and the working days of each.

    The predictive distribution is negative binomial: Poisson with the uncertainty of the mean (Jeffreys prior, so that an
    empty history expects a little) and with the spread `alpha` between weeks. The limits are one-sided at `level`, by the
    mid-p rule (Lancaster 1961): half of the chance of exactly this value. `whole` says that only whole numbers occur.
    """
    total = before.sum(axis=1) + 0.5
    mean = total * value_days / days.sum()
    # the mean's own variance: that of Poisson and the part of the spread between weeks that averaging leaves
    of_mean = mean**2 * (1 / total + alpha * (days**2).sum() / days.sum() ** 2)
    shape = mean**2 / (alpha * mean**2 + of_mean)
    chance = _mid_p(value, mean, shape)
    top = np.ceil(mean + 40 * np.sqrt(mean + mean**2 / shape) + 40)
    low = _first(lambda y: _mid_p(y, mean, shape) > level, top, whole)
    high = _first(lambda y: 1 - _mid_p(y, mean, shape) <= level, top, whole)
    return Limits(mean, low, np.maximum(high - 1, 0.0) if whole else high, chance)


def rate_limits(won: Floats, closed: Floats, value_won: Floats, value_closed: Floats, level: float) -> Limits:
    """Return the limits of the next week's share of wins among `value_closed` closed deals; NaN where none closed.

    The predictive distribution is beta-binomial: binomial with the uncertainty of the rate before (Jeffreys prior).
    """
    rows = [_rate_limits(*row, level) for row in zip(won, closed, value_won, value_closed, strict=True)]
    columns = np.array(rows, dtype=np.float64).reshape(-1, 4).T
    return Limits(*columns)


def _rate_limits(won: float, closed: float, value_won: float, value_closed: float, level: float) -> tuple[float, ...]:
    if closed == 0:
        return (np.nan,) * 4
    if value_closed == 0:
        return (won / closed, np.nan, np.nan, np.nan)
    k = np.arange(value_closed + 1)
    a, b = won + 0.5, closed - won + 0.5
    log_chances = (
        gammaln(value_closed + 1) - gammaln(k + 1) - gammaln(value_closed - k + 1)
        + gammaln(k + a) + gammaln(value_closed - k + b) - gammaln(value_closed + a + b)
        + gammaln(a + b) - gammaln(a) - gammaln(b)
    )  # fmt: skip
    chances = np.exp(log_chances)
    mid_p = np.cumsum(chances) - chances / 2
    low, high = k[mid_p > level], k[1 - mid_p > level]
    return won / closed, low.min() / value_closed, high.max() / value_closed, float(mid_p[int(value_won)])


def _mid_p(y: Floats, mean: Floats, shape: Floats) -> Floats:
    """Return the chance of less than y, and half of that of y; between whole numbers the curve goes on smoothly."""
    success = shape / (shape + mean)
    below = np.where(y > 0, betainc(shape, np.maximum(y, 1e-12), success), 0.0)
    found: Floats = (below + betainc(shape, np.maximum(y, 0.0) + 1, success)) / 2
    return found


def _first(is_past: Callable[[Floats], NDArray[np.bool_]], top: Floats, whole: bool) -> Floats:
    """Return the smallest y from 0 to `top` at which a condition holds that stays true from there on."""
    low, high = np.zeros_like(top), top.copy()
    at_once = is_past(low)
    for _ in range(_STEPS):
        middle = np.floor((low + high) / 2) if whole else (low + high) / 2
        past = is_past(middle)
        high = np.where(past, middle, high)
        low = np.where(past, low, middle)
    return np.where(at_once, 0.0, high)

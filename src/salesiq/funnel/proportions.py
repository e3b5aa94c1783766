"""Proportions: intervals and limits of shares of counted things, on plain arrays."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri
from scipy.stats import binom

Floats = NDArray[np.float64]

Z = float(ndtri(0.975))


def wilson(share: Floats, n: Floats) -> tuple[Floats, Floats]:
    """Return the 95 % interval of Wilson (1927) of shares of `n` things, which may be an effective number; NaN where n is 0.

    >>> low, high = wilson(np.array([0.0, 0.5]), np.array([10.0, 100.0]))
    >>> low.round(3).tolist(), high.round(3).tolist()
    ([0.0, 0.404], [0.278, 0.596])
    """
    safe = np.where(n > 0, n, np.nan)
    middle = (share + Z**2 / (2 * safe)) / (1 + Z**2 / safe)
    half = Z * np.sqrt(share * (1 - share) / safe + Z**2 / (4 * safe**2)) / (1 + Z**2 / safe)
    return np.clip(middle - half, 0.0, 1.0), np.clip(middle + half, 0.0, 1.0)


def difference(now: Floats, n_now: Floats, before: Floats, n_before: Floats) -> tuple[Floats, Floats]:
    """Return the 95 % interval of the difference of two independent shares: Newcombe (1998), method 10.

    >>> low, high = difference(np.array([56 / 70]), np.array([70.0]), np.array([48 / 80]), np.array([80.0]))
    >>> low.round(4).tolist(), high.round(4).tolist()
    ([0.0524], [0.3339])
    """
    (low, high), (low_before, high_before) = wilson(now, n_now), wilson(before, n_before)
    change = now - before
    down = np.sqrt((now - low) ** 2 + (high_before - before) ** 2)
    up = np.sqrt((high - now) ** 2 + (before - low_before) ** 2)
    return change - down, change + up


def binomial_limit(share: float, n: NDArray[np.int64], level: float) -> Floats:
    """Return the share below which chance falls with probability `level` where the true one is `share`, by `n`.

    The quantile of the binomial distribution, interpolated between whole numbers so that limits of neighbouring n do not jump
    (Spiegelhalter 2005, "Funnel plots for comparing institutional performance", A.1.1).

    >>> binomial_limit(0.25, np.array([20, 200]), 0.025).round(3).tolist()
    [0.051, 0.189]
    """
    count = binom.ppf(level, n, share)
    reached = binom.cdf(count, n, share)
    step = binom.pmf(count, n, share)
    alpha = np.divide(reached - level, step, out=np.zeros(len(n)), where=step > 0)
    limits: Floats = np.clip((count - alpha) / n, 0.0, 1.0)
    return limits


def mid_p(n_won: NDArray[np.int64], n: NDArray[np.int64], share: float) -> Floats:
    """Return the two-sided mid-p value of so many won where the true share is `share` (Lancaster 1961)."""
    below = binom.cdf(n_won, n, share) - binom.pmf(n_won, n, share) / 2
    chances: Floats = np.clip(2 * np.minimum(below, 1 - below), 0.0, 1.0)
    return chances

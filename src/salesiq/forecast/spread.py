"""Spread: what simulated paths say of a number: quantiles, and how good they were once the number is known."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

#: shares of the bands, and for each its lower and upper quantile
BANDS = {50: (0.25, 0.75), 80: (0.1, 0.9), 95: (0.025, 0.975)}


def quantiles(paths: Ints) -> dict[str, Ints]:
    """Return `median`, and `low_50`, `high_50` ... for rows of paths (rows x paths), in the paths' whole units.

    >>> found = quantiles(np.arange(101)[None, :])
    >>> int(found["median"][0]), int(found["low_80"][0]), int(found["high_80"][0])
    (50, 10, 90)
    """
    shares = {"median": 0.5}
    for band, (low, high) in BANDS.items():
        shares |= {f"low_{band}": low, f"high_{band}": high}
    # an order statistic, never a mean of two: what is told did happen in some path, and cents stay whole
    found = np.quantile(paths, list(shares.values()), axis=1, method="inverted_cdf")
    return {name: found[place].astype(np.int64) for place, name in enumerate(shares)}


def crps(paths: Floats, actual: float) -> float:
    """Return the continuous ranked probability score of a sample of paths, in their unit; 0 is perfect.

    E|X - y| - E|X - X'| / 2 (Gneiting and Raftery 2007), the second term over all ordered pairs of the sample.

    >>> crps(np.array([1.0, 3.0]), 2.0), crps(np.array([2.0]), 5.0)
    (0.5, 3.0)
    """
    ordered = np.sort(paths)
    n = len(ordered)
    pairs = 2 * float((ordered * (2 * np.arange(1, n + 1) - n - 1)).sum()) / n**2
    return float(np.abs(ordered - actual).mean()) - pairs / 2


def pinball(paths: Floats, actual: float) -> float:
    """Return the mean pinball loss of the seven quantiles that are told (Koenker and Bassett 1978); 0 is perfect.

    >>> pinball(np.array([2.0]), 4.0)
    1.0
    """
    shares = np.array([0.5, *(edge for band in BANDS.values() for edge in band)])
    missed = actual - np.quantile(paths, shares, method="inverted_cdf")
    return float(np.maximum(shares * missed, (shares - 1) * missed).mean())


def normal_crps(mean: float, spread: float, actual: float) -> float:
    """Return the score of a normal law (Gneiting and Raftery 2007, equation 21); of a point where `spread` is 0.

    >>> normal_crps(2.0, 0.0, 5.0), round(normal_crps(0.0, 1.0, 0.0), 4)
    (3.0, 0.2337)
    """
    if spread <= 0:
        return abs(actual - mean)
    z = (actual - mean) / spread
    law = NormalDist()
    return spread * (z * (2 * law.cdf(z) - 1) + 2 * law.pdf(z) - 1 / math.sqrt(math.pi))

"""Scores: how good probabilities of an event were, once it is known what happened."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

Floats = NDArray[np.float64]

BIN_EDGES = (0.0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0)
BINS = {
    "low": pl.Float64,
    "high": pl.Float64,
    "n": pl.Int64,
    "n_won": pl.Int64,
    "mean_probability": pl.Float64,
    "won_share": pl.Float64,
    "won_share_low": pl.Float64,
    "won_share_high": pl.Float64,
}
N_RESAMPLES = 1000
_SEED = 20260630


def log_losses(happened: Floats, said: Floats) -> Floats:
    """Return the log-loss of each probability.

    >>> log_losses(np.array([1.0, 0.0]), np.array([0.5, 0.1])).round(3).tolist()
    [0.693, 0.105]
    """
    bounded = np.clip(said, 1e-6, 1 - 1e-6)
    return np.asarray(-np.log(np.where(happened > 0, bounded, 1 - bounded)))


def brier(happened: Floats, said: Floats) -> float:
    """Return the mean squared error of probabilities (Brier 1950): lower is better.

    >>> brier(np.array([1.0, 0.0]), np.array([0.5, 0.5]))
    0.25
    """
    return float(np.mean((happened - said) ** 2))


def calibration_error(happened: Floats, said: Floats, n_bins: int = 10) -> float:
    """Return the expected calibration error: mean distance of said from happened over bins of equal count (Naeini 2015).

    >>> calibration_error(np.array([0.0, 1.0] * 10), np.full(20, 0.4), n_bins=1)
    0.1
    """
    order = np.argsort(said, kind="stable")
    bins = [chosen for chosen in np.array_split(order, n_bins) if len(chosen)]
    return float(sum(abs(said[chosen].sum() - happened[chosen].sum()) for chosen in bins) / len(said))


def auc(happened: Floats, said: Floats) -> float | None:
    """Return the chance that a case that happened was ranked above one that did not; None where all ended alike.

    >>> auc(np.array([0.0, 1.0, 1.0]), np.array([0.1, 0.3, 0.1]))
    0.75
    """
    from scipy.stats import rankdata  # scipy takes a second to import

    n_won = float(happened.sum())
    if not 0 < n_won < len(happened):
        return None
    ranks = rankdata(said)[happened > 0].sum()
    return float((ranks - n_won * (n_won + 1) / 2) / (n_won * (len(happened) - n_won)))


def skills(losses: Floats, bases: Sequence[Floats], deals: Sequence[str], n_resamples: int = N_RESAMPLES) -> Floats:
    """Return resamples x bases of 1 - loss over that of each base, by a bootstrap over deals.

    One deal stands in many rows, so whole deals are drawn (Efron and Tibshirani 1993, ch. 8).
    """
    _, place = np.unique(np.asarray(deals), return_inverse=True)
    per_deal = np.stack([np.bincount(place, each) for each in (losses, *bases)], axis=1)
    rng, n_deals = np.random.default_rng(_SEED), len(per_deal)
    totals = np.empty((n_resamples, per_deal.shape[1]))
    for k in range(n_resamples):
        totals[k] = np.bincount(rng.integers(0, n_deals, n_deals), minlength=n_deals) @ per_deal
    return np.asarray(1 - totals[:, :1] / totals[:, 1:])


def bins(happened: Floats, said: Floats) -> pl.DataFrame:
    """Return one row per range of probability that holds any, with its share of wins and a 95 % Wilson interval."""
    place = np.clip(np.searchsorted(BIN_EDGES, said, side="right") - 1, 0, len(BIN_EDGES) - 2)
    rows = []
    for k in np.unique(place):
        chosen = place == k
        n, n_won = int(chosen.sum()), int(happened[chosen].sum())
        low, high = wilson(n_won, n)
        rows.append((BIN_EDGES[k], BIN_EDGES[k + 1], n, n_won, float(said[chosen].mean()), n_won / n, low, high))
    return pl.DataFrame(rows, schema=BINS, orient="row")


def wilson(n_won: int, n: int) -> tuple[float, float]:
    """Return the 95 % interval of a share (Wilson 1927).

    >>> [round(end, 3) for end in wilson(5, 10)]
    [0.237, 0.763]
    """
    z = 1.959963984540054
    middle = (n_won + z * z / 2) / (n + z * z)
    half = z / (n + z * z) * (n_won * (n - n_won) / n + z * z / 4) ** 0.5
    return middle - half, middle + half

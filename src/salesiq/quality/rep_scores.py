"""Rep scores: the mean record score of each rep, drawn to the company's as far as few records can mislead."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.special import stdtrit

from salesiq.book import Snapshot, needs
from salesiq.errors import UsageError

Floats = NDArray[np.float64]

SCHEMA = {
    "rep_id": pl.String,
    "rep_name": pl.String,
    "n_records": pl.Int64,
    "mean_score": pl.Float64,
    "shrunk_score": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "timely_share": pl.Float64,
    "complete_share": pl.Float64,
    "verifiable_share": pl.Float64,
    "company_score": pl.Float64,
}
# standard deviations that true means may have around the company's: means of scores from 0 to 100 cannot have more than 50
_SPREADS = np.linspace(0.125, 50, 400)
_SMALLEST = 1e-6  # squared points: scores have one decimal


@needs("activities")
def rep_scores(snapshot: Snapshot, days: int = 28) -> pl.DataFrame:
    """Return one row per rep who entered a record in the `days` days that end at the snapshot's moment, lowest score first.

    Reads `activities`; `reps` where loaded gives the names. A record counts in the days in which it was entered, so that a
    late one is not missed. Columns: `rep_id`, `rep_name`, `n_records`, `mean_score` (0 to 100), `shrunk_score` with its 95 %
    interval `low` to `high`, `timely_share` (entered within 2 h, of the records that tell), `complete_share` (all four fields),
    `verifiable_share` (next step with a time and a deliverable), `company_score` (the mean of reps, to which scores are
    shrunk). `timely_share` is null where no record tells its entry time; the interval is null for a single rep with a single
    record. Records without a rep are left out. Raises UsageError where `days` is less than 1.

    Estimator: the normal-normal model with unequal numbers. Records of a rep scatter with a pooled variance s2 around the rep's
    true mean, true means with variance t2 around the company's. Given t2, shrunk = B mean + (1 - B) company, B = t2 / (t2 +
    s2 / n); t2 is not estimated but averaged over, each value weighted by how likely it makes the data, with a flat prior
    (Morris and Tang 2011, Statistical Science 26:271): unlike a plug-in t2, this keeps the coverage with few reps. Assumes
    that one rep's records are independent given the rep; docs/quality.md gives the measured coverage.

    >>> import datetime as dt
    >>> from salesiq.book import Book
    >>> rows = pl.DataFrame([(f"{rep}{n}", rep, dt.datetime(2026, 1, 5, n), words)
    ...     for rep, many in [("R1", 9), ("R2", 9), ("R3", 1)] for n in range(many)
    ...     for words in ["门店经常断货" if n % 4 < (rep == "R1") + 1 else None]],
    ...     schema=["activity_id", "rep_id", "occurred_at", "pain_point"], orient="row")
    >>> found = rep_scores(Book.from_frames(activities=rows).as_of("2026-01-10"))
    >>> found.select("rep_id", "n_records", pl.col("mean_score", "shrunk_score").round(1)).rows()
    [('R2', 9, 4.8, 5.0), ('R1', 9, 7.9, 7.9), ('R3', 1, 14.3, 12.6)]
    """
    if days < 1:
        raise UsageError("quality.bad_days", days=days, fewest=1)
    sums = snapshot.run("quality.rep_sums", order=("rep_id",), days=days)
    return _scored(sums).select(pl.col(name).cast(dtype) for name, dtype in SCHEMA.items()).sort("shrunk_score", "rep_id")


def _scored(sums: pl.DataFrame) -> pl.DataFrame:
    counts = sums["n_records"].cast(pl.Float64).to_numpy()
    totals = sums["sum_score"].cast(pl.Float64).to_numpy()
    squares = sums["sum_square"].cast(pl.Float64).to_numpy()
    means = totals / counts
    company, shrunk, half = shrink(counts, means, float(np.maximum(squares - totals * means, 0).sum()))
    share = {name: pl.col(f"n_{name}") / pl.col("n_records") for name in ("complete", "verifiable")}
    return sums.with_columns(
        mean_score=pl.lit(pl.Series(means)),
        shrunk_score=pl.lit(pl.Series(shrunk)),
        low=pl.lit(pl.Series(np.clip(shrunk - half, 0, 100))).fill_nan(None),
        high=pl.lit(pl.Series(np.clip(shrunk + half, 0, 100))).fill_nan(None),
        timely_share=pl.when(pl.col("n_timed") > 0).then(pl.col("n_timely") / pl.col("n_timed")),
        complete_share=share["complete"],
        verifiable_share=share["verifiable"],
        company_score=pl.lit(company, pl.Float64),
    )


def shrink(counts: Floats, means: Floats, within_squares: float) -> tuple[float, Floats, Floats]:
    """Return the company's mean, the shrunk means of groups and half the width of their 95 % intervals.

    `counts` and `means` of each group; `within_squares` is the sum over all records of the squared distance to their group's
    mean. A single group borrows nothing: its own mean, with its own error (NaN for a single record). Where no group has two
    records, noise cannot be told from difference, and all of it is taken as noise.

    >>> company, shrunk, half = shrink(np.array([50.0, 50.0, 1.0]), np.array([60.0, 80.0, 20.0]), 9_800.0)
    >>> round(company, 1), [round(float(score), 1) for score in shrunk]
    (54.4, [60.0, 79.9, 23.2])
    """
    n_groups, n_spare = len(counts), float(counts.sum()) - len(counts)
    spreads = _SPREADS
    if n_spare > 0:
        noise = within_squares / n_spare
    elif n_groups > 1:
        noise, n_spare, spreads = float(means.var(ddof=1)), n_groups - 1.0, np.array([_SMALLEST])
    else:
        return float(means.sum()), means, np.full_like(means, np.nan)
    company, shrunk, variance = _posterior(counts, means, max(noise, _SMALLEST), spreads)
    return company, shrunk, stdtrit(n_spare, 0.975) * np.sqrt(variance)


def _posterior(counts: Floats, means: Floats, noise: float, spreads: Floats) -> tuple[float, Floats, Floats]:
    """Mix the normal posteriors of all spreads by how likely each makes the means; returns company, means, variances."""
    error = noise / counts
    total = spreads[:, None] ** 2 + error
    weights = 1 / total
    company = (weights @ means) / weights.sum(axis=1)
    away = means - company[:, None]
    likelihood = -0.5 * (np.log(total).sum(axis=1) + np.log(weights.sum(axis=1)) + (weights * away**2).sum(axis=1))
    share = np.exp(likelihood - likelihood.max()) * spreads  # a spread for every equal step of variance
    share /= share.sum()
    noisy = error / total  # the part of a distance that is drawn in
    centre = means - noisy * away
    variance = (1 - noisy) * error + noisy**2 / weights.sum(axis=1, keepdims=True)
    mixed = share @ centre
    return float(share @ company), mixed, share @ (variance + (centre - mixed) ** 2)

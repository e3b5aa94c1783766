"""New wins: deals that are not created yet, how many come a week, how old they are when they are won, and whose they are."""

from __future__ import annotations

import datetime as dt
import itertools
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from salesiq.forecast.bookable import days_before
from salesiq.forecast.open_wins import Drawn

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

#: weeks looked back at, and after how many of them a week counts half
MOST_WEEKS, HALF_LIFE_WEEKS = 104, 13.0
#: ages at winning are learned from what happened in so many days
AGE_WINDOW_DAYS = 365
#: the drift of the rate leans on this variance as if it had been seen in so many spans of its own
PRIOR_DRIFT, PRIOR_SPANS = 0.01, 4.0
MIX_COLUMNS = ("rep_id", "unit_id", "product_line")


@dataclass(frozen=True)
class Arrivals:
    """Deals created a week: `rate` (weighted mean), `rate_variance` (of that mean), `dispersion`, `drift`.

    A week's count is negative binomial: variance = rate + dispersion x rate². `drift` is the variance, relative to the
    squared rate, by which the mean of the weeks ahead moves away from that of the weeks seen.
    """

    rate: float
    rate_variance: float
    dispersion: float
    drift: float

    def draw_rates(self, n_paths: int, n_weeks: int, rng: np.random.Generator) -> Floats:
        """Draw what each path expects of each week: paths x weeks."""
        if self.rate <= 0:
            return np.zeros((n_paths, n_weeks))
        spread = self.rate_variance / self.rate**2 + self.drift
        level = gamma_around_one(spread, (n_paths, 1), rng)
        return self.rate * level * gamma_around_one(self.dispersion, (n_paths, n_weeks), rng)


@dataclass(frozen=True)
class WinAges:
    """Of a new deal, the chance to be won at each whole day of age (entry 0: on the day it began), and from how many wins."""

    chances: Floats
    n_won: float


def learn_arrivals(deals: pl.DataFrame, as_of: dt.datetime, horizon_weeks: int) -> Arrivals:
    """Learn from whole weeks, counted back from the moment; a week counts half as much for each 13 that it is old."""
    ago = days_before(deals["began_at"], as_of)
    ago = ago[(ago >= 0) & np.isfinite(ago)]
    n_weeks = int(min(ago.max(initial=0.0) // 7, MOST_WEEKS))
    if n_weeks == 0:
        return Arrivals(float(len(ago)), float(len(ago)), 0.0, PRIOR_DRIFT)
    counts = np.bincount((ago[ago < 7 * n_weeks] // 7).astype(np.int64), minlength=n_weeks).astype(float)
    weights = _weights(n_weeks)
    rate = float(np.average(counts, weights=weights))
    n_effective = weights.sum() ** 2 / (weights**2).sum()
    dispersion = _dispersion(counts, weights, rate, n_effective)
    variance = (max(rate, 1.0 / n_weeks) + dispersion * rate**2) / n_effective
    return Arrivals(rate, variance, dispersion, _drift(counts[::-1], dispersion, horizon_weeks))


def learn_ages(deals: pl.DataFrame, as_of: dt.datetime) -> WinAges:
    """Learn the incidence of winning by age against that of losing (Aalen and Johansen 1978), by whole days.

    A deal counts at the ages that it had within the last year: it enters at its age a year ago (late entry), and one that is
    still open is censored at its age now.
    """
    began, closed = days_before(deals["began_at"], as_of), days_before(deals["closed_at"], as_of)
    is_open = (deals["status"] == "open").to_numpy()
    ended = np.where(is_open, 0.0, closed)
    usable = np.isfinite(began) & np.isfinite(ended) & (began >= 0) & (ended <= AGE_WINDOW_DAYS)
    age = np.floor(np.maximum(began - ended, 0.0))[usable].astype(np.int64)
    entry = np.floor(np.maximum(began - AGE_WINDOW_DAYS, 0.0))[usable].astype(np.int64)
    if not len(age):
        return WinAges(np.zeros(1), 0.0)
    n = int(age.max()) + 1
    is_won = (deals["status"] == "won").to_numpy()[usable]
    won = np.bincount(age[is_won], minlength=n)
    over = np.bincount(age[~is_open[usable]], minlength=n)
    at_risk = np.cumsum(np.bincount(np.minimum(entry, age), minlength=n)) - np.cumsum(np.bincount(age, minlength=n + 1))[:n]
    at_risk = at_risk + np.bincount(age, minlength=n)
    safe = np.maximum(at_risk, 1)
    still = np.concatenate([[1.0], np.cumprod(1 - over / safe)[:-1]])
    return WinAges(still * won / safe, float(won.sum()))


def draw_new(arrivals: Arrivals, ages: WinAges, mix: Floats, days: int, shock: Floats, rng: np.random.Generator) -> Drawn:
    """Draw the wins of deals not created yet within `days`; `row` counts in `mix`, the weight of each place they come to.

    A Poisson number with a gamma mean is negative binomial, and what of it is won in time is Poisson again: only wins are
    drawn. How often new deals are won, and the shares of the places, are drawn too, as far as they rest on few deals.
    """
    by_week = _by_week(ages.chances, days)
    if arrivals.rate <= 0 or by_week.sum() <= 0:
        nobody = np.zeros(0, dtype=np.int64)
        return Drawn(nobody, nobody, nobody)
    level = shock * gamma_around_one(1 / max(ages.n_won, 1.0), (len(shock),), rng)
    expected = arrivals.draw_rates(len(shock), len(by_week), rng) * level[:, None] * by_week.sum(axis=1)
    counts = rng.poisson(expected)
    path, week = (np.repeat(each.ravel(), counts.ravel()) for each in np.indices(counts.shape))
    whole = by_week.sum(axis=1, keepdims=True)
    reached = np.cumsum(by_week / np.where(whole > 0, whole, 1), axis=1) + np.arange(len(by_week))[:, None]
    place = np.searchsorted(reached.ravel(), week + rng.random(len(week)) * (1 - 1e-12), side="right")
    day = np.minimum(place - week * days, days - 1) + 1
    return Drawn(path, _places(path, mix, len(shock), rng), day.astype(np.int64))


def mix_of(deals: pl.DataFrame, gone: pl.Series, as_of: dt.datetime) -> pl.DataFrame:
    """Return the places new deals come to (rep, unit, product line) with `n`, the deals of the last year, newest most.

    `win_factor` is the rep's win share against everybody's, shrunk by ten deals. Reps who have left get nothing new. One row
    with nulls where nothing is known.
    """
    ago = pl.Series("ago", days_before(deals["began_at"], as_of)).fill_nan(None)
    recent = deals.with_columns(ago).filter(pl.col("ago").is_between(0, AGE_WINDOW_DAYS))
    recent = recent.filter(~pl.col("rep_id").is_in(gone.implode()).fill_null(value=False))
    weight = 0.5 ** (pl.col("ago") / (7 * HALF_LIFE_WEEKS))
    places = recent.group_by(MIX_COLUMNS).agg(n=weight.sum()).sort(MIX_COLUMNS, nulls_last=True)
    if places.is_empty():
        schema = dict.fromkeys(MIX_COLUMNS, pl.String) | {"n": pl.Float64, "win_factor": pl.Float64}
        return pl.DataFrame([(None, None, None, 1.0, 1.0)], schema, orient="row")
    closed = (
        deals.filter(pl.col("status") != "open")
        .group_by("rep_id")
        .agg(n_won=(pl.col("status") == "won").sum(), n_closed=pl.len())
    )
    usual = max(float(closed["n_won"].sum()) / max(float(closed["n_closed"].sum()), 1.0), 1e-9)
    shrunk = (pl.col("n_won").fill_null(0) + 10 * usual) / ((pl.col("n_closed").fill_null(0) + 10) * usual)
    joined = places.join(closed, on="rep_id", how="left", nulls_equal=True, maintain_order="left")
    return joined.select(*MIX_COLUMNS, "n", win_factor=shrunk)


def gamma_around_one(variance: float, shape: tuple[int, ...], rng: np.random.Generator) -> Floats:
    """Draw factors with mean one and the given variance."""
    safe = max(variance, 1e-12)
    found: Floats = rng.gamma(1 / safe, safe, size=shape)
    return found


def _weights(n_weeks: int) -> Floats:
    found: Floats = 0.5 ** (np.arange(n_weeks) / HALF_LIFE_WEEKS)
    return found


def _dispersion(counts: Floats, weights: Floats, rate: float, n_effective: float) -> float:
    """Return by moments how much a week's count varies beyond Poisson, relative to the squared rate."""
    if rate <= 0 or n_effective < 2:
        return 0.0
    variance = float(np.average((counts - rate) ** 2, weights=weights)) * n_effective / (n_effective - 1)
    return max((variance - rate) / rate**2, 0.0)


def _drift(counts: Floats, dispersion: float, horizon_weeks: int) -> float:
    """Return how much spans of `horizon_weeks` in the past differed from the weighted mean before them, beyond chance."""
    span = min(max(horizon_weeks, 1), 13)
    beyond = []
    for start in range(13, len(counts) - span + 1, span):
        before = counts[:start][::-1]
        weights = _weights(start)
        rate = float(np.average(before, weights=weights))
        if rate > 0:
            n_effective = weights.sum() ** 2 / (weights**2).sum()
            by_chance = (1 / rate + dispersion) * (1 / span + 1 / n_effective)
            beyond.append((counts[start : start + span].mean() / rate - 1) ** 2 - by_chance)
    return max(float(sum(beyond) + PRIOR_SPANS * PRIOR_DRIFT) / (len(beyond) + PRIOR_SPANS), 0.0)


def _by_week(chances: Floats, days: int) -> Floats:
    """Return weeks x days: the share of a full week's arrivals of that week which is won on each day (entry 0: day 1)."""
    found = np.zeros((-(-days // 7), days))
    for day in range(days):
        n = min(len(chances), days - day)
        found[day // 7, day : day + n] += chances[:n] / 7
    return found


def _places(path: Ints, mix: Floats, n_paths: int, rng: np.random.Generator) -> Ints:
    """Draw the place of each win; the places' shares differ from path to path, as far as few deals tell them."""
    starts = np.searchsorted(path, np.arange(n_paths + 1))
    found = np.zeros(len(path), dtype=np.int64)
    for start, end in itertools.pairwise(starts):
        if end > start:
            reached = np.cumsum(rng.gamma(mix[:, 0]) * mix[:, 1])
            found[start:end] = np.searchsorted(reached, rng.random(end - start) * reached[-1], side="right")
    return np.minimum(found, len(mix) - 1)

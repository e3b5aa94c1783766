"""Shock: how much all deals together go better or worse than their chances say, beyond the luck of each."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from salesiq.book import Snapshot
from salesiq.forecast.bookable import bookable
from salesiq.forecast.hazards import BaseRate, Inputs, base_cells
from salesiq.forecast.intervals import N_INTERVALS, Steps, steps, won_within

Floats = NDArray[np.float64]

#: the variance leans on this one as if it had been seen in so many spans: wins 15 % above or below what was expected
PRIOR_VARIANCE, PRIOR_SPANS = 0.0225, 4.0
SHORTEST_DAYS, LONGEST_DAYS = 14, 91
_HALF_LIFE_DAYS, _HISTORY_DAYS, _MOST_MOMENTS, _LEAST_EXPECTED = 365.0, 730.0, 24, 5.0


@dataclass(frozen=True)
class Shock:
    """Variance of the common factor, relative to its mean of one, and the number of spans that it rests on."""

    variance: float
    n_spans: float

    def draw(self, n_paths: int, rng: np.random.Generator) -> Floats:
        """Draw a lognormal factor with mean one a path; its variance is drawn too (scaled inverse chi-square)."""
        freedom = PRIOR_SPANS + self.n_spans
        variance = self.variance * (freedom - 2) / rng.chisquare(freedom, n_paths)
        scale = np.sqrt(np.log1p(variance))
        found: Floats = np.exp(scale * rng.standard_normal(n_paths) - scale**2 / 2)
        return found


def learn_shock(snapshot: Snapshot, days: int) -> Shock:
    """Compare the wins of past spans of `days` with those that the base rates of the time before led to expect.

    At each past moment the base rate by stage and time in it is learned from what had happened by then, so every span is
    out of time. Over the spans, (won - expected)² less the binomial variance, over expected², estimates the variance of the
    common factor by moments. Overlapping spans count as the time that they cover.
    """
    span = int(np.clip(days, SHORTEST_DAYS, LONGEST_DAYS))
    seen = past_spans(snapshot, span)
    if not seen:
        return Shock(PRIOR_VARIANCE, 0.0)
    expected, variance, won = (np.array(column) for column in zip(*seen, strict=True))
    found = float(((won - expected) ** 2 - variance).sum() / (expected**2).sum())
    n_spans = max(len(seen) / 2, 1.0)  # each overlaps half of the next
    shrunk = (max(found, 0.0) * n_spans + PRIOR_VARIANCE * PRIOR_SPANS) / (n_spans + PRIOR_SPANS)
    return Shock(shrunk, n_spans)


def past_spans(snapshot: Snapshot, span: int) -> list[tuple[float, float, int]]:
    """Return expected wins, their binomial variance, and wins of the open deals in past spans, the oldest first."""
    rows = _standings(snapshot, span)
    if rows.is_empty():
        return []
    found = []
    for moment in sorted(rows["moment"].unique().to_list())[2:]:
        if moment + dt.timedelta(days=span) > snapshot.as_of:
            continue
        # what became of a deal after this moment was not known at it
        past, asked = rows.filter(pl.col("moment") < moment), rows.filter(pl.col("moment") == moment)
        inputs = _inputs(past)
        base = BaseRate.fit(inputs, _fading(steps(past, moment), past, moment))
        chance = won_within(base.hazards(_inputs(asked)), span)
        is_won = (asked["outcome"] == "won").fill_null(value=False) & (asked["exit_days"] <= span).fill_null(value=False)
        if chance.sum() >= _LEAST_EXPECTED:
            found.append((float(chance.sum()), float((chance * (1 - chance)).sum()), int(is_won.sum())))
    return found


def _fading(seen: Steps, past: pl.DataFrame, moment: dt.datetime) -> Steps:
    """Return steps that weigh half as much for each half-life between their landmark and a moment."""
    age_days = ((moment - past["moment"]).dt.total_microseconds() / 86400e6).to_numpy()
    return replace(seen, weight=0.5 ** (age_days / _HALF_LIFE_DAYS)[seen.row])


def _standings(snapshot: Snapshot, span: int) -> pl.DataFrame:
    """Return the open deals of past moments with stage, days in it, and what became of them."""
    now = bookable(snapshot)
    first = now["began_at"].min()
    if not isinstance(first, dt.datetime):
        return pl.DataFrame()
    history = min((snapshot.as_of - first) / dt.timedelta(days=1), _HISTORY_DAYS)
    step = max(span / 2, history / _MOST_MOMENTS)
    moments = [snapshot.as_of - dt.timedelta(days=step * k) for k in range(int(history // step), 0, -1)]
    frames = [_open_at(snapshot.earlier(moment)) for moment in moments]
    if not frames:
        return pl.DataFrame()
    closed = now.filter((pl.col("status") != "open") & pl.col("closed_at").is_not_null())
    became = closed.select("deal_id", "closed_at", outcome="status")
    joined = pl.concat(frames).join(became, on="deal_id", how="left", maintain_order="left")
    exit_days = (pl.col("closed_at") - pl.col("moment")).dt.total_microseconds() / 86400e6
    return joined.with_columns(exit_days=exit_days.clip(lower_bound=1e-6))


def _open_at(then: Snapshot) -> pl.DataFrame:
    rows = bookable(then).filter(pl.col("status") == "open")
    return rows.select(pl.lit(then.as_of, pl.Datetime("us")).alias("moment"), "deal_id", "stage", "stage_days")


def _inputs(rows: pl.DataFrame) -> Inputs:
    return Inputs(
        np.zeros((rows.height, 0)), np.zeros((rows.height, N_INTERVALS, 2)), base_cells(rows["stage"], rows["stage_days"])
    )

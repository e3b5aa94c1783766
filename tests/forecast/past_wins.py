"""Wins to come for tests of cash-in: past weeks drawn again. No model of bookings; only something honest to put in."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl

from salesiq.book import Snapshot
from salesiq.forecast.wins import SOURCES, Wins


def past_weeks_again(snapshot: Snapshot, days: int = 90, n_paths: int = 2000, n_weeks: int = 26, seed: int = 3) -> Wins:
    """Return wins in which every coming week is one of the last `n_weeks`, with the reps and amounts of its deals."""
    rng = np.random.default_rng(seed)
    last = snapshot.as_of.date()
    won = snapshot.run("forecast.won_values", order=("won_on", "deal_id"))
    won = won.filter((pl.col("won_on") > last - dt.timedelta(days=7 * n_weeks)) & (pl.col("cents") > 0))
    back = (last - won["won_on"]).dt.total_days() if won.height else pl.Series([], dtype=pl.Int64)
    week, weekday = back.to_numpy() // 7, 7 - back.to_numpy() % 7
    reps = won["rep_id"].unique(maintain_order=True)
    source_of = {rep: at for at, rep in enumerate(reps.to_list())}
    rows = [np.flatnonzero(week == k) for k in range(n_weeks)]
    path, day, deal = [np.zeros(0, int)], [np.zeros(0, int)], [np.zeros(0, int)]
    for ahead in range(-(-days // 7)):
        drawn = rng.integers(0, n_weeks, n_paths)
        found = [rows[k] for k in drawn]
        deals = np.concatenate(found)
        path.append(np.repeat(np.arange(n_paths), [len(one) for one in found]))
        day.append(7 * ahead + weekday[deals])
        deal.append(deals)
    chosen = np.concatenate(deal)
    sources = pl.DataFrame({"rep_id": reps}, schema={"rep_id": pl.String}).select(
        pl.col(name) if name == "rep_id" else pl.lit(None, kind).alias(name) for name, kind in SOURCES.items()
    )
    source = np.array([source_of[rep] for rep in won["rep_id"].to_list()], dtype=np.int64)
    return Wins(n_paths, np.concatenate(path), np.concatenate(day), won["cents"].to_numpy()[chosen], source[chosen], sources)

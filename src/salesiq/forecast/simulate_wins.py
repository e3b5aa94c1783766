"""Simulated wins: many futures of a snapshot, path by path, of the open deals and of those that are not created yet."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from salesiq.book import Snapshot, needs
from salesiq.errors import UsageError
from salesiq.forecast.bookable import bookable
from salesiq.forecast.features import features
from salesiq.forecast.model import WinModel
from salesiq.forecast.new_wins import draw_new, learn_ages, learn_arrivals, mix_of
from salesiq.forecast.open_wins import draw_open
from salesiq.forecast.shock import learn_shock
from salesiq.forecast.top_deals import win_model
from salesiq.forecast.win_sizes import WinSizes, win_sizes
from salesiq.forecast.wins import SOURCES, Wins

Floats = NDArray[np.float64]

SEED = 20260131
N_PATHS = 2000
_GONE = "SELECT rep_id FROM base.reps(as_of := $as_of) WHERE left_on <= $as_of ORDER BY rep_id"


@needs("deals")
def simulate_wins(
    snapshot: Snapshot, days: int, *, model: WinModel | None = None, n_paths: int = N_PATHS, seed: int = SEED
) -> Wins:
    """Return simulated wins of the coming `days`: which deal is won on which day for how much, in each of `n_paths` futures.

    Open deals are won by the hazards of `model` (by default `forecast.win_model(snapshot)`; without signal it gives base
    rates). Deals not created yet come by the week (negative binomial) and are won at the ages at which deals were won.
    All deals of a path share one factor on their odds, learned from how much past spans missed what was expected. A win is
    worth the deal's amount as known, changed as amounts changed by the win; an amount that is unknown, or was only told
    after the moment, is drawn from won deals. Day 1 is the date after the midnight nearest to the moment. Sorted by path,
    day and source; the same arguments give the same wins to the bit. Raises UsageError where `days` or `n_paths` are no whole
    numbers from 1.

    >>> import datetime as dt
    >>> from salesiq.book import Book
    >>> simulate_wins(Book.from_frames().as_of("2026-01-31"), 30, n_paths=10).path.size
    0
    """
    _refuse(days=days, n_paths=n_paths)
    learned, key = model or win_model(snapshot), ("forecast.simulate_wins", days, n_paths, seed)
    kept = snapshot.cache.get(key)
    if not isinstance(kept, _Kept) or kept.model is not learned:
        kept = _Kept(learned, _simulated(snapshot, days, learned, n_paths, seed))
        snapshot.cache[key] = kept
    return kept.wins


@dataclass(frozen=True)
class _Kept:
    model: WinModel
    wins: Wins


def _simulated(snapshot: Snapshot, days: int, learned: WinModel, n_paths: int, seed: int) -> Wins:
    dice = [np.random.default_rng([seed, part]) for part in range(4)]
    shock = learn_shock(snapshot, days).draw(n_paths, dice[0])
    rows, deals = features(snapshot, learned.extra), bookable(snapshot)
    hazards = learned.hazards(rows) if rows.height else np.zeros((0, 1, 2))
    of_open = draw_open(hazards, days, shock, dice[1])
    places = mix_of(deals, snapshot.sql(_GONE)["rep_id"], snapshot.as_of)
    mix = places.select("n", "win_factor").to_numpy()
    of_new = draw_new(
        learn_arrivals(deals, snapshot.as_of, -(-days // 7)),
        learn_ages(deals, snapshot.as_of),
        _level(mix),
        days,
        shock,
        dice[2],
    )
    sources = _sources(rows, deals, places)
    path = np.concatenate([of_open.path, of_new.path])
    source = np.concatenate([of_open.row, of_new.row + rows.height])
    day = np.concatenate([of_open.day, of_new.day])
    cents = sizes_of(snapshot).draw(sources, source, path, n_paths, dice[3])
    order = np.lexsort((source, day, path))
    return Wins(n_paths, path[order], day[order], cents[order], source[order], sources.select(*SOURCES))


def sizes_of(snapshot: Snapshot) -> WinSizes:
    """Return the sizes of wins, from the snapshot's cache where they are there already."""
    kept = snapshot.cache.get("forecast.win_sizes")
    if not isinstance(kept, WinSizes):
        kept = win_sizes(snapshot)
        snapshot.cache["forecast.win_sizes"] = kept
    return kept


def _sources(rows: pl.DataFrame, deals: pl.DataFrame, places: pl.DataFrame) -> pl.DataFrame:
    """Return the open deals in the order of `rows`, then the places of new ones; `cents` as far as they were known then."""
    told = deals.with_columns(cents=pl.when(~pl.col("is_hindsight")).then("cents"))
    of_open = rows.select("deal_id").join(told, on="deal_id", how="left", maintain_order="left").select(*SOURCES, "cents")
    of_new = places.select(
        *(pl.col(name) if name in places.columns else pl.lit(None, pl.String).alias(name) for name in SOURCES),
        pl.lit(None, pl.Int64).alias("cents"),
    )
    return pl.concat([of_open, of_new])


def _level(mix: Floats) -> Floats:
    """Put the mean of the reps' factors at one: how many new deals are won is told by the ages, whose they are by the mix."""
    level = float((mix[:, 0] * mix[:, 1]).sum() / mix[:, 0].sum())
    return np.column_stack([mix[:, 0], mix[:, 1] / level])


def _refuse(**counts: int) -> None:
    for name, value in counts.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise UsageError("bookings.bad_count", name=name, value=repr(value))

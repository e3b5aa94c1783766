"""Baselines: what a forecast of bookings must beat: last year, the run rate, stages times amounts, what reps commit to."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl
from numpy.typing import NDArray

from salesiq.book import Snapshot
from salesiq.forecast.bookable import bookable, day_zero
from salesiq.forecast.bookings_nodes import Nodes
from salesiq.forecast.bookings_window import BookingWindow
from salesiq.forecast.simulate_wins import sizes_of

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

RUN_RATE_DAYS = 91
_NORMAL_80 = 1.2815515655446004  # the 90 % quantile of the standard normal law


def baselines(snapshot: Snapshot, window: BookingWindow, nodes: Nodes, booked: Ints) -> dict[str, list[int | None]]:
    """Return cents a node, None where there is none.

    `last_year`, `run_rate`, `stage_weighted` with its 80 % band and its standard deviation (_spread), `commit`.
    """
    n_left = max(window.last_day(snapshot.as_of) - window.first_day(snapshot.as_of) + 1, 0)
    pace, n_pace = _pace(snapshot, nodes)
    staged, spread = _stage_weighted(snapshot, window, nodes) if n_left else (np.zeros(len(nodes)), np.zeros(len(nodes)))
    run_rate = booked + np.rint(pace * n_left / max(n_pace, 1)).astype(np.int64)
    return {
        "last_year": _last_year(snapshot, window, nodes),
        "run_rate": run_rate.tolist() if n_pace else [None] * len(nodes),
        "stage_weighted": (booked + np.rint(staged).astype(np.int64)).tolist(),
        "stage_weighted_low_80": (booked + np.rint(np.maximum(staged - _NORMAL_80 * spread, 0)).astype(np.int64)).tolist(),
        "stage_weighted_high_80": (booked + np.rint(staged + _NORMAL_80 * spread).astype(np.int64)).tolist(),
        "stage_weighted_spread": np.rint(spread).astype(np.int64).tolist(),
        "commit": _commit(snapshot, window, nodes),
    }


def won_between(snapshot: Snapshot, nodes: Nodes, start_on: dt.date, end_on: dt.date) -> tuple[Ints, Ints]:
    """Return cents and number of the deals won on the days start_on <= day < end_on, a node, as known to the snapshot."""
    day = pl.col("closed_at").dt.date()
    won = bookable(snapshot).filter((pl.col("status") == "won") & (day >= start_on) & (day < end_on))
    place = nodes.place(won[nodes.key] if nodes.key else won["deal_id"])
    cents, n = np.zeros(len(nodes), dtype=np.int64), np.zeros(len(nodes), dtype=np.int64)
    np.add.at(cents, place, won["cents"].fill_null(0).to_numpy())
    np.add.at(n, place, 1)
    return nodes.up(cents), nodes.up(n)


def _began_on(snapshot: Snapshot) -> dt.date | None:
    first = bookable(snapshot).select(pl.min_horizontal("began_at", "closed_at").min()).item()
    return first.date() if isinstance(first, dt.datetime) else None


def _last_year(snapshot: Snapshot, window: BookingWindow, nodes: Nodes) -> list[int | None]:
    before, began_on = window.year_before(), _began_on(snapshot)
    if began_on is None or began_on > before.start_on:
        return [None] * len(nodes)
    found: list[int | None] = won_between(snapshot, nodes, before.start_on, before.end_on)[0].tolist()
    return found


def _pace(snapshot: Snapshot, nodes: Nodes) -> tuple[Ints, int]:
    """Return the cents of the last days, and how many days these are: 91, or fewer in a young book."""
    end_on, began_on = day_zero(snapshot.as_of) + dt.timedelta(days=1), _began_on(snapshot)
    n_days = min(RUN_RATE_DAYS, (end_on - began_on).days) if began_on else 0
    return won_between(snapshot, nodes, end_on - dt.timedelta(days=n_days), end_on)[0], n_days


def _stage_weighted(snapshot: Snapshot, window: BookingWindow, nodes: Nodes) -> tuple[Floats, Floats]:
    """Return stage win rate x amount of the open deals, and the standard deviation if each were won by itself.

    The rate is the share won among closed deals that had ever been in the stage: what a CRM multiplies with. Counted are
    deals that are expected to close by the window's end, and those of which no such day was known.
    """
    rates = dict(snapshot.sql(_STAGE_RATES).rows())
    due = pl.col("is_hindsight") | pl.col("expected_close_on").is_null() | (pl.col("expected_close_on") < window.end_on)
    deals = bookable(snapshot).filter((pl.col("status") == "open") & due)
    told = (
        deals.select(pl.when(~pl.col("is_hindsight")).then("cents")).to_series().cast(pl.Float64).fill_null(np.nan).to_numpy()
    )
    cents = np.where(np.isfinite(told), told, sizes_of(snapshot).usual(deals))
    chance = np.array([rates.get(stage, rates.get(None)) or 0.0 for stage in deals["stage"].to_list()])
    place = nodes.place(deals[nodes.key] if nodes.key else deals["deal_id"])
    mean, variance = np.zeros(len(nodes)), np.zeros(len(nodes))
    np.add.at(mean, place, cents * chance)
    np.add.at(variance, place, cents**2 * chance * (1 - chance))
    return nodes.up(mean), np.sqrt(nodes.up(variance))


_STAGE_RATES = """
WITH closed AS (
    SELECT deal_id, status = 'won' AS is_won FROM base.deals(as_of := $as_of) WHERE status <> 'open'
), been AS (
    SELECT DISTINCT deal_id, stage FROM funnel.visits(as_of := $as_of)
)
SELECT been.stage, avg(is_won::INT) AS win_share FROM been JOIN closed USING (deal_id) GROUP BY been.stage
UNION ALL
SELECT NULL, avg(is_won::INT) FROM closed
"""

_COMMITS = """
WITH newest AS (
    SELECT rep_id, deal_id, arg_max(struct_pack(category := category, amount := amount), called_at) AS called
    FROM base.forecast_calls(as_of := $as_of)
    WHERE period = $period AND called_at <= $as_of
    GROUP BY rep_id, deal_id
)
SELECT newest.rep_id, newest.deal_id, (called.amount * 100)::BIGINT AS cents
FROM newest WHERE called.category = 'commit' AND called.amount IS NOT NULL
ORDER BY newest.rep_id, newest.deal_id
"""


def _commit(snapshot: Snapshot, window: BookingWindow, nodes: Nodes) -> list[int | None]:
    calls = snapshot.sql(_COMMITS, period=window.name)
    if calls.is_empty():
        return [None] * len(nodes)
    groups = bookable(snapshot).select("deal_id", "unit_id", "product_line")
    placed = calls.join(groups, on="deal_id", how="left", maintain_order="left")
    cents = np.zeros(len(nodes), dtype=np.int64)
    np.add.at(cents, nodes.place(placed[nodes.key] if nodes.key else placed["deal_id"]), placed["cents"].to_numpy())
    found: list[int | None] = nodes.up(cents).tolist()
    return found

"""Bookings: what will be signed in a period, with bands, for the company, its units, reps or product lines."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from salesiq.book import Snapshot, needs
from salesiq.forecast.bookable import bookable
from salesiq.forecast.bookings_baselines import baselines, won_between
from salesiq.forecast.bookings_nodes import Nodes, group_of, whole_means
from salesiq.forecast.bookings_window import BookingWindow
from salesiq.forecast.model import WinModel
from salesiq.forecast.receivables import money
from salesiq.forecast.simulate_wins import N_PATHS, SEED, simulate_wins, sizes_of
from salesiq.forecast.spread import quantiles
from salesiq.forecast.top_deals import win_model
from salesiq.forecast.wins import SOURCES, Wins

Ints = NDArray[np.int64]


@needs("deals")
def bookings(
    snapshot: Snapshot,
    period: str | None = None,
    *,
    until: dt.date | str | None = None,
    days: int | None = None,
    by: str | None = None,
    model: WinModel | None = None,
    n_paths: int = N_PATHS,
    seed: int = SEED,
) -> pl.DataFrame:
    """Return what is booked in a period, what is expected of the rest of it, and in which bands it will lie.

    A deal counts with its amount on the day it is won, for its owner as known now. `period` is a month, quarter or year
    ("2026-Q3"; by default the moment's quarter); or tell the last day `until`, or a number of `days` to come. `by` is None
    (one row), "unit_id" (every unit with all below it; `parent_unit_id`, `name`, `level`, `depth`), "rep_id" (with `name`) or
    "product_line"; what belongs to none stands in a last row with null, which is there only where something may.

    Columns: the group; `period`; `booked_amount` (exact); `expected_amount` = booked + `open_amount` (of open deals) +
    `new_amount` (of deals not created yet), means over the paths in whole cents that add up over nodes; `median_amount`,
    `low_50_amount`, `high_50_amount`, and those of 80 and 95 %: quantiles of the same paths, booked included, which do not
    add up; `n_booked`, `n_expected`, `n_low_80`, `n_high_80`: deals won. Baselines: `last_year_amount` (the same days a year
    before; null where the book does not reach back), `run_rate_amount` (booked + the pace of 91 days),
    `stage_weighted_amount` with its 80 % band of independent deals (booked + amount x share won of the stage),
    `commit_amount` (newest calls of reps for exactly this period; null without any). `is_base_rate`: the model has no signal.
    `is_amount_hindsight`: the amounts were told after the moment. Deals are added in the currency that they are in. The
    maths and what was measured: docs/forecast.md. Raises UsageError for an unknown group, two windows, or one that is bad.

    >>> from salesiq.book import Book
    >>> deals = pl.DataFrame({"deal_id": ["D1"], "created_at": [dt.datetime(2026, 1, 5)], "status": ["won"],
    ...                       "closed_at": [dt.datetime(2026, 2, 1)], "amount": [100]})
    >>> found = bookings(Book.from_frames(deals=deals).as_of("2026-04-30"), "2026-Q1")
    >>> found.select("period", "booked_amount", "expected_amount").row(0)
    ('2026-Q1', Decimal('100.00'), Decimal('100.00'))
    """
    window = BookingWindow.of(snapshot.as_of, period, until, days)
    paths = booking_paths(snapshot, window, group_of(by), model, n_paths, seed)
    told = [pl.Series("period", [window.name] * len(paths.nodes)), *_amounts(paths), *_counts(paths)]
    beside = baselines(snapshot, window, paths.nodes, paths.booked)
    told += [_money(f"{name}_amount", cents) for name, cents in beside.items() if not name.endswith("_spread")]
    is_base = paths.is_simulated and (model or win_model(snapshot)).reliability().verdict == "no_signal"
    return pl.DataFrame([*paths.nodes.frame.get_columns(), *told]).with_columns(
        is_base_rate=pl.lit(is_base), is_amount_hindsight=pl.lit(sizes_of(snapshot).is_hindsight)
    )


@dataclass(frozen=True)
class BookingPaths:
    """Simulated bookings by node: cents already booked, cents to come as nodes x paths, and the same as counts of deals.

    `open_totals`, `new_totals` are the sums over all paths of what each node has itself, without the nodes below it.
    """

    nodes: Nodes
    booked: Ints
    n_booked: Ints
    cents: Ints
    counts: Ints
    open_totals: Ints
    new_totals: Ints
    is_simulated: bool

    @property
    def n_paths(self) -> int:
        """The number of paths."""
        return int(self.cents.shape[1])


def booking_paths(
    snapshot: Snapshot, window: BookingWindow, by: str | None, model: WinModel | None, n_paths: int, seed: int
) -> BookingPaths:
    """Return the paths of a window's bookings; where the window is over nothing is simulated."""
    last, first = window.last_day(snapshot.as_of), window.first_day(snapshot.as_of)
    is_simulated = last >= 1
    wins = simulate_wins(snapshot, last, model=model, n_paths=n_paths, seed=seed) if is_simulated else _no_wins(n_paths)
    column = by or "deal_id"
    nodes = Nodes.of(snapshot, by, pl.concat([wins.sources[column], bookable(snapshot)[column]]))
    chosen = wins.day >= first
    path, cents, source = wins.path[chosen], wins.cents[chosen], wins.source[chosen]
    node = nodes.place(wins.sources[column])[source]
    is_new = wins.sources["deal_id"].is_null().to_numpy()[source]
    single, counts = np.zeros((2, len(nodes), n_paths), dtype=np.int64)
    np.add.at(single, (node, path), cents)
    np.add.at(counts, (node, path), 1)
    of_open, of_new = (_sum(node[part], cents[part], len(nodes)) for part in (~is_new, is_new))
    booked, n_booked = won_between(snapshot, nodes, window.start_on, window.end_on)
    return BookingPaths(nodes, booked, n_booked, nodes.up(single), nodes.up(counts), of_open, of_new, is_simulated)


def _sum(node: Ints, cents: Ints, n_nodes: int) -> Ints:
    found = np.zeros(n_nodes, dtype=np.int64)
    np.add.at(found, node, cents)
    return found


def _no_wins(n_paths: int) -> Wins:
    nobody = np.zeros(0, dtype=np.int64)
    return Wins(n_paths, nobody, nobody, nobody, nobody, pl.DataFrame(schema=SOURCES))


def _amounts(paths: BookingPaths) -> list[pl.Series]:
    nodes = paths.nodes
    of_open, of_new = (nodes.up(whole_means(part, paths.n_paths)) for part in (paths.open_totals, paths.new_totals))
    found = {"booked": paths.booked, "open": of_open, "new": of_new, "expected": paths.booked + of_open + of_new}
    found |= quantiles(paths.booked[:, None] + paths.cents)
    return [_money(f"{name}_amount", cents.tolist()) for name, cents in found.items()]


def _counts(paths: BookingPaths) -> list[pl.Series]:
    counts = paths.n_booked[:, None] + paths.counts
    band = quantiles(counts)
    return [
        pl.Series("n_booked", paths.n_booked),
        pl.Series("n_expected", counts.mean(axis=1)),
        pl.Series("n_low_80", band["low_80"]),
        pl.Series("n_high_80", band["high_80"]),
    ]


def _money(name: str, cents: list[int | None]) -> pl.Series:
    return money(pl.Series(name, cents, dtype=pl.Int64)).alias(name)

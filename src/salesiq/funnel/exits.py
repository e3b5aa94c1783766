"""Exits: how visits to a stage end, and by when."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import polars as pl

from salesiq.book import Snapshot, needs
from salesiq.calendar import Calendar
from salesiq.errors import UsageError
from salesiq.funnel.survival import incidence, share_interval
from salesiq.funnel.waits import EXITS, Unit, Waits, by_group, in_stage_order, waits

ENDINGS = (*EXITS, "waiting")
SCHEMA = {
    "day": pl.Float64,
    "exit": pl.String,
    "share": pl.Float64,
    "low_share": pl.Float64,
    "high_share": pl.Float64,
    "n_exits": pl.Int64,
    "n_at_risk": pl.Int64,
    "n_visits": pl.Int64,
}


@needs("stage_events")
def exits(
    snapshot: Snapshot,
    by: str | Sequence[str] | None = None,
    *,
    days: Sequence[float] = (7, 30, 90),
    stages: Sequence[str] | None = None,
    unit: Unit = "calendar",
    calendar: Calendar | None = None,
) -> pl.DataFrame:
    """Return which share of visits to a stage has ended in which way within so many days, counting those that still wait.

    One row per stage, group of `by`, day of `days` and exit: `advanced` (to a later stage), `won`, `lost`, `regressed` (to an
    earlier stage), and `waiting` for what is left; the five shares of a day sum to 1. `by`, `stages`, `unit` and `calendar` as
    in `dwell`. Columns: `stage`, the `by` columns, `day`, `exit`, `share` (cumulative incidence) with its 95 % interval
    `low_share` to `high_share`, `n_exits` (visits seen to end so by that day; for `waiting` those seen to wait longer),
    `n_at_risk` (visits still watched on that day), `n_visits`.

    The share is null on a day that lies beyond the longest wait seen, unless every visit had ended by then. Raises UsageError
    as `dwell` does, and for a day below 0.

    Estimator: Aalen and Johansen (1978) for competing exits: an exit by another way is no cut, so the shares are those
    that truly happen, not those of a world without the other exits. Variance by the delta method (Dinse and Larson 1986),
    interval symmetric on the log(-log) scale; where all or none ended so, the exact binomial limit of those watched. Assumes
    that the moment of asking says nothing about how a visit will end.

    >>> import datetime as dt
    >>> from salesiq.book import Book
    >>> start = dt.datetime(2026, 1, 1)
    >>> moves = [(f"D{n}", "lead", start) for n in range(4)] + [("D0", "won", start + dt.timedelta(days=5)),
    ...     ("D1", "lost", start + dt.timedelta(days=2))]
    >>> events = pl.DataFrame(moves, schema=["deal_id", "stage", "entered_at"], orient="row")
    >>> found = exits(Book.from_frames(stage_events=events).as_of("2026-01-31"), days=[3, 10])
    >>> found.filter(pl.col("share") > 0).select("day", "exit", "share").rows()
    [(3.0, 'lost', 0.25), (3.0, 'waiting', 0.75), (10.0, 'won', 0.25), (10.0, 'lost', 0.25), (10.0, 'waiting', 0.5)]
    """
    if any(day < 0 for day in days):
        raise UsageError("funnel.bad_day", day=min(days))
    found = waits(snapshot, by, stages=stages, unit=unit, calendar=calendar, with_ending=True)
    groups = found.columns[: found.columns.index("days")]
    rows = [
        {**dict(zip(groups, key, strict=True)), **row}
        for key, group in by_group(found, groups, "ending")
        for row in _rows(group, sorted(set(days)))
    ]
    schema = {name: found.schema[name] for name in groups} | SCHEMA
    place = pl.col("exit").replace_strict(ENDINGS, range(len(ENDINGS)), return_dtype=pl.Int64)
    ordered = pl.DataFrame(rows, schema=schema).sort("day", place)
    return in_stage_order(snapshot, ordered, groups[1:])


def _rows(group: Waits, days: Sequence[float]) -> Iterator[dict[str, object]]:
    curves = incidence(group.days, group.numbers, len(EXITS))
    for day in days:
        shares, variances = curves.at(day)
        n_over = int(np.searchsorted(group.days, day, side="right"))
        n_at_risk = len(group.days) - int(np.searchsorted(group.days, day, side="left"))
        low, high = share_interval(shares, variances, float(max(n_at_risk, 1) if shares[-1] > 0 else len(group.days)))
        n_exits = np.append(np.bincount(group.numbers[:n_over], minlength=len(ENDINGS))[1:], len(group.days) - n_over)
        is_told = day <= curves.longest or shares[-1] == 0
        for at, name in enumerate(ENDINGS):
            told = {"share": shares[at], "low_share": low[at], "high_share": high[at]} if is_told else {}
            counts = {"n_exits": int(n_exits[at]), "n_at_risk": n_at_risk, "n_visits": len(group.days)}
            yield {"day": float(day), "exit": name, **told, **counts}

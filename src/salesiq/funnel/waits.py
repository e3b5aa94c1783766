"""Waits: the rows behind dwell, its test and exits: visits in view of a window, with their groups, in days of one kind."""

from __future__ import annotations

import datetime as dt
import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import polars as pl
from numpy.typing import NDArray

from salesiq.book import Snapshot
from salesiq.calendar import Calendar, parse_moment
from salesiq.errors import UsageError
from salesiq.funnel.groups import group_columns

Moment = dt.date | dt.datetime | str
Window = tuple[Moment, Moment]
Unit = Literal["calendar", "working"]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

EXITS = ("advanced", "won", "lost", "regressed")
_ENDING = f"coalesce(list_position({list(EXITS)}, exit), 0)::BIGINT AS ending"


@dataclass(frozen=True)
class Waits:
    """The waits of one stage and group, in ascending order of `days`: sums of floats are equal to the bit in one order only.

    `numbers` is what was numbered for the metric: the exit in EXITS from 1 (0 while the wait goes on), or the group.
    """

    days: Floats
    is_left: NDArray[np.bool_]
    entry_days: Floats | None
    numbers: Ints


def waits(
    snapshot: Snapshot,
    by: str | Sequence[str] | None,
    *,
    stages: Sequence[str] | None = None,
    window: Window | None = None,
    unit: Unit = "calendar",
    calendar: Calendar | None = None,
    with_ending: bool = False,
) -> pl.DataFrame:
    """Return one row per visit in view: `stage`, the `by` columns, `days`, `is_left`, in a window `entry_days`; `ending`."""
    groups = ["stage", *group_columns(snapshot, by, but=("stage", "status"))]
    if unit not in get_args(Unit):
        raise UsageError("funnel.bad_unit", unit=repr(unit), allowed=", ".join(get_args(Unit)))
    columns = [*groups, "days", "is_left", *(["entry_days"] if window else []), *([_ENDING] if with_ending else [])]
    clocks = ["entered_at", "until_at"] if unit == "working" else []
    macro = "funnel.stays" if len(groups) > 1 else "funnel.waits"  # without groups there is no need to look at the deals
    start, end = window_bounds(snapshot, window) if window else (None, None)
    found = snapshot.sql(
        f"SELECT {', '.join([*columns, *clocks])}\n"
        f"FROM {macro}(as_of := $as_of, starts_at := $starts_at, ends_at := $ends_at)\n"
        "WHERE $stages::VARCHAR[] IS NULL OR list_contains($stages::VARCHAR[], stage)",
        starts_at=start,
        ends_at=end,
        stages=known_stages(snapshot, stages),
    )
    if unit == "working":
        found = _in_working_days(found, start, calendar or Calendar.china())
    # a visit that came into view only when it ended was never seen to wait
    return found.filter((pl.col("entry_days") == 0) | (pl.col("days") > pl.col("entry_days"))) if window else found


def by_group(found: pl.DataFrame, groups: Sequence[str], numbers: str | None = None) -> Iterator[tuple[tuple[Any, ...], Waits]]:
    """Yield each group's key and its waits, with one column of numbers where it is named."""
    for key, group in found.partition_by(groups, as_dict=True).items():
        days = group["days"].to_numpy()
        order = np.argsort(days)
        entry = group["entry_days"].to_numpy()[order] if "entry_days" in group.columns else None
        numbered = group[numbers].to_numpy()[order] if numbers else np.zeros(0, dtype=np.int64)
        yield key, Waits(days[order], group["is_left"].to_numpy()[order], entry, numbered)


def in_stage_order(snapshot: Snapshot, found: pl.DataFrame, then: Sequence[str]) -> pl.DataFrame:
    """Return rows in the order of the process, then by `then`."""
    order = snapshot.sql("SELECT stage, position FROM base.stage_order(as_of := $as_of)")
    joined = found.join(order, on="stage", how="left", maintain_order="left")
    ordered = joined.sort("position", "stage", *then, nulls_last=True, maintain_order=True)
    return ordered.drop("position")


def window_bounds(snapshot: Snapshot, window: Window) -> tuple[dt.datetime, dt.datetime]:
    """Return the half-open window as two moments, its end not later than the snapshot; a day means its first moment."""
    start, end = (_opening(moment, snapshot.zone) for moment in window)
    if start >= end or start >= snapshot.as_of:
        raise UsageError("funnel.bad_window", start=start, end=end, as_of=snapshot.as_of)
    return start, min(end, snapshot.as_of)


def _opening(moment: Moment, zone: str) -> dt.datetime:
    parsed = parse_moment(moment, zone)
    return dt.datetime.combine(parsed.date(), dt.time.min) if parsed.time() == dt.time.max else parsed


def known_stages(snapshot: Snapshot, stages: Sequence[str] | None) -> list[str] | None:
    """Return the named stages as a list, None for all; one that does not exist raises UsageError with the nearest."""
    if stages is None:
        return None
    known = snapshot.sql("SELECT stage FROM base.stage_order(as_of := $as_of)")["stage"].to_list()
    for name in stages:
        if name not in known:
            near = next(iter(difflib.get_close_matches(name, known, n=1, cutoff=0.0)), "—")
            raise UsageError("funnel.no_stage", name=name, near=near)
    return list(stages)


def _in_working_days(found: pl.DataFrame, start: dt.datetime | None, calendar: Calendar) -> pl.DataFrame:
    """Count on the clock of working hours, so that a stay from one evening to the next is one day, not none or two."""

    def between(start_at: pl.Series, end_at: pl.Series) -> pl.Series:
        return calendar.count_working_hours(start_at, end_at) / calendar.hours_per_day

    entered = found["entered_at"]
    counted = found.with_columns(days=between(entered, found["until_at"])).drop("entered_at", "until_at")
    if start is None:
        return counted
    seen = entered.to_frame("at").select(pl.max_horizontal("at", pl.lit(start, entered.dtype)))["at"]
    return counted.with_columns(entry_days=between(entered, seen))

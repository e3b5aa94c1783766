"""Dwell test: whether groups wait differently, or chance explains it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from salesiq.book import Snapshot, needs
from salesiq.calendar import Calendar
from salesiq.funnel.survival import chance_of, holm, log_rank
from salesiq.funnel.waits import Unit, Waits, Window, by_group, in_stage_order, waits

SCHEMA = {
    "n_visits": pl.Int64,
    "n_left": pl.Int64,
    "n_groups": pl.Int64,
    "chi_square": pl.Float64,
    "n_degrees": pl.Int64,
    "p_value": pl.Float64,
    "adjusted_p_value": pl.Float64,
    "n_comparisons": pl.Int64,
}
Ints = NDArray[np.int64]


@needs("stage_events")
def dwell_test(
    snapshot: Snapshot,
    by: str | Sequence[str],
    *,
    each: bool = False,
    stages: Sequence[str] | None = None,
    window: Window | None = None,
    unit: Unit = "calendar",
    calendar: Calendar | None = None,
) -> pl.DataFrame:
    """Return whether the groups of `by` wait differently in each stage: one row per stage, or with `each` per stage and group.

    Without `each`, all groups of a stage are compared at once; with it, each group with all the others together. The other
    arguments are those of `dwell`. Columns: `stage`, with `each` the `by` columns, `n_visits`, `n_left` (visits that ended),
    `n_groups` (2 with `each`), `chi_square`, `n_degrees`, `p_value`, `adjusted_p_value` (for having looked `n_comparisons`
    times, which is the number of rows with a p-value). A small adjusted p-value says that chance alone hardly gives such
    differences; it says nothing of their cause or size.

    Null where fewer than two groups have visits or none has ended. Deals without a value in `by` are a group of their own.
    Raises UsageError as `dwell` does.

    Estimator: log-rank test (Mantel 1966; Peto and Peto 1972), with delayed entry in a window; p-values adjusted by Holm
    (1979). Most powerful where one group's hazard is a constant multiple of another's; blind to curves that cross. Assumes
    that visits are independent.

    >>> import datetime as dt
    >>> from salesiq.book import Book
    >>> start = dt.datetime(2026, 1, 1)
    >>> events = pl.DataFrame([(f"D{n}", stage, start + dt.timedelta(days=step * (1 + n + 20 * (n % 2))))
    ...     for n in range(20) for step, stage in enumerate(["lead", "proposal"])],
    ...     schema=["deal_id", "stage", "entered_at"], orient="row")
    >>> deals = pl.DataFrame([(f"D{n}", ["web", "fair"][n % 2]) for n in range(20)], schema=["deal_id", "source"], orient="row")
    >>> found = dwell_test(Book.from_frames(stage_events=events, deals=deals).as_of("2026-03-31"), by="source")
    >>> found.filter(pl.col("stage") == "lead").select("n_groups", "n_left", pl.col("p_value").round(4), "n_comparisons").row(0)
    (2, 20, 0.0, 1)
    """
    found = waits(snapshot, by, stages=stages, window=window, unit=unit, calendar=calendar)
    groups = found.columns[1 : found.columns.index("days")]
    numbered = found.with_columns(pl.struct(groups).rank("dense").cast(pl.Int64).alias("group"))
    keys = numbered.unique(["group"]).sort("group").select(groups).rows()
    rows = []
    for (stage,), stays in by_group(numbered, ["stage"], "group"):
        for named, group in _compared(stays.numbers, keys, each=each):
            rows.append({"stage": stage, **dict(zip(groups, named, strict=False)), **_tested(stays, group)})
    schema = {name: found.schema[name] for name in ["stage", *(groups if each else [])]} | SCHEMA
    return in_stage_order(snapshot, _adjusted(pl.DataFrame(rows, schema=schema)), groups if each else [])


def _compared(numbers: Ints, keys: Sequence[tuple[object, ...]], *, each: bool) -> Iterator[tuple[tuple[object, ...], Ints]]:
    """Yield the name of what is compared and the number of each wait's group, from 0 without holes."""
    present, group = np.unique(numbers, return_inverse=True)
    if not each:
        yield (), group
        return
    for at, number in enumerate(present):
        yield keys[number - 1], (group == at).astype(np.int64)


def _tested(stays: Waits, group: Ints) -> dict[str, object]:
    chi_square, degrees = log_rank(stays.days, stays.is_left, group, stays.entry_days)
    is_told = degrees > 0
    return {
        "n_visits": len(stays.days),
        "n_left": int(stays.is_left.sum()),
        "n_groups": len(np.unique(group)),
        "chi_square": chi_square if is_told else None,
        "n_degrees": degrees if is_told else None,
        "p_value": chance_of(chi_square, degrees) if is_told else None,
    }


def _adjusted(found: pl.DataFrame) -> pl.DataFrame:
    chances = found["p_value"].fill_null(np.nan).to_numpy()
    return found.with_columns(
        adjusted_p_value=pl.Series(holm(chances), dtype=pl.Float64).fill_nan(None),
        n_comparisons=pl.lit(int((~np.isnan(chances)).sum()), pl.Int64),
    )

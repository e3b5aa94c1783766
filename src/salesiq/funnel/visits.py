"""Visits: the history of deals as stays in stages."""

from __future__ import annotations

import polars as pl

from salesiq.book import Snapshot, needs


@needs("stage_events")
def visits(snapshot: Snapshot) -> pl.DataFrame:
    """Return one row per visit of a deal to a stage, as known at the snapshot's moment.

    Reads `stage_events`; `stages` where loaded gives the order, `deals` the end of deals without a terminal event. Columns:
    `deal_id`, `stage`, `entered_at`, `left_at` (null while the deal is still there), `exit` (advanced, regressed, won, lost;
    null while open), `days` (calendar days, >= 0, to `left_at`, else to the snapshot's moment). Won and lost stages
    are no visits. Ordered by deal and time; empty where nothing was loaded.

    >>> import datetime as dt
    >>> from salesiq.book import Book
    >>> events = pl.DataFrame({"deal_id": ["D1", "D1"], "stage": ["lead", "proposal"],
    ...                        "entered_at": [dt.datetime(2026, 1, 5), dt.datetime(2026, 1, 15)]})
    >>> visits(Book.from_frames(stage_events=events).as_of("2026-01-20")).select("stage", "exit", pl.col("days").floor()).rows()
    [('lead', 'advanced', 10.0), ('proposal', None, 5.0)]
    """
    return snapshot.run("funnel.visits", order=("deal_id", "entered_at", "stage"))

"""Features: what could be known of every open deal at a moment."""

from __future__ import annotations

import polars as pl

from salesiq.book import Snapshot, needs

#: every table that the macro reads: what a sample to learn from must hold
READS = ("deals", "stage_events", "stages", "activities", "documents", "customers")


@needs("deals", "stage_events")
def features(snapshot: Snapshot) -> pl.DataFrame:
    """Return one row per deal open at the snapshot's moment, with what was known of it then and nothing later.

    Reads `deals`, `stage_events`, `activities`, `documents`, `customers`; a table that is absent leaves its columns at 0 or
    null. The columns are told in `features.sql`; times are calendar days >= 0, shares 0..1. Attributes that the book only
    learned after the moment (amount, tier, source ...: `is_hindsight`) are null. Ordered by deal_id; empty where nothing is
    open.

    >>> import datetime as dt
    >>> from salesiq.book import Book
    >>> events = pl.DataFrame({"deal_id": ["D1"], "stage": ["lead"], "entered_at": [dt.datetime(2026, 1, 5)]})
    >>> deals = pl.DataFrame({"deal_id": ["D1"], "created_at": [dt.datetime(2026, 1, 5)], "status": ["open"]})
    >>> found = features(Book.from_frames(deals=deals, stage_events=events).as_of(dt.datetime(2026, 1, 9)))
    >>> found.select("deal_id", "stage", "stage_days", "n_inbound_14", "days_since_inbound").row(0)
    ('D1', 'lead', 4.0, 0, None)
    """
    return snapshot.run("forecast.features", order=("deal_id",))

"""Stage flows: from which stage to which stage deals went between two moments."""

from __future__ import annotations

import polars as pl

from salesiq.book import Snapshot, needs


@needs("deals")
def stage_flows(before: Snapshot, after: Snapshot) -> pl.DataFrame:
    """Return the ways that deals went between two snapshots of one book: one row per stage then and stage now.

    Every deal that was open at `before`, is open at `after`, or came and closed in between is counted once, so that
    `n_deals` over the rows with `began` open is the number of deals open then, and over those with `ended` open that of
    the deals open now. Deals that stayed in their stage are a row too.

    Columns: `began` (open, new, reopened), `stage_before` (null unless open before), `ended` (open, won, lost, removed),
    `stage_now` (null unless open), `n_deals`, `amount` (of these deals now; of removed ones before). In the order of the
    process. Raises UsageError where `before` is later than `after`.

    >>> import datetime as dt
    >>> from salesiq.book import Book
    >>> events = pl.DataFrame({"deal_id": ["D1", "D1"], "stage": ["lead", "quote"],
    ...                        "entered_at": [dt.datetime(2026, 1, 5), dt.datetime(2026, 1, 25)]})
    >>> deals = pl.DataFrame({"deal_id": ["D1"], "created_at": [dt.datetime(2026, 1, 5)]})
    >>> book = Book.from_frames(stage_events=events, deals=deals)
    >>> stage_flows(book.as_of("2026-01-15"), book.as_of("2026-01-31")).select("stage_before", "stage_now", "n_deals").rows()
    [('lead', 'quote', 1)]
    """
    found = after.run("funnel.stage_flows", since=after.earlier(before.as_of).as_of)
    places = after.sql("SELECT stage, position AS place FROM base.stage_order(as_of := $as_of)")
    for name in ("stage_before", "stage_now"):
        found = found.join(places.rename({"stage": name, "place": f"{name}_place"}), on=name, how="left")
    ends = pl.col("ended").replace_strict(("open", "won", "lost", "removed"), range(4), return_dtype=pl.Int64)
    order = [pl.col("began") != "open", "stage_before_place", "stage_before", "began", ends, "stage_now_place", "stage_now"]
    return found.sort(order, nulls_last=True).select("began", "stage_before", "ended", "stage_now", "n_deals", "amount")

"""How far pseudo-advances can be trusted: precision and recall against cases that somebody knows."""

from __future__ import annotations

import polars as pl

from salesiq.book import Snapshot, needs
from salesiq.calendar import Calendar
from salesiq.errors import UsageError
from salesiq.funnel.advances import K_WORKING_DAYS, STRICTNESS, advances
from salesiq.funnel.reversals import wilson


@needs("stage_events", "activities")
def pseudo_advance_curve(
    snapshot: Snapshot, known: pl.DataFrame, *, k_working_days: int = K_WORKING_DAYS, calendar: Calendar | None = None
) -> pl.DataFrame:
    """Return precision and recall of `pseudo_advances` at every strictness, against cases that are known.

    `known` holds the true pseudo-advances (columns `deal_id`, `moved_at`, the entry into the later stage) and must hold all of
    them among the deals that it is compared on: a flagged move that it does not name counts as wrong. With a column
    `is_pseudo`, it holds reviewed moves of both kinds, and only these count. Known moves that are not judged yet (the window
    is not over) are left out, those that cannot be judged (`unrecorded`) count as missed.

    Columns, one row per strictness: `strictness`, `n_flagged`, `n_hit` (flagged and known), `n_known`, `precision` with
    `precision_low` and `precision_high`, `recall` with `recall_low` and `recall_high` (95 %, Wilson 1927; null where there is
    nothing to divide by). Raises UsageError where a column is missing.

    >>> import datetime as dt
    >>> from salesiq.book import Book
    >>> day = lambda n: dt.datetime(2026, 3, n, 10)
    >>> events = pl.DataFrame({"deal_id": ["D2", "D2"], "stage": ["lead", "quote"], "entered_at": [day(2), day(18)]})
    >>> notes = pl.DataFrame({"activity_id": ["A2"], "deal_id": ["D2"], "direction": ["outbound"], "occurred_at": [day(17)]})
    >>> snapshot = Book.from_frames(stage_events=events, activities=notes).as_of("2026-03-31")
    >>> known = pl.DataFrame({"deal_id": ["D2"], "moved_at": [day(18)]})
    >>> pseudo_advance_curve(snapshot, known).select("strictness", "n_flagged", "precision", "recall").rows()[1:3]
    [(2, 1, 1.0, 1.0), (3, 1, 1.0, 1.0)]
    """
    if missing := {"deal_id", "moved_at"} - set(known.columns):
        raise UsageError("funnel.no_known_column", columns=", ".join(sorted(missing)))
    is_reviewed = "is_pseudo" in known.columns
    cases = known.select(
        "deal_id", pl.col("moved_at").cast(pl.Datetime("us")), is_known=pl.col("is_pseudo") if is_reviewed else pl.lit(True)
    )
    rows = []
    for strictness in STRICTNESS:
        moves = advances(snapshot, strictness=strictness, k_working_days=k_working_days, calendar=calendar)
        judged = moves.filter(pl.col("verdict") != "pending").join(
            cases, on=["deal_id", "moved_at"], how="inner" if is_reviewed else "left"
        )
        is_known, is_flagged = judged["is_known"].fill_null(False), judged["verdict"] == "pseudo"
        counts = {"n_flagged": is_flagged.sum(), "n_hit": (is_flagged & is_known).sum(), "n_known": is_known.sum()}
        rows.append({"strictness": strictness, **counts})
    found = pl.DataFrame(rows, schema=dict.fromkeys(("strictness", "n_flagged", "n_hit", "n_known"), pl.Int64))
    hits = pl.col("n_hit")
    return found.with_columns(
        *wilson(hits, pl.col("n_flagged"), "precision", "precision_low", "precision_high"),
        *wilson(hits, pl.col("n_known"), "recall", "recall_low", "recall_high"),
    )

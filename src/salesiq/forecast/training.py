"""Training rows: the features of many past moments, and what became of each deal, as far as it was known."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import polars as pl

from salesiq.book import Book, Snapshot
from salesiq.errors import UsageError
from salesiq.forecast.extra_features import Extra
from salesiq.forecast.features import features

#: a moment when nobody had sold anything: what an empty book is asked for
_BEFORE_ALL = dt.datetime(1970, 1, 1)


def training_frame(
    book: Book | Snapshot,
    moments: Sequence[dt.date | dt.datetime | str] | None = None,
    horizon_days: float = 30,
    until: dt.date | dt.datetime | str | None = None,
    extra: Extra | Sequence[Extra] = (),
) -> pl.DataFrame:
    """Return one row per open deal and past moment, with its features then and what happened within the horizon.

    Columns: `moment`, those of `forecast.features`, `exit_days` (days from the moment to the closing, null while open at
    `until`), `outcome` (won, lost, null while open at `until`), `seen_days` (from the moment to `until`) and `label`: won,
    lost or open within `horizon_days` of the moment; null where that horizon was not over at `until`, because an open deal is
    not a lost deal. `moments` are by default
    up to 24 of the two years before `until`, evenly spaced; `until` is by default the newest export. One deal stands in
    many rows: keep them on one side of a split by `deal_id`. Ordered by moment and deal. `extra` as in
    `forecast.features`: asked at each moment. Raises UsageError for a moment later than `until`.

    >>> deals = pl.DataFrame({"deal_id": ["D1", "D2"], "created_at": [dt.datetime(2026, 1, 1)] * 2, "status": ["won", "open"],
    ...                       "closed_at": [dt.datetime(2026, 1, 20), None]})
    >>> book = Book.from_frames(deals=deals, exported_at=dt.datetime(2026, 2, 1))
    >>> training_frame(book, ["2026-01-10"], horizon_days=15).select("deal_id", "label").rows()
    [('D1', 'won'), ('D2', 'open')]
    >>> training_frame(book, ["2026-01-10"], horizon_days=60)["label"].to_list()
    [None, None]
    """
    known = snapshot_of(book, until)
    chosen = choose_moments(known, horizon_days) if moments is None else [known.earlier(moment).as_of for moment in moments]
    rows = landmarks(known, chosen, extra)
    seen_days = (pl.lit(known.as_of) - pl.col("moment")).dt.total_microseconds() / 86400e6
    label = pl.when(pl.col("exit_days") <= horizon_days).then("outcome").otherwise(pl.lit("open"))
    return rows.with_columns(seen_days=seen_days).with_columns(label=pl.when(pl.col("seen_days") >= horizon_days).then(label))


def landmarks(known: Snapshot, moments: Sequence[dt.datetime], extra: Extra | Sequence[Extra] = ()) -> pl.DataFrame:
    """Return the features at each moment with `moment`, and `exit_days` and `outcome` as known to the snapshot `known`."""
    frames = [
        features(known.earlier(moment), extra).select(pl.lit(moment, pl.Datetime("us")).alias("moment"), pl.all())
        for moment in moments or [_BEFORE_ALL]
    ]
    closed = known.sql(
        "SELECT deal_id, closed_at, status AS outcome FROM base.deals(as_of := $as_of) "
        "WHERE status <> 'open' AND closed_at IS NOT NULL"
    )
    exit_days = (pl.col("closed_at") - pl.col("moment")).dt.total_microseconds() / 86400e6
    return (
        _stacked(frames)
        .join(closed, on="deal_id", how="left")
        # a closing that was entered late happened before the moment, when the deal still looked open: it counts at once
        .with_columns(exit_days=exit_days.clip(lower_bound=1e-6))
        .drop("closed_at")
        .sort("moment", "deal_id")
    )


def _stacked(frames: list[pl.DataFrame]) -> pl.DataFrame:
    for frame in frames[1:]:
        if differing := set(frame.columns) ^ set(frames[0].columns):
            raise UsageError("forecast.extra_changes", column=min(differing))
    # an extra column that nothing is known of at some moment has no type there
    return pl.concat([frame.select(frames[0].columns) for frame in frames], how="vertical_relaxed")


def snapshot_of(book: Book | Snapshot, until: dt.date | dt.datetime | str | None) -> Snapshot:
    """Return what was known at `until`: by default a snapshot as it is, a book at its newest export."""
    if isinstance(book, Snapshot):
        return book if until is None else book.earlier(until)
    if not isinstance(book, Book):
        raise UsageError("forecast.no_book", given=type(book).__name__)
    return book.as_of(until or book.newest_export() or _BEFORE_ALL)


def choose_moments(
    known: Snapshot, horizon_days: float, n_moments: int = 24, history_days: float = 730, last_gap_days: float = 5
) -> list[dt.datetime]:
    """Return past moments, oldest first, evenly spaced, one of them exactly `horizon_days` before the snapshot's.

    They reach from the first thing known of any deal, at most `history_days` back, to `last_gap_days` before the snapshot.
    """
    first = known.sql(
        "SELECT min(began_at) AS first_at FROM (SELECT created_at AS began_at FROM base.deals(as_of := $as_of) UNION ALL "
        "SELECT entered_at FROM base.stage_events(as_of := $as_of))"
    ).item()
    if first is None:
        return []
    span = min((known.as_of - first) / dt.timedelta(days=1), history_days)
    step = max(7.0, span / n_moments)
    back = [horizon_days + step * k for k in range(-n_moments, n_moments + 1)]
    return [known.as_of - dt.timedelta(days=days) for days in reversed(back) if last_gap_days <= days < span]

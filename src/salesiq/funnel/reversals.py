"""Reversals: how often moves forward were taken back, those without evidence beside the others."""

from __future__ import annotations

import polars as pl
from scipy.special import ndtri

from salesiq.book import Snapshot, needs
from salesiq.calendar import Calendar
from salesiq.errors import UsageError
from salesiq.funnel.advances import DEFAULT_STRICTNESS, K_WORKING_DAYS, advances

VERDICTS = ("pseudo", "real", "unrecorded")


@needs("stage_events", "activities")
def reversals(
    snapshot: Snapshot,
    *,
    within_days: float = 60,
    strictness: int = DEFAULT_STRICTNESS,
    k_working_days: int = K_WORKING_DAYS,
    calendar: Calendar | None = None,
) -> pl.DataFrame:
    """Return what became of moves forward by the verdict of `advances`: pseudo, real, unrecorded.

    A move was reversed where the stay that it began ended in a step back or a loss within `within_days` calendar days. Only
    moves at least that old count, so that none is judged before its time. Columns: `verdict`, `n` (moves), `n_back`, `n_lost`,
    `reversed_share` ((n_back + n_lost) / n; null where n is 0) with its 95 % interval `low`, `high` (Wilson 1927). Moves of one
    deal are counted as independent. Raises UsageError for less than a day.

    >>> import datetime as dt
    >>> from salesiq.book import Book
    >>> day = lambda n: dt.datetime(2026, 1, 1) + dt.timedelta(days=n)
    >>> events = pl.DataFrame({"deal_id": ["D1"] * 3, "stage": ["lead", "quote", "lead"],
    ...                        "entered_at": [day(0), day(40), day(50)]})
    >>> stages = pl.DataFrame({"stage": ["lead", "quote"], "position": [1, 2]})
    >>> notes = pl.DataFrame({"activity_id": ["A1"], "deal_id": ["D1"], "occurred_at": [day(39)]})
    >>> book = Book.from_frames(stage_events=events, stages=stages, activities=notes)
    >>> reversals(book.as_of("2026-06-30")).filter(n=1).select("verdict", "n_back", "reversed_share").rows()
    [('pseudo', 1, 1.0)]
    """
    if within_days < 1:
        raise UsageError("funnel.bad_days", days=within_days)
    moves = advances(snapshot, strictness=strictness, k_working_days=k_working_days, calendar=calendar)
    span = pl.duration(microseconds=int(within_days * 86400e6))
    old = moves.filter(pl.col("moved_at") + span <= snapshot.as_of)
    ended = (pl.col("left_at") - pl.col("moved_at") <= span).fill_null(False)
    counts = old.group_by("verdict").agg(
        n=pl.len().cast(pl.Int64),
        n_back=(ended & (pl.col("exit") == "regressed")).sum().cast(pl.Int64),
        n_lost=(ended & (pl.col("exit") == "lost")).sum().cast(pl.Int64),
    )
    verdicts = pl.DataFrame({"verdict": VERDICTS})
    found = verdicts.join(counts, on="verdict", how="left", maintain_order="left").with_columns(
        pl.exclude("verdict").fill_null(0)
    )
    return found.with_columns(*wilson(pl.col("n_back") + pl.col("n_lost"), pl.col("n"), "reversed_share"))


def wilson(hits: pl.Expr, n: pl.Expr, name: str, low: str = "low", high: str = "high") -> list[pl.Expr]:
    """Return the share of `hits` among `n`, and its 95 % interval by Wilson (1927); null where `n` is 0."""
    z = float(ndtri(0.975))
    total = pl.when(n > 0).then(n.cast(pl.Float64))
    share = hits / total
    middle = (share + z**2 / (2 * total)) / (1 + z**2 / total)
    reach = z / (1 + z**2 / total) * (share * (1 - share) / total + z**2 / (4 * total**2)).sqrt()
    return [share.alias(name), (middle - reach).clip(0, 1).alias(low), (middle + reach).clip(0, 1).alias(high)]

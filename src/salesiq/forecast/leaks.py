"""Leaks: columns that are filled in when the outcome is known, and so must not be learned from."""

from __future__ import annotations

from typing import Any

import polars as pl

from salesiq.book import Book, Snapshot, needs

#: a column whose share of filled values differs by more between outcomes tells the outcome by being filled
TELLING_DIFFERENCE = 0.3


@needs("deals")
def leaks(book: Book | Snapshot) -> pl.DataFrame:
    """Return the attributes of deals that are known only later: one row per `column` (such as deals.amount) with `why`.

    `why` is `declared` where the mapping that loaded the book says so (`book.notes("known_later")`),
    `won_or_lost` where it is filled for won deals and not for lost ones or the other way round, `closed_only` where it is
    filled once a deal is closed and not before (both: the shares differ by more than 0.3). Ordered by column; empty where
    nothing is found. A first check: it sees what is missing, not what was overwritten.

    >>> deals = pl.DataFrame({"deal_id": list("abcd"), "status": ["won", "won", "lost", "open"], "amount": [5, 7, 0, None]})
    >>> leaks(Book.from_frames(deals=deals)).rows()
    [('deals.amount', 'won_or_lost')]
    """
    snapshot = book if isinstance(book, Snapshot) else book.as_of(book.newest_export() or "1970-01-01")
    found = dict.fromkeys(declared(book), "declared")
    for row in snapshot.run("forecast.filled_shares", order=("attribute",)).iter_rows(named=True):
        why = _why(row)
        if why is not None:
            found.setdefault(f"deals.{row['attribute']}", why)
    return pl.DataFrame(sorted(found.items()), schema={"column": pl.String, "why": pl.String}, orient="row")


def declared(book: Book | Snapshot) -> tuple[str, ...]:
    """Return the columns that the mapping of the book declares to be known later."""
    notes: dict[str, Any] = book.notes("known_later")
    return tuple(sorted(notes))


def as_exported(book: Book | Snapshot, column: str) -> str:
    """Return a column with the name it has in the export, where the mapping said that: deals.amount (close_value)."""
    header = book.notes("known_later_headers").get(column)
    return f"{column} ({header})" if header else column


def _why(row: dict[str, Any]) -> str | None:
    won, lost, still_open = row["won_share"], row["lost_share"], row["open_share"]
    if won is None or lost is None:
        return None
    if abs(won - lost) > TELLING_DIFFERENCE:
        return "won_or_lost"
    if still_open is not None and min(won, lost) - still_open > TELLING_DIFFERENCE:
        return "closed_only"
    return None

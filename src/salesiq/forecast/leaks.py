"""Leaks: columns that are filled in when the outcome is known, and so must not be learned from."""

from __future__ import annotations

from typing import Any

import polars as pl

from salesiq.book import Book, Snapshot, needs
from salesiq.forecast.leak_evidence import EVIDENCE, evidence_of, named, seen_columns
from salesiq.forecast.training import snapshot_of

#: a column whose share of filled values differs by more between outcomes tells the outcome by being filled
TELLING_DIFFERENCE = 0.3


#: reasons for which a model may not read a column even as it was known at the time
LEFT_OUT = frozenset(
    {"declared", "won_or_lost", "closed_only", "missing_tells", "tells_outcome", "roundness_tells", "codes_are_outcome"}
)


@needs("deals")
def leaks(book: Book | Snapshot) -> pl.DataFrame:
    """Return the columns of deals that are known only later, with the evidence: one row per `column` and `why`.

    `column` is such as deals.amount, customers.tier, or deals.days_to_close, which training tables compute. `why` is one of

    - `declared`: the mapping that loaded the book says so (`book.notes("known_later")`);
    - `won_or_lost`: filled for won deals and not for lost ones or the other way round; `closed_only`: filled once a deal is
      closed and not before (both: the shares differ by more than 0.3);
    - `known_later`: overwritten. As it stands now the column tells the outcome better than as it stood before the closing, by
      0.05 of AUC and three standard errors. A model of this book reads it as it stood then and may (`left_out`);
    - `tells_outcome`, `missing_tells`, `order_tells`, `roundness_tells`, `codes_are_outcome`: as in `forecast.suspects`,
      where no version from before the closing shows that it was as good then;
    - `after_closing`: exists only once a deal is closed (days to close, month of closing, reason of the loss) and tells more
      than chance: 0.55 and four standard errors.

    `auc_now` and `auc_as_of` (0.5 to 1) say how well that alone ranks won above lost deals, as the newest export has it and
    as it was known before each deal closed; `n_known`: closed deals with a value now. All three as in `forecast.leak_evidence`,
    null below 100 closed deals or 20 of either ending. A column that was as good before the closing is strong, no leak, and not
    named. Ordered by column and why; empty where nothing is found.

    >>> deals = pl.DataFrame({"deal_id": list("abcd"), "status": ["won", "won", "lost", "open"], "amount": [5, 7, 0, None]})
    >>> leaks(Book.from_frames(deals=deals)).rows()
    [('deals.amount', 'won_or_lost', None, None, None)]
    """
    known = snapshot_of(book, None)
    columns = tuple(seen_columns(known))
    measured = evidence_of(columns)
    found = {(column, why): _measured(measured, column) for column, why in _by_filling(known, declared(book))}
    gaps = {column for column, why in found if why != "declared"}
    for column, why, now, then, n_known in named(columns):
        if why != "missing_tells" or column not in gaps:  # the share of filled values has said it already
            found.setdefault((column, why), (now, then, n_known))
    rows = [(*key, *numbers) for key, numbers in sorted(found.items())]
    return pl.DataFrame(rows, schema=EVIDENCE, orient="row")


def left_out(book: Book | Snapshot) -> tuple[str, ...]:
    """Return the columns that a model of the book may not read, sorted.

    What was overwritten at the closing (`known_later`) may stay: a model reads it as it was known at the time. What exists
    only after the closing, and the order of ids, is read by no model.
    """
    return tuple(leaks(book).filter(pl.col("why").is_in(sorted(LEFT_OUT)))["column"].unique().sort())


def _by_filling(known: Snapshot, told: tuple[str, ...]) -> list[tuple[str, str]]:
    found = [(column, "declared") for column in told]
    for row in known.run("forecast.filled_shares", order=("attribute",)).iter_rows(named=True):
        why = _why(row)
        if why is not None:
            found.append((f"deals.{row['attribute']}", why))
    return found


def _measured(measured: pl.DataFrame, column: str) -> tuple[float | None, float | None, int | None]:
    """Return the evidence of the reason that tells most."""
    best = measured.filter(pl.col("column") == column).sort("auc_now", descending=True, maintain_order=True).head(1)
    return best.select("auc_now", "auc_as_of", "n_known").row(0) if best.height else (None, None, None)


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

"""Leak test: proves of any feature that nothing known after a moment moves it, by changing everything known after it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Any

import polars as pl

from salesiq.book import Book, Snapshot
from salesiq.errors import SalesiqError, UsageError
from salesiq.forecast.extra_features import Extra, checked, told
from salesiq.forecast.training import choose_moments, snapshot_of

LEAK_TEST: dict[str, Any] = {
    "column": pl.String,
    "moment": pl.Datetime("us"),
    "n_deals": pl.Int64,
    "n_changed": pl.Int64,
    "n_foreign": pl.Int64,
}
_N_MOMENTS, _USUAL_DAYS = 3, 30.0


def perturbed(book: Book | Snapshot, at: dt.date | dt.datetime | str, seed: int = 0) -> Snapshot:
    """Return a book that knew the same at `at` and knows everything later otherwise, as of its newest moment.

    Later rows are dropped, added, and have each other's values; attributes that an export only told after `at` are changed
    too, also of rows that existed then (`is_hindsight`: a feature may not use them). Stages keep their order: they are
    settings. `perturbed(book, at).earlier(at)` must give any feature as `book.as_of(at)` does. The same seed gives the same
    book. Raises UsageError for an `at` later than what is known.

    >>> deals = pl.DataFrame({"deal_id": ["D1", "D2"], "created_at": [dt.datetime(2026, 1, 1)] * 2, "amount": [5, 7]})
    >>> book = Book.from_frames(deals=deals, exported_at=dt.datetime(2026, 2, 1))
    >>> perturbed(book, "2026-01-15").sql("SELECT sum(amount)::INT FROM base.deals(as_of := $as_of)").item()
    12
    """
    return snapshot_of(book, None).perturbed(at, seed)


def leak_test(
    extra: Extra, book: Book | Snapshot, moments: Sequence[dt.date | dt.datetime | str] | None = None, seed: int = 0
) -> pl.DataFrame:
    """Return by column and moment how many deals a feature tells otherwise once everything known after the moment is changed.

    `extra` is what `forecast.features` takes: a macro's name (also "forecast.features" itself), a query with `$as_of`, or a
    function of a snapshot, giving `deal_id` and columns. `moments` are by default three of the book's past. One row per column
    and moment: `n_deals` told of, `n_changed`: deals whose value differs to the bit (for deal_id: that are told of only once);
    `n_foreign`: values that it tells even of an empty book, so it reads something else than the snapshot. A feature that sees
    no more than the moment has 0 in both. That is a proof for what the change reached; a constant or a file read from
    elsewhere by deal may escape it. Ordered by column and moment. Raises UsageError as `forecast.features` does.

    >>> ids = [f"D{k}" for k in range(9)]
    >>> deals = pl.DataFrame({"deal_id": ids, "created_at": dt.datetime(2026, 1, 1), "amount": range(9)})
    >>> book = Book.from_frames(deals=deals, exported_at=dt.datetime(2026, 2, 1))
    >>> found = leak_test("SELECT deal_id, amount FROM base.deals(as_of := $as_of)", book, ["2026-01-15"])
    >>> found.select("column", pl.col("n_changed") > 0).rows()  # the amount was only told in February
    [('amount', True), ('deal_id', False)]
    """
    known = snapshot_of(book, None)
    chosen = (
        choose_moments(known, _USUAL_DAYS, _N_MOMENTS) if moments is None else [known.earlier(each).as_of for each in moments]
    )
    rows = [row for moment in chosen for row in _compared(extra, known, moment, seed)]
    return pl.DataFrame(rows, schema=LEAK_TEST, orient="row").sort("column", "moment")


def _compared(
    extra: Extra, known: Snapshot, moment: dt.datetime, seed: int
) -> Iterator[tuple[str, dt.datetime, int, int, int]]:
    here = _asked(extra, known.earlier(moment))
    there = _asked(extra, known.perturbed(moment, seed).earlier(moment))
    if here.columns != there.columns:
        raise UsageError("forecast.extra_changes", column=min(set(here.columns) ^ set(there.columns), default="deal_id"))
    foreign = _of_nothing(extra, moment)
    both = here.join(there, on="deal_id", how="full", suffix="__then")
    twice = both.filter(pl.col("deal_id").is_not_null() & pl.col("deal_id__then").is_not_null())
    for name in here.columns:
        differs = both if name == "deal_id" else twice
        n_changed = differs.filter(pl.col(name).ne_missing(pl.col(f"{name}__then"))).height
        n_foreign = foreign[name].drop_nulls().len() if name in foreign.columns else 0
        yield name, moment, here.height, n_changed, n_foreign


def _asked(extra: Extra, snapshot: Snapshot) -> pl.DataFrame:
    return checked(told(extra, snapshot), extra)


def _of_nothing(extra: Extra, moment: dt.datetime) -> pl.DataFrame:
    """Return what a feature tells of a book in which there is nothing."""
    try:
        return _asked(extra, Book().as_of(moment))
    except (SalesiqError, pl.exceptions.PolarsError, ValueError, ArithmeticError, LookupError):
        return pl.DataFrame()  # it cannot do without data, which is no leak

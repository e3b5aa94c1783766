"""Macros are created when a query names them; whatever way it names them, the answer is the same."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import polars as pl
import pytest

from salesiq.book import Book, macros

DEALS = pl.DataFrame({"deal_id": ["D1", "D2"]})


def _created(book: Book) -> int:
    con = book.as_of("2026-01-31")._library.con
    ((n,),) = con.execute(
        "SELECT count(*) FROM duckdb_functions() WHERE function_type IN ('table_macro', 'macro') AND NOT internal"
    ).fetchall()
    return int(n)


@pytest.mark.parametrize("name", ["base.deals", "base . deals", '"base"."deals"', "BASE.Deals"])
def test_a_macro_is_found_however_it_is_written(name: str) -> None:
    now = Book.from_frames(deals=DEALS).as_of("2026-01-31")
    assert now.sql(f"SELECT count(*) AS n FROM {name}(as_of := $as_of)").item() == 2


def test_only_what_a_query_needs_is_created() -> None:
    book = Book.from_frames(deals=DEALS)
    book.as_of("2026-01-31").run("base.reps")
    assert _created(book) == 1
    book.as_of("2026-01-31").run("funnel.visits")
    assert 1 < _created(book) < len(macros.names()) / 2


def test_every_macro_can_be_the_first() -> None:
    for name in macros.names():
        book = Book.from_frames(deals=DEALS)
        book.as_of("2026-01-31")._library.provide(f"FROM {name}(as_of := $as_of)")
        assert _created(book) >= 1, name


def test_threads_may_ask_at_once() -> None:
    now = Book.from_frames(deals=DEALS).as_of("2026-01-31")
    with ThreadPoolExecutor(8) as threads:
        asked = [threads.submit(now.run, name) for name in ("base.deals", "funnel.visits", "base.units", "base.segments") * 4]
        assert [found.result().height for found in asked] == [2, 0, 0, 2] * 4

"""A part of a book in memory: a few deals with everything that belongs to them, to be asked again and again."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb

from salesiq.book import macros
from salesiq.book.storage import MemoryStore
from salesiq.tables import CONTRACTS

#: a customer's history with us, which counts whole though it names deals
_WHOLE = frozenset({"contracts", "orders"})


def sampled(con: duckdb.DuckDBPyConnection, zone: str, one_in: int, tables: Sequence[str]) -> macros.Library:
    """Return an engine of its own that holds the named tables: rows of one deal in `one_in`; of tables without deals, all rows.

    Contracts and orders come whole too: what a customer bought counts whatever deal it came from. All versions of a row come
    along, so any moment can be asked. Deals are chosen by a hash of their id: the same ones every
    time, whatever else the book holds.
    """
    copy = MemoryStore(zone).reader()
    source = con.cursor()
    for table in tables:
        is_whole = table in _WHOLE or "deal_id" not in CONTRACTS[table].columns
        chosen = "" if is_whole else f" WHERE hash(deal_id) % {one_in:d} = 0"
        copy.register("chosen_rows", source.sql(f"FROM book.main.{table}{chosen}").to_arrow_table())
        copy.execute(f"INSERT INTO book.main.{table} FROM chosen_rows")
        copy.unregister("chosen_rows")
    source.close()
    return macros.Library(copy, "book.main.")

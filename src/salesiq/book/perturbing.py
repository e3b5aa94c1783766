"""A book in memory that knows at a moment what another one knows, and everything later otherwise: to find what looks ahead."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import duckdb
import numpy as np
import polars as pl

from salesiq.book import macros
from salesiq.book.storage import MemoryStore
from salesiq.tables import CONTRACTS, Contract

_DROPPED_SHARE, _ADDED_SHARE = 0.3, 0.2
#: what the keys of added rows end with
_MARK = "~later"


def perturbed(con: duckdb.DuckDBPyConnection, zone: str, at: dt.datetime, seed: int, kept: Sequence[str]) -> macros.Library:
    """Return an engine of its own that knows the same at `at`; what was known only later is dealt out anew.

    Of rows that existed at `at` but of which an export only told later (hindsight), every attribute is dealt out among them;
    their own moments up to `at`, and what these reveal, stay. Of rows that came later, a part is dropped, the values are dealt
    out, and some are added. What is only revealed later of rows known at `at` is dealt out too. `kept` tables stay as they are.
    """
    copy = MemoryStore(zone).reader()
    rng = np.random.default_rng(seed)
    source = con.cursor()
    for contract in CONTRACTS.values():
        order = "" if contract.kind == "log" else f" ORDER BY {', '.join(contract.keys)}, known_from"
        rows = source.sql(f"FROM book.main.{contract.name}{order}").pl()
        if contract.kind != "log" and contract.name not in kept:
            rows = _otherwise(contract, rows, at, rng)
        copy.register("changed_rows", rows.to_arrow())
        copy.execute(f"INSERT INTO book.main.{contract.name} BY NAME FROM changed_rows")
        copy.unregister("changed_rows")
    copy.register("told_notes", source.sql("FROM book.main.notes").to_arrow_table())
    copy.execute("INSERT OR REPLACE INTO book.main.notes FROM told_notes")
    copy.unregister("told_notes")
    source.close()
    return macros.Library(copy, "book.main.")


def _otherwise(contract: Contract, rows: pl.DataFrame, at: dt.datetime, rng: np.random.Generator) -> pl.DataFrame:
    known = rows.filter(pl.col("known_from") <= at)
    later = rows.filter(pl.col("known_from") > at)
    parts = [
        _unrevealed(contract, known, at, rng),
        _hindsight(contract, later.filter(pl.col("existed_from") <= at), at, rng),
        _new(contract, later.filter(pl.col("existed_from") > at), rng),
    ]
    return pl.concat([part.select(rows.columns) for part in parts])


def _unrevealed(contract: Contract, rows: pl.DataFrame, at: dt.datetime, rng: np.random.Generator) -> pl.DataFrame:
    """Deal out what rows known at the moment reveal later; the stored closing of a deal is what its export said."""
    for moment, columns in contract.reveals.items() if contract.name != "deals" else ():
        is_later = (rows[moment].cast(pl.Datetime("us")) > at).fill_null(False)
        chosen = rows.filter(is_later)
        rows = pl.concat([rows.filter(~is_later), _dealt(chosen, [moment, *columns], rng)])
    return rows


def _hindsight(contract: Contract, rows: pl.DataFrame, at: dt.datetime, rng: np.random.Generator) -> pl.DataFrame:
    fixed = [name for name in (contract.moment, contract.recorded) if name]
    dealt = _dealt(rows, [name for name in contract.columns if name not in (*contract.keys, *fixed)], rng)
    for moment, columns in contract.reveals.items():
        was_over = (rows[moment].cast(pl.Datetime("us")) <= at).fill_null(False)
        is_over = (dealt[moment].cast(pl.Datetime("us")) <= at).fill_null(False)
        # what was over stays; what was not may end later, otherwise, or never, but not before the moment
        for name in (moment, *columns):
            untold = "open" if name == "status" else None
            other = dealt[name].to_frame().select(pl.when(is_over).then(pl.lit(untold)).otherwise(pl.col(name)).alias(name))
            dealt = dealt.with_columns(pl.when(was_over).then(rows[name]).otherwise(other[name]).alias(name))
    return dealt


def _new(contract: Contract, rows: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    dealt = _dealt(rows, [name for name in contract.columns if name not in contract.keys], rng)
    left = dealt.filter(pl.Series(rng.random(rows.height) >= _DROPPED_SHARE))
    added = dealt.filter(pl.Series(rng.random(rows.height) < _ADDED_SHARE))
    if len(contract.keys) == 1 and added.schema[contract.keys[0]] == pl.String:
        return pl.concat([left, added.with_columns(pl.col(contract.keys[0]) + _MARK)])
    # a key of several parts, such as a deal and its stage: the row comes to another of the first part
    moved = _dealt(added, [contract.keys[0]], rng).join(dealt, on=contract.keys, how="anti", nulls_equal=True)
    return pl.concat([left, moved.unique(contract.keys, keep="first", maintain_order=True)])


def _dealt(rows: pl.DataFrame, columns: Sequence[str], rng: np.random.Generator) -> pl.DataFrame:
    """Return the rows with the values of `columns` in another order, the same one for all of them."""
    return rows.with_columns(rows.select(columns)[rng.permutation(rows.height).tolist()]) if columns else rows

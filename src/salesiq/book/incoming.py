"""An export on its way into a book, part by part: neither polars nor DuckDB ever holds the whole of it."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import duckdb
import polars as pl

from salesiq.book.exports import Register
from salesiq.book.merging import Merge, differs, execute_on, same_key
from salesiq.book.replay import Replay
from salesiq.tables import Contract

__all__ = ["Incoming", "MergeCounts", "complete"]


@dataclass(frozen=True)
class MergeCounts:
    """What a merge did to one table: rows with a new key, rows that replaced an older version, rows equal to it, and rows
    that the book has and the export has no longer.
    """

    n_new: int = 0
    n_changed: int = 0
    n_unchanged: int = 0
    n_gone: int = 0

    def __add__(self, other: MergeCounts) -> MergeCounts:
        return MergeCounts(*(getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__))


class Incoming:
    """One export of one table. `add` its parts, no key twice; `finish` once."""

    def __init__(
        self,
        con: duckdb.DuckDBPyConnection,
        contract: Contract,
        series: str,
        scope: str,
        exported_at: dt.datetime,
        load_id: str,
    ) -> None:
        self._con = con
        self._contract = contract
        self._register = Register(con, contract.name)
        is_known = self._register.find(series, exported_at, scope) is not None
        self._export = self._register.add(series, exported_at, scope, load_id)
        self._load_id = load_id
        self._is_in_time = not is_known and self._register.is_newest(self._export)
        ((self._n_keys,),) = con.execute(f"SELECT coalesce(max(key_no), 0) FROM {contract.name}").fetchall()
        self._is_first = self._n_keys == 0
        self._has_arrived = False
        self.counts: dict[str | None, MergeCounts] = {}
        self.n_gone = 0

    def add(self, frame: pl.DataFrame) -> None:
        """Bring some rows, with the contract's columns and, where known, `source_file` and `source_line`."""
        rows = complete(frame, self._contract).with_columns(load_id=pl.lit(self._load_id))
        if rows.is_empty():
            return
        if not self._is_in_time:
            self._set_aside(rows)
        elif self._is_first:
            self._take_all(rows)
        else:
            self._take(rows)

    def finish(self) -> None:
        """End the export: what it does not have is gone, what came later is merged again."""
        if self._is_in_time:
            if self._has_arrived:
                self._register.sight(self._export, "FROM arrived_keys")
                self._con.execute("DROP TABLE arrived_keys")
            self.n_gone = Merge(self._con, self._contract, self._register, self._export).mark_gone()
        elif self._has_arrived:
            self.n_gone = self._replay()

    def _take_all(self, rows: pl.DataFrame) -> None:
        """Nothing to compare with: every row is new."""
        first = self._n_keys + 1
        numbered = rows.with_columns(
            pl.int_range(first, first + rows.height, dtype=pl.Int64).alias("key_no"),
            is_new=pl.lit(value=True),
            is_changed=pl.lit(value=False),
        )
        Merge(self._con, self._contract, self._register, self._export).open_versions(numbered)
        self._n_keys += rows.height
        self._register.sight_range(self._export, first, self._n_keys)
        for file, n_rows in rows["source_file"].value_counts().rows():
            self._count(file, MergeCounts(n_new=n_rows))

    def _take(self, rows: pl.DataFrame) -> None:
        self._judge(rows)
        self._keep_keys()
        merge = Merge(self._con, self._contract, self._register, self._export)
        found = self._con.execute(
            """SELECT source_file, count(*) FILTER (is_new), count(*) FILTER (is_changed),
                count(*) FILTER (NOT is_new AND NOT is_changed)
            FROM judged_rows GROUP BY 1"""
        ).fetchall()
        for file, *counts in found:
            self._count(file, MergeCounts(*counts))
        if any(n_changed for _, _, n_changed, _ in found):
            merge.close_changed("judged_rows")
        merge.open_versions("judged_rows")
        self._con.execute("DROP TABLE judged_rows")

    def _judge(self, rows: pl.DataFrame) -> None:
        """Compare each row with the newest version of its key; a new key gets the next number."""
        query = f"""CREATE OR REPLACE TEMP TABLE judged_rows AS
            SELECT new.*, old.key_no IS NULL AS is_new,
                old.key_no IS NOT NULL AND ({differs(self._contract)}) AS is_changed,
                coalesce(old.key_no, {self._n_keys:d} + row_number() OVER (PARTITION BY old.key_no IS NULL)) AS key_no
            FROM new_rows AS new
            LEFT JOIN (FROM {self._contract.name} WHERE known_to IS NULL) AS old ON {same_key(self._contract)}"""
        execute_on(self._con, query, rows)

    def _keep_keys(self) -> None:
        verb = "INSERT INTO arrived_keys" if self._has_arrived else "CREATE OR REPLACE TEMP TABLE arrived_keys AS"
        self._con.execute(f"{verb} SELECT key_no FROM judged_rows")
        self._has_arrived = True
        ((self._n_keys,),) = self._con.execute(f"SELECT greatest({self._n_keys:d}, max(key_no)) FROM judged_rows").fetchall()

    def _set_aside(self, rows: pl.DataFrame) -> None:
        verb = "INSERT INTO arrived_rows" if self._has_arrived else "CREATE OR REPLACE TEMP TABLE arrived_rows AS"
        execute_on(self._con, f"{verb} FROM new_rows", rows)
        self._has_arrived = True

    def _replay(self) -> int:
        replay = Replay(self._con, self._contract, self._register)
        n_gone = replay.export(self._export)
        for file, n_new, n_changed, n_unchanged in replay.count(self._export):
            self._count(file, MergeCounts(n_new, n_changed, n_unchanged))
        replay.close()
        return n_gone

    def _count(self, file: str | None, counts: MergeCounts) -> None:
        self.counts[file] = self.counts.get(file, MergeCounts()) + counts


def complete(frame: pl.DataFrame, contract: Contract, extra: tuple[str, ...] = ()) -> pl.DataFrame:
    """Give every column of the contract, in order and type, then provenance."""
    wanted = dict(contract.columns) | {"source_file": pl.String(), "source_line": pl.Int64()}
    wanted |= {name: pl.Datetime("us") for name in extra}
    return frame.select(
        (pl.col(name) if name in frame.columns else pl.lit(None)).cast(dtype).alias(name) for name, dtype in wanted.items()
    )

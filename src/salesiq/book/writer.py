"""Writing into a book: canonical rows are merged into their history, logs are appended."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import duckdb
import polars as pl

from salesiq.errors import InputError
from salesiq.tables import CONTRACTS, Contract

PROVENANCE = ("source_file", "source_line")
_FOREVER_AGO = dt.datetime(1900, 1, 1)
_BEFORE_EVERYTHING = dt.datetime(1, 1, 1)


@dataclass(frozen=True)
class MergeCounts:
    """What a merge did to one table: rows with a new key, rows that replaced an older version, rows equal to it."""

    n_new: int
    n_changed: int
    n_unchanged: int


class Writer:
    """The hand of one write; it lives as long as the `with book.write()` block."""

    def __init__(self, con: duckdb.DuckDBPyConnection) -> None:
        self._con = con

    def merge(self, table: str, frame: pl.DataFrame, *, load_id: str, exported_at: dt.datetime) -> MergeCounts:
        """Bring an export's rows of one table into the book's history.

        `frame` has the contract's columns (those that may be null can be left out), one row per key, and, where known,
        `source_file` and `source_line`. Rows with a new key are added, rows that differ from the newest version close it at
        `exported_at` and open a new one, equal rows change nothing. An export older than the newest one of the table is
        refused.
        """
        contract = CONTRACTS[table]
        newest = self._newest_export(table)
        if newest is not None and exported_at < newest:
            raise InputError("book.older_export", table=table, exported_at=exported_at, newest=newest)
        with self._registered("incoming_rows", _complete(frame, contract)):
            return self._merge_registered(contract, load_id, exported_at, newest)

    def insert_history(self, table: str, frame: pl.DataFrame, *, load_id: str) -> None:
        """Add rows whose `known_from` and `known_to` are known already, such as a field history."""
        contract = CONTRACTS[table]
        rows = _complete(frame, contract, extra=("known_from", "known_to"))
        first = pl.col("known_from") == pl.col("known_from").min().over(contract.keys)
        existed = pl.when(first).then(_began(contract, pl.col("known_from"))).otherwise(pl.col("known_from"))
        self._append(contract, rows.with_columns(existed_from=existed, load_id=pl.lit(load_id)))

    def log(self, table: str, frame: pl.DataFrame) -> None:
        """Append rows to a log table, such as `loads` or `rejects`."""
        self._append(CONTRACTS[table], frame)

    def note(self, name: str, body: Mapping[str, object]) -> None:
        """Keep a small fact about the book under `name`, in place of an older one."""
        self._con.execute("INSERT OR REPLACE INTO notes VALUES (?, ?)", [name, json.dumps(body, sort_keys=True)])

    def _append(self, contract: Contract, rows: pl.DataFrame) -> None:
        names = ", ".join(rows.columns)
        with self._registered("appended_rows", rows):
            self._con.execute(f"INSERT INTO {contract.name} ({names}) SELECT {names} FROM appended_rows")

    @contextmanager
    def _registered(self, name: str, rows: pl.DataFrame) -> Iterator[None]:
        self._con.register(name, rows.to_arrow())
        try:
            yield
        finally:
            with suppress(duckdb.Error):  # a failed transaction refuses this too, and its own error must be the one seen
                self._con.unregister(name)

    def _newest_export(self, table: str) -> dt.datetime | None:
        ((newest,),) = self._con.execute("SELECT max(exported_at) FROM loads WHERE table_name = ?", [table]).fetchall()
        return newest if isinstance(newest, dt.datetime) else None

    def _merge_registered(
        self, contract: Contract, load_id: str, exported_at: dt.datetime, newest: dt.datetime | None
    ) -> MergeCounts:
        same_key = " AND ".join(f"old.{key} IS NOT DISTINCT FROM new.{key}" for key in contract.keys)
        values = [name for name in contract.columns if name not in contract.keys]
        differs = " OR ".join(f"old.{name} IS DISTINCT FROM new.{name}" for name in values) or "false"
        self._con.execute(
            f"""CREATE OR REPLACE TEMP TABLE sorted_rows AS
            SELECT new.*, old.load_id IS NULL AS is_new, old.load_id IS NOT NULL AND ({differs}) AS is_changed
            FROM incoming_rows AS new
            LEFT JOIN (FROM {contract.name} WHERE known_to IS NULL) AS old ON {same_key}"""
        )
        ((n_new, n_changed, n_all),) = self._con.execute(
            "SELECT count(*) FILTER (is_new), count(*) FILTER (is_changed), count(*) FROM sorted_rows"
        ).fetchall()
        if n_changed:
            self._con.execute(
                f"""UPDATE {contract.name} AS old SET known_to = $exported_at FROM sorted_rows AS new
                WHERE {same_key} AND new.is_changed AND old.known_to IS NULL""",
                {"exported_at": exported_at},
            )
        self._insert_versions(contract, load_id, exported_at, newest)
        self._con.execute("DROP TABLE sorted_rows")
        return MergeCounts(n_new, n_changed, n_all - n_new - n_changed)

    def _insert_versions(self, contract: Contract, load_id: str, exported_at: dt.datetime, newest: dt.datetime | None) -> None:
        began = _began_sql(contract)
        # a row that an earlier export should have held, but did not, was not known before this one
        existed = f"CASE WHEN is_changed OR {began} <= $newest THEN $exported_at ELSE {began} END"
        known = existed if contract.kind == "event" else "$exported_at"
        names = [*contract.columns, *PROVENANCE]
        facts: dict[str, object] = {"exported_at": exported_at, "newest": newest or _BEFORE_EVERYTHING, "load_id": load_id}
        self._con.execute(
            f"""INSERT INTO {contract.name} ({", ".join(names)}, existed_from, known_from, known_to, load_id)
            SELECT {", ".join(names)}, {existed}, {known}, NULL, $load_id
            FROM sorted_rows WHERE is_new OR is_changed""",
            facts,
        )


def _moment_sql(contract: Contract, column: str) -> str:
    # a day is over before a fact dated with it is sure to be known; a thing that begins on a day is there all day
    if str(contract.columns[column]) != "Date":
        return column
    return f"{column} + INTERVAL 1 DAY - INTERVAL 1 MICROSECOND" if contract.kind == "event" else f"{column}::TIMESTAMP"


def _began_sql(contract: Contract) -> str:
    if contract.moment is None:
        return "TIMESTAMP '1900-01-01'"
    moment = _moment_sql(contract, contract.moment)
    if contract.recorded:
        return f"greatest({moment}, {contract.recorded})"  # greatest() passes over NULL
    undated = "$exported_at" if contract.undated == "unknown" else "TIMESTAMP '1900-01-01'"
    return f"coalesce({moment}, {undated})"


def _began(contract: Contract, known_from: pl.Expr) -> pl.Expr:
    if contract.moment is None:
        return pl.lit(_FOREVER_AGO, pl.Datetime("us"))
    moment = pl.col(contract.moment).cast(pl.Datetime("us"))
    undated = known_from if contract.undated == "unknown" else pl.lit(_FOREVER_AGO, pl.Datetime("us"))
    return pl.min_horizontal(moment.fill_null(undated), known_from)


def _complete(frame: pl.DataFrame, contract: Contract, extra: tuple[str, ...] = ()) -> pl.DataFrame:
    """Give every column of the contract, in order and type, then provenance."""
    wanted = dict(contract.columns) | {"source_file": pl.String(), "source_line": pl.Int64()}
    wanted |= {name: pl.Datetime("us") for name in extra}
    return frame.select(
        (pl.col(name) if name in frame.columns else pl.lit(None)).cast(dtype).alias(name) for name, dtype in wanted.items()
    )

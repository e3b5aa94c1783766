"""How an export changes what is known: new rows, changed rows, rows that are gone. The same for an export that comes in
time and for one that is replayed.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

import duckdb
import polars as pl

from salesiq.book.exports import FULL, Export, Register, held
from salesiq.tables import Contract

__all__ = ["Merge", "began_sql", "differs", "execute_on", "same_key"]

_BEFORE_EVERYTHING = dt.datetime(1, 1, 1)
PROVENANCE = ("source_file", "source_line", "load_id")


def execute_on(
    con: duckdb.DuckDBPyConnection, query: str, rows: pl.DataFrame, facts: Mapping[str, object] | None = None
) -> None:
    """Run a query that reads a frame as `new_rows`.

    DuckDB finds the frame as the variable of this name: one that is registered is held until the transaction ends.
    """
    new_rows = rows.to_arrow()
    con.execute(query, dict(facts or {}))
    del new_rows


def same_key(contract: Contract, old: str = "old", new: str = "new") -> str:
    """Return the condition under which two rows have the same key."""
    return " AND ".join(
        f"{old}.{key} {'=' if key in contract.required else 'IS NOT DISTINCT FROM'} {new}.{key}" for key in contract.keys
    )


def differs(contract: Contract, old: str = "old", new: str = "new") -> str:
    """Return the condition under which the newest version of a key is not what an export says."""
    values = [name for name in contract.columns if name not in contract.keys]
    return " OR ".join([f"{old}.is_gone", *(f"{old}.{name} IS DISTINCT FROM {new}.{name}" for name in values)])


class Merge:
    """One export of one table against the newest versions.

    `rows` of its methods name a table or view with the contract's columns, provenance, `key_no`, `is_new` and `is_changed`.
    With `among`, a table of `key_no`, nothing outside of it is touched.
    """

    def __init__(
        self, con: duckdb.DuckDBPyConnection, contract: Contract, register: Register, export: Export, among: str | None = None
    ) -> None:
        self._con = con
        self._contract = contract
        self._register = register
        self._export = export
        self._among = among

    def close_changed(self, rows: str) -> None:
        """End the versions that the export contradicts."""
        self._con.execute(
            f"""UPDATE {self._contract.name} AS old SET known_to = $exported_at
            FROM (SELECT key_no FROM {rows} WHERE is_changed) AS new
            WHERE old.key_no = new.key_no AND old.known_to IS NULL""",
            {"exported_at": self._export.exported_at},
        )

    def open_versions(self, rows: str | pl.DataFrame) -> None:
        """Add a version for each new and each changed row."""
        contract, export = self._contract, self._export
        began = began_sql(contract)
        # a row that an earlier export should have held, but did not, was not known before this one
        existed = f"CASE WHEN is_changed OR {began} <= $previous THEN $exported_at ELSE {began} END"
        known = existed if contract.kind == "event" else "$exported_at"
        names = ", ".join([*contract.columns, *PROVENANCE, "key_no"])
        query = f"""INSERT INTO {contract.name}
                ({names}, existed_from, known_from, known_to, is_gone, sighted_at, export_no)
            SELECT {names}, {existed}, {known}, NULL, false, $exported_at, {export.number:d}
            FROM {rows if isinstance(rows, str) else "new_rows"} WHERE is_new OR is_changed"""
        facts = {"exported_at": export.exported_at, "previous": self._register.previous(export) or _BEFORE_EVERYTHING}
        if isinstance(rows, str):
            self._con.execute(query, facts)
        else:
            execute_on(self._con, query, rows, facts)

    def mark_gone(self) -> int:
        """Mark rows that a full export no longer has; return how many. Events are never gone: they happened.

        Only a row that this series was the last to hold can vanish from it.
        """
        contract, export = self._contract, self._export
        if contract.kind != "master" or export.scope != FULL:
            return 0
        # exports of one moment and series complete each other; what any of them holds is there
        among = f"AND key_no IN (SELECT key_no FROM {self._among})" if self._among else ""
        self._con.execute(
            f"""CREATE OR REPLACE TEMP TABLE gone_keys AS
            SELECT key_no FROM {contract.name}
            WHERE known_to IS NULL AND NOT is_gone {among} AND key_no NOT IN ({held(export)})"""
        )
        self._keep_own()
        ((n_gone,),) = self._con.execute("SELECT count(*) FROM gone_keys").fetchall()
        if n_gone:
            self._write_gone()
        self._con.execute("DROP TABLE gone_keys")
        return int(n_gone)

    def _keep_own(self) -> None:
        """Leave the keys that another series held last."""
        exports = self._register.since_last_full(self._export)
        own = [item for item in exports if item.series == self._export.series]
        others = [item for item in exports if item.series != self._export.series]
        self._con.execute(f"DELETE FROM gone_keys WHERE key_no NOT IN ({held(*own)})")
        if not others:
            return
        newest = " UNION ALL ".join(
            f"SELECT key_no, {place} AS place, {'true' if item in own else 'false'} AS is_own FROM ({held(item)})"
            for place, item in enumerate(exports)
        )
        self._con.execute(
            f"""DELETE FROM gone_keys WHERE key_no IN (
                SELECT key_no FROM ({newest}) WHERE key_no IN (FROM gone_keys)
                GROUP BY key_no HAVING NOT arg_max(is_own, place))"""
        )

    def _write_gone(self) -> None:
        contract, export = self._contract, self._export
        names = ", ".join([*contract.columns, "source_file", "source_line", "key_no"])
        self._con.execute(
            f"""INSERT INTO {contract.name}
                ({names}, load_id, existed_from, known_from, known_to, is_gone, sighted_at, export_no)
            SELECT {names}, $load_id, $exported_at, $exported_at, NULL, true, $exported_at, {export.number:d}
            FROM {contract.name} WHERE known_to IS NULL AND NOT is_gone AND key_no IN (FROM gone_keys)""",
            {"exported_at": export.exported_at, "load_id": export.load_id},
        )
        self._con.execute(
            f"""UPDATE {contract.name} SET known_to = $exported_at
            WHERE known_to IS NULL AND NOT is_gone AND key_no IN (FROM gone_keys)""",
            {"exported_at": export.exported_at},
        )


def began_sql(contract: Contract, undated: str = "$exported_at") -> str:
    """Return the moment at which a thing began; `undated` stands for that of a row which is not known to have been always."""
    if contract.moment is None:
        return "TIMESTAMP '1900-01-01'"
    moment = _moment_sql(contract, contract.moment)
    if contract.recorded:
        return f"greatest({moment}, {contract.recorded})"  # greatest() passes over NULL
    otherwise = undated if contract.undated == "unknown" else "TIMESTAMP '1900-01-01'"
    return f"coalesce({moment}, {otherwise})"


def _moment_sql(contract: Contract, column: str) -> str:
    # a day is over before a fact dated with it is sure to be known; a thing that begins on a day is there all day
    if str(contract.columns[column]) != "Date":
        return column
    return f"{column} + INTERVAL 1 DAY - INTERVAL 1 MICROSECOND" if contract.kind == "event" else f"{column}::TIMESTAMP"

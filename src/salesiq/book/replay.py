"""An export that comes late, and a history: what came after them is merged again, by the same rules, as if all had come in
time.

Only keys that the late one can change are taken out and merged anew. What each later export said of them is read off the
versions that it left and the register of what it held.
"""

from __future__ import annotations

import datetime as dt

import duckdb

from salesiq.book.exports import FULL, PAST, Export, Register, held
from salesiq.book.merging import PROVENANCE, Merge, began_sql, differs, same_key
from salesiq.tables import Contract

__all__ = ["Replay"]

_ALWAYS = (dt.datetime(1, 1, 1), "")
_FOREVER = dt.datetime(9999, 12, 31)
# a version covers a place when it was opened at or before it and the next one after it
_COVERS = """(placed_at < $placed_at OR (placed_at = $placed_at AND lane <= $lane))
    AND (next_at IS NULL OR next_at > $placed_at OR (next_at = $placed_at AND next_lane > $lane))"""


class Replay:
    """Rows of one table in `arrived_rows` (contract's columns and provenance), to be merged before what came later."""

    def __init__(self, con: duckdb.DuckDBPyConnection, contract: Contract, register: Register) -> None:
        self._con = con
        self._contract = contract
        self._register = register

    def export(self, export: Export) -> int:
        """Merge an export at its own place; return how many rows are gone by it."""
        self._number()
        self._find_affected(export)
        self._take_out(export.place)
        names = ", ".join([*self._contract.columns, *PROVENANCE, "key_no", "placed_at", "is_gone", "export_no"])
        self._con.execute(
            f"CREATE TEMP TABLE waiting_past AS SELECT {names} FROM old_versions WHERE is_past AND NOT {_before()}", _at(export)
        )
        self._register.sight(export, "SELECT key_no FROM numbered_rows")
        self._judge(self._with_rest_of(export), export)
        n_gone = self._apply(export)
        self._again([other for other in self._register.exports if other.place > export.place])
        return n_gone

    def past(self, export: Export) -> None:
        """Bring in versions with `known_from` and `known_to` of their own, and merge every export again over them."""
        self._number()
        self._con.execute("CREATE OR REPLACE TEMP TABLE affected_keys AS SELECT DISTINCT key_no FROM numbered_rows")
        ((n_known,),) = self._con.execute("SELECT count(*) FROM numbered_rows WHERE NOT is_unknown").fetchall()
        self._take_out(_ALWAYS)
        self._collect_past(export)
        self._again(self._register.exports if n_known else [])

    def count(self, export: Export) -> list[tuple[str | None, int, int, int]]:
        """Return new, changed and unchanged rows by file, against what the book knew at the export's place."""
        found = self._con.execute(
            f"""SELECT new.source_file, count(*) FILTER (old.key_no IS NULL),
                count(*) FILTER (old.key_no IS NOT NULL AND ({differs(self._contract)})),
                count(*) FILTER (old.key_no IS NOT NULL AND NOT ({differs(self._contract)}))
            FROM numbered_rows AS new
            LEFT JOIN (FROM old_versions WHERE {_COVERS}) AS old ON old.key_no = new.key_no
            GROUP BY 1""",
            _at(export),
        ).fetchall()
        return [(file, new, changed, same) for file, new, changed, same in found]

    def close(self) -> None:
        """Drop what was set aside."""
        for name in ("arrived_rows", "numbered_rows", "affected_keys", "old_versions", "waiting_past", "judged_rows"):
            self._con.execute(f"DROP TABLE IF EXISTS {name}")

    def _number(self) -> None:
        """Find each row's key number; new keys get new ones."""
        table = self._contract.name
        keys = ", ".join(f"new.{key}" for key in self._contract.keys)
        self._con.execute(
            f"""CREATE OR REPLACE TEMP TABLE numbered_rows AS
            SELECT new.*, old.key_no IS NULL AS is_unknown, coalesce(old.key_no,
                (SELECT coalesce(max(key_no), 0) FROM {table})
                + dense_rank() OVER (PARTITION BY old.key_no IS NULL ORDER BY {keys})) AS key_no
            FROM arrived_rows AS new
            LEFT JOIN (FROM {table} WHERE known_to IS NULL) AS old ON {same_key(self._contract)}"""
        )

    def _find_affected(self, export: Export) -> None:
        table = self._contract.name
        parts = ["SELECT key_no FROM numbered_rows"]
        # what the next export brought first was not known before it, if this one should have held it
        after = self._register.following(export)
        if after:
            parts.append(f"SELECT key_no FROM {table} WHERE export_no IN ({', '.join(map(str, after))})")
        if export.scope == FULL and self._contract.kind == "master":
            parts.append(
                f"""SELECT key_no FROM {table}
                WHERE sighted_at <= $exported_at AND (known_to IS NULL OR known_to >= $exported_at)
                AND key_no NOT IN (SELECT key_no FROM numbered_rows)"""
            )
        facts = {"exported_at": export.exported_at} if len(parts) > 1 and "$exported_at" in parts[-1] else {}
        self._con.execute(f"CREATE OR REPLACE TEMP TABLE affected_keys AS {' UNION '.join(parts)}", facts)

    def _take_out(self, place: tuple[dt.datetime, str]) -> None:
        """Set the affected keys' versions aside and leave those from before the place."""
        table = self._contract.name
        self._con.execute(
            f"""CREATE OR REPLACE TEMP TABLE old_versions AS
            SELECT *, lead(placed_at) OVER places AS next_at, lead(lane) OVER places AS next_lane
            FROM (
                SELECT versions.*, versions.sighted_at AS placed_at, exports.scope = '{PAST}' AS is_past,
                    CASE WHEN exports.scope = '{PAST}' THEN '' ELSE exports.series END AS lane,
                    exports.exported_at AS told_at
                FROM {table} AS versions JOIN exports USING (export_no)
                WHERE key_no IN (FROM affected_keys)
            ) WINDOW places AS (PARTITION BY key_no ORDER BY placed_at, lane)"""
        )
        self._con.execute(f"DELETE FROM {table} WHERE key_no IN (FROM affected_keys)")
        names = ", ".join(name for name, *_ in self._con.execute(f"DESCRIBE {table}").fetchall())
        values = names.replace("known_to", f"CASE WHEN {_before('next_at', 'next_lane')} THEN known_to END")
        self._con.execute(
            f"INSERT INTO {table} ({names}) SELECT {values} FROM old_versions WHERE {_before()}",
            {"placed_at": place[0], "lane": place[1]},
        )

    def _with_rest_of(self, export: Export) -> str:
        """What the export holds of the affected keys: the rows that arrived, and those it was known to hold."""
        names = ", ".join([*self._contract.columns, *PROVENANCE, "key_no"])
        return f"""SELECT {names} FROM numbered_rows UNION ALL {self._said(export)}
            AND key_no NOT IN (SELECT key_no FROM numbered_rows)"""

    def _said(self, export: Export) -> str:
        names = ", ".join([*self._contract.columns, *PROVENANCE, "key_no"])
        return f"SELECT {names} FROM old_versions WHERE {_COVERS} AND NOT is_gone AND key_no IN ({held(export)})"

    def _judge(self, rows: str, export: Export) -> None:
        self._con.execute(
            f"""CREATE OR REPLACE TEMP TABLE judged_rows AS
            SELECT new.*, old.key_no IS NULL AS is_new,
                old.key_no IS NOT NULL AND ({differs(self._contract)}) AS is_changed
            FROM ({rows}) AS new
            LEFT JOIN (FROM {self._contract.name} WHERE known_to IS NULL) AS old ON old.key_no = new.key_no""",
            _at(export),
        )

    def _apply(self, export: Export) -> int:
        merge = Merge(self._con, self._contract, self._register, export, among="affected_keys")
        merge.close_changed("judged_rows")
        merge.open_versions("judged_rows")
        return merge.mark_gone()

    def _again(self, exports: list[Export]) -> None:
        for export in exports:
            if export.scope == PAST:
                continue
            self._bring_past(export.exported_at)
            self._judge(self._said(export), export)
            self._apply(export)
        self._bring_past(_FOREVER)

    def _collect_past(self, export: Export) -> None:
        """Gather the history of the affected keys: what was told before, and what is told now.

        Where two histories tell of the same moment, or of an end, the one that was exported later is right.
        """
        contract = self._contract
        values = ", ".join([*contract.columns, *PROVENANCE, "key_no"])
        self._con.execute(
            f"""CREATE TEMP TABLE waiting_past AS
            WITH told AS (
                SELECT {values}, known_from AS placed_at, false AS is_gone, {export.number:d} AS export_no, $told_at AS told_at
                FROM numbered_rows
                UNION ALL
                SELECT {values}, known_to, true, {export.number:d}, $told_at
                FROM (FROM numbered_rows SELECT *, lead(known_from) OVER (PARTITION BY key_no ORDER BY known_from) AS next_from)
                WHERE known_to < coalesce(next_from, TIMESTAMP '9999-12-31')
                UNION ALL
                SELECT {values}, placed_at, is_gone, export_no, told_at FROM old_versions WHERE is_past
            )
            FROM told
            QUALIFY row_number() OVER (PARTITION BY key_no, placed_at ORDER BY told_at DESC, is_gone, export_no DESC) = 1
                AND (NOT is_gone OR told_at = max(told_at) OVER (PARTITION BY key_no))""",
            {"told_at": export.exported_at},
        )

    def _bring_past(self, until: dt.datetime) -> None:
        """Add the versions of the history that begin up to a moment."""
        contract = self._contract
        table = contract.name
        ((n_due,),) = self._con.execute("SELECT count(*) FROM waiting_past WHERE placed_at <= ?", [until]).fetchall()
        if not n_due:
            return
        names, began = ", ".join([*contract.columns, *PROVENANCE, "key_no"]), began_sql(contract, "placed_at")
        due = "SELECT *, lead(placed_at) OVER moments AS next_at, row_number() OVER moments = 1 AS is_first FROM waiting_past"
        self._con.execute(
            f"""CREATE OR REPLACE TEMP TABLE due_past AS
            SELECT due.*, is_first AND key_no NOT IN (SELECT key_no FROM {table}) AS is_new
            FROM ({due} WHERE placed_at <= $until WINDOW moments AS (PARTITION BY key_no ORDER BY placed_at)) AS due""",
            {"until": until},
        )
        self._con.execute(
            f"""UPDATE {table} AS old SET known_to = due.placed_at FROM due_past AS due
            WHERE due.is_first AND old.key_no = due.key_no AND old.known_to IS NULL"""
        )
        self._con.execute(
            f"""INSERT INTO {table} ({names}, existed_from, known_from, known_to, is_gone, sighted_at, export_no)
            SELECT {names}, CASE WHEN is_new THEN least({began}, placed_at) ELSE placed_at END, placed_at, next_at, is_gone,
                placed_at, export_no
            FROM due_past"""
        )
        self._con.execute("DELETE FROM waiting_past WHERE placed_at <= $until", {"until": until})
        self._con.execute("DROP TABLE due_past")


def _before(at: str = "placed_at", lane: str = "lane") -> str:
    return f"({at} < $placed_at OR ({at} = $placed_at AND {lane} < $lane))"


def _at(export: Export) -> dict[str, object]:
    return {"placed_at": export.exported_at, "lane": export.place[1]}

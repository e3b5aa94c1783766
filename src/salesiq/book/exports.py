"""The register of exports: what came when, of which series, and which keys each of them held.

Every key of a table has a number, given once and never again. What an export held is kept as ranges of these numbers: a
full export of a million rows is a few ranges. So the book can tell at any time what each export said, and an export that
comes late is merged as if it had come in time.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import duckdb

__all__ = ["CHANGES", "FULL", "PAST", "Export", "Register"]

FULL, CHANGES, PAST = "full", "changes", "history"
TABLES = (
    """exports (
        export_no INTEGER, table_name VARCHAR, series VARCHAR, scope VARCHAR, exported_at TIMESTAMP, n_rows BIGINT,
        load_id VARCHAR)""",
    "sightings (export_no INTEGER, first_no BIGINT, last_no BIGINT)",
)


@dataclass(frozen=True)
class Export:
    """One export of one table: the files of a series at a moment."""

    number: int
    series: str
    scope: str
    exported_at: dt.datetime
    n_rows: int
    load_id: str

    @property
    def place(self) -> tuple[dt.datetime, str]:
        """Where it stands among all exports of its table; a history stands before the exports of its moment."""
        return self.exported_at, "" if self.scope == PAST else self.series


class Register:
    """The exports of one table, in the order of their places."""

    def __init__(self, con: duckdb.DuckDBPyConnection, table: str) -> None:
        self._con = con
        self._table = table
        found = con.execute(
            "SELECT export_no, series, scope, exported_at, n_rows, load_id FROM exports WHERE table_name = ?", [table]
        ).fetchall()
        self.exports = sorted((Export(*row) for row in found), key=lambda export: export.place)

    def find(self, series: str, exported_at: dt.datetime, scope: str) -> Export | None:
        """Return the export of a series at a moment, where there is one already."""
        wanted = (series, exported_at, scope == PAST)
        return next((item for item in self.exports if (item.series, item.exported_at, item.scope == PAST) == wanted), None)

    def add(self, series: str, exported_at: dt.datetime, scope: str, load_id: str) -> Export:
        """Enter an export; files of one series at one moment complete each other and are one export."""
        known = self.find(series, exported_at, scope)
        if known is not None:
            return known
        ((number,),) = self._con.execute("SELECT coalesce(max(export_no), 0) + 1 FROM exports").fetchall()
        export = Export(number, series, scope, exported_at, 0, load_id)
        row = [number, self._table, series, scope, exported_at, 0, load_id]
        self._con.execute("INSERT INTO exports VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        self.exports = sorted((*self.exports, export), key=lambda item: item.place)
        return export

    def is_newest(self, export: Export) -> bool:
        """Whether no export of the table stands after this one."""
        return all(other.place < export.place for other in self.exports if other.number != export.number)

    def previous(self, export: Export) -> dt.datetime | None:
        """Return the moment of the newest older export of the same series."""
        older = [item.exported_at for item in self._of(export.series) if item.exported_at < export.exported_at]
        return max(older, default=None)

    def following(self, export: Export) -> list[int]:
        """Return the numbers of the oldest newer exports of the same series."""
        newer = [item for item in self._of(export.series) if item.exported_at > export.exported_at]
        oldest = min((item.exported_at for item in newer), default=None)
        return [item.number for item in newer if item.exported_at == oldest]

    def since_last_full(self, export: Export) -> list[Export]:
        """Return the exports between the last full one of the same series (included) and this one, of all series."""
        before = [item for item in self.exports if item.place < export.place and item.scope != PAST]
        full = [item.place for item in before if item.series == export.series and item.scope == FULL]
        return [item for item in before if not full or item.place >= max(full)]

    def newest_full(self, series: str) -> Export | None:
        """Return the newest full export of a series."""
        full = [item for item in self._of(series) if item.scope == FULL]
        return full[-1] if full else None

    def _of(self, series: str) -> list[Export]:
        return [item for item in self.exports if item.series == series and item.scope != PAST]

    def sight(self, export: Export, numbers: str) -> None:
        """Keep which keys an export held, beside those that it was known to hold; `numbers` is a query of `key_no`."""
        self._con.execute(f"CREATE OR REPLACE TEMP TABLE held_keys AS SELECT key_no FROM ({numbers}) UNION {held(export)}")
        self._con.execute(f"DELETE FROM sightings WHERE export_no = {export.number:d}")
        self._con.execute(
            f"""INSERT INTO sightings
            SELECT {export.number:d}, min(key_no), max(key_no)
            FROM (SELECT key_no, key_no - row_number() OVER (ORDER BY key_no) AS island FROM held_keys)
            GROUP BY island ORDER BY 2"""
        )
        self._con.execute("DROP TABLE held_keys")
        self._count(export)

    def sight_range(self, export: Export, first: int, last: int) -> None:
        """Keep that an export held all keys of a range that no other range of it touches."""
        self._con.execute(f"INSERT INTO sightings VALUES ({export.number:d}, {first:d}, {last:d})")
        self._count(export)

    def _count(self, export: Export) -> None:
        self._con.execute(
            f"""UPDATE exports SET n_rows = (
                SELECT coalesce(sum(last_no - first_no + 1), 0) FROM sightings WHERE export_no = {export.number:d})
            WHERE export_no = {export.number:d}"""
        )


def held(*exports: Export) -> str:
    """Return the query of the keys that any of some exports held."""
    numbers = ", ".join(f"{export.number:d}" for export in exports) or "-1"
    return f"SELECT DISTINCT unnest(range(first_no, last_no + 1)) AS key_no FROM sightings WHERE export_no IN ({numbers})"

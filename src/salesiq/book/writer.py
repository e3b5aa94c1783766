"""Writing into a book: exports and histories are merged into what is known, logs are appended."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import duckdb
import polars as pl

from salesiq.book.exports import CHANGES, FULL, PAST, Register
from salesiq.book.incoming import Incoming, MergeCounts, complete
from salesiq.book.merging import execute_on
from salesiq.book.replay import Replay
from salesiq.tables import CONTRACTS, Contract

__all__ = ["MergeCounts", "Writer"]


class Writer:
    """The hand of one write; it lives as long as the `with book.write()` block."""

    def __init__(self, con: duckdb.DuckDBPyConnection) -> None:
        self._con = con

    def merge(
        self,
        table: str,
        frame: pl.DataFrame,
        *,
        load_id: str,
        exported_at: dt.datetime,
        series: str | None = None,
        scope: str | None = None,
    ) -> MergeCounts:
        """Bring an export's rows of one table into the book's history, in one piece; see `export`."""
        with self.export(table, load_id=load_id, exported_at=exported_at, series=series, scope=scope) as export:
            export.add(frame)
        return sum(export.counts.values(), MergeCounts(n_gone=export.n_gone))

    @contextmanager
    def export(
        self,
        table: str,
        *,
        load_id: str,
        exported_at: dt.datetime,
        series: str | None = None,
        scope: str | None = None,
    ) -> Iterator[Incoming]:
        """Bring an export's rows of one table into the book's history, part by part: `export.add(frame)`.

        A frame has the contract's columns (those that may be null can be left out) and, where known, `source_file` and
        `source_line`; no key stands twice in an export. Rows with a new key are added, rows that differ from what was known
        at `exported_at` close it and open a new version, equal rows change nothing. `series` names the exports that follow
        each other, by default all of the table. `scope` is "full" where the export has all that there is: what it does not
        have is marked gone; or "changes". Master tables are full by default; events are never gone.

        Exports may come in any order and end in the same book. Several of one series and moment are one export; where two
        of them hold the same key, the one that came later is right.
        """
        contract = CONTRACTS[table]
        chosen = scope or (FULL if contract.kind == "master" else CHANGES)
        incoming = Incoming(self._con, contract, series or table, chosen, exported_at, load_id)
        yield incoming
        incoming.finish()

    def merge_history(
        self,
        table: str,
        frame: pl.DataFrame,
        *,
        load_id: str,
        exported_at: dt.datetime | None = None,
        series: str | None = None,
    ) -> None:
        """Bring in versions that tell themselves from when (`known_from`) to when (`known_to`, may be null) they were true,
        such as a field history.

        A version holds until the next one of its key, or an export taken after it that says something else. Where the last one
        has an end, the row is gone from then on. `exported_at` is when the history was told; of two histories that tell of
        one moment the one told later is right. The same history again changes nothing.
        """
        contract = CONTRACTS[table]
        rows = complete(frame, contract, extra=("known_from", "known_to")).with_columns(load_id=pl.lit(load_id))
        if rows.is_empty():
            return
        told = [exported_at, *(rows[name].max() for name in ("known_from", "known_to"))]
        newest = max(moment for moment in told if isinstance(moment, dt.datetime))
        register = Register(self._con, table)
        export = register.add(series or table, newest, PAST, load_id)
        execute_on(self._con, "CREATE OR REPLACE TEMP TABLE arrived_rows AS FROM new_rows", rows)
        replay = Replay(self._con, contract, register)
        replay.past(export)
        replay.close()

    def n_rows_before(self, table: str, series: str, exported_at: dt.datetime) -> int | None:
        """Return how many rows the newest full export of a series held; None where there is none before `exported_at`."""
        newest = Register(self._con, table).newest_full(series)
        return newest.n_rows if newest and newest.exported_at < exported_at else None

    def log(self, table: str, frame: pl.DataFrame) -> None:
        """Append rows to a log table, such as `loads` or `rejects`."""
        self._append(CONTRACTS[table], frame)

    def resolve_rejects(self, load_id: str, table: str, file: str, lines: Sequence[int], *, by: str) -> None:
        """Note that rows which a load rejected came again with the load `by`, whatever became of them there."""
        self._con.execute(
            """UPDATE rejects SET resolved_load_id = ? WHERE load_id = ? AND table_name = ? AND source_file = ?
            AND list_contains(?, source_line) AND resolved_load_id IS NULL""",
            [by, load_id, table, file, list(lines)],
        )

    def note(self, name: str, body: Mapping[str, object]) -> None:
        """Keep a small fact about the book under `name`, in place of an older one."""
        self._con.execute("INSERT OR REPLACE INTO notes VALUES (?, ?)", [name, json.dumps(body, sort_keys=True)])

    def _append(self, contract: Contract, rows: pl.DataFrame) -> None:
        names = ", ".join(rows.columns)
        execute_on(self._con, f"INSERT INTO {contract.name} ({names}) SELECT {names} FROM new_rows", rows)

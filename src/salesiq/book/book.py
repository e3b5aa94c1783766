"""Book: a file of data, opened to read without end and to write whole or not at all."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import duckdb
import polars as pl

from salesiq.book import frames as own_frames
from salesiq.book import macros
from salesiq.book.digest import digest
from salesiq.book.snapshot import Snapshot
from salesiq.book.storage import FileStore, MemoryStore, damage_told
from salesiq.book.writer import Writer
from salesiq.calendar import parse_moment
from salesiq.errors import UsageError
from salesiq.tables import CONTRACTS

if TYPE_CHECKING:
    from salesiq.load import LoadReport

DEFAULT_ZONE = "Asia/Shanghai"


class Book:
    """Everything that was loaded, with its history, in one DuckDB file or in memory.

    The file is created where it is missing; ":memory:" keeps the book in this process. `zone` names the company's time zone, in
    which every timestamp of the book is told; it is fixed when the book is created. `wait_seconds` is how long a write waits
    for another writer. Raises BookError where the path holds no book or its folder is missing.

    >>> book = Book(":memory:")
    >>> book.tables().filter(pl.col("table_name") == "deals").row(0)
    ('deals', 'crm', 0)
    """

    def __init__(self, path: str | Path = ":memory:", *, zone: str = DEFAULT_ZONE, wait_seconds: float = 10) -> None:
        is_memory = str(path) == ":memory:"
        self.path = Path(path)
        self._store = MemoryStore(zone) if is_memory else FileStore(self.path.absolute(), zone, wait_seconds)
        self._reader: duckdb.DuckDBPyConnection | None = None
        self._library: macros.Library | None = None
        self.zone = str(self.notes("zone"))

    def __repr__(self) -> str:
        return f"Book({str(self.path)!r})"

    @classmethod
    def from_frames(cls, *, zone: str = DEFAULT_ZONE, exported_at: dt.datetime | None = None, **frames: Any) -> Book:
        """Make a book in memory from a frame per canonical table, polars or pandas.

        Columns that the contract allows to be null may be left out. A frame with `known_from` and `known_to` brings its
        own history. `exported_at` is the moment at which the frames were taken, by default the newest moment that they tell of:
        attributes are hindsight before it.

        >>> import datetime as dt
        >>> deals = pl.DataFrame({"deal_id": ["D1"], "created_at": [dt.datetime(2026, 1, 5)], "status": ["open"]})
        >>> Book.from_frames(deals=deals).as_of("2026-01-31").sql("SELECT deal_id FROM base.deals(as_of := $as_of)").item()
        'D1'
        """
        book = cls(":memory:", zone=zone)
        rows = {table: own_frames.canonical(table, frame, zone) for table, frame in frames.items()}
        moment = exported_at or own_frames.newest_moment(rows)
        if not any(frame.height for frame in rows.values()):
            return book
        with book.write() as writer:
            for table, frame in rows.items():
                _bring(writer, table, frame, moment or dt.datetime(1900, 1, 1))
        return book

    def load(
        self,
        source: str | Path | Sequence[str | Path],
        mapping: str | Path | None = None,
        exported_at: dt.datetime | str | None = None,
        *,
        progress: Callable[[str, int], None] | None = None,
        max_rejects_share: float | None = None,
        allow_shrink: bool = False,
    ) -> LoadReport:
        """Load a folder or a file of exports; `mapping` names a preset or a mapping file. See `salesiq.load.load`."""
        from salesiq.load import load  # the layer above: see pyproject, import-linter

        limits: dict[str, Any] = {"max_rejects_share": max_rejects_share, "allow_shrink": allow_shrink}
        return load(self, source, mapping, exported_at, progress, **limits)

    @contextmanager
    def write(self) -> Iterator[Writer]:
        """Yield a Writer; what it wrote is in the book when the block ends without an error, all of it or nothing.

        Raises BusyError where another process is writing, BookError where the book cannot be written (disk full, read-only).
        """
        with self._store.writing() as con:
            yield Writer(con)
        self._reader = None

    def as_of(self, moment: dt.date | dt.datetime | str) -> Snapshot:
        """Return what the book knew at `moment`, told in the company's time zone.

        A date, or ISO text of one, means the end of that day; an aware datetime is converted to the book's zone, a naive
        one is taken to be in it. A moment before the first record gives empty frames with the right columns. A moment
        later than both the clock and the newest export raises UsageError: nobody knows the future.
        """
        parsed = parse_moment(moment, self.zone)
        newest = self.newest_export()
        if parsed > max(_tomorrow_ends(self.zone), newest or dt.datetime.min):
            raise UsageError("book.future", moment=parsed, newest=newest or "—")
        return Snapshot(self._open_library(), parsed, self.zone)

    def newest_export(self) -> dt.datetime | None:
        """Return the moment of the newest export in the book; None while it is empty."""
        found: dt.datetime | None = self._query("SELECT max(exported_at) AS newest FROM book.main.loads").item()
        return found

    def tables(self) -> pl.DataFrame:
        """Return one row per canonical table: `table_name`, `system`, `n_rows` (stored versions)."""
        counts = " UNION ALL ".join(
            f"SELECT '{contract.name}' AS table_name, '{contract.system}' AS system, count(*) AS n_rows "
            f"FROM book.main.{contract.name}"
            for contract in CONTRACTS.values()
        )
        return self._query(counts)

    def loads(self) -> pl.DataFrame:
        """Return the log of loads, oldest first: one row per file and table, see the `loads` contract."""
        return self._query("FROM book.main.loads ORDER BY exported_at, source_file, table_name")

    def rejects(self) -> pl.DataFrame:
        """Return every input row that was not loaded, with file, line, column, value and reason."""
        return self._query("FROM book.main.rejects ORDER BY load_id, source_file, source_line, source_column")

    def digest(self) -> str:
        """Return the SHA-256 of all that the book knows and since when, whatever the order in which it was loaded.

        Two books have the same digest where every row of every canonical table is the same, with its history
        (`existed_from`, `known_from`, `known_to`, `is_gone`). Where a row came from (load, file, line) does not count.

        >>> Book().digest() == Book().digest()
        True
        """
        with damage_told(self.path):
            return digest(self._open())

    def loaded_hashes(self) -> set[str]:
        """Return the hashes of the files that are in the book already."""
        return set(self._query("SELECT DISTINCT file_hash FROM book.main.loads").get_column("file_hash").to_list())

    def notes(self, name: str) -> Any:
        """Return the note kept under `name` (see `Writer.note`), or an empty dict."""
        found = self._query("SELECT body FROM book.main.notes WHERE name = $name", name=name)
        return json.loads(found.item()) if found.height else {}

    def install_macros(self) -> None:
        """Write every macro into the book's own file, so that any DuckDB client can use them.

        A client opens the file and asks `FROM funnel.visits(as_of := TIMESTAMP '2026-01-31 23:59:59')`. Call it again after
        an update of salesiq: macros in the file are a copy of those of the version that wrote them.
        """
        with self._store.writing() as con:
            macros.build(con)
        self._reader = None

    def _open(self) -> duckdb.DuckDBPyConnection:
        if self._reader is None:
            self._reader = self._store.reader()
        return self._reader

    def _open_library(self) -> macros.Library:
        con = self._open()
        if self._library is None or self._library.con is not con:
            self._library = macros.Library(con, "book.main.")
        return self._library

    def _query(self, query: str, **params: object) -> pl.DataFrame:
        cursor = self._open().cursor()
        with damage_told(self.path):
            found: pl.DataFrame = cursor.sql(query, params=params).pl() if params else cursor.sql(query).pl()
        return found


def _tomorrow_ends(zone: str) -> dt.datetime:
    # a day of grace: a report for today may be asked for from another time zone
    today = dt.datetime.now(ZoneInfo(zone)).date()
    return dt.datetime.combine(today + dt.timedelta(days=2), dt.time())


def _bring(writer: Writer, table: str, frame: pl.DataFrame, exported_at: dt.datetime) -> None:
    digest = hashlib.sha256(frame.write_ipc(None).getvalue()).hexdigest()
    load_id = digest[:16]
    n_new = frame.height
    if "known_from" in frame.columns:
        writer.merge_history(table, frame, load_id=load_id, exported_at=exported_at)
    else:
        n_new = writer.merge(table, frame, load_id=load_id, exported_at=exported_at).n_new
    row = {"load_id": load_id, "table_name": table, "source_file": f"frames/{table}", "file_hash": digest}
    counts = {"n_rows_in": n_new, "n_new": n_new, "n_changed": 0, "n_unchanged": 0, "n_rejected": 0, "n_skipped": 0}
    writer.log("loads", pl.DataFrame({**row, "exported_at": exported_at, **counts}))

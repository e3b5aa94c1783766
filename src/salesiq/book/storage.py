"""Where a book lives: a file that is only ever replaced whole, or the memory of this process.

Both stores work alike: readers keep the state they opened; a writer works on a copy, which takes the book's place only when
it is complete. So a crash at any moment leaves the old book whole.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb
from filelock import FileLock, Timeout

from salesiq.book import exports
from salesiq.errors import BookError, BusyError
from salesiq.tables import CONTRACTS

FORMAT = "2"
HISTORY_COLUMNS = {
    "existed_from": "TIMESTAMP",
    "known_from": "TIMESTAMP",
    "known_to": "TIMESTAMP",
    "is_gone": "BOOLEAN",
    "load_id": "VARCHAR",
    "source_file": "VARCHAR",
    "source_line": "BIGINT",
    "key_no": "BIGINT",
    "sighted_at": "TIMESTAMP",
    "export_no": "INTEGER",
}
_WRITE_MEMORY = "600MB"  # a load stays under 2 GB with what it reads; beyond this DuckDB spills beside the draft
_DAMAGE = ("Corrupt database file", "Could not read enough bytes")
_NEWER_ENGINE = re.compile(r"storage version number (\d+), but we can only read storage versions? between (\d+ and \d+)")
_SPARE_BYTES = 32 * 1024 * 1024
_SQL_TYPES = {"String": "VARCHAR", "Float64": "DOUBLE", "Int64": "BIGINT", "Boolean": "BOOLEAN", "Date": "DATE"}


def sql_type(dtype: object) -> str:
    """Return DuckDB's name for a polars type of the contracts.

    >>> import polars as pl
    >>> sql_type(pl.Decimal(18, 2)), sql_type(pl.Datetime("us"))
    ('DECIMAL(18,2)', 'TIMESTAMP')
    """
    name = str(dtype)
    if name.startswith("Decimal"):
        return "DECIMAL(18,2)"
    return "TIMESTAMP" if name.startswith("Datetime") else _SQL_TYPES[name]


def create_tables(con: duckdb.DuckDBPyConnection, prefix: str, zone: str) -> None:
    """Create every canonical table, empty, and the notes that name the format and the company's time zone."""
    for contract in CONTRACTS.values():
        columns = {name: sql_type(dtype) for name, dtype in contract.columns.items()}
        if contract.kind != "log":
            columns |= HISTORY_COLUMNS
        body = ", ".join(f"{name} {kind}" for name, kind in columns.items())
        con.execute(f"CREATE TABLE {prefix}{contract.name} ({body})")
    for table in exports.TABLES:
        con.execute(f"CREATE TABLE {prefix}{table}")
    con.execute(f"CREATE TABLE {prefix}notes (name VARCHAR PRIMARY KEY, body VARCHAR)")
    con.execute(f"INSERT INTO {prefix}notes VALUES ('format', ?), ('zone', ?)", [f'"{FORMAT}"', f'"{zone}"'])


def _engine() -> duckdb.DuckDBPyConnection:
    return duckdb.connect(":memory:")


def _seal(con: duckdb.DuckDBPyConnection) -> None:
    # what a user's SQL or a hostile cell could reach for: files, extensions, settings
    ((is_locked,),) = con.execute("SELECT current_setting('lock_configuration')").fetchall()
    if is_locked:
        return
    con.execute("SET enable_external_access = false")
    con.execute("SET lock_configuration = true")


def is_damage(error: duckdb.Error) -> bool:
    """Whether DuckDB found that what is on the disk is not what it wrote there."""
    return any(sign in str(error) for sign in _DAMAGE)


def unreadable(error: Exception, path: Path | str) -> BookError:
    """Say why a file is no book that can be read: damaged, of a newer DuckDB, or none at all."""
    problem = _first_line(error)
    if isinstance(error, duckdb.Error) and is_damage(error):
        return BookError("book.damaged", path=path, problem=problem)
    newer = _NEWER_ENGINE.search(str(error))
    if newer:
        return BookError("book.newer_engine", path=path, written=newer[1], readable=newer[2], version=duckdb.__version__)
    return BookError("book.not_a_book", path=path, problem=problem)


@contextmanager
def damage_told(path: Path | str) -> Iterator[None]:
    """Turn DuckDB's finding that a book is damaged into ours."""
    try:
        yield
    except duckdb.Error as error:
        if is_damage(error):
            raise unreadable(error, path) from error
        raise


def _check_format(found: str, path: Path) -> None:
    if int(found) > int(FORMAT):
        raise BookError("book.newer_format", path=path, found=found, known=FORMAT)
    if found != FORMAT:
        raise BookError("book.older_format", path=path, found=found, known=FORMAT)


class FileStore:
    """A book in a file. `path` is never opened for writing by DuckDB: a copy replaces it."""

    def __init__(self, path: Path, zone: str, wait_seconds: float) -> None:
        self.path = path
        self.wait_seconds = wait_seconds
        try:
            self._sweep()
            is_there = path.exists()
        except OSError as error:
            raise self._storage_error(error) from error
        if not is_there:
            if not path.parent.is_dir():
                raise BookError("book.no_folder", path=path, folder=path.parent)
            with self.writing(zone):
                pass

    def _holder(self) -> Path:
        return self.path.with_name(self.path.name + ".lock")

    def _draft(self) -> Path:
        return self.path.with_name(f".{self.path.name}.draft")

    def _sweep(self) -> None:
        """Remove what a killed writer left, unless one is writing now."""
        if self._draft().exists():
            with suppress(BusyError), self._locked(0):
                self._discard_draft()

    def _discard_draft(self) -> None:
        draft = self._draft()
        for leftover in (draft, draft.with_name(draft.name + ".wal")):
            leftover.unlink(missing_ok=True)
        shutil.rmtree(draft.with_name(draft.name + ".tmp"), ignore_errors=True)  # what DuckDB had no memory for

    @contextmanager
    def _locked(self, wait_seconds: float) -> Iterator[None]:
        lock = FileLock(self._holder(), timeout=wait_seconds)
        owner = self.path.with_name(self.path.name + ".owner")
        try:
            lock.acquire()
        except Timeout as error:
            with suppress(OSError):
                pid = owner.read_text(encoding="ascii").strip()
                raise BusyError("book.busy", path=self.path, pid=pid or "?") from error
            raise BusyError("book.busy", path=self.path, pid="?") from error
        except OSError as error:
            raise BookError("book.not_writable", path=self.path, problem=error.strerror) from error
        try:
            owner.write_text(str(os.getpid()), encoding="ascii")
            yield
        finally:
            owner.unlink(missing_ok=True)
            lock.release()

    def reader(self) -> duckdb.DuckDBPyConnection:
        """Open the book read-only, closed to anything outside."""
        if not self.path.exists():
            raise BookError("book.missing", path=self.path)
        con = _engine()
        try:
            con.execute(f"ATTACH {_quoted(self.path)} AS book (READ_ONLY)")
            ((found,),) = con.execute("SELECT body FROM book.main.notes WHERE name = 'format'").fetchall()
        except (duckdb.Error, ValueError) as error:
            con.close()
            raise unreadable(error, self.path) from error
        _check_format(json.loads(found), self.path)
        _seal(con)
        return con

    @contextmanager
    def writing(self, zone: str = "") -> Iterator[duckdb.DuckDBPyConnection]:
        """Yield a connection to a copy, inside a transaction; the copy replaces the book when the block ends well."""
        with self._locked(self.wait_seconds):
            is_new = not self.path.exists()
            if is_new and not zone:  # only a book that is being created may be missing
                raise BookError("book.missing", path=self.path)
            self._discard_draft()
            try:
                self._check_space()
                if not is_new:
                    shutil.copyfile(self.path, self._draft())
                yield from _transaction(self._draft(), zone)
                _sync(self._draft())
                self._draft().replace(self.path)
                _sync(self.path.parent)
            except OSError as error:
                raise self._storage_error(error) from error
            except duckdb.Error as error:
                raise self._engine_error(error) from error
            finally:
                with suppress(OSError):
                    self._discard_draft()

    def _check_space(self) -> None:
        size = self.path.stat().st_size if self.path.exists() else 0
        free = shutil.disk_usage(self.path.parent).free
        if free < 2 * size + _SPARE_BYTES:
            raise self._full(2 * size + _SPARE_BYTES, free)

    def _full(self, needed: int, free: int) -> BookError:
        return BookError("book.disk_full", path=self.path, needed_mb=needed // 2**20 + 1, free_mb=free // 2**20)

    def _engine_error(self, error: duckdb.Error) -> Exception:
        if is_damage(error):
            return unreadable(error, self.path)
        return self._storage_error(error) if isinstance(error, duckdb.IOException) else error

    def _storage_error(self, error: Exception) -> BookError:
        problem = _first_line(error)
        if getattr(error, "errno", None) == 28 or "No space left" in problem:
            size = self.path.stat().st_size if self.path.exists() else 0
            return self._full(2 * size + _SPARE_BYTES, shutil.disk_usage(self.path.parent).free)
        return BookError("book.not_writable", path=self.path, problem=problem)


class MemoryStore:
    """A book in memory: each write makes a new engine, so that snapshots keep the state they were taken from."""

    def __init__(self, zone: str) -> None:
        self._current = self._open()
        create_tables(self._current, "book.main.", zone)

    @staticmethod
    def _open() -> duckdb.DuckDBPyConnection:
        con = _engine()
        con.execute("ATTACH ':memory:' AS book")
        return con

    def reader(self) -> duckdb.DuckDBPyConnection:
        """Give the current state, closed to anything outside."""
        _seal(self._current)
        return self._current

    @contextmanager
    def writing(self, zone: str = "") -> Iterator[duckdb.DuckDBPyConnection]:
        """Yield a connection to a copy; it becomes the book when the block ends well."""
        copy = self._open()
        for name, statement in self._current.execute(
            "SELECT table_name, sql FROM duckdb_tables() WHERE database_name = 'book' ORDER BY table_name"
        ).fetchall():
            copy.execute("USE book")
            copy.execute(statement)
            rows = self._current.sql(f"FROM book.main.{name}").to_arrow_table()
            copy.register("incoming", rows)
            copy.execute(f"INSERT INTO {name} FROM incoming")
            copy.unregister("incoming")
        yield copy
        copy.execute("USE memory")
        self._current = copy


def _transaction(path: Path, zone: str) -> Iterator[duckdb.DuckDBPyConnection]:
    con = duckdb.connect(str(path))
    try:
        con.execute(f"SET memory_limit = '{_WRITE_MEMORY}'")
        con.execute("SET preserve_insertion_order = false")  # keeping it takes memory, and no result depends on it
        con.execute("BEGIN")
        if zone:
            create_tables(con, "", zone)
        yield con
        con.execute("COMMIT")
        con.execute("CHECKPOINT")
    finally:
        con.close()


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _quoted(path: Path) -> str:
    text = str(path).replace("'", "''")
    return f"'{text}'"


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0]

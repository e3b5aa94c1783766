"""SQLite and DuckDB files, read only: their tables and views, then the rows of one."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyarrow as pa

from salesiq.errors import InputError
from salesiq.sandbox.parquet import refuse_nested
from salesiq.sandbox.sheets import MOST_COLUMNS

__all__ = ["rows", "tables"]

_ROWS = 100_000
_PIECE = 4 * 1024 * 1024
_BOOK = {"loads", "rejects", "notes", "deals"}
_SQLITE, _DUCKDB = b"SQLite format 3\x00", b"DUCK"


def tables(path: str) -> Iterator[tuple[dict[str, Any], None]]:
    """Yield the kind of a database, its tables and views in the order of their names, and the SHA-256 of its content."""
    kind = _kind(path)
    found = _sqlite_tables(path) if kind == "sqlite" else _duckdb_tables(path)
    if kind == "duckdb" and set(found) >= _BOOK:
        raise InputError("load.refused_book")
    yield {"kind": kind, "tables": sorted(found), "digest": _digest(path, kind)}, None


def rows(path: str, table: str) -> Iterator[tuple[dict[str, Any], pa.RecordBatch | None]]:
    """Yield the names of a table's columns, then its rows. Raises `InputError` where it cannot be read."""
    yield from _sqlite_rows(path, table) if _kind(path) == "sqlite" else _duckdb_rows(path, table)


def _kind(path: str) -> str:
    with Path(path).open("rb") as file:
        start = file.read(16)
    if start.startswith(_SQLITE):
        return "sqlite"
    if start[8:12] == _DUCKDB:
        return "duckdb"
    raise InputError("load.database_unknown")


def _log(path: str, kind: str) -> Path:
    return Path(path + ("-wal" if kind == "sqlite" else ".wal"))


def _digest(path: str, kind: str) -> str:
    """Hash the file and the log beside it, which holds the newest rows."""
    found = hashlib.sha256()
    for part in (Path(path), _log(path, kind)):
        if not part.exists():
            continue
        with part.open("rb") as file:
            while piece := file.read(_PIECE):
                found.update(piece)
    return found.hexdigest()


def _sqlite(path: str) -> sqlite3.Connection:
    try:
        con = sqlite3.connect(f"file:{quote(path)}?mode=ro", uri=True)
        con.execute("PRAGMA trusted_schema = OFF")  # what a view in the file calls is not trusted
        con.execute("PRAGMA cell_size_check = ON")
        con.execute("PRAGMA query_only = ON")
    except sqlite3.Error as error:
        raise InputError("load.database_broken", problem=error) from error
    return con


def _sqlite_tables(path: str) -> list[str]:
    listed = "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
    con = _sqlite(path)
    try:
        return [str(name) for (name,) in con.execute(listed)]
    except sqlite3.Error as error:
        raise InputError("load.database_broken", problem=error) from error
    finally:
        con.close()


def _sqlite_rows(path: str, table: str) -> Iterator[tuple[dict[str, Any], pa.RecordBatch | None]]:
    con = _sqlite(path)
    try:
        cursor = con.execute(f"SELECT * FROM {_quoted(table)}")
        names = [item[0] for item in cursor.description]
        yield {"columns": _few(names)}, None
        while found := cursor.fetchmany(_ROWS):
            marks = [
                [row, place, "reason_binary", None]
                for row, cells in enumerate(found)
                for place, cell in enumerate(cells)
                if isinstance(cell, bytes)
            ]
            columns = [pa.array([_text(cells[place]) for cells in found], pa.large_string()) for place in range(len(names))]
            yield {"marks": marks}, pa.RecordBatch.from_arrays(columns, names=[str(place) for place in range(len(names))])
    except sqlite3.Error as error:
        raise InputError("load.database_broken", problem=error) from error
    finally:
        con.close()


def _text(cell: object) -> str | None:
    if cell is None or isinstance(cell, bytes):
        return None
    if isinstance(cell, float):
        return f"{Decimal(repr(cell)):f}" if cell - cell == 0 else repr(cell)
    return str(cell)


def _duckdb(path: str) -> Any:
    import duckdb  # only for DuckDB's own files

    settings: dict[str, str | bool | int | float | list[str]] = {
        "enable_external_access": "false",
        "autoload_known_extensions": "false",
        "autoinstall_known_extensions": "false",
        "memory_limit": "1GB",
        "threads": "2",
        "lock_configuration": "true",
    }
    if _log(path, "duckdb").exists():
        raise InputError("load.database_open")
    try:
        return duckdb.connect(path, read_only=True, config=settings)
    except duckdb.Error as error:
        is_held = "conflicting lock" in str(error).lower()
        raise InputError("load.database_open" if is_held else "load.database_broken", problem=_first_line(error)) from error


def _duckdb_tables(path: str) -> list[str]:
    import duckdb  # only for DuckDB's own files

    with _duckdb(path) as con:
        try:
            found = con.execute(
                "SELECT schema_name, table_name FROM duckdb_tables() WHERE NOT internal "
                "UNION ALL SELECT schema_name, view_name FROM duckdb_views() WHERE NOT internal"
            ).fetchall()
        except duckdb.Error as error:
            raise InputError("load.database_broken", problem=_first_line(error)) from error
    return [name if schema == "main" else f"{schema}.{name}" for schema, name in found]


def _duckdb_rows(path: str, table: str) -> Iterator[tuple[dict[str, Any], pa.RecordBatch | None]]:
    import duckdb  # only for DuckDB's own files

    with _duckdb(path) as con:
        named = {name: _quoted(name) for name in (table,)}
        if table not in _main_tables(con):
            schema, _, name = table.partition(".")
            named[table] = f"{_quoted(schema)}.{_quoted(name)}"
        try:
            reader = con.sql(f"FROM {named[table]}").to_arrow_reader(_ROWS)
            yield {"columns": _few(reader.schema.names)}, None
            refuse_nested(reader.schema)
            for batch in reader:
                yield {}, batch.rename_columns([str(place) for place in range(batch.num_columns)])
        except duckdb.Error as error:
            raise InputError("load.database_broken", problem=_first_line(error)) from error


def _main_tables(con: Any) -> set[str]:
    found = con.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = 'main'").fetchall()
    return {name for (name,) in found}


def _few(names: list[str]) -> list[str]:
    if len(names) > MOST_COLUMNS:
        raise InputError("load.too_many_columns", n=len(names), most=MOST_COLUMNS)
    return names


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _first_line(error: Exception) -> str:
    return str(error).split("\n", 1)[0][:300]

"""Databases as sources: the tables of SQLite and DuckDB files, and of PostgreSQL and MySQL servers."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import polars as pl
import pyarrow as pa

from salesiq.errors import BookError, InputError, UsageError
from salesiq.load.arrow_tables import StreamTable, numbered
from salesiq.load.batches import Batch, Record
from salesiq.sandbox import Portion, Sandbox

__all__ = ["DATABASE", "ServerTable", "database_table", "fetch", "is_address", "redacted", "tables_of"]

DATABASE = (".db", ".sqlite", ".sqlite3", ".duckdb", ".ddb")
_SCHEMES = ("postgresql", "postgres", "mysql")
_ADDRESS = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*://")
_MOST_BYTES = 16 * 1024**3


def is_address(source: object) -> bool:
    """Whether a source is an address such as postgresql://..., not a path.

    >>> is_address("mysql://crm/sales"), is_address("C:/exports"), is_address("a//b")
    (True, False, False)
    """
    return isinstance(source, str) and bool(_ADDRESS.match(source))


def redacted(address: str) -> str:
    """Return an address without user, password and query, fit for messages and reports.

    >>> redacted("postgresql://ana:secret@crm.local:5433/sales?sslpassword=x")
    'postgresql://crm.local:5433/sales'
    """
    scheme, _, rest = address.partition("://")
    return f"{scheme}://{re.split('[?#]', rest.rpartition('@')[2])[0]}"


def tables_of(path: Path, name: str, sandbox: Sandbox) -> tuple[str, tuple[str, ...], str]:
    """Return (kind, tables and views, SHA-256) of a database file; this process does not open it. Raises `InputError`."""
    facts = sandbox.facts("database", name, path=str(path))
    return facts["kind"], tuple(facts["tables"]), facts["digest"]


def database_table(path: Path, name: str, table: str, kind: str, sandbox: Sandbox) -> StreamTable:
    """Return one table of a database file."""
    return StreamTable(sandbox, name, kind, "database_rows", {"path": str(path), "table": table})


def fetch(address: str, sandbox: Sandbox) -> list[tuple[str, Path]]:
    """Copy the tables of a server's schema to Arrow files, as of one moment; return (name, file) of each.

    The name is server/database/table: no user, no password. Raises `InputError` where the server cannot be read,
    `UsageError` for another kind of address or a driver that is not installed.
    """
    parts = urlsplit(address)
    if parts.scheme not in _SCHEMES:
        raise UsageError("load.address_unknown", address=redacted(address), known=", ".join(_SCHEMES))
    shown = redacted(address)
    kind = "mysql" if parts.scheme == "mysql" else "postgresql"
    found: list[tuple[str, Path]] = []
    writer = _Writer(sandbox)
    for portion in sandbox.run("server", shown, url=address):
        if "table" in portion.facts:
            path = writer.begin(portion.facts["columns"])
            found.append((f"{kind}{parts.path}/{portion.facts['table']}", path))
        else:
            writer.add(portion, shown)
    writer.end()
    return found


@dataclass
class _Writer:
    """Writes the rows of one table after the other, as text, one Arrow file a table."""

    sandbox: Sandbox
    _writer: pa.RecordBatchFileWriter | None = None
    _n_files: int = 0
    _n_bytes: int = 0
    _names: list[str] = field(default_factory=list)

    def begin(self, columns: list[str]) -> Path:
        """Begin the file of a table; the columns' names stand in its metadata, since they may be alike."""
        self.end()
        self._n_files += 1
        path = self.sandbox.folder / f"server-{self._n_files:04d}.arrow"
        self._names = [str(place) for place in range(len(columns))]
        schema = pa.schema(
            [
                pa.field(place, pa.large_string(), metadata={"name": name})
                for place, name in zip(self._names, columns, strict=True)
            ]
        )
        self._writer = pa.ipc.new_file(str(path), schema)
        return path

    def add(self, portion: Portion, shown: str) -> None:
        if portion.file is None or self._writer is None:
            return
        self._n_bytes += portion.file.stat().st_size
        if self._n_bytes > min(_MOST_BYTES, shutil.disk_usage(self.sandbox.folder).free):
            raise InputError("load.server_large", file=shown, gb=self._n_bytes // 2**30)
        with pa.OSFile(str(portion.file)) as file:
            table = pa.ipc.open_file(file).read_all()
            try:
                self._writer.write(table.cast(pa.schema([(name, pa.large_string()) for name in self._names])))
            except OSError as error:
                raise BookError("load.no_room", folder=self.sandbox.folder, problem=error) from error
        portion.file.unlink()

    def end(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None


@dataclass
class ServerTable:
    """A table that was copied from a server."""

    path: Path
    name: str
    encoding: str

    def head(self) -> list[Record]:
        """Return the column names as the only record; it stands above line 1."""
        with pa.OSFile(str(self.path)) as file:
            schema = pa.ipc.open_file(file).schema
        return [Record(0, 1, tuple(item.metadata[b"name"].decode() for item in schema))]

    def batches(self, header: Record) -> Iterator[Batch]:
        """Yield the rows; their line is their number in the copy."""
        line = header.next_line
        with pa.OSFile(str(self.path)) as file:
            reader = pa.ipc.open_file(file)
            for number in range(reader.num_record_batches):
                cells = pl.from_arrow(reader.get_batch(number))
                assert isinstance(cells, pl.DataFrame)  # noqa: S101 - tells the type checker what a record batch becomes
                yield numbered(cells, line, {})
                line += cells.height

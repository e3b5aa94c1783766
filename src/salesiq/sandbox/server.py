"""PostgreSQL and MySQL by their address: all tables of one schema as of one moment, every cell as text.

The drivers are extras. What a driver says is told without the address that it was given.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

import pyarrow as pa

from salesiq.errors import InputError, UsageError
from salesiq.sandbox.sheets import MOST_COLUMNS

__all__ = ["rows"]

_ROWS = 50_000
_CONNECT_SECONDS = 20
_OWN_KEYS = ("table", "schema")
Step = tuple[dict[str, Any], "pa.RecordBatch | None"]


def rows(url: str) -> Iterator[Step]:
    """Yield for each table its name and columns, then its rows. Raises `InputError` where the server cannot be read,
    `UsageError` where the driver is not installed.
    """
    parts = urlsplit(url)
    own = {key: value for key, value in parse_qsl(parts.query) if key in _OWN_KEYS}
    rest = urlencode([(key, value) for key, value in parse_qsl(parts.query) if key not in _OWN_KEYS])
    address = urlunsplit(parts._replace(query=rest))
    reader = _postgres if parts.scheme.startswith("postgres") else _mysql
    try:
        yield from reader(address, own)
    except (InputError, UsageError):
        raise
    except Exception as error:  # noqa: BLE001 - drivers raise what they like
        raise InputError("load.server_failed", problem=_told(error, url)) from None  # the cause holds the address


def _told(error: Exception, url: str) -> str:
    """Return the first line of what the driver said, without any part of the address that may be secret."""
    said = f"{type(error).__name__}: {error}".split("\n", 1)[0]
    parts = urlsplit(url)
    secrets = [url, parts.netloc, parts.password, parts.username, parts.query, *(value for _, value in parse_qsl(parts.query))]
    for secret in secrets:
        for form in (secret, unquote(secret or "")):
            if form:
                said = said.replace(form, "***")
    return said[:300]


def _postgres(address: str, own: dict[str, str]) -> Iterator[Step]:
    try:
        import psycopg  # an extra
    except ImportError as error:
        raise UsageError("load.no_driver", scheme="postgresql", extra="postgres") from error
    schema = own.get("schema", "public")
    with psycopg.connect(address, connect_timeout=_CONNECT_SECONDS, options="-c timezone=UTC -c datestyle=ISO") as con:
        con.read_only = True
        con.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ  # all tables as of one moment
        listed = con.execute(
            "SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = %s "
            'ORDER BY table_name COLLATE "C", ordinal_position',
            [schema],
        ).fetchall()
        for table, columns in _wanted(listed, own).items():
            yield {"table": table, "columns": [name for name, _ in columns]}, None
            shown = ", ".join(_postgres_text(name, kind) for name, kind in columns)
            with con.cursor(name="salesiq") as cursor:
                cursor.execute(f"SELECT {shown} FROM {_quoted(schema)}.{_quoted(table)}")
                while found := cursor.fetchmany(_ROWS):
                    yield {}, _batch(found, len(columns))


def _postgres_text(column: str, kind: str) -> str:
    name = _quoted(column)
    if kind == "timestamp with time zone":
        return f'to_char({name}, \'YYYY-MM-DD"T"HH24:MI:SS.US"Z"\')'  # the session's zone is UTC
    return f"{name}::text"


def _mysql(address: str, own: dict[str, str]) -> Iterator[Step]:
    try:
        import pymysql  # an extra
        import pymysql.cursors
    except ImportError as error:
        raise UsageError("load.no_driver", scheme="mysql", extra="mysql") from error
    parts = urlsplit(address)
    schema = own.get("schema", unquote(parts.path.lstrip("/")))
    options = dict(parse_qsl(parts.query))
    con = pymysql.connect(
        host=parts.hostname or "localhost",
        port=parts.port or 3306,
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        database=schema,
        charset=options.get("charset", "utf8mb4"),
        unix_socket=options.get("unix_socket"),
        connect_timeout=_CONNECT_SECONDS,
        local_infile=False,  # a hostile server may ask for files
        cursorclass=pymysql.cursors.SSCursor,
    )
    with closing(con), con.cursor() as cursor:
        cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        cursor.execute("SET time_zone = '+00:00'")
        cursor.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
        cursor.execute(
            "SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = %s "
            "ORDER BY BINARY table_name, ordinal_position",
            [schema],
        )
        listed = cursor.fetchall()
        for table, columns in _wanted(listed, own).items():
            yield {"table": table, "columns": [name for name, _ in columns]}, None
            shown = ", ".join(_mysql_text(name, kind) for name, kind in columns)
            cursor.execute(f"SELECT {shown} FROM {_ticked(schema)}.{_ticked(table)}")
            while found := cursor.fetchmany(_ROWS):
                yield {}, _batch(found, len(columns))


def _mysql_text(column: str, kind: str) -> str:
    name = _ticked(column)
    if kind == "timestamp":
        return f"DATE_FORMAT({name}, '%Y-%m-%dT%H:%i:%s.%fZ')"  # the session's zone is UTC
    if kind in ("blob", "tinyblob", "mediumblob", "longblob", "binary", "varbinary"):
        return f"HEX({name})"
    return f"CAST({name} AS CHAR CHARACTER SET utf8mb4)"


def _wanted(listed: Any, own: dict[str, str]) -> dict[str, list[tuple[str, str]]]:
    tables: dict[str, list[tuple[str, str]]] = {}
    for table, column, kind in listed:
        if own.get("table", table) == table:
            tables.setdefault(table, []).append((column, kind))
    if not tables:
        raise InputError("load.server_empty", table=own.get("table", "*"))
    for columns in tables.values():
        if len(columns) > MOST_COLUMNS:
            raise InputError("load.too_many_columns", n=len(columns), most=MOST_COLUMNS)
    return tables


def _batch(found: Any, width: int) -> pa.RecordBatch:
    columns = [pa.array([row[place] for row in found], pa.large_string()) for place in range(width)]
    return pa.RecordBatch.from_arrays(columns, names=[str(place) for place in range(width)])


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _ticked(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"

"""A bare DuckDB scan: what it costs to read the same columns of the same file and do nothing with them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import duckdb


def scan(book: Path, reads: Mapping[str, tuple[str, ...]]) -> None:
    """Read every value of the columns once; a hash of each is the least that no engine can skip."""
    con = duckdb.connect(str(book), read_only=True)
    for table, columns in reads.items():
        con.sql(f"SELECT {', '.join(f'bit_xor(hash({name}))' for name in columns)} FROM {table}").fetchall()
    con.close()


def bare_load(exports: Path, target: Path) -> None:
    """Copy the Parquet files into a new DuckDB file as they are: no check, no history, no provenance."""
    target.unlink(missing_ok=True)
    con = duckdb.connect(str(target))
    for file in sorted(exports.glob("*.parquet")):
        con.execute(f"CREATE TABLE {file.stem} AS FROM read_parquet(?)", [str(file)])
    con.close()
    target.unlink()

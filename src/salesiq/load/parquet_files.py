"""Parquet files, read by groups of rows; the line of a row is its number in the file, from 1."""

from __future__ import annotations

from pathlib import Path

from salesiq.load.arrow_tables import StreamTable
from salesiq.sandbox import Sandbox

__all__ = ["ParquetTable"]

_ROWS = 200_000


class ParquetTable(StreamTable):
    """A Parquet file as a table."""

    def __init__(self, path: Path, name: str, sandbox: Sandbox | None = None) -> None:
        super().__init__(sandbox or Sandbox(), name, "parquet", "parquet", {"path": str(path), "size": _ROWS})

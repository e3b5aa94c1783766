"""Parquet files, read by groups of rows; the line of a row is its number in the file, from 1."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from salesiq.errors import InputError
from salesiq.load.batches import Batch, Record, joined

__all__ = ["ParquetTable"]

_ROWS = 200_000


@dataclass
class ParquetTable:
    """A Parquet file as a table."""

    path: Path
    name: str
    encoding: str = "parquet"

    def head(self) -> list[Record]:
        """Return the column names as the only record; it stands above line 1."""
        return [Record(0, 1, tuple(self._file().schema_arrow.names))]

    def batches(self, header: Record) -> Iterator[Batch]:
        """Yield the rows, typed as the file has them."""
        line = header.next_line
        try:
            for part in self._file().iter_batches(_ROWS):
                cells = self._cells(part)
                lines = pl.Series(range(line, line + cells.height), dtype=pl.Int64)
                line += cells.height
                yield Batch(cells, lines, lambda places, cells=cells: joined(cells, places))  # type: ignore[misc]
        except (pa.ArrowException, OSError) as error:
            raise InputError("load.parquet_broken", file=self.name) from error

    def _cells(self, part: pa.RecordBatch) -> pl.DataFrame:
        frame = pl.from_arrow(part)
        assert isinstance(frame, pl.DataFrame)  # noqa: S101 - tells the type checker what a record batch becomes
        nested = [name for name, dtype in frame.schema.items() if dtype.is_nested() or dtype == pl.Binary]
        if nested:
            raise InputError("load.parquet_nested", file=self.name, columns=", ".join(nested))
        return frame.rename({old: str(place) for place, old in enumerate(frame.columns)})

    def _file(self) -> pq.ParquetFile:
        try:
            return pq.ParquetFile(self.path)
        except (pa.ArrowException, OSError) as error:
            raise InputError("load.parquet_broken", file=self.name) from error

"""Rows that were read and wait to be written: in memory while they are few, on disk when they are many."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

import polars as pl
import polars.exceptions

from salesiq.errors import BookError

__all__ = ["Spool"]

_MOST_BYTES = 128 * 1024 * 1024
_CHUNK_ROWS = 250_000


@dataclass
class _Part:
    held: pl.DataFrame | Path
    height: int
    hashes: pl.Series
    is_distinct: bool
    left_out: pl.Series | None = None

    def rows(self) -> pl.DataFrame:
        frame = self.held if isinstance(self.held, pl.DataFrame) else pl.read_ipc(self.held)
        return frame if self.left_out is None else frame.filter(~self.left_out)


@dataclass
class Spool:
    """Parts of rows by table and file, in the order in which they were added. Leaving the `with` block removes what
    is on disk.
    """

    _parts: dict[tuple[str, str], list[_Part]] = field(default_factory=dict)
    _n_bytes: int = 0
    _folder: tempfile.TemporaryDirectory[str] | None = None

    def __enter__(self) -> Spool:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._folder is not None:
            self._folder.cleanup()

    def add(self, table: str, file: str, rows: pl.DataFrame, hashes: pl.Series, *, is_distinct: bool) -> None:
        """Keep some rows of a table that a file gave, with the hashes of their keys; `is_distinct` where repeats are
        expected.
        """
        if rows.is_empty():
            return
        self._n_bytes += int(rows.estimated_size())
        held = rows if self._n_bytes <= _MOST_BYTES else self._on_disk(rows)
        self._parts.setdefault((table, file), []).append(_Part(held, rows.height, hashes, is_distinct))

    def _on_disk(self, rows: pl.DataFrame) -> Path:
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="salesiq-load-")
        path = Path(self._folder.name) / f"{self._n_bytes}.ipc"
        try:
            rows.write_ipc(path)
        except (OSError, polars.exceptions.PolarsError) as error:
            raise BookError("load.no_room", folder=path.parent, problem=error) from error
        return path

    def tables(self) -> tuple[str, ...]:
        """Return the tables that have rows."""
        return tuple(dict.fromkeys(table for table, _ in self._parts))

    def hashes(self, table: str) -> pl.Series:
        """Return the key hashes of all rows of a table, in order."""
        return pl.concat([part.hashes for part in self._of(table)])

    def select(self, table: str, wanted: pl.Series) -> pl.DataFrame:
        """Return the rows of a table at which `wanted`, over all its rows in order, is true, with `place` and
        `is_distinct`.
        """
        found, place = [], 0
        for part in self._of(table):
            mask = wanted.slice(place, part.height)
            if mask.any():
                places = (mask.arg_true() + place).cast(pl.Int64).alias("place")
                rows = part.rows().filter(mask)
                found.append(rows.with_columns(places, pl.lit(part.is_distinct).alias("is_distinct")))
            place += part.height
        return pl.concat(found)

    def leave_out(self, table: str, unwanted: pl.Series) -> None:
        """Leave out the rows of a table at which `unwanted`, over all its rows in order, is true."""
        place = 0
        for part in self._of(table):
            mask = unwanted.slice(place, part.height)
            place += part.height
            if mask.any():
                part.left_out = mask

    def files(self, table: str) -> list[str]:
        """Return the files that gave rows to a table, in order."""
        return [file for name, file in self._parts if name == table]

    def n_rows(self, table: str, files: list[str]) -> int:
        """Return how many rows wait from some files for a table."""
        parts = [part for file in files for part in self._parts[table, file]]
        return sum(part.height - (0 if part.left_out is None else int(part.left_out.sum())) for part in parts)

    def chunks(self, table: str, file: str) -> Iterator[pl.DataFrame]:
        """Yield the rows that a file gave, in pieces of some hundred thousand; each is let go when the next is asked for."""
        waiting: list[pl.DataFrame] = []
        parts = self._parts[table, file]
        while parts:
            waiting.append(parts.pop(0).rows())
            if sum(frame.height for frame in waiting) >= _CHUNK_ROWS:
                yield pl.concat(waiting)
                waiting = []
        if waiting:
            yield pl.concat(waiting)

    def _of(self, table: str) -> Iterator[_Part]:
        for (name, _), parts in self._parts.items():
            if name == table:
                yield from parts

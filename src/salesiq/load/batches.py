"""What every reader gives: rows of cells as the file has them, with their line, and the rows it could not take apart."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import polars as pl

__all__ = ["Batch", "Fault", "Record", "Table"]


@dataclass(frozen=True)
class Record:
    """One record at the head of a file: the line where it begins, the line after it, and its cells."""

    line: int
    next_line: int
    cells: tuple[str, ...]


@dataclass(frozen=True)
class Fault:
    """A row that could not be taken apart: where, why (a text of the area `load`), the value at fault, the row as it
    stood; where they could be told, its cells.
    """

    line: int
    reason: str
    raw: str
    value: str | None = None
    cells: tuple[str, ...] = ()


@dataclass(frozen=True)
class Batch:
    """Some rows of a file: `cells` has one column per column of the file, named "0", "1", ...; `lines` where each row
    begins.

    `raw` gives rows as they stood in the file, by their position in the batch. `n_blank` counts blank lines that were
    passed over. `marks` names cells that the file itself has lost: by column, the reason for each row, null where all is
    well.
    """

    cells: pl.DataFrame
    lines: pl.Series
    raw: Callable[[Sequence[int]], list[str]]
    faults: tuple[Fault, ...] = field(default=())
    n_blank: int = 0
    marks: Mapping[str, pl.Series] = field(default_factory=dict)


class Table(Protocol):
    """One table of a file that can be read: a text file, a sheet, a Parquet file."""

    encoding: str

    def head(self) -> list[Record]:
        """Return the first records, among which the header is looked for."""
        ...

    def batches(self, header: Record) -> Iterator[Batch]:
        """Yield the rows below `header`, in the order of the file."""
        ...


def joined(cells: pl.DataFrame, positions: Sequence[int]) -> list[str]:
    """Write rows of cells as text, for files (sheets, Parquet) whose rows have no text of their own."""
    rows = cells[list(positions)].select(pl.all().cast(pl.String)).rows()
    return ["\t".join("" if cell is None else cell for cell in row) for row in rows]

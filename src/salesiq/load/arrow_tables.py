"""Rows that the sandbox wrote as Arrow files, as tables of a load."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from salesiq.load.batches import Batch, Record, joined
from salesiq.sandbox import Sandbox

__all__ = ["StreamTable", "frame_of", "marks_of", "numbered"]


def frame_of(path: Path) -> pl.DataFrame:
    """Read one Arrow file; its columns are named "0", "1", ... by their place."""
    frame = pl.read_ipc(path)
    frame.columns = [str(place) for place in range(frame.width)]
    return frame


def marks_of(marks: Sequence[Sequence[Any]], cells: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, pl.Series]]:
    """Return the cells with what the file shows at the marked ones, and by column the reasons for its rows.

    A mark is (row, place, reason, text shown).
    """
    by_column: dict[str, list[Sequence[Any]]] = {}
    for mark in marks:
        by_column.setdefault(str(mark[1]), []).append(mark)
    reasons = {}
    for name, found in by_column.items():
        rows = [mark[0] for mark in found]
        shown = cells[name].cast(pl.String).scatter(rows, [mark[3] for mark in found])
        cells = cells.with_columns(shown.alias(name))
        empty = pl.Series(name, [None], dtype=pl.String).new_from_index(0, cells.height)
        reasons[name] = empty.scatter(rows, [mark[2] for mark in found])
    return cells, reasons


def numbered(cells: pl.DataFrame, line: int, reasons: dict[str, pl.Series]) -> Batch:
    """Return a batch of rows that have no line of their own but a number, from `line` on."""
    lines = pl.Series(range(line, line + cells.height), dtype=pl.Int64)
    return Batch(cells, lines, lambda places: joined(cells, places), marks=reasons)


@dataclass
class StreamTable:
    """A table that the sandbox reads step by step: the names of its columns, then batches of rows, from line 1."""

    sandbox: Sandbox
    name: str
    encoding: str
    task: str
    given: dict[str, object]
    _columns: tuple[str, ...] | None = None

    def head(self) -> list[Record]:
        """Return the column names as the only record; it stands above line 1."""
        if self._columns is None:
            self._columns = tuple(self.sandbox.facts(self.task, self.name, **self.given)["columns"])
        return [Record(0, 1, self._columns)]

    def batches(self, header: Record) -> Iterator[Batch]:
        """Yield the rows, typed as the source has them; each file of rows goes once it is read."""
        line = header.next_line
        for portion in self.sandbox.run(self.task, self.name, **self.given):
            if portion.file is None:
                continue
            cells, reasons = marks_of(portion.facts.get("marks", ()), frame_of(portion.file))
            portion.file.unlink()
            yield numbered(cells, line, reasons)
            line += cells.height

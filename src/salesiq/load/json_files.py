"""JSON and JSON lines as a table: read once, record by record, and kept as Arrow files while the load lasts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from salesiq.load.arrow_tables import frame_of
from salesiq.load.batches import Batch, Record, joined
from salesiq.sandbox import Portion, Sandbox

__all__ = ["JsonTable"]


@dataclass
class JsonTable:
    """A JSON file of records. A record that lacks a key has an empty cell there."""

    path: Path
    name: str
    sandbox: Sandbox
    suffix: str
    asked_encoding: str | None = None
    encoding: str = "json"
    _portions: list[Portion] = field(default_factory=list)

    def head(self) -> list[Record]:
        """Return the keys of all records as the only record; it stands above line 1."""
        return [Record(0, 1, tuple(self._read()[-1].facts["columns"]))]

    def batches(self, header: Record) -> Iterator[Batch]:
        """Yield the records, every cell as text; their line is the line of the file, or the number in the array."""
        for portion in self._read():
            if portion.file is None:
                continue
            frame = frame_of(portion.file)
            width = len(header.cells)
            frame = frame.with_columns(pl.lit(None, pl.String).alias(str(place)) for place in range(frame.width, width + 1))
            lines, cells = frame.to_series(0), frame[:, 1:]
            cells.columns = [str(place) for place in range(width)]
            n_blank = portion.facts["n_blank"]
            yield Batch(cells, lines, lambda places, cells=cells: joined(cells, places), n_blank=n_blank)  # type: ignore[misc]

    def _read(self) -> list[Portion]:
        if not self._portions:
            given = {"path": str(self.path), "suffix": self.suffix, "encoding": self.asked_encoding}
            self._portions = list(self.sandbox.run("json", self.name, **given))
        return self._portions

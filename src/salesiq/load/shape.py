"""What the records of a file say about its shape: header rows, a column without a name at the end, a second table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from salesiq.load.batches import Batch, Fault, Record

__all__ = [
    "MOST_HEADER_ROWS",
    "Sieve",
    "fitted",
    "header_rows",
    "how_bound",
    "is_filled",
    "other_width",
    "same_name",
    "unnamed",
]

MOST_HEADER_ROWS = 3
_ENOUGH_NAMES, _ENOUGH_ROWS = 0.6, 3


def is_filled(cell: str) -> bool:
    """Whether a cell has content."""
    return bool(cell.strip().strip("\ufeff"))


def same_name(cell: str) -> str:
    """Return a cell as it is compared with a header's cells."""
    return " ".join(cell.split()).casefold()


def header_rows(head: Sequence[Record], n_rows: int, line: int | None = None) -> Iterator[Record]:
    """Yield each header that so many records may make together, one below the other.

    A title over several columns stands in the first of them; the cells right of it, while empty, are meant by it too.

    >>> rows = [Record(1, 2, ("Deal", "", "Money")), Record(2, 3, ("id", "name", "CNY"))]
    >>> [record.cells for record in header_rows(rows, n_rows=2)]
    [('Deal id', 'Deal name', 'Money CNY')]
    """
    for place in range(len(head) - n_rows + 1):
        rows = head[place : place + n_rows]
        if (line is None or rows[0].line == line) and (n_rows == 1 or _are_stacked(rows)):
            yield rows[0] if n_rows == 1 else Record(rows[0].line, rows[-1].next_line, _stacked(rows))


def _are_stacked(rows: Sequence[Record]) -> bool:
    filled = [any(is_filled(cell) for cell in row.cells) for row in rows]
    return all(filled) and len({len(row.cells) for row in rows}) == 1


def _stacked(rows: Sequence[Record]) -> tuple[str, ...]:
    parts = [_spread(row.cells) for row in rows[:-1]] + [rows[-1].cells]
    return tuple(" ".join(cell.strip() for cell in column if is_filled(cell)) for column in zip(*parts, strict=True))


def _spread(cells: Sequence[str]) -> tuple[str, ...]:
    found: list[str] = []
    for cell in cells:
        found.append(cell if is_filled(cell) or not found else found[-1])
    return tuple(found)


def unnamed(head: Sequence[Record], line: int | None = None) -> Record | None:
    """Return a header for a file that has none: its columns are called 1, 2, 3 ...; None where there is no record."""
    first = line or 1
    widths = Counter(len(record.cells) for record in _filled(head) if record.line >= first)
    if not widths:
        return None
    width = max(widths.items(), key=lambda item: (item[1], item[0]))[0]
    return Record(first, first, tuple(str(place) for place in range(1, width + 1)))


def fitted(header: Record, head: Sequence[Record], *, has_all: bool) -> Record:
    """Give a header the width that all rows in sight have, where the difference is an empty last cell.

    Rows that end in a delimiter which the header lacks are one wider, with nothing in it. That is only taken so where
    the header has all columns that are asked for (`has_all`): else a delimiter may be missing in the header itself,
    and rows would be shifted.
    """
    rows = [record for record in _filled(head) if record.line >= header.next_line]
    width = len(header.cells)
    if not rows:
        return header
    if not is_filled(header.cells[-1]) and all(len(row.cells) == width - 1 for row in rows):
        return Record(header.line, header.next_line, header.cells[:-1])
    if has_all and all(len(row.cells) == width + 1 and not is_filled(row.cells[-1]) for row in rows):
        return Record(header.line, header.next_line, (*header.cells, ""))
    return header


def other_width(header: Record, head: Sequence[Record]) -> int | None:
    """Return the width that all rows in sight share where it is not the header's; None where they agree, or are few."""
    rows = [record for record in _filled(head) if record.line >= header.next_line]
    widths = {len(record.cells) for record in rows}
    return widths.pop() if len(rows) >= _ENOUGH_ROWS and len(widths) == 1 and len(header.cells) not in widths else None


def how_bound(header: Record, head: Sequence[Record]) -> list[tuple[str, str]]:
    """Tell where a header is not a record of the file as it stands: (text key, detail)."""
    if header.line == header.next_line:
        return [("read_header_none", str(len(header.cells)))]
    as_it_stands = next((record for record in head if record.line == header.line), header)
    if as_it_stands.next_line != header.next_line:
        return [("read_header_rows", f"{header.line}-{header.next_line - 1}")]
    if len(as_it_stands.cells) != len(header.cells):
        return [("read_empty_column", str(max(len(header.cells), len(as_it_stands.cells))))]
    return []


def _filled(head: Sequence[Record]) -> list[Record]:
    return [record for record in head if any(is_filled(cell) for cell in record.cells)]


@dataclass
class Sieve:
    """Sets rows aside that are no rows of the table: another table below the first, a cell under no header.

    The latter only where rows leave the columns without a name at the end empty: a cell there tells that an unescaped
    delimiter has shifted the row.
    """

    header: Record
    head: Sequence[Record]
    second_at: int | None = None

    def __post_init__(self) -> None:
        self.names = [same_name(cell) for cell in self.header.cells]
        self.is_named = self.header.line < self.header.next_line
        self.n_empty = self._n_empty_at_end()

    def _n_empty_at_end(self) -> int:
        width = len(self.names)
        n_nameless = next((n for n, name in enumerate(reversed(self.names)) if name), width)
        rows = [record.cells for record in self.head if record.line >= self.header.next_line and len(record.cells) == width]
        filled = [any(is_filled(cell) for cell in cells[width - n_nameless :]) for cells in rows]
        return n_nameless if sum(filled) * 3 <= len(filled) else 0

    def sift(self, batch: Batch) -> Batch:
        """Return the batch with such rows among its faults."""
        reasons = self._reasons(batch)
        if reasons is None and self.second_at is None and not batch.faults:
            return batch
        faults = [self._told(fault) for fault in self._ordered_faults(batch)]
        if reasons is None:
            reasons = pl.Series([None], dtype=pl.String).new_from_index(0, batch.cells.height)
        if self.second_at is not None:
            below = batch.lines > self.second_at
            reasons = pl.select(pl.when(below).then(pl.lit("reason_second_table")).otherwise(reasons)).to_series()
        places = reasons.is_not_null().arg_true().to_list()
        if places:
            raws = batch.raw(places)
            lines = batch.lines.gather(places).to_list()
            told = reasons.gather(places).to_list()
            faults += [Fault(*item) for item in zip(lines, told, raws, strict=True)]
        return self._without(batch, reasons.is_null(), tuple(sorted(faults, key=lambda fault: fault.line)))

    def _without(self, batch: Batch, kept: pl.Series, faults: tuple[Fault, ...]) -> Batch:
        if kept.all():
            return Batch(batch.cells, batch.lines, batch.raw, faults, batch.n_blank)
        places = kept.arg_true().to_list()
        cells, lines = batch.cells.filter(kept), batch.lines.filter(kept)
        return Batch(cells, lines, lambda asked: batch.raw([places[place] for place in asked]), faults, batch.n_blank)

    def _reasons(self, batch: Batch) -> pl.Series | None:
        """Return why rows are none, or None where all are; notes where a second table begins."""
        found: dict[int, str] = {}
        width = batch.cells.width
        if self.n_empty and batch.cells.height:
            tail = [pl.col(str(place)).str.strip_chars() != "" for place in range(width - self.n_empty, width)]
            for place in batch.cells.select(pl.any_horizontal(tail)).to_series().arg_true():
                found[place] = "reason_unnamed_cell"
        for place in self._suspects(batch.cells):
            kind = self.kind_of([cell or "" for cell in batch.cells.row(place)])
            if kind == "reason_second_table":  # the header again is found, and named, with the values
                self._begin_second(int(batch.lines[place]))
                found[place] = kind
        if not found:
            return None
        reasons: list[str | None] = [None] * batch.cells.height
        for place, reason in found.items():
            reasons[place] = reason
        return pl.Series(reasons, dtype=pl.String)

    def _suspects(self, cells: pl.DataFrame) -> list[int]:
        first = next((place for place, name in enumerate(self.names) if name), None)
        if first is None or not self.is_named or not cells.height:
            return []
        cells_there = cells[str(first)]
        names = [cell.strip() for cell in self.header.cells if is_filled(cell)]
        return cells_there.is_in(names).fill_null(value=False).arg_true().to_list()

    def kind_of(self, cells: Sequence[str]) -> str | None:
        """Tell the header again from the header of another table and from a row.

        >>> sieve = Sieve(Record(1, 2, ("id", "name", "city")), [])
        >>> sieve.kind_of(["id", "name", "city"]), sieve.kind_of(["id", "name", "x", "y"]), sieve.kind_of(["1", "a", "b"])
        ('reason_header_again', 'reason_second_table', None)
        """
        found = [same_name(cell) for cell in cells]
        if found == self.names:
            return "reason_header_again"
        wanted = {name for name in self.names if name}
        known = wanted & set(found)
        return "reason_second_table" if len(known) >= max(2, _ENOUGH_NAMES * len(wanted)) else None

    def _ordered_faults(self, batch: Batch) -> list[Fault]:
        for fault in sorted(batch.faults, key=lambda fault: fault.line):
            if self.is_named and fault.cells and self.kind_of(fault.cells) == "reason_second_table":
                self._begin_second(fault.line)
                break
        return list(batch.faults)

    def _begin_second(self, line: int) -> None:
        self.second_at = line if self.second_at is None else min(self.second_at, line)

    def _told(self, fault: Fault) -> Fault:
        if self.second_at is None or fault.line < self.second_at:
            return fault
        return Fault(fault.line, "reason_second_table", fault.raw, fault.value)

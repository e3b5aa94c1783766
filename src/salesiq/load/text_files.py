"""CSV and its kin: decoded first, every record's width and quoting checked, every cell read as text."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from salesiq.errors import InputError
from salesiq.load.batches import Batch, Fault, Record, Table
from salesiq.load.dialects import Dialect
from salesiq.load.encoding import Block, ahead, blocks, start
from salesiq.load.layout import Layout, layout
from salesiq.load.mapping import Entry
from salesiq.load.records import UNFINISHED, split
from salesiq.load.shape import Sieve, how_bound

__all__ = ["HEAD_BYTES", "TextTable", "refuse_second_table"]

HEAD_BYTES, _HEAD_RECORDS = 256 * 1024, 60
_LONGEST_OPEN_RECORD = 1024 * 1024
_LONGEST_RAW = 20_000


@dataclass
class TextTable:
    """A delimited text file in a known encoding and dialect."""

    path: Path
    encoding: str
    dialect: Dialect = field(default_factory=Dialect)
    confidence: float | None = None
    has_final_newline: bool = field(default=True, init=False)
    second_at: int | None = field(default=None, init=False)
    _header: Record | None = field(default=None, init=False)

    @property
    def delimiter(self) -> str:
        """What separates the cells."""
        return self.dialect.delimiter

    def head(self) -> list[Record]:
        """Return the first records of the file."""
        return self._head

    @cached_property
    def _head(self) -> list[Record]:
        found = []
        for piece in split(start(self.path, self.encoding, HEAD_BYTES), self.dialect):
            cells = self.dialect.loosely(piece.raw) if piece.reason else piece.cells  # a header is known by its names
            found.append(Record(piece.line + 1, piece.next_line + 1, cells))
            if len(found) == _HEAD_RECORDS:
                break
        return found

    def batches(self, header: Record) -> Iterator[Batch]:
        """Yield the rows below the header, a batch per block of the file."""
        sieve = Sieve(header, self.head())
        self._header = header
        for batch in self._all_batches(header):
            yield sieve.sift(batch)
            self.second_at = sieve.second_at

    @property
    def remarks(self) -> list[tuple[str, str]]:
        """What a person should know of how the file was read: (text key, detail)."""
        found = []
        if self.confidence is not None and not self.encoding.startswith("utf-8"):
            found.append(("read_encoding", f"{self.encoding} ({self.confidence:.2f})"))
        if self.dialect not in (Dialect(), Dialect("\t")):
            found.append(("read_dialect", self.dialect.told))
        if self._header is not None:
            found += how_bound(self._header, self.head())
        if self.second_at is not None:
            found.append(("remark_second_table", str(self.second_at)))
        return found

    def _all_batches(self, header: Record) -> Iterator[Batch]:
        reader = _Reader(self.dialect, len(header.cells))
        to_skip = header.next_line - 1
        waiting: Block | None = None
        for block in ahead(blocks(self.path, self.encoding)):
            if waiting is not None:
                yield from reader.read(waiting, is_last=False)
            waiting, to_skip = _without_lines(block, to_skip, reader)
        if waiting is not None:
            self.has_final_newline = waiting.data.endswith((b"\n", b"\r"))
            yield from reader.read(waiting, is_last=True)


def refuse_second_table(table: Table, entry: Entry, file: str) -> None:
    """Raise `InputError` where another table was met below the first and the mapping says to refuse that."""
    if isinstance(table, TextTable) and table.second_at is not None and entry.shape.second_table == "refuse":
        raise InputError("load.second_table", file=file, line=table.second_at)


def _without_lines(block: Block, n_lines: int, reader: _Reader) -> tuple[Block, int]:
    """Cut lines from the start of a block: the header and what stands above it."""
    if not n_lines:
        return block, 0
    place = 0
    for done in range(n_lines):
        found = _line_end(block.data, place)
        if found < 0:
            reader.line += done
            return Block(b"", {}), n_lines - done
        place = found
    reader.line += n_lines
    return Block(block.data[place:], {line - n_lines: at for line, at in block.bad.items() if line >= n_lines}), 0


def _line_end(data: bytes, place: int) -> int:
    """Return where the next line begins: after \\n, \\r\\n or a lone \\r; -1 where there is no line end."""
    feed, back = data.find(b"\n", place), data.find(b"\r", place)
    if back >= 0 and (feed < 0 or back < feed - 1):
        return back + 1
    return feed + 1 if feed >= 0 else -1


class _Reader:
    """Reads blocks in order; what a block leaves unfinished is read with the next."""

    def __init__(self, dialect: Dialect, width: int) -> None:
        self.dialect = dialect
        self.width = width
        self.line = 1
        self._rest = b""
        self._bad: dict[int, int] = {}

    def read(self, block: Block, *, is_last: bool) -> Iterator[Batch]:
        data = self._rest + block.data
        offset = self.line + self._rest.count(b"\n")
        self._bad |= {offset + line: at for line, at in block.bad.items()}
        self._rest = b""
        if not data:
            return
        found = layout(data, self.dialect, is_last=is_last)
        if found is None or len(data) - found.used > _LONGEST_OPEN_RECORD:
            yield self._carefully(data, is_last=is_last)
            return
        batch = self._at_once(data, found)
        self._rest = data[found.used :]
        self.line += found.n_lines
        yield batch

    def _at_once(self, data: bytes, found: Layout) -> Batch:
        lines = found.lines + self.line
        fits = (found.widths == self.width) & ~found.blank
        broken = self._lines_hit(lines, found)
        good = fits & ~broken
        wrong = np.flatnonzero(~fits & ~found.blank | broken)
        faults = tuple(self._fault(data, found, int(place), int(lines[place])) for place in wrong)
        cells = _parse(data, found, good, self.dialect, self.width)
        starts, ends = found.starts[good], found.ends[good]
        n_blank = int((found.blank & ~broken).sum())
        return Batch(cells, pl.Series(lines[good], dtype=pl.Int64), _raw_of(data, starts, ends), faults, n_blank)

    def _lines_hit(self, lines: npt.NDArray[np.int64], found: Layout) -> npt.NDArray[np.bool_]:
        """Which records have a line that could not be decoded."""
        hit = np.zeros(len(lines), dtype=bool)
        for line in self._bad:
            if len(lines) and lines[0] <= line < self.line + max(found.n_lines, 1):
                hit[np.searchsorted(lines, line, side="right") - 1] = True
        return hit

    def _fault(self, data: bytes, found: Layout, place: int, line: int) -> Fault:
        raw = data[found.starts[place] : found.ends[place]].decode("utf-8", errors="replace")[:_LONGEST_RAW]
        return self._why(line, line + 1 + raw.count("\n"), raw, int(found.widths[place]))

    def _why(self, line: int, next_line: int, raw: str, width: int) -> Fault:
        bad = [self._bad[number] for number in range(line, next_line) if number in self._bad]
        if bad:
            return Fault(line, "reason_bytes", raw, str(bad[0]))
        reason = "reason_width_short" if width < self.width else "reason_width_long"
        return Fault(line, reason, raw, str(width), tuple(raw.split(self.dialect.delimiter)))

    def _carefully(self, data: bytes, *, is_last: bool) -> Batch:
        cut = len(data) if is_last else max(data.rfind(b"\n"), data.rfind(b"\r")) + 1
        pieces = list(split(data[:cut].decode("utf-8"), self.dialect, self.line, self.width, is_last=is_last))
        self._rest = data[cut:]
        if pieces and pieces[-1].reason == UNFINISHED:
            unfinished = pieces.pop()
            self._rest = unfinished.raw.encode() + self._rest
            self.line = unfinished.line
        elif pieces:
            self.line = pieces[-1].next_line
        blank = [piece for piece in pieces if piece.raw == ""]
        good, faults = [], []
        for piece in pieces:
            if piece.raw == "":
                continue
            is_bad = any(line in self._bad for line in range(piece.line, piece.next_line))
            if piece.reason and not is_bad:
                faults.append(Fault(piece.line, piece.reason, piece.raw[:_LONGEST_RAW]))
            elif is_bad or len(piece.cells) != self.width:
                faults.append(self._why(piece.line, piece.next_line, piece.raw[:_LONGEST_RAW], len(piece.cells)))
            else:
                good.append(piece)
        schema = {str(place): pl.String for place in range(self.width)}
        cells = pl.DataFrame([piece.cells for piece in good], schema=schema, orient="row")
        raws = [piece.raw for piece in good]
        return Batch(
            cells,
            pl.Series([piece.line for piece in good], dtype=pl.Int64),
            lambda places: [raws[place][:_LONGEST_RAW] for place in places],
            tuple(faults),
            len(blank),
        )


def _raw_of(data: bytes, starts: npt.NDArray[np.int64], ends: npt.NDArray[np.int64]) -> _Raw:
    return _Raw(data, starts, ends)


@dataclass(frozen=True)
class _Raw:
    data: bytes
    starts: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]

    def __call__(self, places: Sequence[int]) -> list[str]:
        return [
            self.data[self.starts[place] : self.ends[place]].decode("utf-8", errors="replace")[:_LONGEST_RAW]
            for place in places
        ]


def _parse(data: bytes, found: Layout, good: npt.NDArray[np.bool_], dialect: Dialect, width: int) -> pl.DataFrame:
    """Read the good records as text; their places are proven, so the reader has nothing to guess."""
    schema = {str(place): pl.String() for place in range(width)}
    n_good = int(good.sum())
    if not n_good:
        return pl.DataFrame(schema=schema)
    text = data[: found.used] if good.all() else _join(data, found, good)
    cells = pl.read_csv(
        io.BytesIO(text),
        has_header=False,
        separator=dialect.delimiter,
        quote_char=dialect.quote if dialect.quote and dialect.quote.encode() in text else None,
        schema=schema,
        empty_string_is_null=False,
    )
    if cells.height != n_good:
        return _parse_slowly(text, dialect, schema)
    return cells


def _join(data: bytes, found: Layout, good: npt.NDArray[np.bool_]) -> bytes:
    """Join the runs of good records."""
    change = np.flatnonzero(np.diff(np.concatenate([[False], good, [False]]).astype(np.int8)))
    runs = [data[found.starts[first] : found.ends[last - 1]] for first, last in zip(change[0::2], change[1::2], strict=True)]
    return b"\n".join(runs) + b"\n"


def _parse_slowly(text: bytes, dialect: Dialect, schema: dict[str, pl.String]) -> pl.DataFrame:
    pieces = split(text.decode("utf-8"), dialect, 0, len(schema))
    return pl.DataFrame([piece.cells for piece in pieces], schema=schema, orient="row")

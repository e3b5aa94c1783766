"""Where the records of a delimited text begin and end: proven for a whole block at once, or not at all.

A block is regular where every quote opens a field or closes one. Then the count of quotes before a line end or a
delimiter tells whether it is inside a quoted field, and numpy finds every record and its width without guessing.
Anything else goes to `records`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from salesiq.load.dialects import Dialect

__all__ = ["Layout", "layout"]

Positions = npt.NDArray[np.int64]
_LF, _CR, _NO_BYTE = 10, 13, 0xFF  # no text in UTF-8 holds the last


@dataclass(frozen=True)
class Layout:
    """The records of a block: where each begins and ends (without its line end), on which line, and how many cells it
    has.
    """

    starts: Positions
    ends: Positions
    lines: Positions
    widths: Positions
    n_lines: int
    used: int

    @property
    def blank(self) -> npt.NDArray[np.bool_]:
        """Which records are empty lines."""
        return self.ends <= self.starts


def layout(data: bytes, dialect: Dialect, *, is_last: bool) -> Layout | None:
    """Return the layout of a block, or None where its quoting or its line ends are not regular, or its delimiter is long.

    An unfinished record at the end is left out of `used` unless the block is the last.

    >>> found = layout(b'a,b\\n"x,\\ny",2\\n', Dialect(), is_last=True)
    >>> found.lines.tolist(), found.widths.tolist()
    ([0, 1], [2, 2])
    """
    if data.count(b"\r") != data.count(b"\r\n") or not _is_provable(data, dialect):
        return None
    delimiter, quote = ord(dialect.delimiter), ord(dialect.quote) if dialect.quote else _NO_BYTE
    cells = np.frombuffer(data, dtype=np.uint8)
    marks = (cells == _LF) | (cells == delimiter)
    has_quotes = quote != _NO_BYTE and bytes([quote]) in data
    if has_quotes:
        marks |= cells == quote
    events = np.flatnonzero(marks)
    kinds = cells[events]
    before = np.zeros(0, np.int64)  # for each end, how many line ends stand before it
    if has_quotes:
        is_quote = kinds == quote
        if not _regular(cells, events[is_quote], delimiter, quote, is_last=is_last):
            return None
        outside = (np.cumsum(is_quote) % 2 == 0) & ~is_quote
        before = np.cumsum(kinds == _LF)[outside & (kinds == _LF)]
        events, kinds = events[outside], kinds[outside]
    places = np.flatnonzero(kinds == _LF)
    ends = events[places]
    before = before if has_quotes else np.arange(1, len(ends) + 1)
    used = int(ends[-1]) + 1 if len(ends) else 0
    n_lines = int(before[-1]) if len(before) else 0
    if is_last and used < len(data):
        ends, places, used = np.append(ends, len(data)), np.append(places, len(events)), len(data)
    widths = np.diff(places, prepend=-1)
    starts = np.concatenate([np.zeros(1, np.int64), ends[:-1] + 1]) if len(ends) else np.zeros(0, np.int64)
    lines = np.concatenate([np.zeros(1, np.int64), before])[: len(ends)]
    return Layout(starts, _without_return(cells, starts, ends), lines, widths, n_lines, used)


def _is_provable(data: bytes, dialect: Dialect) -> bool:
    """Whether counting marks can tell where cells end: one byte a mark, doubled inside cells."""
    if len(dialect.delimiter.encode()) > 1 or len(dialect.quote.encode()) > 1:
        return False
    return dialect.is_doubled or not dialect.quote or (bool(dialect.escape) and dialect.escape.encode() not in data)


def _without_return(cells: npt.NDArray[np.uint8], starts: Positions, ends: Positions) -> Positions:
    before = np.maximum(ends - 1, 0)
    return np.where((ends > starts) & (cells[before] == _CR), ends - 1, ends) if len(cells) else ends


def _regular(cells: npt.NDArray[np.uint8], quotes: Positions, delimiter: int, quote: int, *, is_last: bool) -> bool:
    """Whether quotes come in pairs that enclose whole fields; a doubled quote inside is such a pair end and begin."""
    opening, closing = quotes[0::2], quotes[1::2]
    if len(opening) != len(closing) and is_last:
        return False
    borders = np.zeros(256, dtype=bool)
    borders[[_LF, _CR, delimiter, quote]] = True
    before = cells[np.maximum(opening - 1, 0)]
    after = cells[np.minimum(closing + 1, len(cells) - 1)]
    # a quote as neighbour is the twin of a doubled one: between an opening and the closing before it there is no third
    return bool((borders[before] | (opening == 0)).all() and (borders[after] | (closing == len(cells) - 1)).all())

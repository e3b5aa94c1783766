"""What a file may hold at most. Beyond it the file is refused: such cells, lines and headers come from mistakes or from
somebody who means harm.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from salesiq.errors import InputError

__all__ = ["LONGEST_CELL", "LONGEST_LINE", "MOST_COLUMNS", "LineMeter", "refuse_beyond_limits", "refuse_wide"]

LONGEST_CELL = 100 * 1024
LONGEST_LINE = 10 * 1024 * 1024
MOST_COLUMNS = 5_000


def refuse_wide(n_columns: int, file: str, line: int) -> None:
    """Raise `InputError` for a line with more columns than any export has."""
    if n_columns > MOST_COLUMNS:
        raise InputError("load.too_many_columns", file=file, line=line, n=n_columns, most=MOST_COLUMNS)


def refuse_beyond_limits(cells: pl.DataFrame, file: str) -> None:
    """Raise `InputError` where a cell is longer than any that a person writes."""
    texts = [column for column in cells if column.dtype == pl.String]
    longest = max((int(str(column.str.len_bytes().max() or 0)) for column in texts), default=0)
    if longest > LONGEST_CELL:
        raise InputError("load.long_cell", file=file, kb=longest // 1024, most_kb=LONGEST_CELL // 1024)


@dataclass
class LineMeter:
    """The longest line of a file, to within a piece, told by where the line ends of each piece stand: the pieces are
    not searched through.
    """

    longest: int = 0
    _since: int = 0

    def add(self, piece: bytes) -> None:
        """Take the next piece of the file."""
        first = _first(piece)
        if first < 0:
            self._since += len(piece)
        else:
            self.longest = max(self.longest, self._since + first)
            self._since = len(piece) - max(piece.rfind(b"\n"), piece.rfind(b"\r"))
        self.longest = max(self.longest, self._since)


def _first(piece: bytes) -> int:
    feed = piece.find(b"\n")
    back = piece.find(b"\r", 0, feed if feed >= 0 else None)
    return back if back >= 0 else feed

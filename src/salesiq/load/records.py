"""Taking irregular delimited text apart, record by record: one broken line costs that line, never its neighbours."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from salesiq.load.dialects import Dialect

__all__ = ["UNFINISHED", "Piece", "split"]

_MOST_LINES = 200  # a quoted field may span lines; one that spans more was never closed
_MOST_CELLS = 4096
_LINE_END = re.compile("(\r\n|\n|\r)")


@dataclass(frozen=True)
class Piece:
    """One record of a text: its first line, the line after it, its cells; or, with a `reason`, a line that is none."""

    line: int
    next_line: int
    cells: tuple[str, ...]
    raw: str
    reason: str | None = None


UNFINISHED = "unfinished"


def split(
    text: str, dialect: Dialect, first_line: int = 0, width: int | None = None, *, is_last: bool = True
) -> Iterator[Piece]:
    """Yield every record of `text`. `width` is the number of cells that a record over several lines must have.

    A quote inside a bare field is part of it (5" pipe). A quoted field that is not closed, or closed in the middle,
    costs the line on which its record begins; reading goes on with the next line.

    Where more text follows (`is_last` false), a last piece with the reason `UNFINISHED` holds the lines that may
    belong to a record which ends in it.

    >>> [(piece.line, piece.cells, piece.reason) for piece in split('a,"b\\nc,d\\n', Dialect(), width=2)]
    [(0, ('a,"b',), 'reason_quote'), (1, ('c', 'd'), None)]
    """
    lines = _lines(text)
    index = 0
    while index < len(lines):
        line = lines[index][0]
        if not dialect.quote or dialect.quote not in line:
            yield Piece(first_line + index, first_line + index + 1, tuple(line.split(dialect.delimiter)), line)
            index += 1
            continue
        n_lines, cells, raw, reason = _quoted(lines, index, dialect, width)
        if reason == UNFINISHED and not is_last:
            rest = "".join(line + end for line, end in lines[index:])
            yield Piece(first_line + index, first_line + len(lines), (), rest, UNFINISHED)
            return
        reason = "reason_quote" if reason == UNFINISHED else reason
        yield Piece(first_line + index, first_line + index + n_lines, cells, raw, reason)
        index += n_lines


def _lines(text: str) -> list[tuple[str, str]]:
    """Split into (line, line end), at \\n, \\r\\n and a lone \\r; nothing else ends a line here."""
    parts = _LINE_END.split(text)
    found = list(zip(parts[0::2], [*parts[1::2], ""], strict=True))
    return found if found[-1][0] else found[:-1]


def _quoted(
    lines: list[tuple[str, str]], index: int, dialect: Dialect, width: int | None
) -> tuple[int, tuple[str, ...], str, str | None]:
    """Try the record with one line, then with more; give up the first line where none makes it whole."""
    text, end = lines[index]
    for n_lines in range(1, _MOST_LINES + 1):
        cells = _cells(text, dialect)
        if cells is not None and (n_lines == 1 or width is None or len(cells) == width):
            return n_lines, cells, text, None
        if not _may_go_on(text, dialect):
            break
        if index + n_lines >= len(lines):
            return 1, (lines[index][0],), lines[index][0], UNFINISHED
        following, next_end = lines[index + n_lines]
        text, end = text + end + following, next_end
    return 1, (lines[index][0],), lines[index][0], "reason_quote"


def _cells(text: str, dialect: Dialect) -> tuple[str, ...] | None:
    """Take one record apart; None where its quotes do not enclose whole cells.

    A quote before a word in one bare cell and a quote at the end of a later one enclose what lies between: there a
    delimiter is missing, and one that was quoted would shift the row.
    """
    cells: list[str] = []
    place, is_open = 0, False
    while len(cells) < _MOST_CELLS:
        found = dialect.field.match(text, place)
        if found is None:
            return None
        bare = found[2]
        cells.append(dialect.content(found[1]) if bare is None else bare)
        if bare and bare.count(dialect.quote) % 2:
            if is_open and bare.endswith(dialect.quote):
                return None
            is_open = is_open or (not bare.partition(dialect.quote)[2][:1].isspace() and not bare.endswith(dialect.quote))
        place = found.end()
        if place == len(text):
            return tuple(cells)
        if not text.startswith(dialect.delimiter, place):
            return None
        place += len(dialect.delimiter)
    return None


def _may_go_on(text: str, dialect: Dialect) -> bool:
    """Whether the text ends inside an open quoted field, so that the next line may belong to it."""
    place = 0
    while True:
        found = dialect.field.match(text, place)
        if found is None:
            return not dialect.broken.match(text, place)
        place = found.end() + len(dialect.delimiter)
        if found.end() >= len(text):
            return False

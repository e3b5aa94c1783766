"""Taking irregular delimited text apart, record by record: one broken line costs that line, never its neighbours."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

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


def split(text: str, delimiter: str, first_line: int = 0, width: int | None = None, *, is_last: bool = True) -> Iterator[Piece]:
    """Yield every record of `text`. `width` is the number of cells that a record over several lines must have.

    A quote inside a bare field is part of it (5" pipe). A quoted field that is not closed, or closed in the middle,
    costs the line on which its record begins; reading goes on with the next line.

    Where more text follows (`is_last` false), a last piece with the reason `UNFINISHED` holds the lines that may
    belong to a record which ends in it.

    >>> [(piece.line, piece.cells, piece.reason) for piece in split('a,"b\\nc,d\\n', ",", width=2)]
    [(0, ('a,"b',), 'reason_quote'), (1, ('c', 'd'), None)]
    """
    lines = _lines(text)
    field = _field(delimiter)
    index = 0
    while index < len(lines):
        line = lines[index][0]
        if '"' not in line:
            yield Piece(first_line + index, first_line + index + 1, tuple(line.split(delimiter)), line)
            index += 1
            continue
        n_lines, cells, raw, reason = _quoted(lines, index, field, delimiter, width)
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


def _field(delimiter: str) -> re.Pattern[str]:
    mark = re.escape(delimiter)
    return re.compile(rf'"((?:[^"]|"")*)"(?={mark}|\Z)|((?!")[^{mark}]*)', re.DOTALL)


def _quoted(
    lines: list[tuple[str, str]], index: int, field: re.Pattern[str], delimiter: str, width: int | None
) -> tuple[int, tuple[str, ...], str, str | None]:
    """Try the record with one line, then with more; give up the first line where none makes it whole."""
    text, end = lines[index]
    for n_lines in range(1, _MOST_LINES + 1):
        cells = _cells(text, field, delimiter)
        if cells is not None and (n_lines == 1 or width is None or len(cells) == width):
            return n_lines, cells, text, None
        if not _may_go_on(text, field, delimiter):
            break
        if index + n_lines >= len(lines):
            return 1, (lines[index][0],), lines[index][0], UNFINISHED
        following, next_end = lines[index + n_lines]
        text, end = text + end + following, next_end
    return 1, (lines[index][0],), lines[index][0], "reason_quote"


def _cells(text: str, field: re.Pattern[str], delimiter: str) -> tuple[str, ...] | None:
    cells: list[str] = []
    place = 0
    while len(cells) < _MOST_CELLS:
        found = field.match(text, place)
        if found is None:
            return None
        cells.append(found[1].replace('""', '"') if found[1] is not None else found[2])
        place = found.end()
        if place == len(text):
            return tuple(cells)
        if text[place] != delimiter:
            return None
        place += 1
    return None


def _may_go_on(text: str, field: re.Pattern[str], delimiter: str) -> bool:
    """Whether the text ends inside an open quoted field, so that the next line may belong to it."""
    place = 0
    while True:
        found = field.match(text, place)
        if found is None:
            return not re.match(r'"(?:[^"]|"")*"(?!")', text[place:], re.DOTALL)
        place = found.end() + 1
        if found.end() >= len(text):
            return False

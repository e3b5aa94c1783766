"""Taking irregular delimited text apart, record by record: one broken line costs that line, never its neighbours."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["Piece", "split"]

_MOST_LINES = 200  # a quoted field may span lines; one that spans more was never closed
_MOST_CELLS = 4096


@dataclass(frozen=True)
class Piece:
    """One record of a text: its first line, the line after it, its cells; or, with a `reason`, a line that is none."""

    line: int
    next_line: int
    cells: tuple[str, ...]
    raw: str
    reason: str | None = None


def split(text: str, delimiter: str, first_line: int = 0, width: int | None = None) -> Iterator[Piece]:
    """Yield every record of `text`. `width` is the number of cells that a record over several lines must have.

    A quote inside a bare field is part of it (5" pipe). A quoted field that is not closed, or closed in the middle,
    costs the line on which its record begins; reading goes on with the next line.

    >>> [(piece.line, piece.cells, piece.reason) for piece in split('a,"b\\nc,d\\n', ",", width=2)]
    [(0, ('a,"b',), 'reason_quote'), (1, ('c', 'd'), None)]
    """
    lines = _lines(text)
    field = _field(delimiter)
    index = 0
    while index < len(lines):
        line = lines[index]
        if '"' not in line:
            yield Piece(first_line + index, first_line + index + 1, tuple(line.split(delimiter)), line)
            index += 1
            continue
        piece = _quoted(lines, index, field, delimiter, width)
        yield Piece(first_line + index, first_line + index + piece[0], piece[1], piece[2], piece[3])
        index += piece[0]


def _lines(text: str) -> list[str]:
    found = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return found[:-1] if found and not found[-1] else found


def _field(delimiter: str) -> re.Pattern[str]:
    mark = re.escape(delimiter)
    return re.compile(rf'"((?:[^"]|"")*)"(?={mark}|\Z)|((?!")[^{mark}]*)', re.DOTALL)


def _quoted(
    lines: list[str], index: int, field: re.Pattern[str], delimiter: str, width: int | None
) -> tuple[int, tuple[str, ...], str, str | None]:
    """Try the record with one line, then with more; give up the first line where none makes it whole."""
    text = lines[index]
    for n_lines in range(1, _MOST_LINES + 1):
        cells = _cells(text, field, delimiter)
        if cells is not None and (n_lines == 1 or width is None or len(cells) == width):
            return n_lines, cells, text, None
        if index + n_lines >= len(lines) or not _may_go_on(text, field, delimiter):
            break
        text += "\n" + lines[index + n_lines]
    return 1, (lines[index],), lines[index], "reason_quote"


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

"""How a text marks its cells, found by looking at its first records, or as the mapping says."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

__all__ = ["DELIMITERS", "Dialect", "Given", "candidates"]

DELIMITERS = (",", "\t", ";", "|", "^", "~", "\x1f", " ")
_SHOWN = {"\t": "TAB", " ": "SPACE", "\x1f": "0x1F", "\\": "backslash"}
_SAMPLE_LINES = 400


@dataclass(frozen=True)
class Dialect:
    """What separates cells, what may enclose one, and what makes the enclosing mark a part of it.

    `escape` equal to `quote` means that the mark is doubled inside a cell; an empty `quote` or `escape` that there is none.
    """

    delimiter: str = ","
    quote: str = '"'
    escape: str = '"'

    @property
    def is_doubled(self) -> bool:
        """Whether a mark inside a cell is written twice."""
        return self.escape == self.quote

    @cached_property
    def field(self) -> re.Pattern[str]:
        """What one cell looks like: group 1 its content between marks, group 2 a bare one."""
        end = re.escape(self.delimiter)
        bare = f"[^{end}]*" if len(self.delimiter) == 1 else f"(?:(?!{end}).)*"
        if not self.quote:
            return re.compile(f"(?!)()|({bare})", re.DOTALL)
        return re.compile(rf"{self._enclosed}(?={end}|\Z)|((?!{re.escape(self.quote)}){bare})", re.DOTALL)

    @cached_property
    def broken(self) -> re.Pattern[str]:
        """What is enclosed and goes on behind the closing mark, so that no further line can make it whole."""
        return re.compile(rf"{self._enclosed}(?!{re.escape(self.quote)})", re.DOTALL)

    @property
    def _enclosed(self) -> str:
        mark, escape = re.escape(self.quote), re.escape(self.escape)
        inside = rf"[^{mark}]*(?:{mark}{mark}[^{mark}]*)*" if self.is_doubled else rf"(?:[^{mark}{escape}]|{escape}.)*"
        return f"{mark}({inside if self.escape else f'[^{mark}]*'}){mark}"

    def content(self, enclosed: str) -> str:
        """Return what stands between the marks as it is meant.

        >>> Dialect().content('48""'), Dialect(escape="\\\\").content('48\\\\"')
        ('48"', '48"')
        """
        if self.is_doubled:
            return enclosed.replace(self.quote * 2, self.quote)
        if not self.escape or self.escape not in enclosed:
            return enclosed
        either = f"[{re.escape(self.quote + self.escape)}]"
        return re.sub(f"{re.escape(self.escape)}({either})", r"\1", enclosed)

    def loosely(self, line: str) -> tuple[str, ...]:
        """Take a line apart whose marks are not paired, at every delimiter.

        >>> Dialect().loosely('"DATE,"URL"')
        ('"DATE', 'URL')
        """
        cells = line.split(self.delimiter)
        mark = self.quote or "\0"
        return tuple(cell[1:-1] if len(cell) > 1 and cell[0] == cell[-1] == mark else cell for cell in cells)

    @property
    def told(self) -> str:
        """The dialect in signs, for a person: `; '` for cells between semicolons, enclosed in apostrophes."""
        marks = [self.delimiter, self.quote, "" if self.is_doubled else self.escape]
        return "  ".join("".join(_SHOWN.get(sign, sign) for sign in mark) for mark in marks if mark)


@dataclass(frozen=True)
class Given:
    """What the mapping says about the dialect; None where it is to be found."""

    delimiter: str | None = None
    quote: str | None = None
    escape: str | None = None


def candidates(text: str, given: Given) -> list[Dialect]:
    """Return the dialects that the start of a text may be in, the most regular first.

    >>> [dialect.told for dialect in candidates("a;b\\n'x;y';1\\n'z';2\\n", Given())][0]
    ";  '"
    """
    lines = [line for line in re.split("\r\n|\n|\r", text)[:_SAMPLE_LINES] if line.strip()]
    delimiters = [given.delimiter] if given.delimiter is not None else [*_delimiters(lines)]
    found = [_with_quotes(lines, delimiter, given) for delimiter in delimiters]
    return sorted(found, key=lambda dialect: -_regularity(lines, dialect)) if len(found) > 1 else found


def _delimiters(lines: list[str]) -> Iterator[str]:
    """Yield each delimiter that occurs, and with a space behind it where a space always is; the comma if none does."""
    text = "\n".join(lines)
    present = [delimiter for delimiter in DELIMITERS if delimiter in text]
    for delimiter in present or [","]:
        yield delimiter
        if delimiter not in "\t " and f"{delimiter} " in (lines[0] if lines else ""):
            yield f"{delimiter} "


def _with_quotes(lines: list[str], delimiter: str, given: Given) -> Dialect:
    quote = _quote(lines, delimiter) if given.quote is None else given.quote
    escape = _escape(lines, delimiter, quote) if given.escape is None else given.escape
    return Dialect(delimiter, quote, escape)


def _quote(lines: list[str], delimiter: str) -> str:
    """Take the apostrophe only where it encloses whole cells and the quotation mark never does."""
    double, single = (_n_enclosed(lines, delimiter, mark) for mark in "\"'")
    return "'" if single >= 2 and not double else '"'


def _n_enclosed(lines: list[str], delimiter: str, mark: str) -> int:
    end = re.escape(delimiter)
    whole = re.compile(rf"(?:^|(?<={end})){mark}(?:[^{mark}]*[^{mark}{end}])?{mark}(?={end}|$)")
    return sum(len(whole.findall(line)) for line in lines if mark in line)


def _escape(lines: list[str], delimiter: str, quote: str) -> str:
    """Take the backslash only where it stands before a mark that does not close its cell, and no mark is doubled."""
    if not quote:
        return quote
    inside = re.compile(rf"\\{quote}(?!{re.escape(delimiter)}|$|{quote})|\\{quote}{quote}(?={re.escape(delimiter)}|$)")
    doubled = re.compile(rf"[^{quote}\\]{quote}{quote}[^{quote}]")
    marked = [line for line in lines if quote in line]
    is_escaped = any(inside.search(line) for line in marked)
    return "\\" if is_escaped and not any(_has_doubled(doubled, line, delimiter, quote) for line in marked) else quote


def _has_doubled(doubled: re.Pattern[str], line: str, delimiter: str, quote: str) -> bool:
    empty = delimiter + quote * 2
    return bool(doubled.search(line.replace(empty, delimiter)))


def _regularity(lines: list[str], dialect: Dialect) -> float:
    """Return the share of lines that have the commonest number of cells, if it is more than one."""
    widths: Counter[int] = Counter()
    for line in lines:
        width = _width(line, dialect)
        widths[width] += 1
    del widths[0]
    if not widths:
        return 0.0
    width, n = max(widths.items(), key=lambda item: (item[1], item[0]))
    return n / len(lines) if width > 1 else 0.0


def _width(line: str, dialect: Dialect) -> int:
    """Return the number of cells of a line; 0 where it is no whole record."""
    if not dialect.quote or dialect.quote not in line:
        return line.count(dialect.delimiter) + 1
    place, n_cells = 0, 0
    while (found := dialect.field.match(line, place)) is not None:
        n_cells += 1
        place = found.end()
        if place >= len(line):
            return n_cells
        place += len(dialect.delimiter)
        if place >= len(line):
            return n_cells + 1
    return 0

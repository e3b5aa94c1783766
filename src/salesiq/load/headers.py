"""Finding the header by the names that the mapping expects, and binding canonical columns to the file's."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import polars as pl
from rapidfuzz import process

from salesiq.errors import InputError
from salesiq.load.amounts import UNITS
from salesiq.load.batches import Record
from salesiq.load.derived import absent, refuse_absent
from salesiq.load.mapping import Column, Entry
from salesiq.load.shape import MOST_HEADER_ROWS, fitted, header_rows, other_width, unnamed
from salesiq.tables import CONTRACTS

__all__ = ["Binding", "Bound", "bind", "fits", "mark", "normal", "score"]

_UNIT = re.compile(r"\s*(?:[(\[/:]|单位)\s*(?:单位)?:?\s*(人民币)?(百万元|千万元|万元|千元|亿元|元|万|亿)\s*[)\]]?$")
_LONGEST_HEADER = 200
_SHORT_UNITS = {"万": "万元", "亿": "亿元"}


@dataclass(frozen=True)
class Bound:
    """One canonical column and where it stands in the file."""

    column: Column
    place: int
    header: str


@dataclass(frozen=True)
class Binding:
    """A file's header bound to an entry: the columns found, the canonical ones that the file lacks, the file's own
    that nothing reads. `places` says where the headers stand that expressions name.
    """

    header: Record
    columns: tuple[Bound, ...]
    missing: tuple[str, ...]
    extra: tuple[str, ...]
    places: dict[str, int] = field(default_factory=dict)

    def told(self, entry: Entry) -> frozenset[str]:
        """Canonical columns that the file, or the entry for all its rows, says something about."""
        given = (*(item.column.name for item in self.columns), *(item.column.name for item in entry.derived))
        return frozenset((*given, *entry.constants)) - frozenset(self.missing)


@lru_cache(maxsize=20_000)
def normal(header: str) -> str:
    """Return a header as names are compared: half-width, lower case, one space where there was white space.

    >>> normal("\\ufeff 金额（万元）\\u00a0"), normal("Deal  ID")
    ('金额(万元)', 'deal id')
    """
    text = unicodedata.normalize("NFKC", header).replace("\ufeff", "").replace("\u200b", "")
    return " ".join(text.split()).casefold()


def unit_of(header: str) -> tuple[str, str | None]:
    """Split a header into its name and the unit that it states.

    >>> unit_of("金额(万元)"), unit_of("金额")
    (('金额', '万元'), ('金额', None))
    """
    found = _UNIT.search(header)
    if found is None:
        return header, None
    return header[: found.start()], _SHORT_UNITS.get(found[2], found[2])


def score(record: Record, entry: Entry) -> int:
    """Count the canonical columns of the entry that the record names, and the headers that its expressions need."""
    names = _places(record.cells)
    return sum(1 for column in entry.columns if _find(column, names) is not None) + len(_named_places(entry, names))


def required(entry: Entry) -> tuple[str, ...]:
    """Return the canonical columns that the file must have for this entry."""
    given = {column.name for column in entry.columns}
    return tuple(name for name in CONTRACTS[entry.table].required if name in given)


def fits(head: Sequence[Record], entry: Entry) -> int:
    """Return how many columns the best header among the first records names, 0 where a required one is missing."""
    best = _best(head, entry)
    if best is None:
        return 0
    names = _places(best.cells)
    needed = [column for column in entry.columns if column.name in required(entry)]
    if any(_find(column, names) is None for column in needed) or set(absent(entry, _named_places(entry, names))) & set(
        CONTRACTS[entry.table].required
    ):
        return 0
    return score(best, entry)


def bind(head: Sequence[Record], entry: Entry, file: str) -> Binding:
    """Find the header and bind every column. Raises `InputError` for a missing, doubled or differently united column."""
    header = _best(head, entry)
    if header is None:
        first = next((record for record in head if any(cell.strip() for cell in record.cells)), None)
        seen = ", ".join(cell.strip() for cell in first.cells if cell.strip())[:200] if first else "—"
        expected = ", ".join(column.headers[0] for column in entry.columns)
        raise InputError("load.no_header", file=file, table=entry.table, found=seen, expected=expected)
    _refuse_doubles(header, entry, file)
    names = _places(header.cells)
    bound, missing = [], []
    for column in entry.columns:
        place = _find(column, names)
        if place is None:
            missing.append(column.name)
        else:
            bound.append(Bound(column, place, header.cells[place].strip()))
    _refuse_missing(missing, entry, header, file)
    named = _named_places(entry, names)
    refuse_absent(entry, named, header.cells, file)
    missing += absent(entry, named)
    for item in bound:
        _refuse_other_unit(item, entry, file)
    used = {item.place for item in bound} | set(named.values())
    extra = [cell.strip() for place, cell in enumerate(header.cells) if place not in used and cell.strip()]
    header = fitted(header, head, has_all=not missing)
    width = other_width(header, head)
    if width is not None:
        raise InputError("load.header_width", file=file, line=header.line, n=len(header.cells), width=width)
    return Binding(header, tuple(bound), tuple(missing), tuple(extra), named)


def mark(head: Sequence[Record], entry: Entry) -> int:
    """Return how many columns of the entry the best header among the first records names."""
    return _ranked(head, entry)[0]


def _best(head: Sequence[Record], entry: Entry) -> Record | None:
    """Return the record that names most columns; one name alone is no header unless the entry asks for one or two."""
    most, header = _ranked(head, entry)
    return header if most >= min(2, _n_asked(entry)) else None


def _n_asked(entry: Entry) -> int:
    return len(entry.columns) + len(entry.named)


def _ranked(head: Sequence[Record], entry: Entry) -> tuple[int, Record | None]:
    """Return the best header and how many columns it names: rows alone before rows together, the first before those
    below. Rows are put together only where no row alone names all.
    """
    shape = entry.shape
    if shape.header == "none":
        found = unnamed(head, shape.header_line)
        return (score(found, entry), found) if found else (0, None)
    best: tuple[int, Record | None] = (0, None)
    for n_rows in (shape.header_rows,) if shape.header_rows else range(1, MOST_HEADER_ROWS + 1):
        for record in header_rows(head, n_rows, shape.header_line):
            if (n_named := score(record, entry)) > best[0]:
                best = n_named, record
        if best[0] >= _n_asked(entry):
            break
    return best


def _places(cells: Sequence[str]) -> dict[str, int]:
    """Map each normalised name, with and without its unit, to its place; the first of equals wins."""
    names: dict[str, int] = {}
    cells = [cell if len(cell) <= _LONGEST_HEADER else "" for cell in cells]
    for place, cell in enumerate(cells):
        whole = normal(cell)
        names.setdefault(whole, place)
    for place, cell in enumerate(cells):
        names.setdefault(unit_of(normal(cell))[0], place)
    names.pop("", None)
    return names


def _find(column: Column, names: dict[str, int]) -> int | None:
    for header in column.headers:
        whole = normal(header)
        for name in (whole, unit_of(whole)[0]):
            if name in names:
                return names[name]
    return None


def _named_places(entry: Entry, names: dict[str, int]) -> dict[str, int]:
    """Map the headers that the entry's expressions name to their places, where the file has them."""
    found = {name: _find(Column(name, (name,)), names) for name in entry.named}
    return {name: place for name, place in found.items() if place is not None}


def _refuse_doubles(header: Record, entry: Entry, file: str) -> None:
    wanted = {normal(name) for column in entry.columns for name in column.headers} | {normal(name) for name in entry.named}
    counts = Counter(normal(cell) for cell in header.cells)
    for name, count in counts.items():
        if count > 1 and name in wanted:
            raise InputError("load.header_double", file=file, line=header.line, header=name)


def _refuse_missing(missing: Sequence[str], entry: Entry, header: Record, file: str) -> None:
    for name in missing:
        if name not in required(entry):
            continue
        column = next(column for column in entry.columns if column.name == name)
        found = [cell.strip() for cell in header.cells if cell.strip()]
        near = process.extractOne(column.headers[0], found)
        raise InputError(
            "load.column_missing",
            file=file,
            table=entry.table,
            column=name,
            expected=" / ".join(column.headers),
            near=near[0] if near else "—",
        )


def _refuse_other_unit(item: Bound, entry: Entry, file: str) -> None:
    if CONTRACTS[entry.table].columns[item.column.name] != pl.Decimal:
        return
    stated = unit_of(normal(item.header))[1]
    if stated is not None and UNITS[stated] != UNITS[item.column.unit]:
        facts = {"file": file, "column": item.header, "stated": stated, "expected": item.column.unit}
        raise InputError("load.unit_differs", table=entry.table, **facts)

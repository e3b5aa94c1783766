"""Which file feeds which table: a mapping's entries matched with the files found, or the preset that fits them best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from salesiq.errors import InputError
from salesiq.load.batches import Record, Table
from salesiq.load.encoding import detect
from salesiq.load.headers import fits, score
from salesiq.load.mapping import Entry, Mapping, preset_names, read_mapping
from salesiq.load.parquet_files import ParquetTable
from salesiq.load.sources import PARQUET, SHEET, Found, Source, matches
from salesiq.load.text_files import DELIMITERS, TextTable
from salesiq.load.workbooks import Workbook

__all__ = ["Job", "Plan", "Shelf", "make_plan"]

_BINARY = (
    (b"PK\x03\x04", "ZIP/XLSX"),
    (b"\xd0\xcf\x11\xe0", "XLS/OLE"),
    (b"PAR1", "Parquet"),
    (b"%PDF", "PDF"),
    (b"\x1f\x8b", "GZIP"),
)


@dataclass(frozen=True)
class Job:
    """One file to read for one table."""

    source: Source
    entry: Entry


@dataclass(frozen=True)
class Plan:
    """What will be read with which mapping, and which files nothing asks for."""

    mapping: Mapping
    jobs: tuple[Job, ...]
    unused: tuple[Source, ...]


@dataclass
class Shelf:
    """The files that were opened, so that none is opened or decoded twice to look at its head."""

    _workbooks: dict[Path, Workbook] = field(default_factory=dict)
    _encodings: dict[tuple[Path, str | None], str] = field(default_factory=dict)
    _heads: dict[tuple[Path, str, str], list[Record]] = field(default_factory=dict)

    def table(self, source: Source, entry: Entry) -> tuple[Table, list[Record]]:
        """Open the table of a file that names most of the entry's columns: its delimiter or its sheet. Raises
        `InputError`.
        """
        tables = self.tables(source, entry)
        heads = [self._head(source, table) for table in tables]
        marks = [max((score(record, entry) for record in head), default=0) for head in heads]
        best = marks.index(max(marks))
        return tables[best], heads[best]

    def tables(self, source: Source, entry: Entry) -> Sequence[Table]:
        """Return every way to read a file: each delimiter of a text, each sheet of a workbook. Raises `InputError`."""
        if source.path.stat().st_size == 0:
            raise InputError("load.empty_file", file=source.name)
        if source.kind in PARQUET:
            return [ParquetTable(source.path, source.name)]
        if source.kind in SHEET:
            book = self._workbooks.setdefault(source.path, Workbook(source.path, source.name))
            return book.sheets(entry.sheet)
        return self._text_tables(source, entry)

    def _text_tables(self, source: Source, entry: Entry) -> Sequence[Table]:
        _refuse_binary(source)
        asked = (source.path, entry.encoding)
        if asked not in self._encodings:
            self._encodings[asked] = detect(source.path, source.name, entry.encoding)
        delimiters = DELIMITERS if entry.delimiter is None else (entry.delimiter,)
        return [TextTable(source.path, self._encodings[asked], delimiter) for delimiter in delimiters]

    def _head(self, source: Source, table: Table) -> list[Record]:
        part = str(getattr(table, "delimiter", "")) + str(getattr(table, "sheet", ""))
        asked = (source.path, table.encoding, part)
        if asked not in self._heads:
            self._heads[asked] = table.head()
        return self._heads[asked]


def make_plan(found: Found, mapping: str | Path | Mapping | None, shelf: Shelf) -> Plan:
    """Match files and entries. Without a mapping every preset is tried by the headers, and the one that covers most
    is taken.

    Raises `InputError` where no file is matched, naming what was found and what was expected.
    """
    if mapping is None:
        return _best_plan(found, shelf)
    chosen = mapping if isinstance(mapping, Mapping) else read_mapping(mapping)
    plan = _plan(found, chosen)
    if not plan.jobs:
        expected = ", ".join(dict.fromkeys(pattern for entry in chosen.entries for pattern in entry.match))
        raise InputError("load.nothing_matches", mapping=chosen.name, found=_listed(found), expected=expected)
    return plan


def _plan(found: Found, mapping: Mapping) -> Plan:
    jobs = tuple(
        Job(source, entry)
        for source in found.sources
        for entry in mapping.entries
        if any(matches(source, pattern) for pattern in entry.match)
    )
    used = {job.source for job in jobs}
    return Plan(mapping, jobs, tuple(source for source in found.sources if source not in used))


def _best_plan(found: Found, shelf: Shelf) -> Plan:
    plans = [_plan(found, read_mapping(name)) for name in (*preset_names(), "canonical")]
    marks = [_mark(plan, shelf) for plan in plans]
    best = max(marks)
    if best == (0, 0):
        raise InputError("load.no_preset_fits", found=_listed(found), presets=", ".join(plan.mapping.name for plan in plans))
    return plans[marks.index(best)]


def _mark(plan: Plan, shelf: Shelf) -> tuple[int, int]:
    """Return how many files the plan can read and how many columns it finds in them."""
    covered: set[Source] = set()
    n_columns = 0
    for job in plan.jobs:
        found = _n_columns(job, shelf)
        if found:
            covered.add(job.source)
            n_columns += found
    return len(covered), n_columns


def _n_columns(job: Job, shelf: Shelf) -> int:
    try:
        return fits(shelf.table(job.source, job.entry)[1], job.entry)
    except InputError:
        return 0  # a file that cannot be read speaks for no preset; it is refused when the chosen one needs it


def _listed(found: Found, most: int = 12) -> str:
    names = [source.name for source in found.sources] + [name for name, _ in found.unused]
    return ", ".join(names[:most]) + (f" … (+{len(names) - most})" if len(names) > most else "")


def _refuse_binary(source: Source) -> None:
    with source.path.open("rb") as file:
        start = file.read(8)
    for mark, kind in _BINARY:
        if start.startswith(mark):
            raise InputError("load.not_text", file=source.name, kind=kind)

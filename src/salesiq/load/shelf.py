"""The files of a load as tables, opened by what they are; each is opened and looked at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from salesiq.errors import InputError
from salesiq.load.batches import Record, Table
from salesiq.load.databases import ServerTable, database_table
from salesiq.load.dialects import Given, candidates
from salesiq.load.encoding import start
from salesiq.load.headers import mark
from salesiq.load.json_files import JsonTable
from salesiq.load.limits import LONGEST_LINE, refuse_wide
from salesiq.load.mapping import Entry
from salesiq.load.parquet_files import ParquetTable
from salesiq.load.recognition import Recognised, recognise
from salesiq.load.sources import JSON, PARQUET, SHEET, Source
from salesiq.load.text_files import HEAD_BYTES, TextTable
from salesiq.load.workbooks import Workbook
from salesiq.sandbox import Sandbox

__all__ = ["Shelf"]

_NOT_TEXT = (
    (b"PK\x03\x04", "ZIP/XLSX"),
    (b"\xd0\xcf\x11\xe0", "XLS/OLE"),
    (b"PAR1", "Parquet"),
    (b"%PDF", "PDF"),
    (b"\x1f\x8b", "GZIP"),
    (b"SQLite format 3\x00", "SQLite"),
)
_HTML = (b"<html", b"<!doctype html", b"<table", b"<head")


@dataclass
class Shelf:
    """The tables of a load's sources. What is untrusted and binary is taken apart in `sandbox`."""

    sandbox: Sandbox = field(default_factory=Sandbox)
    _workbooks: dict[Path, Workbook] = field(default_factory=dict)
    _json: dict[tuple[Path, str | None], JsonTable] = field(default_factory=dict)
    _encodings: dict[tuple[Path, str | None], Recognised] = field(default_factory=dict)
    _texts: dict[tuple[Path, str | None, Given], list[TextTable]] = field(default_factory=dict)
    _heads: dict[tuple[Path, str, str], list[Record]] = field(default_factory=dict)

    def table(self, source: Source, entry: Entry) -> tuple[Table, list[Record]]:
        """Open the table of a file that names most of the entry's columns: its delimiter or its sheet. Raises
        `InputError`.
        """
        tables = self.tables(source, entry)
        heads = [self._head(source, table) for table in tables]
        marks = [mark(head, entry) for head in heads]
        best = marks.index(max(marks))
        for record in heads[best]:
            refuse_wide(len(record.cells), source.name, record.line)
        return tables[best], heads[best]

    def tables(self, source: Source, entry: Entry) -> Sequence[Table]:
        """Return every way to read a file: each delimiter of a text, each sheet of a workbook. Raises `InputError`."""
        if source.engine.startswith("server:"):
            return [ServerTable(source.path, source.name, source.engine.removeprefix("server:"))]
        if source.table is not None:
            return [database_table(source.path, source.name, source.table, source.engine, self.sandbox)]
        if source.path.stat().st_size == 0:
            raise InputError("load.empty_file", file=source.name)
        if source.kind in PARQUET:
            return [ParquetTable(source.path, source.name, self.sandbox)]
        if source.kind in JSON:
            return [self._json_table(source, entry)]
        if source.kind in SHEET and not _is_meant_as_text(source, entry):
            book = self._workbooks.setdefault(source.path, Workbook(source.path, source.name, self.sandbox))
            return book.sheets(entry.sheet)
        return self._text_tables(source, entry)

    def _json_table(self, source: Source, entry: Entry) -> JsonTable:
        asked = (source.path, entry.encoding)
        if asked not in self._json:
            self._json[asked] = JsonTable(source.path, source.name, self.sandbox, source.kind, entry.encoding)
        return self._json[asked]

    def _text_tables(self, source: Source, entry: Entry) -> Sequence[Table]:
        _refuse_other_content(source)
        asked = (source.path, entry.encoding)
        if asked not in self._encodings:
            if source.longest_line > LONGEST_LINE:  # before anything holds a line in memory
                raise InputError("load.long_line", file=source.name, most_mb=LONGEST_LINE // 2**20)
            self._encodings[asked] = recognise(source.path, source.name, entry.encoding)
        given = entry.shape.given(entry.delimiter)
        if (*asked, given) not in self._texts:
            found = self._encodings[asked]
            dialects = candidates(start(source.path, found.encoding, HEAD_BYTES), given)
            texts = [TextTable(source.path, found.encoding, dialect, found.confidence) for dialect in dialects]
            self._texts[*asked, given] = texts
        return self._texts[*asked, given]

    def _head(self, source: Source, table: Table) -> list[Record]:
        part = str(getattr(table, "dialect", "")) + str(getattr(table, "sheet", "")) + str(source.table or "")
        asked = (source.path, table.encoding, part)
        if asked not in self._heads:
            self._heads[asked] = table.head()
        return self._heads[asked]


def _is_meant_as_text(source: Source, entry: Entry) -> bool:
    """Whether the mapping says that a file is text, whatever its name says: by a delimiter or an encoding."""
    if entry.delimiter is None and entry.encoding is None:
        return False
    with source.path.open("rb") as file:
        return not file.read(8).startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0"))


def _refuse_other_content(source: Source) -> None:
    with source.path.open("rb") as file:
        start = file.read(64)
    kind = next((kind for mark, kind in _NOT_TEXT if start.startswith(mark)), None)
    if start.lstrip(b"\xef\xbb\xbf \r\n\t").lower().startswith(_HTML):
        kind = "HTML"
    if kind is not None:
        raise InputError("load.not_text", file=source.name, kind=kind)

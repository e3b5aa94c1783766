"""XLSX workbooks: looked at before they are opened, then read as text, every row with its number in the sheet."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Context
from functools import cached_property
from pathlib import Path

import fastexcel
import polars as pl

from salesiq.errors import InputError
from salesiq.load.batches import Batch, Fault, Record, joined

__all__ = ["Workbook", "inspect"]

_MOST_BYTES, _MOST_RATIO = 4 * 1024**3, 200
_HEAD_RECORDS = 60
_EXCEL_DIGITS = 15
_OLE, _ZIP = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"PK\x03\x04"


def inspect(path: Path, name: str) -> None:
    """Refuse what is not a sound XLSX file, saying what it is: encrypted, old XLS, text, HTML, cut, or a bomb. Raises
    `InputError`.
    """
    with path.open("rb") as file:
        start = file.read(512)
    if start.startswith(_OLE):
        raise InputError("load.workbook_ole", file=name)
    if not start.startswith(_ZIP):
        kind = "HTML" if start.lstrip().lower().startswith((b"<html", b"<!doctype", b"<table", b"<?xml")) else "text"
        raise InputError("load.workbook_is_text" if _is_text(start) else "load.workbook_broken", file=name, kind=kind)
    try:
        with zipfile.ZipFile(path) as archive:
            _check_sizes(archive, path, name)
            _check_entities(archive, name)
    except (zipfile.BadZipFile, EOFError, OSError, RuntimeError) as error:
        raise InputError("load.workbook_broken", file=name) from error


def _is_text(start: bytes) -> bool:
    return b"\x00" not in start and bool(start.strip())


def _check_sizes(archive: zipfile.ZipFile, path: Path, name: str) -> None:
    full = sum(item.file_size for item in archive.infolist())
    if full > _MOST_BYTES or full > _MOST_RATIO * max(path.stat().st_size, 65_536):
        raise InputError("load.workbook_bomb", file=name, full_mb=full // 2**20, packed_kb=path.stat().st_size // 1024)


def _check_entities(archive: zipfile.ZipFile, name: str) -> None:
    for item in archive.infolist():
        if item.filename.endswith((".xml", ".rels")):
            with archive.open(item) as part:
                start = part.read(4096).upper()
            if b"<!DOCTYPE" in start or b"<!ENTITY" in start:
                raise InputError("load.workbook_entities", file=name, part=item.filename)


@dataclass(frozen=True)
class Workbook:
    """A sound XLSX file."""

    path: Path
    name: str

    @cached_property
    def _reader(self) -> fastexcel.ExcelReader:
        inspect(self.path, self.name)
        try:
            return fastexcel.read_excel(self.path)
        except fastexcel.FastExcelError as error:
            raise InputError("load.workbook_broken", file=self.name) from error

    def sheets(self, wanted: str | None = None) -> list[Sheet]:
        """Return the sheets, or the one that the mapping names; raises `InputError` where it is missing."""
        names = self._reader.sheet_names
        if wanted is not None and wanted not in names:
            raise InputError("load.no_sheet", file=self.name, sheet=wanted, found=", ".join(names))
        return [Sheet(self._reader, self.name, name) for name in names if wanted in (None, name)]


@dataclass
class Sheet:
    """One sheet, as a table of text."""

    reader: fastexcel.ExcelReader
    name: str
    sheet: str
    encoding: str = "xlsx"

    def head(self) -> list[Record]:
        """Return the first rows of the sheet."""
        rows = self._load(_HEAD_RECORDS)[0].rows()
        return [
            Record(line, line + 1, tuple("" if cell is None else str(cell) for cell in row)) for line, row in enumerate(rows, 1)
        ]

    def batches(self, header: Record) -> Iterator[Batch]:
        """Yield the rows below the header as one batch; blank rows are counted."""
        cells, errors = self._load(None)
        lines = pl.Series(range(1, cells.height + 1), dtype=pl.Int64)
        below = lines >= header.next_line
        width = len(header.cells)
        cells, lines = cells.filter(below), lines.filter(below)
        if cells.width < width:  # the sheet narrows below its header
            cells = cells.with_columns(pl.lit(None, pl.String).alias(str(place)) for place in range(cells.width, width))
        filled = cells.select(pl.any_horizontal(pl.all().str.strip_chars().fill_null("") != "")).to_series()
        wrong = pl.Series([line in errors for line in lines], dtype=pl.Boolean)
        kept = filled & ~wrong
        faults = tuple(
            Fault(line, "reason_cell_error", joined(cells, [place])[0], errors[line])
            for place, line in enumerate(lines)
            if line in errors
        )
        good = cells.filter(kept)
        n_blank = int((~filled & ~wrong).sum())
        yield Batch(good, lines.filter(kept), lambda places: joined(good, places), faults, n_blank)

    def _load(self, n_rows: int | None) -> tuple[pl.DataFrame, dict[int, str]]:
        """Return all cells as text in columns "0", "1", ..., and the rows (from 1) that hold an error such as #N/A."""
        try:
            sheet = self.reader.load_sheet(self.sheet, header_row=None, skip_rows=0, n_rows=n_rows, dtypes="string")
            found, problems = sheet.to_arrow_with_errors()
        except fastexcel.FastExcelError as error:
            raise InputError("load.workbook_broken", file=self.name) from error
        frame = pl.from_arrow(found)
        assert isinstance(frame, pl.DataFrame)  # noqa: S101 - tells the type checker what a record batch becomes
        frame = frame.with_columns(_fifteen_digits(column) for column in frame)
        errors = {problem.position[0] + 1: problem.detail for problem in problems.errors} if problems else {}
        return frame.rename({old: str(place) for place, old in enumerate(frame.columns)}), errors


def _fifteen_digits(cells: pl.Series) -> pl.Series:
    """Give numbers the 15 digits that Excel itself keeps and shows: 11539289.630000001 is how a file spells
    11539289.63.
    """
    if cells.dtype != pl.String:
        return cells
    long = cells.str.contains(r"^-?[0-9]+\.[0-9]+$") & (cells.str.len_bytes() > _EXCEL_DIGITS + 1)
    found = cells.filter(long).unique().to_list()
    excel = Context(prec=_EXCEL_DIGITS)
    return cells.replace({text: f"{excel.create_decimal(text).normalize(excel):f}" for text in found}) if found else cells

"""Workbooks (XLSX, XLSB, XLS, ODS), taken apart in the sandbox and read as text, every row with its number in the sheet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Context
from functools import cached_property
from pathlib import Path

import polars as pl

from salesiq.errors import InputError
from salesiq.load.arrow_tables import frame_of, marks_of
from salesiq.load.batches import Batch, Record, joined
from salesiq.sandbox import Portion, Sandbox

__all__ = ["Sheet", "Workbook"]

_HEAD_RECORDS = 60
_EXCEL_DIGITS = 15
_LAST_ROWS = (65_536, 1_048_576)  # of a sheet of XLS and of XLSX; an export that ends there was probably cut


@dataclass(frozen=True)
class Workbook:
    """A workbook that was found sound, whatever its name says it is."""

    path: Path
    name: str
    sandbox: Sandbox = field(default_factory=Sandbox)

    def sheets(self, wanted: str | None = None) -> list[Sheet]:
        """Return the sheets, or the one that the mapping names; raises `InputError` where it is missing, or where this
        is no sound workbook.
        """
        if wanted is not None and wanted not in self._sheets:
            raise InputError("load.no_sheet", file=self.name, sheet=wanted, found=", ".join(self._sheets))
        return [sheet for name, sheet in self._sheets.items() if wanted in (None, name)]

    @cached_property
    def _sheets(self) -> dict[str, Sheet]:
        facts = self.sandbox.facts("sheets", self.name, path=str(self.path))
        return {name: Sheet(self.sandbox, self.path, self.name, name, facts["kind"]) for name in facts["sheets"]}


@dataclass
class Sheet:
    """One sheet, as a table of text. `remarks` says, once it was read, what a person should know of it."""

    sandbox: Sandbox
    path: Path
    name: str
    sheet: str
    encoding: str
    remarks: list[tuple[str, str]] = field(default_factory=list)
    _portions: list[Portion] = field(default_factory=list)

    def head(self) -> list[Record]:
        """Return the first rows of the sheet."""
        rows = self._part(0)[0].head(_HEAD_RECORDS).rows()
        return [Record(line, line + 1, tuple("" if cell is None else cell for cell in row)) for line, row in enumerate(rows, 1)]

    def batches(self, header: Record) -> Iterator[Batch]:
        """Yield the rows below the header; blank rows are counted."""
        above, last = 0, 0
        for number in range(len(self._read())):
            cells, reasons = self._part(number)
            lines = pl.Series(range(above + 1, above + cells.height + 1), dtype=pl.Int64)
            above += cells.height
            filled = _filled(cells)
            last = max(last, int(str(lines.filter(filled).max() or 0)))
            yield _batch(_widened(cells, len(header.cells)), reasons, lines, filled, lines >= header.next_line)
        self.remarks = [("remark_sheet_full", f"{self.sheet}: {last:,}")] if last in _LAST_ROWS else []

    def cells(self) -> pl.DataFrame:
        """Return all rows of the sheet as text, the header among them."""
        return pl.concat([self._part(number)[0] for number in range(len(self._read()))])

    def _part(self, number: int) -> tuple[pl.DataFrame, dict[str, pl.Series]]:
        portion = self._read()[number]
        assert portion.file is not None  # noqa: S101 - a sheet gives rows with every step, be it none
        cells, reasons = marks_of(portion.facts["marks"], frame_of(portion.file))
        return cells.with_columns(_fifteen_digits(column) for column in cells), reasons

    def _read(self) -> list[Portion]:
        """Take the sheet apart once; its rows stay on disk while the load lasts."""
        if not self._portions:
            self._portions = list(self.sandbox.run("sheet", self.name, path=str(self.path), sheet=self.sheet))
        return self._portions


def _filled(cells: pl.DataFrame) -> pl.Series:
    if not cells.width:
        return pl.Series([False] * cells.height, dtype=pl.Boolean)
    return cells.select(pl.any_horizontal(pl.all().str.strip_chars().fill_null("") != "")).to_series()


def _widened(cells: pl.DataFrame, width: int) -> pl.DataFrame:
    """Add empty columns where the sheet narrows below its header."""
    return cells.with_columns(pl.lit(None, pl.String).alias(str(place)) for place in range(cells.width, width))


def _batch(cells: pl.DataFrame, reasons: dict[str, pl.Series], lines: pl.Series, filled: pl.Series, below: pl.Series) -> Batch:
    kept = filled & below
    good = cells.filter(kept)
    marks = {name: found.filter(kept) for name, found in reasons.items()}
    return Batch(good, lines.filter(kept), lambda places: joined(good, places), (), int((below & ~filled).sum()), marks)


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

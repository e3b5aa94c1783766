"""Rejected rows as a spreadsheet for whoever keeps them: each row as it stood, with its fault, ready to be mended."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import xlsxwriter

from salesiq.book import Book
from salesiq.errors import BookError, UsageError
from salesiq.i18n import Language, text
from salesiq.load.origins import LEADING, TRAILING, Origin, recalled

__all__ = ["META_SHEET", "NEEDS_NO_FIX", "open_rejects", "write_rejects"]

NEEDS_NO_FIX = ("load.reason_copy", "load.reason_summary", "load.reason_header_again")
"""Rows that are no records of their own: nobody has to mend them."""
META_SHEET = "salesiq"
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")
_MOST_ROWS = 1_000_000


def open_rejects(book: Book, *, everything: bool = False) -> pl.DataFrame:
    """Return the rejected rows that nobody has mended yet, oldest load first; with `everything`, also those that need no
    mending: copies, total rows, repeated headers.
    """
    rows = book.rejects().filter(pl.col("resolved_load_id").is_null())
    return rows if everything else rows.filter(~pl.col("reason").is_in(NEEDS_NO_FIX))


def write_rejects(book: Book, path: str | Path, lang: Language = "zh", *, everything: bool = False) -> int:
    """Write the rejected rows to a spreadsheet (.xlsx) or a list (.csv) and return how many they are.

    The spreadsheet has a sheet per file and table, with the file's own columns after three of salesiq's (line, column,
    reason); the cell at fault is marked. Its owner mends cells and sends it back: `salesiq rejects --retry FILE` loads what
    is right now. Cells are text whatever they hold; in a list, what a spreadsheet would take for a formula has a `'` before
    it. Raises UsageError for another suffix, BookError where the file cannot be written.
    """
    target = Path(path)
    rows = open_rejects(book, everything=everything)
    try:
        if target.suffix.lower() == ".xlsx":
            _write_workbook(book, rows, target, lang)
        elif target.suffix.lower() == ".csv":
            _write_list(rows, target, lang)
        else:
            raise UsageError("load.rejects_suffix", path=target)
    except (OSError, xlsxwriter.exceptions.FileCreateError) as error:
        raise BookError("load.rejects_not_written", path=target, problem=error) from error
    return rows.height


def _write_list(rows: pl.DataFrame, path: Path, lang: Language) -> None:
    names = ("load_id", "table_name", "source_file", "source_line", "source_column", "value", "reason", "raw")
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        for row in rows.select(names).rows(named=True):
            writer.writerow([_inert(value) for value in (row | {"reason": text(row["reason"], lang)}).values()])


def _inert(value: object) -> str:
    shown = "" if value is None else str(value)
    return f"'{shown}" if shown.startswith(_FORMULA) else shown


def _write_workbook(book: Book, rows: pl.DataFrame, path: Path, lang: Language) -> None:
    with xlsxwriter.Workbook(path, {"strings_to_formulas": False, "strings_to_urls": False, "in_memory": False}) as workbook:
        meta = workbook.add_worksheet(META_SHEET)
        groups = rows.group_by("load_id", "source_file", "table_name", maintain_order=True)
        for number, ((load_id, file, table), group) in enumerate(groups, 1):
            sheet = f"{number} {table}"[:31]
            for column, value in enumerate((sheet, load_id, file, table)):
                meta.write_string(number - 1, column, str(value))
            origin = recalled(book.notes(f"read:{load_id}")).get((str(file), str(table)))
            _Sheet(workbook, sheet, origin, lang).write(group.head(_MOST_ROWS).rows(named=True))
        if not rows.is_empty():
            workbook.get_worksheet_by_name(f"1 {rows['table_name'][0]}"[:31]).activate()
            meta.hide()


class _Sheet:
    """The rows of one file and table."""

    def __init__(self, workbook: Any, name: str, origin: Origin | None, lang: Language) -> None:
        self.sheet = workbook.add_worksheet(name)
        self.head, self.fault = workbook.add_format({"bold": True}), workbook.add_format({"bg_color": "#FBE3D6"})
        self.origin, self.lang = origin, lang
        self.header = origin.own_header if origin else ()

    def write(self, rows: Sequence[Mapping[str, Any]]) -> None:
        for column, name in enumerate((*LEADING, *self.header, *TRAILING)):
            self.sheet.write_string(0, column, name, self.head)
        self.sheet.freeze_panes(1, len(LEADING))
        self.sheet.set_column(1, len(LEADING) + len(self.header), 18)
        for place, row in enumerate(rows, 1):
            for column, (value, style) in enumerate(self._cells(row)):
                self.sheet.write_string(place, column, value[:32_000], style)

    def _cells(self, row: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        yield str(row["source_line"]), None
        yield row["source_column"] or "", None
        yield text(row["reason"], self.lang), None
        cells = self.origin.cells(row["raw"] or "") if self.origin else None
        if cells is None:  # a row that could not be taken apart stands behind its columns, for a person to do it
            yield from (("", self.fault) for _ in self.header)
            yield row["raw"] or "", None
            return
        for name, cell in zip(self.header, cells, strict=True):
            yield cell, self.fault if name.strip() == row["source_column"] else None

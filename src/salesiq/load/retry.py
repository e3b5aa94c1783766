"""Rejected rows on their way back: a spreadsheet that `write_rejects` wrote, mended by its owner, loaded as its files were."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from salesiq.book import Book, Writer
from salesiq.errors import UsageError
from salesiq.load.intake import Progress, load
from salesiq.load.mapping import Entry, Mapping
from salesiq.load.origins import Origin, recalled
from salesiq.load.rejects_file import META_SHEET
from salesiq.load.report import LoadReport
from salesiq.load.shape_keys import Shape
from salesiq.load.workbooks import Workbook
from salesiq.sandbox import Sandbox

__all__ = ["retry_rejects"]


@dataclass(frozen=True)
class _Returned:
    """One sheet that came back: where its rows came from, and on which lines they stood."""

    sheet: str
    load_id: str
    origin: Origin
    lines: tuple[int, ...]


def retry_rejects(book: Book, path: str | Path, progress: Progress | None = None) -> list[LoadReport]:
    """Load the rows of a mended spreadsheet and return a report per load that they came from.

    Each row is read by the mapping that read its file, as news of the moment of that export; rows that were loaded since from
    later exports stay as those say. The rows that came back are taken off the list of rejects; those that are still wrong
    stand on it anew, with the spreadsheet as their file. A row that its owner deleted stays listed. Raises UsageError for a
    file that `write_rejects` did not write or that belongs to another book, and whatever `load` raises.
    """
    source = Path(path)
    returned = list(_returned(book, source))
    reports = []
    for load_id in dict.fromkeys(item.load_id for item in returned):
        sheets = [item for item in returned if item.load_id == load_id]
        reports.append(_retry(book, source, load_id, sheets, progress))
    return reports


def _retry(book: Book, source: Path, load_id: str, sheets: list[_Returned], progress: Progress | None) -> LoadReport:
    mapping = _mapping_of(book, load_id, source, sheets)

    def settle(writer: Writer, new_load_id: str) -> None:
        for item in sheets:
            writer.resolve_rejects(load_id, item.origin.entry.table, item.origin.file, item.lines, by=new_load_id)

    return load(book, source, mapping, _exported_at(book, load_id), progress, also=settle)


def _exported_at(book: Book, load_id: str) -> dt.datetime:
    moment: dt.datetime = book.loads().filter(pl.col("load_id") == load_id)["exported_at"][0]
    return moment


def _mapping_of(book: Book, load_id: str, source: Path, sheets: list[_Returned]) -> Mapping:
    """Return the mapping that read the load, turned to the sheets."""
    noted = book.notes(f"read:{load_id}")
    entries = tuple(_entry_of(item.origin.entry, source, item.sheet) for item in sheets)
    digest = hashlib.sha256(f"retry {load_id} {noted['text']}".encode()).hexdigest()
    return Mapping(noted["mapping"], entries, digest=digest, text=noted["text"])


def _entry_of(entry: Entry, source: Path, sheet: str) -> Entry:
    """Read a sheet as the file was read, but for how its text was written; nothing is gone that is not in it."""
    match = (source.name.replace("[", "[[]").replace("*", "[*]").replace("?", "[?]"),)
    return dataclasses.replace(entry, match=match, sheet=sheet, encoding=None, delimiter=None, shape=Shape(), scope="changes")


def _returned(book: Book, source: Path) -> Iterator[_Returned]:
    if not source.is_file():
        raise UsageError("load.no_source", path=source)
    with Sandbox() as sandbox:
        yield from _sheets_of(book, source, Workbook(source, source.name, sandbox))


def _sheets_of(book: Book, source: Path, workbook: Workbook) -> Iterator[_Returned]:
    tables = {table.sheet: table for table in workbook.sheets()}
    if META_SHEET not in tables:
        raise UsageError("load.retry_not_ours", path=source)
    for record in tables[META_SHEET].head():
        sheet, load_id, file, table = (*record.cells, "", "", "", "")[:4]
        origin = recalled(book.notes(f"read:{load_id}")).get((file, table))
        if origin is None:
            raise UsageError("load.retry_unknown_load", path=source, load_id=load_id)
        if sheet in tables:  # its owner may have nothing to say about a whole file
            yield _Returned(sheet, load_id, origin, _lines(tables[sheet].cells()))


def _lines(cells: pl.DataFrame) -> tuple[int, ...]:
    """Read the first column of salesiq's own: the lines on which the rows stood."""
    if not cells.width:
        return ()
    return tuple(cells.to_series(0).str.strip_chars().cast(pl.Int64, strict=False).drop_nulls())

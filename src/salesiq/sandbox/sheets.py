"""Workbooks (XLSX, XLSB, XLS, ODS): looked at before they are opened, then read as text, cell by cell as the file has
them.
"""

from __future__ import annotations

import mmap
import re
import zipfile
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from salesiq.errors import InputError

if TYPE_CHECKING:
    import fastexcel
    import pyarrow as pa

__all__ = ["names", "rows"]

MOST_BYTES, MOST_RATIO, LEAST_PACKED = 4 * 1024**3, 200, 65_536
MOST_PARTS, MOST_COLUMNS = 20_000, 5_000
_ROWS = 100_000
_OLE, _ZIP = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"PK\x03\x04"
_HTML = (b"<html", b"<!doctype", b"<table", b"<?xml", b"<meta", b"<head")
_ERRORS = {"Div0": "#DIV/0!", "NA": "#N/A", "Name": "#NAME?", "Null": "#NULL!", "Num": "#NUM!", "Ref": "#REF!"}
_LONG_NUMBER = "^-?[0-9]{16,}$"
_NO_RESULT = re.compile(
    rb"(?:</(?:\w+:)?f>|<(?:\w+:)?f(?:\s[^>]*)?/>)\s*(?:<(?:\w+:)?v\s*/>|<(?:\w+:)?v>\s*</(?:\w+:)?v>)?\s*</(?:\w+:)?c>"
)
_CELL = re.compile(rb"<(?:\w+:)?c[\s>]")
_PIECE, _LONGEST_FORMULA = 1024 * 1024, 65_536


def names(path: str) -> Iterator[tuple[dict[str, Any], None]]:
    """Yield the kind of a workbook and the names of its sheets. Raises `InputError` for what is no sound workbook."""
    kind = kind_of(path)
    yield {"kind": kind, "sheets": list(_reader(path).sheet_names)}, None


def rows(path: str, sheet: str) -> Iterator[tuple[dict[str, Any], pa.RecordBatch | None]]:
    """Yield the rows of a sheet as text, from its first row on, with the cells at fault: [row, column, reason, text]."""
    if kind_of(path) == "xlsx":
        _refuse_unworked_formulas(path, sheet)
    found = _load(path, sheet)
    cells, problems = found.to_arrow_with_errors()
    marks = [[*error.position, "reason_cell_error", _shown(error.detail)] for error in problems.errors] if problems else []
    marks += _long_numbers(path, sheet, cells)
    marks.sort()
    for start in range(0, max(cells.num_rows, 1), _ROWS):
        inside = [[row - start, *rest] for row, *rest in marks if start <= row < start + _ROWS]
        yield {"marks": inside}, cells.slice(start, _ROWS)


def kind_of(path: str) -> str:
    """Return xlsx, xlsb, xls or ods. Raises `InputError` for anything else, saying what it is."""
    with Path(path).open("rb") as file:
        start = file.read(4096)
    if start.startswith(_OLE):
        return _kind_of_ole(path)
    if not start.startswith(_ZIP):
        kind = _text_kind(start)
        raise InputError("load.workbook_is_text" if kind else "load.workbook_broken", suffix=Path(path).suffix, kind=kind)
    try:
        with zipfile.ZipFile(path) as archive:
            _check_sizes(archive, path)
            _check_entities(archive)
            return _kind_of_zip(archive)
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
        raise InputError("load.workbook_broken") from error


def _kind_of_ole(path: str) -> str:
    with Path(path).open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        if content.find("EncryptedPackage".encode("utf-16-le")) >= 0:
            raise InputError("load.workbook_encrypted")
        if content.find("Workbook".encode("utf-16-le")) < 0 and content.find("Book".encode("utf-16-le")) < 0:
            raise InputError("load.workbook_broken")
    return "xls"


def _kind_of_zip(archive: zipfile.ZipFile) -> str:
    inside = set(archive.namelist())
    if "xl/workbook.bin" in inside:
        return "xlsb"
    if "content.xml" in inside:
        return "ods"
    if any(name.startswith("xl/") for name in inside):
        return "xlsx"
    raise InputError("load.workbook_is_zip", found=", ".join(sorted(inside)[:5]))


def _text_kind(start: bytes) -> str:
    """Say what kind of text a file is that calls itself a workbook; "" where it is none."""
    if b"\x00" in start.removeprefix(b"\xff\xfe")[1::2] or not start.strip():
        return ""
    if start.lstrip(b"\xef\xbb\xbf \r\n\t").lower().startswith(_HTML):
        return "HTML"
    for encoding in ("utf-8-sig", "gb18030", "cp1252"):
        try:
            text = start[: max(start.rfind(b"\n"), 0) or None].decode(encoding)
        except UnicodeDecodeError:
            continue
        named = {"utf-8-sig": "", "gb18030": " in GB18030", "cp1252": ""}[encoding]
        first = text.split("\n", 1)[0]
        return ("tab-separated text" if "\t" in first else "text") + named
    return "text"


def _check_sizes(archive: zipfile.ZipFile, path: str) -> None:
    parts = archive.infolist()
    packed = Path(path).stat().st_size
    full = sum(item.file_size for item in parts)
    if full > MOST_BYTES or full > MOST_RATIO * max(packed, LEAST_PACKED) or len(parts) > MOST_PARTS:
        raise InputError("load.workbook_bomb", full_mb=full // 2**20, packed_kb=packed // 1024)


def _check_entities(archive: zipfile.ZipFile) -> None:
    for item in archive.infolist():
        if item.filename.endswith((".xml", ".rels")):
            with archive.open(item) as part:
                start = part.read(4096)
            wide = start.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\x00" in start  # would hide a declaration
            if wide or b"<!DOCTYPE" in start.upper() or b"<!ENTITY" in start.upper():
                raise InputError("load.workbook_entities", part=item.filename)


@lru_cache(maxsize=1)
def _reader(path: str) -> fastexcel.ExcelReader:
    import fastexcel  # only this task needs it

    by_name = {"xlsm": "xlsx"}.get(Path(path).suffix.lower()[1:], Path(path).suffix.lower()[1:])
    try:  # the reader believes the name, unless it gets only the content
        return fastexcel.read_excel(path if by_name == kind_of(path) else Path(path).read_bytes())
    except fastexcel.FastExcelError as error:
        raise _broken(error) from error


def _load(path: str, sheet: str, column: int | None = None) -> Any:
    import fastexcel  # only this task needs it

    try:
        found = _reader(path).load_sheet(
            sheet,
            header_row=None,
            skip_rows=0,
            dtypes="string" if column is None else "duration",
            use_columns=None if column is None else [column],
        )
    except fastexcel.FastExcelError as error:
        raise _broken(error) from error
    if found.width > MOST_COLUMNS:
        raise InputError("load.too_many_columns", n=found.width, most=MOST_COLUMNS)
    return found


def _broken(error: Exception) -> InputError:
    is_locked = "password" in str(error).lower()
    return InputError("load.workbook_encrypted" if is_locked else "load.workbook_broken")


def _shown(detail: str) -> str:
    """Return the error as the sheet shows it, out of "Expected string but got 'Error(NA)'"."""
    found = re.search(r"Error\((\w+)\)", detail)
    return _ERRORS.get(found[1], f"#{found[1].upper()}!") if found else "#ERROR!"


def _long_numbers(path: str, sheet: str, cells: pa.RecordBatch) -> list[list[Any]]:
    """Find number cells with more digits than the 15 that Excel keeps: an id stored so has lost its end.

    The same digits in a text cell are whole, so columns with such digits are asked for their cells' types.
    """
    import pyarrow.compute as pc  # only this task needs it

    marks: list[list[Any]] = []
    for place, column in enumerate(cells.columns):
        long = pc.fill_null(pc.match_substring_regex(column, _LONG_NUMBER), False).to_pylist()
        if not any(long):
            continue
        problems = _load(path, sheet, place).to_arrow_with_errors()[1]
        for error in problems.errors if problems else ():
            row = error.position[0]
            if long[row] and "'String(" not in error.detail:
                marks.append([row, place, "reason_number_long", column[row].as_py()])
    return marks


def _refuse_unworked_formulas(path: str, sheet: str) -> None:
    """Refuse a sheet with a formula that nobody worked out: its cell would be read as empty."""
    with zipfile.ZipFile(path) as archive:
        part = _part_of(archive, sheet)
        if part is None:
            return
        with archive.open(part) as file:
            rest = b""
            while piece := file.read(_PIECE):
                data = rest + piece
                cell = _unworked(data)
                if cell is not None:
                    raise InputError("load.workbook_formula", sheet=sheet, cell=cell)
                rest = data[-_LONGEST_FORMULA:]


def _unworked(data: bytes) -> str | None:
    for found in _NO_RESULT.finditer(data):
        begins = [cell.start() for cell in _CELL.finditer(data, max(found.start() - _LONGEST_FORMULA, 0), found.start())]
        if not begins:
            continue
        head = data[begins[-1] : data.find(b">", begins[-1]) + 1]
        if b't="str"' in head:  # a formula whose result is an empty text
            continue
        place = re.search(rb'\sr="([A-Z]+[0-9]+)"', head)
        return place[1].decode() if place else "?"
    return None


def _part_of(archive: zipfile.ZipFile, sheet: str) -> str | None:
    """Return the part of the package that holds a sheet."""
    inside = {name.lower(): name for name in archive.namelist()}
    book, relations = inside.get("xl/workbook.xml"), inside.get("xl/_rels/workbook.xml.rels")
    if book is None or relations is None:
        return None
    targets = {item.get("Id"): item.get("Target", "") for item in _parsed(archive, relations)}
    for item in _parsed(archive, book).iter():
        if item.tag.endswith("}sheet") and item.get("name") == sheet:
            wanted = next((value for key, value in item.attrib.items() if key.endswith("}id")), None)
            target = targets.get(wanted, "")
            return inside.get((target.lstrip("/") if target.startswith("/") else f"xl/{target}").lower())
    return None


def _parsed(archive: zipfile.ZipFile, part: str) -> ElementTree.Element:
    content = archive.read(part)
    if b"<!DOCTYPE" in content.upper():
        raise InputError("load.workbook_entities", part=part)
    try:
        return ElementTree.fromstring(content)  # noqa: S314 - no document type, see above
    except ElementTree.ParseError as error:
        raise InputError("load.workbook_broken") from error

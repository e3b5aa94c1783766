"""Spreadsheets: frames as sheets in which every text stays text and every amount is a number."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl

__all__ = ["Sheet", "write_workbook"]

#: names of customers begin with "=" or "http": they are data, not formulas or links
_INERT = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False, "nan_inf_to_errors": True}
_WIDEST, _CELL = 46, 32_767


@dataclass(frozen=True)
class Sheet:
    """One sheet: the columns of `frame` named by `columns` (column -> heading), then formulas (heading -> text with {row})."""

    name: str
    frame: pl.DataFrame
    columns: dict[str, str]
    formulas: dict[str, str]


def write_workbook(path: str | Path, sheets: Sequence[Sheet]) -> Path:
    """Write the sheets whole or not at all, and return the path; an older file stays until the new one is complete."""
    import xlsxwriter  # only who asks for a spreadsheet waits for it

    place = Path(path)
    unfinished = place.with_name(place.name + ".part")
    try:
        # a fixed date: the same frames give the same file
        with xlsxwriter.Workbook(str(unfinished), {**_INERT, "default_date_format": "yyyy-mm-dd"}) as book:
            book.set_properties({"created": dt.datetime(2000, 1, 1)})
            formats = {
                "head": book.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"}),
                "money": book.add_format({"num_format": "#,##0.00"}),
                "share": book.add_format({"num_format": "0.0%"}),
                "text": book.add_format({"text_wrap": True, "valign": "top"}),
            }
            for sheet in sheets:
                _write(book, sheet, formats)
        unfinished.replace(place)
    finally:
        unfinished.unlink(missing_ok=True)
    return place


def _write(book: Any, sheet: Sheet, formats: dict[str, Any]) -> None:
    page = book.add_worksheet(sheet.name[:31])
    page.freeze_panes(1, 1)
    for place, heading in enumerate([*sheet.columns.values(), *sheet.formulas]):
        page.write_string(0, place, heading, formats["head"])
    for place, name in enumerate(sheet.columns):
        values = sheet.frame[name].to_list()
        page.set_column(place, place, _width(values))
        for row, value in enumerate(values, start=1):
            _cell(page, row, place, value, name, formats)
    for place, formula in enumerate(sheet.formulas.values(), start=len(sheet.columns)):
        page.set_column(place, place, 18)
        for row in range(1, sheet.frame.height + 1):
            page.write_formula(row, place, formula.format(row=row + 1, last=sheet.frame.height + 1), formats["money"])


def _cell(page: Any, row: int, place: int, value: Any, name: str, formats: dict[str, Any]) -> None:
    if value is None:
        return
    if isinstance(value, bool):
        page.write_boolean(row, place, value)
    elif isinstance(value, dt.datetime | dt.date):
        page.write_datetime(row, place, value)
    elif isinstance(value, Decimal | int | float):
        page.write_number(row, place, float(value), formats["share" if name.endswith("_share") else "money"])
    else:
        page.write_string(row, place, str(value)[:_CELL], formats["text"])


def _width(values: list[Any]) -> int:
    longest = max((len(str(value)) for value in values if value is not None), default=8)
    return min(max(longest + 2, 10), _WIDEST)

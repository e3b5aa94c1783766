"""The company as the exports that real systems give: each with its own encoding, headers, titles and number formats."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
from collections.abc import Callable
from decimal import Decimal
from itertools import groupby
from pathlib import Path
from typing import Any

import polars as pl

from salesiq.i18n import LANGUAGES, text
from salesiq.sample.broken import BROKEN_ROWS, BrokenRow
from salesiq.sample.company import Company
from salesiq.sample.layouts import Layout, layouts
from salesiq.sample.window import EXPORTED_AT


def write_exports(company: Company, out_dir: str | Path) -> None:
    """Write the company's exports, the same company as clean Parquet, and the truth.

    `crm/*.csv` in GB18030, `erp/*.xlsx` with title rows above the header, `finance/*.csv` in UTF-8 with BOM (one in
    万元), `plan/`, `org/`, `people/`, `market/`, `log/`; `clean/*.parquet`; `truth.json` and `truth/*.parquet`. A few
    rows are broken on purpose: truth.json lists them under "planted_rejects". The same company gives the same bytes.
    """
    out = Path(out_dir)
    rejects = []
    for file, group in groupby(layouts(), key=lambda layout: layout.file):
        if file.endswith(".csv"):
            rejects += _write_csv(company, next(group), out)
        else:
            rejects += _write_workbook(company, list(group), out / file)
    for folder, frames in (("clean", company.frames), ("truth", company.truth_frames)):
        (out / folder).mkdir(parents=True, exist_ok=True)
        for name, frame in frames.items():
            frame.write_parquet(out / folder / f"{name}.parquet", compression="zstd", compression_level=15)
    truth = {**company.truth, "planted_rejects": rejects}
    (out / "truth.json").write_text(json.dumps(truth, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    readme = "\n\n".join(text("sample.readme", lang, exported_at=EXPORTED_AT.isoformat()) for lang in LANGUAGES) + "\n"
    (out / "README.md").write_text(readme, encoding="utf-8")


def _with_extras(company: Company, layout: Layout) -> pl.DataFrame:
    """The canonical frame, with the columns that the source system adds on its own."""
    frame = company.frames[layout.table]
    if "+owner" not in layout.columns:
        return frame
    names = company.frames["reps"].select(pl.col("rep_id").alias("owner_id"), pl.col("name").alias("+owner"))
    return frame.join(names, on="owner_id", how="left", maintain_order="left")


def _write_csv(company: Company, layout: Layout, out: Path) -> list[dict[str, Any]]:
    frame = _with_extras(company, layout)
    written = frame.select([_as_text(frame.schema[column], layout, column) for column in layout.columns])
    rows: list[tuple[str, ...]] = [tuple(cell or "" for cell in row) for row in written.iter_rows()]
    rejects = _insert_broken(rows, [row for row in BROKEN_ROWS if row.file == layout.file])
    buffer = io.StringIO(newline="")
    csv.writer(buffer, lineterminator="\r\n").writerows([tuple(layout.columns.values()), *rows])
    path = out / layout.file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(buffer.getvalue().encode(layout.encoding))
    return rejects


def _insert_broken(rows: list[tuple[str, ...]], broken: list[BrokenRow]) -> list[dict[str, Any]]:
    """Put broken rows in their places, from the front, and return their facts with the final line numbers."""
    facts = []
    for row in sorted(broken, key=lambda row: row.at):
        place = int(len(rows) * row.at)
        rows.insert(place, row.cells)
        facts.append(row.fact(place + 2))
    return facts


def _as_text(dtype: pl.DataType, layout: Layout, column: str) -> pl.Expr:
    """The text of a column as its file writes it."""
    cells = pl.col(column)
    if column in layout.words:
        return cells.cast(pl.String).replace_strict(layout.words[column], return_dtype=pl.String)
    if column in layout.formats:
        return _FORMATS[layout.formats[column]](cells).alias(column)
    if dtype == pl.Date:
        return cells.dt.strftime(layout.date)
    if isinstance(dtype, pl.Datetime):
        return cells.dt.strftime("%Y-%m-%d %H:%M:%S")
    if dtype == pl.Float64:
        return cells.map_elements(lambda value: f"{value:g}", return_dtype=pl.String)
    return cells.cast(pl.String)


def _ten_thousands(amount: Decimal) -> str:
    """Yuan as 万元, exact to the cent.

    >>> _ten_thousands(Decimal("123456.78")), _ten_thousands(Decimal("20000000.00"))
    ('12.345678', '2,000')
    """
    return f"{(amount / 10_000).normalize():,f}"


_FORMATS: dict[str, Callable[[pl.Expr], pl.Expr]] = {
    "percent": lambda cells: cells.map_elements(lambda share: f"{share * 100:.1f}%", return_dtype=pl.String),
    "thousands": lambda cells: cells.map_elements(lambda amount: f"{amount:,.2f}", return_dtype=pl.String),
    "ten_thousands": lambda cells: cells.map_elements(_ten_thousands, return_dtype=pl.String),
}


def _write_workbook(company: Company, sheets: list[Layout], path: Path) -> list[dict[str, Any]]:
    # only this writer needs it: `import salesiq.sample` stays light
    import xlsxwriter

    path.parent.mkdir(parents=True, exist_ok=True)
    book = xlsxwriter.Workbook(path, {"strings_to_formulas": False, "strings_to_urls": False})
    book.set_properties({"created": EXPORTED_AT})  # else the bytes would change with the clock
    formats = {
        "title": book.add_format({"bold": True, "font_size": 14, "align": "center"}),
        "header": book.add_format({"bold": True, "bottom": 1}),
        "date": book.add_format({"num_format": "yyyy-mm-dd"}),
        "moment": book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"}),
        "amount": book.add_format({"num_format": "#,##0.00"}),
    }
    rejects = [fact for layout in sheets for fact in _write_sheet(company, layout, book.add_worksheet(layout.sheet), formats)]
    book.close()
    return rejects


def _write_sheet(company: Company, layout: Layout, sheet: Any, formats: dict[str, Any]) -> list[dict[str, Any]]:
    """Titles merged over the whole width, the header, the rows; a total below where the system adds one."""
    frame = company.frames[layout.table].select(list(layout.columns))
    sheet.merge_range(0, 0, 0, frame.width - 1, layout.title, formats["title"])
    if layout.header_row > 2:
        sheet.merge_range(1, 0, 1, frame.width - 1, f"导出时间：{EXPORTED_AT:%Y-%m-%d %H:%M}　制表：ERP系统")
    for at, header in enumerate(layout.columns.values()):
        sheet.write_string(layout.header_row - 1, at, header, formats["header"])
    sheet.set_column(0, frame.width - 1, 18)
    for at, name in enumerate(frame.columns):
        words = layout.words.get(name, {})
        for row, value in enumerate(frame[name].to_list(), start=layout.header_row):
            _write_cell(sheet, row, at, words.get(value, value), formats)
    if not layout.has_total:
        return []
    last = layout.header_row + frame.height
    sheet.write_string(last, 0, "合计")
    sheet.write_number(last, frame.width - 1, float(frame["amount"].sum()), formats["amount"])
    total = BrokenRow(layout.file, 1.0, (), None, "合计", "a total row")
    return [total.fact(last + 1, layout.sheet)]


def _write_cell(sheet: Any, row: int, at: int, value: Any, formats: dict[str, Any]) -> None:
    """Text as text (never a formula), numbers as numbers, dates as Excel dates."""
    if value is None:
        return
    if isinstance(value, str):
        sheet.write_string(row, at, value)
    elif isinstance(value, dt.datetime):
        sheet.write_datetime(row, at, value, formats["moment"])
    elif isinstance(value, dt.date):
        sheet.write_datetime(row, at, value, formats["date"])
    elif isinstance(value, Decimal):
        sheet.write_number(row, at, float(value), formats["amount"])
    else:
        sheet.write_number(row, at, value)

"""Small exports that tests write."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import xlsxwriter

from salesiq.load.amounts import Unreadable

DEALS = """\
[[file]]
match = "deals*.csv"
table = "deals"
[file.columns]
deal_id = "商机编号"
name = "商机名称"
amount = "金额（元）"
created_at = "创建时间"
status = "状态"
[file.values.status]
"进行中" = "open"
"赢单" = "won"
"""
HEADER = "商机编号,商机名称,金额（元）,创建时间,状态"


def mapping_file(folder: Path, text: str = DEALS, name: str = "own.toml") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def export(folder: Path, *lines: str, name: str = "deals.csv", header: str = HEADER, codec: str = "utf-8") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_bytes("".join(f"{line}\n" for line in (header, *lines)).encode(codec))
    return path


def workbook(path: Path, rows: list[list[object]], sheet: str = "Sheet1") -> Path:
    """Write rows as they are: text as text, numbers as numbers, dates as Excel dates."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with xlsxwriter.Workbook(str(path)) as book:
        page = book.add_worksheet(sheet)
        shown = book.add_format({"num_format": "yyyy-mm-dd hh:mm"})
        for number, row in enumerate(rows):
            for place, cell in enumerate(row):
                if isinstance(cell, dt.date):
                    page.write_datetime(number, place, cell, shown)
                elif isinstance(cell, str):
                    page.write_string(number, place, cell)
                elif cell is not None:
                    page.write(number, place, cell)
    return path


def outcome(read: Callable[[], object]) -> object:
    """Return what was read, or the reason why it was not."""
    try:
        return read()
    except Unreadable as problem:
        return problem.reason

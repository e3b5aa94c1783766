"""Rows that are broken on purpose, as real exports have them: each must end in `rejects`, named by file, line and column."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class BrokenRow:
    """A row to put into an export. `at`: its place as a share of the file; `column`: the header at fault, None for all."""

    file: str
    at: float
    cells: tuple[str, ...]
    column: str | None
    value: str | None
    what: str

    def fact(self, line: int, sheet: str | None = None) -> dict[str, Any]:
        """Return the entry of the truth file; `line` counts from 1 (a row of the sheet in a workbook)."""
        return {"file": self.file, "sheet": sheet, "line": line, "column": self.column, "value": self.value, "what": self.what}


_DEAL_TAIL = ("CNY", "饮料", "24.0%", "展会", "否", "2026-05-11 09:30:00", "2026-08-20", "线索", "进行中")

BROKEN_ROWS: tuple[BrokenRow, ...] = (
    BrokenRow(
        "crm/跟进记录.csv",
        0.41,
        (
            "A999991", "D000100", "C0001", "R001", "", "拜访", "现场", "我方", "2026-02-30 10:00:00", "2026-03-02 10:30:00",
            "门店断货频繁", "每周两配", "3月5日前发送样品两箱给采购确认", "2026-03-05 10:00:00", "", "上门拜访。",
        ),
        "跟进时间",
        "2026-02-30 10:00:00",
        "a date that does not exist",
    ),
    BrokenRow(
        "crm/商机.csv",
        0.33,
        ("D999991", "C0001", "R001", "", "饮料", "节庆团购", "350000.00", *_DEAL_TAIL, "", ""),
        None,
        None,
        "one column too many: a comma in the name without quotes",
    ),
    BrokenRow(
        "crm/商机.csv",
        0.66,
        ("D999992", "C0001", "R001", "", "饮料新品铺货", "280000.00", *_DEAL_TAIL, ""),
        None,
        None,
        "one column too few",
    ),
    BrokenRow(
        "finance/收款.csv",
        0.5,
        ("Y99991", "V00001", "C0001", "2026/05/20", "-"),
        "金额（万元）",
        "-",
        "an amount that is none",
    ),
    BrokenRow(
        "people/场景评分.csv",
        0.7,
        ("R001", "N01", "", "M101", "2026-06-29 23:59:59", "130"),
        "得分",
        "130",
        "a score above 100",
    ),
)  # fmt: skip

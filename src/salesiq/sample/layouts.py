"""How each table looks in the system that exports it; the layouts themselves are data, in `layouts.toml` beside this file."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources


@dataclass(frozen=True)
class Layout:
    """One table in one CSV file or one sheet of a workbook.

    `columns` maps canonical columns to headers in the order of the file; a column that starts with "+" is an extra of the
    source system. `words` translates codes; `formats` names the columns written as percent, thousands or ten_thousands.
    """

    table: str
    file: str
    columns: Mapping[str, str]
    encoding: str = ""
    sheet: str = ""
    title: str = ""
    header_row: int = 1
    words: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    formats: Mapping[str, str] = field(default_factory=dict)
    date: str = "%Y-%m-%d"
    has_total: bool = False


@cache
def layouts() -> tuple[Layout, ...]:
    """Return all layouts in the order of the systems.

    >>> [layout.table for layout in layouts() if layout.file == "erp/订单发货.xlsx"]
    ['orders', 'shipments']
    """
    source = resources.files("salesiq.sample") / "layouts.toml"
    return tuple(Layout(**entry) for entry in tomllib.loads(source.read_text(encoding="utf-8"))["layout"])

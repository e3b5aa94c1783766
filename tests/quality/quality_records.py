"""Activity records for the tests of record quality: a full one, and what to change in it."""

from __future__ import annotations

import datetime as dt
from typing import Any

import polars as pl

from salesiq.book import Book, Snapshot
from salesiq.tables import CONTRACTS

VISIT = dt.datetime(2026, 3, 2, 10)
AS_OF = dt.datetime(2026, 3, 8, 20)
FULL: dict[str, Any] = {
    "activity_id": "A1",
    "rep_id": "R1",
    "occurred_at": VISIT,
    "recorded_at": VISIT + dt.timedelta(hours=1),
    "pain_point": "门店经常断货，补货要等一周",
    "solution_fit": "每周两配，断货压到百分之二",
    "next_step": "周五前提交正式报价单",
    "customer_words": "“只要不断货，价格可以谈”",
}


def frame(*changes: dict[str, Any]) -> pl.DataFrame:
    """One record per change to the full one, numbered A1, A2 ... unless it brings its own id."""
    rows = [FULL | {"activity_id": f"A{number}"} | change for number, change in enumerate(changes, start=1)]
    columns = {name: dtype for name, dtype in CONTRACTS["activities"].columns.items() if any(name in row for row in rows)}
    return pl.DataFrame([{name: row.get(name) for name in columns} for row in rows], schema=columns)


def snapshot(*changes: dict[str, Any], as_of: dt.datetime = AS_OF, **tables: pl.DataFrame) -> Snapshot:
    return Book.from_frames(exported_at=AS_OF, activities=frame(*changes), **tables).as_of(as_of)

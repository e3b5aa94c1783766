from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from salesiq.book import Book
from salesiq.errors import InputError
from salesiq.load import load
from salesiq.load.parquet_files import ParquetTable


def test_a_cut_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "deals.parquet"
    pl.DataFrame({"deal_id": ["D1"], "amount": [1]}).write_parquet(path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(InputError, match="no complete Parquet file"):
        load(Book(":memory:"), path, "canonical")


def test_nested_columns_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "deals.parquet"
    pl.DataFrame({"deal_id": ["D1"], "name": [["a", "b"]]}).write_parquet(path)
    with pytest.raises(InputError, match="no plain values"):
        load(Book(":memory:"), path, "canonical")


def test_lines_go_on_over_groups_of_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "deals.parquet"
    pl.DataFrame({"deal_id": [f"D{place}" for place in range(10)]}).write_parquet(path)
    monkeypatch.setattr("salesiq.load.parquet_files._ROWS", 4)
    table = ParquetTable(path, path.name)
    batches = list(table.batches(table.head()[0]))
    assert [batch.lines.to_list() for batch in batches] == [[1, 2, 3, 4], [5, 6, 7, 8], [9, 10]]
    assert batches[2].raw([1]) == ["D9"]


def test_other_types_are_read_exactly_or_refused(tmp_path: Path) -> None:
    folder = tmp_path / "clean"
    folder.mkdir()
    moments = pl.Series([dt.datetime(2026, 1, 3, 10), dt.datetime(2026, 1, 4)]).cast(pl.Datetime("ns"))
    frame = pl.DataFrame({"deal_id": [7, 8], "amount": [0.1, 1200.505], "created_at": moments})
    frame.write_parquet(folder / "deals.parquet")
    book = Book(":memory:")
    report = load(book, folder)
    found = book.as_of("2026-01-31").sql("SELECT deal_id, amount, created_at FROM base.deals(as_of := $as_of)")
    assert found.rows() == [("7", Decimal("0.10"), dt.datetime(2026, 1, 3, 10))]
    assert report.rejects.select("source_line", "value", "reason").rows() == [(2, "1200.505", "load.reason_amount_decimals")]

"""Rejected rows: written for their owner, inert and complete; mended, they come back; what is still wrong stays listed."""

from __future__ import annotations

import csv
from pathlib import Path

import openpyxl
import polars as pl
import pytest
from exports import export, mapping_file

from salesiq.book import Book
from salesiq.errors import BookError, UsageError
from salesiq.load import open_rejects, retry_rejects, write_rejects

GOOD = "D1,one,100,2026-01-05 09:00:00,进行中"
BAD_AMOUNT = 'D2,"two, with a comma",about 5,2026-01-06 09:00:00,进行中'
BAD_DAY = "D3,=cmd|' /C calc'!A0,300,2026-02-30 09:00:00,赢单"
SHORT = "D4,four"


@pytest.fixture
def book(tmp_path: Path) -> Book:
    found = Book(tmp_path / "team.duckdb")
    export(tmp_path / "2026-01-31", GOOD, BAD_AMOUNT, BAD_DAY, SHORT, GOOD)
    found.load(tmp_path / "2026-01-31", mapping_file(tmp_path))
    return found


def _amounts(book: Book) -> dict[str, object]:
    return dict(book.as_of("2026-03-01").sql("SELECT deal_id, amount FROM base.deals(as_of := $as_of)").rows())


def _mend(path: Path, cells: dict[str, str], sheet: str = "1 deals") -> None:
    workbook = openpyxl.load_workbook(path)
    for place, value in cells.items():
        workbook[sheet][place] = value
    workbook.save(path)


def test_copies_need_no_mending_but_can_be_listed(book: Book) -> None:
    assert open_rejects(book)["source_line"].to_list() == [3, 4, 5]
    assert open_rejects(book, everything=True)["source_line"].to_list() == [3, 4, 5, 6]


def test_the_spreadsheet_has_the_files_own_columns_and_says_what_is_wrong(book: Book, tmp_path: Path) -> None:
    assert write_rejects(book, tmp_path / "back.xlsx", "en") == 3
    rows = list(openpyxl.load_workbook(tmp_path / "back.xlsx")["1 deals"].iter_rows())
    assert [cell.value for cell in rows[0]][3:-1] == ["商机编号", "商机名称", "金额（元）", "创建时间", "状态"]
    assert [cell.value for cell in rows[1]][:-1] == [
        *("3", "金额（元）", "not a plain amount"),
        *("D2", "two, with a comma", "about 5", "2026-01-06 09:00:00", "进行中"),
    ]
    assert rows[1][5].fill.fgColor.rgb == "FFFBE3D6"
    assert [cell.value for cell in rows[3]][-1] == "D4,four"


def test_what_looks_like_a_formula_is_text_in_both_files(book: Book, tmp_path: Path) -> None:
    write_rejects(book, tmp_path / "back.xlsx")
    cell = openpyxl.load_workbook(tmp_path / "back.xlsx")["1 deals"]["E3"]
    assert (cell.value, cell.data_type) == ("=cmd|' /C calc'!A0", "s")
    export(tmp_path / "2026-02-01", "=1+1,x,a,b,c", name="deals.csv")
    book.load(tmp_path / "2026-02-01", tmp_path / "own.toml", allow_shrink=True)
    write_rejects(book, tmp_path / "back.csv")
    with (tmp_path / "back.csv").open(encoding="utf-8-sig", newline="") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert "'=1+1,x,a,b,c" in cells
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]


def test_mended_rows_load_with_the_mapping_and_the_moment_of_their_export(book: Book, tmp_path: Path) -> None:
    write_rejects(book, tmp_path / "back.xlsx")
    _mend(tmp_path / "back.xlsx", {"F2": "250", "G3": "2026-02-28 09:00:00"})
    (report,) = retry_rejects(book, tmp_path / "back.xlsx")
    assert (report.n_new, report.n_rejected, report.n_rows_in) == (2, 1, 3)
    assert str(report.exported_at) == "2026-01-31 23:59:59"
    assert {name: str(amount) for name, amount in _amounts(book).items()} == {"D1": "100.00", "D2": "250.00", "D3": "300.00"}


def test_what_is_still_wrong_is_listed_once_and_can_be_sent_out_again(book: Book, tmp_path: Path) -> None:
    write_rejects(book, tmp_path / "back.xlsx")
    _mend(tmp_path / "back.xlsx", {"F2": "250", "G3": "2026-02-28 09:00:00"})
    retry_rejects(book, tmp_path / "back.xlsx")
    assert open_rejects(book).select("source_file", "source_line").rows() == [("back.xlsx", 4)]
    write_rejects(book, tmp_path / "again.xlsx")
    _mend(tmp_path / "again.xlsx", {"D2": "D4", "E2": "four", "F2": "4", "G2": "2026-01-09", "H2": "赢单", "I2": ""})
    (report,) = retry_rejects(book, tmp_path / "again.xlsx")
    assert (report.n_new, open_rejects(book).height) == (1, 0)
    assert set(_amounts(book)) == {"D1", "D2", "D3", "D4"}


def test_a_row_that_its_owner_deleted_stays_listed(book: Book, tmp_path: Path) -> None:
    write_rejects(book, tmp_path / "back.xlsx")
    workbook = openpyxl.load_workbook(tmp_path / "back.xlsx")
    workbook["1 deals"].delete_rows(3, 2)
    workbook["1 deals"]["F2"] = "250"
    workbook.save(tmp_path / "back.xlsx")
    retry_rejects(book, tmp_path / "back.xlsx")
    assert open_rejects(book)["source_line"].to_list() == [4, 5]


def test_news_since_then_are_not_undone(book: Book, tmp_path: Path) -> None:
    export(tmp_path / "2026-02-10", GOOD, BAD_AMOUNT.replace("about 5", "777"))
    book.load(tmp_path / "2026-02-10", tmp_path / "own.toml")
    write_rejects(book, tmp_path / "back.xlsx")
    _mend(tmp_path / "back.xlsx", {"F2": "250"})
    retry_rejects(book, tmp_path / "back.xlsx")
    assert str(_amounts(book)["D2"]) == "777.00"
    then = book.as_of("2026-02-05").sql("SELECT amount FROM base.deals(as_of := $as_of) WHERE deal_id = 'D2'").item()
    assert str(then) == "250.00"


def test_the_same_spreadsheet_again_changes_nothing(book: Book, tmp_path: Path) -> None:
    write_rejects(book, tmp_path / "back.xlsx")
    _mend(tmp_path / "back.xlsx", {"F2": "250"})
    retry_rejects(book, tmp_path / "back.xlsx")
    before = book.digest()
    (report,) = retry_rejects(book, tmp_path / "back.xlsx")
    assert report.is_noop
    assert book.digest() == before


def test_files_that_cannot_be_meant_are_named(book: Book, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"written as \.xlsx"):
        write_rejects(book, tmp_path / "back.pdf")
    with pytest.raises(BookError, match=r"nowhere"):
        write_rejects(book, tmp_path / "nowhere" / "back.csv")
    pl.DataFrame({"a": ["1"]}).write_excel(tmp_path / "own.xlsx")
    with pytest.raises(UsageError, match="no spreadsheet that salesiq rejects wrote"):
        retry_rejects(book, tmp_path / "own.xlsx")
    write_rejects(book, tmp_path / "back.xlsx")
    with pytest.raises(UsageError, match="belongs to another book"):
        retry_rejects(Book(tmp_path / "other.duckdb"), tmp_path / "back.xlsx")

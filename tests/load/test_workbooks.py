from __future__ import annotations

import datetime as dt
import shutil
import zipfile
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import openpyxl
import openpyxl.utils.datetime
import polars as pl
import pytest
from exports import DEALS, HEADER, export, mapping_file, workbook
from old_workbooks import FILES, encrypted, ods, xlsb

from salesiq.book import Book
from salesiq.errors import InputError
from salesiq.load import LoadReport, load
from salesiq.load.workbooks import Workbook

NAMES = HEADER.split(",")
ROW: list[object] = ["D1", "甲", 5, "2026-01-03", "进行中"]


def sound(folder: Path) -> Path:
    return workbook(folder / "deals.xlsx", [list(NAMES), list(ROW)])


def load_it(path: Path, extra: str = "") -> tuple[Book, LoadReport]:
    text = DEALS.replace("deals*.csv", f"{path.name}").replace('table = "deals"\n', f'table = "deals"\n{extra}')
    book = Book(":memory:")
    return book, load(book, path, mapping_file(path.parent / "map", text), exported_at="2026-01-31")


def deals(book: Book) -> list[tuple[object, ...]]:
    return (
        book.as_of("2026-01-31")
        .sql("SELECT deal_id, amount, created_at FROM base.deals(as_of := $as_of)")
        .sort("deal_id")
        .rows()
    )


def refused(path: Path, match: str) -> bool:
    with pytest.raises(InputError, match=match) as caught:
        load_it(path)
    return caught.value.exit_code == 3


def openpyxl_book(path: Path, rows: list[list[object]], change: Callable[[openpyxl.Workbook], None] | None = None) -> Path:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    if change:
        change(book)
    book.save(path)
    return path


def test_xls_with_a_title_row_and_dates(tmp_path: Path) -> None:
    book, report = load_it(Path(shutil.copy(FILES / "deals.xls", tmp_path)))
    assert deals(book) == [
        ("D1", Decimal("5.00"), dt.datetime(2026, 1, 3, 4, 5)),
        ("D2", Decimal("1200.50"), dt.datetime(2026, 1, 4)),
    ]
    assert (report.files["encoding"].item(), report.n_rows_in, report.n_rejected, report.n_skipped) == ("xls", 4, 1, 1)


@pytest.mark.parametrize("write", [xlsb, ods])
def test_xlsb_and_ods(tmp_path: Path, write: Callable[..., Path]) -> None:
    path = write(tmp_path / f"deals.{write.__name__}", [NAMES, ["D1", "甲", 5.25, "2026-01-03", "进行中"]])
    book, report = load_it(path)
    assert deals(book) == [("D1", Decimal("5.25"), dt.datetime(2026, 1, 3))]
    assert report.files["encoding"].item() == write.__name__


def test_a_workbook_with_the_suffix_of_another_kind_is_read_as_what_it_is(tmp_path: Path) -> None:
    book, report = load_it(Path(shutil.copy(FILES / "deals.xls", tmp_path / "deals.xlsx")))
    assert len(deals(book)) == 2
    assert report.files["encoding"].item() == "xls"


@pytest.mark.fault(39)
@pytest.mark.parametrize("kind", ["xlsx", "xls"])
def test_a_workbook_that_counts_days_from_1904(tmp_path: Path, kind: str) -> None:
    if kind == "xls":
        path = Path(shutil.copy(FILES / "deals_1904.xls", tmp_path / "deals.xls"))
    else:
        row = ["D1", "甲", 5, dt.datetime(2026, 1, 3, 4, 5), "进行中"]
        path = openpyxl_book(tmp_path / "deals.xlsx", [NAMES, row], _count_from_1904)
        assert b'date1904="1"' in zipfile.ZipFile(path).read("xl/workbook.xml")
    assert deals(load_it(path)[0]) == [("D1", Decimal("5.00"), dt.datetime(2026, 1, 3, 4, 5))]


def _count_from_1904(book: openpyxl.Workbook) -> None:
    book.epoch = openpyxl.utils.datetime.CALENDAR_MAC_1904


@pytest.mark.fault(36)
@pytest.mark.parametrize("write", [workbook, xlsb, ods])
def test_an_id_that_excel_kept_as_a_number_is_rejected_where_it_lost_its_end(
    tmp_path: Path, write: Callable[..., Path]
) -> None:
    suffix = "xlsx" if write is workbook else write.__name__
    rows = [[number, "甲", 5, "2026-01-03", "进行中"] for number in (123456789012345678, "123456789012345678", 123456789012345)]
    book, report = load_it(write(tmp_path / f"deals.{suffix}", [NAMES, *rows]))
    assert [row[0] for row in deals(book)] == ["123456789012345", "123456789012345678"]
    rejected = report.rejects.row(0, named=True)
    assert (rejected["source_line"], rejected["source_column"], rejected["reason"]) == (
        2,
        "商机编号",
        "load.reason_number_long",
    )
    assert rejected["value"].startswith("1234567890123456")


def test_a_long_number_in_a_column_that_nothing_reads_costs_nothing(tmp_path: Path) -> None:
    book, report = load_it(workbook(tmp_path / "deals.xlsx", [[*NAMES, "备注"], [*ROW, 123456789012345678]]))
    assert (len(deals(book)), report.n_rejected) == (1, 0)


@pytest.mark.fault(42)
def test_a_formula_that_nobody_worked_out_is_refused_with_its_cell(tmp_path: Path) -> None:
    path = openpyxl_book(tmp_path / "deals.xlsx", [NAMES, ROW, ["D2", "乙", "=C2*2", "2026-01-03", "进行中"]])
    assert refused(path, r"sheet Sheet, cell C3: a formula without a result")


def test_formulas_with_results_are_read_as_their_results(tmp_path: Path) -> None:
    path = openpyxl_book(tmp_path / "deals.xlsx", [NAMES, ROW, ["D2", '=""', "=C2*2", "2026-01-03", "进行中"]])
    _change_part(path, "xl/worksheets/sheet1.xml", _as_excel_saves)
    assert [row[:2] for row in deals(load_it(path)[0])] == [("D1", Decimal("5.00")), ("D2", Decimal("10.00"))]


def _as_excel_saves(part: bytes) -> bytes:
    """An empty text as the result of a formula is no missing result."""
    part = part.replace(b'<c r="B3"><f>""</f><v />', b'<c r="B3" t="str"><f>""</f><v></v>')
    changed = part.replace(b"<f>C2*2</f><v />", b"<f>C2*2</f><v>10</v>")
    assert changed.count(b"<v />") == 0
    return changed


@pytest.mark.fault(43)
def test_a_cell_with_an_error_costs_its_row_where_its_column_is_read(tmp_path: Path) -> None:
    rows = [[*NAMES, "备注"], [*ROW, "#REF!"], ["D2", "乙", "#N/A", "2026-01-03", "进行中", "x"]]
    book, report = load_it(openpyxl_book(tmp_path / "deals.xlsx", rows))
    assert [row[0] for row in deals(book)] == ["D1"]
    found = report.rejects.select("source_line", "source_column", "value", "reason").rows()
    assert found == [(3, "金额（元）", "#N/A", "load.reason_cell_error")]


@pytest.mark.fault(43)
def test_merged_title_number_as_text_and_ghost_rows(tmp_path: Path) -> None:
    rows = [["商机一览"], NAMES, ["D1", "甲", "1,200.50", "2026-01-03", "进行中"]]
    path = openpyxl_book(tmp_path / "deals.xlsx", rows, _with_ghosts)
    book, report = load_it(path)
    assert deals(book) == [("D1", Decimal("1200.50"), dt.datetime(2026, 1, 3))]
    assert report.n_rejected == 0


def _with_ghosts(book: openpyxl.Workbook) -> None:
    book.active.merge_cells("A1:E1")
    for row in range(4, 200):
        book.active.cell(row, 1).font = openpyxl.styles.Font(bold=True)
    book.active.cell(200, 1).value = " "


@pytest.mark.fault(43)
def test_merged_cells_in_the_data_are_not_filled(tmp_path: Path) -> None:
    rows = [NAMES, ROW, ["D2", None, 6, "2026-01-03", "进行中"]]
    path = openpyxl_book(tmp_path / "deals.xlsx", rows, lambda book: book.active.merge_cells("B2:B3"))
    book, _ = load_it(path)
    found = book.as_of("2026-01-31").sql("SELECT name FROM base.deals(as_of := $as_of) ORDER BY deal_id")
    assert found["name"].to_list() == ["甲", None]


@pytest.mark.fault(44)
@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("商机编号\t商机名称\nD1\t甲\n", "tab-separated text in GB18030"),
        ("<html><table><tr><td>商机编号</td></tr></table></html>", "HTML"),
        ('<?xml version="1.0"?><Workbook/>', "HTML"),
    ],
)
def test_an_xls_that_is_none_is_called_what_it_is(tmp_path: Path, text: str, kind: str) -> None:
    path = tmp_path / "deals.xls"
    path.write_bytes(text.encode("gb18030"))
    assert refused(path, rf"deals.xls is called \.xls, but it is {kind}\.")


@pytest.mark.fault(44)
def test_a_mapping_may_say_that_an_xls_is_text(tmp_path: Path) -> None:
    path = export(
        tmp_path,
        "D1\t甲\t5\t2026-01-03\t进行中",
        name="deals.xls",
        header="\t".join(NAMES),
        codec="gb18030",
    )
    book, report = load_it(path, 'delimiter = "\\t"\n')
    assert len(deals(book)) == 1
    assert report.files["encoding"].item() == "gb18030"


@pytest.mark.fault(45)
def test_a_csv_named_xlsx(tmp_path: Path) -> None:
    path = export(tmp_path, "D1,甲,5,2026-01-03,进行中", name="deals.xlsx", codec="gb18030")
    assert refused(path, r"is called \.xlsx, but it is text in GB18030")


@pytest.mark.fault(45)
@pytest.mark.parametrize("name", ["deals.xlsx", "deals.xls"])
def test_an_encrypted_workbook(tmp_path: Path, name: str) -> None:
    assert refused(encrypted(tmp_path / name), "protected by a password")


@pytest.mark.fault(46)
@pytest.mark.parametrize(("n_rows", "is_full"), [(65_536, True), (65_535, False)])
def test_a_sheet_that_is_full_was_probably_cut(tmp_path: Path, n_rows: int, is_full: bool) -> None:
    rows = [["商机编号", "创建时间"], *([f"D{number}", "2026-01-03"] for number in range(1, n_rows))]
    _, report = load_it(workbook(tmp_path / "deals.xlsx", rows))
    full = report.remarks.filter(remark="remark_sheet_full")
    assert (report.n_loaded, full.height) == (n_rows - 1, int(is_full))
    assert ("probably cut" in report.message("en")) == is_full


@pytest.mark.fault(47)
def test_a_bomb_is_not_opened(tmp_path: Path) -> None:
    path = sound(tmp_path)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/media/zeros.bin", bytes(60 * 2**20))
    assert path.stat().st_size < 100_000
    assert refused(path, "it was not opened")


@pytest.mark.fault(48)
@pytest.mark.parametrize("codec", ["utf-8", "utf-16"])
def test_an_entity_declaration_is_not_opened(tmp_path: Path, codec: str) -> None:
    path = sound(tmp_path)
    bomb = f'<?xml version="1.0" encoding="{codec}"?><!DOCTYPE lolz [<!ENTITY lol "lol">]><worksheet/>'.encode(codec)
    _change_part(path, "xl/worksheets/sheet1.xml", lambda _: bomb)
    assert refused(path, "XML entity declaration")


def test_a_cut_workbook(tmp_path: Path) -> None:
    path = sound(tmp_path)
    path.write_bytes(path.read_bytes()[:-300])
    assert refused(path, "no complete workbook")


def test_a_workbook_with_damaged_content(tmp_path: Path) -> None:
    path = sound(tmp_path)
    _change_part(path, "xl/worksheets/sheet1.xml", lambda _: b"<worksheet><sheetData><row><c")
    assert refused(path, "no complete workbook")


def test_a_zip_named_xlsx(tmp_path: Path) -> None:
    path = tmp_path / "deals.xlsx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("deals.csv", "x")
    assert refused(path, r"it is a ZIP archive of: deals\.csv")


@pytest.mark.fault(77)
def test_a_sheet_with_too_many_columns(tmp_path: Path) -> None:
    assert refused(workbook(tmp_path / "deals.xlsx", [[f"c{place}" for place in range(5_001)]]), "has 5001 columns")


def test_a_workbook_named_csv(tmp_path: Path) -> None:
    path = Path(shutil.copy(sound(tmp_path), tmp_path / "deals.csv"))
    assert refused(path, "called a text file, but it is ZIP/XLSX")


def test_a_missing_sheet_is_named_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"has no sheet 发货\. It has: Sheet1"):
        Workbook(sound(tmp_path), "deals.xlsx").sheets("发货")


def test_rows_keep_their_number_over_batches(tmp_path: Path) -> None:
    rows = [["商机编号", "创建时间"], *([f"D{number}", "2026-01-03"] for number in range(2, 100_102)), [None], ["", "x"]]
    (sheet,) = Workbook(workbook(tmp_path / "deals.xlsx", rows), "deals.xlsx").sheets()
    batches = list(sheet.batches(sheet.head()[0]))
    assert [(batch.lines[0], batch.lines[-1], batch.n_blank) for batch in batches] == [(2, 100_000, 0), (100_001, 100_103, 1)]
    assert batches[1].cells["0"][0] == "D100001"
    assert batches[1].raw([0]) == ["D100001\t2026-01-03"]


def test_all_cells_of_a_sheet(tmp_path: Path) -> None:
    (sheet,) = Workbook(sound(tmp_path), "deals.xlsx").sheets()
    expected = [tuple(NAMES), ("D1", "甲", "5", "2026-01-03", "进行中")]
    assert sheet.cells().rows() == expected
    assert set(sheet.cells().dtypes) == {pl.String}


def test_an_empty_sheet_has_no_header(tmp_path: Path) -> None:
    openpyxl.Workbook().save(tmp_path / "deals.xlsx")
    assert refused(tmp_path / "deals.xlsx", "names the columns of deals")


@pytest.mark.fault(26)
def test_the_lock_of_an_open_workbook_is_refused_by_name(tmp_path: Path) -> None:
    path = Path(shutil.copy(sound(tmp_path), tmp_path / "~$deals.xlsx"))
    assert refused(path, "a file in the making")


def _change_part(path: Path, part: str, change: Callable[[bytes], bytes]) -> None:
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts[part] = change(parts[part])
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in parts.items():
            archive.writestr(name, body)

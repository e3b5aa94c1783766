from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import openpyxl
import pytest
from exports import DEALS, export, mapping_file, workbook

from salesiq.book import Book
from salesiq.errors import InputError
from salesiq.load import load
from salesiq.load.workbooks import Workbook, inspect

HEADER = ["商机编号", "商机名称", "金额（元）", "创建时间", "状态"]
ROW = ["D1", "甲", 5, "2026-01-03", "进行中"]


def sound(folder: Path) -> Path:
    return workbook(folder / "deals.xlsx", [list(HEADER), list(ROW)])


def load_it(path: Path) -> None:
    mapping = mapping_file(path.parent / "map", DEALS.replace("deals*.csv", "deals.xlsx"))
    load(Book(":memory:"), path, mapping)


def test_a_cut_workbook(tmp_path: Path) -> None:
    path = sound(tmp_path)
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(InputError, match="no complete XLSX workbook"):
        load_it(path)


def test_a_workbook_with_damaged_content(tmp_path: Path) -> None:
    path = sound(tmp_path)
    _replace_part(path, "xl/worksheets/sheet1.xml", b"<worksheet><sheetData><row><c")
    with pytest.raises(InputError, match="no complete XLSX workbook"):
        load_it(path)


def test_a_csv_named_xlsx(tmp_path: Path) -> None:
    path = export(tmp_path, "D1,甲,5,2026-01-03,进行中", name="deals.xlsx", codec="gb18030")
    with pytest.raises(InputError, match="is called XLSX, but it is text"):
        load_it(path)


def test_html_named_xlsx(tmp_path: Path) -> None:
    path = tmp_path / "deals.xlsx"
    path.write_text("<html><table><tr><td>1</td></tr></table></html>", encoding="utf-8")
    with pytest.raises(InputError, match="but it is HTML"):
        load_it(path)


def test_an_encrypted_or_old_workbook(tmp_path: Path) -> None:
    path = tmp_path / "deals.xlsx"
    path.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600))
    with pytest.raises(InputError, match="encrypted or an old XLS"):
        load_it(path)


def test_a_workbook_named_csv(tmp_path: Path) -> None:
    path = shutil.copy(sound(tmp_path), tmp_path / "deals.csv")
    with pytest.raises(InputError, match="called a text file, but it is ZIP/XLSX"):
        load(Book(":memory:"), path, mapping_file(tmp_path / "map"))


def test_a_bomb_is_not_opened(tmp_path: Path) -> None:
    path = sound(tmp_path)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/media/zeros.bin", bytes(60 * 2**20))
    assert path.stat().st_size < 100_000
    with pytest.raises(InputError, match="it was not opened"):
        inspect(path, path.name)


def test_an_entity_declaration_is_not_opened(tmp_path: Path) -> None:
    path = sound(tmp_path)
    bomb = b'<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol">]><worksheet/>'
    _replace_part(path, "xl/worksheets/sheet1.xml", bomb)
    with pytest.raises(InputError, match="XML entity declaration"):
        inspect(path, path.name)


def test_a_missing_sheet_is_named_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"has no sheet 发货\. It has: Sheet1"):
        Workbook(sound(tmp_path), "deals.xlsx").sheets("发货")


def test_a_cell_with_an_error_costs_its_row(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    page = book.active
    for row in (HEADER, ROW, ["D2", "乙", "#N/A", "2026-01-03", "进行中"]):
        page.append(row)
    path = tmp_path / "deals.xlsx"
    book.save(path)
    (sheet,) = Workbook(path, "deals.xlsx").sheets()
    (batch,) = sheet.batches(sheet.head()[0])
    assert batch.cells["0"].to_list() == ["D1"]
    assert [(fault.line, fault.reason) for fault in batch.faults] == [(3, "reason_cell_error")]


def test_an_xlsx_download_that_is_not_done_is_refused_by_name(tmp_path: Path) -> None:
    path = shutil.copy(sound(tmp_path), tmp_path / "~$deals.xlsx")
    with pytest.raises(InputError, match="a file in the making"):
        load_it(path)


def _replace_part(path: Path, part: str, content: bytes) -> None:
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in (parts | {part: content}).items():
            archive.writestr(name, body)

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from exports import export, mapping_file, workbook

from salesiq.book import Book
from salesiq.errors import InputError
from salesiq.load import load, propose_mapping
from salesiq.load.mapping import parse_mapping


def test_a_proposal_for_known_headers_loads(tmp_path: Path) -> None:
    export(tmp_path / "in", "D1,甲,1.5,2026-01-03,进行中,x", header="商机编号,商机名称,预计金额（万元）,创建时间,状态,其他")
    text = propose_mapping(tmp_path / "in")
    book = Book(":memory:")
    report = load(book, tmp_path / "in", mapping_file(tmp_path / "map", text))
    assert (report.n_new, report.n_rejected) == (1, 0)
    found = book.as_of("2026-06-30").sql("SELECT name, amount, status FROM base.deals(as_of := $as_of)")
    assert [str(value) for value in found.row(0)] == ["甲", "15000.00", "open"]


def test_a_likeness_is_marked_for_a_look(tmp_path: Path) -> None:
    export(tmp_path / "in", "D1,甲,5,2026-01-03", header="Opportunity-ID,account,close values,engage_date")
    text = propose_mapping(tmp_path / "in")
    assert 'deal_id = "Opportunity-ID"  # ? similar to opportunity_id, 92 %' in text
    assert 'customer_id = "account"  # known name' in text
    assert 'amount = "close values"  # ? similar to close_value, 86 %' in text


def test_the_order_of_day_and_month_is_read_from_the_whole_column(tmp_path: Path) -> None:
    export(tmp_path / "in", "D1,甲,03/04/2026", "D2,乙,25/04/2026", header="商机编号,商机名称,创建时间")
    text = propose_mapping(tmp_path / "in")
    assert 'created_at = { header = "创建时间", format = ["%d/%m/%Y"] }' in text
    report = load(Book(":memory:"), tmp_path / "in", mapping_file(tmp_path / "map", text))
    assert report.n_new == 2


def test_sheets_are_proposed_one_by_one(tmp_path: Path) -> None:
    rows: list[list[object]] = [["台账"], ["合同号", "签订日期", "合同金额"], ["C1", "2026-01-03", 5]]
    workbook(tmp_path / "in" / "合同[新].xlsx", rows, sheet="合同")
    text = propose_mapping(tmp_path / "in")
    (entry,) = tomllib.loads(text)["file"]
    assert (entry["table"], entry["sheet"], entry["columns"]["contract_id"]) == ("contracts", "合同", "合同号")
    assert load(Book(":memory:"), tmp_path / "in", mapping_file(tmp_path / "map", text)).n_new == 1


def test_strangers_are_listed_not_guessed(tmp_path: Path) -> None:
    export(tmp_path / "in", "1,2", header="foo,bar\u2028]", name="odd.csv")
    (tmp_path / "in" / "bad.xlsx").write_bytes(b"PK\x03\x04 cut")
    text = propose_mapping(tmp_path / "in", lang="zh")
    assert "file" not in tomllib.loads(text)
    assert "# bad.xlsx 不是完整的工作簿" in text


def test_headers_cannot_write_into_the_mapping(tmp_path: Path) -> None:
    hostile = '商机编号,"商机名称""\n[[rows]]\ntable = ""stages""",创建时间'
    export(tmp_path / "in", "D1,x,2026-01-03", header=hostile)
    assert parse_mapping(propose_mapping(tmp_path / "in"), "own", "own").rows == ()


def test_the_real_export_is_recognised(shared_data: Path, tmp_path: Path) -> None:
    text = propose_mapping(shared_data / "maven_crm")
    book = Book(":memory:")
    report = load(book, shared_data / "maven_crm", mapping_file(tmp_path, text))
    stored = dict(book.tables().select("table_name", "n_rows").rows())
    assert (stored["deals"], stored["customers"], stored["reps"], report.n_rejected) == (8800, 85, 35, 0)


def test_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no file"):
        propose_mapping(tmp_path)

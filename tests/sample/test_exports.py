"""The exports hold the company as their systems write it; what is committed is what the generator makes."""

from __future__ import annotations

import csv
import io
import json
from decimal import Decimal
from pathlib import Path

import openpyxl
import pytest

from salesiq import sample
from salesiq.sample.layouts import layouts

COMMITTED = Path(__file__).resolve().parents[2] / "data" / "sample"
MOST_BYTES = 6_000_000


@pytest.fixture(scope="module")
def exports(sample_company: sample.Company, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exports")
    sample.write_exports(sample_company, folder)
    return folder


def read(path: Path, encoding: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(path.read_bytes().decode(encoding), newline="")))


def size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def good_rows(exports: Path, file: str, encoding: str) -> list[list[str]]:
    planted = json.loads((exports / "truth.json").read_text(encoding="utf-8"))["planted_rejects"]
    broken = {row["line"] for row in planted if row["file"] == file}
    return [row for line, row in enumerate(read(exports / file, encoding), start=1) if line not in broken][1:]


@pytest.mark.parametrize("layout", [layout for layout in layouts() if not layout.sheet], ids=lambda layout: layout.file)
def test_every_csv_has_its_headers_and_all_rows_in_its_encoding(sample_company, exports, layout):
    rows = read(exports / layout.file, layout.encoding)
    assert rows[0] == list(layout.columns.values())
    kept = good_rows(exports, layout.file, layout.encoding)
    assert len(kept) == sample_company.frames[layout.table].height
    assert {len(row) for row in kept} == {len(layout.columns)}
    first = sample_company.frames[layout.table][next(iter(layout.columns))]
    assert [row[0] for row in kept] == first.to_list()


def test_amounts_are_exact_in_both_units(sample_company, exports):
    for file, column, factor in (("finance/发票.csv", 6, 1), ("finance/收款.csv", 4, 10_000), ("crm/商机.csv", 5, 1)):
        table = {"finance/发票.csv": "invoices", "finance/收款.csv": "receipts", "crm/商机.csv": "deals"}[file]
        rows = good_rows(exports, file, "gb18030" if file.startswith("crm") else "utf-8-sig")
        written = [Decimal(row[column].replace(",", "")) * factor for row in rows]
        assert written == sample_company.frames[table]["amount"].to_list()


def test_finance_writes_thousands_separators(exports):
    assert any("," in row[6] for row in good_rows(exports, "finance/发票.csv", "utf-8-sig"))


@pytest.mark.parametrize("layout", [layout for layout in layouts() if layout.sheet], ids=lambda layout: layout.sheet)
def test_every_sheet_has_titles_above_its_header(sample_company, exports, layout):
    sheet = openpyxl.load_workbook(exports / layout.file)[layout.sheet]
    assert sheet.cell(1, 1).value == layout.title
    merged = sorted(str(area) for area in sheet.merged_cells.ranges)
    assert [area.partition(":")[0] for area in merged] == ["A1", "A2"][: layout.header_row - 1]
    rows = list(sheet.iter_rows(min_row=layout.header_row, values_only=True))
    assert list(rows[0]) == list(layout.columns.values())
    frame = sample_company.frames[layout.table]
    assert len(rows) - 1 == frame.height + layout.has_total
    at = list(layout.columns).index("amount") if "amount" in layout.columns else -1
    if at >= 0:
        amounts = [round(Decimal(str(row[at])), 2) for row in rows[1 : frame.height + 1]]
        assert amounts == frame["amount"].to_list()


def test_broken_rows_stand_where_the_truth_says(exports):
    planted = json.loads((exports / "truth.json").read_text(encoding="utf-8"))["planted_rejects"]
    assert len(planted) == 6
    encodings = {layout.file: layout.encoding for layout in layouts()}
    for row in planted:
        if row["sheet"]:
            cells = openpyxl.load_workbook(exports / row["file"])[row["sheet"]][row["line"]]
            assert cells[0].value == row["value"] == "合计"
            continue
        rows = read(exports / row["file"], encodings[row["file"]])
        cells = rows[row["line"] - 1]
        if row["column"]:
            assert cells[rows[0].index(row["column"])] == row["value"]
        else:
            assert len(cells) != len(rows[0])


def test_keys_of_broken_rows_appear_nowhere_else(sample_company):
    assert not {"D999991", "D999992"} & set(sample_company.frames["deals"]["deal_id"])
    assert "A999991" not in set(sample_company.frames["activities"]["activity_id"])
    assert "Y99991" not in set(sample_company.frames["receipts"]["receipt_no"])


def test_the_exports_are_small(exports):
    assert size(exports) < MOST_BYTES
    assert size(COMMITTED) < MOST_BYTES


def test_what_is_committed_is_what_the_generator_writes(exports):
    made = {path.relative_to(exports).as_posix(): path.read_bytes() for path in exports.rglob("*") if path.is_file()}
    kept = {path.relative_to(COMMITTED).as_posix(): path.read_bytes() for path in COMMITTED.rglob("*") if path.is_file()}
    assert sorted(made) == sorted(kept)
    # Parquet and XLSX bytes may change with the library that writes them; text may not.
    differing = [name for name in made if made[name] != kept[name] and name.endswith((".csv", ".json", ".md"))]
    assert differing == []


def test_the_exporter_writes_the_same_bytes_again(sample_company, exports, tmp_path):
    sample.write_exports(sample_company, tmp_path)
    for path in sorted(exports.rglob("*")):
        if path.is_file():
            assert path.read_bytes() == (tmp_path / path.relative_to(exports)).read_bytes(), path.name

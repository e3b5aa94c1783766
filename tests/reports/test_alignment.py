"""The page of the alignment meeting and its spreadsheets, read as a browser and as Excel read them."""

from __future__ import annotations

import zipfile
from decimal import Decimal
from pathlib import Path

import openpyxl
import polars as pl
import pytest
from page_tree import read

from salesiq import targets
from salesiq.book import Book, Snapshot
from salesiq.reports import AlignmentReport, alignment, allocation_workbook

HOSTILE = {"=cmd|' /C calc'!A0", "<script>alert(1)</script>"}


@pytest.fixture(scope="module")
def may(sample_book: Book) -> Snapshot:
    return sample_book.as_of("2026-05-15T18:00:00")


@pytest.fixture(scope="module", params=["zh", "en"])
def report(request: pytest.FixtureRequest, may: Snapshot) -> AlignmentReport:
    return alignment(may, "2026-Q2", lang=request.param)


def test_every_rep_has_a_page_after_the_sections_of_all(report: AlignmentReport, may: Snapshot):
    keys = [section.key for section in report.sections]
    assert keys[:5] == ["decay_parts", "coverage", "path", "stale", "quality"]
    reps = targets.coverage(may, "2026-Q2")["rep_id"].drop_nulls().len()
    assert keys[5:] == [f"page-{n + 1}" for n in range(reps)]
    page = read(report.to_html())
    assert [section.attributes["id"] for section in page.all("section")] == keys
    for section in report.sections:
        for table in section.tables:
            assert len(page.by_id(f"table-{table.key}").all("tr")) == table.frame.height + 1
    assert 'section[id^="page-"] { break-before: page; }' in report.to_html()


def test_made_again_it_is_equal_to_the_byte(may: Snapshot):
    assert alignment(may, "2026-Q2").to_html() == alignment(may, "2026-Q2").to_html()


def test_numbers_are_those_of_the_metrics(report: AlignmentReport, may: Snapshot):
    covered = targets.coverage(may, "2026-Q2")
    assert (
        report["coverage"].tables[0].frame["uncovered_amount"].to_list()
        == covered.filter(pl.col("rep_id").is_null())["uncovered_amount"].to_list()
    )
    lost = targets.decay_parts(may, "2026-Q2", "bookings").filter(level="overall", part="unit_slip")["part_amount"].item()
    assert lost < -50_000_000
    assert report["decay_parts"].is_alarm
    assert report.to_dict()["sections"][0]["key"] == "decay_parts"


def test_texts_stay_texts_and_amounts_are_numbers(report: AlignmentReport, may: Snapshot, tmp_path: Path):
    path = report.write_xlsx(tmp_path / "pack.xlsx")
    sheets = openpyxl.load_workbook(path).worksheets
    assert [sheet.max_row for sheet in sheets] == [targets.alignment_pack(may, "2026-Q2").height + 1, 40, 50]
    coverage = sheets[1]
    values = [[cell.value for cell in row] for row in coverage.iter_rows(min_row=2)]
    wanted = targets.coverage(may, "2026-Q2")
    assert [Decimal(str(row[2])) for row in values] == wanted["target_amount"].to_list()
    for sheet in sheets:
        assert not any(cell.data_type == "f" or cell.hyperlink for row in sheet.iter_rows() for cell in row)
    assert not [name for name in zipfile.ZipFile(path).namelist() if "vba" in name.lower() or "external" in name.lower()]


def test_hostile_names_are_inert_in_a_spreadsheet(may: Snapshot, tmp_path: Path):
    proposal = targets.allocate(may, "2026-Q3", 300_000_000).with_columns(
        name=pl.when(pl.col("rep_id") == "R001")
        .then(pl.lit("=1+1"))
        .when(pl.col("rep_id") == "R002")
        .then(pl.lit("http://x"))
        .otherwise("name")
    )
    path = allocation_workbook(proposal, tmp_path / "split.xlsx", "en")
    sheet = openpyxl.load_workbook(path).worksheets[0]
    heads = [cell.value for cell in sheet[1]]
    rows = {row[0].value: dict(zip(heads, row, strict=True)) for row in sheet.iter_rows(min_row=2)}
    assert (rows["R001"]["Unit"].value, rows["R001"]["Unit"].data_type) == ("=1+1", "s")
    assert (rows["R002"]["Unit"].value, rows["R002"]["Unit"].hyperlink) == ("http://x", None)
    # only the two columns of checks are formulas: they sum what was agreed below a unit
    formulas = {cell.column for row in sheet.iter_rows(min_row=2) for cell in row if cell.data_type == "f"}
    assert formulas == {heads.index("Sum of those below") + 1, heads.index("Difference") + 1}
    agreed = {key: row["Agreed"].value for key, row in rows.items()}
    below = sum(row["Agreed"].value for row in rows.values() if row["Above"].value == "U0")
    assert agreed["U0"] == below == 300_000_000
    assert "SUMIF($B$2:$B$" in rows["U0"]["Sum of those below"].value


def test_what_the_data_refuse_is_said(org_cycle: Book):
    report = alignment(org_cycle.as_of("2026-02-01"), "2026-Q1", lang="en")
    assert "cycle" in report["coverage"].finding
    assert report["coverage"].is_alarm
    assert len(report.sections) == 5


@pytest.fixture
def org_cycle() -> Book:
    units = pl.DataFrame({"unit_id": ["C", "A", "B"], "parent_unit_id": [None, "B", "A"], "valid_from": ["2024-01-01"] * 3})
    plan = pl.DataFrame(
        {
            "version": "v",
            "period": "2026-Q1",
            "measure": "bookings",
            "unit_id": ["C"],
            "amount": [Decimal(5)],
            "set_at": "2026-01-01T00:00:00",
        }
    )
    return Book.from_frames(org_units=units, targets=plan)

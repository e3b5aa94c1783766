"""The sample company's exports load whole: every table equals the frames that were written, and only what was broken
on purpose is rejected.
"""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import polars.testing
import pytest

from salesiq import sample
from salesiq.book import Book
from salesiq.load import LoadReport, load, propose_mapping
from salesiq.load.mapping import parse_mapping
from salesiq.tables import CONTRACTS


@pytest.fixture(scope="module")
def exports(sample_company: sample.Company, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exports")
    sample.write_exports(sample_company, folder)
    return folder


@pytest.fixture(scope="module")
def loaded(exports: Path) -> tuple[Book, LoadReport]:
    book = Book(":memory:")
    return book, load(book, exports, exported_at=sample.EXPORTED_AT)


def stored(book: Book, table: str) -> pl.DataFrame:
    columns = list(CONTRACTS[table].columns)
    return book.as_of(sample.EXPORTED_AT).sql(f"SELECT {', '.join(columns)} FROM book.{table}").sort(columns)


def test_the_preset_is_found(loaded: tuple[Book, LoadReport]) -> None:
    assert loaded[1].mapping == "sample"
    assert set(loaded[1].files["encoding"]) == {"gb18030", "utf-8", "utf-8-sig", "xlsx"}


def test_every_table_is_as_it_was_written(loaded: tuple[Book, LoadReport], sample_company: sample.Company) -> None:
    for table, frame in sample_company.frames.items():
        columns = list(CONTRACTS[table].columns)
        written = frame.select(columns).sort(columns)
        pl.testing.assert_frame_equal(stored(loaded[0], table), written, check_exact=False, rel_tol=1e-9)


def test_only_what_was_broken_on_purpose_is_rejected(loaded: tuple[Book, LoadReport], exports: Path) -> None:
    planted = json.loads((exports / "truth.json").read_text(encoding="utf-8"))["planted_rejects"]
    expected = {(row["file"], row["line"]) for row in planted}
    assert set(loaded[1].rejects.select("source_file", "source_line").rows()) == expected
    named = {(row["file"], row["line"]): (row["column"], row["value"]) for row in planted if row["column"]}
    for row in loaded[1].rejects.rows(named=True):
        where = (row["source_file"], row["source_line"])
        if where in named:
            assert (row["source_column"], row["value"]) == named[where]


def test_hostile_names_are_in_the_book_as_they_are(loaded: tuple[Book, LoadReport], exports: Path) -> None:
    names = json.loads((exports / "truth.json").read_text(encoding="utf-8"))["hostile_names"]
    assert len(names) >= 2
    customers = dict(stored(loaded[0], "customers").select("customer_id", "name").rows())
    assert {key: customers[key] for key in names} == names


def test_nothing_else_of_the_folder_is_touched(loaded: tuple[Book, LoadReport]) -> None:
    used = set(loaded[1].files["source_file"])
    assert not [file for file in used if file.startswith(("clean/", "truth"))]
    unused = set(loaded[1].remarks.filter(pl.col("remark").str.starts_with("unused"))["source_file"])
    assert {"README.md", "truth.json", "clean/deals.parquet"} <= unused


def test_the_clean_files_give_the_same_book(exports: Path, loaded: tuple[Book, LoadReport]) -> None:
    book = Book(":memory:")
    report = load(book, exports / "clean", exported_at=sample.EXPORTED_AT)
    assert (report.mapping, report.n_rejected, report.n_skipped) == ("canonical", 0, 0)
    for table in CONTRACTS:
        if CONTRACTS[table].kind != "log":
            pl.testing.assert_frame_equal(stored(book, table), stored(loaded[0], table), check_exact=False, rel_tol=1e-9)


def test_again_is_nothing(loaded: tuple[Book, LoadReport], exports: Path) -> None:
    assert load(loaded[0], exports, exported_at=sample.EXPORTED_AT).is_noop


def test_the_report_fits_a_screen(loaded: tuple[Book, LoadReport]) -> None:
    for lang in ("en", "zh"):
        lines = loaded[1].message(lang).splitlines()
        assert len(lines) <= 50
        assert "sample" in lines[0]


def test_a_proposal_for_these_files_loads_them(exports: Path, tmp_path: Path) -> None:
    for folder in ("crm", "finance", "erp"):
        proposed = parse_mapping(propose_mapping(exports / folder), "own", "own")
        report = load(Book(":memory:"), exports / folder, proposed, exported_at=sample.EXPORTED_AT)
        assert report.n_rejected <= 3
        assert set(report.files["source_file"]) == {path.name for path in (exports / folder).iterdir()}

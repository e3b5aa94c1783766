"""Faults of loads as such: the same again, copies and contradictions, corrections, files cut short, a stop in the middle."""

from __future__ import annotations

import datetime as dt
import os
import shutil
import signal
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path

import pytest
from exports import export, mapping_file

from salesiq.book import Book
from salesiq.errors import InputError
from salesiq.load import LoadReport, load

GOOD = "D1,甲公司订单,1234.50,2026-01-03 10:00:00,进行中"


@pytest.fixture
def mapping(tmp_path: Path) -> Path:
    return mapping_file(tmp_path / "map")


@pytest.fixture
def book() -> Book:
    return Book()


def rows(n: int, amount: int = 1) -> list[str]:
    return [f"D{number},名,{amount},2026-01-03,进行中" for number in range(n)]


def bring(book: Book, folder: Path, mapping: Path, *lines: str, day: str = "2026-02-01", **options: object) -> LoadReport:
    return load(book, export(folder / day, *lines), mapping, day, **options)  # type: ignore[arg-type]


@pytest.mark.fault(51)
def test_the_same_content_again_under_another_name_is_nothing(book: Book, mapping: Path, tmp_path: Path) -> None:
    bring(book, tmp_path, mapping, GOOD)
    before = book.digest()
    (tmp_path / "again").mkdir()
    shutil.copyfile(tmp_path / "2026-02-01" / "deals.csv", tmp_path / "again" / "deals (1).csv")
    assert load(book, tmp_path / "again", mapping, "2026-02-01").is_noop
    assert (book.digest(), book.loads().height) == (before, 1)


@pytest.mark.fault(52)
@pytest.mark.parametrize("again", ["D1", " D1 ", "d1", "Ｄ１", "D1\u200b"])
def test_a_copy_is_rejected_as_it_stands_in_the_file(book: Book, mapping: Path, tmp_path: Path, again: str) -> None:
    report = bring(book, tmp_path, mapping, GOOD, GOOD.replace("D1", again, 1))
    assert (report.n_new, report.n_rejected) == (1, 1)
    kept = report.rejects.row(0, named=True)
    assert (kept["source_line"], kept["reason"], kept["raw"]) == (3, "load.reason_copy", GOOD.replace("D1", again, 1))


@pytest.mark.fault(53)
def test_two_amounts_for_one_key_are_both_rejected(book: Book, mapping: Path, tmp_path: Path) -> None:
    other = GOOD.replace("1234.50", "9.00")
    report = bring(book, tmp_path, mapping, GOOD, other, "D2,乙,1,2026-01-03,进行中")
    assert (report.n_new, report.n_rejected) == (1, 2)
    assert report.rejects["raw"].to_list() == [GOOD, other]
    assert set(report.rejects["reason"]) == {"load.reason_conflict"}


@pytest.mark.fault(54)
def test_a_correction_replaces_and_keeps_what_was_known(book: Book, mapping: Path, tmp_path: Path) -> None:
    bring(book, tmp_path, mapping, GOOD)
    report = bring(book, tmp_path, mapping, GOOD.replace("1234.50", "99"), day="2026-03-01")
    assert (report.n_changed, report.n_new) == (1, 0)
    for day, amount in (("2026-02-02", "1234.50"), ("2026-03-01", "99.00")):
        found = book.as_of(day).sql("SELECT amount FROM base.deals(as_of := $as_of)").item()
        assert found == Decimal(amount)


@pytest.mark.fault(25)
def test_a_file_that_may_be_cut_in_a_number_is_told(book: Book, mapping: Path, tmp_path: Path) -> None:
    source = export(tmp_path / "in", *rows(3))
    source.write_bytes(source.read_bytes().rstrip())
    report = load(book, source, mapping, "2026-02-01")
    assert report.n_new == 3
    assert "remark_open_end" in report.remarks["remark"].to_list()


@pytest.mark.fault(25)
def test_notably_fewer_rows_are_told(book: Book, mapping: Path, tmp_path: Path) -> None:
    bring(book, tmp_path, mapping, *rows(20))
    report = bring(book, tmp_path, mapping, *rows(15), day="2026-02-08")
    assert report.remarks.filter(remark="remark_fewer_rows")["detail"].to_list() == ["20 → 15"]
    assert report.n_gone == 5


@pytest.mark.fault(27)
def test_an_export_that_lost_most_of_its_rows_is_held_back(book: Book, mapping: Path, tmp_path: Path) -> None:
    bring(book, tmp_path, mapping, *rows(20))
    before = book.digest()
    with pytest.raises(InputError, match=r"3 rows, but the one before had 20.*--allow-shrink") as caught:
        bring(book, tmp_path, mapping, *rows(3), day="2026-02-08")
    assert caught.value.exit_code == 3
    assert (book.digest(), book.loads().height) == (before, 1)
    report = bring(book, tmp_path, mapping, *rows(3), day="2026-02-08", allow_shrink=True)
    assert (report.n_unchanged, report.n_gone) == (3, 17)
    assert book.loads()["n_gone"].to_list() == [0, 17]


def test_a_rejected_row_is_not_gone(book: Book, mapping: Path, tmp_path: Path) -> None:
    bring(book, tmp_path, mapping, *rows(3))
    report = bring(book, tmp_path, mapping, *rows(2), "D2,名,NaN,2026-01-03,进行中", day="2026-02-08")
    assert (report.n_gone, report.n_rejected) == (0, 1)
    assert "remark_none_gone" in report.remarks["remark"].to_list()


def test_too_many_rejects_refuse_the_load(book: Book, mapping: Path, tmp_path: Path) -> None:
    lines = [*rows(8), "X1,名,NaN,2026-01-03,进行中", "X2,名,NaN,2026-01-03,进行中"]
    with pytest.raises(InputError, match=r"2 of 10 rows would be rejected \(20.0%, at most 10.0%") as caught:
        bring(book, tmp_path, mapping, *lines, max_rejects_share=0.1)
    assert caught.value.exit_code == 3
    assert book.loads().height == 0
    assert bring(book, tmp_path, mapping, *lines, max_rejects_share=0.2).n_new == 8


def test_files_in_any_order_and_after_a_refusal_end_in_the_same_book(mapping: Path, tmp_path: Path) -> None:
    days = {"2026-02-01": rows(12), "2026-02-08": rows(14, 2), "2026-02-15": rows(11, 2)}
    digests = set()
    for order in (list(days), list(reversed(days)), ["2026-02-08", "2026-02-15", "2026-02-01", "2026-02-08"]):
        book = Book()
        for day in order:
            bring(book, tmp_path, mapping, *days[day], day=day)
        digests.add(book.digest())
    assert len(digests) == 1


@pytest.mark.fault(41)
def test_moments_in_the_gap_and_the_fold_of_summer_time_stay_as_they_are(mapping: Path, tmp_path: Path) -> None:
    book = Book(zone="Europe/Berlin")
    gap, fold = "2026-03-29 02:30:00", "2025-10-26 02:30:00"
    report = bring(book, tmp_path, mapping, f"D1,a,1,{gap},进行中", f"D2,b,1,{fold},进行中", day="2026-04-01")
    assert report.n_new == 2
    found = book.as_of("2026-04-01").run("base.deals", order=("deal_id",))["created_at"].to_list()
    assert found == [dt.datetime(2026, 3, 29, 2, 30), dt.datetime(2025, 10, 26, 2, 30)]


@pytest.mark.fault(64)
@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_a_load_that_is_told_to_stop_rolls_back(mapping: Path, tmp_path: Path, sent: signal.Signals) -> None:
    path = tmp_path / "team.duckdb"
    load(Book(path), export(tmp_path / "first", GOOD), mapping, "2026-02-01")
    before = Book(path).digest()
    source = export(tmp_path / "second", *rows(300_000))
    command = [
        sys.executable,
        "-c",
        "from salesiq.cli.app import main; main()",
        "load",
        str(source),
        "--book",
        str(path),
        "--mapping",
        str(mapping),
    ]
    process = subprocess.Popen([*command, "--exported-at", "2026-03-01"], stderr=subprocess.PIPE, stdout=subprocess.PIPE)
    draft, ends = path.with_name(f".{path.name}.draft"), time.monotonic() + 120
    while not draft.exists() and process.poll() is None and time.monotonic() < ends:
        time.sleep(0.005)
    os.kill(process.pid, sent)
    _, told = process.communicate(timeout=120)
    assert process.returncode == 130, told.decode()
    assert not draft.exists()
    assert Book(path).digest() == before

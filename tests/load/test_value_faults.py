"""Faults of values: small files with one of them each, loaded into a book; what loads, and what the rejects say."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path

import pytest
from exports import export, mapping_file, workbook

from salesiq.book import Book
from salesiq.load import LoadReport, load

MAPPING = """\
[[file]]
match = "deals*"
table = "deals"
[file.columns]
deal_id = "deal_id"
amount = {amount}
created_at = {created_at}
expected_close_on = "expected"
"""
HEADER = "deal_id,amount,created_at,expected"
DAY = "2026-01-03"


class Case:
    """A book, a mapping and a file; the rows that loaded and the rejects, as the book has them."""

    def __init__(self, folder: Path, amount: str = '"amount"', created_at: str = '"created_at"') -> None:
        self.folder, self.book = folder, Book(":memory:")
        self.mapping = mapping_file(folder / "map", MAPPING.format(amount=amount, created_at=created_at))

    def load(self, *lines: str) -> LoadReport:
        export(self.folder / "in", *lines, header=HEADER)
        report = load(self.book, self.folder / "in", self.mapping, exported_at="2026-06-30")
        assert report.n_rows_in == report.n_loaded + report.n_rejected + report.n_skipped
        return report

    def column(self, name: str) -> dict[str, object]:
        found = self.book.as_of("2026-06-30").sql(f"SELECT deal_id, {name} FROM base.deals(as_of := $as_of)")
        return dict(sorted(found.rows()))

    def rejects(self) -> list[tuple[object, ...]]:
        wanted = ("source_file", "source_line", "source_column", "value", "reason")
        return sorted(self.book.rejects().select(wanted).rows())


def amounts(folder: Path, *shown: str, spec: str = '"amount"') -> tuple[dict[str, object], list[tuple[object, object]]]:
    """Load amounts, one a deal; return those that loaded, and (value, reason) of those that did not."""
    case = Case(folder, amount=spec)
    case.load(*(f'D{number},"{value}",{DAY},' for number, value in enumerate(("1", *shown))))
    found = case.column("amount")
    assert all(row[0] == "deals.csv" and row[2] == "amount" for row in case.rejects())
    return {shown[int(key[1:]) - 1]: found[key] for key in found if key != "D0"}, [row[3:] for row in case.rejects()]


def moments(folder: Path, *shown: str, spec: str = '"created_at"') -> tuple[list[object], list[tuple[object, ...]]]:
    """Load moments, one a deal; return those that loaded in order, and (line, value, reason) of those that did not."""
    case = Case(folder, created_at=spec)
    case.load(f"D0,1,{DAY},", *(f'D{number},1,"{value}",' for number, value in enumerate(shown, 1)))
    assert all(row[0] == "deals.csv" and row[2] == "created_at" for row in case.rejects())
    return list(case.column("created_at").values())[1:], [(row[1], *row[3:]) for row in case.rejects()]


@pytest.mark.fault(28)
def test_amounts_as_people_write_them(tmp_path: Path) -> None:
    shown = ("1,200.50", "￥5", "5元", "１２３", "\u00a07\u00a0", "(5.00)", "5-")
    found, rejected = amounts(tmp_path, *shown)
    expected = [Decimal(value) for value in ("1200.50", "5", "5", "123", "7", "-5", "-5")]
    assert (list(found.values()), rejected) == (expected, [])


@pytest.mark.fault(29)
def test_wan_and_yi_are_exact(tmp_path: Path) -> None:
    found, rejected = amounts(tmp_path, "232万", "3.2亿", "0.07万", "12.345678万", "三十六万八", "1亿2千万")
    expected = [Decimal(value) for value in ("2320000", "320000000", "700", "123456.78", "368000", "120000000")]
    assert (list(found.values()), rejected) == (expected, [])


@pytest.mark.fault(30)
def test_other_marks_and_currencies_are_rejected_until_they_are_stated(tmp_path: Path) -> None:
    found, rejected = amounts(tmp_path / "a", "1.200,50", "$5", "5 USD", "€5")
    assert found == {}
    assert rejected == [
        ("1.200,50", "load.reason_amount_separator"),
        ("$5", "load.reason_amount_currency"),
        ("5 USD", "load.reason_amount_currency"),
        ("€5", "load.reason_amount_currency"),
    ]
    comma = '{ header = "amount", decimal = ",", currency = "EUR" }'
    assert amounts(tmp_path / "b", "1.200,50", "€5", spec=comma)[0] == {"1.200,50": Decimal("1200.50"), "€5": Decimal(5)}
    dollars = '{ header = "amount", currency = "USD" }'
    found, rejected = amounts(tmp_path / "c", "$1,200.00", "¥5", spec=dollars)
    assert (found, rejected) == ({"$1,200.00": Decimal(1200)}, [("¥5", "load.reason_amount_currency")])


@pytest.mark.fault(31)
def test_a_word_for_nothing_is_neither_zero_nor_null(tmp_path: Path) -> None:
    shown = ("NaN", "inf", "#N/A", "-")
    found, rejected = amounts(tmp_path / "a", *shown)
    assert (found, rejected) == ({}, [(value, "load.reason_amount_nothing") for value in shown])
    stated = '{ header = "amount", null_values = ["-", "#N/A"] }'
    found, rejected = amounts(tmp_path / "b", *shown, spec=stated)
    assert found == {"#N/A": None, "-": None}
    assert len(rejected) == 2


@pytest.mark.fault(31)
def test_an_empty_amount_that_is_required_is_rejected(tmp_path: Path) -> None:
    text = '[[file]]\nmatch = "paid.csv"\ntable = "receipts"\n[file.columns]\n'
    text += 'receipt_no = "no"\nreceived_on = "day"\namount = "sum"\n'
    export(tmp_path / "in", f"R1,{DAY},5", f",{DAY},5", "R3,,5", name="paid.csv", header="no,day,sum")
    book = Book(":memory:")
    report = load(book, tmp_path / "in", mapping_file(tmp_path / "map", text))
    assert (report.n_loaded, report.n_rejected) == (1, 2)
    assert {(row["source_column"], row["reason"]) for row in book.rejects().rows(named=True)} == {
        ("no", "load.reason_required"),
        ("day", "load.reason_required"),
    }


@pytest.mark.fault(32)
def test_fractions_of_a_cent_are_rejected_or_rounded_by_rule(tmp_path: Path) -> None:
    assert amounts(tmp_path / "a", "1200.505") == ({}, [("1200.505", "load.reason_amount_decimals")])
    rule = '{ header = "amount", round = true }'
    assert amounts(tmp_path / "b", "1200.505", "-0.004", spec=rule)[0] == {"1200.505": Decimal("1200.51"), "-0.004": Decimal(0)}


@pytest.mark.fault(33)
def test_numbers_of_programs_are_rejected(tmp_path: Path) -> None:
    shown = ("0x10", "1_000", "1e3")
    assert amounts(tmp_path / "a", *shown) == ({}, [(value, "load.reason_amount") for value in shown])
    text = '[[file]]\nmatch = "stages.csv"\ntable = "stages"\n[file.columns]\nstage = "stage"\nposition = "position"\n'
    lines = [f"S{number},{value}" for number, value in enumerate(("1", *shown))]
    export(tmp_path / "in", *lines, name="stages.csv", header="stage,position")
    book = Book(":memory:")
    load(book, tmp_path / "in", mapping_file(tmp_path / "map", text), exported_at=DAY)
    rejected = book.rejects().sort("source_line").select("source_line", "value", "reason").rows()
    assert rejected == [(line, value, "load.reason_integer") for line, value in enumerate(shown, 3)]


@pytest.mark.fault(34)
def test_a_bad_value_far_down_is_named(tmp_path: Path) -> None:
    case = Case(tmp_path)
    lines = [f"D{number},{number},{DAY}," for number in range(25_000)]
    lines[22_221] = f"D22221,12o,{DAY},"
    report = case.load(*lines)
    assert report.n_loaded == 24_999
    assert case.rejects() == [("deals.csv", 22_223, "amount", "12o", "load.reason_amount")]


@pytest.mark.fault(35)
def test_ids_stay_as_they_are(tmp_path: Path) -> None:
    ids = ["00123", "1E5", "123456789012345678", "9007199254740993123", "NA", "None", "null", "TRUE", "1.0", "-"]
    case = Case(tmp_path)
    case.load(*(f"{value},1,{DAY}," for value in ids))
    assert (list(case.column("amount")), case.rejects()) == (sorted(ids), [])


@pytest.mark.fault(37)
def test_an_ambiguous_column_is_rejected_until_its_order_is_stated(tmp_path: Path) -> None:
    shown = ("03/04/2026", "05/06/2026")
    expected = [(3, "03/04/2026", "load.reason_date_order"), (4, "05/06/2026", "load.reason_date_order")]
    assert moments(tmp_path / "a", *shown) == ([], expected)
    stated = '{ header = "created_at", format = "dmy" }'
    assert moments(tmp_path / "b", *shown, spec=stated) == ([dt.datetime(2026, 4, 3), dt.datetime(2026, 6, 5)], [])


@pytest.mark.fault(37)
def test_one_value_of_the_column_proves_the_order_of_all(tmp_path: Path) -> None:
    read, rejected = moments(tmp_path / "a", "03/04/2026", "13/04/2026 08:30")
    assert (read, rejected) == ([dt.datetime(2026, 4, 3), dt.datetime(2026, 4, 13, 8, 30)], [])
    read, rejected = moments(tmp_path / "b", "03/04/2026", "04/13/2026 08:30")
    assert (read, rejected) == ([dt.datetime(2026, 3, 4), dt.datetime(2026, 4, 13, 8, 30)], [])


@pytest.mark.fault(37)
def test_a_column_that_proves_both_orders_is_rejected_whole(tmp_path: Path) -> None:
    read, rejected = moments(tmp_path, "03/04/2026", "13/04/2026", "04/13/2026")
    assert read == []
    assert [row[2] for row in rejected] == ["load.reason_date_order"] * 3


@pytest.mark.fault(38)
def test_days_that_cannot_be_are_rejected(tmp_path: Path) -> None:
    shown = ("2026-02-30", "0000-00-00", "1900-01-00", "2062-01-03")
    read, rejected = moments(tmp_path, *shown)
    reasons = ["load.reason_date_impossible"] * 3 + ["load.reason_date_future"]
    assert (read, rejected) == ([], list(zip(range(3, 7), shown, reasons, strict=True)))


@pytest.mark.fault(38)
def test_plans_may_lie_where_facts_cannot(tmp_path: Path) -> None:
    case = Case(tmp_path)
    case.load(f"D1,1,{DAY},2062-01-03", f"D2,1,{DAY},2101-01-03")
    assert case.column("expected_close_on") == {"D1": dt.date(2062, 1, 3)}
    assert case.rejects() == [("deals.csv", 3, "expected", "2101-01-03", "load.reason_date_year")]


@pytest.mark.fault(39)
def test_a_serial_as_text_is_no_date_until_it_is_stated(tmp_path: Path) -> None:
    assert moments(tmp_path / "a", "46083") == ([], [(3, "46083", "load.reason_date")])
    sheets = '{ header = "created_at", format = "excel" }'
    assert moments(tmp_path / "b", "46083", "46083.5", spec=sheets)[0] == [dt.datetime(2026, 3, 2), dt.datetime(2026, 3, 2, 12)]
    old = '{ header = "created_at", format = "excel1904" }'
    assert moments(tmp_path / "c", "44621", spec=old)[0] == [dt.datetime(2026, 3, 2)]


@pytest.mark.fault(39)
def test_a_serial_in_a_workbook_is_no_date_but_a_date_cell_is(tmp_path: Path) -> None:
    case = Case(tmp_path)
    rows: list[list[object]] = [HEADER.split(","), ["D1", 1, dt.datetime(2026, 3, 2), None], ["D2", 1, 46083, None]]
    workbook(tmp_path / "in" / "deals.xlsx", rows)
    load(case.book, tmp_path / "in", case.mapping, exported_at="2026-06-30")
    assert case.column("created_at") == {"D1": dt.datetime(2026, 3, 2)}
    assert case.rejects() == [("deals.xlsx", 3, "created_at", "46083", "load.reason_date")]


@pytest.mark.fault(40)
def test_a_moment_in_utc_falls_on_the_companys_day(tmp_path: Path) -> None:
    expected = [dt.datetime(2026, 1, 3, 2, 30)] * 2
    assert moments(tmp_path / "a", "2026-01-02T18:30:00Z", "2026-01-02 18:30:00 UTC") == (expected, [])
    stated = '{ header = "created_at", zone = "UTC" }'
    assert moments(tmp_path / "b", "2026-01-02 18:30:00", "2026-01-02T18:30", spec=stated) == (expected, [])
    epoch = '{ header = "created_at", format = ["unix_ms", "unix"] }'
    assert moments(tmp_path / "c", "1767378600000", spec=epoch)[0] == expected[:1]


@pytest.mark.fault(41)
def test_hours_that_clocks_skip_or_show_twice_are_rejected(tmp_path: Path) -> None:
    stated = '{ header = "created_at", zone = "America/New_York" }'
    shown = ("2026-03-08 02:30:00", "2026-11-01 01:30:00", "2026-03-08 03:30:00")
    read, rejected = moments(tmp_path, *shown, spec=stated)
    assert read == [dt.datetime(2026, 3, 8, 15, 30)]
    assert rejected == [(line, value, "load.reason_date_clock_change") for line, value in enumerate(shown[:2], 3)]

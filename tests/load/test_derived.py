from __future__ import annotations

import datetime as dt
from pathlib import Path

import polars as pl
import pytest
from exports import export, mapping_file

from salesiq.book import Book
from salesiq.errors import InputError, UsageError
from salesiq.load import LoadReport, load
from salesiq.load.mapping import parse_mapping

MAPPING = """\
[[file]]
match = "deals*.csv"
table = "deals"
deleted = "is_true(coalesce(is_deleted))"
where = "kind != 'test'"
[file.columns]
deal_id = "id"
created_at = "created"
[file.derived]
owner_id = "coalesce(seller, head)"
name = "concat(first, ' ', last)"
amount = "round(price * quantity, 2)"
status = "if(is_empty(closed), '开', outcome)"
[file.values.status]
"开" = "open"
"赢" = "won"
"""
HEADER = "id,created,kind,seller,head,first,last,price,quantity,closed,outcome,is_deleted"


def deals(tmp_path: Path, *lines: str, header: str = HEADER, text: str = MAPPING) -> tuple[Book, LoadReport]:
    export(tmp_path / "in", *lines, header=header)
    book = Book(":memory:")
    return book, load(book, tmp_path / "in", mapping_file(tmp_path, text), exported_at="2026-02-01")


def rows(book: Book, columns: str, as_of: str = "2026-06-30") -> list[tuple[object, ...]]:
    found = book.as_of(as_of).sql(f"SELECT {columns} FROM base.deals(as_of := $as_of) WHERE NOT is_gone ORDER BY deal_id")
    return [tuple(str(value) if value is not None else None for value in row) for row in found.rows()]


def test_columns_are_made_from_others(tmp_path: Path) -> None:
    book, report = deals(
        tmp_path,
        "D1,2026-01-03,a,S1,H1,Li,Wei,19.99,3,,,false",
        "D2,2026-01-03,a,,H2,,Wang,1.005,1,2026-01-04,赢,FALSE",
    )
    assert (report.n_new, report.n_rejected) == (2, 0)
    assert rows(book, "deal_id, owner_id, name, amount, status") == [
        ("D1", "S1", "Li Wei", "59.97", "open"),
        ("D2", "H2", "Wang", "1.01", "won"),
    ]
    assert not any("unused" in row["remark"] for row in report.remarks.to_dicts())


def test_rows_left_out_and_deleted_ones_are_skipped_and_counted(tmp_path: Path) -> None:
    book, report = deals(
        tmp_path,
        "D1,2026-01-03,a,S1,,,,1,1,,,false",
        "D2,2026-01-03,test,S1,,,,1,1,,,false",
        "D3,2026-01-03,a,S1,,,,1,1,,,true",
        "D4,2026-01-03,test,S1,,,,x,1,,,true",
        ",,,,,,,,,,,",
    )
    assert rows(book, "deal_id") == [("D1",)]
    assert (report.n_rows_in, report.n_new, report.n_rejected, report.n_skipped) == (5, 1, 0, 4)
    told = {(row["remark"], row["detail"]): row["n"] for row in report.remarks.rows(named=True)}
    assert told["skipped_where", "kind != 'test'"] == 2
    assert told["skipped_deleted", None] == 1
    assert told["skipped_blank", None] == 1
    assert "kind != 'test'" in report.message("zh")


def test_what_cannot_be_calculated_is_rejected_with_the_cells_it_came_from(tmp_path: Path) -> None:
    _, report = deals(tmp_path, "D1,2026-01-03,a,S1,,,,abc,3,,,false", "D2,2026-01-03,a,S1,,,,1,1,,,perhaps")
    found = report.rejects.select("source_line", "source_column", "value", "reason").rows()
    assert found == [
        (2, "price, quantity", "abc | 3", "load.reason_expression_number"),
        (3, "kind, is_deleted", "a | perhaps", "load.reason_expression_truth"),
    ]


def test_a_header_that_an_expression_needs_and_the_file_lacks(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"kind") as caught:
        deals(tmp_path, "D1,2026-01-03,a", header="id,created,kinds")
    assert caught.value.exit_code == 3
    assert "kinds" in str(caught.value)


def test_headers_in_coalesce_need_not_be_there(tmp_path: Path) -> None:
    header = "id,created,kind,head"
    book, report = deals(tmp_path, "D1,2026-01-03,a,H1", header=header)
    assert rows(book, "owner_id, name, amount") == [("H1", None, None)]
    absent = next(row["detail"] for row in report.remarks.rows(named=True) if row["remark"] == "remark_column_absent")
    assert absent == "name, amount, status"


def test_a_column_is_fed_once() -> None:
    text = MAPPING.replace('deal_id = "id"', 'deal_id = "id"\nname = "title"')
    with pytest.raises(UsageError, match=r"deals\.name twice"):
        parse_mapping(text, "own", "own.toml")


HISTORY = """\
[[file]]
match = "deals_history*.csv"
table = "deals"
history = { from = "start", to = "end", active = "active" }
deleted = "is_true(is_deleted)"
[file.columns]
deal_id = "id"
amount = "amount"
stage = "stage"
created_at = "created"

[[file]]
match = "deals_now*.csv"
table = "deals"
[file.columns]
deal_id = "id"
amount = "amount"
stage = "stage"
created_at = "created"
"""
PAST = "id,amount,stage,created,start,end,active,is_deleted"


def history(tmp_path: Path, *lines: str) -> tuple[Book, LoadReport]:
    export(tmp_path / "in", *lines, header=PAST, name="deals_history.csv")
    book = Book(":memory:")
    return book, load(book, tmp_path / "in", mapping_file(tmp_path, HISTORY))


def test_a_history_fills_the_past(tmp_path: Path) -> None:
    export(tmp_path / "in", "D1,30,C,2026-01-01", header="id,amount,stage,created", name="deals_now.csv")
    book, report = history(
        tmp_path,
        "D1,30,C,2026-01-01,2026-03-01 00:00:00,9999-12-31 23:59:59,true,false",
        "D1,10,A,2026-01-01,2026-01-01 00:00:00,2026-01-31 23:59:59.999,false,false",
        "D1,20,B,2026-01-01,2026-02-01 00:00:00,,false,false",
    )
    assert (report.n_rejected, report.n_skipped, report.n_loaded) == (0, 0, 4)
    assert [rows(book, "amount", as_of=day) for day in ("2026-01-15", "2026-02-01", "2026-02-28", "2026-04-01")] == [
        [("10.00",)],
        [("20.00",)],
        [("20.00",)],
        [("30.00",)],
    ]
    assert report.n_unchanged == 1
    assert report.exported_at == dt.datetime(2026, 3, 1)


def test_a_deleted_version_ends_the_one_before(tmp_path: Path) -> None:
    book, report = history(
        tmp_path,
        "D1,10,A,2026-01-01,2026-01-01,2026-02-01,false,false",
        "D1,10,A,2026-01-01,2026-02-01,9999-12-31 23:59:59,true,true",
    )
    assert (report.n_new, report.n_skipped) == (1, 1)
    assert rows(book, "deal_id", as_of="2026-01-15") == [("D1",)]
    assert rows(book, "deal_id", as_of="2026-02-15") == []
    gone = book.as_of("2026-02-15").sql("SELECT deal_id FROM base.deals(as_of := $as_of) WHERE is_gone")
    assert gone["deal_id"].to_list() == ["D1"]


def test_versions_told_twice_or_in_two_ways(tmp_path: Path) -> None:
    book, report = history(
        tmp_path,
        "D1,10,A,2026-01-01,2026-01-01,,true,false",
        "D1,10,A,2026-01-01,2026-01-01,,true,false",
        "D2,10,A,2026-01-01,2026-01-01,,true,false",
        "D2,11,A,2026-01-01,2026-01-01,,true,false",
        "D3,11,A,2026-01-01,yesterday,,true,false",
    )
    assert sorted(report.rejects["reason"]) == [
        "load.reason_conflict",
        "load.reason_conflict",
        "load.reason_copy",
        "load.reason_date",
    ]
    assert rows(book, "deal_id") == [("D1",)]


def test_a_history_needs_its_headers(tmp_path: Path) -> None:
    export(
        tmp_path / "in",
        "D1,10,A,2026-01-01,2026-01-01,false",
        header="id,amount,stage,created,begin,is_deleted",
        name="deals_history.csv",
    )
    with pytest.raises(InputError, match="start"):
        load(Book(":memory:"), tmp_path / "in", mapping_file(tmp_path, HISTORY))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (('from = "start", ', ""), "lacks the key from in history"),
        (('to = "end"', 'till = "end"'), "history till. The nearest is"),
        (('to = "end"', "to = 5"), "history must be"),
        (('table = "deals"\nhistory', 'table = "stage_events"\nhistory'), "gives a history for stage_events"),
    ],
)
def test_what_a_history_cannot_mean(change: tuple[str, str], message: str) -> None:
    assert change[0] in HISTORY
    with pytest.raises(UsageError, match=r"own\.toml") as caught:
        parse_mapping(
            HISTORY.replace(*change).replace('amount = "amount"\n', "").replace('created_at = "created"\n', ""),
            "own",
            "own.toml",
        )
    assert message in str(caught.value)


def test_typed_cells_are_calculated_as_their_text(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    frame = pl.DataFrame({"id": [7], "n": [3], "price": [2024.994], "day": [dt.datetime(2026, 1, 3)]})
    frame.with_columns(pl.col("price").cast(pl.Decimal(19, 4))).write_parquet(tmp_path / "in" / "deals.parquet")
    text = """[[file]]
match = "deals.parquet"
table = "deals"
[file.columns]
created_at = "day"
[file.derived]
deal_id = "concat('D', id)"
amount = "round(price * n, 2)"
name = "concat(year(date(day)), '-Q', quarter(date(day)))"
"""
    book = Book(":memory:")
    assert load(book, tmp_path / "in", mapping_file(tmp_path, text)).n_new == 1
    assert rows(book, "deal_id, amount, name") == [("D7", "6074.98", "2026-Q1")]

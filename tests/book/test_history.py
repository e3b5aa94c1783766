"""History: what a later export changes, and what it must not change."""

from __future__ import annotations

import datetime as dt
from typing import Any

import polars as pl
import pytest

from salesiq.book import Book, MergeCounts

D = dt.datetime
FIRST, SECOND = D(2026, 3, 1), D(2026, 3, 8)


def deals(**changes: Any) -> pl.DataFrame:
    row = {"deal_id": "D1", "created_at": D(2026, 1, 5), "amount": 100, "stage": "quote", "status": "open", "closed_at": None}
    return pl.DataFrame([{**row, **changes}], schema_overrides={"closed_at": pl.Datetime("us")})


def book_of(*loads: tuple[dt.datetime, dict[str, pl.DataFrame]]) -> Book:
    book = Book()
    for number, (moment, frames) in enumerate(loads):
        with book.write() as writer:
            for table, frame in frames.items():
                writer.merge(table, frame, load_id=str(number), exported_at=moment)
                row = {"load_id": str(number), "table_name": table, "source_file": "t", "file_hash": str(number)}
                writer.log("loads", pl.DataFrame({**row, "exported_at": moment, "n_rows_in": frame.height}))
    return book


def seen(book: Book, moment: dt.datetime, *columns: str, table: str = "base.deals") -> list[tuple[Any, ...]]:
    return book.as_of(moment).run(table, order=(columns[0],)).select(columns).rows()


def test_a_changed_attribute_is_seen_from_its_export_on() -> None:
    book = book_of((FIRST, {"deals": deals()}), (SECOND, {"deals": deals(amount=250)}))
    assert seen(book, D(2026, 3, 7), "amount", "is_hindsight") == [(100, False)]
    assert seen(book, SECOND, "amount", "is_hindsight") == [(250, False)]
    # before the first export nobody knows the amount of then: the oldest known stands in, and says so
    assert seen(book, D(2026, 2, 1), "amount", "is_hindsight") == [(100, True)]


def test_a_deal_is_open_until_it_closes_whatever_is_known_later() -> None:
    book = book_of((FIRST, {"deals": deals(status="won", closed_at=D(2026, 2, 10), stage="won")}))
    assert seen(book, D(2026, 2, 9), "status", "closed_at", "stage") == [("open", None, None)]
    assert seen(book, D(2026, 2, 10), "status", "closed_at") == [("won", D(2026, 2, 10))]


def test_stage_is_rebuilt_from_events_between_exports() -> None:
    events = pl.DataFrame({"deal_id": ["D1"] * 2, "stage": ["lead", "quote"], "entered_at": [D(2026, 1, 5), D(2026, 2, 1)]})
    later = pl.DataFrame({"deal_id": ["D1"], "stage": ["won"], "entered_at": [D(2026, 3, 4)]})
    book = book_of(
        (FIRST, {"deals": deals(), "stage_events": events}),
        (SECOND, {"deals": deals(status="won", stage="won", closed_at=D(2026, 3, 4)), "stage_events": later}),
    )
    rows = [
        seen(book, moment, "stage", "status")[0] for moment in (D(2026, 1, 20), D(2026, 2, 5), D(2026, 3, 3), D(2026, 3, 5))
    ]
    assert rows == [("lead", "open"), ("quote", "open"), ("quote", "open"), ("won", "won")]


def test_a_late_row_is_not_known_before_its_export() -> None:
    on_time = pl.DataFrame({"receipt_no": ["A"], "received_on": [dt.date(2026, 2, 20)], "amount": [1]})
    late = pl.DataFrame(
        {"receipt_no": ["B", "C"], "received_on": [dt.date(2026, 2, 21), dt.date(2026, 3, 5)], "amount": [2, 3]}
    )
    book = book_of((FIRST, {"receipts": on_time}), (SECOND, {"receipts": late}))
    receipts = {
        day: [r[0] for r in seen(book, D(2026, 3, day, 23, 59, 59, 999999), "receipt_no", table="base.receipts")]
        for day in (2, 5, 8)
    }
    assert receipts == {2: ["A"], 5: ["A", "C"], 8: ["A", "B", "C"]}


def test_a_day_is_known_when_it_is_over() -> None:
    book = book_of((FIRST, {"receipts": pl.DataFrame({"receipt_no": ["A"], "received_on": [dt.date(2026, 2, 20)]})}))
    assert seen(book, D(2026, 2, 20, 12), "receipt_no", table="base.receipts") == []
    assert seen(book, D(2026, 2, 21), "receipt_no", table="base.receipts") == [("A",)]


def test_a_record_is_known_when_it_was_entered() -> None:
    visit = pl.DataFrame({"activity_id": ["V"], "occurred_at": [D(2026, 2, 1)], "recorded_at": [D(2026, 2, 9)]})
    book = book_of((FIRST, {"activities": visit}))
    assert seen(book, D(2026, 2, 8), "activity_id", table="base.activities") == []
    assert seen(book, D(2026, 2, 9), "activity_id", table="base.activities") == [("V",)]


@pytest.mark.parametrize(
    ("table", "row", "moment", "masked"),
    [
        (
            "approvals",
            {"approval_id": "A", "submitted_at": D(2026, 1, 2), "decided_at": D(2026, 1, 9), "outcome": "approved"},
            "decided_at",
            "outcome",
        ),
        ("documents", {"document_id": "A", "sent_at": D(2026, 1, 2), "opened_at": D(2026, 1, 9)}, "opened_at", "opened_at"),
        (
            "proposals",
            {"proposal_id": "A", "submitted_at": D(2026, 1, 2), "reviewed_at": D(2026, 1, 9), "is_passed": True},
            "reviewed_at",
            "is_passed",
        ),
        ("reps", {"rep_id": "A", "hired_on": dt.date(2026, 1, 2), "left_on": dt.date(2026, 1, 9)}, "left_on", "left_on"),
    ],
)
def test_what_is_revealed_later_is_masked(table: str, row: dict[str, Any], moment: str, masked: str) -> None:
    book = book_of((FIRST, {table: pl.DataFrame([row])}))
    assert seen(book, D(2026, 1, 8), moment, table=f"base.{table}") == [(None,)]
    assert seen(book, D(2026, 1, 8), masked, table=f"base.{table}") == [(None,)]
    assert seen(book, D(2026, 1, 10), masked, table=f"base.{table}") == [(row[masked],)]


def test_the_same_export_again_changes_nothing() -> None:
    book = Book()
    counts = []
    for moment in (FIRST, SECOND):
        with book.write() as writer:
            counts.append(writer.merge("deals", deals(), load_id="1", exported_at=moment))
    assert counts == [MergeCounts(1, 0, 0), MergeCounts(0, 0, 1)]
    assert dict(book.tables().select("table_name", "n_rows").rows())["deals"] == 1


def test_a_deal_without_a_beginning_is_known_from_its_export() -> None:
    book = book_of((FIRST, {"deals": deals(created_at=None).with_columns(created_at=pl.lit(None, pl.Datetime("us")))}))
    assert seen(book, D(2026, 2, 28), "deal_id") == []
    assert seen(book, FIRST, "deal_id") == [("D1",)]


def test_frames_may_bring_their_own_history() -> None:
    versions = pl.concat([deals(amount=1), deals(amount=2)]).with_columns(
        known_from=pl.Series([D(2026, 1, 6), D(2026, 2, 1)]), known_to=pl.Series([D(2026, 2, 1), None])
    )
    book = Book.from_frames(deals=versions)
    assert [seen(book, moment, "amount", "is_hindsight") for moment in (D(2026, 1, 5, 12), D(2026, 1, 20), D(2026, 2, 1))] == [
        [(1, True)],
        [(1, False)],
        [(2, False)],
    ]

"""Features: against values counted by hand, and blind to what was only known later."""

from __future__ import annotations

import datetime as dt

import polars as pl
import pytest

from salesiq import forecast
from salesiq.book import Book
from salesiq.forecast.features import READS

DAY = dt.timedelta(days=1)
NOW = dt.datetime(2026, 3, 1)
LATER_ONLY = ("amount", "tier", "is_new_customer", "source", "product_line", "days_to_expected_close")


def book(exported_at: dt.datetime = NOW + 30 * DAY) -> Book:
    deals = pl.DataFrame(
        {
            "deal_id": ["D1", "D2", "D3"],
            "customer_id": ["C1", "C1", "C1"],
            "owner_id": ["R9", "R9", "R9"],
            "amount": [500, 600, 700],
            "source": ["fair", "fair", "fair"],
            "expected_close_on": [dt.date(2026, 3, 11)] * 3,
            "created_at": [NOW - 40 * DAY, NOW - 90 * DAY, NOW - 80 * DAY],
            "status": ["open", "won", "lost"],
            "closed_at": [None, NOW - 20 * DAY, NOW + 5 * DAY],
        }
    )
    events = pl.DataFrame(
        [("D1", "lead", 40), ("D1", "proposal", 30), ("D1", "lead", 25), ("D1", "proposal", 12)],
        schema=["deal_id", "stage", "days"],
        orient="row",
    ).select("deal_id", "stage", entered_at=NOW - pl.col("days") * pl.duration(days=1))
    acts = [
        ("A1", "D1", 35, "outbound", "pain", "fit", "call", None),
        ("A2", "D1", 20, "inbound", "pain", None, None, None),
        ("A3", "D1", 10, "inbound", "pain", "fit", "call", NOW - 2 * DAY),
        ("A4", "D2", 30, "outbound", None, None, None, None),
    ]
    activities = pl.DataFrame(
        [(a, d, "R1", NOW - n * DAY, way, pain, fit, step, due) for a, d, n, way, pain, fit, step, due in acts],
        schema={
            "activity_id": pl.String, "deal_id": pl.String, "rep_id": pl.String, "occurred_at": pl.Datetime("us"),
            "direction": pl.String, "pain_point": pl.String, "solution_fit": pl.String, "next_step": pl.String,
            "next_step_due_at": pl.Datetime("us"),
        },
        orient="row",
    )  # fmt: skip
    documents = pl.DataFrame(
        {"document_id": ["P1", "P2"], "deal_id": ["D1", "D1"], "sent_at": [NOW - 9 * DAY, NOW - 3 * DAY],
         "opened_at": [NOW - 8 * DAY, NOW + DAY]}
    )  # fmt: skip
    customers = pl.DataFrame({"customer_id": ["C1"], "tier": ["A"], "created_at": [NOW - 900 * DAY]})
    return Book.from_frames(
        deals=deals,
        stage_events=events,
        activities=activities,
        documents=documents,
        customers=customers,
        exported_at=exported_at,
    )


def test_counted_by_hand() -> None:
    found = forecast.features(book().as_of(NOW))
    assert found["deal_id"].to_list() == ["D1", "D3"]
    assert found["days_since_activity"].to_list()[1] is None  # never is no number of days
    row = found.row(0, named=True)
    assert row["age_days"] == pytest.approx(40)
    assert row["stage_days"] == pytest.approx(12)
    assert (row["stage"], row["n_visits"], row["n_moves_back"]) == ("proposal", 4, 1)
    assert (row["n_activities_14"], row["n_activities_30"], row["n_activities_90"], row["n_activities"]) == (1, 2, 3, 3)
    assert (row["n_inbound_14"], row["n_inbound_30"], row["n_inbound"]) == (1, 2, 2)
    assert (row["days_since_activity"], row["days_since_inbound"]) == (pytest.approx(10), pytest.approx(10))
    assert (row["n_documents"], row["n_documents_opened"], row["is_newest_opened"]) == (2, 1, False)
    # pain and fit; pain; all three
    assert row["complete_share"] == pytest.approx((2 + 1 + 3) / 9)
    assert (row["is_next_step_ahead"], row["is_next_step_overdue"]) == (False, True)
    assert row["days_to_quarter_end"] == 31
    # one deal closed, won, by the rep of its newest activity: (1 + 10 x 1) / (1 + 10)
    assert (row["rep_id"], row["rep_win_share"], row["everybody_win_share"]) == ("R1", pytest.approx(1.0), 1.0)


def test_attributes_known_only_later_are_null_and_known_ones_are_not() -> None:
    before = forecast.features(book().as_of(NOW)).row(0, named=True)
    assert [before[name] for name in LATER_ONLY] == [None] * len(LATER_ONLY)
    after = forecast.features(book(exported_at=NOW).as_of(NOW)).row(0, named=True)
    assert (float(after["amount"]), after["tier"], after["source"], after["days_to_expected_close"]) == (500.0, "A", "fair", 10)
    assert after["rep_id"] == "R9"


def test_a_sample_keeps_whole_deals(known_book: Book) -> None:
    now = known_book.as_of("2026-01-01")
    everything = forecast.features(now).drop("rep_win_share", "everybody_win_share")
    sampled = forecast.features(now.sample(3, READS)).drop("rep_win_share", "everybody_win_share")
    assert 0 < sampled.height < everything.height
    assert sampled.equals(everything.filter(pl.col("deal_id").is_in(sampled["deal_id"].implode())))

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import polars as pl
import pytest

from salesiq import targets
from salesiq.book import Book
from salesiq.calendar import Calendar

AS_OF = "2026-02-15"


@pytest.fixture
def frames(staff) -> dict[str, pl.DataFrame]:
    start = dt.datetime(2026, 1, 2, 9)
    customers = pl.DataFrame(
        {
            "customer_id": ["K1", "K2", "K3", "K4"],
            "name": ["Ann", "Bob", "Cy", "Di"],
            "tier": ["TOP50", "TOP50", "A", "TOP50"],
            "owner_id": ["P1", "P2", "P1", None],
        }
    )
    contacts = pl.DataFrame(
        {
            "contact_id": ["X2", "X1", "X3"],
            "customer_id": ["K1", "K1", "K2"],
            "name": ["later", "first", "user"],
            "title": ["CFO", "CEO", None],
            "buying_role": ["decision_maker", "decision_maker", "user"],
        }
    )
    deals = pl.DataFrame(
        {
            "deal_id": ["D1", "D2", "D3", "D4", "D5"],
            "customer_id": ["K1", "K1", "K2", "K2", "K3"],
            "owner_id": ["P1", "P1", "P2", "P2", "P1"],
            "amount": [Decimal(100), Decimal(900), Decimal(70), Decimal(999), Decimal(5000)],
            "status": ["open", "open", "won", "won", "open"],
            "stage": ["talk", "offer", None, None, "talk"],
            "created_at": [start] * 5,
            "closed_at": [None, None, dt.datetime(2026, 2, 3), dt.datetime(2025, 12, 30), None],
        },
        schema_overrides={"amount": pl.Decimal(18, 2), "closed_at": pl.Datetime("us")},
    )
    activities = pl.DataFrame(
        {
            "activity_id": ["A1", "A2", "A3"],
            "deal_id": ["D1", "D2", "D2"],
            "occurred_at": [dt.datetime(2026, 2, 2, 9), dt.datetime(2026, 2, 3, 9), dt.datetime(2026, 2, 4, 9)],
            "next_step": ["call", "visit", "sign"],
            "next_step_due_at": [dt.datetime(2026, 2, 18), dt.datetime(2026, 2, 20), dt.datetime(2026, 2, 5)],
        }
    )
    reps = staff({"P1": "T", "P2": "T", "M1": "T"}).with_columns(manager_id=pl.Series(["M1", "M1", None]))
    return {"customers": customers, "contacts": contacts, "deals": deals, "activities": activities, "reps": reps}


def test_customers_one_by_one(frames):
    chances = pl.DataFrame({"deal_id": ["D1", "D2", "D5"], "win_probability": [0.9, 0.4, 1.0]})
    found = targets.path(Book.from_frames(**frames).as_of(AS_OF), "2026-Q1", probabilities=chances)
    assert found["customer_id"].to_list() == ["K1", "K2", "K4"]  # K3 is no key customer
    ann = found.row(0, named=True)
    assert (ann["expected_amount"], ann["open_amount"], ann["won_amount"]) == (Decimal(450), Decimal(1000), Decimal(0))
    assert (ann["deal_id"], ann["stage"], ann["win_probability"]) == ("D2", "offer", 0.4)
    assert (ann["decision_maker"], ann["decision_maker_title"]) == ("first", "CEO")
    assert (ann["next_step"], ann["next_step_due_at"]) == ("call", dt.datetime(2026, 2, 18))  # the earliest that is ahead
    assert (ann["rank"], ann["gaps"]) == (1, [])
    bob = found.row(1, named=True)
    assert (bob["won_amount"], bob["deal_id"], bob["decision_maker"]) == (Decimal(70), None, None)
    assert bob["gaps"] == ["no_decision_maker", "no_open_deal", "no_next_action"]
    assert found.row(2, named=True)["gaps"] == ["no_owner", "no_decision_maker", "no_open_deal", "no_next_action"]


def test_without_the_tier_the_largest(frames):
    chances = pl.DataFrame({"deal_id": ["D1", "D2", "D5"], "win_probability": [0.9, 0.4, 1.0]})
    found = targets.path(Book.from_frames(**frames).as_of(AS_OF), "2026-Q1", 2, tier="VIP", probabilities=chances)
    assert found.select("customer_id", "expected_amount").rows() == [("K3", Decimal(5000)), ("K1", Decimal(450))]


def test_expected_amounts_are_those_of_coverage(sample_snapshot):
    snapshot = sample_snapshot.earlier("2026-05-15")
    found = targets.path(snapshot, "2026-Q2")
    assert found.height == 49  # one of the fifty came later
    deals = targets.coverage_deals(snapshot, "2026-Q2")
    of_customers = dict(deals.group_by("customer_id").agg(pl.col("expected_amount").sum()).rows())
    for row in found.to_dicts():
        assert row["expected_amount"] == of_customers.get(row["customer_id"], Decimal(0))
    assert found["decision_maker"].null_count() == 0


def test_seventy_two_working_hours(frames):
    """K1's last word was on Wednesday 4 February at 9:00: 8 working days of 9 hours are full on Saturday the 14th, worked."""
    book = Book.from_frames(**frames)
    before = targets.stale_customers(book.as_of("2026-02-13T18:00:00"))
    assert before["customer_id"].to_list() == ["K4", "K2"]
    assert before.select("customer_id", "last_update_at").row(0) == ("K4", None)  # never
    after = targets.stale_customers(book.as_of("2026-02-14T09:30:00"))
    assert after["customer_id"].to_list() == ["K4", "K2", "K1"]
    ann = after.row(2, named=True)
    assert (ann["rep_name"], ann["manager_id"], ann["manager_name"]) == ("name P1", "M1", "name M1")
    assert (ann["idle_hours"], ann["n_open_deals"], ann["open_amount"]) == (72.5, 2, Decimal(1000))
    # without the make-up Saturday it is still quiet; three working days are 27 hours
    assert (
        targets.stale_customers(book.as_of("2026-02-14T09:30:00"), calendar=Calendar.from_days({}, on_top_of="weekdays")).height
        == 2
    )
    assert targets.stale_customers(book.as_of("2026-02-07T09:30:00"), 27).height == 3 - 1


def test_silent_customers_of_the_sample_are_found(sample_company, sample_snapshot):
    """All whose deals did not move in the last eight working days either: a moved stage is an update too."""
    frames = sample_company.frames
    moved = (
        frames["stage_events"].filter(pl.col("entered_at") > dt.datetime(2026, 6, 18, 20)).join(frames["deals"], on="deal_id")
    )
    tiers = dict(frames["customers"].select("customer_id", "tier").rows())
    silent = {row["customer_id"] for row in sample_company.truth["process"]["silent_customers"]}
    wanted = {one for one in silent if tiers[one] == "TOP50"} - set(moved["customer_id"].to_list())
    assert len(wanted) >= 2
    assert wanted <= set(targets.stale_customers(sample_snapshot)["customer_id"].to_list())

"""Bad input: each fault is an error that names the rows, in both languages."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import polars as pl
import pytest

from salesiq import targets
from salesiq.book import Book
from salesiq.errors import UsageError

AS_OF = "2026-02-01"


def deals(currencies: list[str | None]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "deal_id": [f"D{n}" for n in range(len(currencies))],
            "currency": currencies,
            "amount": [Decimal(5)] * len(currencies),
        },
        schema_overrides={"currency": pl.String, "amount": pl.Decimal(18, 2)},
    ).with_columns(created_at=pl.lit(dt.datetime(2026, 1, 3)))


@pytest.fixture
def broken(org, staff, plan):
    tree = org({"C": None, "R": "C"})
    sound = plan({"C": 100, "R": 90})
    own = plan({"C": 100, "P1": 90})
    again = pl.concat([own, plan({"P1": 95}).with_columns(unit_id=pl.lit("R"))])
    return {
        "cycle": (
            {"org_units": org({"C": None, "A": "B", "B": "A"}), "targets": sound},
            "2 units lead back",
            "A (B; frames/org_units:2)",
        ),
        "unknown_parent": ({"org_units": org({"C": None, "R": "X"}), "targets": sound}, "parent", "R (X; frames/org_units:2)"),
        "negative_target": (
            {"org_units": tree, "targets": plan({"C": 100, "R": -90})},
            "negative",
            "R (2026-Q1, bookings: -90.00; frames/targets:2)",
        ),
        "bad_period": (
            {"org_units": tree, "targets": plan({"C": 100}, "Q1 2026")},
            "cannot be read",
            "C (Q1 2026; frames/targets:1)",
        ),
        "overlapping_periods": (
            {
                "org_units": tree,
                "targets": pl.concat([plan({"C": 1}, "2026-01-01/2026-04-01"), plan({"C": 1}, "2026-03-01/2026-06-01")]),
            },
            "cross",
            "C (2026-01-01/2026-04-01 x 2026-03-01/2026-06-01",
        ),
        "repeated_target": (
            {"org_units": tree, "reps": staff({"P1": "R"}), "targets": again},
            "2 targets repeat",
            "P1 (v1, 2026-Q1, bookings; frames/targets:2); P1 (v1, 2026-Q1, bookings; frames/targets:3)",
        ),
    }


@pytest.mark.parametrize(
    "name", ["cycle", "unknown_parent", "negative_target", "bad_period", "overlapping_periods", "repeated_target"]
)
def test_every_fault_names_its_rows(broken, name):
    frames, words, rows = broken[name]
    snapshot = Book.from_frames(**frames).as_of(AS_OF)
    assert name in targets.problems(snapshot)["problem"].to_list()
    for metric in (
        targets.decay_parts,
        lambda now: targets.coverage(now, "2026-Q1"),
        lambda now: targets.allocate(now, "2026-Q1", 5, top="C"),
    ):
        with pytest.raises(UsageError) as caught:
            metric(snapshot)
        assert words in str(caught.value)
        assert rows in str(caught.value)
        assert rows in caught.value.message("zh")
        assert caught.value.exit_code == 2


def test_several_currencies(org, plan):
    snapshot = Book.from_frames(
        org_units=org({"C": None}), targets=plan({"C": 1}), deals=deals(["CNY", "USD", "CNY", None])
    ).as_of(AS_OF)
    for metric in (targets.coverage, targets.path):
        with pytest.raises(UsageError, match=r"2 currencies: CNY \(2; frames/deals:1\); USD \(1; frames/deals:2\)"):
            metric(snapshot, "2026-Q1")
    with pytest.raises(UsageError, match="2 currencies"):
        targets.allocate(snapshot, "2026-Q1", 5)


def test_what_is_no_fault(org, plan):
    """A month in its quarter, a second version, a unit that closed, one currency with some unknown."""
    closed = org({"C": None, "R": "C", "T": "R"}).with_columns(
        valid_to=pl.when(pl.col("unit_id") == "R").then(dt.date(2026, 1, 20))
    )
    plans = [plan({"C": 1}), plan({"C": 1}, "2026-01"), plan({"C": 1}, "2026"), plan({"C": 2}, version="v2")]
    windows = [
        plan({"C": 1}, "2025-10-01/2026-01-01", measure="receipts"),
        plan({"C": 1}, "2026-01-01/2026-04-01", measure="receipts"),
    ]
    book = Book.from_frames(org_units=closed, targets=pl.concat(plans + windows), deals=deals(["CNY", None]))
    assert targets.problems(book.as_of(AS_OF)).is_empty()


def test_the_sample_company_is_sound(sample_snapshot):
    assert targets.problems(sample_snapshot).is_empty()


def test_two_targets_of_one_version_do_not_come_into_a_book(org, plan):
    with pytest.raises(UsageError, match="2026-Q1"):
        Book.from_frames(org_units=org({"C": None}), targets=pl.concat([plan({"C": 100}), plan({"C": 120})]))

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import polars as pl
import pytest

from salesiq import targets
from salesiq.book import Book, Snapshot
from salesiq.i18n import catalogue
from salesiq.targets.alignment_pack import CHANGES, REASONS, RISKS, SUPPORT


@pytest.fixture(scope="module")
def may(sample_book) -> Snapshot:
    return sample_book.as_of("2026-05-15")


@pytest.fixture(scope="module")
def pack(may: Snapshot) -> pl.DataFrame:
    return targets.alignment_pack(may, "2026-Q2")


def test_three_customers_of_their_own_for_every_rep(may, pack):
    reps = targets.coverage(may, "2026-Q2").filter(pl.col("rep_id").is_not_null())
    assert set(pack["rep_id"]) == set(reps["rep_id"])
    assert pack["rank"].drop_nulls().is_in([1, 2, 3]).all()
    owners = dict(may.sql("SELECT customer_id, owner_id FROM base.customers(as_of := $as_of)").rows())
    for row in pack.filter(pl.col("customer_id").is_not_null()).to_dicts():
        assert owners[row["customer_id"]] == row["rep_id"]
        assert set(row["reasons"]) <= set(REASONS)
        assert set(row["changes"]) <= set(CHANGES)
        assert row["changes"]
        assert row["support"] == list(dict.fromkeys(SUPPORT[risk] for risk in row["risks"]))
    worth = pack.with_columns(worth=pl.col("won_amount") + pl.col("expected_amount"))
    assert worth.select((pl.col("worth").diff().over("rep_id").fill_null(0) <= 0).all()).item()


def test_changes_are_those_between_the_two_moments(may, pack):
    """A second computation in plain Python from the deals as known then and now."""
    then, now = (
        {row["deal_id"]: row for row in moment.run("base.deals").to_dicts()}
        for moment in (may.earlier("2026-04-15T00:00:00"), may)
    )
    since = targets.alignment_pack(may, "2026-Q2", since="2026-04-15T00:00:00")
    for row in since.filter(pl.col("customer_id").is_not_null()).to_dicts():
        mine = [deal for deal in now.values() if deal["customer_id"] == row["customer_id"]]
        won = [
            deal
            for deal in mine
            if deal["status"] == "won" and then.get(deal["deal_id"], {"status": "open"})["status"] == "open"
        ]
        assert row["n_won_deals"] == len(won)
        assert row["won_since_amount"] == sum((deal["amount"] for deal in won), Decimal(0))
        assert row["n_new_deals"] == sum(deal["deal_id"] not in then for deal in mine)
        assert ("won" in row["changes"]) == bool(won)
        before = [
            deal["amount"] for deal in then.values() if deal["customer_id"] == row["customer_id"] and deal["status"] == "open"
        ]
        assert row["open_amount_before"] == sum(before, Decimal(0))


def test_risks_by_hand(org, staff, plan):
    start = dt.datetime(2026, 1, 2)
    deals = pl.DataFrame(
        {
            "deal_id": ["D1", "D2"],
            "customer_id": ["K1", "K2"],
            "amount": [Decimal(50), Decimal(40)],
            "expected_close_on": [dt.date(2026, 1, 20), dt.date(2026, 4, 1)],
        },
        schema_overrides={"amount": pl.Decimal(18, 2)},
    ).with_columns(owner_id=pl.lit("P1"), status=pl.lit("open"), created_at=pl.lit(start))
    talk = pl.DataFrame(
        {
            "activity_id": ["A"],
            "deal_id": ["D2"],
            "occurred_at": [dt.datetime(2026, 2, 13, 9)],
            "next_step_due_at": [dt.datetime(2026, 2, 20)],
        }
    )
    book = Book.from_frames(
        org_units=org({"C": None}),
        reps=staff({"P1": "C", "P2": "C"}),
        customers=pl.DataFrame({"customer_id": ["K1", "K2"], "owner_id": "P1", "tier": ["A", "TOP50"]}),
        contacts=pl.DataFrame({"contact_id": ["X"], "customer_id": ["K1"], "buying_role": ["decision_maker"]}),
        deals=deals,
        activities=talk,
        targets=plan({"C": 100, "P1": 100, "P2": 5}),
    )
    chances = pl.DataFrame({"deal_id": ["D1", "D2"], "win_probability": [0.5, 0.5]})
    found = targets.alignment_pack(book.as_of("2026-02-13T18:00:00"), "2026-Q1", probabilities=chances)
    one, two, nobody = found.to_dicts()
    assert (one["customer_id"], one["reasons"]) == ("K1", ["most_expected", "largest_open"])
    assert one["risks"] == ["no_next_action", "silent", "close_is_past"]
    assert one["support"] == ["agree_step", "joint_visit", "new_date"]
    assert one["changes"] == ["nothing"]  # both deals are older than a month
    assert (one["target_share"], one["uncovered_amount"]) == (0.25, Decimal(55))
    assert (two["customer_id"], two["reasons"], two["risks"]) == ("K2", ["key_tier"], ["no_decision_maker", "closes_later"])
    assert (nobody["rep_id"], nobody["customer_id"], nobody["uncovered_amount"]) == ("P2", None, Decimal(5))


def test_every_code_has_its_words():
    for lang in ("en", "zh"):
        texts = catalogue(lang, "targets")
        for kind, codes in (("reason", REASONS), ("change", CHANGES), ("risk", RISKS), ("support", SUPPORT.values())):
            assert {f"{kind}_{code}" for code in codes} <= set(texts)

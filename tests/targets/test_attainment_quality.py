from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from statsmodels.stats.proportion import proportion_confint

from salesiq import targets
from salesiq.book import Book
from salesiq.errors import UsageError
from salesiq.targets.attainment_quality import read_weights, wilson

WON = [  # owner, customer, amount, new, margin, closed
    ("P1", "K1", 100, True, 0.40, "2026-01-10"),
    ("P1", "K2", 300, False, 0.10, "2026-02-10"),
    ("P1", "K2", 100, None, 0.30, "2026-02-11"),
    ("P2", "K3", 500, True, None, "2026-03-31"),
    ("P2", "K3", 900, True, 0.5, "2026-04-01"),  # of the next quarter
]
BILLS = [
    ("V1", "K1", 1000, "2026-02-01"),
    ("V2", "K2", 500, "2026-02-15"),
    ("V3", "K3", 700, "2026-05-01"),
    ("V4", "K3", 9, "2026-04-20"),
]
PAID = [("V1", "2026-01-31", 600), ("V1", "2026-02-02", 400), ("V2", "2026-02-15", 501), ("V3", "2026-04-01", 1)]


@pytest.fixture
def snapshot(org, staff):
    deals = pl.DataFrame(
        [
            {
                "deal_id": f"D{n}",
                "owner_id": owner,
                "customer_id": customer,
                "amount": Decimal(amount),
                "is_new_customer": new,
                "margin_share": margin,
                "closed_at": dt.datetime.fromisoformat(day),
            }
            for n, (owner, customer, amount, new, margin, day) in enumerate(WON)
        ],
        schema_overrides={"amount": pl.Decimal(18, 2)},
    ).with_columns(status=pl.lit("won"), created_at=pl.lit(dt.datetime(2025, 12, 1)))
    invoices = pl.DataFrame(
        [
            {
                "invoice_id": one,
                "customer_id": who,
                "amount": Decimal(amount),
                "due_on": dt.date.fromisoformat(due),
                "issued_on": dt.date(2026, 1, 2),
            }
            for one, who, amount, due in BILLS
        ]
    )
    receipts = pl.DataFrame(
        [
            {"receipt_no": f"Y{n}", "invoice_id": one, "amount": Decimal(amount), "received_on": dt.date.fromisoformat(day)}
            for n, (one, day, amount) in enumerate(PAID)
        ]
    )
    customers = pl.DataFrame({"customer_id": ["K1", "K2", "K3"], "owner_id": ["P1", "P1", "P2"]})
    book = Book.from_frames(
        org_units=org({"C": None, "A": "C", "B": "C"}),
        reps=staff({"P1": "A", "P2": "B"}),
        deals=deals,
        invoices=invoices,
        receipts=receipts,
        customers=customers,
    )
    return book.as_of("2026-04-25")


def shares(found: pl.DataFrame, who: str) -> dict[str, float]:
    is_him = pl.coalesce("rep_id", "unit_id") == who
    return dict(found.filter(is_him).select("aspect", pl.col("share").round(6)).rows())


def test_shares_by_hand(snapshot):
    found = targets.attainment_quality(snapshot, "2026-Q1")
    assert shares(found, "P1") == {
        "new_customer": 0.25,
        "high_margin": 0.4,
        "on_time": round(1100 / 1500, 6),
        "concentration": 0.8,
    }
    assert shares(found, "P2") == {"new_customer": 1.0, "concentration": 1.0}  # no margin known, nothing due
    assert shares(found, "C") == {
        "new_customer": round(600 / 900, 6),
        "high_margin": 0.4,
        "on_time": round(1100 / 1500, 6),
        "concentration": 0.5,
    }
    assert found["rep_id"].drop_nulls().unique().sort().to_list() == ["P1", "P2"]
    row = found.filter(rep_id="P1", aspect="new_customer").row(0, named=True)
    assert (row["n"], row["amount"], row["peer_share"]) == (2, Decimal(400), 1.0)
    # what is due later, or was not yet due at the moment, says nothing
    later = targets.attainment_quality(snapshot, "2026-Q2")
    assert shares(later, "P2")["on_time"] == 0.0  # V4 was due on 20 April and not paid; V3 is not yet due


def test_the_score_is_the_weighted_mean_of_what_is_known(snapshot):
    rules = read_weights()
    found = targets.attainment_quality(snapshot, "2026-Q1").filter(rep_id="P1")
    points = [100 * min(1, 0.25 / 0.25), 100 * min(1, 0.4 / 0.35), 100 * min(1, (1100 / 1500) / 0.9), 100 * min(1, 0.3 / 0.8)]
    weights = [rules["weights"][aspect] for aspect in found["aspect"]]
    assert found["points"].to_list() == pytest.approx(points)
    assert found["score"].to_list() == pytest.approx([np.average(points, weights=weights)] * 4)


def test_intervals_are_those_of_wilson_by_another_library():
    for count, n in ((0, 7), (3, 10), (50, 100), (40, 40)):
        low, high = wilson(np.array([count / n]), np.array([float(n)]))
        assert (low[0], high[0]) == pytest.approx(proportion_confint(count, n, method="wilson"))


def test_one_large_deal_does_not_pass_for_many(snapshot):
    """Of P1's two deals one is three times the other: 400² / (100² + 300²) = 1.6 items."""
    row = targets.attainment_quality(snapshot, "2026-Q1").filter(rep_id="P1", aspect="new_customer").row(0, named=True)
    low, high = wilson(np.array([0.25]), np.array([1.6]))
    assert (row["low_share"], row["high_share"]) == pytest.approx((low[0], high[0]))
    assert row["against_plan"] is None


def test_weights_of_a_file(snapshot, tmp_path: Path):
    text = "high_margin_share = 0.05\n[plan]\nnew_customer = 1\nhigh_margin = 1\non_time = 1\nconcentration = 1\n"
    weights = "[weights]\nnew_customer = 0\nhigh_margin = 1\non_time = 0\nconcentration = 0\n"
    path = tmp_path / "own.toml"
    path.write_text(text + weights, encoding="utf-8")
    found = targets.attainment_quality(snapshot, "2026-Q1", weights=path).filter(rep_id="P1")
    assert found["score"].to_list() == [100.0] * 4  # every deal has five percent
    path.write_text(text + weights.replace("high_margin = 1", "high_margin = -1"), encoding="utf-8")
    with pytest.raises(UsageError, match="weights must be 0 or more"):
        read_weights(path)
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match="cannot be read"):
        read_weights(path)


def test_coverage_of_the_interval_with_unequal_amounts():
    """Simulation: log-normal amounts, a true share of .3: the interval holds it at least nine times in ten."""
    rng = np.random.default_rng(5)
    hits = 0
    for _ in range(2000):
        amounts, is_new = rng.lognormal(0, 0.8, 60), rng.random(60) < 0.3
        share = amounts[is_new].sum() / amounts.sum()
        low, high = wilson(np.array([share]), np.array([amounts.sum() ** 2 / (amounts**2).sum()]))
        hits += low[0] <= 0.3 <= high[0]
    assert 0.92 <= hits / 2000 <= 0.97


def test_the_sample_company_has_all_four(sample_snapshot):
    found = targets.attainment_quality(sample_snapshot, "2026-Q2")
    top = found.filter(pl.col("rep_id").is_null(), unit_id="U0")
    assert top["aspect"].to_list() == ["new_customer", "high_margin", "on_time", "concentration"]
    assert found.select(pl.col("share").is_between(pl.col("low_share"), pl.col("high_share")).all()).item()
    assert targets.attainment_quality(Book.from_frames().as_of("2026-01-31"), "2026-Q1").is_empty()

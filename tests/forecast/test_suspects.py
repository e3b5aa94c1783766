"""Suspects: planted leaks of every kind are named, honest columns are not, and the public ones that are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from salesiq.errors import UsageError
from salesiq.forecast import suspects

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"


def _rows(n: int = 3000, seed: int = 0) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    size = rng.normal(size=n)
    won = rng.random(n) < 1 / (1 + np.exp(1 - size))
    amount = np.round(rng.lognormal(10, 1, n), 2)
    return pl.DataFrame(
        {
            "won": won,
            "size": size,
            "noise": rng.normal(size=n),
            "region": rng.choice(["N", "S", "E"], n),
            "note": pl.Series(np.where(won | (rng.random(n) < 0.3), "x", "")).replace("", None),
            "amount": np.where(won, amount, np.round(amount, -3)),
            "order_no": np.where(won, 10_000_000, 0) * (rng.random(n) < 0.4) + rng.permutation(n),
            "closer": np.where(won & (rng.random(n) < 0.9), "contracts desk", rng.choice(["A", "B", "C", "D"], n)),
            "paid": np.where(won, "yes", "no"),
        }
    )


def test_every_planted_leak_is_named_with_its_kind_and_nothing_else() -> None:
    found = set(suspects(_rows(), "won").select("column", "why").rows())
    assert found == {
        ("note", "missing_tells"),
        ("amount", "roundness_tells"),
        ("order_no", "order_tells"),
        ("closer", "tells_outcome"),
        ("closer", "codes_are_outcome"),
        ("paid", "tells_outcome"),
        ("paid", "codes_are_outcome"),
    }


def test_pure_noise_is_never_suspected() -> None:
    rng = np.random.default_rng(1)
    for _ in range(5):
        rows = pl.DataFrame({f"c{k}": rng.normal(size=400) for k in range(20)}).with_columns(
            ids=pl.Series([f"D{k}" for k in rng.permutation(400)]), won=pl.Series(rng.random(400) < 0.3)
        )
        assert suspects(rows, "won").is_empty()


def test_the_area_is_that_of_the_rank_sum() -> None:
    rows = _rows()
    said = suspects(rows, "won").filter(pl.col("column") == "note")["auc"].item()
    filled, won = rows["note"].is_not_null(), rows["won"]
    higher = (filled & won).sum() * (~filled & ~won).sum()
    equal = (filled & won).sum() * (filled & ~won).sum() + (~filled & won).sum() * (~filled & ~won).sum()
    assert said == pytest.approx((higher + equal / 2) / (won.sum() * (~won).sum()))


@pytest.mark.parametrize("outcome", ["gone", "size", "few"])
def test_what_is_no_outcome_is_refused(outcome: str) -> None:
    rows = _rows(3000 if outcome != "few" else 50).rename({"won": "few"} if outcome == "few" else {})
    with pytest.raises(UsageError, match=outcome):
        suspects(rows, outcome)


@pytest.mark.skipif(not (DATA / "xeducation").exists(), reason="../shared/data is absent")
def test_what_the_publishers_of_leads_filled_in_afterwards_is_named() -> None:
    leads = pl.read_csv(DATA / "xeducation" / "Leads.csv", null_values=["Select"], infer_schema_length=None)
    assert {"Tags", "Lead Quality", "Lead Profile"} <= set(suspects(leads, "Converted")["column"])


@pytest.mark.skipif(not (DATA / "maven_crm").exists(), reason="../shared/data is absent")
def test_what_is_only_known_at_closing_is_named() -> None:
    deals = pl.read_csv(DATA / "maven_crm" / "sales_pipeline.csv", try_parse_dates=True).with_columns(
        won=pl.col("deal_stage") == "Won",
        days_to_close=(pl.col("close_date") - pl.col("engage_date")).dt.total_days(),
        close_month=pl.col("close_date").dt.month(),
    )
    named = set(suspects(deals.drop("deal_stage", "engage_date"), "won")["column"])
    assert {"close_value", "days_to_close", "close_month", "close_date"} <= named
    assert named.isdisjoint({"opportunity_id", "sales_agent", "product"})

"""The backtest of cash-in: plain methods by hand, the score by a double loop, coverage on the sample company."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import numpy as np
import polars as pl
import pytest
from cash_company import NOW, make, moment
from past_wins import past_weeks_again
from polars.testing import assert_frame_equal

from salesiq import sample
from salesiq.book import Book
from salesiq.errors import UsageError
from salesiq.forecast import cash_in, cash_in_backtest, cash_in_scores
from salesiq.forecast.cash_backtest import crps

DAY = dt.date(2025, 1, 1)


def small() -> Book:
    """One invoice of 100 a day, due after 10 days and paid after 12, but for every tenth, which is never paid."""
    n = 500
    ids = [f"V{k:03d}" for k in range(n)]
    issued = pl.Series([DAY + dt.timedelta(days=k) for k in range(n)])
    bills = {"invoice_id": ids, "customer_id": "C1", "issued_on": issued, "due_on": issued.dt.offset_by("10d"), "amount": 100}
    is_paid = pl.Series([k % 10 > 0 for k in range(n)])
    paid = {"invoice_id": ids, "received_on": issued.dt.offset_by("12d"), "amount": 100, "receipt_no": ids}
    return Book.from_frames(invoices=pl.DataFrame(bills), receipts=pl.DataFrame(paid).filter(is_paid))


def test_the_plain_methods_are_those_that_one_does_by_hand() -> None:
    book, now = small(), dt.date(2026, 3, 31)
    rows = cash_in_backtest(book, [now], 20, every=None, until="2026-04-30", n_paths=50)
    found = {row["method"]: row for row in rows.iter_rows(named=True)}
    paid = book.as_of("2026-04-30").sql("SELECT received_on, amount FROM base.receipts(as_of := $as_of)")

    def came(first: dt.date, days: int) -> Decimal:
        return paid.filter(pl.col("received_on").is_between(first, first + dt.timedelta(days=days - 1)))["amount"].sum()

    assert {row["actual_amount"] for row in found.values()} == {came(dt.date(2026, 4, 1), 20)}
    assert found["last_year"]["expected_amount"] == came(dt.date(2025, 4, 1), 20)
    stretches = [came(now - dt.timedelta(days=20 * k - 1), 20) for k in range(1, 19)]
    assert float(found["run_rate"]["expected_amount"]) == pytest.approx(float(sum(stretches)) / 18, abs=0.005)
    assert found["run_rate"]["low_80_amount"] == sorted(stretches)[1]  # the second lowest of 18
    # on the last day of March those issued since 20 March wait and are due in the period, and all that are never paid
    opened = [k for k in range((now - DAY).days + 1) if k % 10 == 0 or k > (now - DAY).days - 12]
    assert found["due_dates"]["expected_amount"] == 100 * len(opened)
    assert found["last_year"]["low_80_amount"] is None
    assert found["due_dates"]["crps_amount"] == abs(found["due_dates"]["expected_amount"] - found["due_dates"]["actual_amount"])


def test_the_simulated_row_is_what_cash_in_says() -> None:
    company = make(3, n_deals=150)
    book = Book.from_frames(exported_at=moment(NOW), **company.frames)
    then = moment(NOW - 60)
    rows = cash_in_backtest(book, [then], 30, by="unit_id", every=None, until=moment(NOW), n_paths=60)
    mine = rows.filter(pl.col("method") == "simulated")
    said = cash_in(book.as_of(then), 30, by="unit_id", every=None, n_paths=60).filter(pl.col("source") == "total")
    columns = ["unit_id", "start_on", "end_on", "expected_amount", "low_80_amount", "high_95_amount"]
    assert_frame_equal(mine.select(columns), said.select(columns))
    together = cash_in_backtest(book, [then], 30, every=None, until=moment(NOW), n_paths=60)
    assert mine["actual_amount"].sum() == together["actual_amount"][0]


def test_a_period_that_is_not_over_is_left_out() -> None:
    rows = cash_in_backtest(small(), ["2026-02-28"], 60, until="2026-04-15", n_paths=10)
    assert rows["end_on"].max() == dt.date(2026, 4, 1)
    with pytest.raises(UsageError, match="2026-05-01"):
        cash_in_backtest(small(), ["2026-05-01"], until="2026-04-15")


def test_the_score_is_that_of_a_double_loop() -> None:
    rng = np.random.default_rng(1)
    drawn, actual = rng.integers(0, 1000, 37), 400
    near = np.mean([abs(one - actual) for one in drawn])
    spread = np.mean([abs(one - other) for one in drawn for other in drawn])
    assert crps(drawn, actual) == pytest.approx(near - spread / 2)


def test_scores_are_those_of_the_rows() -> None:
    rows = cash_in_backtest(
        small(), ["2025-11-30", "2026-02-28"], 28, by="unit_id", every="week", until="2026-04-30", n_paths=60
    )
    scores = cash_in_scores(rows)
    assert scores["method"].to_list() == ["simulated", "run_rate", "last_year", "due_dates"]
    for row in scores.iter_rows(named=True):
        mine = rows.filter(pl.col("method") == row["method"])
        assert row["n"] == mine.height
        came = float(mine["actual_amount"].sum())
        assert row["bias_share"] == pytest.approx(float(mine["expected_amount"].sum()) / came - 1)
        assert row["crps_share"] == pytest.approx(float(mine["crps_amount"].sum()) / came)
    run = rows.filter(pl.col("method") == "run_rate")
    inside = [low <= came <= high for low, came, high in run.select("low_50_amount", "actual_amount", "high_50_amount").rows()]
    assert scores["covered_50_share"][1] == sum(inside) / len(inside)
    assert scores["covered_80_share"][2] is None
    assert scores["width_80_share"][3] is None
    assert scores["crps_ratio"][0] == 1


@pytest.mark.slow
def test_the_80_band_holds_four_fifths_on_the_sample_company() -> None:
    """Monthly cash of the company and of its units, pooled; wins to come are past weeks drawn again."""
    moments = ["2025-10-31", "2025-12-31", "2026-01-31", "2026-03-31"]
    rows = []
    for seed in (7, 11, 12):
        company = sample.generate(n_reps=24, seed=seed)
        book = Book.from_frames(exported_at=sample.EXPORTED_AT, **company.frames)
        for by in (None, "unit_id"):
            found = cash_in_backtest(
                book,
                moments,
                by=by,
                wins=lambda snapshot: past_weeks_again(snapshot, 90, 500),
                until="2026-06-30 23:59:59.999999",
            )
            rows.append(found.drop("unit_id", strict=False))
    scores = cash_in_scores(pl.concat(rows)).row(0, named=True)
    assert 0.75 <= scores["covered_80_share"] <= 0.87  # many units have months without any money, which lie in the band whole
    assert abs(scores["bias_share"]) < 0.08
    for table in rows[::2], rows[1::2]:
        ratios = cash_in_scores(pl.concat(table))
        assert (ratios["crps_ratio"][1:] > 1.5).all()
        assert ratios["width_80_share"][0] < ratios["width_80_share"][1]

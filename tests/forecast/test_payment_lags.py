"""Payment lags: against statsmodels, against a known law, and the books that accountants keep."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import numpy as np
import polars as pl
import pytest
from statsmodels.duration.survfunc import SurvfuncRight

from salesiq.book import Book, Snapshot
from salesiq.errors import UsageError
from salesiq.forecast.payment_lags import payment_lags
from salesiq.forecast.receivables import receivables

START = dt.date(2025, 1, 1)
END = START + dt.timedelta(days=540)


def _days(numbers: np.ndarray) -> pl.Series:
    return pl.Series([START + dt.timedelta(days=int(number)) for number in numbers], dtype=pl.Date)


def simulated(
    seed: int, n_customers: int = 60, mean_invoices: float = 8.0, spread: float = 0.5, mean_days: float = 40.0
) -> tuple[Snapshot, np.ndarray]:
    """Customers who pay at their own multiple of a constant hazard, 1 in 20 invoices never; returns their multiples too."""
    rng = np.random.default_rng(seed)
    factor = rng.gamma(1 / spread**2, spread**2, n_customers)
    customer = np.repeat(np.arange(n_customers), 1 + rng.poisson(mean_invoices, n_customers))
    issued = rng.integers(0, 500, len(customer))
    lag = 1 + np.floor(rng.exponential(mean_days / factor[customer])).astype(int)
    lag[rng.random(len(lag)) < 0.05] = 10_000
    paid = issued + lag
    ids = pl.Series([f"V{i:05d}" for i in range(len(customer))])
    invoices = pl.DataFrame(
        {"invoice_id": ids, "customer_id": [f"C{c:03d}" for c in customer], "issued_on": _days(issued), "amount": 100}
    )
    seen = paid <= 540
    receipts = pl.DataFrame(
        {"receipt_no": ids.filter(seen), "invoice_id": ids.filter(seen), "received_on": _days(paid[seen]), "amount": 100}
    )
    return Book.from_frames(invoices=invoices, receipts=receipts).as_of(END), factor


def test_everybody_is_kaplan_and_meier() -> None:
    now, _ = simulated(1, spread=0.2, mean_days=15)
    rows = now.sql(
        "SELECT date_diff('day', issued_on, coalesce(received_on, $end)) AS days, received_on IS NOT NULL AS is_paid "
        "FROM base.invoices(as_of := $as_of) AS i LEFT JOIN base.receipts(as_of := $as_of) AS r USING (invoice_id)",
        end=END,
    )
    curve = SurvfuncRight(rows["days"].to_numpy(), rows["is_paid"].to_numpy().astype(int))
    found = payment_lags(now, by=None).row(0, named=True)
    for name, share in (("median_days", 0.5), ("p75_days", 0.75), ("p90_days", 0.9)):
        assert found[name] == curve.quantile(share), name
    assert found["never_paid_share"] == pytest.approx(curve.surv_prob[-1], abs=0.004)  # what the curve never reaches
    assert found["naive_mean_days"] == pytest.approx(rows.filter("is_paid")["days"].mean())


def test_customers_intervals_cover_the_truth_and_beat_their_own_few_invoices() -> None:
    inside, n, shrunk_error, naive_error = 0, 0, 0.0, 0.0
    for seed in range(6):
        now, factor = simulated(seed)
        found = payment_lags(now)
        true = 1 + np.log(2 * 0.95 / (1 - 2 * 0.05)) * 40 / factor  # half of all, of whom 5 % never pay
        rows = found.with_columns(true=pl.Series(true[[int(name[1:]) for name in found["customer_id"]]]))
        high = rows["median_high_days"].fill_null(np.inf)
        inside += int(((rows["median_low_days"] <= rows["true"]) & (rows["true"] <= high)).sum())
        n += rows.height
        known = rows.filter(pl.col("median_days").is_not_null() & pl.col("naive_mean_days").is_not_null())
        shrunk_error += float((known["median_days"] / known["true"]).log().abs().sum())
        naive_error += float((known["naive_mean_days"] * np.log(2) / known["true"]).log().abs().sum())
    assert 0.91 <= inside / n <= 0.985
    assert shrunk_error < 0.85 * naive_error


def test_the_share_never_paid_is_covered() -> None:
    inside = 0
    for seed in range(40):
        now, _ = simulated(100 + seed, n_customers=40, spread=0.2, mean_days=15)
        found = payment_lags(now, by=None).row(0, named=True)
        inside += found["never_paid_low_share"] <= 0.05 <= found["never_paid_high_share"]
    assert inside >= 35


def test_a_short_history_tells_no_share_never_paid() -> None:
    now, _ = simulated(3)
    early = payment_lags(now.earlier(START + dt.timedelta(days=60)), by=None).row(0, named=True)
    assert not early["is_watched_long"]
    assert early["never_paid_share"] is None
    late = payment_lags(now, by=None).row(0, named=True)
    assert early["naive_mean_days"] < 0.75 * late["naive_mean_days"]  # the bias of the paid only, worst while all is young


def test_who_is_seen_little_leans_on_all() -> None:
    now, _ = simulated(5)
    found = payment_lags(now)
    assert np.corrcoef(found["n_invoices"], found["own_weight"])[0, 1] > 0.25
    assert found["own_weight"].is_between(0, 1).all()


def small(
    receipts: list[tuple[str, str | None, str | None, int, int]], notes: list[tuple[str, str | None, int]] = ()
) -> Snapshot:
    """Two invoices of 100 of one customer, issued on days 0 and 10; receipts: number, invoice, customer, day, amount."""
    bills = [("V1", "O1", 0, 100), ("V2", "O2", 10, 100), *((name, order, 20, -amount) for name, order, amount in notes)]
    invoices = pl.DataFrame(
        {
            "invoice_id": [name for name, *_ in bills],
            "order_id": [order for _, order, *_ in bills],
            "customer_id": "C1",
            "issued_on": [START + dt.timedelta(days=day) for *_, day, _ in bills],
            "amount": [Decimal(amount) for *_, amount in bills],
        }
    )
    money = pl.DataFrame(
        [(name, bill, who, START + dt.timedelta(days=day), Decimal(amount)) for name, bill, who, day, amount in receipts],
        dict.fromkeys(("receipt_no", "invoice_id", "customer_id"), pl.String)
        | {"received_on": pl.Date, "amount": pl.Decimal(18, 2)},
        orient="row",
    )
    return Book.from_frames(invoices=invoices, receipts=money).as_of(START + dt.timedelta(days=60))


def _open(now: Snapshot) -> dict[str, int]:
    bills = receivables(now).bills
    return dict(zip(bills["invoice_id"], bills["open_cents"], strict=True))


def test_a_refund_takes_back_the_newest_money_first() -> None:
    now = small([("Y1", "V1", "C1", 5, 60), ("Y2", "V1", "C1", 9, 40), ("Y3", "V1", "C1", 15, -50)])
    assert _open(now) == {"V1": 5000, "V2": 10000}
    assert receivables(now).payments.select("received_on", "cents").rows() == [(START + dt.timedelta(days=5), 5000)]


def test_what_is_paid_beyond_goes_to_the_next_open_invoice_and_the_rest_stays_apart() -> None:
    now = small([("Y1", "V1", "C1", 15, 250)])
    assert _open(now) == {"V1": 0, "V2": 0}
    assert receivables(now).unapplied["cents"].to_list() == [5000]


def test_money_without_an_invoice_pays_the_oldest_that_was_issued_by_then() -> None:
    now = small([("Y1", None, "C1", 5, 120), ("Y2", "V9", "C1", 30, 30), ("Y3", None, None, 31, 7)])
    assert _open(now) == {"V1": 0, "V2": 7000}
    assert receivables(now).unapplied["cents"].to_list() == [2000, 700]


def test_a_credit_note_lessens_the_invoice_of_its_order() -> None:
    now = small([("Y1", "V1", "C1", 5, 50)], [("V3", "O2", 30)])
    bills = receivables(now).bills
    assert bills.select("invoice_id", "cents", "open_cents").rows() == [("V1", 10000, 5000), ("V2", 7000, 7000)]


def test_part_payments_count_as_the_parts_that_they_are() -> None:
    now = small([("Y1", "V1", "C1", 10, 75), ("Y2", "V1", "C1", 30, 25), ("Y3", "V2", "C1", 30, 100)])
    found = payment_lags(now, by=None).row(0, named=True)
    assert found["naive_mean_days"] == pytest.approx((0.75 * 10 + 0.25 * 30 + 20) / 2)
    assert (found["n_open"], found["invoiced_amount"], found["open_amount"]) == (0, Decimal("200.00"), Decimal("0.00"))


def test_since_due_leaves_out_what_has_no_due_date() -> None:
    assert payment_lags(small([("Y1", "V1", "C1", 5, 100)]), by=None, since="due").is_empty()


def test_wrong_words_are_refused() -> None:
    now = small([])
    with pytest.raises(UsageError, match="nearest column is region"):
        payment_lags(now, by="regoin")
    with pytest.raises(UsageError, match="Allowed: issue, due"):
        payment_lags(now, since="day")  # type: ignore[arg-type]
    assert payment_lags(now).is_empty()

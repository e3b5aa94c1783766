"""A company whose cash has a known law: exponential lags from winning to invoices, and from invoices to money."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
import polars as pl

from salesiq.book import Book, Snapshot

START = dt.date(2024, 1, 1)
NOW = 700  # days of history
BILL_DAYS, PAY_DAYS = 20.0, 30.0


@dataclass(frozen=True)
class CashCompany:
    """Frames, and the money of days after the moment as it will truly come: day, cents and whether it was invoiced before."""

    frames: dict[str, pl.DataFrame]
    day: np.ndarray
    cents: np.ndarray
    is_open: np.ndarray

    def snapshot(self) -> Snapshot:
        return Book.from_frames(exported_at=moment(NOW), **self.frames).as_of(moment(NOW))

    def came(self, days: int, *, is_open: bool) -> int:
        """Cents that truly come within so many days after the moment."""
        return int(self.cents[(self.day <= days) & (self.is_open == is_open)].sum())


def days(numbers: np.ndarray) -> pl.Series:
    return pl.Series((np.datetime64(START) + np.asarray(numbers, dtype=np.int64)).tolist(), dtype=pl.Date)


def moment(number: int) -> dt.datetime:
    return dt.datetime.combine(START + dt.timedelta(days=number), dt.time.max)


def make(
    seed: int,
    n_deals: int = 500,
    n_parts: int = 2,
    *,
    n_customers: int = 30,
    month_strength: float | None = None,
    until: int = NOW,
) -> CashCompany:
    """Deals won evenly over the history, invoiced in equal parts and paid; with a strength, months are fast and slow."""
    rng = np.random.default_rng(seed)
    won = np.sort(rng.integers(0, NOW, n_deals))
    cents = rng.integers(100, 5000, n_deals) * 100 * n_parts
    deal = np.repeat(np.arange(n_deals), n_parts)
    billed = won[deal] + lags(rng, len(deal), BILL_DAYS)
    paid = billed + lags(rng, len(deal), PAY_DAYS)
    if month_strength is not None:
        paid = _by_months(rng, billed, month_strength)
    part = cents[deal] // n_parts
    customer = np.array([f"C{c:02d}" for c in rng.integers(0, n_customers, n_deals)])
    is_billed, is_paid = billed <= until, paid <= until
    ids = np.array([f"V{n:05d}" for n in range(len(deal))])
    frames = {
        "org_units": pl.DataFrame({"unit_id": ["U", "U1", "U2"], "parent_unit_id": [None, "U", "U"], "level": ["a", "b", "b"]}),
        "reps": pl.DataFrame({"rep_id": ["R1", "R2", "R3"], "unit_id": ["U1", "U1", "U2"]}),
        "customers": pl.DataFrame(
            {
                "customer_id": [f"C{c:02d}" for c in range(n_customers)],
                "owner_id": [f"R{c % 3 + 1}" for c in range(n_customers)],
            }
        ),
        "deals": pl.DataFrame(
            {
                "deal_id": [f"D{n:04d}" for n in range(n_deals)],
                "customer_id": customer,
                "owner_id": "R1",
                "amount": money_of(cents),
                "status": "won",
                "created_at": days(won - 1).cast(pl.Datetime("us")),
                "closed_at": days(won).cast(pl.Datetime("us")),
            }
        ),
        "orders": pl.DataFrame(
            {
                "order_id": [f"O{n:04d}" for n in range(n_deals)],
                "deal_id": [f"D{n:04d}" for n in range(n_deals)],
                "customer_id": customer,
                "ordered_at": days(won).cast(pl.Datetime("us")),
            }
        ),
        "invoices": pl.DataFrame(
            {
                "invoice_id": ids[is_billed],
                "order_id": [f"O{n:04d}" for n in deal[is_billed]],
                "customer_id": customer[deal[is_billed]],
                "issued_on": days(billed[is_billed]),
                "amount": money_of(part[is_billed]),
            }
        ),
        "receipts": pl.DataFrame(
            {
                "receipt_no": ids[is_paid],
                "invoice_id": ids[is_paid],
                "customer_id": customer[deal[is_paid]],
                "received_on": days(paid[is_paid]),
                "amount": money_of(part[is_paid]),
            }
        ),
    }  # fmt: skip
    later = paid > NOW
    return CashCompany(frames, paid[later] - NOW, part[later], billed[later] <= NOW)


def money_of(cents: np.ndarray) -> pl.Series:
    return pl.Series(np.asarray(cents, dtype=np.int64)).cast(pl.Decimal(18, 2)) / 100


def lags(rng: np.random.Generator, n: int, mean: float) -> np.ndarray:
    """Whole days of a constant hazard: 0 is the same day."""
    return np.floor(rng.exponential(mean, n)).astype(np.int64)


def paid_within(n: int, mean: float = PAY_DAYS) -> float:
    """Chance that a wait with a constant hazard ends within n more days."""
    return 1 - float(np.exp(-n / mean))


def billed_and_paid_within(n: int) -> float:
    """Chance that both waits, the second from the day on which the first ends, end within n more days: a plain sum."""
    bill, pay = np.exp(-1 / BILL_DAYS), np.exp(-1 / PAY_DAYS)
    return float(sum((1 - bill) * bill ** (d - 1) * (1 - pay ** (n - d + 1)) for d in range(1, n + 1)))


def _by_months(rng: np.random.Generator, billed: np.ndarray, strength: float) -> np.ndarray:
    """Days of payment where the hazard of each calendar month is multiplied by a draw of mean one."""
    months = (np.datetime64(START) + np.arange(NOW + 400)).astype("datetime64[M]").astype(int)
    months -= months[0]
    total = np.cumsum(rng.gamma(strength, 1 / strength, months.max() + 1)[months]) / PAY_DAYS
    before = np.where(billed > 0, total[billed - 1], 0.0)
    return np.searchsorted(total, before + rng.exponential(size=len(billed)))

"""Receivables: which money paid which invoice, what is still open, and what could not be put to any invoice."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import polars as pl

from salesiq.book import Snapshot

PAYMENTS = {"invoice_id": pl.String, "received_on": pl.Date, "cents": pl.Int64}
UNAPPLIED = {"customer_id": pl.String, "received_on": pl.Date, "cents": pl.Int64}
_KEY = "forecast.receivables"


@dataclass(frozen=True)
class Receivables:
    """Invoices and the money that paid them, as known at a moment; amounts in whole cents.

    `bills`: invoice_id, customer_id, deal_id, issued_on, due_on, `cents` (less credit notes), `open_cents` (still unpaid).
    `payments`: invoice_id, received_on, cents; one row per payment and invoice, never more in sum than the invoice.
    `unapplied`: money that no open invoice could take: over-payments, advances, refunds that name no invoice.
    `last_on` is the last day that was seen to its end.
    """

    bills: pl.DataFrame
    payments: pl.DataFrame
    unapplied: pl.DataFrame
    last_on: dt.date


def receivables(snapshot: Snapshot) -> Receivables:
    """Return invoices and payments at the snapshot's moment.

    Money that names its invoice pays it; a refund takes back the newest money of its invoice first. What is paid beyond an
    invoice, and money that names none, pays the customer's oldest open invoices issued by then; the rest is `unapplied`. A
    credit note lessens an invoice of the same order, else contract, else customer, the oldest open one first.
    """
    kept = snapshot.cache.get(_KEY)
    if not isinstance(kept, Receivables):
        kept = _applied(snapshot)
        snapshot.cache[_KEY] = kept
    return kept


def last_whole_day(as_of: dt.datetime) -> dt.date:
    """Return the last day that ended by a moment: an invoice of today is known when today is over.

    >>> last_whole_day(dt.datetime(2026, 6, 30, 20)), last_whole_day(dt.datetime(2026, 6, 30, 23, 59, 59, 999999))
    (datetime.date(2026, 6, 29), datetime.date(2026, 6, 30))
    """
    return (as_of + dt.timedelta(microseconds=1)).date() - dt.timedelta(days=1)


def money(cents: pl.Series) -> pl.Series:
    """Return whole cents as an exact Decimal amount.

    >>> money(pl.Series([1250], dtype=pl.Int64)).to_list()
    [Decimal('12.50')]
    """
    exact = cents.to_frame("cents").select(pl.col("cents").cast(pl.Decimal(36, 2)) / pl.lit(100).cast(pl.Decimal(38, 2)))
    return exact["cents"].cast(pl.Decimal(38, 2))


def _applied(snapshot: Snapshot) -> Receivables:
    issued = snapshot.run("forecast.bills", order=("issued_on", "invoice_id"))
    received = snapshot.run("forecast.kept_receipts", order=("received_on", "receipt_no"))
    bills = issued.filter(pl.col("cents") > 0)
    named = received.join(bills.select("invoice_id", bill="cents"), on="invoice_id", how="inner", maintain_order="left")
    before = pl.col("cents").cum_sum().over("invoice_id") - pl.col("cents")
    named = named.with_columns(part=pl.min_horizontal("cents", pl.col("bill") - before).clip(0))
    columns = ("customer_id", "received_on", "receipt_no", "cents")
    beyond = named.with_columns(cents=pl.col("cents") - pl.col("part")).select(columns)
    loose = pl.concat([beyond, received.filter(pl.col("invoice_id").is_null()).select(columns)])
    paid = named.filter(pl.col("part") > 0).select("invoice_id", "received_on", cents="part")
    spent = paid.group_by("invoice_id").agg(spent=pl.col("cents").sum())
    bills = bills.join(spent, on="invoice_id", how="left", maintain_order="left")
    bills = bills.with_columns(open_cents=pl.col("cents") - pl.col("spent").fill_null(0)).drop("spent")
    loose = loose.filter(pl.col("cents") != 0).sort("received_on", "receipt_no")
    bills, more, left = _settled(bills, issued.filter(pl.col("cents") < 0), loose)
    payments = pl.concat([paid, more]).sort("invoice_id", "received_on", "cents")
    return Receivables(bills.drop("order_id", "contract_id"), payments, left, last_whole_day(snapshot.as_of))


def _settled(bills: pl.DataFrame, notes: pl.DataFrame, loose: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Put credit notes and loose money to open invoices; return the invoices, the payments made so, and what is left."""
    rows = bills.to_dicts() if notes.height or loose.height else []
    of_customer: dict[str | None, list[dict[str, Any]]] = {}
    for row in rows:
        of_customer.setdefault(row["customer_id"], []).append(row)
    for note in notes.iter_rows(named=True):
        for row, cents in _take(_closest(of_customer.get(note["customer_id"], []), note), -note["cents"]):
            row["cents"] -= cents
    payments, left = [], []
    for money_in in loose.iter_rows(named=True):
        customer, day, rest = money_in["customer_id"], money_in["received_on"], money_in["cents"]
        able = [] if customer is None else [row for row in of_customer.get(customer, []) if row["issued_on"] <= day]
        for row, cents in _take(able, rest):
            payments.append((row["invoice_id"], day, cents))
            rest -= cents
        if rest:
            left.append((customer, day, rest))
    counted = pl.DataFrame(rows, bills.schema).filter(pl.col("cents") > 0) if rows else bills
    return counted, pl.DataFrame(payments, PAYMENTS, orient="row"), pl.DataFrame(left, UNAPPLIED, orient="row")


def _closest(rows: list[dict[str, Any]], note: dict[str, Any]) -> list[dict[str, Any]]:
    def distance(row: dict[str, Any]) -> int:
        for rank, name in enumerate(("order_id", "contract_id")):
            if note[name] is not None and row[name] == note[name]:
                return rank
        return 2

    return sorted(rows, key=distance)  # stable: the oldest first among equals


def _take(rows: list[dict[str, Any]], cents: int) -> list[tuple[dict[str, Any], int]]:
    """Take cents, if there are any, from what is open of the rows in their order; return how much of each."""
    taken = []
    for row in rows:
        part = min(row["open_cents"], cents)
        if part > 0:
            row["open_cents"] -= part
            cents -= part
            taken.append((row, part))
        if cents <= 0:
            break
    return taken

"""What cash depends on, learned from the past: how long until a win is invoiced, in how many parts, and until it is paid."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from salesiq.book import Snapshot
from salesiq.forecast.cash_days import booked_days
from salesiq.forecast.cash_draws import Lag, month_odds
from salesiq.forecast.lag_law import Waits, fit_lags
from salesiq.forecast.payment_lags import Since, customer_numbers, invoice_parts
from salesiq.forecast.receivables import Receivables, receivables

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

#: fewer invoices with a due date tell nothing about it
FEWEST_DUE = 30
#: fewer deals with both amounts tell nothing about how far a contract keeps to its deal
FEWEST_RATIOS = 20
_SEED = 20260630
_KEY = "forecast.cash_laws"


@dataclass(frozen=True)
class CashLaws:
    """The laws as known at a moment; None where nothing was seen yet.

    `customers` are the groups of the two payment laws, by the number at which they stand. `commitments`: deals won and
    contracts signed with `rest_cents` still to be invoiced, `n_bills` so far, `age_days`. `n_parts`, `n_payments`: numbers of
    invoices of past deals and of payments of past invoices, one entry each. `ratios`: contract amount over deal amount of
    past deals.
    """

    receivables: Receivables
    customers: dict[str, int]
    issue: Lag | None
    due: Lag | None
    invoicing: Lag | None
    commitments: pl.DataFrame
    n_parts: Ints
    n_payments: Ints
    ratios: Floats


def cash_laws(snapshot: Snapshot) -> CashLaws:
    """Return what the snapshot's past teaches; kept for the next call."""
    kept = snapshot.cache.get(_KEY)
    if not isinstance(kept, CashLaws):
        kept = _learned(snapshot)
        snapshot.cache[_KEY] = kept
    return kept


def _learned(snapshot: Snapshot) -> CashLaws:
    known = receivables(snapshot)
    dated = known.bills.filter(pl.col("due_on").is_not_null())
    names, _ = customer_numbers(known.bills["customer_id"])
    numbers = {name: at for at, name in enumerate(names) if name is not None}
    commitments, bills = _commitments(snapshot, known)
    invoicing = _invoicing_waits(commitments, bills)
    began = day_numbers(commitments["began_on"])
    return CashLaws(
        receivables=known,
        customers=numbers,
        issue=_payment_lag(known.bills, known, len(names), numbers, "issue"),
        due=_payment_lag(dated, known, len(names), numbers, "due") if dated.height >= FEWEST_DUE else None,
        invoicing=_lag(invoicing, began, 1, known, bills["issued_on"]),
        commitments=commitments,
        n_parts=_older(commitments.filter(pl.col("n_bills") > 0), "began_on", "n_bills"),
        n_payments=_older(_paid_bills(known), "issued_on", "n_payments"),
        ratios=_ratios(commitments),
    )


def _payment_lag(bills: pl.DataFrame, known: Receivables, n: int, numbers: dict[str, int], since: Since) -> Lag | None:
    group = np.array([numbers.get(name, n - 1) for name in bills["customer_id"].to_list()], dtype=np.int64)
    waits = invoice_parts(bills, known, group, since)
    began = bills["issued_on" if since == "issue" else "due_on"]
    return _lag(waits, day_numbers(began), n, known, known.payments["received_on"])


def _lag(waits: Waits, began: Ints, n_groups: int, known: Receivables, on: pl.Series) -> Lag | None:
    """Learn from waits of items that `began` each on its day; `on` are all days on which such waits ended."""
    last_on = (known.last_on - dt.date(1970, 1, 1)).days
    booked = booked_days(day_numbers(on))
    happened = booked.spread(waits, began[waits.item], last_on)
    law = fit_lags(happened, n_groups, seed=_SEED) if len(happened.until) else None
    if law is None:
        return None
    odds = month_odds(law, happened, began[happened.item], known.last_on)
    return Lag(law, odds, booked, booked.last_booked(last_on), last_on)


def day_numbers(days: pl.Series) -> Ints:
    """Return dates as days from 1970.

    >>> day_numbers(pl.Series([dt.date(1970, 1, 3)])).tolist()
    [2]
    """
    return days.cast(pl.Date).to_physical().to_numpy().astype(np.int64)


def _commitments(snapshot: Snapshot, known: Receivables) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return what was won or signed by the last whole day, and the invoices of it with their days since."""
    key = ["kind", "commitment_id"]
    rows = snapshot.run("forecast.commitments", order=("began_on", *key))
    rows = rows.filter((pl.col("cents") > 0) & (pl.col("began_on") <= known.last_on))
    links = snapshot.run("forecast.billings", order=("invoice_id",)).filter(pl.col("kind").is_not_null())
    bills = known.bills.select("invoice_id", "issued_on", bill="cents").join(
        links, on="invoice_id", how="inner", maintain_order="left"
    )
    billed = bills.group_by(key).agg(billed_cents=pl.col("bill").sum(), n_bills=pl.len().cast(pl.Int64))
    rows = rows.join(billed, on=key, how="left", maintain_order="left").with_columns(
        pl.col("billed_cents", "n_bills").fill_null(0),
        age_days=(pl.lit(known.last_on) - pl.col("began_on")).dt.total_days(),
        item=pl.int_range(pl.len(), dtype=pl.Int64),
    )
    rows = rows.with_columns(
        rest_cents=(pl.col("cents") - pl.col("billed_cents")).clip(0), whole=pl.max_horizontal("cents", "billed_cents")
    )
    placed = bills.join(rows.select(*key, "item", "began_on", "whole"), on=key, how="inner", maintain_order="left")
    return rows, placed.with_columns(days=(pl.col("issued_on") - pl.col("began_on")).dt.total_days().clip(0))


def _invoicing_waits(commitments: pl.DataFrame, bills: pl.DataFrame) -> Waits:
    """Return every deal in the parts in which it was invoiced, and the part that still waits."""
    over = bills.select("item", "days", part=pl.col("bill") / pl.col("whole"), is_over=pl.lit(value=True))
    waiting = commitments.filter(pl.col("rest_cents") > 0).select(
        "item", days="age_days", part=pl.col("rest_cents") / pl.col("whole"), is_over=pl.lit(value=False)
    )
    rows = pl.concat([over, waiting])
    nothing = np.zeros(rows.height, dtype=np.int64)
    return Waits(
        nothing,
        rows["days"].to_numpy().astype(np.int64),
        rows["is_over"].to_numpy(),
        rows["part"].to_numpy(),
        nothing,
        rows["item"].to_numpy().astype(np.int64),
    )


def _paid_bills(known: Receivables) -> pl.DataFrame:
    counts = known.payments.group_by("invoice_id").agg(n_payments=pl.len().cast(pl.Int64))
    paid = known.bills.filter(pl.col("open_cents") == 0)
    return paid.join(counts, on="invoice_id", how="inner", maintain_order="left")


def _older(rows: pl.DataFrame, since: str, name: str) -> Ints:
    """Return the numbers of the older half of what came in parts: of the others not every part may have come yet."""
    older = rows.filter(pl.col(since) <= pl.col(since).median()) if rows.height else rows
    return older[name].to_numpy().astype(np.int64)


def _ratios(commitments: pl.DataFrame) -> Floats:
    both = commitments.filter((pl.col("deal_cents") > 0) & (pl.col("contract_cents") > 0))
    if both.height < FEWEST_RATIOS:
        return np.ones(1)
    found: Floats = (both["contract_cents"] / both["deal_cents"]).to_numpy()
    return found

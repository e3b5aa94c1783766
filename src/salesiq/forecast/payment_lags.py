"""Payment lags: how long customers take to pay, counting those who have not paid yet."""

from __future__ import annotations

import difflib
from typing import Literal, get_args

import numpy as np
import polars as pl
from numpy.typing import NDArray

from salesiq.book import Snapshot, needs
from salesiq.errors import UsageError
from salesiq.forecast.lag_law import N_REPLICAS, LagLaw, Waits, fit_lags
from salesiq.forecast.receivables import Receivables, money, receivables

Floats = NDArray[np.float64]
Since = Literal["issue", "due"]

N_DRAWS = 5 * N_REPLICAS
SHARES = {"median": 0.5, "p75": 0.75, "p90": 0.9}
SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "n_invoices": pl.Int64,
    "n_open": pl.Int64,
    "invoiced_amount": pl.Decimal(38, 2),
    "open_amount": pl.Decimal(38, 2),
    **{f"{name}{end}_days": pl.Float64 for name in SHARES for end in ("", "_low", "_high")},
    "naive_mean_days": pl.Float64,
    "own_weight": pl.Float64,
    "never_paid_share": pl.Float64,
    "never_paid_low_share": pl.Float64,
    "never_paid_high_share": pl.Float64,
    "is_watched_long": pl.Boolean,
}


@needs("invoices", "receipts")
def payment_lags(
    snapshot: Snapshot, by: str | None = "customer_id", *, since: Since = "issue", seed: int = 20260630
) -> pl.DataFrame:
    """Return how many days pass from an invoice (or from its due date) until its money is there, one row per group of `by`.

    Reads `invoices` and `receipts`; `orders` and `contracts` where an invoice names no customer, `customers` and `reps` for
    groups. `by`: customer_id, region, industry, tier, rep_id (the customer's owner), unit_id, or None for everybody. `since`:
    "issue", or "due" (negative days are early; invoices without a due date are left out). Every invoice counts as one, its part
    payments as the parts of it that they are. What is unpaid at the snapshot is censored: it counts for the days that it has
    waited, and neither as paid nor as lost. Which money paid what: docs/forecast.md.

    Columns: the `by` column; `n_invoices`, `n_open` (not fully paid), `invoiced_amount` (less credit notes) and `open_amount`
    (Decimal, exact); `median_days`, `p75_days`, `p90_days` of all that is invoiced, never paid included, each with a 95 %
    interval (`median_low_days` ...); `naive_mean_days`: mean of what was paid, biased low while invoices are open, shown as
    the bias it is; `own_weight` (0..1): how far the group's own payments count against everybody's; `never_paid_share` with
    its 95 % interval; `is_watched_long`: whether invoices were watched long enough to tell what is never paid. Null: a
    quantile that is never reached or lies beyond the longest payment seen, the upper end of an interval that is not bounded,
    and `never_paid_share` unless `is_watched_long`. Ordered by the group, null last; empty while nothing was ever paid.
    Raises UsageError for a `by` or `since` that does not exist.

    Estimator: a cure model with gamma frailty, by EM (Sy and Taylor 2000; Klein 1992): each group pays at its own multiple of
    everybody's free hazard, shrunk towards 1 as far as its invoices are few, by a prior that the data choose (empirical
    Bayes). For `by=None` that is Kaplan and Meier (1958). Long enough: Maller and Zhou (1994). Intervals: draws from the
    posterior of each group and a Bayesian bootstrap over invoices. The maths: docs/forecast.md.

    >>> import datetime as dt
    >>> from salesiq.book import Book
    >>> ids, day = [f"V{n}" for n in range(6)], dt.date(2026, 1, 1)
    >>> invoices = pl.DataFrame({"invoice_id": ids, "customer_id": "C1", "issued_on": day, "amount": 100})
    >>> receipts = pl.DataFrame({"receipt_no": ids[:4], "invoice_id": ids[:4], "amount": 100,
    ...     "received_on": [day + dt.timedelta(days=n) for n in (10, 20, 30, 40)]})
    >>> book = Book.from_frames(invoices=invoices, receipts=receipts)
    >>> payment_lags(book.as_of("2026-02-20"), by=None).select("n_invoices", "n_open", "median_days", "naive_mean_days").row(0)
    (6, 2, 30.0, 25.0)
    """
    if since not in get_args(Since):
        raise UsageError("cash_in.bad_since", since=repr(since), allowed=", ".join(get_args(Since)))
    known = receivables(snapshot)
    bills = known.bills if since == "issue" else known.bills.filter(pl.col("due_on").is_not_null())
    names, group = _grouped(snapshot, bills, by)
    schema: dict[str, pl.DataType | type[pl.DataType]] = ({by: pl.String} if by else {}) | SCHEMA
    waits = invoice_parts(bills, known, group, since)
    law = fit_lags(waits, len(names), seed=seed) if len(waits.until) else None
    if law is None:
        return pl.DataFrame(schema=schema)
    columns = {by: names} if by else {}
    counted = {**columns, **_counts(bills, group, len(names)), **_estimates(law, waits, seed)}
    return pl.DataFrame(counted, schema=schema)


def customer_numbers(customer_ids: pl.Series) -> tuple[list[str | None], NDArray[np.int64]]:
    """Return the values in order, null last, and the number of each row's."""
    names = sorted(customer_ids.drop_nulls().unique().to_list())
    found: list[str | None] = [*names, *([None] if customer_ids.null_count() else [])]
    number = {name: at for at, name in enumerate(found)}
    return found, np.array([number[name] for name in customer_ids.to_list()], dtype=np.int64)


def _grouped(snapshot: Snapshot, bills: pl.DataFrame, by: str | None) -> tuple[list[str | None], NDArray[np.int64]]:
    if by is None:
        return [None], np.zeros(bills.height, dtype=np.int64)
    known = snapshot.run("forecast.customer_groups", order=("customer_id",)).drop("customer_name")
    if by not in known.columns:
        near = difflib.get_close_matches(by, known.columns, n=1, cutoff=0.0)[0]
        raise UsageError("cash_in.no_group", name=by, near=near)
    if by == "customer_id":
        return customer_numbers(bills["customer_id"])
    told = bills.select("customer_id").join(
        known.select("customer_id", by), on="customer_id", how="left", maintain_order="left"
    )
    return customer_numbers(told[by])


def invoice_parts(bills: pl.DataFrame, known: Receivables, group: NDArray[np.int64], since: Since) -> Waits:
    """Return every invoice in the parts in which it was paid, and the part that still waits."""
    start = "issued_on" if since == "issue" else "due_on"
    placed = bills.select(
        "invoice_id", "cents", "open_cents", pl.col(start).alias("from_on"), "issued_on",
        item=pl.int_range(pl.len(), dtype=pl.Int64), group=pl.Series(group),
    )  # fmt: skip
    paid = known.payments.rename({"cents": "part"}).join(placed, on="invoice_id", how="inner", maintain_order="left")
    open_ = placed.filter(pl.col("open_cents") > 0).with_columns(
        received_on=pl.lit(known.last_on), part=pl.col("open_cents"), is_over=pl.lit(value=False)
    )
    order = ("item", "from_on", "issued_on", "received_on", "part", "cents", "group", "is_over")
    rows = pl.concat([paid.with_columns(is_over=pl.lit(value=True)).select(order), open_.select(order)])
    rows = rows.with_columns(until=(pl.col("received_on") - pl.col("from_on")).dt.total_days())
    entry = (rows["issued_on"] - rows["from_on"]).dt.total_days().to_numpy().astype(np.int64)
    until = rows["until"].to_numpy().astype(np.int64)
    return Waits(
        entry if since == "due" else np.zeros(rows.height, dtype=np.int64),
        np.maximum(until, entry),  # money before the invoice paid it on its first day
        rows["is_over"].to_numpy(),
        rows["part"].to_numpy() / rows["cents"].to_numpy(),
        rows["group"].to_numpy(),
        rows["item"].to_numpy(),
    )


def _counts(bills: pl.DataFrame, group: NDArray[np.int64], n_groups: int) -> dict[str, pl.Series]:
    rows = (
        bills.select("cents", "open_cents", group=pl.Series(group))
        .group_by("group")
        .agg(
            n_invoices=pl.len().cast(pl.Int64),
            n_open=(pl.col("open_cents") > 0).sum().cast(pl.Int64),
            invoiced_amount=pl.col("cents").sum(),
            open_amount=pl.col("open_cents").sum(),
        )
    )
    whole = pl.DataFrame({"group": np.arange(n_groups)}).join(rows, on="group", how="left", maintain_order="left")
    return {
        "n_invoices": whole["n_invoices"],
        "n_open": whole["n_open"],
        "invoiced_amount": money(whole["invoiced_amount"]),
        "open_amount": money(whole["open_amount"]),
    }


def _estimates(law: LagLaw, waits: Waits, seed: int) -> dict[str, Floats | list[float | None]]:
    rng = np.random.default_rng(seed)
    n_groups = len(law.shapes)
    factors = rng.gamma(law.shapes, size=(N_DRAWS, n_groups)) / law.rates if n_groups > 1 else np.ones((N_DRAWS, 1))
    never = rng.beta(law.never_counts[:, 0], law.never_counts[:, 1], size=(N_DRAWS, n_groups))
    point = law.factors if n_groups > 1 else np.ones(1)
    found: dict[str, Floats | list[float | None]] = {}
    for name, share in SHARES.items():
        draws = np.stack([law.quantile(share, factors[k], never[k], 1 + k % N_REPLICAS) for k in range(N_DRAWS)])
        bounds = np.quantile(np.where(np.isnan(draws), np.inf, draws), (0.025, 0.975), axis=0, method="closest_observation")
        found[f"{name}_days"] = _told(
            law.quantile(share, point, law.never_shares if n_groups > 1 else np.array([law.never_share]))
        )
        found[f"{name}_low_days"], found[f"{name}_high_days"] = _told(bounds[0]), _told(bounds[1])
    paid = waits.weight * waits.is_over
    sums = np.bincount(waits.group, weights=paid * waits.until, minlength=n_groups)
    n_paid = np.bincount(waits.group, weights=paid, minlength=n_groups)
    found["naive_mean_days"] = _told(np.divide(sums, n_paid, out=np.full(n_groups, np.nan), where=n_paid > 0))
    found["own_weight"] = 1 - law.strength / law.rates if n_groups > 1 else np.ones(1)
    unknown = np.full(n_groups, np.nan)
    low, high = np.quantile(never, (0.025, 0.975), axis=0)
    for name, values in (("", law.never_shares), ("low_", low), ("high_", high)):
        found[f"never_paid_{name}share"] = _told(values if law.is_watched else unknown)
    found["is_watched_long"] = [law.is_watched] * n_groups
    return found


def _told(values: Floats) -> list[float | None]:
    return [float(value) if np.isfinite(value) else None for value in values]

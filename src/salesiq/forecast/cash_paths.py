"""Simulated cash: which money comes on which day of which path, from invoices, from deals won, and from wins to come."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from salesiq.book import Snapshot
from salesiq.forecast.cash_draws import (
    Lag,
    Waiting,
    arrivals,
    in_parts,
    month_ends,
    never_chance,
    new_waits,
    parts_to_come,
)
from salesiq.forecast.cash_laws import CashLaws, cash_laws, day_numbers
from salesiq.forecast.lag_law import N_REPLICAS
from salesiq.forecast.wins import Wins

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SOURCES = ("open_invoices", "won_deals", "future_wins")
OPEN, WON, FUTURE = range(3)
PAYERS = {"customer_id": pl.String, "rep_id": pl.String, "unit_id": pl.String}


@dataclass(frozen=True)
class Flows:
    """Payments, one entry each: path, day (1 is the day after the last whole one), row of the payers, source, cents."""

    path: Ints
    day: Ints
    payer: Ints
    source: Ints
    cents: Ints

    def of(self, chosen: NDArray[np.bool_]) -> Flows:
        """Return the chosen payments."""
        return Flows(self.path[chosen], self.day[chosen], self.payer[chosen], self.source[chosen], self.cents[chosen])


@dataclass(frozen=True)
class CashPaths:
    """Money of simulated paths within the `n_days` after `last_on`; `told` are the sources that something can be said of.

    The source of a payment is a place in `SOURCES`; `payers` say which customer, rep and unit it counts for.
    """

    last_on: dt.date
    n_days: int
    n_paths: int
    flows: Flows
    payers: pl.DataFrame
    told: tuple[int, ...]


@dataclass(frozen=True)
class _Open:
    """Open invoices of one law: who pays, cents, payments so far, how old when last seen, in view
    from which day of its life, and when that began."""

    lag: Lag
    payer: Ints
    cents: Ints
    n_payments: Ints
    age: Ints
    entry: Ints
    began: Ints


@dataclass(frozen=True)
class _Start:
    """All that paths begin from."""

    laws: CashLaws
    open: tuple[_Open, ...]
    payers: pl.DataFrame
    group: Ints
    won_payer: Ints
    future_payer: Ints
    wins: Wins | None
    win_start: Ints
    ends: Ints


def simulate_cash(snapshot: Snapshot, n_days: int, wins: Wins | None, n_paths: int, seed: int) -> CashPaths:
    """Return the money of simulated paths; with wins, there are as many paths as they have."""
    laws = cash_laws(snapshot)
    known = laws.receivables
    start = _start(snapshot, laws, n_days, wins)
    paths = n_paths if wins is None else wins.n_paths
    replicas = (_replica(start, r, np.arange(r, paths, N_REPLICAS), seed) for r in range(min(N_REPLICAS, paths)))
    flows = _joined([flow.of(flow.day <= n_days) for replica in replicas for flow in replica])
    can_invoice = laws.issue is not None and laws.invoicing is not None
    told = tuple(
        source
        for source, is_told in ((OPEN, laws.issue), (WON, can_invoice), (FUTURE, can_invoice and wins is not None))
        if is_told
    )
    return CashPaths(known.last_on, n_days, paths, flows, start.payers, told)


def _start(snapshot: Snapshot, laws: CashLaws, n_days: int, wins: Wins | None) -> _Start:
    known = laws.receivables
    counts = known.payments.group_by("invoice_id").agg(n_payments=pl.len().cast(pl.Int64))
    bills = known.bills.filter(pl.col("open_cents") > 0).join(counts, on="invoice_id", how="left", maintain_order="left")
    used = None if wins is None else _uncommitted(wins, laws)
    payers, places = _payers(snapshot, bills, laws.commitments, wins)
    group = np.array([laws.customers.get(name, -1) for name in payers["customer_id"].to_list()], dtype=np.int64)
    # wins count their days from the midnight nearest to the moment, money from the last whole day
    before = ((snapshot.as_of + dt.timedelta(hours=12)).date() - known.last_on).days - 1
    return _Start(
        laws=laws,
        open=tuple(_open(laws, bills.with_columns(payer=pl.Series(places[0])))),
        payers=payers,
        group=group,
        won_payer=places[1],
        future_payer=places[2],
        wins=used,
        win_start=np.zeros(0, dtype=np.int64) if used is None else used.day + before,
        ends=month_ends(known.last_on, n_days),
    )


def _uncommitted(wins: Wins, laws: CashLaws) -> Wins:
    """Leave out wins of deals whose contract is signed already: the contract stands for them."""
    signed = set(laws.commitments["deal_id"].drop_nulls().to_list())
    is_new = np.array([name not in signed for name in wins.sources["deal_id"].to_list()], dtype=bool)
    kept = is_new[wins.source] if len(is_new) else np.zeros(len(wins.source), dtype=bool)
    return Wins(wins.n_paths, wins.path[kept], wins.day[kept], wins.cents[kept], wins.source[kept], wins.sources)


def _payers(
    snapshot: Snapshot, bills: pl.DataFrame, commitments: pl.DataFrame, wins: Wins | None
) -> tuple[pl.DataFrame, list[Ints]]:
    """Return everybody who may pay, with the rep and unit that it counts for, and the row of each in the three frames.

    A customer counts for its owner, as receipts do in `targets.results`; where nobody can know the customer, for the rep of
    the deal and that rep's unit.
    """
    owners = snapshot.run("forecast.customer_groups", order=("customer_id",)).select(*PAYERS)
    units = snapshot.run("targets.standing_reps", order=("rep_id",)).select("rep_id", rep_unit="unit_id")
    future = pl.DataFrame(schema=PAYERS) if wins is None else wins.sources
    frames = [
        _counted(rows, owners, units)
        for rows in (bills.select("customer_id"), commitments.select("customer_id", "rep_id"), future)
    ]
    payers = pl.concat(frames).unique(maintain_order=True).sort(*PAYERS, nulls_last=True).with_row_index("payer")
    places = [
        rows.join(payers, on=list(PAYERS), how="left", nulls_equal=True, maintain_order="left")["payer"]
        .to_numpy()
        .astype(np.int64)
        for rows in frames
    ]
    return payers.drop("payer"), places


def _counted(rows: pl.DataFrame, owners: pl.DataFrame, units: pl.DataFrame) -> pl.DataFrame:
    missing = [pl.lit(None, pl.String).alias(name) for name in PAYERS if name not in rows.columns]
    told = rows.with_columns(missing).select(*PAYERS).rename({"rep_id": "own_rep", "unit_id": "own_unit"})
    told = told.join(owners, on="customer_id", how="left", maintain_order="left")
    told = told.join(units, left_on="own_rep", right_on="rep_id", how="left", maintain_order="left")
    is_known = pl.col("customer_id").is_in(owners["customer_id"].to_list())
    return told.select(
        "customer_id",
        rep_id=pl.when(is_known).then("rep_id").otherwise("own_rep"),
        unit_id=pl.when(is_known).then("unit_id").otherwise(pl.coalesce("own_unit", "rep_unit")),
    )


def _open(laws: CashLaws, bills: pl.DataFrame) -> Iterator[_Open]:
    """Return the open invoices by the law that they wait under: counted from the due date where there is one."""
    by_due = pl.col("due_on").is_not_null() & pl.lit(laws.due is not None)
    for lag, rows, start in ((laws.due, bills.filter(by_due), "due_on"), (laws.issue, bills.filter(~by_due), "issued_on")):
        if lag is None or rows.is_empty():
            continue
        columns = (rows["payer"], rows["open_cents"], rows["n_payments"].fill_null(0))
        began = day_numbers(rows[start])
        entry = day_numbers(rows["issued_on"]) - began
        # an invoice of a day off has not been waited for at all yet
        age = np.maximum(lag.seen_on - began, entry - 1)
        payer, cents, n_payments = (column.to_numpy().astype(np.int64) for column in columns)
        yield _Open(lag, payer, cents, n_payments, age, entry, began)


def _replica(start: _Start, r: int, paths: Ints, seed: int) -> list[Flows]:
    """Return the money of the paths that share one resample of the laws."""
    laws, rng, row = start.laws, np.random.default_rng([seed, r]), 1 + r
    if laws.issue is None:
        return []
    flows = [_from_open(part, start, row, paths, rng) for part in start.open]
    if laws.invoicing is None:
        return flows
    draw = _Invoicing(start, laws.issue, laws.invoicing, row, paths, rng)
    flows.append(draw.from_won())
    if start.wins is not None:
        flows.append(draw.from_wins(start.wins))
    return flows


def _from_open(part: _Open, start: _Start, row: int, paths: Ints, rng: np.random.Generator) -> Flows:
    n, m = len(part.payer), len(paths)
    law = part.lag.law
    factor, never = part.lag.groups(start.group, m, rng)
    months = part.lag.months(m, len(start.ends), rng)
    item, local = np.repeat(np.arange(n), m), np.tile(np.arange(m), n)
    pull = factor[part.payer[item], local]
    lost = never_chance(law, row, never[part.payer[item], local], pull, part.entry[item], part.age[item])
    kept = rng.random(n * m) >= lost
    item, local, pull = item[kept], local[kept], pull[kept]
    n_parts = parts_to_come(start.laws.n_payments, part.n_payments[item], rng)
    at, cents = in_parts(part.cents[item], n_parts)
    item, local = item[at], local[at]
    begun = part.began + part.age - part.lag.last_on
    waits = Waiting(begun[item], part.age[item], pull[at], local)
    day = part.lag.booked_day(arrivals(law, row, waits, months, start.ends, rng))
    return Flows(paths[local], day, part.payer[item], np.full(len(item), OPEN), cents)


class _Invoicing:
    """Turns what was won into invoices and these into money, for the paths that share one resample of the laws."""

    def __init__(self, start: _Start, issue: Lag, invoicing: Lag, row: int, paths: Ints, rng: np.random.Generator) -> None:
        self.start, self.issue, self.invoicing, self.row, self.paths, self.rng = start, issue, invoicing, row, paths, rng
        n_months = len(start.ends)
        self.factor, self.never = issue.groups(start.group, len(paths), rng)
        self.pay_months = issue.months(len(paths), n_months, rng)
        self.bill_months = invoicing.months(len(paths), n_months, rng)
        self.never_billed = invoicing.groups(np.zeros(1, dtype=np.int64), len(paths), rng)[1][0]

    def from_won(self) -> Flows:
        """What is left to invoice of past wins, in the parts that are still to come."""
        rows, rng, m = self.start.laws.commitments, self.rng, len(self.paths)
        rest = rows["rest_cents"].to_numpy().astype(np.int64)
        item = np.flatnonzero(rest > 0)
        n_bills = rows["n_bills"].to_numpy().astype(np.int64)[item]
        began = day_numbers(rows["began_on"])[item]
        age = np.maximum(self.invoicing.seen_on - began, -1)
        is_signed = rows["contract_cents"].is_not_null().to_numpy()[item]
        at, local = np.repeat(np.arange(len(item)), m), np.tile(np.arange(m), len(item))
        cents = self._signed(rest[item][at], ~is_signed[at])
        nothing = np.zeros(len(at), dtype=np.int64)
        lost = never_chance(self.invoicing.law, self.row, self.never_billed[local], np.ones(len(at)), nothing, age[at])
        kept = rng.random(len(at)) >= lost
        parts = parts_to_come(self.start.laws.n_parts, n_bills[at], rng)
        payer = self.start.won_payer[item][at]
        begun = (began + age - self.invoicing.last_on)[at]
        return self._paid(begun[kept], age[at][kept], parts[kept], payer[kept], local[kept], cents[kept], WON)

    def from_wins(self, wins: Wins) -> Flows:
        """What is invoiced of wins to come."""
        mine = np.flatnonzero(wins.path % N_REPLICAS == self.row - 1)
        local = wins.path[mine] // N_REPLICAS
        kept = self.rng.random(len(mine)) >= self.never_billed[local]
        mine, local = mine[kept], local[kept]
        cents = self._signed(wins.cents[mine], np.ones(len(mine), dtype=bool))
        parts = parts_to_come(self.start.laws.n_parts, np.zeros(len(mine), dtype=np.int64), self.rng)
        payer = self.start.future_payer[wins.source[mine]]
        before = self.start.win_start[mine] - 1
        return self._paid(before, np.full(len(mine), -1, dtype=np.int64), parts, payer, local, cents, FUTURE)

    def _signed(self, cents: Ints, is_open: NDArray[np.bool_]) -> Ints:
        """Return what the contract will say, where there is none yet: the deal's amount times a past deal's ratio."""
        ratio = np.where(is_open, self.rng.choice(self.start.laws.ratios, len(cents)), 1.0)
        return np.rint(cents * ratio).astype(np.int64)

    def _paid(self, start: Ints, age: Ints, parts: Ints, payer: Ints, local: Ints, cents: Ints, source: int) -> Flows:
        """Return the money of what is invoiced and paid in equal parts."""
        ends, rng = self.start.ends, self.rng
        at, part = in_parts(cents, parts)
        payer, local = payer[at], local[at]
        waits = Waiting(start[at], age[at], np.ones(len(at)), local)
        billed_on = self.invoicing.booked_day(arrivals(self.invoicing.law, self.row, waits, self.bill_months, ends, rng))
        kept = np.flatnonzero((billed_on <= ends[-1]) & (rng.random(len(part)) >= self.never[payer, local]))
        at, part = in_parts(part[kept], parts_to_come(self.start.laws.n_payments, np.zeros_like(kept), rng))
        kept = kept[at]
        payer, local = payer[kept], local[kept]
        waits = new_waits(billed_on[kept], self.factor[payer, local], local)
        day = self.issue.booked_day(arrivals(self.issue.law, self.row, waits, self.pay_months, ends, rng))
        return Flows(self.paths[local], day, payer, np.full(len(part), source), part)


def _joined(flows: list[Flows]) -> Flows:
    nothing = np.zeros(0, dtype=np.int64)
    columns = [
        np.concatenate([nothing, *(getattr(flow, name) for flow in flows)])
        for name in ("path", "day", "payer", "source", "cents")
    ]
    return Flows(*columns)

"""From a signature to cash: contracts, orders, shipments, invoices, receipts, with the usual lags and a few broken links."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import polars as pl

from salesiq.sample.dealbook import NEVER, Chunk
from salesiq.sample.dealflow import NEGOTIATION
from salesiq.sample.frames import canonical, ids
from salesiq.sample.window import Bools, Floats, Ints
from salesiq.sample.words import PRODUCT_LINES

# The usual lag of each step: median days and spread (sigma of a log-normal).
CONTRACT_LAG, ORDER_LAG, SHIPMENT_LAG, INVOICE_LAG = (2.0, 0.6), (5.0, 0.6), (6.0, 0.5), (4.0, 0.6)
PAYMENT_TERMS = (30, 45, 60)


@dataclass
class Chain:
    """The five tables and the links that were broken on purpose, by kind."""

    frames: dict[str, pl.DataFrame] = field(default_factory=dict)
    broken: dict[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class _Rows:
    """Rows of one table: parent row in the table above, day, cents."""

    parent: Ints
    day: Ints
    amount: Ints

    def take(self, rows: Ints | Bools) -> _Rows:
        return _Rows(self.parent[rows], self.day[rows], self.amount[rows])


def make_chain(chunk: Chunk, n_broken: int = 8) -> Chain:
    """Return what the ERP and the finance system know of the won deals at the export."""
    chain, rng = Chain(), chunk.rng("chain")
    won = np.flatnonzero(chunk.is_won)
    contracts = _contracts(chunk, won, chain, n_broken, rng)
    orders = _orders(chunk, contracts, chain, n_broken, rng)
    shipments = _split(orders, rng, (0.55, 0.45), SHIPMENT_LAG, chunk)
    invoices = _invoices(chunk, orders, shipments, chain, n_broken, rng)
    _write_erp(chunk, chain, contracts, orders, shipments, rng)
    _write_finance(chunk, chain, contracts, orders, invoices, rng)
    return chain


def _lag(rng: np.random.Generator, n: int, usual: tuple[float, float]) -> Ints:
    return np.maximum(np.round(usual[0] * np.exp(usual[1] * rng.normal(size=n))), 0).astype(np.int64)


def _past(rows: _Rows, chunk: Chunk) -> _Rows:
    """Only what had happened by the export, in the order of time."""
    rows = rows.take(rows.day < chunk.window.n_days)
    return rows.take(np.lexsort((rows.parent, rows.day)))


def _old(rng: np.random.Generator, day: Ints, n: int, chunk: Chunk) -> Ints:
    """Up to n rows that are long overdue at the export, so that their gap is no usual lag."""
    due = np.flatnonzero((day < chunk.window.n_days - 60) & (day > 60))
    return np.sort(rng.choice(due, min(n, len(due)), replace=False))


def _contracts(chunk: Chunk, won: Ints, chain: Chain, n_broken: int, rng: np.random.Generator) -> _Rows:
    """One contract a won deal; some deals never got one, some a different amount."""
    lost = _old(rng, chunk.closed_day[won], n_broken, chunk)
    chain.broken["won_without_contract"] = list(chunk.deal_ids[won[lost]])
    kept = np.delete(won, lost)
    day = chunk.window.working_on_or_after(chunk.closed_day[kept] + _lag(rng, len(kept), CONTRACT_LAG))
    amount = chunk.inputs.amount[kept].copy()
    other = rng.choice(len(kept), min(n_broken, len(kept)), replace=False)
    amount[other] = np.round(amount[other] * rng.choice([0.8, 0.9, 1.1], len(other))).astype(np.int64)
    contracts = _past(_Rows(kept, day, amount), chunk)
    is_other = np.isin(contracts.parent, kept[other])
    chain.broken["contract_amount_differs"] = sorted(chunk.deal_ids[contracts.parent[is_other]])
    return contracts


def _orders(chunk: Chunk, contracts: _Rows, chain: Chain, n_broken: int, rng: np.random.Generator) -> _Rows:
    """One to three orders a contract, a month or so apart; some contracts never saw one."""
    lost = _old(rng, contracts.day, n_broken, chunk)
    chain.broken["contract_without_order"] = list(chunk.deal_ids[contracts.parent[lost]])
    n_parts = rng.integers(1, 4, len(contracts.day))
    n_parts[lost] = 0
    row, nth, amount = _parts(contracts.amount, n_parts, rng)
    day = contracts.day[row] + _lag(rng, len(row), ORDER_LAG) + nth * rng.integers(20, 45, len(row))
    return _past(_Rows(row, chunk.window.working_on_or_after(day), amount), chunk)


def _parts(amount: Ints, n_parts: Ints, rng: np.random.Generator) -> tuple[Ints, Ints, Ints]:
    """Split amounts into parts that sum to them exactly: row, number of the part, cents."""
    row = np.repeat(np.arange(len(amount)), n_parts)
    nth = np.arange(len(row)) - np.repeat(np.cumsum(n_parts) - n_parts, n_parts)
    share: Floats = rng.uniform(0.6, 1.4, len(row))
    total = np.bincount(row, weights=share, minlength=len(amount))
    part = (amount[row] * share / total[row]).astype(np.int64)
    rest = amount - np.bincount(row, weights=part, minlength=len(amount)).astype(np.int64)
    part[nth == 0] += rest[row[nth == 0]]
    return row, nth, part


def _split(
    rows: _Rows, rng: np.random.Generator, shares: tuple[float, float], usual: tuple[float, float], chunk: Chunk
) -> _Rows:
    """One or two parts of each row, each with its own lag."""
    row, nth, amount = _parts(rows.amount, rng.choice([1, 2], len(rows.day), p=shares), rng)
    day = chunk.window.working_on_or_after(rows.day[row] + _lag(rng, len(row), usual) + nth * rng.integers(3, 12, len(row)))
    return _past(_Rows(row, day, amount), chunk)


def _invoices(chunk: Chunk, orders: _Rows, shipments: _Rows, chain: Chain, n_broken: int, rng: np.random.Generator) -> _Rows:
    """One invoice an order after its first shipment; some orders were never billed."""
    first = np.full(len(orders.day), NEVER)
    np.minimum.at(first, shipments.parent, shipments.day)
    lost = _old(rng, np.where(first < NEVER, orders.day, NEVER), n_broken, chunk)
    day = np.where(first < NEVER, first, 0) + _lag(rng, len(first), INVOICE_LAG)
    billed = np.setdiff1d(np.flatnonzero(first < NEVER), lost)
    chain.broken["order_without_invoice"] = [f"O{at + 1:05d}" for at in lost]
    return _past(_Rows(billed, chunk.window.working_on_or_after(day[billed]), orders.amount[billed]), chunk)


def _write_erp(chunk: Chunk, chain: Chain, contracts: _Rows, orders: _Rows, shipments: _Rows, rng: np.random.Generator) -> None:
    """Contracts, orders and shipments; a few shipments left for deals that the CRM still shows in negotiation."""
    window, deal = chunk.window, contracts.parent
    early = _early(chunk, chain, rng)
    n = len(contracts.day)
    customers = chunk.customers.ids[chunk.inputs.customer]
    is_over = contracts.day < window.n_days - 365
    contract_ids, order_ids = ids("H", n, 5), ids("O", len(orders.day) + len(early), 5)
    chain.frames["contracts"] = canonical(
        "contracts",
        {
            "contract_id": contract_ids,
            "deal_id": chunk.deal_ids[deal],
            "customer_id": customers[deal],
            "signed_on": window.days_of(contracts.day),
            "amount": contracts.amount,
            "status": np.where(is_over, "已完结", "执行中").astype(object),
            "ends_on": window.days_of(contracts.day + 365),
        },
    )
    order_deal = np.concatenate([deal[orders.parent], early])
    no_contract = np.full(len(early), None, dtype=object)
    early_amount = chunk.inputs.amount[early] // 2
    early_day = np.full(len(early), window.n_days - 12)
    at = rng.integers(9 * 3600, 17 * 3600, len(order_deal))
    chain.frames["orders"] = canonical(
        "orders",
        {
            "order_id": order_ids,
            "contract_id": np.concatenate([contract_ids[orders.parent], no_contract]),
            "deal_id": chunk.deal_ids[order_deal],
            "customer_id": customers[order_deal],
            "ordered_at": window.moments(np.concatenate([orders.day, early_day]), at),
            "amount": np.concatenate([orders.amount, early_amount]),
            "product_line": np.array(PRODUCT_LINES, dtype=object)[chunk.inputs.line[order_deal]],
        },
    )
    parent = np.concatenate([shipments.parent, len(orders.day) + np.arange(len(early))])
    chain.frames["shipments"] = canonical(
        "shipments",
        {
            "shipment_no": ids("S", len(parent), 5),
            "order_id": order_ids[parent],
            "customer_id": customers[order_deal[parent]],
            "shipped_at": window.moments(
                np.concatenate([shipments.day, early_day + 5]), rng.integers(6 * 3600, 19 * 3600, len(parent))
            ),
            "amount": np.concatenate([shipments.amount, early_amount]),
        },
    )


def _early(chunk: Chunk, chain: Chain, rng: np.random.Generator) -> Ints:
    """Open deals, a fortnight or more in negotiation, that the ERP already ships."""
    entered = chunk.moves[1][chunk.last_move]
    able = np.flatnonzero((chunk.stage == NEGOTIATION) & (entered < chunk.window.n_days - 20))
    early = np.sort(rng.choice(able, min(4, len(able)), replace=False))
    chain.broken["shipped_while_open"] = list(chunk.deal_ids[early])
    return early


def _write_finance(
    chunk: Chunk, chain: Chain, contracts: _Rows, orders: _Rows, invoices: _Rows, rng: np.random.Generator
) -> None:
    """Invoices, and the one or two payments of each; a twentieth is never paid."""
    window, n = chunk.window, len(invoices.day)
    deal = contracts.parent[orders.parent[invoices.parent]]
    customers = chunk.customers.ids[chunk.inputs.customer]
    due = invoices.day + rng.choice(PAYMENT_TERMS, n, p=(0.5, 0.3, 0.2))
    invoice_ids = ids("V", n, 5)
    chain.frames["invoices"] = canonical(
        "invoices",
        {
            "invoice_id": invoice_ids,
            "contract_id": chain.frames["contracts"]["contract_id"].to_numpy()[orders.parent[invoices.parent]],
            "order_id": chain.frames["orders"]["order_id"].to_numpy()[invoices.parent],
            "customer_id": customers[deal],
            "issued_on": window.days_of(invoices.day),
            "due_on": window.days_of(due),
            "amount": invoices.amount,
        },
    )
    row, nth, amount = _parts(invoices.amount, np.where(rng.random(n) < 0.05, 0, rng.choice([1, 2], n, p=(0.7, 0.3))), rng)
    late = np.round(rng.gamma(1.2, 9.0, len(row)) - 6.0).astype(np.int64)
    paid = np.maximum(due[row] + late + nth * rng.integers(5, 25, len(row)), invoices.day[row] + 1)
    receipts = _past(_Rows(row, window.working_on_or_after(paid), amount), chunk)
    chain.frames["receipts"] = canonical(
        "receipts",
        {
            "receipt_no": ids("Y", len(receipts.day), 5),
            "invoice_id": invoice_ids[receipts.parent],
            "customer_id": customers[deal[receipts.parent]],
            "received_on": window.days_of(receipts.day),
            "amount": receipts.amount,
        },
    )

"""Cash-in: the money of the coming weeks and months, from open invoices, from deals won, and from deals not yet won."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import polars as pl
from numpy.typing import NDArray

from salesiq.book import Snapshot, needs
from salesiq.errors import UsageError
from salesiq.forecast.cash_paths import PAYERS, SOURCES, CashPaths, simulate_cash
from salesiq.forecast.receivables import last_whole_day, money
from salesiq.forecast.wins import Wins

Ints = NDArray[np.int64]
Every = Literal["week", "month"]

N_PATHS, SEED = 2000, 20260630
#: bands in per cent, and the shares of paths below their two ends
BANDS = {50: (0.25, 0.75), 80: (0.10, 0.90), 95: (0.025, 0.975)}
BAND_COLUMNS = [f"{end}_{band}_amount" for band in BANDS for end in ("low", "high")]
_MOST_DAYS = 3660


@needs("invoices", "receipts")
def cash_in(
    snapshot: Snapshot,
    days: int = 90,
    by: str | None = None,
    *,
    every: Every | None = "month",
    wins: Wins | None = None,
    n_paths: int = N_PATHS,
    seed: int = SEED,
) -> pl.DataFrame:
    """Return the money that is to be expected in each period of the next `days`, with bands, by where it comes from.

    Reads `invoices` and `receipts`; `deals`, `contracts` and `orders` for what was won and is not yet invoiced, `customers`
    and `reps` for groups. `wins` are simulated wins to come, of `forecast.simulate_wins(snapshot, days)` (as many paths as they
    have); without them only what is won or signed counts, in `n_paths` paths. Periods
    are calendar weeks (from Monday) or months from the day after the last whole day, cut at the horizon; `every=None` is one
    period of all days. `by`: customer_id, rep_id, unit_id, or None for everything. Money counts for the customer's owner and
    that owner's unit as of the snapshot, as receipts do against targets; where the customer cannot be known, for the rep of
    the deal.

    One row per group, period and `source`: `open_invoices` (issued and unpaid), `won_deals` (won or signed, not yet wholly
    invoiced), `future_wins`, and `total`. Columns: the `by` column, `start_on` <= day < `end_on`, `source`,
    `expected_amount` (mean over the paths; adds up exactly over sources and over groups), and the ends of the bands that
    hold 50, 80 and 95 % of the paths (`low_80_amount`, `high_80_amount` ...; bands do not add up). All Decimal, in the
    company's currency. A source that nothing can be said of has no row: `won_deals` and `future_wins` where no invoice ever
    led back to a deal or contract, `future_wins` without `wins`. Not in it: money without an invoice (advances) and invoices
    to come that lead to no deal or contract. Empty while nothing was ever paid. Raises UsageError for `days`, `by`, `every`
    or `n_paths` that cannot be.

    Each path draws the laws from their uncertainty, each customer's speed of payment, a common factor for every month, and
    then each day of invoicing and payment (docs/forecast.md). The same arguments give the same result to the bit.

    >>> from salesiq.book import Book
    >>> ids, day = [f"V{n}" for n in range(40)], dt.date(2026, 1, 1)
    >>> invoices = pl.DataFrame({"invoice_id": ids, "customer_id": "C1", "issued_on": day, "amount": 100})
    >>> receipts = pl.DataFrame({"receipt_no": ids[:30], "invoice_id": ids[:30], "amount": 100,
    ...     "received_on": [day + dt.timedelta(days=20 + n) for n in range(30)]})
    >>> now = Book.from_frames(invoices=invoices, receipts=receipts).as_of("2026-02-20")
    >>> found = cash_in(now, days=365, every=None)
    >>> found["source"].to_list(), 800 < found["expected_amount"][0] <= 1000
    (['open_invoices', 'total'], True)
    """
    check(days, by, every, n_paths)
    paths = simulate_cash(snapshot, days, wins, n_paths, seed)
    return bands(paths, by, periods(last_whole_day(snapshot.as_of), days, every))


@dataclass(frozen=True)
class Cells:
    """One group's money by source (the last is their total), period and path, in cents, and its expected cents."""

    group: str | None
    cents: Ints
    expected: Ints


def periods(last_on: dt.date, n_days: int, every: Every | None) -> list[tuple[dt.date, dt.date]]:
    """Return the half-open periods of the `n_days` after `last_on`.

    >>> [str(start) for start, _ in periods(dt.date(2026, 6, 30), 14, "week")]
    ['2026-07-01', '2026-07-06', '2026-07-13']
    """
    end = last_on + dt.timedelta(days=n_days + 1)
    starts = [last_on + dt.timedelta(days=1)]
    while every is not None:
        day = starts[-1]
        following = day + dt.timedelta(days=7 - day.weekday())
        if every == "month":
            following = (day.replace(day=1) + dt.timedelta(days=32)).replace(day=1)
        if following >= end:
            break
        starts.append(following)
    return list(zip(starts, [*starts[1:], end], strict=True))


def cells(paths: CashPaths, by: str | None, spans: list[tuple[dt.date, dt.date]]) -> Iterator[Cells]:
    """Return the money of each group, groups in order, null last; over the groups it sums to the whole, path by path."""
    names = _groups(paths, by)
    number = {name: at for at, name in enumerate(names)}
    of_payer = [number[name] for name in paths.payers[by].to_list()] if by else [0] * paths.payers.height
    group = np.array(of_payer, dtype=np.int64)
    firsts = np.array([(start - paths.last_on).days for start, _ in spans])
    flows = paths.flows
    period = np.searchsorted(firsts, flows.day, side="right") - 1
    means = _means(paths, period, len(spans))
    mine = group[flows.payer]
    order = np.argsort(mine, kind="stable")
    cuts = np.searchsorted(mine[order], np.arange(len(names) + 1))
    shape = (len(SOURCES), len(spans), paths.n_paths)
    for at, name in enumerate(names):
        rows = order[cuts[at] : cuts[at + 1]]
        place = np.ravel_multi_index((flows.source[rows], period[rows], flows.path[rows]), shape)
        summed = np.bincount(place, weights=flows.cents[rows], minlength=int(np.prod(shape)))
        cents = np.rint(summed).astype(np.int64).reshape(shape)  # whole numbers below 2^53 are summed exactly
        expected = means[group == at].sum(axis=0)
        told = list(paths.told)
        yield Cells(name, _with_total(cents[told]), _with_total(expected[told]))


def bands(paths: CashPaths, by: str | None, spans: list[tuple[dt.date, dt.date]]) -> pl.DataFrame:
    """Return expected money and bands, one row per group, period and source."""
    sources = [*(SOURCES[source] for source in paths.told), "total"]
    shares = [share for pair in BANDS.values() for share in pair]
    found = []
    for cell in cells(paths, by, spans) if paths.told else ():
        ends = np.quantile(cell.cents, shares, axis=2, method="inverted_cdf").astype(np.int64)
        found += [
            (cell.group, *span, source, int(cell.expected[at, k]), *ends[:, at, k].tolist())
            for k, span in enumerate(spans)
            for at, source in enumerate(sources)
        ]
    amounts = ["expected_amount", *BAND_COLUMNS]
    head = {"group": pl.String, "start_on": pl.Date, "end_on": pl.Date, "source": pl.String}
    rows = pl.DataFrame(found, {**head, **dict.fromkeys(amounts, pl.Int64)}, orient="row")
    rows = rows.with_columns(money(rows[name]).alias(name) for name in amounts)
    return rows.rename({"group": by}) if by else rows.drop("group")


def _groups(paths: CashPaths, by: str | None) -> list[str | None]:
    if by is None:
        return [None]
    column = paths.payers[by]
    return [*sorted(column.drop_nulls().unique().to_list()), *([None] if column.null_count() else [])]


def _with_total(cents: Ints) -> Ints:
    return np.concatenate([cents, cents.sum(axis=0, keepdims=True)])


def _means(paths: CashPaths, period: Ints, n_periods: int) -> Ints:
    """Return the mean over the paths, payers x sources x periods, in whole cents that add up however they are grouped.

    Running sums over the payers are rounded, and each payer gets the difference: any sum over all payers is within half a
    cent of the mean.
    """
    shape = (paths.payers.height, len(SOURCES), n_periods)
    sums = np.zeros(shape, dtype=np.int64)
    np.add.at(sums, (paths.flows.payer, paths.flows.source, period), paths.flows.cents)
    running = (2 * np.cumsum(sums, axis=0) + paths.n_paths) // (2 * paths.n_paths)
    return np.diff(running, axis=0, prepend=0)


def check(days: int, by: str | None, every: str | None, n_paths: int) -> None:
    """Refuse arguments of `forecast.cash_in` that cannot be."""
    if not 1 <= days <= _MOST_DAYS:
        raise UsageError("cash_in.bad_days", days=repr(days), most=_MOST_DAYS)
    if by is not None and by not in PAYERS:
        raise UsageError("cash_in.bad_by", by=repr(by), allowed=", ".join(PAYERS))
    if every is not None and every not in get_args(Every):
        raise UsageError("cash_in.bad_every", every=repr(every), allowed=", ".join(get_args(Every)))
    if n_paths < 1:
        raise UsageError("cash_in.bad_paths", n_paths=repr(n_paths))

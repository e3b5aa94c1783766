"""Backtest of cash-in: forecasts made at past moments against the money that came, beside three plain ways to forecast."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from salesiq.book import Book, Snapshot, needs
from salesiq.forecast.cash_in import BAND_COLUMNS, BANDS, N_PATHS, SEED, Every, cells, check, periods
from salesiq.forecast.cash_paths import simulate_cash
from salesiq.forecast.receivables import last_whole_day, money, receivables
from salesiq.forecast.training import snapshot_of
from salesiq.forecast.wins import Wins

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Span = tuple[dt.date, dt.date]

#: run rate and its spread come from so many days before the moment
RUN_DAYS = 365
#: with fewer stretches of a period's length behind the moment there is no run rate
FEWEST_SPANS = 3
METHODS = ("simulated", "run_rate", "last_year", "due_dates")
HEAD: dict[str, pl.DataType | type[pl.DataType]] = {
    "moment": pl.Datetime("us"),
    "group": pl.String,
    "start_on": pl.Date,
    "end_on": pl.Date,
    "method": pl.String,
}
AMOUNTS = ("actual_amount", "expected_amount", *BAND_COLUMNS, "crps_amount")


@needs("invoices", "receipts")
def cash_in_backtest(
    book: Book | Snapshot,
    moments: Sequence[dt.date | dt.datetime | str],
    days: int = 90,
    by: str | None = None,
    *,
    every: Every | None = "month",
    wins: Callable[[Snapshot], Wins] | None = None,
    until: dt.date | dt.datetime | str | None = None,
    n_paths: int = N_PATHS,
    seed: int = SEED,
) -> pl.DataFrame:
    """Return what `forecast.cash_in` said at past moments beside what came (rolling origin), and what plain methods said.

    Each moment sees only what was known then; what came is what is known at `until`, by default at the newest export, and a
    period that was not over by then is left out. `wins` makes the wins to come for a snapshot; the other arguments are those
    of `forecast.cash_in`. What came is all receipts less refunds, those without an invoice too. Groups are those of the
    moment; a customer who came later counts where it is now.

    One row per moment, group, period and `method`: `simulated`; `run_rate`: what came in stretches of the period's length in
    the year before, each as likely, so their mean and their spread; `last_year`: what came in the same days a year before;
    `due_dates`: every open invoice is paid on its due date, overdue ones and those without one on the next day. Columns:
    `moment`, the `by` column, `start_on`, `end_on`, `method`, `actual_amount`, `expected_amount`, the ends of the bands
    (null for the last two methods, which have none) and `crps_amount`, the continuous ranked probability score (Gneiting and
    Raftery 2007, eq. 21): 0 is perfect, for a forecast without spread the absolute error; all Decimal. A method without the
    history that it needs has no row. Raises UsageError for a moment later than `until` and as `forecast.cash_in` does.

    >>> ids, day = [f"V{n}" for n in range(40)], dt.date(2026, 1, 1)
    >>> invoices = pl.DataFrame({"invoice_id": ids, "customer_id": "C1", "issued_on": day, "amount": 100})
    >>> receipts = pl.DataFrame({"receipt_no": ids, "invoice_id": ids, "amount": 100,
    ...     "received_on": [day + dt.timedelta(days=20 + n) for n in range(40)]})
    >>> found = cash_in_backtest(Book.from_frames(invoices=invoices, receipts=receipts), ["2026-02-10"], 19, every=None,
    ...     until="2026-03-31")
    >>> found.select("method", "actual_amount").rows()
    [('simulated', Decimal('1900.00')), ('due_dates', Decimal('1900.00'))]
    """
    check(days, by, every, n_paths)
    known = snapshot_of(book, until)
    rows = []
    for moment in moments:
        then = known.earlier(moment)
        past = _Past(then, known, by, days, every)
        rows += [(then.as_of, *row) for row in _simulated(past, wins(then) if wins else None, n_paths, seed)]
        rows += [(then.as_of, *row) for row in _plain(past)]
    found = pl.DataFrame(rows, {**HEAD, **dict.fromkeys(AMOUNTS, pl.Int64)}, orient="row")
    found = found.with_columns(money(found[name]).alias(name) for name in AMOUNTS)
    order = pl.col("method").replace_strict({name: at for at, name in enumerate(METHODS)}, return_dtype=pl.Int64)
    found = found.sort("moment", "group", "start_on", order, nulls_last=True)
    return found.rename({"group": by}) if by else found.drop("group")


def cash_in_scores(backtest: pl.DataFrame) -> pl.DataFrame:
    """Return how each method of a `forecast.cash_in_backtest` did, over all its rows; one row per method.

    Columns: `n` forecasts; `bias_share`: (expected - came) / came, summed, above 0 where too much was promised;
    `covered_50_share`, `covered_80_share`, `covered_95_share`: how often what came lay in the band, ends included;
    `width_80_share`: width of the 80 % band over what came; `crps_share`: score over what came, lower is better;
    `crps_ratio`: the score over that of `simulated` on the same rows, above 1 is worse. Null where a method has no bands or
    nothing came. In the order of the methods; empty for an empty backtest.

    >>> cash_in_scores(cash_in_backtest(Book.from_frames(), [])).height
    0
    """
    keys = [name for name in backtest.columns if name not in {"method", *AMOUNTS}]
    rows = backtest.with_columns(pl.col(AMOUNTS).cast(pl.Float64))
    best = rows.filter(pl.col("method") == "simulated").select(*keys, best="crps_amount")
    rows = rows.join(best, on=keys, how="left", nulls_equal=True, maintain_order="left")
    came = pl.col("actual_amount").sum()
    covered = {
        f"covered_{band}_share": pl.col("actual_amount").is_between(f"low_{band}_amount", f"high_{band}_amount").mean()
        for band in BANDS
    }
    width = (pl.col("high_80_amount") - pl.col("low_80_amount")).sum()
    scores = {
        "bias_share": _share((pl.col("expected_amount") - pl.col("actual_amount")).sum(), came),
        **covered,
        "width_80_share": _share(pl.when(pl.col("low_80_amount").count() > 0).then(width), came),
        "crps_share": _share(pl.col("crps_amount").sum(), came),
        "crps_ratio": _share(pl.col("crps_amount").filter(pl.col("best").is_not_null()).sum(), pl.col("best").sum()),
    }
    found = rows.group_by("method").agg(pl.len().cast(pl.Int64).alias("n"), **scores)
    order = pl.DataFrame({"method": METHODS}, schema={"method": pl.String})
    return order.join(found, on="method", how="inner", maintain_order="left")


def _share(part: pl.Expr, whole: pl.Expr) -> pl.Expr:
    return pl.when(whole != 0).then(part / whole)


class _Past:
    """A moment, the money known then and the money that came after, by group."""

    def __init__(self, then: Snapshot, known: Snapshot, by: str | None, days: int, every: Every | None) -> None:
        self.then, self.by, self.days = then, by, days
        self.last_on, seen_on = last_whole_day(then.as_of), last_whole_day(known.as_of)
        self.spans = periods(self.last_on, days, every)
        self.over = [span for span in self.spans if span[1] - dt.timedelta(days=1) <= seen_on]
        self.groups_then, self.groups_now = _groups(then, by), _groups(known, by)
        self.before = self._of_group(_received(then, self.last_on))
        self.after = self._of_group(_received(known, seen_on).filter(pl.col("received_on") > self.last_on))
        self.first_on: dt.date | None = min(self.before["received_on"].to_list(), default=None)

    def _of_group(self, rows: pl.DataFrame) -> pl.DataFrame:
        if self.by is None:
            return rows.with_columns(group=pl.lit(None, pl.String))
        told = {**self.groups_now, **self.groups_then}
        return rows.with_columns(group=pl.Series([told.get(name) for name in rows["customer_id"].to_list()], dtype=pl.String))

    def names(self) -> list[str | None]:
        return sorted(
            {*self.before["group"].to_list(), *self.after["group"].to_list()}, key=lambda name: (name is None, name or "")
        )


def _groups(snapshot: Snapshot, by: str | None) -> dict[str, str | None]:
    if by is None:
        return {}
    known = snapshot.run("forecast.customer_groups", order=("customer_id",))
    return dict(zip(known["customer_id"].to_list(), known[by].to_list(), strict=True))


def _received(snapshot: Snapshot, last_on: dt.date) -> pl.DataFrame:
    return snapshot.run("forecast.cash_received", order=("received_on", "receipt_no"), last_on=last_on)


def _sum(rows: pl.DataFrame, group: str | None, span: Span) -> int:
    of_group = pl.col("group").eq_missing(pl.lit(group, pl.String))
    here = pl.col("received_on").is_between(*span, closed="left")
    return int(rows.filter(of_group & here)["cents"].sum())


Row = tuple[object, ...]


def _row(group: str | None, span: Span, method: str, actual: int, drawn: Ints, expected: int) -> Row:
    """Return one forecast, as a set of equally likely amounts, against what came; bands only where it has a spread."""
    ends: list[int | None] = [None] * len(BAND_COLUMNS)
    if len(drawn) > 1:
        shares = [share for pair in BANDS.values() for share in pair]
        ends = [int(value) for value in np.quantile(drawn, shares, method="inverted_cdf")]
    return (group, *span, method, actual, expected, *ends, round(crps(drawn, actual)))


def crps(drawn: Ints, actual: int) -> float:
    """Return the mean distance to what came less half the mean distance between two draws.

    >>> crps(np.array([0, 10]), 5), crps(np.array([3]), 5)
    (2.5, 2.0)
    """
    values = np.sort(drawn).astype(np.float64)
    n = len(values)
    spread = float((values * (2 * np.arange(n) - n + 1)).sum()) / n**2
    return float(np.abs(values - actual).mean()) - spread


def _simulated(past: _Past, wins: Wins | None, n_paths: int, seed: int) -> Iterator[Row]:
    paths = simulate_cash(past.then, past.days, wins, n_paths, seed)
    if not paths.told:
        return
    names = set(past.names())
    for cell in cells(paths, past.by, past.spans):
        names.discard(cell.group)
        for at, span in enumerate(past.over):
            drawn = cell.cents[-1, at]
            yield _row(cell.group, span, "simulated", _sum(past.after, cell.group, span), drawn, int(cell.expected[-1, at]))
    nothing = np.zeros(2, dtype=np.int64)  # a group without anything open is told to bring nothing
    for name in names:
        for span in past.over:
            yield _row(name, span, "simulated", _sum(past.after, name, span), nothing, 0)


def _plain(past: _Past) -> Iterator[Row]:
    bills = past._of_group(receivables(past.then).bills.filter(pl.col("open_cents") > 0))
    next_on = past.last_on + dt.timedelta(days=1)
    due = bills.select(
        "group", received_on=pl.max_horizontal(pl.col("due_on").fill_null(next_on), pl.lit(next_on)), cents="open_cents"
    )
    for name in past.names():
        for span in past.over:
            actual = _sum(past.after, name, span)
            run = _stretches(past, name, (span[1] - span[0]).days)
            if len(run) >= FEWEST_SPANS:
                yield _row(name, span, "run_rate", actual, run, round(float(run.mean())))
            year_ago = (_a_year_before(span[0]), _a_year_before(span[1]))
            if past.first_on is not None and past.first_on <= year_ago[0]:
                told = np.array([_sum(past.before, name, year_ago)])
                yield _row(name, span, "last_year", actual, told, int(told[0]))
            told = np.array([_sum(due, name, span)])
            yield _row(name, span, "due_dates", actual, told, int(told[0]))


def _stretches(past: _Past, name: str | None, n_days: int) -> Ints:
    """Return what came in each whole stretch of so many days, backwards from the moment."""
    if past.first_on is None:
        return np.zeros(0, dtype=np.int64)
    n = min(RUN_DAYS, (past.last_on - past.first_on).days + 1) // n_days
    end = past.last_on + dt.timedelta(days=1)
    ends = [end - dt.timedelta(days=n_days * k) for k in range(n)]
    return np.array([_sum(past.before, name, (day - dt.timedelta(days=n_days), day)) for day in ends], dtype=np.int64)


def _a_year_before(day: dt.date) -> dt.date:
    return day.replace(year=day.year - 1, day=28) if (day.month, day.day) == (2, 29) else day.replace(year=day.year - 1)

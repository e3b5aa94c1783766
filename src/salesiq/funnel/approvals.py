"""Approvals: who waits for a decision longer than is usual at that node."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from salesiq.book import Snapshot, needs
from salesiq.calendar import Calendar
from salesiq.errors import UsageError
from salesiq.funnel.reversals import wilson
from salesiq.funnel.survival import Floats, Incidence, incidence, product_limit

FEWEST_DECIDED = 20
PENDING = (
    *("approval_id", "node", "deal_id", "deal_name", "customer_name", "amount", "stage", "rep_id", "rep_name"),
    *("approver_id", "approver_name", "submitted_at", "waiting_days", "waiting_working_days", "p90_working_days"),
    *("longer_share", "is_overdue", "rests_on", "n_decided"),
)


@needs("approvals")
def approvals(snapshot: Snapshot, *, min_n: int = FEWEST_DECIDED, calendar: Calendar | None = None) -> pl.DataFrame:
    """Return every approval request that waits for a decision, one row each, the most overdue first.

    A request is overdue where it waits longer than nine in ten requests at its own node: the 90 % point of the Kaplan-Meier
    curve of the node's waits, those that still go on included, in working days (`calendar`, by default China's: a request of
    the eve of a holiday is not late because of the holiday). A node with fewer than `min_n` decisions, or whose curve does not
    reach the point, is measured by all nodes together (`rests_on` "all", else "node"). A request whose deal was won or lost
    before a decision waits no more: its wait is cut there, and it is not listed.

    Columns: `approval_id`, `node`, `deal_id`, `deal_name`, `customer_name`, `amount`, `stage`, `rep_id`, `rep_name`,
    `approver_id` (who decides), `approver_name`, `submitted_at`, `waiting_days` (calendar), `waiting_working_days` (of the
    calendar's working hours), `p90_working_days` (null where no curve reaches it), `longer_share` (share of the waits that
    last at least as long), `is_overdue`, `rests_on`, `n_decided` (decisions behind the standard). Empty without a pending
    request. Raises UsageError for `min_n` below 1.

    >>> import datetime as dt
    >>> from salesiq.book import Book
    >>> start = dt.datetime(2026, 3, 2, 9)
    >>> requests = pl.DataFrame({"approval_id": [f"P{n:02}" for n in range(31)], "node": ["price"] * 31,
    ...     "submitted_at": [start] * 31, "decided_at": [start + dt.timedelta(days=1)] * 30 + [None]})
    >>> found = approvals(Book.from_frames(approvals=requests).as_of("2026-03-06"))
    >>> found.select("approval_id", "waiting_working_days", "p90_working_days", "is_overdue").row(0)
    ('P30', 5.0, 1.0, True)
    """
    if min_n < 1:
        raise UsageError("funnel.bad_min_n", n=min_n)
    waits = _waits(snapshot, calendar or Calendar.china())
    everyone = _Standard(waits, "all")
    rows = []
    for (_,), of_node in waits.partition_by("node", as_dict=True).items():
        own = _Standard(of_node, "node")
        standard = own if own.n_decided >= min_n and own.p90 is not None else everyone
        rows.append(_judged(of_node.filter(pl.col("state") == "pending"), standard))
    found = pl.concat(rows) if rows else _judged(waits, everyone)
    late = pl.col("waiting_working_days") - pl.col("p90_working_days")
    order = ["is_overdue", late, "waiting_working_days", "approval_id"]
    return found.sort(order, descending=[True, True, True, False], nulls_last=True).select(PENDING)


@needs("approvals")
def approval_nodes(snapshot: Snapshot, *, min_n: int = FEWEST_DECIDED, calendar: Calendar | None = None) -> pl.DataFrame:
    """Return how long each approval node takes, one row per node, the slowest first.

    Columns: `node`, `n_requests`, `n_decided`, `n_pending`, `n_overdue` (as in `approvals`, with the same arguments),
    `n_withdrawn` (the deal closed first), `median_working_days` with its 95 % interval `median_low_working_days` to
    `median_high_working_days`, `p90_working_days`, `p90_days` (calendar), and `refused_share`: of the decisions those that
    rejected or returned the request, with its 95 % interval `refused_low` to `refused_high` (Wilson 1927). Waits that
    still go on are right-censored; a quantile that the curve does not reach is null, as is the share without decisions.

    >>> import datetime as dt
    >>> from salesiq.book import Book
    >>> start = dt.datetime(2026, 3, 2, 9)
    >>> requests = pl.DataFrame({"approval_id": ["P1", "P2", "P3"], "node": ["price"] * 3, "submitted_at": [start] * 3,
    ...     "decided_at": [start + dt.timedelta(days=1)] * 2 + [None], "outcome": ["returned", "approved", None]})
    >>> found = approval_nodes(Book.from_frames(approvals=requests).as_of("2026-03-06"))
    >>> found.select("node", "n_decided", "n_pending", "median_working_days", "refused_share").row(0)
    ('price', 2, 1, 1.0, 0.5)
    """
    waits = _waits(snapshot, calendar or Calendar.china())
    late = approvals(snapshot, min_n=min_n, calendar=calendar).filter("is_overdue").group_by("node").agg(n_overdue=pl.len())
    is_refused = pl.col("outcome").is_in(["rejected", "returned"]).fill_null(False)
    counts = waits.group_by("node").agg(
        n_requests=pl.len(),
        n_decided=pl.col("is_decided").sum(),
        n_pending=(pl.col("state") == "pending").sum(),
        n_withdrawn=(pl.col("state") == "withdrawn").sum(),
        n_refused=(pl.col("is_decided") & is_refused).sum(),
    )
    quantiles = [{"node": node, **_quantiles(of_node)} for (node,), of_node in waits.partition_by("node", as_dict=True).items()]
    schema: dict[str, pl.DataType] = {"node": pl.String(), **dict.fromkeys(_QUANTILES, pl.Float64())}
    found = counts.join(pl.DataFrame(quantiles, schema=schema), on="node", nulls_equal=True)
    found = found.join(late, on="node", how="left", nulls_equal=True).with_columns(
        pl.col("n_overdue").fill_null(0),
        *wilson(pl.col("n_refused"), pl.col("n_decided"), "refused_share", "refused_low", "refused_high"),
    )
    names = ["node", "n_requests", "n_decided", "n_pending", "n_overdue", "n_withdrawn", *_QUANTILES]
    whole = found.select(*names, "refused_share", "refused_low", "refused_high").with_columns(pl.col("^n_.*$").cast(pl.Int64))
    return whole.sort("median_working_days", "node", descending=[True, False], nulls_last=True)


_QUANTILES = ("median_working_days", "median_low_working_days", "median_high_working_days", "p90_working_days", "p90_days")


def _waits(snapshot: Snapshot, calendar: Calendar) -> pl.DataFrame:
    found = snapshot.run("funnel.approval_waits", order=("node", "submitted_at", "approval_id"))
    hours = calendar.count_working_hours(found["submitted_at"], found["until_at"])
    return found.with_columns(
        waiting_days=(pl.col("until_at") - pl.col("submitted_at")).dt.total_microseconds() / 86400e6,
        waiting_working_days=hours / calendar.hours_per_day,
    )


class _Standard:
    """What requests are measured by: the waits of one node, or of all."""

    def __init__(self, waits: pl.DataFrame, kind: str) -> None:
        self.kind = kind
        self.n_decided = int(waits["is_decided"].sum())
        days, is_decided = waits["waiting_working_days"].to_numpy(), waits["is_decided"].to_numpy()
        self.curve: Incidence = incidence(days, is_decided.astype(np.int64), 1)
        self.p90 = product_limit(*_sorted(days, is_decided)).get("p90_days")

    def longer_share(self, days: float) -> float:
        """Return the share of waits that last at least so long."""
        at = int(np.searchsorted(self.curve.times, days, side="left")) - 1
        return 1.0 if at < 0 else float(self.curve.waiting[at])


def _judged(pending: pl.DataFrame, standard: _Standard) -> pl.DataFrame:
    shares = [standard.longer_share(days) for days in pending["waiting_working_days"]]
    p90 = pl.lit(standard.p90, pl.Float64)
    return pending.with_columns(
        p90_working_days=p90,
        longer_share=pl.Series(shares, dtype=pl.Float64),
        is_overdue=(pl.col("waiting_working_days") > p90).fill_null(False),
        rests_on=pl.lit(standard.kind),
        n_decided=pl.lit(standard.n_decided, pl.Int64),
    )


def _quantiles(of_node: pl.DataFrame) -> dict[str, float | None]:
    is_decided = of_node["is_decided"].to_numpy()
    working, calendar = (
        product_limit(*_sorted(of_node[name].to_numpy(), is_decided)) for name in ("waiting_working_days", "waiting_days")
    )
    return {
        "median_working_days": working.get("median_days"),
        "median_low_working_days": working.get("median_low_days"),
        "median_high_working_days": working.get("median_high_days"),
        "p90_working_days": working.get("p90_days"),
        "p90_days": calendar.get("p90_days"),
    }


def _sorted(days: Floats, is_left: NDArray[np.bool_]) -> tuple[Floats, NDArray[np.bool_]]:
    order = np.argsort(days, kind="stable")
    return days[order], is_left[order]

"""Bridge: from the open amount at one moment to that at another, in steps that add up."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from salesiq.book import Snapshot, needs
from salesiq.calendar import Period
from salesiq.funnel.changes import PARTS, SAID_BY_PARTS, bounds, rows_query
from salesiq.funnel.groups import group_columns

STEPS = ("then", *PARTS, "now")
_TOTALS = """
SELECT {names}'{step}' AS step, count(*) AS n_deals, coalesce(sum(amount), 0)::DECIMAL(38, 2) AS amount
FROM (SELECT deal_id, status, is_gone, amount, expected_close_on FROM base.deals(as_of := {moment})){segments}
WHERE status = 'open' AND is_gone IS NOT TRUE
  AND ($starts_on::DATE IS NULL
       OR coalesce(expected_close_on >= $starts_on::DATE AND expected_close_on < $ends_on::DATE, false))
{grouped}
"""
_PARTS = """
SELECT {names}part AS step, sum(n_deals)::BIGINT AS n_deals, sum(amount)::DECIMAL(38, 2) AS amount, count(*) AS n_touched,
    sum(if(part = 'removed', amount_before, amount_now))::DECIMAL(38, 2) AS touched_amount
FROM ({rows}) AS rows
GROUP BY ALL
"""


@needs("deals")
def bridge(
    before: Snapshot, after: Snapshot, *, by: str | Sequence[str] | None = None, period: str | Period | None = None
) -> pl.DataFrame:
    """Return the way from the open amount at `before` to the one at `after`: one row per step, and group of `by`.

    The first row, `then`, and the last, `now`, are the totals at the two moments; the rows between are the parts of `changes`
    that occurred and sum to the difference exactly, in deals and in money. Arguments as in `changes`, which gives the
    deals behind each step.

    Columns: the `by` columns, `step`, `n_deals` and `amount` (totals for `then` and `now`, else signed changes), `n_touched`
    (deals behind the step; null for the totals) and `touched_amount` (what those deals are worth now, removed ones before: for
    steps such as `postponed`, which move nothing, how much is at stake). Groups without any deal have no row.

    >>> import datetime as dt
    >>> from salesiq.book import Book
    >>> deals = pl.DataFrame({"deal_id": ["D1", "D2"], "amount": [100, 30], "status": ["won", "open"],
    ...     "created_at": [dt.datetime(2026, 1, 5), dt.datetime(2026, 1, 20)], "closed_at": [dt.datetime(2026, 1, 22), None]})
    >>> book = Book.from_frames(deals=deals)
    >>> bridge(book.as_of("2026-01-15"), book.as_of("2026-01-31")).select("step", pl.col("amount").cast(int)).rows()
    [('then', 100), ('new', 30), ('won', -100), ('now', 30)]
    """
    groups = group_columns(after, by, but=SAID_BY_PARTS)
    found = after.sql(_query(groups), **bounds(before, after, period))
    place = pl.col("step").replace_strict(STEPS, range(len(STEPS)), return_dtype=pl.Int64)
    return found.sort(*groups, place, nulls_last=True)


def _query(groups: Sequence[str]) -> str:
    parts = _PARTS.format(names=_listed(groups), rows=rows_query(groups))
    return " UNION ALL BY NAME ".join([_totals("then", "$since", groups), parts, _totals("now", "$as_of", groups)])


def _totals(step: str, moment: str, groups: Sequence[str]) -> str:
    return _TOTALS.format(
        names=_listed(groups),
        step=step,
        moment=moment,
        segments=f" JOIN (SELECT deal_id, {', '.join(groups)} FROM base.segments(as_of := {moment})) USING (deal_id)"
        if groups
        else "",
        grouped="GROUP BY ALL" if groups else "",
    )


def _listed(groups: Sequence[str]) -> str:
    return "".join(f"{name}, " for name in groups)

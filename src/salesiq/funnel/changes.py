"""Changes: what happened to the open deals between two moments, part by part, exact to the cent."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from salesiq.book import Snapshot, needs
from salesiq.calendar import Period
from salesiq.funnel.groups import group_columns

#: the parts in the order in which a bridge takes them: what came in, what moved, what was revalued, what left
PARTS = (
    "new",
    "reopened",
    "pulled_in",
    "into_scope",
    "owner_changed",
    "regrouped",
    "amount_up",
    "amount_down",
    "won",
    "lost",
    "pushed_out",
    "out_of_scope",
    "removed",
    "stage_forward",
    "stage_back",
    "postponed",
    "brought_forward",
)
_AT = "as_of := $as_of, since := $since, starts_on := $starts_on, ends_on := $ends_on"
_ROWS = f"SELECT * FROM funnel.changes({_AT})"

# A deal that moves to another group takes the amount that it had along; all that happens to it besides happens in its new
# group, but that it was removed.
_GROUPED = f"""
WITH groups AS (
    SELECT coalesce(later.deal_id, earlier.deal_id) AS deal_id, {{pairs}}
    FROM base.segments(as_of := $as_of) AS later
    FULL JOIN base.segments(as_of := $since) AS earlier ON earlier.deal_id = later.deal_id
), movers AS (
    SELECT pairs.*, {{both}}, if(owner_now IS DISTINCT FROM owner_before, 'owner_changed', 'regrouped') AS part
    FROM funnel.deal_pairs({_AT}) AS pairs
    JOIN groups ON groups.deal_id = pairs.deal_id
    WHERE is_in_before AND status_now IS NOT NULL AND ({{differs}})
)
SELECT {{chosen}}, rows.*
FROM ({_ROWS}) AS rows
JOIN groups ON groups.deal_id = rows.deal_id
WHERE part <> 'owner_changed' OR NOT ({{differs}})
UNION ALL
SELECT {{left}}, {{moved}} FROM movers CROSS JOIN (SELECT -1::INTEGER AS sign)
UNION ALL
SELECT {{joined}}, {{moved}} FROM movers CROSS JOIN (SELECT 1::INTEGER AS sign)
"""
_MOVED = (
    "deal_id, part, sign, (sign * amount_before)::DECIMAL(18, 2), amount_before, amount_now, stage_before, stage_now, "
    "owner_before, owner_now, close_before, close_now"
)
#: grouping by these would say the same as the parts do
SAID_BY_PARTS = ("stage", "status")


@needs("deals")
def changes(
    before: Snapshot, after: Snapshot, *, by: str | Sequence[str] | None = None, period: str | Period | None = None
) -> pl.DataFrame:
    """Return what happened to the open deals between two snapshots of one book: one row per deal and part.

    The rows bridge the open amount: `amount` and `n_deals` sum to the difference of the two totals, to the cent. Only
    the two moments are compared; what came and went in between is not told. `before` is asked again of the book of `after`.
    A deal without an amount counts as 0; several currencies are added as they stand (group by currency).

    Parts that change the total: `new` (began since), `reopened`, `amount_up`, `amount_down` (a deal that was won or lost is
    revalued first, then leaves with its amount now), `won`, `lost` (a deal that began since and closed is new and won or lost;
    one that was won and is lost now was reopened and lost), `removed` (no longer in the exports). With a `period` (such as
    "2026-Q3", or a `salesiq.calendar.Period`) only deals count that are expected to close in it: `pulled_in` and
    `pushed_out` came from, or went to, a day after it; `into_scope` and `out_of_scope` another day, or none. A deal that
    closed counts by the day on which it closed.

    Parts that do not change the total (`amount` and `n_deals` 0): `stage_forward`, `stage_back`, `postponed` and
    `brought_forward` (the expected day of closing, while the deal counts), `owner_changed`.

    With `by`, columns of `base.segments` (rep_id, unit_id, region, product_line, ...; not stage and status), rows carry the
    group, and a deal that moved between groups has two rows, `owner_changed` or `regrouped`, that take the amount it had
    from the one to the other: the rows of each group bridge that group's totals.

    Columns: the `by` columns, `deal_id`, `part`, `n_deals` (-1, 0, 1), `amount` (signed), `amount_before`, `amount_now`,
    `stage_before`, `stage_now`, `owner_before`, `owner_now`, `close_before`, `close_now` (expected day); *_before is null for
    a deal that began since, *_now for one that was removed, amounts are 0 there. Ordered by part, then the largest effect.
    Raises UsageError where `before` is later than `after`, and for a `by` column that does not exist.

    >>> import datetime as dt
    >>> from salesiq.book import Book
    >>> deals = pl.DataFrame({"deal_id": ["D1", "D2"], "amount": [100, 30], "status": ["won", "open"],
    ...     "created_at": [dt.datetime(2026, 1, 5), dt.datetime(2026, 1, 20)], "closed_at": [dt.datetime(2026, 1, 22), None]})
    >>> book = Book.from_frames(deals=deals)
    >>> changes(book.as_of("2026-01-15"), book.as_of("2026-01-31")).select("deal_id", "part", pl.col("amount").cast(int)).rows()
    [('D2', 'new', 30), ('D1', 'won', -100)]
    """
    groups = group_columns(after, by, but=SAID_BY_PARTS)
    found = after.sql(rows_query(groups), **bounds(before, after, period))
    size = pl.max_horizontal("amount_before", "amount_now")
    order = pl.col("part").replace_strict(PARTS, range(len(PARTS)), return_dtype=pl.Int64)
    return found.sort(order, pl.col("amount").abs(), size, "deal_id", "n_deals", descending=[False, True, True, False, False])


def bounds(before: Snapshot, after: Snapshot, period: str | Period | None) -> dict[str, object]:
    """Return what the macro needs of the moment before and of the period."""
    since = after.earlier(before.as_of).as_of
    days = Period.parse(period) if isinstance(period, str) else period
    return {"since": since, "starts_on": days and days.start_on, "ends_on": days and days.end_on}


def rows_query(groups: Sequence[str]) -> str:
    """Return the query of the rows of `changes`, with the columns of `groups` (checked names) before them."""
    if not groups:
        return _ROWS
    return _GROUPED.format(
        pairs=", ".join(f"earlier.{name} AS {name}_earlier, later.{name} AS {name}_later" for name in groups),
        both=", ".join(f"{name}_earlier, {name}_later" for name in groups),
        differs=" OR ".join(f"{name}_earlier IS DISTINCT FROM {name}_later" for name in groups),
        chosen=", ".join(f"if(part = 'removed', {name}_earlier, {name}_later) AS {name}" for name in groups),
        left=", ".join(f"{name}_earlier" for name in groups),
        joined=", ".join(f"{name}_later" for name in groups),
        moved=_MOVED,
    )

"""Velocity: how much money the pipeline wins a day, and which of its four factors moved it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import polars as pl

from salesiq.book import Snapshot, needs
from salesiq.errors import UsageError
from salesiq.funnel.groups import group_columns

FACTORS = ("n_open", "win_share", "mean_won_amount", "cycle_days")
_FACTORS = """
SELECT {groups}
    count(*) FILTER (status = 'open') AS n_open, count(*) FILTER (is_won) AS n_won, count(*) FILTER (is_closed) AS n_closed,
    sum(amount) FILTER (is_won) / count(amount) FILTER (is_won) AS mean_won_amount,
    sum(cycle_us) FILTER (is_won) / count(cycle_us) FILTER (is_won) / 86400e6 AS cycle_days
FROM (
    SELECT {groups} deals.status, deals.amount::DECIMAL(18, 2) AS amount,
        epoch_us(deals.closed_at) - epoch_us(deals.created_at) AS cycle_us,
        deals.status <> 'open' AND deals.closed_at > $since AS is_closed, is_closed AND deals.status = 'won' AS is_won
    FROM (SELECT deal_id, status, amount, closed_at, created_at FROM base.deals(as_of := $as_of)) AS deals {segments}
)
GROUP BY ALL
"""


@needs("deals")
def velocity(
    now: Snapshot, before: Snapshot | None = None, by: str | Sequence[str] | None = None, *, days: int = 90
) -> pl.DataFrame:
    """Return the sales velocity, money won a day if things go on as they do, and with `before` what changed it.

    velocity = open deals x win rate x mean amount won / cycle length. One row per group of `by`. The open deals are those of
    the snapshot's moment, the other three factors are of the deals that closed in the `days` before it. With `before`, an
    earlier snapshot, the change is split into parts of the four factors that sum to it.

    Columns: the `by` columns, `n_open`, `win_share` (won of closed), `mean_won_amount` (Float64, in the deals' currency),
    `cycle_days` (mean from creation to the win, of won deals), `velocity_amount` (a day); the same with the suffix
    `_before`; `change_amount` = velocity_amount - velocity_amount_before, negative is a loss of speed; its parts `n_open_part`,
    `win_share_part`, `mean_won_amount_part`, `cycle_days_part` (a longer cycle is negative); `n_closed`, `n_closed_before`.

    A factor is null where nothing closed or won, velocity where a factor is null; without `before`, everything of it is null.
    Parts are null where a factor is null or 0 at either moment: there is no logarithm of 0. Small groups swing: look at
    `n_closed`, and at `decompose` for what chance does to the win rate. Raises UsageError for an unknown group, for `days`
    below 1, and where `before` is not before `now`.

    Decomposition: logarithmic mean Divisia index (Ang 2005, LMDI-I, additive): part = L(v1, v0) ln(x1/x0) with
    L(a, b) = (a-b) / ln(a/b); no residual, and the order of the factors does not matter. The cycle is that of won deals only,
    as the trade defines it; `dwell` is the unbiased answer to how long deals take.

    >>> import datetime as dt
    >>> from salesiq.book import Book
    >>> deals = pl.DataFrame({"deal_id": list("ABCDEFGHI"), "status": ["won", "lost", "open"] * 3, "amount": [1000] * 9,
    ...     "created_at": [dt.datetime(2026, 1, 1)] * 9, "closed_at": [dt.datetime(2026, 1, 21)] * 2 + [None] + [
    ...     dt.datetime(2026, 1, 21)] * 2 + [None] + [dt.datetime(2026, 1, 21)] * 2 + [None]})
    >>> found = velocity(Book.from_frames(deals=deals).as_of("2026-01-31"))
    >>> found.select("n_open", "win_share", "mean_won_amount", "cycle_days", "velocity_amount").row(0)
    (3, 0.5, 1000.0, 20.0, 75.0)
    """
    if days < 1:
        raise UsageError("funnel.bad_days", days=days)
    if before is not None and before.as_of >= now.as_of:
        raise UsageError("funnel.not_before", before=before.as_of, after=now.as_of)
    groups = group_columns(now, by, but=("stage", "status"))
    found = _factors(now, groups, days)
    then = _factors(before, groups, days) if before is not None else found.clear()
    renamed = then.rename({name: f"{name}_before" for name in then.columns if name not in groups})
    one = pl.lit(1).alias("all")  # a join needs a key, also where there are no groups
    joined = found.with_columns(one).join(
        renamed.with_columns(one), on=["all", *groups], how="full", coalesce=True, nulls_equal=True
    )
    counts = [f"{name}{moment}" for name in ("n_open", "n_closed") for moment in ("", "_before")]
    known = pl.col(counts).fill_null(0) if before is not None else pl.col(counts)
    return _with_parts(joined.with_columns(known).sort("all", *groups, nulls_last=True), groups)


def _factors(snapshot: Snapshot, groups: Sequence[str], days: int) -> pl.DataFrame:
    listed = "".join(f"{name}, " for name in groups)
    segments = f"(SELECT {listed}deal_id FROM base.segments(as_of := $as_of)) AS segments"
    query = _FACTORS.format(groups=listed, segments=f"LEFT JOIN {segments} USING (deal_id)" if groups else "")
    found = snapshot.sql(query, since=snapshot.as_of - dt.timedelta(days=days))
    is_known = pl.col("n_closed") > 0
    return found.select(
        *groups,
        "n_open",
        pl.when(is_known).then(pl.col("n_won") / pl.col("n_closed")).alias("win_share"),
        pl.col("mean_won_amount", "cycle_days").cast(pl.Float64),
        "n_closed",
    ).with_columns(velocity_amount=pl.col("n_open") * pl.col("win_share") * pl.col("mean_won_amount") / pl.col("cycle_days"))


def _with_parts(found: pl.DataFrame, groups: Sequence[str]) -> pl.DataFrame:
    now, then = pl.col("velocity_amount"), pl.col("velocity_amount_before")
    # where both are equal, the logarithmic mean is their value
    mean = pl.when(now == then).then(now).otherwise((now - then) / (now / then).log())
    is_told = pl.all_horizontal(pl.col(name, f"{name}_before") > 0 for name in FACTORS)
    parts = [
        pl.when(is_told)
        .then(mean * (pl.col(name) / pl.col(f"{name}_before")).log() * (-1 if name == "cycle_days" else 1))
        .alias(f"{name}_part")
        for name in FACTORS
    ]
    states = [*FACTORS, "velocity_amount"]
    return found.with_columns(change_amount=now - then).select(
        *groups,
        *states,
        *(f"{name}_before" for name in states),
        "change_amount",
        *parts,
        "n_closed",
        "n_closed_before",
    )

"""Win rate: the share of closed deals that were won, period by period, with what chance allows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
import polars as pl
from numpy.typing import NDArray

from salesiq.book import Snapshot, needs
from salesiq.errors import UsageError
from salesiq.funnel.groups import group_columns
from salesiq.funnel.proportions import difference, wilson

Grain = Literal["month", "quarter", "year"]
_STEP = {"month": "1mo", "quarter": "1q", "year": "1y"}
_COUNTS = """
SELECT {groups}date_trunc('{grain}', closed_at)::DATE AS starts_on,
    count(*) FILTER (is_won) AS n_won, count(*) AS n_closed,
    coalesce(sum(amount) FILTER (is_won AND amount >= 0), 0)::DECIMAL(38, 2) AS won_amount,
    coalesce(sum(amount) FILTER (amount >= 0), 0)::DECIMAL(38, 2) AS closed_amount,
    coalesce(sum(amount::DECIMAL(19, 2) * amount::DECIMAL(19, 2)) FILTER (amount >= 0), 0)::DECIMAL(38, 4) AS squares
FROM funnel.closed_deals(as_of := $as_of)
GROUP BY ALL
"""


@needs("deals")
def win_rate(snapshot: Snapshot, by: str | Sequence[str] | None = None, *, grain: Grain = "month") -> pl.DataFrame:
    """Return the share of closed deals that were won, one row per group of `by` and month in which something closed.

    `grain` is "month", "quarter" or "year", of the day on which the deals closed. Columns: the `by` columns, `starts_on`
    (first day of the period), `is_complete` (it was over at the snapshot's moment), `n_won`, `n_closed`, `share` with its 95
    % interval `low_share` to `high_share`; the same by amount: `won_amount`, `closed_amount` (Decimal; deals without an
    amount, or with one below 0, count in neither), `amount_share`, `amount_low_share` to `amount_high_share`; against the
    period before: `change_share` (negative is a fall) with its interval `change_low_share` to `change_high_share`; against
    the same period a year before: `year_change_share`, `year_change_low_share`, `year_change_high_share`; `is_fall`, whether
    the whole interval of the change against the period before lies below 0.

    A month without a closed deal has no row, not a rate of 0. Changes are null where there is nothing to compare with, shares
    by amount where no amount is known. Of many groups looked at, one in forty falls by chance alone: see `win_limits`, and
    `targets.red_flags` for weekly limits with a budget of false alarms. A deal counts when it closes, so a month in which old
    deals are cleaned out looks weak: `conversion` counts by entry. Raises UsageError for an unknown group or grain.

    Intervals: Wilson (1927); of differences Newcombe (1998), method 10; by amount with Kish's effective number of deals.

    >>> import datetime as dt
    >>> from salesiq.book import Book
    >>> deals = pl.DataFrame([(f"D{n}", "won" if n % (2 + n // 40) == 0 else "lost", dt.datetime(2026, 1 + n // 40, 9))
    ...     for n in range(80)], schema=["deal_id", "status", "closed_at"], orient="row")
    >>> found = win_rate(Book.from_frames(deals=deals).as_of("2026-03-15"))
    >>> found.select("n_won", "n_closed", "share", pl.col("change_share", "change_low_share").round(3), "is_fall").rows()
    [(20, 40, 0.5, None, None, False), (13, 40, 0.325, -0.175, -0.368, False)]
    """
    if grain not in get_args(Grain):
        raise UsageError("funnel.bad_grain", grain=repr(grain), allowed=", ".join(get_args(Grain)))
    groups = group_columns(snapshot, by)
    query = _COUNTS.format(groups="".join(f"{name}, " for name in groups), grain=grain)
    counts = _with_shares(snapshot.sql(query)).sort(*groups, "starts_on", nulls_last=True)
    found = _with_change(counts, groups, _STEP[grain], "change")
    found = _with_change(found, groups, "1y", "year_change")
    ends = pl.col("starts_on").dt.offset_by(_STEP[grain]).cast(pl.Datetime("us"))
    found = found.with_columns(
        is_complete=ends <= snapshot.as_of, is_fall=(pl.col("change_high_share") < 0).fill_null(value=False)
    )
    changes = [f"{name}{end}_share" for name in ("change", "year_change") for end in ("", "_low", "_high")]
    shares = [f"{name}share" for name in ("", "low_", "high_")]
    amounts = ["won_amount", "closed_amount", *(f"amount_{name}" for name in shares)]
    return found.select(*groups, "starts_on", "is_complete", "n_won", "n_closed", *shares, *amounts, *changes, "is_fall")


def _with_shares(counts: pl.DataFrame) -> pl.DataFrame:
    amounts = counts.select(pl.col("won_amount", "closed_amount", "squares").cast(pl.Float64))
    with np.errstate(divide="ignore", invalid="ignore"):
        share = (counts["n_won"] / counts["n_closed"]).to_numpy()
        amount_share = (amounts["won_amount"] / amounts["closed_amount"]).to_numpy()
        alike = (amounts["closed_amount"] ** 2 / amounts["squares"]).to_numpy()
    low, high = wilson(share, counts["n_closed"].cast(pl.Float64).to_numpy())
    amount_low, amount_high = wilson(amount_share, alike)
    columns = {
        "share": share,
        "low_share": low,
        "high_share": high,
        "amount_share": amount_share,
        "amount_low_share": amount_low,
        "amount_high_share": amount_high,
    }
    return counts.with_columns(_series(name, values) for name, values in columns.items())


def _with_change(found: pl.DataFrame, groups: Sequence[str], step: str, name: str) -> pl.DataFrame:
    """Add the change against the period one `step` before, where that has a row."""
    before = found.select(
        *groups, pl.col("starts_on").dt.offset_by(step), pl.col("share").alias("before"), pl.col("n_closed").alias("n_before")
    )
    joined = found.join(before, on=[*groups, "starts_on"], how="left", nulls_equal=True, maintain_order="left")
    now, then, n_now, n_then = (
        joined[column].cast(pl.Float64).to_numpy() for column in ("share", "before", "n_closed", "n_before")
    )
    low, high = difference(now, n_now, then, np.where(np.isnan(n_then), 0, n_then))
    columns = {f"{name}_share": now - then, f"{name}_low_share": low, f"{name}_high_share": high}
    return joined.drop("before", "n_before").with_columns(_series(key, values) for key, values in columns.items())


def _series(name: str, values: NDArray[np.float64]) -> pl.Series:
    return pl.Series(name, values, dtype=pl.Float64).fill_nan(None)

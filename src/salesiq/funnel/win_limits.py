"""Win limits: which reps win so rarely or so often that chance hardly explains it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import numpy as np
import polars as pl

from salesiq.book import Snapshot, needs
from salesiq.errors import UsageError
from salesiq.funnel.groups import group_columns
from salesiq.funnel.proportions import binomial_limit, mid_p

_COUNTS = """
SELECT {groups}, count(*) FILTER (is_won) AS n_won, count(*) AS n_closed
FROM funnel.closed_deals(as_of := $as_of) WHERE closed_at > $since
GROUP BY ALL
"""
LEVELS = {"low_95_share": 0.025, "high_95_share": 0.975, "low_998_share": 0.001, "high_998_share": 0.999}
SCHEMA = {"n_won": pl.Int64, "n_closed": pl.Int64, "share": pl.Float64, "usual_share": pl.Float64} | dict.fromkeys(
    LEVELS, pl.Float64
)


@needs("deals")
def win_limits(
    snapshot: Snapshot,
    by: str | Sequence[str] = "rep_id",
    *,
    within: str | Sequence[str] | None = None,
    days: int = 365,
) -> pl.DataFrame:
    """Return how each rep's win rate compares with that of all, and the limits in which chance alone keeps it.

    Counts the deals that closed in the `days` up to the snapshot's moment. `by` names who is compared (columns of
    `base.segments`, a rep unless given), `within` whom each is compared with (such as "unit_id": the own team); without it,
    everybody. One row per rep with a closed deal.

    Columns: the `within` and `by` columns, `n_won`, `n_closed`, `share`, `usual_share` (of all compared, the rep included),
    the control limits `low_95_share` to `high_95_share` and `low_998_share` to `high_998_share` for so many deals, `finding`
    ("usual"; "low" or "high" outside the 95 % limits; "very_low" or "very_high" outside the 99.8 % limits), `p_value`
    (two-sided, mid-p). Of 20 equal reps one stands outside the 95 % limits by chance; of 500 one outside the 99.8 % limits:
    only "very_low" and "very_high" are worth a talk on their own. Ordered by `within`, then by the number of deals, most
    first.

    Raises UsageError for an unknown group and for `days` below 1. Where all or none were won the limits lie on the rate.

    Limits: quantiles of the binomial distribution, interpolated (Spiegelhalter 2005, "Funnel plots for comparing institutional
    performance"). Assumes independent deals with one chance of winning; reps with other kinds of deals
    differ for that reason too.

    >>> import datetime as dt
    >>> from salesiq.book import Book
    >>> deals = pl.DataFrame([(f"D{n}", f"R{n % 3}", "won" if n % 3 and n % 2 else "lost", dt.datetime(2026, 1, 5))
    ...     for n in range(180)], schema=["deal_id", "owner_id", "status", "closed_at"], orient="row")
    >>> found = win_limits(Book.from_frames(deals=deals).as_of("2026-01-31"))
    >>> found.select("rep_id", "n_won", "n_closed", pl.col("low_998_share").round(3), "finding").rows()
    [('R0', 0, 60, 0.146, 'very_low'), ('R1', 30, 60, 0.146, 'high'), ('R2', 30, 60, 0.146, 'high')]
    """
    if days < 1:
        raise UsageError("funnel.bad_days", days=days)
    around = group_columns(snapshot, within, but=("stage", "status"))
    groups = list(dict.fromkeys([*around, *group_columns(snapshot, by, but=("stage", "status"))]))
    counts = snapshot.sql(_COUNTS.format(groups=", ".join(groups)), since=snapshot.as_of - dt.timedelta(days=days))
    usual = pl.col("n_won").sum().over(around) if around else pl.col("n_won").sum()
    total = pl.col("n_closed").sum().over(around) if around else pl.col("n_closed").sum()
    shares = counts.with_columns(share=pl.col("n_won") / pl.col("n_closed"), usual_share=usual / total)
    ordered = shares.sort(*around, -pl.col("n_closed"), *groups, nulls_last=True)
    return _with_limits(ordered.select(*groups, *list(SCHEMA)[:4]))


def _with_limits(counts: pl.DataFrame) -> pl.DataFrame:
    n, won, usual = (counts[name].to_numpy() for name in ("n_closed", "n_won", "usual_share"))
    limits = {name: np.zeros(len(n)) for name in LEVELS}
    chances = np.zeros(len(n))
    for share in np.unique(usual):  # one a team
        here = usual == share
        chances[here] = mid_p(won[here], n[here], float(share))
        for name, level in LEVELS.items():
            limits[name][here] = binomial_limit(float(share), n[here], level)
    found = counts.with_columns(pl.Series(name, values, dtype=pl.Float64) for name, values in limits.items())
    share = pl.col("share")
    finding = (
        pl.when(share < pl.col("low_998_share")).then(pl.lit("very_low"))
        .when(share > pl.col("high_998_share")).then(pl.lit("very_high"))
        .when(share < pl.col("low_95_share")).then(pl.lit("low"))
        .when(share > pl.col("high_95_share")).then(pl.lit("high"))
        .otherwise(pl.lit("usual"))
    )  # fmt: skip
    return found.with_columns(finding=finding, p_value=pl.Series(chances, dtype=pl.Float64))

"""Attainment quality: whether what came in is new, profitable, paid in time and spread over customers."""

from __future__ import annotations

import tomllib
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from salesiq.book import Snapshot, needs
from salesiq.errors import UsageError
from salesiq.targets.windows import Window

ASPECTS = ("new_customer", "high_margin", "on_time", "concentration")
_Z = 1.959963984540054  # 95 %
_COLUMNS = (
    *("unit_id", "rep_id", "name", "level", "aspect", "share", "low_share", "high_share", "n", "amount", "plan_share"),
    *("peer_share", "against_plan", "against_peers", "weight", "points", "score"),
)


@needs("deals", "reps")
def attainment_quality(snapshot: Snapshot, period: str, *, weights: str | Path | None = None) -> pl.DataFrame:
    """Return how good the result of each unit and rep is beside how large it is: four shares with intervals, and a score.

    Reads `deals` (won in the period), `invoices`, `receipts` and `customers` (due in the period and by the snapshot's
    moment), `reps`, `org_units` as they stand. `weights` is a TOML file like `attainment_quality.toml` of the package: what
    counts as a high margin, what is planned, what each aspect weighs.

    One row per unit or rep with results and aspect: "new_customer" (share of the amount won from customers who had never
    bought), "high_margin" (share of the amount won at that margin or better), "on_time" (share of the amount due that was
    paid by its due day), "concentration" (share of the largest customer: less is better). Columns: `unit_id` (a rep's own
    on a rep's row), `rep_id`, `name`, `level` ("rep" for a rep), `aspect`; `share` (0 to 1) with its 95 % interval
    `low_share` to `high_share`; `n` deals or invoices, `amount` they are worth (Decimal); `plan_share`; `peer_share`, of
    all others of the same level together (of concentration their median); `against_plan` and `against_peers`: "better" or
    "worse" where the interval excludes it, else null: chance could explain it; `weight`; `points`, 0 to 100: share / plan
    at most 1 (of concentration plan / share); `score`, the weighted mean of the points known of this unit or rep, the same
    on all its rows.

    Interval: Wilson (1927) at the effective number of items (sum)² / (sum of squares) of Kish (1965), so that one large deal
    does not pass for many. The interval of concentration does not know that the largest was chosen: it is too narrow where
    customers are alike. Null: `peer_share` without peers. Ordered by units from the top, then reps, ids, aspects in the order
    above; empty without results. Raises UsageError for a period or a file that cannot be read.

    >>> from decimal import Decimal
    >>> from salesiq.book import Book
    >>> amounts = [Decimal(300), Decimal(100)]
    >>> deals = pl.DataFrame({"deal_id": ["D1", "D2"], "owner_id": "P1", "status": "won", "amount": amounts,
    ...     "is_new_customer": [False, True], "created_at": "2026-01-05T09:00:00", "closed_at": "2026-01-20T09:00:00"})
    >>> book = Book.from_frames(deals=deals, reps=pl.DataFrame({"rep_id": ["P1"]}))
    >>> attainment_quality(book.as_of("2026-01-31"), "2026-Q1").select("aspect", "share", "points").rows()
    [('new_customer', 0.25, 100.0), ('concentration', 0.75, 40.0)]
    """
    window, rules = Window.parse(period), read_weights(weights)
    sums = snapshot.run(
        "targets.quality_sums",
        order=("is_rep", "unit_id", "rep_id", "aspect"),  # sums of points are floats: their order must be fixed
        start_on=window.start_on,
        end_on=window.end_on,
        high_margin_share=rules["high_margin_share"],
    )
    whole, part = (sums[name].cast(pl.Float64).to_numpy() for name in ("whole_amount", "part_amount"))
    share = part / np.where(whole > 0, whole, 1.0)
    low, high = wilson(share, whole**2 / sums["squares"].cast(pl.Float64).to_numpy())
    rows = sums.with_columns(
        share=pl.Series(share, dtype=pl.Float64),
        low_share=pl.Series(low, dtype=pl.Float64),
        high_share=pl.Series(high, dtype=pl.Float64),
        amount="whole_amount",
        plan_share=pl.col("aspect").replace_strict(rules["plan"], return_dtype=pl.Float64),
        weight=pl.col("aspect").replace_strict(rules["weights"], return_dtype=pl.Float64),
    ).with_columns(peer_share=_peers())
    judged = rows.with_columns(
        against_plan=_against("plan_share"), against_peers=_against("peer_share"), points=_points()
    ).with_columns(score=_score())
    order = pl.col("aspect").replace_strict({name: n for n, name in enumerate(ASPECTS)}, return_dtype=pl.Int64)
    return judged.sort("is_rep", "depth", "unit_id", "rep_id", order, nulls_last=True).select(_COLUMNS)


def read_weights(path: str | Path | None = None) -> dict[str, Any]:
    """Return the rules of a TOML file, by default those of the package.

    >>> read_weights()["weights"]["on_time"]
    30.0
    """
    source = Path(path) if path is not None else resources.files("salesiq.targets") / "attainment_quality.toml"
    try:
        told = tomllib.loads(source.read_text(encoding="utf-8"))
        plan, weights = ({name: float(told[part][name]) for name in ASPECTS} for part in ("plan", "weights"))
        found = {"high_margin_share": float(told["high_margin_share"]), "plan": plan, "weights": weights}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, KeyError, TypeError, ValueError) as error:
        raise UsageError("targets.quality_file", path=str(path), problem=str(error)) from error
    if min(weights.values()) < 0 or sum(weights.values()) <= 0 or not all(0 < share <= 1 for share in plan.values()):
        raise UsageError("targets.quality_rules", path=str(path))
    return found


def wilson(share: np.ndarray, n: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the 95 % interval of shares of `n` (effective) items.

    >>> low, high = wilson(np.array([0.5]), np.array([100.0]))
    >>> round(float(low[0]), 3), round(float(high[0]), 3)
    (0.404, 0.596)
    """
    middle = (share + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
    half = _Z / (1 + _Z**2 / n) * np.sqrt(share * (1 - share) / n + _Z**2 / (4 * n**2))
    # at shares of 0 and 1 the last bit must not put the share outside its own interval
    return np.clip(middle - half, 0.0, share), np.clip(middle + half, share, 1.0)


def _peers() -> pl.Expr:
    """Return the share of all others of the level together, to the cent before it is a share."""
    peers = ["aspect", "level"]
    whole = (pl.col("whole_amount").sum().over(peers) - pl.col("whole_amount")).cast(pl.Float64)
    part = (pl.col("part_amount").sum().over(peers) - pl.col("part_amount")).cast(pl.Float64)
    # the largest customer of many together is no peer's: what is typical of one of them is
    typical = pl.col("share").median().over(peers)
    alone = pl.len().over(peers) == 1
    return pl.when(alone).then(None).when(pl.col("aspect") == "concentration").then(typical).when(whole > 0).then(part / whole)


def _against(name: str) -> pl.Expr:
    is_less_better = pl.col("aspect") == "concentration"
    above, below = pl.col("low_share") > pl.col(name), pl.col("high_share") < pl.col(name)
    better = pl.when(is_less_better).then(below).otherwise(above)
    worse = pl.when(is_less_better).then(above).otherwise(below)
    return pl.when(better).then(pl.lit("better")).when(worse).then(pl.lit("worse"))


def _points() -> pl.Expr:
    share, plan = pl.col("share"), pl.col("plan_share")
    reached = pl.when(pl.col("aspect") == "concentration").then(plan / share).otherwise(share / plan)
    return 100 * pl.min_horizontal(reached, pl.lit(1.0))


def _score() -> pl.Expr:
    carrier = ["is_rep", "unit_id", "rep_id"]
    weight = pl.col("weight").sum().over(carrier)
    return pl.when(weight > 0).then((pl.col("weight") * pl.col("points")).sum().over(carrier) / weight)

"""Dwell: how long deals stay in a stage, counting those that still wait."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from salesiq.book import Snapshot, needs
from salesiq.errors import UsageError

Floats = NDArray[np.float64]

SCHEMA = {
    "n_visits": pl.Int64,
    "n_open": pl.Int64,
    "median_days": pl.Float64,
    "median_low_days": pl.Float64,
    "median_high_days": pl.Float64,
    "p75_days": pl.Float64,
    "p90_days": pl.Float64,
    "mean_days": pl.Float64,
    "naive_mean_days": pl.Float64,
}


@needs("stage_events")
def dwell(snapshot: Snapshot, by: str | Sequence[str] | None = None) -> pl.DataFrame:
    """Return how long visits to each stage last, one row per stage and group of `by`.

    `by` names columns of `base.segments`: rep_id, unit_id, region, industry, tier, product_line, source, quarter ... Visits
    that still go on are right-censored at the snapshot's moment. Columns: `stage`, the `by` columns, `n_visits`, `n_open`
    (visits that still go on), `median_days` with its 95 % interval `median_low_days` to `median_high_days`, `p75_days`,
    `p90_days`, `mean_days` (restricted mean: the mean of the stay, cut at the longest stay seen), `naive_mean_days` (mean of
    the finished visits only: biased low, shown as the bias it is).

    A quantile that the curve does not reach is null, as is the upper end of an interval that the data do not bound, and
    `naive_mean_days` where no visit has ended. Calendar days. Raises UsageError for a `by` column that does not exist.

    Estimator: Kaplan and Meier (1958), product limit; interval of the median by inverting the log(-log) transformed sign
    test (Brookmeyer and Crowley 1982), as in statsmodels `SurvfuncRight`. Assumes that censoring (the moment of asking) says
    nothing about how long the visit will last.

    >>> import datetime as dt
    >>> from salesiq.book import Book
    >>> start = dt.datetime(2026, 1, 1)
    >>> events = pl.DataFrame([(f"D{n}", stage, start + dt.timedelta(days=n * step))
    ...     for n in range(1, 6) for step, stage in enumerate(["lead", "proposal"])],
    ...     schema=["deal_id", "stage", "entered_at"], orient="row")
    >>> found = dwell(Book.from_frames(stage_events=events).as_of("2026-01-04"))
    >>> found.filter(pl.col("stage") == "lead").select("n_visits", "n_open", "median_days", "naive_mean_days").row(0)
    (5, 2, 3.0, 2.0)
    """
    groups = ["stage", *([by] if isinstance(by, str) else by or [])]
    stays = _stays(snapshot, groups)
    rows = [
        {**dict(zip(groups, key, strict=True)), **_estimate(group["days"].to_numpy(), group["is_left"].to_numpy())}
        for key, group in stays.partition_by(groups, as_dict=True).items()
    ]
    schema = {name: stays.schema[name] for name in groups} | SCHEMA
    return _in_stage_order(snapshot, pl.DataFrame(rows, schema=schema), groups)


def _estimate(days: Floats, is_left: NDArray[np.bool_]) -> dict[str, object]:
    """Estimate one group from its stays; `is_left` is false where a stay was cut by the moment of asking."""
    from statsmodels.duration.survfunc import SurvfuncRight  # takes over a second to import

    days, is_left = _sorted(days, is_left)
    finished = days[is_left]
    summary: dict[str, object] = {
        "n_visits": len(days),
        "n_open": len(days) - len(finished),
        "naive_mean_days": float(finished.mean()) if len(finished) else None,
    }
    if not len(finished):
        return summary
    curve = SurvfuncRight(days, is_left.astype(int))
    # where the curve ends at 0, log(-log) is infinite: outside of every interval, as it should be
    with np.errstate(divide="ignore", invalid="ignore"):
        low, high = curve.quantile_ci(0.5, method="cloglog")
    return summary | {
        "median_days": _reached(curve.quantile(0.5)),
        "median_low_days": _reached(low),
        "median_high_days": _reached(high),
        "p75_days": _reached(curve.quantile(0.75)),
        "p90_days": _reached(curve.quantile(0.9)),
        "mean_days": _restricted_mean(curve.surv_times, curve.surv_prob, float(days[-1])),
    }


def _sorted(days: Floats, is_left: NDArray[np.bool_]) -> tuple[Floats, NDArray[np.bool_]]:
    # rows come in the order of the engine's threads; sums of floats are only equal to the bit in one order (ties are equal)
    order = np.argsort(days)
    return days[order], is_left[order]


def _restricted_mean(times: Floats, survival: Floats, longest: float) -> float:
    """Return the area under the survival curve up to the longest stay seen."""
    edges = np.concatenate([[0.0], times, [longest]])
    heights = np.concatenate([[1.0], survival])
    return float(np.sum(np.diff(edges) * heights))


def _reached(days: float) -> float | None:
    return float(days) if np.isfinite(days) else None


def _stays(snapshot: Snapshot, groups: Sequence[str]) -> pl.DataFrame:
    if len(groups) == 1:  # without groups there is no need to look at the deals
        return snapshot.sql("SELECT stage, days, left_at IS NOT NULL AS is_left FROM funnel.visits(as_of := $as_of)")
    known = snapshot.sql("SELECT * FROM funnel.stays(as_of := $as_of) LIMIT 0").columns
    for name in groups:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.0)[0]
            raise UsageError("funnel.no_group", name=name, near=near)
    return snapshot.sql(f"SELECT {', '.join(groups)}, days, is_left FROM funnel.stays(as_of := $as_of)")


def _in_stage_order(snapshot: Snapshot, found: pl.DataFrame, groups: Sequence[str]) -> pl.DataFrame:
    order = snapshot.sql("SELECT stage, position FROM base.stage_order(as_of := $as_of)")
    ordered = found.join(order, on="stage", how="left").sort("position", *groups, nulls_last=True)
    return ordered.drop("position")

"""Stuck: open deals that wait longer than nine in ten of their own kind, and whether they are still won."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from salesiq.book import Snapshot, needs
from salesiq.errors import UsageError
from salesiq.funnel.groups import group_columns
from salesiq.funnel.survival import Floats, incidence, product_limit, share_interval

FEWEST_STAYS, FEWEST_CLOSED, FEWEST_WATCHED = 30, 10, 10
_KNOTS = 40  # lengths of wait per group for which the chance is reckoned
FOUND = {
    "deal_id": pl.String(),
    "stage": pl.String(),
    "waiting_days": pl.Float64(),
    "p90_days": pl.Float64(),
    "longer_share": pl.Float64(),
    "rests_on": pl.String(),
    "n_stays": pl.Int64(),
    "entry_win_share": pl.Float64(),
    "win_share": pl.Float64(),
    "win_low": pl.Float64(),
    "win_high": pl.Float64(),
    "win_within_days": pl.Float64(),
    "n_like": pl.Int64(),
}


@needs("stage_events")
def stuck(snapshot: Snapshot, by: str | Sequence[str] | None = None, *, min_n: int = FEWEST_STAYS) -> pl.DataFrame:
    """Return the open deals that have been in their stage longer than nine in ten stays of their own group, largest first.

    The group is the stage and, with `by`, columns of `base.segments` (region, unit_id, product_line, ...). Its standard is the
    90 % point of the Kaplan-Meier curve of its stays, those that still wait included (as `p90_days` in `dwell`). A group with
    fewer than `min_n` finished stays, or whose curve does not reach the point, is measured by all stays in the stage
    (`rests_on` "stage", else "group"); where the stage's curve does not reach it either, nothing is called stuck.

    Columns: `deal_id`, `deal_name`, `customer_id`, `customer_name`, `rep_id`, `rep_name`, `amount`, `stage`, the `by` columns,
    `entered_at`, `waiting_days` (calendar days), `p90_days`, `longer_share` (share of stays at least as long: how unusual the
    wait is), `rests_on`, `n_stays` (stays behind the standard); the chance of still winning: `win_share` with its 95 %
    interval `win_low` to `win_high`, within `win_within_days` from now, from the `n_like` deals whose stay reached this wait
    (this one among them), beside `entry_win_share`, the same on entering the stage; `next_step`, `next_step_due_at`,
    `is_step_overdue` (null without a date), `last_record_at`, `expected_close_on`. Names, amount and steps are null where
    nobody recorded them.

    The chance: of the deals whose stay in the stage reached the wait (in whole days, at most 40 lengths a group), the
    cumulative incidence of winning from that moment on, against losing (Aalen and Johansen 1978, started anew at the
    landmark: van Houwelingen 2007), deals that are still open counted as such, a deal that came back
    with its longest stay; it reaches as far as ten of them are watched.
    Null where fewer than ten of them have closed. It tells of deals as long waiting, not of this one's merits.

    Raises UsageError for a `by` column that does not exist and for `min_n` below 1.

    >>> import datetime as dt
    >>> from salesiq.book import Book
    >>> start = dt.datetime(2026, 1, 1)
    >>> moves = [(f"D{n:02}", "lead", start) for n in range(40)]
    >>> moves += [(f"D{n:02}", "won", start + dt.timedelta(days=1 + n % 9)) for n in range(39)]
    >>> events = pl.DataFrame(moves, schema=["deal_id", "stage", "entered_at"], orient="row")
    >>> book = Book.from_frames(stage_events=events, deals=pl.DataFrame({"deal_id": ["D39"], "created_at": [start]}))
    >>> stuck(book.as_of("2026-01-31")).select("deal_id", "p90_days", pl.col("longer_share").round(3), "n_like").row(0)
    ('D39', 9.0, 0.025, 1)
    """
    if min_n < 1:
        raise UsageError("funnel.bad_min_n", n=min_n)
    groups = group_columns(snapshot, by, but=("stage", "status"))
    names, segments = "".join(f", {name}" for name in groups), ""
    if groups:  # without them there is no need to look at customers and people
        segments = f" LEFT JOIN (SELECT deal_id{names} FROM base.segments(as_of := $as_of)) USING (deal_id)"
    stays = snapshot.sql(
        f"SELECT deal_id, stage, entered_at, days, is_left, outcome, outcome_days{names} "
        f"FROM funnel.stay_outcomes(as_of := $as_of){segments} ORDER BY stage, days, deal_id, entered_at"
    )
    found = pl.DataFrame(list(_found(stays, groups, min_n)), schema=FOUND)
    last = stays.filter(~pl.col("is_left") & pl.col("outcome").is_null()).select(*groups, "deal_id", "entered_at")
    deals = snapshot.run("funnel.open_deals").with_columns(is_step_overdue=pl.col("next_step_due_at") < snapshot.as_of)
    gone = snapshot.sql("SELECT deal_id FROM base.deals(as_of := $as_of) WHERE is_gone")
    whole = (
        found.join(gone, on="deal_id", how="anti").join(last, on="deal_id", how="left").join(deals, on="deal_id", how="left")
    )
    columns = [
        *("deal_id", "deal_name", "customer_id", "customer_name", "rep_id", "rep_name", "amount", "stage", *groups),
        *("entered_at", "waiting_days", "p90_days", "longer_share", "rests_on", "n_stays", "entry_win_share"),
        *("win_share", "win_low", "win_high", "win_within_days", "n_like"),
        *("next_step", "next_step_due_at", "is_step_overdue", "last_record_at", "expected_close_on"),
    ]
    order = ["amount", "waiting_days", "deal_id"]
    return whole.select(list(dict.fromkeys(columns))).sort(order, descending=[True, True, False], nulls_last=True)


def _found(stays: pl.DataFrame, groups: Sequence[str], min_n: int) -> Iterator[dict[str, Any]]:
    """Yield one row per stuck deal, group by group."""
    for (_,), of_stage in stays.partition_by("stage", as_dict=True).items():
        whole = _Pool(of_stage, "stage")
        if not groups:
            yield from whole.stuck_among(of_stage)
            continue
        for group in of_stage.partition_by(groups):
            own = _Pool(group, "group")
            is_enough = own.n_left >= min_n and own.p90_days is not None
            yield from (own if is_enough else whole).stuck_among(group)


class _Pool:
    """The stays that deals are measured by; `kind` says whether they are of the deal's group or of all its stage."""

    def __init__(self, stays: pl.DataFrame, kind: str) -> None:
        self.kind = kind
        days: Floats = stays["days"].to_numpy()
        is_left = stays["is_left"].to_numpy()
        self.n_stays, self.n_left = len(days), int(is_left.sum())
        curve = incidence(days, is_left.astype(np.int64), 1)
        self.times, self.waiting = curve.times, curve.waiting
        self.p90_days = product_limit(days, is_left).get("p90_days")
        self._stays = stays

    @cached_property
    def _longest(self) -> tuple[Floats, Floats, NDArray[np.int64]]:
        """Each deal's longest stay, ascending: its days, the days from entry to outcome, and the outcome."""
        once = self._stays.unique("deal_id", keep="last", maintain_order=True)
        outcome = once["outcome"].replace_strict(["won", "lost"], [1, 2], default=0, return_dtype=pl.Int64)
        return once["days"].to_numpy(), once["outcome_days"].to_numpy(), outcome.to_numpy()

    def stuck_among(self, stays: pl.DataFrame) -> Iterator[dict[str, Any]]:
        """Yield the deals of `stays` that still wait, longer than the pool's standard."""
        if self.p90_days is None:
            return
        is_waiting = ~pl.col("is_left") & pl.col("outcome").is_null()
        rows = stays.filter(is_waiting & (pl.col("days") > self.p90_days)).select("deal_id", "stage", "days").to_dicts()
        marks = _landmarks(np.array([row["days"] for row in rows]))
        chances = {mark: self.chance(mark) for mark in sorted(set(marks.tolist()))}
        entry = self.chance(0.0)["win_share"] if rows else None
        for row, mark in zip(rows, marks.tolist(), strict=True):
            standard = {"p90_days": self.p90_days, "rests_on": self.kind, "n_stays": self.n_stays}
            longer = {"longer_share": self.longer_share(row["days"]), "waiting_days": row["days"]}
            yield {
                "deal_id": row["deal_id"],
                "stage": row["stage"],
                **standard,
                **longer,
                "entry_win_share": entry,
                **chances[mark],
            }

    def longer_share(self, days: float) -> float:
        """Return the share of stays that last at least so long."""
        at = int(np.searchsorted(self.times, days, side="left")) - 1
        return 1.0 if at < 0 else float(self.waiting[at])

    def chance(self, mark: float) -> dict[str, Any]:
        """Return how often deals that stayed at least `mark` days were won after that; empty where too few have closed."""
        days, outcome_days, outcome = self._longest
        first = int(np.searchsorted(days, mark, side="left"))
        rest, ending = np.maximum(outcome_days[first:] - mark, 0.0), outcome[first:]
        found: dict[str, Any] = {"n_like": len(rest), "win_share": None}
        if np.count_nonzero(ending) < FEWEST_CLOSED:
            return found
        horizon = float(np.sort(rest)[-FEWEST_WATCHED])
        shares, variances = incidence(rest, ending, 2).at(horizon)
        low, high = share_interval(shares[:1], variances[:1], float(len(rest)))
        won = {"win_share": float(shares[0]), "win_low": float(low[0]), "win_high": float(high[0])}
        return found | won | {"win_within_days": horizon}


def _landmarks(days: Floats) -> Floats:
    """Return for each wait the whole days at which the chance is asked: never later than the wait."""
    whole = np.floor(days)
    knots = np.unique(whole)
    if len(knots) > _KNOTS:
        knots = np.unique(np.floor(np.quantile(whole, np.linspace(0, 1, _KNOTS))))
    return knots[np.searchsorted(knots, whole, side="right") - 1] if len(knots) else whole

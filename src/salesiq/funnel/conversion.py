"""Conversion: which share of the deals that enter a stage go on, by when they entered."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal, get_args

import numpy as np
import polars as pl
from numpy.typing import NDArray

from salesiq.book import Snapshot, needs
from salesiq.errors import UsageError
from salesiq.funnel.groups import group_columns
from salesiq.funnel.proportions import wilson
from salesiq.funnel.survival import Incidence, incidence
from salesiq.funnel.waits import in_stage_order, known_stages

Goal = Literal["next", "win"]
Cohort = Literal["month", "quarter"]
Floats = NDArray[np.float64]

LATE_SHARE = 0.05  # a cohort with at most this share undecided is mature
ENOUGH = 50  # decided cases from which a group has an incidence curve of its own
_LABEL = {
    "month": "strftime(entered_at, '%Y-%m')",
    "quarter": "year(entered_at)::VARCHAR || '-Q' || quarter(entered_at)::VARCHAR",
}
#: 1 converted, 2 failed, 0 undecided
_CASES = {
    "next": "days, CASE WHEN exit IN ('advanced', 'won') THEN 1 WHEN exit IS NULL THEN 0 ELSE 2 END::BIGINT AS ending",
    "win": "deal_days AS days, CASE outcome WHEN 'won' THEN 1 WHEN 'lost' THEN 2 ELSE 0 END::BIGINT AS ending",
}
SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "cohort": pl.String,
    "n_entered": pl.Int64,
    "n_done": pl.Int64,
    "n_failed": pl.Int64,
    "n_open": pl.Int64,
    "is_mature": pl.Boolean,
    "share": pl.Float64,
    "low_share": pl.Float64,
    "high_share": pl.Float64,
    "n_expected": pl.Float64,
    "naive_share": pl.Float64,
    "amount": pl.Decimal(38, 2),
    "done_amount": pl.Decimal(38, 2),
    "amount_share": pl.Float64,
    "amount_low_share": pl.Float64,
    "amount_high_share": pl.Float64,
}


@needs("stage_events")
def conversion(
    snapshot: Snapshot,
    by: str | Sequence[str] | None = None,
    *,
    to: Goal = "next",
    cohort: Cohort = "month",
    stages: Sequence[str] | None = None,
) -> pl.DataFrame:
    """Return which share of those who entered a stage in a month go on to the next one, or win: one row per entry cohort.

    With `to="next"` every visit counts: it converts where it ends by advancing or being won, it fails where it ends lost or
    falls back. With `to="win"` every deal counts once a stage, from its first entry, by its last end. `cohort` is "month" or
    "quarter" of the entry; `by` names columns of `base.segments`; `stages` narrows the answer.

    A young cohort has not had its time: its share so far (`naive_share`) looks like a fall and is none. So what is still
    undecided counts with the chance that it converts, given how long it has waited already, and `share` is comparable
    between cohorts of every age. `is_mature` says that at most 5 % of the cohort is undecided.

    Columns: `stage`, the `by` columns, `cohort` ("2026-01", "2026-Q1"), `n_entered`, `n_done`, `n_failed`, `n_open`,
    `is_mature`, `share` with its 95 % interval `low_share` to `high_share`, `n_expected` (of the open ones, how many are
    expected to convert), `naive_share` = n_done / n_entered; the same by amount: `amount` (entered), `done_amount`,
    `amount_share`, `amount_low_share` to `amount_high_share`. Amounts are Decimal, of the deals as known at the snapshot's
    moment; deals without one, and those with an amount below 0, count in no amount. Null: shares of a cohort with open cases
    where nothing of the stage was decided yet, shares by amount without an amount. Raises UsageError for unknown groups,
    stages, goals or cohorts.

    Estimator: the chance of an open case is (F(end) - F(w)) / S(w) at its wait w, with the cumulative incidence F of
    converting and the share S still undecided by Aalen and Johansen (1978) over all cohorts of the stage and group (of the
    whole stage where the group has fewer than 50 decided). What is undecided at the longest wait seen splits as the decided
    ones did. Interval: Wilson (1927) with the number of cases that gives the variance p(1-p)/n + sum P(1-P)/n², P being the
    chances of the open ones; by amount each case weighs its amount (Kish 1965 gives the effective number). It is wider than
    needed for young cohorts, never narrower. Assumes that cohorts move at one pace: where a process truly changes, a young
    cohort shows it as far as it is decided.

    >>> import datetime as dt
    >>> from salesiq.book import Book
    >>> start = dt.datetime(2026, 1, 1)
    >>> moves = [(f"D{n}", "lead", start + dt.timedelta(days=20 * (n // 4))) for n in range(12)]
    >>> moves += [(f"D{n}", ["lost", "won"][n % 2], start + dt.timedelta(days=20 * (n // 4) + 9 + n % 4)) for n in range(12)]
    >>> events = pl.DataFrame(moves, schema=["deal_id", "stage", "entered_at"], orient="row")
    >>> found = conversion(Book.from_frames(stage_events=events).as_of("2026-02-20"), stages=["lead"])
    >>> found.select("cohort", "n_done", "n_open", "share", "naive_share").rows()
    [('2026-01', 4, 0, 0.5, 0.5), ('2026-02', 1, 2, 0.5, 0.25)]
    """
    if to not in get_args(Goal) or cohort not in get_args(Cohort):
        raise UsageError("funnel.bad_conversion", to=repr(to), cohort=repr(cohort))
    groups = ["stage", *group_columns(snapshot, by, but=("stage", "status"))]
    found = _cases(snapshot, groups, to, cohort, known_stages(snapshot, stages))
    rows = [
        {**dict(zip(groups, key, strict=True)), **row}
        for cases, curve, key in _with_curves(found, groups)
        for row in _cohorts(cases, curve)
    ]
    schema = {**{name: found.schema[name] for name in groups}, **SCHEMA}
    return in_stage_order(snapshot, pl.DataFrame(rows, schema=schema), [*groups[1:], "cohort"])


def _cases(snapshot: Snapshot, groups: list[str], to: Goal, cohort: Cohort, stages: list[str] | None) -> pl.DataFrame:
    macro = "funnel.grouped_cases" if len(groups) > 1 else "funnel.cases"
    return snapshot.sql(
        f"SELECT {', '.join(groups)}, {_LABEL[cohort]} AS cohort, amount, {_CASES[to]}\n"
        f"FROM {macro}(as_of := $as_of)\n"
        f"WHERE {'is_first' if to == 'win' else 'true'}\n"
        "AND ($stages::VARCHAR[] IS NULL OR list_contains($stages::VARCHAR[], stage))",
        stages=stages,
    )


def _with_curves(found: pl.DataFrame, groups: Sequence[str]) -> Iterator[tuple[pl.DataFrame, Incidence, tuple[Any, ...]]]:
    for stage in found.partition_by("stage"):
        common = _curve(stage)
        for key, cases in stage.partition_by(groups, as_dict=True).items():
            is_enough = len(groups) > 1 and (cases["ending"] > 0).sum() >= ENOUGH
            yield cases, _curve(cases) if is_enough else common, key


def _curve(cases: pl.DataFrame) -> Incidence:
    return incidence(cases["days"].to_numpy(), cases["ending"].to_numpy(), 2)


def _cohorts(cases: pl.DataFrame, curve: Incidence) -> Iterator[dict[str, object]]:
    # sums of floats are equal to the bit in one order only
    ordered = cases.sort("cohort", "days", "ending", "amount")
    chances = _chances(curve, ordered["days"].to_numpy(), ordered["ending"].to_numpy())
    for (name,), part in ordered.with_columns(chance=chances).partition_by("cohort", as_dict=True).items():
        yield {"cohort": name, **_shares(part)}


def _chances(curve: Incidence, days: Floats, ending: NDArray[np.int64]) -> Floats:
    """Return the chance that each case converts: 1 or 0 where that is decided, NaN where nothing at all is."""
    if not len(curve.times):
        return np.full(len(days), np.nan)
    done, failed = np.concatenate([[[0.0], [0.0]], curve.shares], axis=1)
    waiting = np.concatenate([[1.0], curve.waiting])
    ever = done[-1] / (done[-1] + failed[-1])  # what is undecided at the end splits as the decided did
    here = np.searchsorted(curve.times, days, side="right")
    left = waiting[here]
    later = done[-1] + waiting[-1] * ever - done[here]
    chance = np.divide(later, left, out=np.full(len(days), ever), where=left > 1e-12)
    return np.where(ending == 1, 1.0, np.where(ending == 2, 0.0, np.clip(chance, 0.0, 1.0)))


def _shares(part: pl.DataFrame) -> dict[str, object]:
    ending, chances = part["ending"].to_numpy(), part["chance"].to_numpy()
    n, n_open = part.height, int((ending == 0).sum())
    known = part.filter(pl.col("amount") >= 0)
    share, low, high = _weighted(np.ones(n), chances)
    amount_share, amount_low, amount_high = _weighted(known["amount"].cast(pl.Float64).to_numpy(), known["chance"].to_numpy())
    return {
        "n_entered": n,
        "n_done": int((ending == 1).sum()),
        "n_failed": int((ending == 2).sum()),
        "n_open": n_open,
        "is_mature": n_open <= LATE_SHARE * n,
        "share": share,
        "low_share": low,
        "high_share": high,
        "n_expected": _told(float(chances[ending == 0].sum())),
        "naive_share": float((ending == 1).mean()),
        "amount": known["amount"].sum(),
        "done_amount": known.filter(pl.col("ending") == 1)["amount"].sum(),
        "amount_share": amount_share,
        "amount_low_share": amount_low,
        "amount_high_share": amount_high,
    }


def _weighted(weight: Floats, chances: Floats) -> tuple[float | None, float | None, float | None]:
    """Return the weighted share that converts, and its interval; the doubt about open cases adds to that about the rate."""
    total = weight.sum()
    if total <= 0 or np.isnan(chances).any():
        return None, None, None
    share = float(np.clip((weight * chances).sum() / total, 0.0, 1.0))
    doubt = float((weight**2).sum() / total**2)
    if 0 < share < 1:
        doubt += float((weight**2 * chances * (1 - chances)).sum() / total**2) / (share * (1 - share))
    low, high = wilson(np.array([share]), np.array([1 / doubt]))
    return share, float(low[0]), float(high[0])


def _told(number: float) -> float | None:
    return number if np.isfinite(number) else None

"""Suspects: columns of a training table that look as if they were filled in when the outcome was known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from salesiq.errors import UsageError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SUSPECTS = {"column": pl.String, "why": pl.String, "auc": pl.Float64, "n_known": pl.Int64}
#: beyond these areas under the ROC curve a single column knows too much; its whole content, its gaps, its order, its roundness
LEAST_AUC = {"tells_outcome": 0.85, "missing_tells": 0.6, "order_tells": 0.6, "roundness_tells": 0.65}
#: a code whose cases nearly all end alike; as share of all cases in such codes
PURE_RATE, PURE_CASES, PURE_SHARE = 0.03, 30, 0.4
_N_FOLDS, _PRIOR_CASES, _N_BINS, _SEED = 5, 10.0, 20, 20260630
#: below this number of cases nothing is said
FEWEST = 100


@dataclass(frozen=True)
class Column:
    """One column beside the outcome: its codes (bins of numbers), where it is unknown, and its numbers where it has some."""

    name: str
    codes: NDArray[np.int64]
    is_missing: NDArray[np.bool_]
    numbers: Floats | None
    is_nearly_unique: bool


def suspects(rows: pl.DataFrame, outcome: str) -> pl.DataFrame:
    """Return the columns that tell the outcome too well, one row per column and reason, most telling first.

    `rows` is any training table, `outcome` its column of the label (true or 1 where it happened); nulls are unknown. Columns:
    `column`, `why`, `auc` (0.5 to 1: how well that alone ranks the outcome), `n_known`. `why` is one of

    - `tells_outcome`: its values alone reach an AUC of 0.85 on cases left out (five folds, target means shrunk by ten cases);
    - `missing_tells`: whether it is filled reaches 0.6: people fill it in when they know;
    - `order_tells`: an id or a moment (nearly all values differ) whose order reaches 0.6: it was given with the outcome;
    - `roundness_tells`: how round its numbers are reaches 0.65: estimates are round, invoices are not;
    - `codes_are_outcome`: four cases in ten carry a code (of 30 cases or more) that nearly always (97 %) ended one way.

    A warning, no proof: a column may be that good. What decides is whether its value was there at the moment of prediction
    (`forecast.leaks` asks the book that). Raises UsageError for an outcome that is no column, has gaps, or fewer than 100 cases
    or one ending only. Source of the list: Kaufman et al. (2012), Leakage in data mining.

    >>> rows = pl.DataFrame({"won": [1, 0] * 100, "paid_on": ["2026", None] * 100, "size": [1, 1, 2, 2] * 50})
    >>> suspects(rows, "won").select("column", "why").rows()
    [('paid_on', 'codes_are_outcome'), ('paid_on', 'missing_tells'), ('paid_on', 'tells_outcome')]
    """
    happened = _happened(rows, outcome)
    found = [
        (name, why, auc, rows.height - int(column.is_missing.sum()))
        for name in rows.columns
        if name != outcome
        for column in [column_of(rows[name])]
        for why, auc in _reasons(column, happened)
    ]
    told = pl.DataFrame(found, schema=SUSPECTS, orient="row")
    return told.sort("auc", "column", "why", descending=[True, False, False])


def _happened(rows: pl.DataFrame, outcome: str) -> NDArray[np.int64]:
    if outcome not in rows.columns:
        raise UsageError("forecast.no_column", column=outcome, known=", ".join(rows.columns))
    label = rows[outcome].cast(pl.Int64, strict=False)
    if label.null_count() or rows.height < FEWEST or label.n_unique() != 2:
        raise UsageError("forecast.bad_outcome", column=outcome, n=rows.height)
    return np.asarray((label == label.max()).to_numpy(), dtype=np.int64)


def column_of(values: pl.Series) -> Column:
    """Return a column as it is looked at: codes, gaps and numbers."""
    numbers = values.cast(pl.Float64) if values.dtype.is_numeric() else None
    if values.dtype.is_temporal():
        numbers = values.cast(pl.Datetime("us")).dt.epoch("us").cast(pl.Float64)
    missing = values.is_null() if numbers is None else numbers.is_null() | numbers.is_nan()
    n_known = len(values) - int(missing.sum())
    codes = _codes(values) if numbers is None or values.n_unique() <= _N_BINS else _binned(numbers)
    return Column(
        values.name,
        codes,
        missing.to_numpy(),
        None if numbers is None else numbers.fill_null(np.nan).to_numpy(),
        # a measurement differs from case to case as an id does, but no export gives it out in order
        not values.dtype.is_float() and n_known > _N_BINS and values.filter(~missing).n_unique() > 0.9 * n_known,
    )


def _codes(values: pl.Series) -> NDArray[np.int64]:
    return np.asarray(values.cast(pl.String).rank("dense").fill_null(0).to_numpy(), dtype=np.int64)


def _binned(numbers: pl.Series) -> NDArray[np.int64]:
    """Return the place of each number among twenty quantiles, from 1; 0 where it is unknown."""
    known = numbers.fill_nan(None).drop_nulls().to_numpy()
    edges = np.unique(np.quantile(known, np.linspace(0, 1, _N_BINS + 1)[1:-1]))
    places = 1 + np.searchsorted(edges, numbers.fill_null(0.0).to_numpy(), side="right")
    return np.where((numbers.is_null() | numbers.is_nan()).fill_null(value=True).to_numpy(), 0, places)


def _reasons(column: Column, happened: Ints) -> Iterator[tuple[str, float]]:
    areas = {why: area(score, happened) for why, score in scores(column, happened).items()}
    yield from ((why, auc) for why, auc in areas.items() if auc >= LEAST_AUC[why])
    if pure_share(column.codes, happened) >= PURE_SHARE:
        yield "codes_are_outcome", area(left_out_means(column.codes, happened), happened)


def scores(column: Column, happened: Ints) -> dict[str, Floats]:
    """Return by reason the score that a column alone gives each case."""
    found = {"missing_tells": column.is_missing.astype(float)}
    if not column.is_nearly_unique or column.numbers is not None:
        found["tells_outcome"] = left_out_means(column.codes, happened)
    if column.is_nearly_unique:
        found["order_tells"] = column.codes.astype(float)
    if column.numbers is not None and not column.is_nearly_unique:
        found["roundness_tells"] = _roundness(column.numbers)
    return found


def area(score: Floats, happened: Ints) -> float:
    """Return the area under the ROC curve of a score, whichever way it points: 0.5 to 1."""
    from sklearn.metrics import roc_auc_score  # two seconds to import

    found = float(roc_auc_score(happened, score)) if len(np.unique(score)) > 1 else 0.5
    return max(found, 1 - found)


def left_out_means(codes: Ints, happened: Ints) -> Floats:
    """Return for each case the outcome's mean among the other folds' cases with its code, shrunk to everybody's."""
    fold = np.random.default_rng(_SEED).integers(0, _N_FOLDS, len(codes))
    means, overall, width = np.empty(len(codes)), happened.mean(), int(codes.max()) + 1
    for k in range(_N_FOLDS):
        seen = fold != k
        n = np.bincount(codes[seen], minlength=width)
        n_happened = np.bincount(codes[seen], happened[seen], minlength=width)
        means[~seen] = ((n_happened + _PRIOR_CASES * overall) / (n + _PRIOR_CASES))[codes[~seen]]
    return means


def _roundness(numbers: Floats) -> Floats:
    """Return how many zeros a number ends with, at most six; unknown ones and 0 itself count as none.

    >>> _roundness(np.array([1200.0, 1234.5, 50000.0, 0.0])).tolist()
    [2.0, 0.0, 4.0, 0.0]
    """
    known = np.nan_to_num(numbers, nan=0.0, posinf=0.0, neginf=0.0)
    zeros = [((known % 10**power) == 0) & (known != 0) for power in range(1, 7)]
    return np.asarray(np.sum(zeros, axis=0), dtype=float)


def pure_share(codes: Ints, happened: Ints) -> float:
    """Return the share of cases whose code nearly always ended one way."""
    n = np.bincount(codes)
    rate = np.bincount(codes, happened) / np.maximum(n, 1)
    is_pure = (n >= PURE_CASES) & ((rate <= PURE_RATE) | (rate >= 1 - PURE_RATE)) & (np.arange(len(n)) > 0)
    usual = happened.mean()
    return float(n[is_pure].sum() / len(codes)) if PURE_RATE < usual < 1 - PURE_RATE else 0.0

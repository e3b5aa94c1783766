"""Design: the features of deals as numbers that a model can weigh, the same way when it learns and when it is asked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from salesiq.errors import UsageError
from salesiq.forecast.extra_features import TRAINING_COLUMNS
from salesiq.forecast.features import COLUMNS
from salesiq.forecast.terms import CATEGORIES, TERMS

Floats = NDArray[np.float64]

#: a column that is unknown in more rows than this says nothing that holds when it is known
MOST_MISSING_SHARE = 0.5
MOST_CATEGORIES = 12


class _Made(NamedTuple):
    reason: str
    sign: int
    values: Floats


@dataclass(frozen=True)
class Design:
    """Which columns a model reads, with their means and scales; learned from training rows, kept as JSON.

    One entry a column: `reasons` what a manager calls it (an extra feature: its own name), `signs` the direction in which the
    trade knows that it moves the chance of winning (1, -1, 0 unknown), for monotone constraints; scales are above 0, so a sign
    is also that of the standardised column.
    """

    columns: tuple[str, ...]
    reasons: tuple[str, ...]
    means: tuple[float, ...]
    scales: tuple[float, ...]
    signs: tuple[int, ...]

    @classmethod
    def learn(cls, rows: pl.DataFrame, left_out: frozenset[str] = frozenset()) -> Design:
        """Choose the columns that are known and vary in the training rows, and that read none of `left_out`.

        A column that is neither a built-in feature nor one of `TRAINING_COLUMNS` is an extra feature.
        """
        kept: dict[str, tuple[_Made, float, float]] = {}
        for name, made in (_terms(rows, left_out) | _categories(rows, left_out) | _extra(rows, left_out)).items():
            known = made.values[~np.isnan(made.values)]
            if known.size < (1 - MOST_MISSING_SHARE) * made.values.size or known.size == 0:
                continue
            scale = float(known.std())
            if scale > 1e-9:
                kept[name] = (made, float(known.mean()), scale)
        return cls(
            tuple(kept),
            tuple(made.reason for made, _, _ in kept.values()),
            tuple(mean for _, mean, _ in kept.values()),
            tuple(scale for _, _, scale in kept.values()),
            tuple(made.sign for made, _, _ in kept.values()),
        )

    def matrix(self, rows: pl.DataFrame) -> Floats:
        """Return one row per deal and one standardised column per column; what is unknown stands at the mean, 0.

        Raises UsageError where an extra column that was learned from is missing.
        """
        made = _terms(rows, frozenset(), set(self.columns)) | _named(rows, self.columns)
        found = np.zeros((rows.height, len(self.columns)))
        for place, name in enumerate(self.columns):
            found[:, place] = (made[name].values - self.means[place]) / self.scales[place]
        return np.nan_to_num(found, nan=0.0)

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can keep."""
        kept = {"columns": self.columns, "reasons": self.reasons, "means": self.means, "scales": self.scales}
        return kept | {"signs": self.signs}

    @classmethod
    def from_dict(cls, kept: Mapping[str, Any]) -> Design:
        """Return the design that `to_dict` told."""
        numbers = tuple(kept["means"]), tuple(kept["scales"])
        return cls(tuple(kept["columns"]), tuple(kept["reasons"]), *numbers, tuple(kept["signs"]))


def extra_columns(rows: pl.DataFrame) -> tuple[str, ...]:
    """Return the columns of training rows that are extra features: neither built in nor part of the outcome."""
    known = {*COLUMNS, *TRAINING_COLUMNS}
    return tuple(name for name in rows.columns if name not in known)


def _terms(rows: pl.DataFrame, left_out: frozenset[str], wanted: set[str] | None = None) -> dict[str, _Made]:
    chosen = [term for term in TERMS if not left_out & set(term.reads) and (wanted is None or term.name in wanted)]
    made = rows.select(term.value().cast(pl.Float64).fill_nan(None).alias(term.name) for term in chosen)
    return {term.name: _Made(term.reason, term.sign, _floats(made[term.name])) for term in chosen}


def _categories(rows: pl.DataFrame, left_out: frozenset[str]) -> dict[str, _Made]:
    found = [_values(rows, column, reason) for column, (reason, reads) in CATEGORIES.items() if not left_out & set(reads)]
    return {name: made for each in found for name, made in each.items()}


def _extra(rows: pl.DataFrame, left_out: frozenset[str]) -> dict[str, _Made]:
    found: dict[str, _Made] = {}
    for column in extra_columns(rows):
        if column not in left_out and rows[column].dtype != pl.Null:
            is_text = rows[column].dtype == pl.String
            found |= _values(rows, column, column) if is_text else {column: _number(rows, column)}
    return found


def _values(rows: pl.DataFrame, column: str, reason: str) -> dict[str, _Made]:
    counts = rows[column].drop_nulls().value_counts().sort(["count", column], descending=[True, False])
    usual = counts[column].head(MOST_CATEGORIES).to_list()
    return {f"{column}={value}": _Made(reason, 0, _is_value(rows, column, value)) for value in usual}


def _named(rows: pl.DataFrame, columns: Iterable[str]) -> dict[str, _Made]:
    """Return the columns that are no terms: values of a category, and extra features."""
    built_in = {term.name for term in TERMS}
    found: dict[str, _Made] = {}
    for name in columns:
        column, is_category, value = name.partition("=")
        if is_category:
            reason = CATEGORIES[column][0] if column in CATEGORIES else column
            found[name] = _Made(reason, 0, _is_value(rows, column, value))
        elif name not in built_in:
            found[name] = _number(rows, name)
    return found


def _number(rows: pl.DataFrame, column: str) -> _Made:
    return _Made(column, 0, _floats(_column(rows, column).cast(pl.Float64)))


def _is_value(rows: pl.DataFrame, column: str, value: str) -> Floats:
    found = _column(rows, column)
    # a column that is unknown everywhere has no type
    return np.zeros(rows.height) if found.dtype == pl.Null else _floats((found == value).cast(pl.Float64))


def _column(rows: pl.DataFrame, name: str) -> pl.Series:
    if name not in rows.columns:
        raise UsageError("forecast.extra_missing", column=name)
    return rows[name]


def _floats(values: pl.Series) -> Floats:
    return np.asarray(values.to_numpy(), dtype=float)

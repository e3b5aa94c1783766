"""Design: the features of deals as numbers that a model can weigh, the same way when it learns and when it is asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: a column that is unknown in more rows than this says nothing that holds when it is known
MOST_MISSING_SHARE = 0.5
MOST_CATEGORIES = 12


@dataclass(frozen=True)
class Term:
    """One number made of the features; `reason` is what a manager calls it, `reads` the attributes that it needs."""

    name: str
    reason: str
    value: Callable[[], pl.Expr]
    reads: tuple[str, ...] = ()


def _log(column: str) -> Callable[[], pl.Expr]:
    return lambda: pl.col(column).cast(pl.Float64).log1p()


def _recency(column: str, days: float) -> Callable[[], pl.Expr]:
    # 1 for today, towards 0 for long ago; never is 0
    return lambda: (-pl.col(column) / days).exp().fill_null(0.0)


def _flag(column: str) -> Callable[[], pl.Expr]:
    return lambda: pl.col(column).cast(pl.Float64)


def _log_odds(column: str) -> pl.Expr:
    share = pl.col(column).clip(0.01, 0.99)
    return (share / (1 - share)).log()


def _closing() -> pl.Expr:
    return pl.col("days_to_expected_close")


TERMS = (
    Term("log_stage_days", "stage_days", _log("stage_days")),
    Term("new_in_stage", "stage_days", _recency("stage_days", 7)),
    Term("log_age_days", "age", _log("age_days")),
    Term("age_days", "age", lambda: pl.col("age_days").clip(0, 720) / 30),
    Term("moves_back", "moves_back", lambda: pl.col("n_moves_back").clip(0, 3).cast(pl.Float64)),
    Term("log_visits", "moves", _log("n_visits")),
    Term("log_activities_14", "activity", _log("n_activities_14")),
    Term("log_activities_30", "activity", _log("n_activities_30")),
    Term("log_activities_90", "activity", _log("n_activities_90")),
    Term("activity_recency", "activity", _recency("days_since_activity", 14)),
    Term("few_inbound_14", "inbound", lambda: pl.col("n_inbound_14").clip(0, 3).cast(pl.Float64)),
    Term("log_inbound_14", "inbound", _log("n_inbound_14")),
    Term("log_inbound_30", "inbound", _log("n_inbound_30")),
    Term("inbound_recency", "inbound", _recency("days_since_inbound", 14)),
    # the customer's contacts a month over the whole life of the deal, held low where the life is short
    Term("inbound_rate", "inbound", lambda: (30 * pl.col("n_inbound") / (pl.col("age_days") + 20)).log1p()),
    Term("log_documents", "documents", _log("n_documents")),
    Term("log_documents_opened", "opened", _log("n_documents_opened")),
    Term("newest_opened", "opened", _flag("is_newest_opened")),
    Term("complete_share", "record", lambda: pl.col("complete_share").fill_null(0.0)),
    Term("next_step_ahead", "next_step", _flag("is_next_step_ahead")),
    Term("next_step_overdue", "overdue", _flag("is_next_step_overdue")),
    # against everybody's of the same moment: early in a history few deals have had time to be won
    Term("rep_record", "rep", lambda: _log_odds("rep_win_share") - _log_odds("everybody_win_share")),
    Term("log_amount", "amount", _log("amount"), ("amount",)),
    Term("new_customer", "new_customer", _flag("is_new_customer"), ("is_new_customer",)),
    Term("closing_soon", "expected_close", lambda: _closing().clip(-90, 90) / 30.0, ("expected_close_on",)),
    Term("closing_overdue", "expected_close", lambda: (_closing() < 0).cast(pl.Float64), ("expected_close_on",)),
)
CATEGORIES = {
    "stage": ("stage", ()),
    "tier": ("tier", ("tier",)),
    "source": ("source", ("source",)),
    "product_line": ("product_line", ("product_line",)),
}


@dataclass(frozen=True)
class Design:
    """Which columns a model reads, with their means and scales; learned from training rows, kept as JSON."""

    columns: tuple[str, ...]
    reasons: tuple[str, ...]
    means: tuple[float, ...]
    scales: tuple[float, ...]

    @classmethod
    def learn(cls, rows: pl.DataFrame, left_out: frozenset[str] = frozenset()) -> Design:
        """Choose the columns that are known and vary in the training rows, and that read none of `left_out`."""
        raw = _terms(rows, left_out) | _categories(rows, left_out)
        kept: dict[str, tuple[str, float, float]] = {}
        for name, (reason, values) in raw.items():
            known = values[~np.isnan(values)]
            if known.size < (1 - MOST_MISSING_SHARE) * values.size or known.size == 0:
                continue
            scale = float(known.std())
            if scale > 1e-9:
                kept[name] = (reason, float(known.mean()), scale)
        return cls(
            tuple(kept),
            tuple(reason for reason, _, _ in kept.values()),
            tuple(mean for _, mean, _ in kept.values()),
            tuple(scale for _, _, scale in kept.values()),
        )

    def matrix(self, rows: pl.DataFrame) -> Floats:
        """Return one row per deal and one standardised column per column; what is unknown stands at the mean, 0."""
        made = _terms(rows, frozenset(), set(self.columns)) | _named_categories(rows, self.columns)
        found = np.zeros((rows.height, len(self.columns)))
        for place, name in enumerate(self.columns):
            found[:, place] = (made[name][1] - self.means[place]) / self.scales[place]
        return np.nan_to_num(found, nan=0.0)

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can keep."""
        return {"columns": self.columns, "reasons": self.reasons, "means": self.means, "scales": self.scales}

    @classmethod
    def from_dict(cls, kept: Mapping[str, Any]) -> Design:
        """Return the design that `to_dict` told."""
        return cls(tuple(kept["columns"]), tuple(kept["reasons"]), tuple(kept["means"]), tuple(kept["scales"]))


def _terms(rows: pl.DataFrame, left_out: frozenset[str], wanted: set[str] | None = None) -> dict[str, tuple[str, Floats]]:
    chosen = [term for term in TERMS if not left_out & set(term.reads) and (wanted is None or term.name in wanted)]
    made = rows.select(term.value().cast(pl.Float64).fill_nan(None).alias(term.name) for term in chosen)
    return {term.name: (term.reason, made[term.name].to_numpy().astype(float)) for term in chosen}


def _categories(rows: pl.DataFrame, left_out: frozenset[str]) -> dict[str, tuple[str, Floats]]:
    found: dict[str, tuple[str, Floats]] = {}
    for column, (reason, reads) in CATEGORIES.items():
        if left_out & set(reads):
            continue
        counts = rows[column].drop_nulls().value_counts().sort(["count", column], descending=[True, False])
        for value in counts[column].head(MOST_CATEGORIES).to_list():
            found[f"{column}={value}"] = (reason, _is_value(rows, column, value))
    return found


def _named_categories(rows: pl.DataFrame, columns: tuple[str, ...]) -> dict[str, tuple[str, Floats]]:
    named = [name.split("=", 1) for name in columns if "=" in name]
    return {f"{column}={value}": (CATEGORIES[column][0], _is_value(rows, column, value)) for column, value in named}


def _is_value(rows: pl.DataFrame, column: str, value: str) -> Floats:
    found: Floats = (rows[column] == value).cast(pl.Float64).to_numpy().astype(float)
    return found

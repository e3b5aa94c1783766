"""Training set: a training frame as the arrays that scikit-learn's tools take."""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

import numpy as np
import polars as pl
from numpy.typing import NDArray

from salesiq.errors import UsageError
from salesiq.forecast.extra_features import TRAINING_COLUMNS
from salesiq.forecast.features import COLUMNS
from salesiq.forecast.intervals import LOST, OPEN, WON
from salesiq.forecast.terms import CATEGORIES

Floats = NDArray[np.float64]
Target = Literal["won", "ending"]
_NO_NUMBERS = ("deal_id", "rep_id")
_DAY_US = 86400e6


class TrainingSet(NamedTuple):
    """`X` (polars, numbers; NaN is unknown), `y`, `groups` (the deal), `weights`, `entered_days` (the moment's day)."""

    X: pl.DataFrame
    y: Floats
    groups: NDArray[np.str_]
    weights: Floats
    entered_days: Floats


def training_set(frame: pl.DataFrame, target: Target = "won", half_life_days: float | None = 365.0) -> TrainingSet:
    """Return a frame of `forecast.training_frame` as `X, y, groups, weights`, ready for scikit-learn, rows in its order.

    `target` "won": `y` is 1 where the deal was won within the frame's horizon, else 0; rows whose horizon was not over are left
    out, because an open deal is not a lost deal. "ending": every row stays, `y` has days observed and ending (0 open,
    1 won, 2 lost), which is what `forecast.HazardModel` takes: an open deal is censored. `groups` keeps a deal on one side of a
    split (`GroupKFold`); a split in time (`entered_days`) is closer to how a model is used. `weights` halve for every
    `half_life_days` before the newest moment; None weighs all alike.

    `X`: numbers and booleans as Float64; each text column as one column a value (the twelve most usual), `stage=...`; deal and
    rep ids and columns that are unknown everywhere stay out. Extra features come along. Raises UsageError for a `target` that
    there is not, or for a frame without the columns of a training frame.

    >>> import datetime as dt
    >>> from salesiq.book import Book
    >>> from salesiq.forecast import training_frame
    >>> deals = pl.DataFrame({"deal_id": ["D1", "D2"], "created_at": [dt.datetime(2026, 1, 1)] * 2, "status": ["won", "open"],
    ...                       "closed_at": [dt.datetime(2026, 1, 20), None]})
    >>> frame = training_frame(Book.from_frames(deals=deals, exported_at=dt.datetime(2026, 2, 1)), ["2026-01-10"], 15)
    >>> training_set(frame).y.tolist(), training_set(frame, "ending").y.round(0).tolist()
    ([1.0, 0.0], [[9.0, 1.0], [21.0, 0.0]])
    """
    if target not in get_args(Target):
        raise UsageError("forecast.bad_target", target=repr(target), allowed=", ".join(get_args(Target)))
    if missing := [name for name in (*TRAINING_COLUMNS, "deal_id") if name not in frame.columns]:
        raise UsageError("forecast.no_training_frame", column=missing[0])
    rows = frame.filter(pl.col("label").is_not_null()) if target == "won" else frame
    entered = rows["moment"].dt.epoch("us").to_numpy() / _DAY_US
    newest = entered.max() if len(entered) else 0.0
    weights = np.ones(len(entered)) if half_life_days is None else 0.5 ** ((newest - entered) / half_life_days)
    y = (rows["label"] == "won").cast(pl.Float64).to_numpy() if target == "won" else _endings(rows)
    return TrainingSet(_numbers(frame, rows), y, rows["deal_id"].to_numpy().astype(str), weights, entered)


def _endings(rows: pl.DataFrame) -> Floats:
    code = pl.when(pl.col("outcome") == "won").then(WON).when(pl.col("outcome") == "lost").then(LOST).otherwise(OPEN)
    return rows.select(days=pl.coalesce("exit_days", "seen_days"), ending=code.cast(pl.Float64)).to_numpy()


def _numbers(frame: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    # the values of a text column are those of the whole frame, so that every target has the same columns
    left_out = {*TRAINING_COLUMNS, *_NO_NUMBERS}
    found: list[pl.Series] = []
    # what is unknown in every row tells nothing, and some of scikit-learn's tools stumble over it
    known = [name for name in frame.columns if name not in left_out and frame[name].null_count() < frame.height]
    for name in known:
        if frame[name].dtype != pl.String:
            found.append(rows[name].cast(pl.Float64).fill_null(np.nan))
        elif name in CATEGORIES or name not in COLUMNS:
            counts = frame[name].drop_nulls().value_counts().sort(["count", name], descending=[True, False])
            usual = counts[name].head(12).to_list()
            found += [(rows[name] == value).cast(pl.Float64).fill_null(np.nan).alias(f"{name}={value}") for value in usual]
    return pl.DataFrame(found)

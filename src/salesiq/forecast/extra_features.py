"""Extra features: what users know of their deals beside the built-in features, checked before a model sees it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import polars as pl

from salesiq.book import Snapshot
from salesiq.errors import UsageError

#: a macro by its name, a query with `$as_of`, or a function of a snapshot
Extra = str | Callable[[Snapshot], pl.DataFrame]

#: what rows of training hold beside features; nothing of it may be learned from
TRAINING_COLUMNS = ("moment", "exit_days", "outcome", "seen_days", "label")
_NAME = re.compile(r"\w+")
_MACRO = re.compile(r"\w+\.\w+")


def with_extra(rows: pl.DataFrame, snapshot: Snapshot, extra: Extra | Sequence[Extra]) -> pl.DataFrame:
    """Join the extra features to rows of `forecast.features`, null where a deal has none.

    Numbers become Float64 (an infinite one is null), text String. Raises UsageError where an extra gives no frame, no
    `deal_id`, a deal twice, a column that is there already or has no plain name, or one that is no number, boolean or text.
    """
    for each in _listed(extra):
        found = checked(told(each, snapshot), each, rows.columns)
        rows = rows.join(found, on="deal_id", how="left", maintain_order="left")
    return rows


def name_of(extra: Extra) -> str:
    """Return what an extra is called in messages and in a kept model: the macro's name, or the function's.

    >>> name_of("team.visits_abroad"), name_of(len)
    ('team.visits_abroad', 'len')
    """
    return extra if isinstance(extra, str) else str(getattr(extra, "__name__", type(extra).__name__))


def names_of(extra: Extra | Sequence[Extra]) -> tuple[str, ...]:
    """Return what several extras are called."""
    return tuple(map(name_of, _listed(extra)))


def _listed(extra: Extra | Sequence[Extra]) -> tuple[Extra, ...]:
    return (extra,) if isinstance(extra, str) or callable(extra) else tuple(extra)


def told(extra: Extra, snapshot: Snapshot) -> object:
    """Return what an extra feature tells of a snapshot, unchecked."""
    if not isinstance(extra, str):
        return extra(snapshot)
    return snapshot.run(extra) if _MACRO.fullmatch(extra) else snapshot.sql(extra)


def checked(found: object, extra: Extra, taken: Sequence[str] = ()) -> pl.DataFrame:
    """Return what an extra feature told as plain columns beside `deal_id`, or raise UsageError: see `with_extra`."""
    name = name_of(extra)
    if not isinstance(found, pl.DataFrame):
        raise UsageError("forecast.extra_no_frame", extra=name, given=type(found).__name__)
    if "deal_id" not in found.columns or found["deal_id"].dtype != pl.String:
        raise UsageError("forecast.extra_no_deal_id", extra=name, known=", ".join(found.columns))
    named = found.filter(pl.col("deal_id").is_not_null())
    twice = named.filter(named["deal_id"].is_duplicated())["deal_id"]
    if len(twice):
        raise UsageError("forecast.extra_twice", extra=name, deal_id=twice.min(), n=twice.n_unique())
    new = [column for column in found.columns if column != "deal_id"]
    for column in new:
        if column in taken or column in TRAINING_COLUMNS:
            raise UsageError("forecast.extra_taken", extra=name, column=column)
        if not _NAME.fullmatch(column):
            raise UsageError("forecast.extra_bad_name", extra=name, column=column)
    return named.select("deal_id", *(_plain(found[column].dtype, column, name) for column in new))


def _plain(dtype: pl.DataType, column: str, name: str) -> pl.Expr:
    """Return a column as one of the three kinds that a model can weigh; unknown everywhere stays null."""
    if dtype.is_numeric():
        number = pl.col(column).cast(pl.Float64)
        return pl.when(number.is_finite()).then(number).alias(column)
    if isinstance(dtype, pl.Categorical | pl.Enum | pl.String):
        return pl.col(column).cast(pl.String)
    if dtype not in (pl.Boolean, pl.Null):
        raise UsageError("forecast.extra_bad_type", extra=name, column=column, given=dtype)
    return pl.col(column)

"""What the values of a column say about it: whether they can be what a header claims, and which of them mean nothing."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from salesiq.load.mapping import Column
from salesiq.load.values import clean, parse

__all__ = ["MEANS_NOTHING", "fit", "is_identifying", "pseudo_nulls"]

_SIGNS = ("-", "--", "—", "/", "\\", ".", "?")
_WORDS = ("n/a", "na", "#n/a", "nan", "null", "(null)", "none", "nil", "select", "unknown", "tbd")
_CHINESE = ("无", "空", "暂无", "未填", "未填写", "不详", "未知", "请选择", "待定")
MEANS_NOTHING = frozenset((*_SIGNS, *_WORDS, *_CHINESE))
_LEAST_SHARE = 0.005
_ID = r"^[\w.\-/+=]{1,64}$"


def fit(cells: pl.Series, dtype: pl.DataType, column: Column, allowed: Sequence[str] = ()) -> float:
    """Return the share of filled cells that can be read as `dtype`, and are among the words allowed where there are such.

    >>> fit(pl.Series(["1,200", "x", "", "-"]), pl.Decimal(18, 2), Column("amount", (), null_values=("-",)))
    0.5
    """
    read = parse(cells, dtype, column, "Asia/Shanghai")
    filled = read.values.is_not_null() | read.reasons.is_not_null()
    good = read.values.is_not_null()
    if allowed:
        good = good & read.values.cast(pl.String).is_in(list(allowed))
    return float((good & filled).sum()) / max(int(filled.sum()), 1)


def pseudo_nulls(cells: pl.Series, known: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the words of a column that seem to mean nothing, as they stand there; words that the mapping translates do not.

    >>> pseudo_nulls(pl.Series(["Select", "Mumbai", "Select", "-"]))
    ('-', 'Select')
    """
    if cells.dtype != pl.String:
        return ()
    text = clean(cells).drop_nulls()
    empty = text.filter(text.str.to_lowercase().is_in(list(MEANS_NOTHING)))
    words = empty.value_counts().filter(pl.col("count") >= max(1, int(len(text) * _LEAST_SHARE)))[empty.name or ""]
    return tuple(sorted(word for word in words if word not in known))


def is_identifying(cells: pl.Series) -> bool:
    """Whether a column could be the key of its rows: filled everywhere, never twice, and no sentence.

    >>> is_identifying(pl.Series(["D1", "D2", "D3"])), is_identifying(pl.Series(["one deal", "two deals", "three"]))
    (True, False)
    """
    text = clean(cells.cast(pl.String))
    is_whole = text.null_count() == 0 and len(text) > 1 and text.n_unique() == len(text)
    return bool(is_whole and text.str.contains(_ID).all())

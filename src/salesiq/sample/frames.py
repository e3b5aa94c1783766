"""From arrays to canonical frames: exactly the contract's columns and types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from salesiq.sample.window import Bools, Floats, Ints, Moments, Texts


def canonical(table: str, columns: Mapping[str, Any]) -> pl.DataFrame:
    """Return a frame of one canonical table; columns left out are null.

    Money arrives as whole cents (integers) and leaves as DECIMAL(18,2). Not-a-time values become null.
    """
    # pandera behind the contracts takes seconds to import: `import salesiq.sample` stays light
    from salesiq.tables import CONTRACTS

    height = max((len(values) for values in columns.values()), default=0)
    made = []
    for name, dtype in CONTRACTS[table].columns.items():
        values = columns.get(name)
        if values is None:
            made.append(pl.repeat(None, height, dtype=dtype, eager=True).alias(name))
            continue
        is_object = isinstance(values, np.ndarray) and values.dtype == object  # polars would keep Python objects as they are
        series = pl.Series(name, values.tolist() if is_object else values)
        if isinstance(dtype, pl.Decimal) and series.dtype.is_integer():
            series = series / 100
        made.append(series.cast(dtype))
    return pl.DataFrame(made)


def ids(prefix: str, n: int, width: int, first: int = 1) -> Texts:
    """Return text ids: prefix and a number padded to `width`.

    >>> list(ids("R", 2, 3))
    ['R001', 'R002']
    """
    return np.array([f"{prefix}{number:0{width}d}" for number in range(first, first + n)], dtype=object)


def pick(rng: np.random.Generator, words: Sequence[str], n: int, shares: Sequence[float] | None = None) -> Texts:
    """Return n words drawn with the given shares."""
    return np.asarray(np.array(list(words), dtype=object)[rng.choice(len(words), n, p=shares)])


def where_not(values: Texts, is_null: Bools) -> Texts:
    """Return the texts with None where `is_null`."""
    kept = values.copy()
    kept[is_null] = None
    return kept


def moments_or_null(moments: Moments, is_null: Bools) -> Moments:
    """Return the moments with not-a-time where `is_null`."""
    kept = moments.copy()
    kept[is_null] = np.datetime64("NaT")
    return kept


def cents(yuan: Floats, step: float = 100.0) -> Ints:
    """Return yuan as whole cents, rounded to `step` yuan."""
    return (np.round(yuan / step) * step * 100).astype(np.int64)

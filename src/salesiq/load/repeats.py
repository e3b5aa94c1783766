"""Rows of one load that have the same key: copies, and contradictions.

Only hashes of keys are kept while files are read; rows are compared in full where two hashes are equal.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from salesiq.tables import Contract

__all__ = ["fold", "key_hashes", "repeated", "settle", "shown_key"]

_ZERO_WIDTH = "[\u200b\u200c\u200d\u2060\ufeff]"


def fold(name: str, dtype: pl.DataType, *, case: bool) -> pl.Expr:
    """Return a key column as keys are compared: half-width, without zero-width characters; with `case`, in lower case
    too.
    """
    if dtype != pl.String:
        return pl.col(name)
    text = pl.col(name).str.normalize("NFKC").str.replace_all(_ZERO_WIDTH, "").str.strip_chars()
    return text.str.to_lowercase() if case else text


def key_hashes(rows: pl.DataFrame, contract: Contract) -> pl.Series:
    """Return a hash of each row's key, equal where keys are equal after folding."""
    keys = rows.select(contract.keys)
    is_plain = all(_is_ascii(keys[key]) for key in contract.keys if contract.columns[key] == pl.String)
    if is_plain:  # nothing to fold but the case: several times faster
        folded = keys.with_columns(pl.col(pl.String).str.to_lowercase())
    else:
        folded = keys.select(fold(key, contract.columns[key], case=True) for key in contract.keys)
    return folded.hash_rows()


def repeated(hashes: pl.Series) -> pl.Series:
    """Which hashes stand there more than once; sorting them takes a fraction of the memory of grouping them.

    >>> repeated(pl.Series([3, 1, 3, 2], dtype=pl.UInt64)).to_list()
    [True, False, True, False]
    """
    in_order = hashes.sort()
    twice = in_order.filter(in_order == in_order.shift(1)).unique()
    return hashes.is_in(twice.implode()) if len(twice) else pl.repeat(value=False, n=len(hashes), eager=True)


def _is_ascii(text: pl.Series) -> bool:
    return text.str.len_bytes().sum() == text.str.len_chars().sum()


def settle(candidates: pl.DataFrame, contract: Contract) -> pl.DataFrame:
    """Decide about rows whose key hashes are not unique. Rows come in the order in which they were read.

    Returns the rows to leave out with `verdict`: "copy" for the second of equal rows (keys that differ in case or
    width count as equal where all else is), "conflict" for every row whose key another row has with other content.
    Keys that differ only in case and have different content are different keys.
    """
    folded = [fold(key, contract.columns[key], case=True).alias(f"__{key}") for key in contract.keys]
    exact = [fold(key, contract.columns[key], case=False).alias(f"__{key}") for key in contract.keys]
    keys = [f"__{key}" for key in contract.keys]
    content = [name for name in contract.columns if name not in contract.keys]
    rows = candidates.with_row_index("__place").with_columns(folded)
    same = pl.struct([*keys, *content])
    rows = rows.with_columns(is_copy=~same.is_first_distinct())
    copies = rows.filter("is_copy").with_columns(verdict=pl.lit("copy"))
    left = rows.filter(~pl.col("is_copy")).with_columns(exact)
    conflicts = left.filter(pl.struct(keys).is_duplicated()).with_columns(verdict=pl.lit("conflict"))
    return pl.concat([copies, conflicts]).sort("__place").drop("__place", "is_copy", *keys)


def shown_key(row: Mapping[str, object], contract: Contract) -> str:
    """Write a key for a report."""
    return " | ".join("" if row[key] is None else str(row[key]) for key in contract.keys)

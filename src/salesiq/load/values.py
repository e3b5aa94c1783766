"""Text cells to typed values by contract: fast where the whole column is plain, value by value where it is not.

Every parser takes a column as text and returns what it read and, beside it, the reason for each value that it did not
read. Nothing is rounded, guessed or turned to null: an empty cell is null, an unreadable one is a fault.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from salesiq.load.amounts import UNITS, Unreadable, amount, number, plain
from salesiq.load.mapping import Column
from salesiq.load.moments import FIRST_YEAR, LAST_YEAR, moment

__all__ = ["Parsed", "clean", "parse"]

_ZERO_WIDTH = "\u200b\u200c\u200d\u2060\ufeff"
_DAMAGE = "[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f]"
_LOST = "\ufffd|锟斤拷"
_FORMS = {
    "date": ("%Y-%m-%d", "%Y/%m/%d"),
    "moment": ("%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y/%m/%d %H:%M:%S", "%Y-%m-%d %H:%M"),
}
_TRUE, _FALSE = ("是", "y", "yes", "true", "1", "t", "√"), ("否", "n", "no", "false", "0", "f", "×")
_INTEGER = re.compile(r"[+-]?[0-9]{1,18}(?:\.0+)?")


@dataclass(frozen=True)
class Parsed:
    """A column that was read: its values, and per row the reason why it was not read (null where all is well)."""

    values: pl.Series
    reasons: pl.Series


def clean(cells: pl.Series, null_values: Sequence[str] = ()) -> pl.Series:
    """Return the cells without outer white space; empty ones, and those the mapping names, as null.

    >>> clean(pl.Series(["\\u3000a ", "", "-"]), ["-"]).to_list()
    ['a', None, None]
    """
    text = cells.str.strip_chars().str.strip_chars(_ZERO_WIDTH).str.strip_chars()
    text = text.set(text == "", None)
    return text.set(text.is_in(list(null_values)), None) if null_values else text


def parse(cells: pl.Series, dtype: pl.DataType, column: Column, zone: str) -> Parsed:
    """Read a column of text (or a typed column that already fits) as `dtype`.

    >>> column = Column("amount", ("金额",))
    >>> read = parse(pl.Series(["1,234.5", "1e3", None]), pl.Decimal(18, 2), column, "Asia/Shanghai")
    >>> read.values.to_list(), read.reasons.to_list()
    ([Decimal('1234.50'), None, None], [None, 'reason_amount', None])
    """
    if cells.dtype != pl.String and not column.values:
        cells = _in_zone(cells, dtype, zone)
        if cells.dtype == dtype:
            return _typed(cells)
    text = clean(_as_text(cells), column.null_values)
    if column.values:
        text = text.replace(dict(column.values))
    return _by_type(text, dtype, column, zone)


def _by_type(text: pl.Series, dtype: pl.DataType, column: Column, zone: str) -> Parsed:
    if dtype == pl.Decimal:
        return _finish(text, _fast_money(text, UNITS[column.unit], dtype), lambda value: amount(value, column.unit))
    if dtype == pl.Date:
        fast = _fast_dates(text, column.formats or _FORMS["date"])
        return _finish(text, fast, lambda value: moment(value, column.formats, zone).date())
    if dtype == pl.Datetime:
        fast = _fast_moments(text, column.formats or _FORMS["moment"])
        return _finish(text, fast, lambda value: moment(value, column.formats, zone))
    if dtype == pl.Boolean:
        return _finish(text, pl.Series([None] * len(text), dtype=pl.Boolean), _boolean)
    if dtype == pl.Int64:
        return _finish(text, pl.Series([None] * len(text), dtype=pl.Int64), _integer)
    if dtype == pl.Float64:
        return _finish(text, _fast_numbers(text), number)
    return Parsed(text, _text_reasons(text))


def _in_zone(cells: pl.Series, dtype: pl.DataType, zone: str) -> pl.Series:
    """Turn typed moments (Parquet) to the company's zone and the contract's resolution."""
    if cells.dtype != pl.Datetime or not dtype.is_temporal():
        return cells
    if getattr(cells.dtype, "time_zone", None) is not None:
        cells = cells.dt.convert_time_zone(zone).dt.replace_time_zone(None)
    return cells.cast(dtype)


def _typed(cells: pl.Series) -> Parsed:
    """Take a typed column as it is, but for numbers that are none and years that cannot be meant."""
    if cells.dtype == pl.Float64:
        wrong, reason = cells.is_not_null() & ~cells.is_finite(), "reason_number"
    elif cells.dtype.is_temporal():
        wrong, reason = cells.is_not_null() & ~cells.dt.year().is_between(FIRST_YEAR, LAST_YEAR), "reason_date_year"
    else:
        return Parsed(cells, _no_reasons(len(cells)))
    if not wrong.any():
        return Parsed(cells, _no_reasons(len(cells)))
    return Parsed(cells.set(wrong, None), pl.select(pl.when(wrong).then(pl.lit(reason))).to_series())


def _no_reasons(height: int) -> pl.Series:
    return pl.Series("reason", [None], dtype=pl.String).new_from_index(0, height)


def _as_text(cells: pl.Series) -> pl.Series:
    """Write typed cells (Parquet) as the text that the parsers read."""
    if cells.dtype == pl.String:
        return cells
    if cells.dtype == pl.Datetime:
        return cells.dt.to_string("%Y-%m-%d %H:%M:%S%.6f")
    return cells.cast(pl.String)


def _finish(text: pl.Series, fast: pl.Series, parse_one: Callable[[str], Any]) -> Parsed:
    """Take what the fast way read; read every other distinct value once, the careful way."""
    left = text.is_not_null() & fast.is_null()
    if not left.any():
        return Parsed(fast, _no_reasons(len(text)))
    values: dict[str, Any] = {}
    faults: dict[str, str] = {}
    for value in text.filter(left).unique():
        try:
            values[value] = parse_one(value)
        except Unreadable as problem:
            faults[value] = problem.reason
    asked = text.set(~left, None)
    careful = asked.replace_strict(values, default=None, return_dtype=fast.dtype) if values else fast
    reasons = asked.replace_strict(faults, default=None, return_dtype=pl.String) if faults else _no_reasons(len(text))
    return Parsed(pl.select(pl.coalesce(fast, careful)).to_series(), reasons)


def _fast_money(text: pl.Series, shift: int, dtype: pl.DataType) -> pl.Series:
    grouped = text.str.contains(r"^-?[0-9]{1,3}(,[0-9]{3})+(\.[0-9]+)?$")
    if grouped.any():
        text = pl.select(pl.when(grouped).then(text.str.replace_all(",", "", literal=True)).otherwise(text)).to_series()
    plain_ones = text.str.contains(rf"^-?[0-9]{{1,{16 - shift}}}(\.[0-9]{{1,{2 + shift}}})?$")
    kept = text.set(~plain_ones, None)
    if not shift:
        return kept.cast(dtype)
    wide = kept.cast(pl.Decimal(38, 2 + shift))
    return pl.select((wide * pl.lit(10**shift).cast(pl.Decimal(38, 0))).cast(dtype)).to_series()


def _fast_dates(text: pl.Series, forms: Sequence[str]) -> pl.Series:
    found = pl.Series([None], dtype=pl.Date).new_from_index(0, len(text))
    for form in forms:
        if found.null_count() == text.null_count():
            break
        found = pl.select(pl.coalesce(found, text.str.to_date(form, strict=False))).to_series()
    return found.set(~found.dt.year().is_between(FIRST_YEAR, LAST_YEAR), None)


def _fast_moments(text: pl.Series, forms: Sequence[str]) -> pl.Series:
    found = pl.Series([None], dtype=pl.Datetime("us")).new_from_index(0, len(text))
    for form in forms:
        if found.null_count() == text.null_count():
            break
        if "%z" in form or ("%H" not in form and "%I" not in form):
            continue  # offsets and bare dates are read the careful way
        read = text.str.to_datetime(form, strict=False, time_unit="us")
        found = pl.select(pl.coalesce(found, read)).to_series()
    return found.set(~found.dt.year().is_between(FIRST_YEAR, LAST_YEAR), None)


def _fast_numbers(text: pl.Series) -> pl.Series:
    return text.set(~text.str.contains(r"^-?[0-9]{1,15}(\.[0-9]{1,15})?$"), None).cast(pl.Float64)


def _boolean(value: str) -> bool:
    folded = plain(value).casefold()
    if folded in _TRUE:
        return True
    if folded in _FALSE:
        return False
    raise Unreadable("reason_boolean")


def _integer(value: str) -> int:
    cleaned = plain(value)
    if not _INTEGER.fullmatch(cleaned):
        raise Unreadable("reason_integer")
    return int(cleaned.split(".")[0])


def _text_reasons(text: pl.Series) -> pl.Series:
    """Name the texts that were damaged before they came to us."""
    damaged, lost = text.str.contains(_DAMAGE), text.str.contains(_LOST)
    if not (damaged.any() or lost.any()):
        return _no_reasons(len(text))
    reason = pl.when(lost).then(pl.lit("reason_text_lost")).when(damaged).then(pl.lit("reason_control_character"))
    return pl.select(reason.alias("reason")).to_series()

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

from salesiq.load.amounts import Style, Unreadable, amount, number, plain
from salesiq.load.fast_values import fast_dates, fast_moments, fast_money, fast_numbers
from salesiq.load.mapping import Column
from salesiq.load.moments import FIRST_YEAR, LAST_YEAR, moment

__all__ = ["Parsed", "clean", "no_reasons", "parse"]

_ZERO_WIDTH = "\u200b\u200c\u200d\u2060\ufeff"
_FAULTY = "[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f\ufffd]|锟斤拷"
_SUSPECT = rf"^[\s{_ZERO_WIDTH}]|[\s{_ZERO_WIDTH}]$|^$|{_FAULTY}"
_LOST = "\ufffd|锟斤拷"
_TRUE = frozenset(["是", "有", "对", "真", "y", "yes", "true", "1", "1.0", "t", "on", "√", "✓", "✔", "☑", "✅", "通过"])
_FALSE = frozenset(["否", "没有", "错", "假", "n", "no", "false", "0", "0.0", "f", "off", "×", "✗", "✘", "☐", "❌", "不通过"])
_DONE = re.compile("(已|未)(?:完成|成交|签约|付款|回款|通过|批准|发货|开票|启用|激活|确认|提交|读|打开|联系|关闭)")
_INTEGER = re.compile(r"[+-]?(?:[0-9]{1,18}|[0-9]{1,3}(?:,[0-9]{3}){1,5})(?:\.0+)?")
_EXACT = 2.0**53


@dataclass(frozen=True)
class Parsed:
    """A column that was read: its values, and per row the reason why it was not read (null where all is well)."""

    values: pl.Series
    reasons: pl.Series


def _is_tidy(cells: pl.Series) -> bool:
    """Whether no cell has outer white space, is empty or was damaged: one look at each for all of it."""
    return not cells.str.contains(_SUSPECT).any()


def clean(cells: pl.Series, null_values: Sequence[str] = (), *, is_tidy: bool | None = None) -> pl.Series:
    """Return the cells without outer white space; empty ones, and those the mapping names, as null. `is_tidy` says whether
    a look at them found that there is nothing to do.

    >>> clean(pl.Series(["\\u3000a ", "", "-"]), ["-"]).to_list()
    ['a', None, None]
    """
    text = cells
    if not (_is_tidy(cells) if is_tidy is None else is_tidy):
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
        cells = _in_zone(cells, dtype, column.zone, zone)
        if cells.dtype == dtype:
            return _typed(cells)
    text = _as_text(cells)
    is_tidy = _is_tidy(text)
    text = clean(text, column.null_values, is_tidy=is_tidy)
    if column.values:
        text = text.replace(dict(column.values))
    if dtype == pl.String and is_tidy and not column.values:
        return Parsed(text, no_reasons(len(text)))
    return _by_type(text, dtype, _settled(column, typed=cells.dtype != pl.String), zone)


def _settled(column: Column, *, typed: bool) -> Column:
    """A typed number bears no mark of its column's style: its point is the decimal point."""
    if not typed or (column.style.decimal, column.style.grouping) == (".", ","):
        return column
    style = Style(currency=column.style.currency, rounds=column.style.rounds)
    return Column(
        column.name, column.headers, column.unit, column.formats, column.null_values, column.values, style, column.zone
    )


def _by_type(text: pl.Series, dtype: pl.DataType, column: Column, zone: str) -> Parsed:
    if dtype == pl.Decimal:
        fast = fast_money(text, column.unit, column.style, dtype)
        return _finish(text, fast, lambda value: amount(value, column.unit, column.style))
    if dtype == pl.Date:
        fast = fast_dates(text, column.formats, column.zone)
        return _finish(text, fast, lambda value: moment(value, column.formats, zone, column.zone).date())
    if dtype == pl.Datetime:
        fast = fast_moments(text, column.formats, column.zone, zone)
        return _finish(text, fast, lambda value: moment(value, column.formats, zone, column.zone))
    if dtype == pl.Boolean:
        return _finish(text, pl.Series([None], dtype=pl.Boolean).new_from_index(0, len(text)), _boolean)
    if dtype == pl.Int64:
        return _finish(text, pl.Series([None], dtype=pl.Int64).new_from_index(0, len(text)), _integer)
    if dtype == pl.Float64:
        return _finish(text, fast_numbers(text), lambda value: number(value, column.style))
    return Parsed(text, _text_reasons(text))


def _in_zone(cells: pl.Series, dtype: pl.DataType, source_zone: str | None, zone: str) -> pl.Series:
    """Turn typed moments (Parquet) to the company's zone and the contract's resolution."""
    if cells.dtype != pl.Datetime or not dtype.is_temporal():
        return cells
    if getattr(cells.dtype, "time_zone", None) is None and source_zone:
        return _as_text(cells)  # hours that clocks skip or show twice are told the careful way
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
        return Parsed(cells, no_reasons(len(cells)))
    if not wrong.any():
        return Parsed(cells, no_reasons(len(cells)))
    return Parsed(cells.set(wrong, None), pl.select(pl.when(wrong).then(pl.lit(reason))).to_series())


def no_reasons(height: int) -> pl.Series:
    """Return the reasons of rows with which all is well."""
    return pl.Series("reason", [None], dtype=pl.String).new_from_index(0, height)


def _as_text(cells: pl.Series) -> pl.Series:
    """Write typed cells (Parquet) as the text that the parsers read; whole floats, as pandas makes of ids, as whole."""
    if cells.dtype == pl.String:
        return cells
    if cells.dtype == pl.Datetime:
        return cells.dt.to_string("%Y-%m-%d %H:%M:%S%.6f")
    text = cells.cast(pl.String)
    if not cells.dtype.is_float():
        return text
    is_whole = cells.is_finite() & (cells.floor() == cells) & (cells.abs() < _EXACT)
    whole = cells.set(~is_whole.fill_null(value=False), None).cast(pl.Int64).cast(pl.String)
    return pl.select(pl.coalesce(whole, text)).to_series()


def _finish(text: pl.Series, fast: pl.Series, parse_one: Callable[[str], Any]) -> Parsed:
    """Take what the fast way read; read every other distinct value once, the careful way."""
    if fast.null_count() == text.null_count():
        return Parsed(fast, no_reasons(len(text)))
    left = text.is_not_null() & fast.is_null()
    values: dict[str, Any] = {}
    faults: dict[str, str] = {}
    for value in text.filter(left).unique():
        try:
            values[value] = parse_one(value)
        except Unreadable as problem:
            faults[value] = problem.reason
    asked = text.set(~left, None)
    careful = asked.replace_strict(values, default=None, return_dtype=fast.dtype) if values else fast
    reasons = asked.replace_strict(faults, default=None, return_dtype=pl.String) if faults else no_reasons(len(text))
    return Parsed(pl.select(pl.coalesce(fast, careful)).to_series(), reasons)


def _boolean(value: str) -> bool:
    folded = plain(value).casefold()
    if folded in _TRUE:
        return True
    if folded in _FALSE:
        return False
    found = _DONE.fullmatch(folded)  # 未知 and 已拒绝 are no answers
    if found is None:
        raise Unreadable("reason_boolean")
    return found[1] == "已"


def _integer(value: str) -> int:
    cleaned = plain(value)
    if not _INTEGER.fullmatch(cleaned):
        raise Unreadable("reason_integer")
    return int(cleaned.split(".")[0].replace(",", ""))


def _text_reasons(text: pl.Series) -> pl.Series:
    """Name the texts that were damaged before they came to us."""
    faulty = text.str.contains(_FAULTY)
    if not faulty.any():
        return no_reasons(len(text))
    lost = text.str.contains(_LOST)
    reason = pl.when(lost).then(pl.lit("reason_text_lost")).when(faulty).then(pl.lit("reason_control_character"))
    return pl.select(reason.alias("reason")).to_series()

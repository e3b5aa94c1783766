"""Whole columns of plain values at once. What is not plain comes back as null and is read the careful way: every value that is
read here is what the careful way would read.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import polars as pl

from salesiq.load.amounts import CURRENCIES, UNITS, Style
from salesiq.load.moments import FIRST_YEAR, FORMAT_WORDS, LAST_YEAR

__all__ = ["fast_dates", "fast_moments", "fast_money", "fast_numbers"]

_DATES = ("%Y-%m-%d", "%Y/%m/%d")
_MOMENTS = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y/%m/%d %H:%M:%S", "%Y-%m-%d %H:%M")
_WORDS = {
    "dmy": ("%d/%m/%Y", "%d-%m-%Y", "%d.%m.%Y"),
    "mdy": ("%m/%d/%Y", "%m-%d-%Y", "%m.%d.%Y"),
}
_CLOCKS = ("", " %H:%M:%S", " %H:%M")
_OFFSET = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z| UTC|[+-](0[0-9]|1[0-4]):?[0-5][0-9])$"


def fast_money(text: pl.Series, unit: str, style: Style, dtype: pl.DataType) -> pl.Series:
    """Read amounts such as 1,234.50 and $1,234.50 in the column's own style."""
    shift = UNITS[unit]
    text = _without_sign(text, style)
    mark, point = re.escape(style.grouping), re.escape(style.decimal)
    if style.grouping != "indian":
        grouped = text.str.contains(rf"^-?[0-9]{{1,3}}({mark}[0-9]{{3}})+({point}[0-9]+)?$")
        if grouped.any():
            text = text.zip_with(~grouped.fill_null(value=False), text.str.replace_all(style.grouping, "", literal=True))
    plain = text.str.contains(rf"^-?[0-9]{{1,{16 - shift}}}({point}[0-9]{{1,{2 + shift}}})?$")
    kept = text if plain.all(ignore_nulls=True) else text.set(~plain, None)
    if style.decimal != ".":
        kept = kept.str.replace(style.decimal, ".", literal=True)
    if not shift:
        return kept.cast(dtype)
    wide = kept.cast(pl.Decimal(38, 2 + shift))
    return pl.select((wide * pl.lit(10**shift).cast(pl.Decimal(38, 0))).cast(dtype)).to_series()


def _without_sign(text: pl.Series, style: Style) -> pl.Series:
    """Take the sign of the column's currency from amounts that begin with it and a digit."""
    first = text.drop_nulls().head(1).to_list()
    for sign in CURRENCIES[style.currency]:
        if first and first[0].startswith(sign):
            signed = text.str.contains(f"^{re.escape(sign)}[0-9]").fill_null(value=False)
            return text.zip_with(~signed, text.str.strip_prefix(sign))
    return text


def fast_dates(text: pl.Series, formats: Sequence[str], zone: str | None) -> pl.Series:
    """Read days in the column's forms, or year first."""
    found = pl.Series([None], dtype=pl.Date).new_from_index(0, len(text))
    for form in _forms(formats, _DATES, clocks=("",)):
        if found.null_count() == text.null_count():
            break
        if "%z" in form or (zone and "%H" in form):
            continue
        found = pl.select(pl.coalesce(found, text.str.to_date(form, strict=False))).to_series()
    return _in_years(found)


def fast_moments(text: pl.Series, formats: Sequence[str], source_zone: str | None, zone: str) -> pl.Series:
    """Read moments in the column's forms, or year first, and turn them to `zone`."""
    found = pl.Series([None], dtype=pl.Datetime("us")).new_from_index(0, len(text))
    for form in _forms(formats, _MOMENTS, clocks=_CLOCKS):
        if found.null_count() == text.null_count():
            break
        if "%z" in form:
            continue
        if "%H" in form or "%I" in form:
            read = _moved(text.str.to_datetime(form, strict=False, time_unit="us"), source_zone, zone)
        else:
            read = text.str.to_date(form, strict=False).cast(pl.Datetime("us"))
        found = pl.select(pl.coalesce(found, read)).to_series()
    if not formats and found.null_count() > text.null_count():
        found = pl.select(pl.coalesce(found, _with_offset(text, zone))).to_series()
    return _in_years(found)


def _moved(naive: pl.Series, source_zone: str | None, zone: str) -> pl.Series:
    """Turn times to `zone`; those that the source's clocks skip or show twice are left."""
    if not source_zone:
        return naive
    aware = naive.dt.replace_time_zone(source_zone, ambiguous="null", non_existent="null")
    return aware.dt.convert_time_zone(zone).dt.replace_time_zone(None)


def _with_offset(text: pl.Series, zone: str) -> pl.Series:
    """Read ISO moments that name their offset: 2026-01-02T18:30:00Z, 2026-01-02 18:30:00.000+0000."""
    iso = text.set(~text.str.contains(_OFFSET).fill_null(value=False), None)
    if iso.null_count() == len(iso):
        return pl.Series([None], dtype=pl.Datetime("us")).new_from_index(0, len(text))
    plain = iso.str.replace(" ", "T", literal=True).str.replace(r"(Z|TUTC| UTC)$", "+0000")
    read = plain.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f%z", strict=False, time_unit="us")
    return read.dt.convert_time_zone(zone).dt.replace_time_zone(None)


def _forms(formats: Sequence[str], usual: Sequence[str], clocks: Sequence[str]) -> list[str]:
    """Return the forms to try: the mapping's own, else the usual ones; words that mean numbers are read the careful way."""
    if not formats:
        return list(usual)
    own = [form for form in formats if form not in FORMAT_WORDS]
    for word in formats:
        own += [f"{day}{clock}" for clock in clocks for day in _WORDS.get(word, ())]
    return own


def _in_years(found: pl.Series) -> pl.Series:
    if found.null_count() == len(found):
        return found
    first, last = found.dt.year().min(), found.dt.year().max()
    if int(str(first)) >= FIRST_YEAR and int(str(last)) <= LAST_YEAR:
        return found
    return found.set(~found.dt.year().is_between(FIRST_YEAR, LAST_YEAR), None)


def fast_numbers(text: pl.Series) -> pl.Series:
    """Read numbers such as 130 and -0.5."""
    return text.set(~text.str.contains(r"^-?[0-9]{1,15}(\.[0-9]{1,15})?$"), None).cast(pl.Float64)

"""What a mapping may say about how values are written: marks, currency, rounding, forms of dates, and their zone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from salesiq.errors import UsageError
from salesiq.load.amounts import CURRENCIES, GROUPINGS, Style
from salesiq.load.moments import FORMAT_WORDS

__all__ = ["VALUE_KEYS", "check_formats", "read_style", "read_zone"]

VALUE_KEYS = ("decimal", "grouping", "currency", "round", "zone")
_DECIMALS = (".", ",")


def read_style(spec: Mapping[str, Any], item: Mapping[str, Any], place: str) -> Style:
    """Read how amounts are written, from a column or else from its `[[file]]`.

    A decimal comma goes with points between thousands unless the mapping names another mark. The currency is that of
    `constants.currency` where none is named.
    """
    given = {key: spec.get(key, item.get(key)) for key in VALUE_KEYS}
    constants = item.get("constants", {})
    stated = constants.get("currency") if isinstance(constants, dict) else None
    decimal = _one_of(given["decimal"], "decimal", _DECIMALS, place) or ("," if given["grouping"] == "." else ".")
    grouping = _one_of(given["grouping"], "grouping", tuple(GROUPINGS), place) or ("." if decimal == "," else ",")
    if decimal == grouping or (decimal == "," and grouping == "indian"):
        raise UsageError("load.mapping_kind", place=place, name="grouping", expected=f"another mark than decimal = {decimal!r}")
    currency = _one_of(given["currency"], "currency", tuple(CURRENCIES), place)
    rounds = given["round"] if given["round"] is not None else False
    if not isinstance(rounds, bool):
        raise UsageError("load.mapping_kind", place=place, name="round", expected="true or false")
    return Style(decimal, grouping, currency or (stated if stated in CURRENCIES else "CNY"), rounds)


def read_zone(spec: Mapping[str, Any], item: Mapping[str, Any], place: str) -> str | None:
    """Read the zone of times that bear none, such as `UTC`; None where they are in the company's own."""
    given = spec.get("zone", item.get("zone"))
    if given is None:
        return None
    try:
        return str(ZoneInfo(given))
    except (ZoneInfoNotFoundError, ValueError, OSError, TypeError) as error:
        raise UsageError("load.mapping_kind", place=place, name="zone", expected="UTC, Asia/Shanghai, ...") from error


def check_formats(formats: tuple[str, ...], place: str) -> tuple[str, ...]:
    """Return the forms of dates; raises `UsageError` for one that says nothing."""
    for form in formats:
        if form not in FORMAT_WORDS and "%" not in form:
            expected = " | ".join((*FORMAT_WORDS, "%d/%m/%Y"))
            raise UsageError("load.mapping_kind", place=place, name=f"format = {form!r}", expected=expected)
    return formats


def _one_of(given: Any, name: str, choices: tuple[str, ...], place: str) -> str | None:
    if given is not None and given not in choices:
        raise UsageError("load.mapping_kind", place=place, name=name, expected=" | ".join(choices))
    return None if given is None else str(given)

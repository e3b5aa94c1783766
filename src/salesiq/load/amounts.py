"""Amounts of money as people write them, read exactly: no float on the way, and no guess."""

from __future__ import annotations

import re
import unicodedata
from decimal import Decimal

__all__ = ["UNITS", "Unreadable", "amount", "number"]

UNITS = {"元": 0, "千元": 3, "万元": 4, "百万元": 6, "千万元": 7, "亿元": 8, "": 0}
"""Units that a header or a mapping may name, with the power of ten that leads to yuan."""

_SUFFIX = {"千": 3, "万": 4, "百万": 6, "千万": 7, "亿": 8, "": 0}
_INTEGER_DIGITS = 16  # DECIMAL(18,2)
_LONGEST = 60
_AMOUNT = re.compile(
    r"(?P<open>\()?(?P<sign>[+-])?\s?(?:¥|CNY|RMB|人民币)?\s?(?P<inner>-)?"
    r"(?P<whole>[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.(?P<part>[0-9]+))?"
    r"\s?(?P<suffix>百万|千万|千|万|亿)?\s?元?(?P<close>\))?(?P<trailing>-)?"
)
_NUMBER = re.compile(r"(?P<sign>[+-])?(?P<whole>[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.(?P<part>[0-9]+))?\s?(?P<percent>%)?")


class Unreadable(ValueError):
    """A value that cannot be read for sure; `reason` is the name of a text in the area `load`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def plain(text: str) -> str:
    """Return `text` in half-width characters, without outer space, with one kind of minus sign."""
    return unicodedata.normalize("NFKC", text).replace("−", "-").strip()  # U+2212, the typographic minus


def amount(text: str, unit: str = "元") -> Decimal:
    """Read one amount in yuan, exact to the cent; `unit` is the unit that the column's header states.

    Accounting brackets and a trailing minus mean a negative amount. Raises `Unreadable` for anything else than one
    plain number: exponents, NaN, other currencies, decimal commas, fractions of a cent.

    >>> amount("3.2亿"), amount("￥1,234.50元"), amount("(5.00)"), amount("12.345678", unit="万元")
    (Decimal('320000000.00'), Decimal('1234.50'), Decimal('-5.00'), Decimal('123456.78'))
    """
    found = _AMOUNT.fullmatch(plain(text)) if len(text) <= _LONGEST else None
    if found is None or bool(found["open"]) != bool(found["close"]):
        raise Unreadable("reason_amount")
    minus = [found["open"], found["sign"] == "-", found["inner"], found["trailing"]]
    if sum(map(bool, minus)) > 1 or (found["sign"] and any((found["open"], found["inner"], found["trailing"]))):
        raise Unreadable("reason_amount")
    suffix = found["suffix"] or ""
    if suffix and UNITS[unit]:
        raise Unreadable("reason_amount_unit_twice")
    return _cents(found["whole"], found["part"] or "", _SUFFIX[suffix] + UNITS[unit], any(minus))


def _cents(whole: str, part: str, shift: int, is_negative: bool) -> Decimal:
    digits = whole.replace(",", "") + part.ljust(shift + 2, "0")
    cents, rest = digits[: len(digits) - max(len(part) - shift - 2, 0)], part[shift + 2 :]
    if rest.strip("0"):
        raise Unreadable("reason_amount_decimals")
    if len(cents.lstrip("0")) > _INTEGER_DIGITS + 2:
        raise Unreadable("reason_amount_range")
    value = Decimal(int(cents)).scaleb(-2)
    return -value if is_negative and value else value


def number(text: str) -> float:
    """Read one plain number that is not money: a score, a quantity, a share; a percent sign divides by 100.

    >>> number("23.5%"), number("1,200"), number("-0.5")
    (0.235, 1200.0, -0.5)
    """
    found = _NUMBER.fullmatch(plain(text)) if len(text) <= _LONGEST else None
    if found is None:
        raise Unreadable("reason_number")
    value = Decimal(f"{found['sign'] or ''}{found['whole'].replace(',', '')}.{found['part'] or '0'}")
    return float(value / 100 if found["percent"] else value)

"""Amounts of money as people write them, read exactly: no float on the way, and no guess."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from decimal import Decimal
from functools import cache

from salesiq.load.chinese_numbers import chinese_money

__all__ = ["CURRENCIES", "GROUPINGS", "PLAIN_STYLE", "UNITS", "Style", "Unreadable", "amount", "number", "plain"]

UNITS = {"元": 0, "千元": 3, "万元": 4, "百万元": 6, "千万元": 7, "亿元": 8, "": 0}
"""Units that a header or a mapping may name, with the power of ten that leads to yuan."""

CURRENCIES = {
    "CNY": ("CNY", "CN¥", "RMB", "人民币", "¥"),
    "USD": ("USD", "US$", "$", "美元"),
    "EUR": ("EUR", "€", "欧元"),
    "GBP": ("GBP", "£", "英镑"),
    "JPY": ("JPY", "JP¥", "¥", "円", "日元"),
    "HKD": ("HKD", "HK$", "$", "港币", "港元"),
    "TWD": ("TWD", "NT$", "$", "新台币"),
    "SGD": ("SGD", "S$", "$"),
    "AUD": ("AUD", "A$", "$"),
    "CAD": ("CAD", "C$", "$"),
    "INR": ("INR", "₹"),
    "KRW": ("KRW", "₩", "韩元"),
    "BRL": ("BRL", "R$"),
    "CHF": ("CHF",),
    "SEK": ("SEK",),
    "VND": ("VND", "₫"),
    "THB": ("THB", "฿"),
    "RUB": ("RUB", "₽"),
}
"""Currencies that a mapping may name, with the signs that such an amount may bear."""

GROUPINGS = {
    ",": r"[0-9]{1,3}(?:,[0-9]{3})+",
    ".": r"[0-9]{1,3}(?:\.[0-9]{3})+",
    "'": r"[0-9]{1,3}(?:['’][0-9]{3})+",
    " ": r"[0-9]{1,3}(?: [0-9]{3})+",
    "indian": r"[0-9]{1,2}(?:,[0-9]{2})*,[0-9]{3}|[0-9]{3},[0-9]{3}",
}
"""Marks between thousands that a mapping may name; `indian` is 12,34,567."""

_SUFFIX = {
    "千": 3, "万": 4, "萬": 4, "百万": 6, "千万": 7, "亿": 8, "億": 8, "万亿": 12, "thousand": 3, "million": 6, "": 0,
}  # fmt: skip
_INTEGER_DIGITS = 16  # DECIMAL(18,2)
_LONGEST = 60
_YUAN = ("元人民币", "人民币元", "元整", "元正", "元", "圆", "块")
_NOTHING = frozenset(
    (
        *(
            "nan",
            "inf",
            "-inf",
            "+inf",
            "infinity",
            "-infinity",
            "na",
            "n/a",
            "#n/a",
            "#na",
            "null",
            "none",
            "nil",
            "tbd",
            "select",
        ),
        *("-", "--", "---", "—", "——", "/", "\\", ".", "?", "(null)", "<null>", "无", "空", "暂无", "未知", "待定"),
        *("#value!", "#ref!", "#div/0!", "#name?", "#null!", "#num!"),
    )
)
_WORD = re.compile(r"[0-9]\s?(?:k|m|mm|mio|mn|mln|b|bn|billions?|t|tn|trillions?|cr|crores?|lakhs?|l|w|万美元)", re.IGNORECASE)
_SEVERAL = re.compile(r"[0-9][0-9.,]*\s?[千万亿元]*\s?(?:[-~–—/、;]|至|到|to|±|\+-)\s?[0-9]", re.IGNORECASE)
_SEPARATED = re.compile(r"\(?[+-]?\s?\D{0,3}\s?[0-9]+(?:[.,'’ ][0-9]+)+(?:[.,])?\)?\s?[^0-9]{0,4}")


@dataclass(frozen=True)
class Style:
    """How the amounts of a column are written: the decimal mark, the mark between thousands, the currency; `rounds` takes
    fractions of a cent to the nearest one, half a cent away from zero.
    """

    decimal: str = "."
    grouping: str = ","
    currency: str = "CNY"
    rounds: bool = False


PLAIN_STYLE = Style()


class Unreadable(ValueError):
    """A value that cannot be read for sure; `reason` is the name of a text in the area `load`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def plain(text: str) -> str:
    """Return `text` in half-width characters, without outer space, with one kind of minus sign."""
    return unicodedata.normalize("NFKC", text).replace("−", "-").strip()  # U+2212, the typographic minus


def amount(text: str, unit: str = "元", style: Style = PLAIN_STYLE) -> Decimal:
    """Read one amount, exact to the cent; `unit` is the unit that the column's header states.

    Accounting brackets and a trailing minus mean a negative amount; so does 负. Raises `Unreadable` for anything else than
    one number in the column's own style and currency: exponents, NaN, other currencies, another decimal mark, ranges,
    fractions of a cent.

    >>> amount("3.2亿"), amount("￥1,234.50元"), amount("(5.00)"), amount("12.345678", unit="万元")
    (Decimal('320000000.00'), Decimal('1234.50'), Decimal('-5.00'), Decimal('123456.78'))
    >>> amount("1.234,50 €", style=Style(decimal=",", grouping=".", currency="EUR")), amount("三十六万八")
    (Decimal('1234.50'), Decimal('368000.00'))
    """
    cleaned = plain(text)
    if len(text) > _LONGEST:
        raise Unreadable("reason_amount")
    found = _pattern(style).fullmatch(cleaned)
    if found is None:
        return _in_words(cleaned, unit, style)
    minus = [found["open"], found["sign"] == "-", found["inner"], found["trailing"]]
    is_twice = sum(map(bool, minus)) > 1 or (found["sign"] and any((found["open"], found["inner"], found["trailing"])))
    if bool(found["open"]) != bool(found["close"]) or is_twice:
        raise Unreadable("reason_amount")
    suffix = (found["suffix"] or "").casefold()
    if suffix and UNITS[unit]:
        raise Unreadable("reason_amount_unit_twice")
    return _cents(found["whole"], found["part"] or "", _SUFFIX[suffix] + UNITS[unit], style, is_negative=any(minus))


@cache
def _pattern(style: Style) -> re.Pattern[str]:
    signs = sorted(CURRENCIES[style.currency], key=len, reverse=True)
    before = "|".join(map(re.escape, signs))
    after = "|".join(map(re.escape, (*_YUAN, *signs) if style.currency == "CNY" else signs))
    units = "|".join(sorted(filter(None, _SUFFIX), key=len, reverse=True))
    return re.compile(
        rf"(?P<open>\()?(?P<sign>[+-])?\s?(?:(?:{before}):?)?\s?(?P<inner>-)?{_digits(style)}"
        rf"\s?(?P<suffix>{units})?\s?(?:{after})?(?P<close>\))?(?P<trailing>-)?",
        re.IGNORECASE,
    )


def _digits(style: Style) -> str:
    return rf"(?P<whole>{GROUPINGS[style.grouping]}|[0-9]+)(?:{re.escape(style.decimal)}(?P<part>[0-9]+))?"


def _in_words(cleaned: str, unit: str, style: Style) -> Decimal:
    words = chinese_money(cleaned) if style.currency == "CNY" and not cleaned.isascii() else None
    if words is None:
        raise Unreadable(_reason(cleaned, style))
    if UNITS[unit]:
        raise Unreadable("reason_amount_unit_twice")
    whole, _, part = f"{abs(words):f}".partition(".")
    return _cents(whole, part, 0, style, is_negative=words < 0)


def _reason(cleaned: str, style: Style) -> str:
    """Tell why a text is no amount, so that the user sees what to state in the mapping."""
    if cleaned.casefold() in _NOTHING:
        return "reason_amount_nothing"
    if _foreign(style).search(cleaned):
        return "reason_amount_currency"
    if _WORD.fullmatch(_last(cleaned)):
        return "reason_amount_word"
    if _SEVERAL.search(cleaned):
        return "reason_amount_several"
    return "reason_amount_separator" if _SEPARATED.fullmatch(cleaned) else "reason_amount"


def _last(cleaned: str) -> str:
    """Return the last digit and what follows it."""
    found = re.search(r"[0-9]\D*$", cleaned)
    return found[0] if found else ""


@cache
def _foreign(style: Style) -> re.Pattern[str]:
    own = CURRENCIES[style.currency]
    signs = {sign for signs in CURRENCIES.values() for sign in signs} - set(own)
    return re.compile("|".join(map(re.escape, sorted(signs, key=len, reverse=True))), re.IGNORECASE)


def _cents(whole: str, part: str, shift: int, style: Style, *, is_negative: bool) -> Decimal:
    digits = re.sub(r"\D", "", whole) + part.ljust(shift + 2, "0")
    cents, rest = digits[: len(digits) - max(len(part) - shift - 2, 0)], part[shift + 2 :]
    if rest.strip("0") and not style.rounds:
        raise Unreadable("reason_amount_decimals")
    n_cents = int(cents) + (rest[:1] >= "5")
    if n_cents >= 10 ** (_INTEGER_DIGITS + 2):
        raise Unreadable("reason_amount_range")
    value = Decimal(n_cents).scaleb(-2)
    return -value if is_negative and value else value


@cache
def _number_pattern(style: Style) -> re.Pattern[str]:
    return re.compile(rf"(?P<sign>[+-])?{_digits(style)}\s?(?P<percent>%)?")


def number(text: str, style: Style = PLAIN_STYLE) -> float:
    """Read one plain number that is not money: a score, a quantity, a share; a percent sign divides by 100.

    >>> number("23.5%"), number("1,200"), number("-0.5")
    (0.235, 1200.0, -0.5)
    """
    found = _number_pattern(style).fullmatch(plain(text)) if len(text) <= _LONGEST else None
    if found is None:
        raise Unreadable("reason_number")
    value = Decimal(f"{found['sign'] or ''}{re.sub(r'[^0-9]', '', found['whole'])}.{found['part'] or '0'}")
    return float(value / 100 if found["percent"] else value)

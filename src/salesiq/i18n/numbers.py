"""Numbers, shares, spans and dates as a manager reads them, in English and in Chinese.

A missing value (None, NaN, infinity) is an em dash, never a zero. A minus is the real one (U+2212). Halves are
rounded away from zero (四舍五入) in decimal arithmetic: a Decimal never passes through a float.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import ROUND_HALF_UP, Context, Decimal

from salesiq.i18n import Language

__all__ = [
    "MINUS",
    "MISSING",
    "Number",
    "amount",
    "count",
    "day",
    "days",
    "moment",
    "share",
    "signed_amount",
    "signed_days",
    "signed_share",
]

Number = Decimal | int | float
MISSING, MINUS = "—", "\u2212"

# wide enough for the largest float: the default 28 digits refuse to round a wide sum, and that must not break a report
_EXACT = Context(prec=700, rounding=ROUND_HALF_UP)

# (from which size on, one unit, its sign, decimals, whether trailing zeros are shown), largest first
Step = tuple[Decimal, Decimal, str, int, bool]
_ONE, _K, _WAN, _M, _YI, _B = (Decimal(10) ** n for n in (0, 3, 4, 6, 8, 9))
_STEPS: dict[Language, tuple[Step, ...]] = {
    "zh": (
        (_YI, _YI, "亿", 2, False),
        (100 * _WAN, _WAN, "万", 0, False),
        (10 * _WAN, _WAN, "万", 1, False),
        (_WAN, _WAN, "万", 2, False),
        (100 * _ONE, _ONE, "", 0, False),
        (0 * _ONE, _ONE, "", 2, False),
    ),
    "en": (
        (_B, _B, "B", 2, True),
        (_M, _M, "M", 1, True),
        (10 * _K, _K, "K", 0, False),
        (_K, _K, "K", 1, False),
        (100 * _ONE, _ONE, "", 0, False),
        (0 * _ONE, _ONE, "", 2, False),
    ),
}
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def amount(value: Number | None, lang: Language, *, currency: bool = False) -> str:
    """Return an amount of money (CNY) to about three digits: 亿 and 万 in Chinese, B, M and K in English.

    `currency` writes the currency out: "CNY 2.3M", "232万元". Chinese amounts below 1万 always end in 元.

    >>> amount(305_000_000, "zh"), amount(23_170_000, "zh"), amount(232_000, "zh"), amount(9_800, "zh")
    ('3.05亿', '2,317万', '23.2万', '9,800元')
    >>> amount(320_000_000, "en"), amount(2_317_000, "en", currency=True), amount(98_000, "en"), amount(None, "en")
    ('320.0M', 'CNY 2.3M', '98K', '—')
    """
    return _amount(_decimal(value), lang, currency, "")


def signed_amount(value: Number | None, lang: Language, *, currency: bool = False) -> str:
    """Return a difference of amounts, like `amount` with its sign; zero has none.

    >>> signed_amount(-1_200_000, "zh"), signed_amount(1_200_000, "en", currency=True), signed_amount(0, "zh")
    ('−120万', '+CNY 1.2M', '0元')
    """
    return _amount(_decimal(value), lang, currency, "+")


def share(value: Number | None, lang: Language, digits: int = 0) -> str:
    """Return a share (0..1, growth may pass 1) in percent with `digits` decimals; the same in both languages.

    >>> share(0.8712, "zh"), share(Decimal("0.8712"), "en", 1), share(None, "zh")
    ('87%', '87.1%', '—')
    """
    return _share(_decimal(value), lang, digits, "")


def signed_share(value: Number | None, lang: Language, digits: int = 0) -> str:
    """Return a relative change in percent, with its sign; zero has none.

    >>> signed_share(-0.1309, "en", 1), signed_share(0.05, "zh")
    ('−13.1%', '+5%')
    """
    return _share(_decimal(value), lang, digits, "+")


def days(value: Number | None, lang: Language, digits: int = 1) -> str:
    """Return a span in days with at most `digits` decimals.

    >>> days(12.5, "zh"), days(12.5, "en"), days(1, "en"), days(12.04, "en")
    ('12.5 天', '12.5 days', '1 day', '12 days')
    """
    return _days(_decimal(value), lang, digits, "")


def signed_days(value: Number | None, lang: Language, digits: int = 1) -> str:
    """Return a difference of spans in days, with its sign; zero has none.

    >>> signed_days(-3, "zh"), signed_days(0.25, "en")
    ('−3 天', '+0.3 days')
    """
    return _days(_decimal(value), lang, digits, "+")


def count(value: Number | None, lang: Language) -> str:
    """Return a number of things, whole, with thousands separators; the same in both languages.

    >>> count(12_345, "zh")
    '12,345'
    """
    number = _decimal(value)
    return MISSING if number is None else _written(_rounded(number, 0), 0, "", shows_zeros=True)


def day(value: date | None, lang: Language) -> str:
    """Return a date (of a datetime, its day) as text.

    >>> day(date(2026, 1, 31), "zh"), day(date(2026, 1, 31), "en"), day(None, "en")
    ('2026年1月31日', '31 Jan 2026', '—')
    """
    if value is None:
        return MISSING
    if lang == "zh":
        return f"{value.year}年{value.month}月{value.day}日"
    return f"{value.day} {_MONTHS[value.month - 1]} {value.year}"


def moment(value: datetime | None, lang: Language) -> str:
    """Return a moment to the minute (cut, not rounded), on the clock it carries.

    >>> moment(datetime(2026, 1, 31, 20, 5), "zh"), moment(datetime(2026, 1, 31, 20, 5), "en")
    ('2026年1月31日 20:05', '31 Jan 2026, 20:05')
    """
    if value is None:
        return MISSING
    return f"{day(value, lang)}{' ' if lang == 'zh' else ', '}{value:%H:%M}"


def _decimal(value: Number | None) -> Decimal | None:
    """Return `value` as an exact Decimal, a float by its shortest text; None where it is missing or not finite."""
    number = None if value is None else value if isinstance(value, Decimal) else Decimal(str(value))
    return number if number is not None and number.is_finite() else None


def _rounded(number: Decimal, digits: int) -> Decimal:
    return _EXACT.quantize(number, Decimal(1).scaleb(-digits))


def _written(number: Decimal, digits: int, plus: str, *, shows_zeros: bool) -> str:
    """Return the sign and the digits of a number that is rounded already; what rounded to zero has no sign."""
    body = f"{number.copy_abs():,.{digits}f}"
    if digits and not shows_zeros:
        body = body.rstrip("0").rstrip(".")
    sign = "" if number == 0 else MINUS if number < 0 else plus
    return sign + body


def _scaled(number: Decimal, lang: Language) -> tuple[Decimal, Step]:
    """Return the rounded number in the unit that fits it: 99,999,999 is 1亿, not 10,000万."""
    step = _step_of(number, lang)
    rounded = _in_unit(number, step)
    fitting = _step_of(_EXACT.multiply(rounded, step[1]), lang)
    return (rounded, step) if fitting == step else (_in_unit(number, fitting), fitting)


def _in_unit(number: Decimal, step: Step) -> Decimal:
    return _rounded(_EXACT.divide(number, step[1]), step[3])


def _step_of(number: Decimal, lang: Language) -> Step:
    return next(step for step in _STEPS[lang] if number.copy_abs() >= step[0])


def _amount(number: Decimal | None, lang: Language, currency: bool, plus: str) -> str:
    if number is None:
        return MISSING
    rounded, (_, unit, sign, digits, shows_zeros) = _scaled(number, lang)
    words = _written(rounded, digits, plus, shows_zeros=shows_zeros) + sign
    if lang == "zh":
        return words + ("元" if currency or unit == 1 else "")
    if not currency:
        return words
    n_sign = 1 if words[0] in (MINUS, "+") else 0
    return f"{words[:n_sign]}CNY {words[n_sign:]}"


def _share(number: Decimal | None, lang: Language, digits: int, plus: str) -> str:
    if number is None:
        return MISSING
    return _written(_rounded(_EXACT.multiply(number, Decimal(100)), digits), digits, plus, shows_zeros=True) + "%"


def _days(number: Decimal | None, lang: Language, digits: int, plus: str) -> str:
    if number is None:
        return MISSING
    words = _written(_rounded(number, digits), digits, plus, shows_zeros=False)
    unit = "天" if lang == "zh" else "day" if words.lstrip("+" + MINUS) == "1" else "days"
    return f"{words} {unit}"

"""Numbers in Chinese words, everyday and formal (大写), read exactly; where a reader could hear two numbers, none is read.

三十六万八 is 368,000, as it is spoken; 12万50 could be 120,050 or 125,000, and 三四万 is a guess of its writer: both are
refused. A gap between digits needs its 零.
"""

from __future__ import annotations

import re
from decimal import Decimal

__all__ = ["chinese_money", "chinese_number"]

_DIGITS = dict(zip("一壹幺二贰貳两兩三叁參四肆五伍六陆陸七柒八捌九玖", "aaabbbbbcccddeefffgghhii", strict=True))
_OTHERS = {"拾": "十", "佰": "百", "仟": "千", "萬": "万", "億": "亿", "圆": "元", "圓": "元", "正": "整", "〇": "零"}
_LETTERS = str.maketrans(_DIGITS | _OTHERS | {"廿": "b十", "卅": "c十"})
_SECTION = re.compile(
    r"(?:(?P<thousands>[1-9a-i])千)?(?:(?P<hundreds>[1-9a-i])百)?"
    r"(?:(?P<gap>零)?(?P<tens>[1-9a-i]?)(?P<ten>十))?(?:(?P<zero>零)?(?P<ones>[1-9a-i]))?"
)
_POINT = re.compile(r"(?P<whole>[^点]+)点(?P<part>[a-i零]{1,10})(?P<unit>万亿|亿|万)?")
_MONEY = re.compile(
    r"(?:(?P<whole>[^元角分整]+)元)?(?:零?(?P<tenths>[1-9a-i])角)?(?:零?(?P<hundredths>[1-9a-i])分)?(?P<end>整)?"
)
_POWER = {"万": 4, "亿": 8, "万亿": 12, None: 0}


def chinese_money(text: str) -> Decimal | None:
    """Return an amount in yuan written in words, with 元, 角 and 分 or without, or None where this is none for sure.

    >>> chinese_money("壹仟贰佰叁拾肆元伍角陆分"), chinese_money("三十六万八"), chinese_money("三四万")
    (Decimal('1234.56'), Decimal('368000'), None)
    """
    plain = text.replace(" ", "").translate(_LETTERS).removeprefix("人民币").removeprefix(":")
    sign = -1 if plain.startswith("负") else 1
    plain = plain.removeprefix("负")
    found = _MONEY.fullmatch(plain)
    is_money = found is not None and any(found[name] for name in ("whole", "tenths", "hundredths"))
    value = _yuan(found) if found and is_money else _number(plain)
    return None if value is None else sign * value


def chinese_number(text: str) -> Decimal | None:
    """Return a number written in words, or None where this is none for sure.

    >>> chinese_number("1亿2千万"), chinese_number("三点二亿") == 320_000_000, chinese_number("12万50")
    (Decimal('120000000'), True, None)
    """
    return _number(text.replace(" ", "").translate(_LETTERS))


def _yuan(found: re.Match[str]) -> Decimal | None:
    whole = _number(found["whole"], is_spoken=False) if found["whole"] else Decimal(0)
    tenths, hundredths = (Decimal(_digit(found[name])) for name in ("tenths", "hundredths"))
    return None if whole is None else whole + tenths / 10 + hundredths / 100


def _digit(letter: str | None) -> int:
    return 0 if not letter or letter == "零" else int(letter) if letter.isdecimal() else ord(letter) - ord("a") + 1


def _number(plain: str, *, is_spoken: bool = True) -> Decimal | None:
    """Read a number; `is_spoken` allows a last digit without its unit (三十六万八)."""
    pointed = _POINT.fullmatch(plain)
    if pointed is not None:
        whole = _number(pointed["whole"], is_spoken=False)
        part = "".join(str(_digit(letter)) for letter in pointed["part"])
        return None if whole is None else (whole + Decimal(f"0.{part}")).scaleb(_POWER[pointed["unit"]])
    value = 0 if plain == "零" else _joined(plain, "亿", 8, is_spoken=is_spoken)
    return None if value is None else Decimal(value)


def _joined(plain: str, mark: str, power: int, *, is_spoken: bool) -> int | None:
    """Read what stands before and behind 亿, or before and behind 万."""
    head, found, tail = plain.rpartition(mark)
    if not found:
        return _below(tail, mark, is_spoken=is_spoken)
    high = _below(head, mark, is_spoken=False)
    if high is None or not tail:
        return None if high is None else high * 10**power
    if re.fullmatch("[1-9a-i]", tail):
        return high * 10**power + _digit(tail) * 10 ** (power - 1) if is_spoken else None
    low = _below(tail.removeprefix("零"), mark, is_spoken=is_spoken and not tail.startswith("零"))
    return high * 10**power + low if low is not None and _follows(tail, low, mark) else None


def _below(plain: str, mark: str, *, is_spoken: bool) -> int | None:
    return _joined(plain, "万", 4, is_spoken=is_spoken) if mark == "亿" else _section(plain, is_spoken=is_spoken)


def _follows(tail: str, low: int, mark: str) -> bool:
    """Whether what stands behind 亿 or 万 can mean one number only: 一亿二千 and 12万50 cannot."""
    if tail.isdecimal():
        return mark == "万" and len(tail) == 4
    return tail.startswith("零") or (low >= 1000 if mark == "万" else "万" in tail)


def _section(plain: str, *, is_spoken: bool) -> int | None:
    """Read what stands below one 万: up to four digits, or words with 千, 百 and 十."""
    if plain.isdecimal() and plain.isascii() and len(plain) <= 4:
        return int(plain)
    found = _SECTION.fullmatch(plain)
    if found is None or not plain or not _gaps_hold(found):
        return None
    thousands, hundreds, ones = (_digit(found[name]) for name in ("thousands", "hundreds", "ones"))
    tens = (_digit(found["tens"]) or 1) if found["ten"] else 0
    if ones and not (found["zero"] or found["ten"]) and (thousands or hundreds):  # 一千五 is 1,500
        return thousands * 1000 + hundreds * 100 + ones * (10 if hundreds else 100) if is_spoken else None
    return thousands * 1000 + hundreds * 100 + tens * 10 + ones


def _gaps_hold(found: re.Match[str]) -> bool:
    """Whether 零 stands where a digit is passed over, and only there; a 十 behind others says how many."""
    has_more = bool(found["thousands"] or found["hundreds"])
    is_passed = bool(found["thousands"]) and not found["hundreds"]
    if found["ten"]:
        return bool(found["gap"]) == is_passed and not found["zero"] and bool(found["tens"] or not has_more)
    return has_more or not found["zero"]

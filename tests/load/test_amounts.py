"""Amounts: a table of phrases written by hand, and properties against plain second computations."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from exports import outcome
from hypothesis import assume, example, given
from hypothesis import strategies as st

from salesiq.i18n import LANGUAGES, text
from salesiq.load.amounts import UNITS, Style, Unreadable, amount, number
from salesiq.load.chinese_numbers import chinese_number

TABLE = Path(__file__).with_name("phrases_amounts.toml")
STYLE_KEYS = ("decimal", "grouping", "currency", "rounds")


def phrases() -> Iterator[tuple[str, Style, Decimal | str]]:
    for part in tomllib.loads(TABLE.read_text(encoding="utf-8"))["style"]:
        style = Style(**{key: part[key] for key in STYLE_KEYS if key in part})
        for shown, value in part.get("read", {}).items():
            yield shown, style, Decimal(value)
        for reason, shown_ones in part.get("refused", {}).items():
            yield from ((shown, style, reason) for shown in shown_ones)


PHRASES = list(phrases())


def test_the_table_has_at_least_two_hundred_phrases() -> None:
    assert len({(shown, style) for shown, style, _ in PHRASES}) == len(PHRASES) >= 200


@pytest.mark.parametrize(("shown", "style", "expected"), PHRASES)
def test_a_phrase_is_read_exactly_or_refused_for_its_reason(shown: str, style: Style, expected: Decimal | str) -> None:
    assert outcome(lambda: amount(shown, style=style)) == expected


@pytest.mark.parametrize("reason", sorted({expected for *_, expected in PHRASES if isinstance(expected, str)}))
def test_every_reason_is_told_in_every_language(reason: str) -> None:
    assert len({text(f"load.{reason}", lang) for lang in LANGUAGES}) == len(LANGUAGES)


WAYS = ("plain", "grouped", "yen", "brackets", "trailing", "full width", "words")


@given(st.integers(-(10**17), 10**17), st.sampled_from(WAYS))
@example(-1, "words")
@example(10**17, "words")
@example(1000005, "words")
def test_every_way_of_writing_a_number_of_cents_gives_it_back(cents: int, way: str) -> None:
    assume(way != "words" or abs(cents) < 10**14)
    whole, part = divmod(abs(cents), 100)
    shown = f"{whole:,}.{part:02d}" if way == "grouped" else f"{whole}.{part:02d}"
    if way == "words":
        shown = formal(abs(cents))
    if cents < 0:
        shown = {"brackets": f"({shown})", "trailing": f"{shown}-", "words": f"负{shown}"}.get(way, f"-{shown}")
    if way == "full width":
        shown = shown.translate({code: code + 0xFEE0 for code in range(0x21, 0x7F)})
    assert amount(("¥" if way == "yen" else "") + shown) == Decimal(cents).scaleb(-2)


def formal(cents: int) -> str:
    """Write an amount as on a cheque, digit by digit: a second way, which shares nothing with the reader."""
    digits, places = "零壹贰叁肆伍陆柒捌玖", ["", "拾", "佰", "仟"]
    written, is_gap = "", False
    whole = str(cents // 100)
    for place, digit in zip(range(len(whole) - 1, -1, -1), whole, strict=True):
        if digit == "0":
            is_gap = bool(written)
        else:
            written += ("零" if is_gap else "") + digits[int(digit)] + places[place % 4]
            is_gap = False
        if place in (4, 8) and int(whole[: len(whole) - place][-4:]):
            written += {4: "万", 8: "亿"}[place]
    jiao, fen = divmod(cents % 100, 10)
    coins = (digits[jiao] + "角" if jiao else "") + (("零" if written and not jiao else "") + digits[fen] + "分" if fen else "")
    return (written or "零") + "元" + (coins or "整") if written or not coins else coins


@given(st.integers(1, 10**12 - 1))
def test_numbers_in_everyday_words_come_back(value: int) -> None:
    formal_digits = str.maketrans("零壹贰叁肆伍陆柒捌玖拾佰仟", "零一二三四五六七八九十百千")
    shown = formal(value * 100).removesuffix("元整").translate(formal_digits)
    assert chinese_number(shown) == value


@given(st.text("零一二三四五六七八九十百千万亿", min_size=1, max_size=8))
def test_a_number_in_words_that_is_read_is_written_like_that(shown: str) -> None:
    """Up to 零, which has its own rules, no other order or repetition of the words is taken for a number."""
    value = chinese_number(shown)
    if value is None or not 0 < value < 10**12 or shown[-1] in "一二三四五六七八九":
        return  # a spoken ending (三十六万八) is written differently
    digits = str.maketrans("零壹贰叁肆伍陆柒捌玖拾佰仟", "零一二三四五六七八九十百千")
    again = formal(int(value) * 100).removesuffix("元整").translate(digits)
    assert plainly(again) == plainly(shown)


def plainly(words: str) -> str:
    return words.replace("零", "").replace("一十", "十")


@given(st.integers(0, 10**15), st.sampled_from(sorted(unit for unit in UNITS if unit)))
def test_a_unit_shifts_the_point_and_nothing_else(cents: int, unit: str) -> None:
    shown = f"{Decimal(cents).scaleb(-2 - UNITS[unit]):f}"
    assert amount(shown, unit=unit) == Decimal(cents).scaleb(-2)


@pytest.mark.parametrize("shown", ["3万", "三万", "3 million"])
def test_a_unit_in_the_cell_and_in_the_header_is_refused(shown: str) -> None:
    with pytest.raises(Unreadable, match="unit_twice"):
        amount(shown, unit="万元")


@given(st.text(max_size=30), st.sampled_from([Style(), Style(",", "."), Style(currency="USD"), Style(grouping="indian")]))
def test_no_text_breaks_the_parser(shown: str, style: Style) -> None:
    found = outcome(lambda: amount(shown, style=style))
    if isinstance(found, Decimal):
        assert found == found.quantize(Decimal("0.01"))
    else:
        assert str(found).startswith("reason_amount")


@given(st.decimals(min_value=-(10**9), max_value=10**9, places=5))
def test_rounding_takes_half_a_cent_away_from_zero(value: Decimal) -> None:
    up = int(abs(value) * 100 + Decimal("0.5"))
    assert abs(amount(f"{value:f}", style=Style(rounds=True))) == Decimal(up).scaleb(-2)


@pytest.mark.parametrize(
    ("shown", "expected"), [("23.5%", 0.235), ("-4%", -0.04), ("130", 130.0), ("1,200.5", 1200.5), ("０．５", 0.5)]
)
def test_numbers_and_shares(shown: str, expected: float) -> None:
    assert number(shown) == expected


def test_a_decimal_comma_of_a_number_is_declared() -> None:
    assert number("1.200,5", Style(",", ".")) == 1200.5
    with pytest.raises(Unreadable, match="reason_number"):
        number("1.200,5")


@pytest.mark.parametrize("shown", ["nan", "inf", "1e3", "0x1", "1_0", "", "½", "12%%"])
def test_what_is_no_number_is_refused(shown: str) -> None:
    with pytest.raises(Unreadable, match="reason_number"):
        number(shown)

"""Numbers as a manager reads them: tables of cases, and properties that hold for every value."""

from __future__ import annotations

import math
import re
from datetime import date, datetime
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from salesiq.i18n import LANGUAGES, numbers

money = st.decimals(-(10**13), 10**13, places=2)
languages = st.sampled_from(["en", "zh"])


@pytest.mark.parametrize(
    ("value", "zh", "en"),
    [
        (0, "0元", "0"),
        (Decimal("0.50"), "0.5元", "0.5"),
        (12, "12元", "12"),
        (99.999, "100元", "100"),
        (800, "800元", "800"),
        (Decimal("999.50"), "1,000元", "1K"),
        (9_800, "9,800元", "9.8K"),
        (Decimal("9999.49"), "9,999元", "10K"),
        (Decimal("9999.50"), "1万", "10K"),
        (23_170, "2.32万", "23K"),
        (98_000, "9.8万", "98K"),
        (99_996, "10万", "100K"),
        (232_000, "23.2万", "232K"),
        (999_999, "100万", "1.0M"),
        (2_317_000, "232万", "2.3M"),
        (23_170_000, "2,317万", "23.2M"),
        (99_994_999, "9,999万", "100.0M"),
        (99_999_999, "1亿", "100.0M"),
        (300_000_000, "3亿", "300.0M"),
        (305_000_000, "3.05亿", "305.0M"),
        (320_000_000, "3.2亿", "320.0M"),
        (999_999_999, "10亿", "1.00B"),
        (3_050_000_000, "30.5亿", "3.05B"),
        (1_234_567_890_123, "12,345.68亿", "1,234.57B"),
    ],
)
def test_amount(value: numbers.Number, zh: str, en: str):
    assert (numbers.amount(value, "zh"), numbers.amount(value, "en")) == (zh, en)


@pytest.mark.parametrize("value", [None, math.nan, math.inf, Decimal("NaN"), Decimal("-Infinity"), np.float64("nan")])
@pytest.mark.parametrize("lang", LANGUAGES)
def test_missing_is_a_dash_and_never_a_zero(value, lang):
    for write in (numbers.amount, numbers.signed_amount, numbers.share, numbers.signed_share, numbers.days):
        assert write(value, lang) == "—"
    assert numbers.signed_days(value, lang) == numbers.count(value, lang) == "—"
    assert numbers.day(None, lang) == numbers.moment(None, lang) == "—"


@pytest.mark.parametrize(
    ("value", "lang", "expected"),
    [
        (2_317_000, "en", "CNY 2.3M"),
        (-2_317_000, "en", "−CNY 2.3M"),
        (2_317_000, "zh", "232万元"),
        (-9_800, "zh", "−9,800元"),
    ],
)
def test_currency(value: int, lang, expected: str):
    assert numbers.amount(value, lang, currency=True) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [(1_200_000, "+120万"), (-1_200_000, "−120万"), (0, "0元"), (Decimal("-0.001"), "0元"), (Decimal("-0.00"), "0元")],
)
def test_signed_amount(value: numbers.Number, expected: str):
    assert numbers.signed_amount(value, "zh") == expected


@pytest.mark.parametrize(
    ("value", "digits", "plain", "signed"),
    [
        (0.87, 0, "87%", "+87%"),
        (-0.1309, 1, "−13.1%", "−13.1%"),
        (0.285, 0, "29%", "+29%"),  # a float product would give 28.499999999999996
        (Decimal("0.005"), 0, "1%", "+1%"),
        (-0.0004, 1, "0.0%", "0.0%"),
        (12.5, 0, "1,250%", "+1,250%"),
        (1, 1, "100.0%", "+100.0%"),
    ],
)
def test_share(value: numbers.Number, digits: int, plain: str, signed: str):
    assert numbers.share(value, "en", digits) == numbers.share(value, "zh", digits) == plain
    assert numbers.signed_share(value, "en", digits) == signed


@pytest.mark.parametrize(
    ("value", "zh", "en"),
    [
        (12.5, "12.5 天", "12.5 days"),
        (1, "1 天", "1 day"),
        (0.96, "1 天", "1 day"),
        (-1, "−1 天", "−1 day"),
        (0, "0 天", "0 days"),
        (1200, "1,200 天", "1,200 days"),
    ],
)
def test_days(value: float, zh: str, en: str):
    assert (numbers.days(value, "zh"), numbers.days(value, "en")) == (zh, en)


def test_signed_days_and_count():
    assert numbers.signed_days(1, "en") == "+1 day"
    assert numbers.signed_days(-20, "zh") == "−20 天"
    assert numbers.days(10, "en", digits=0) == "10 days"
    assert numbers.count(np.int64(12_345), "en") == "12,345"


def test_day_and_moment():
    at = datetime(2026, 6, 30, 23, 59, 59, 999999)
    assert (numbers.moment(at, "en"), numbers.moment(at, "zh")) == ("30 Jun 2026, 23:59", "2026年6月30日 23:59")
    assert (numbers.day(at, "en"), numbers.day(date(2026, 12, 1), "zh")) == ("30 Jun 2026", "2026年12月1日")


def test_a_wide_decimal_keeps_every_digit():
    wide = Decimal("123456789012345678901234567890123456.78")
    assert numbers.count(wide, "en").replace(",", "") == "123456789012345678901234567890123457"
    assert numbers.amount(wide, "zh") == "1,234,567,890,123,456,789,012,345,678.9亿"
    assert numbers.amount(1.7e308, "en").endswith("B")


def read_back(words: str) -> Decimal:
    found = re.fullmatch(r"(−?)([0-9,]+(?:\.[0-9]+)?)(亿|万|元|B|M|K|)", words)
    assert found, words
    unit = {"亿": 10**8, "万": 10**4, "B": 10**9, "M": 10**6, "K": 10**3}.get(found[3], 1)
    return Decimal(found[2].replace(",", "")) * unit * (-1 if found[1] else 1)


@given(money, languages)
def test_amount_reads_back_within_its_rounding(value: Decimal, lang):
    error = abs(read_back(numbers.amount(value, lang)) - value)
    assert error <= max(abs(value) * Decimal("0.05"), Decimal("0.5"))
    assert numbers.amount(-value, lang).lstrip("−") == numbers.amount(value, lang).lstrip("−")


@given(money, money, languages)
def test_amount_keeps_the_order(a: Decimal, b: Decimal, lang):
    small, large = sorted((a, b))
    assert read_back(numbers.amount(small, lang)) <= read_back(numbers.amount(large, lang))

from __future__ import annotations

from decimal import Decimal

import pytest
from exports import outcome
from hypothesis import given
from hypothesis import strategies as st

from salesiq.load.amounts import UNITS, Unreadable, amount, number

READ = {
    "0": "0",
    "1234.5": "1234.50",
    "1,234.50": "1234.50",
    "12,345,678.90": "12345678.90",
    "￥1,234": "1234",
    "¥ 1,234.5": "1234.50",
    "CNY 88": "88",
    "RMB88.10": "88.10",
    "1234元": "1234",
    "１，２３４．５０": "1234.50",
    "\u00a01,234.50\u00a0": "1234.50",
    "\u30001234\u3000": "1234",
    "(5.00)": "-5",
    "（1,000）": "-1000",
    "5-": "-5",
    "-5": "-5",
    "−5": "-5",
    "＋5": "5",
    "¥-5": "-5",
    "-¥5": "-5",
    "232万": "2320000",
    "232万元": "2320000",
    "3.2亿": "320000000",
    "3.05 亿元": "305000000",
    "2.78亿": "278000000",
    "12.345678万": "123456.78",
    "5千": "5000",
    "1百万": "1000000",
    "2千万": "20000000",
    "1.50000": "1.50",
    "0.00000001亿": "1",
    "9999999999999999.99": "9999999999999999.99",
    "00123": "123",
    "-0": "0",
}
REFUSED = {
    "": "reason_amount",
    "-": "reason_amount",
    "NaN": "reason_amount",
    "nan": "reason_amount",
    "inf": "reason_amount",
    "-inf": "reason_amount",
    "#N/A": "reason_amount",
    "1e3": "reason_amount",
    "1E5": "reason_amount",
    "0x10": "reason_amount",
    "1_000": "reason_amount",
    "1.200,50": "reason_amount",
    "1,23": "reason_amount",
    "1,2345": "reason_amount",
    "12,34,567": "reason_amount",
    "$5": "reason_amount",
    "USD 5": "reason_amount",
    "5 USD": "reason_amount",
    "€5": "reason_amount",
    "(5": "reason_amount",
    "5)": "reason_amount",
    "(-5)": "reason_amount",
    "--5": "reason_amount",
    "+-5": "reason_amount",
    "-5-": "reason_amount",
    "1 234": "reason_amount",
    "1.2.3": "reason_amount",
    ".5": "reason_amount",
    "5.": "reason_amount",
    "五万": "reason_amount",
    "1亿2千万": "reason_amount",
    "232万万": "reason_amount",
    "abc": "reason_amount",
    "٣": "reason_amount",
    "1200.505": "reason_amount_decimals",
    "0.0000001万": "reason_amount_decimals",
    "12345678901234567": "reason_amount_range",
    "99999999999亿": "reason_amount_range",
    "9" * 70: "reason_amount",
}


@pytest.mark.parametrize(("text", "expected"), READ.items())
def test_amounts_are_read_exactly(text: str, expected: str) -> None:
    assert amount(text) == Decimal(expected)


@pytest.mark.parametrize(("text", "reason"), REFUSED.items())
def test_what_is_no_plain_amount_is_refused(text: str, reason: str) -> None:
    with pytest.raises(Unreadable, match=f"^{reason}$"):
        amount(text)


@given(st.integers(-(10**17), 10**17), st.sampled_from(["plain", "grouped", "yen", "brackets", "trailing"]))
def test_every_way_of_writing_a_number_of_cents_gives_it_back(cents: int, way: str) -> None:
    whole, part = divmod(abs(cents), 100)
    shown = f"{whole:,}.{part:02d}" if way == "grouped" else f"{whole}.{part:02d}"
    if cents < 0:
        shown = {"brackets": f"({shown})", "trailing": f"{shown}-"}.get(way, f"-{shown}")
    value = amount(("¥" if way == "yen" else "") + shown)
    assert value == Decimal(cents).scaleb(-2)


@given(st.integers(0, 10**15), st.sampled_from(sorted(unit for unit in UNITS if unit)))
def test_a_unit_shifts_the_point_and_nothing_else(cents: int, unit: str) -> None:
    shown = f"{Decimal(cents).scaleb(-2 - UNITS[unit]):f}"
    assert amount(shown, unit=unit) == Decimal(cents).scaleb(-2)


def test_a_unit_in_the_cell_and_in_the_header_is_refused() -> None:
    with pytest.raises(Unreadable, match="unit_twice"):
        amount("3万", unit="万元")


@given(st.text(max_size=30))
def test_no_text_breaks_the_parser(text: str) -> None:
    found = outcome(lambda: amount(text))
    if isinstance(found, Decimal):
        assert found == found.quantize(Decimal("0.01"))
        assert any(character.isdigit() for character in text)
    else:
        assert str(found).startswith("reason_amount")


@pytest.mark.parametrize(
    ("text", "expected"), [("23.5%", 0.235), ("-4%", -0.04), ("130", 130.0), ("1,200.5", 1200.5), ("０．５", 0.5)]
)
def test_numbers_and_shares(text: str, expected: float) -> None:
    assert number(text) == expected


@pytest.mark.parametrize("text", ["nan", "inf", "1e3", "0x1", "1_0", "", "½", "12%%"])
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(Unreadable, match="reason_number"):
        number(text)

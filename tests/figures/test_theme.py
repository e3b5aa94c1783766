"""The house style: axes of money, names that cannot act as markup, no way out for data."""

from __future__ import annotations

import html
import itertools
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salesiq.figures.theme import CONFIG, amount_ticks, figure, numbered, safe, short


def test_no_button_that_sends_data_away():
    assert CONFIG["showSendToCloud"] is False
    assert CONFIG["displayModeBar"] is False
    assert "plotlyServerURL" not in CONFIG


@given(st.floats(-1e10, 1e10), st.floats(1.0, 1e10))
def test_ticks_of_money_lie_in_the_axis_at_equal_steps(low: float, span: float):
    values = amount_ticks(low, low + span, "zh")["tickvals"]
    slack = 1e-6 * max(abs(low), span)
    assert all(low - slack <= value <= low + span + slack for value in values)
    steps = {round(b - a, 4) for a, b in itertools.pairwise(values)}
    assert len(steps) <= 1 or max(steps) - min(steps) < slack + 1e-3
    assert 1 <= len(values) <= 6


@pytest.mark.parametrize(
    ("low", "high", "lang", "expected"),
    [
        (275e6, 322e6, "zh", ["2.8亿", "3亿", "3.2亿"]),
        (275e6, 322e6, "en", ["280M", "300M", "320M"]),
        (0, 90_000, "zh", ["0", "2.5万", "5万", "7.5万"]),
        (-2e6, 2e6, "en", ["−2M", "−1M", "0", "1M", "2M"]),
        (0, 10_500_000, "en", ["0", "5M", "10M"]),
        (940e6, 1_060e6, "en", ["0.95B", "1B", "1.05B"]),
        (900_000, 1_800_000, "en", ["1M", "1.25M", "1.5M", "1.75M"]),
        (940e6, 1_060e6, "zh", ["9.5亿", "10亿", "10.5亿"]),
    ],
)
def test_ticks_of_money_are_round_numbers_in_the_language(low: float, high: float, lang: str, expected: list[str]):
    assert amount_ticks(low, high, lang)["ticktext"] == expected  # type: ignore[arg-type]


@given(st.floats(-1e10, 1e10), st.floats(1.0, 1e10), st.sampled_from(["zh", "en"]))
def test_a_tick_of_money_says_its_value(low: float, span: float, lang: str):
    units = {"亿": 1e8, "万": 1e4, "元": 1, "B": 1e9, "M": 1e6, "K": 1e3}
    ticks = amount_ticks(low, low + span, lang)  # type: ignore[arg-type]
    for value, words in zip(ticks["tickvals"], ticks["ticktext"], strict=True):
        number = float(words.rstrip("亿万元BMK").replace(",", "").replace("\u2212", "-"))
        # four decimals of the axis' unit: enough unless the axis is a tiny window far from zero
        unit = units.get(words[-1], 1)
        assert abs(number * unit - value) <= 0.51e-4 * unit + 1e-6


@given(st.text())
def test_safe_text_holds_no_markup_and_says_the_same(words: str):
    assert "<" not in safe(words)
    assert html.unescape(safe(words)) == html.unescape(html.unescape(html.escape(words, quote=False)))


def test_short_names_are_cut_before_they_are_made_safe():
    assert short("<b>" + "长" * 20, 10) == "&lt;b&gt;长长…"
    assert short("abc", 2) == "a…"


def test_equal_and_number_like_names_stay_rows_of_their_own():
    axis = numbered(["2026", "2026", "甲"], 10)
    assert axis["tickvals"] == [0, 1, 2]
    assert axis["ticktext"] == ["2026", "2026", "甲"]


def test_a_figure_asks_for_the_system_fonts_in_order():
    made = figure([], height=100)
    assert made.layout.template.layout.font.family.startswith('"PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC"')
    assert made.layout.height == Decimal(100)

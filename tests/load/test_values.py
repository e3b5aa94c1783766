from __future__ import annotations

import datetime as dt
from decimal import Decimal

import polars as pl
import pytest
from exports import outcome
from hypothesis import given, settings
from hypothesis import strategies as st

from salesiq.load.amounts import amount
from salesiq.load.mapping import Column
from salesiq.load.moments import moment
from salesiq.load.values import Parsed, clean, parse

ZONE = "Asia/Shanghai"
MONEY, MOMENT = pl.Decimal(18, 2), pl.Datetime("us")


def read(cells: list[object], dtype: object, **spec: object) -> Parsed:
    column = Column("x", ("x",), **spec)  # type: ignore[arg-type]
    return parse(pl.Series(cells), dtype, column, ZONE)  # type: ignore[arg-type]


def test_fast_and_careful_ways_meet_in_one_column() -> None:
    found = read(["1,234.50", "3.2亿", "5", None, "", "1e3"], MONEY)
    assert found.values.to_list() == [Decimal("1234.50"), Decimal(320000000), Decimal(5), None, None, None]
    assert found.reasons.to_list() == [None] * 5 + ["reason_amount"]


@settings(max_examples=60)
@given(st.lists(st.one_of(st.from_regex(r"-?[0-9,]{1,12}(\.[0-9]{1,7})?", fullmatch=True), st.text(max_size=8)), min_size=1))
@pytest.mark.parametrize("unit", ["元", "万元"])
def test_a_column_of_amounts_reads_as_its_values_do(unit: str, texts: list[str]) -> None:
    found = read(list(texts), MONEY, unit=unit)
    for text, value, reason in zip(clean(pl.Series(texts)), found.values, found.reasons, strict=True):
        expected = None if text is None else outcome(lambda text=text: amount(text, unit))
        assert (reason or value) == expected


@settings(max_examples=60)
@given(
    st.lists(
        st.from_regex(
            r"(19|20|21)[0-9]{2}[-/][0-1]?[0-9][-/][0-3]?[0-9]( [0-2][0-9]:[0-6][0-9](:[0-5][0-9])?)?", fullmatch=True
        )
    )
)
def test_a_column_of_moments_reads_as_its_values_do(texts: list[str]) -> None:
    found = parse(pl.Series(texts, dtype=pl.String), MOMENT, Column("x", ("x",)), ZONE)
    for text, value, reason in zip(texts, found.values, found.reasons, strict=True):
        assert (reason or value) == outcome(lambda text=text: moment(text))


def test_units_are_exact() -> None:
    found = read(["12.345678", "1,234.5", "0.000001"], MONEY, unit="万元")
    assert found.values.to_list() == [Decimal("123456.78"), Decimal(12345000), Decimal("0.01")]


def test_days_from_workbook_cells_and_moments() -> None:
    assert read(["2026-01-03 00:00:00", "2026-01-03"], pl.Date).values.to_list() == [dt.date(2026, 1, 3)] * 2
    assert read(["2026-01-03 14:05:06"], MOMENT).values.to_list() == [dt.datetime(2026, 1, 3, 14, 5, 6)]


def test_a_format_of_the_mapping_wins_for_whole_columns() -> None:
    found = read(["03/04/2026", "13/04/2026", "2026-05-06"], pl.Date, formats=("%d/%m/%Y",))
    assert found.values.to_list() == [dt.date(2026, 4, 3), dt.date(2026, 4, 13), dt.date(2026, 5, 6)]


def test_booleans() -> None:
    assert read(["是", "否", "Y", "no", "TRUE", "0", "maybe"], pl.Boolean).values.to_list() == [
        True, False, True, False, True, False, None,
    ]  # fmt: skip


def test_integers_stay_whole() -> None:
    found = read(["3", "4.0", "4.5", "1e3", "1_0"], pl.Int64)
    assert found.values.to_list() == [3, 4, None, None, None]


def test_ids_stay_text() -> None:
    ids = ["00123", "1E5", "123456789012345678", "NA", "null"]
    assert read(list(ids), pl.String).values.to_list() == ids


def test_pseudo_nulls_only_where_named() -> None:
    assert read(["-", "Select", "x"], pl.String).values.to_list() == ["-", "Select", "x"]
    assert read(["-", "Select", "x"], pl.String, null_values=("-", "Select")).values.to_list() == [None, None, "x"]


def test_values_are_mapped_after_trimming() -> None:
    assert read([" GTXPro ", "GTX Basic"], pl.String, values={"GTXPro": "GTX Pro"}).values.to_list() == ["GTX Pro", "GTX Basic"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a\x00b", "reason_control_character"),
        ("a\x1bb", "reason_control_character"),
        ("锟斤拷", "reason_text_lost"),
        ("a\ufffd", "reason_text_lost"),
    ],
)
def test_damaged_text_is_refused(text: str, reason: str) -> None:
    assert read([text, "fine"], pl.String).reasons.to_list() == [reason, None]


def test_hostile_text_is_text() -> None:
    names = ["<script>alert(1)</script>", "=cmd|' /C calc'!A0", "'; DROP TABLE deals; --", "line\nbreak\ttab"]
    found = read(list(names), pl.String)
    assert (found.values.to_list(), found.reasons.null_count()) == (names, 4)


def test_typed_columns_keep_what_is_sound() -> None:
    floats = parse(pl.Series([1.5, float("nan"), float("inf"), None]), pl.Float64(), Column("x", ()), ZONE)
    assert floats.reasons.to_list() == [None, "reason_number", "reason_number", None]
    amounts = parse(pl.Series([0.1, 1200.505]), MONEY, Column("x", ()), ZONE)
    assert (amounts.values[0], amounts.reasons[1]) == (Decimal("0.10"), "reason_amount_decimals")
    aware = pl.Series([dt.datetime(2026, 1, 2, 18, 30)]).dt.replace_time_zone("UTC")
    assert parse(aware, MOMENT, Column("x", ()), ZONE).values.to_list() == [dt.datetime(2026, 1, 3, 2, 30)]
    old = parse(pl.Series([dt.date(1970, 1, 1)]), pl.Date(), Column("x", ()), ZONE)
    assert old.reasons.to_list() == ["reason_date_year"]

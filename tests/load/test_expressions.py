from __future__ import annotations

import datetime as dt
from contextlib import suppress
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from salesiq.errors import UsageError
from salesiq.load.calculation import as_text, calculate
from salesiq.load.expressions import FUNCTIONS, parse_expression

ZONE = "Asia/Shanghai"


def reckon(text: str, **cells: list[str | None]) -> tuple[list[str | None], list[str | None]]:
    """Calculate an expression over the given cells: the texts that come out, and the reasons."""
    frame = {name: pl.Series(values, dtype=pl.String) for name, values in cells.items()}
    height = max((len(column) for column in frame.values()), default=1)
    found = calculate(parse_expression(text, "own.toml", "derived.x"), frame.get, height, ZONE)
    return as_text(found.values).to_list(), found.reasons.to_list()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("coalesce(a, b)", ["A", "y", None]),
        ("coalesce(absent, b)", [None, "y", None]),
        ("coalesce(a, b, '无')", ["A", "y", "无"]),
        ("concat(a, ' ', b)", ["A", "y", None]),
        ("concat(a, '-', n)", ["A-1.50", "-2", "-"]),
        ("if(a = 'A', 'won', 'lost')", ["won", "lost", "lost"]),
        ("if(n > 1.7, n, 0)", ["0", "2", "0"]),
        ("lower(a)", ["a", None, None]),
        ("upper(b)", [None, "Y", None]),
        ("replace(a, 'A', '.*')", [".*", None, None]),
        ("replace('a.c', '.', '-')", ["a-c", "a-c", "a-c"]),
        ("substr('北京-海淀', 4)", ["海淀", "海淀", "海淀"]),
        ("substr('北京-海淀', 1, 2)", ["北京", "北京", "北京"]),
        ("null_if(a, 'A', 'B')", [None, None, None]),
        ("is_empty(a)", ["false", "true", "true"]),
        ("not is_empty(a) and n = 1.5", ["true", "false", "false"]),
        ("a in ('A', 'B')", ["true", None, None]),
        ("n in (2, 3)", ["false", "true", None]),
        ("n * 2 - 1", ["2", "3", None]),
        ("-n + 10 / 4", ["1", "0.5", None]),
        ("1 + 2 * 3 - (4 - 1)", ["4", "4", "4"]),
        ("round(n / 7, 2)", ["0.21", "0.29", None]),
        ("abs(-n)", ["1.5", "2", None]),
        ("contains(lower(a), 'a')", ["true", None, None]),
        ("starts_with(concat(a, b), 'y')", ["false", "true", None]),
        ("'it''s'", ["it's", "it's", "it's"]),
        ("true or n > 5", ["true", "true", "true"]),
        ("NOT (a = 'A')", ["false", None, None]),
    ],
)
def test_what_expressions_give(text: str, expected: list[str | None]) -> None:
    values, reasons = reckon(text, a=["A", None, None], b=[None, "y", None], n=["1.50", "2", None])
    assert (values, reasons) == (expected, [None, None, None])


def test_dates_and_their_parts() -> None:
    when: list[str | None] = ["26-02-2018 19:58", "01-11-2018 00:00", None]
    form = "%d-%m-%Y %H:%M"
    assert reckon(f"date(d, '{form}')", d=when)[0] == ["2018-02-26 19:58:00", "2018-11-01 00:00:00", None]
    quarters = reckon(f"concat(year(date(d, '{form}')), '-Q', quarter(date(d, '{form}')))", d=when)[0]
    assert quarters == ["2018-Q1", "2018-Q4", "-Q"]
    assert reckon("month(d) * 100 + day(d)", d=["2026-03-09", "2026年12月31日"])[0] == ["309", "1231"]


def test_days_are_compared_as_days_where_one_side_is_one() -> None:
    assert reckon("date(d) >= '2026-03-01'", d=["2026-02-28", "2026/3/1", None])[0] == ["false", "true", None]


def test_yes_and_no_in_the_words_of_exports() -> None:
    values, reasons = reckon("is_true(x)", x=["TRUE", "false", "是", "否", "1", "0", None, "perhaps"])
    assert values == ["true", "false", "true", "false", "true", "false", None, None]
    assert reasons == [None] * 7 + ["reason_expression_truth"]


def test_a_row_that_cannot_be_calculated_says_why() -> None:
    values, reasons = reckon("price / n", price=["9", "x", "9", "1e9"], n=["2", "2", "0", "2"])
    assert values == ["4.5", None, None, None]
    assert reasons == [None, "reason_expression_number", "reason_expression_zero", "reason_expression_number"]
    assert reckon("year(d)", d=["03/04/2026"])[1] == ["reason_expression_day"]


def test_only_the_branch_that_is_taken_can_be_at_fault() -> None:
    values, reasons = reckon("if(kind = 'n', number(x), 0)", kind=["n", "t", "n"], x=["5", "abc", "abc"])
    assert (values, reasons) == (["5", "0", None], [None, None, "reason_expression_number"])
    assert reckon("coalesce(a, number(x))", a=["1", None], x=["abc", "abc"])[1] == [None, "reason_expression_number"]


def test_amounts_as_people_write_them_are_numbers() -> None:
    assert reckon("a + 0", a=["1,234.50", "￥5", "3万", "(2.50)"])[0] == ["1234.5", "5", "30000", "-2.5"]


def test_results_too_large_are_faults_of_their_row() -> None:
    values, reasons = reckon("a * a", a=["999999999999999", "3"])
    assert (values, reasons) == ([None, "9"], ["reason_expression_range", None])


cents = st.decimals(min_value=-(10**9), max_value=10**9, places=4)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.tuples(cents, cents, st.integers(0, 100)), min_size=1, max_size=20))
def test_arithmetic_is_exact(rows: list[tuple[Decimal, Decimal, int]]) -> None:
    cells = {name: [str(row[at]) for row in rows] for at, name in enumerate(("price", "more", "share"))}
    values, reasons = reckon("(price + more) * share / 100 - price", **cells)
    expected = [(Fraction(a) + Fraction(b)) * n / 100 - Fraction(a) for a, b, n in rows]
    assert reasons == [None] * len(rows)
    assert [Fraction(value or "x") for value in values] == expected


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(cents, min_size=1, max_size=20))
def test_rounding_is_that_of_trade(values: list[Decimal]) -> None:
    found, _ = reckon("round(x, 2)", x=[str(value) for value in values])
    assert [Decimal(value or "x") for value in found] == [value.quantize(Decimal("0.01"), ROUND_HALF_UP) for value in values]


HOSTILE = [
    "__import__('os').system('true')",
    "().__class__.__bases__[0]",
    "a.b",
    "a[0]",
    "lambda: 1",
    "(lambda x: x)(1)",
    "exec('1')",
    "eval('1')",
    "open('/etc/passwd')",
    "read_csv('/etc/passwd')",
    "getenv('HOME')",
    "a; DROP TABLE deals",
    "1 UNION SELECT * FROM loads",
    "(SELECT 1)",
    "a := 1",
    "a = b = c = 'x",
    "{a}",
    "a if b else c",
    "f'{a}'",
    "a ** 9",
    "a % 2",
    "a @ b",
    "a\x00b",
    "9" * 5_000,
    "(" * 60 + "a" + ")" * 60,
    "lower(" * 100 + "a" + ")" * 100,
    "+".join(["a"] * 400),
    "not " * 800 + "true",
    "-" * 1_000 + "1",
    "in in in",
    "and",
    "a in ()",
    "a in (",
    "coalesce(",
    "coalesce()",
    "coalesce(a,)",
    "substr(a, b)",
    "substr(a, 1.5)",
    "replace(a, b, c)",
    "round(a, null)",
    "",
    "   ",
    "'a' * 2",
    "a < b",
    "true + 1",
    "if(a, 1, 2)",
    "1 2",
    "0x10",
    "1e5",
    "1_000",
]


@pytest.mark.fault(68)
@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_what_the_language_does_not_have_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"own\.toml.*derived\.x") as caught:
        parse_expression(text, "own.toml", "derived.x")
    assert caught.value.exit_code == 2
    assert "derived.x" in caught.value.message("zh")


@pytest.mark.fault(68)
@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.text(alphabet=st.sampled_from("ab1.'\"[](),+-*/=<> \n或andornt_"), max_size=60))
def test_any_text_is_an_expression_or_a_clear_refusal(text: str) -> None:
    with suppress(UsageError):
        found = parse_expression(text, "own.toml", "derived.x")
        assert len(calculate(found, {name: pl.Series(["1", None]) for name in found.named}.get, 2, ZONE).values) == 2


def test_the_nearest_function_is_named() -> None:
    with pytest.raises(UsageError, match="calls coalese, which there is not; the nearest is coalesce") as caught:
        parse_expression("coalese(a)", "own.toml", "derived.x")
    assert "round" in str(caught.value)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_calculates(name: str) -> None:
    function = FUNCTIONS[name]
    written = {"text": "'2'", "number": "2", "truth": "true", "day": "date('2026-01-03')", None: "'2'"}
    given_kinds = [function.takes[min(at, len(function.takes) - 1)] for at in range(function.least)]
    values, reasons = reckon(f"{name}({', '.join(written[kind] for kind in given_kinds)})")
    if name not in ("is_true", "date"):  # '2' is neither a yes nor a day
        assert reasons == [None]
        assert (values[0] is None) == (name == "null_if")


def test_headers_with_other_signs() -> None:
    found = parse_expression('concat([Order ID], "金额（元）", 客户名称)', "own.toml", "derived.x")
    assert found.named == ("Order ID", "金额（元）", "客户名称")
    assert found.needed == set(found.named)
    assert parse_expression("concat(a, coalesce(b, c))", "own.toml", "x").needed == {"a"}


def test_a_moment_of_another_zone_is_turned() -> None:
    expected = dt.datetime(2026, 1, 3, 2, 30).isoformat(" ")
    assert reckon("date(d)", d=["2026-01-02T18:30:00Z"])[0] == [expected]

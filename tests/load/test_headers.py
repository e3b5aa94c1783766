from __future__ import annotations

import pytest

from salesiq.load.batches import Record
from salesiq.load.headers import bind, fits, unit_of
from salesiq.load.mapping import Column, Entry


def head(*rows: str) -> list[Record]:
    return [Record(line, line + 1, tuple(row.split(","))) for line, row in enumerate(rows, 1)]


ENTRY = Entry(
    ("*",), "deals", (Column("deal_id", ("商机编号", "Deal ID")), Column("amount", ("金额",)), Column("name", ("名称",)))
)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("金额(元)", ("金额", "元")),
        ("金额(万元)", ("金额", "万元")),
        ("金额[单位:万元]", ("金额", "万元")),
        ("金额/万元", ("金额", "万元")),
        ("金额(人民币万元)", ("金额", "万元")),
        ("金额(亿)", ("金额", "亿元")),
        ("元", ("元", None)),
        ("单元", ("单元", None)),
        ("名称(中文)", ("名称(中文)", None)),
    ],
)
def test_units_of_headers(header: str, expected: tuple[str, str | None]) -> None:
    assert unit_of(header) == expected


def test_columns_are_found_by_name_in_any_order() -> None:
    binding = bind(head("x,deal  id,金额（元）"), ENTRY, "f.csv")
    assert [(item.column.name, item.place) for item in binding.columns] == [("deal_id", 1), ("amount", 2)]
    assert (binding.missing, binding.extra) == (("name",), ("x",))


def test_the_header_that_names_most_wins_and_the_first_of_equals() -> None:
    binding = bind(head("标题,,", "商机编号,金额,", "商机编号,金额,名称", "商机编号,金额,名称"), ENTRY, "f.csv")
    assert binding.header.line == 3


def test_a_file_that_lacks_what_is_required_does_not_fit() -> None:
    assert fits(head("金额,名称"), ENTRY) == 0
    assert fits(head("Deal ID,名称"), ENTRY) == 2

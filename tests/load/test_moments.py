from __future__ import annotations

import datetime as dt

import pytest
from exports import outcome
from hypothesis import given
from hypothesis import strategies as st

from salesiq.load.amounts import Unreadable
from salesiq.load.moments import moment

READ = {
    "2026-01-03": (2026, 1, 3),
    "2026-1-3": (2026, 1, 3),
    "2026/1/3": (2026, 1, 3),
    "2026/01/03": (2026, 1, 3),
    "2026.01.03": (2026, 1, 3),
    "2026年1月3日": (2026, 1, 3),
    "2026 年 01 月 03 日": (2026, 1, 3),
    "２０２６－０１－０３": (2026, 1, 3),
    "2026-01-03 14:05": (2026, 1, 3, 14, 5),
    "2026-01-03 14:05:06": (2026, 1, 3, 14, 5, 6),
    "2026-01-03T14:05:06": (2026, 1, 3, 14, 5, 6),
    "2026-01-03 14:05:06.5": (2026, 1, 3, 14, 5, 6, 500000),
    "2026/1/3 4:05": (2026, 1, 3, 4, 5),
    "2026年1月3日 14时05分": (2026, 1, 3, 14, 5),
    "2026年1月3日14:05": (2026, 1, 3, 14, 5),
    "2026-01-03 00:00:00": (2026, 1, 3),
    "2026-01-02T18:30:00Z": (2026, 1, 3, 2, 30),
    "2026-01-03T02:30:00+08:00": (2026, 1, 3, 2, 30),
    "2026-01-02T13:30:00-0500": (2026, 1, 3, 2, 30),
    "2024-02-29": (2024, 2, 29),
}
REFUSED = {
    "03/04/2026": "reason_date_order",
    "3-4-2026": "reason_date_order",
    "13/04/2026": "reason_date_order",
    "03/04/26": "reason_date_order",
    "26-02-2018 19:58": "reason_date_order",
    "2026-02-30": "reason_date_impossible",
    "2026-13-01": "reason_date_impossible",
    "0000-00-00": "reason_date_impossible",
    "1900-01-00": "reason_date_impossible",
    "2025-02-29": "reason_date_impossible",
    "2026-01-03 24:00:00": "reason_date_impossible",
    "2026-01-03 14:60": "reason_date_impossible",
    "1989-12-31": "reason_date_year",
    "2101-01-01": "reason_date_year",
    "0026-01-03": "reason_date_year",
    "46083": "reason_date",
    "20260103": "reason_date",
    "2026-01": "reason_date",
    "2026-01/03": "reason_date",
    "2026-01-03x": "reason_date",
    "yesterday": "reason_date",
    "Jan 3 2026": "reason_date",
    "": "reason_date",
    "-": "reason_date",
}


@pytest.mark.parametrize(("text", "expected"), READ.items())
def test_one_meaning_is_read(text: str, expected: tuple[int, ...]) -> None:
    assert moment(text) == dt.datetime(*expected)  # type: ignore[arg-type]


@pytest.mark.parametrize(("text", "reason"), REFUSED.items())
def test_no_meaning_or_two_are_refused(text: str, reason: str) -> None:
    with pytest.raises(Unreadable, match=f"^{reason}$"):
        moment(text)


def test_the_mapping_says_which_comes_first() -> None:
    assert moment("03/04/2026", formats=["%d/%m/%Y"]) == dt.datetime(2026, 4, 3)
    assert moment("03/04/2026", formats=["%m/%d/%Y"]) == dt.datetime(2026, 3, 4)
    with pytest.raises(Unreadable, match="reason_date_order"):
        moment("31/04/2026", formats=["%d/%m/%Y"])


@given(
    st.datetimes(dt.datetime(1990, 1, 1), dt.datetime(2100, 12, 31)),
    st.sampled_from(["%Y-%m-%d %H:%M:%S.%f", "%Y/%m/%d %H:%M:%S.%f", "%Y年%m月%d日 %H:%M:%S.%f", "%Y-%m-%dT%H:%M:%S.%f"]),
)
def test_every_moment_comes_back(told: dt.datetime, form: str) -> None:
    assert moment(told.strftime(form)) == told


@given(st.text(max_size=30))
def test_no_text_breaks_the_parser(text: str) -> None:
    found = outcome(lambda: moment(text))
    if isinstance(found, dt.datetime):
        assert 1990 <= found.year <= 2100
    else:
        assert str(found).startswith("reason_date")

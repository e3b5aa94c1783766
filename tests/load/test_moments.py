"""Dates and times: a table of phrases written by hand, and properties against plain second computations."""

from __future__ import annotations

import datetime as dt
import tomllib
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from exports import outcome
from hypothesis import assume, given
from hypothesis import strategies as st

from salesiq.i18n import LANGUAGES, text
from salesiq.load.amounts import Unreadable
from salesiq.load.moments import moment

TABLE = Path(__file__).with_name("phrases_dates.toml")


def phrases() -> Iterator[tuple[str, tuple[str, ...], dt.datetime | str]]:
    for part in tomllib.loads(TABLE.read_text(encoding="utf-8"))["form"]:
        formats = tuple(part.get("formats", ()))
        for shown, value in part.get("read", {}).items():
            yield shown, formats, dt.datetime.fromisoformat(value)
        for reason, shown_ones in part.get("refused", {}).items():
            yield from ((shown, formats, reason) for shown in shown_ones)


PHRASES = list(phrases())


def test_the_table_has_at_least_two_hundred_phrases() -> None:
    assert len({(shown, formats) for shown, formats, _ in PHRASES}) == len(PHRASES) >= 200


@pytest.mark.parametrize(("shown", "formats", "expected"), PHRASES)
def test_a_phrase_has_one_meaning_or_is_refused_for_its_reason(
    shown: str, formats: tuple[str, ...], expected: dt.datetime | str
) -> None:
    assert outcome(lambda: moment(shown, formats)) == expected


@pytest.mark.parametrize("reason", sorted({expected for *_, expected in PHRASES if isinstance(expected, str)}))
def test_every_reason_is_told_in_every_language(reason: str) -> None:
    assert len({text(f"load.{reason}", lang) for lang in LANGUAGES}) == len(LANGUAGES)


def test_the_mapping_says_which_comes_first() -> None:
    assert moment("03/04/2026", formats=["%d/%m/%Y"]) == dt.datetime(2026, 4, 3)
    assert moment("03/04/2026", formats=["%m/%d/%Y"]) == dt.datetime(2026, 3, 4)
    with pytest.raises(Unreadable, match="reason_date_order"):
        moment("31/04/2026", formats=["%d/%m/%Y"])


MOMENTS = st.datetimes(dt.datetime(1990, 1, 1), dt.datetime(2100, 12, 31))
FORMS = (
    *("%Y-%m-%d %H:%M:%S.%f", "%Y/%m/%d %H:%M:%S.%f", "%Y年%m月%d日 %H:%M:%S.%f", "%Y-%m-%dT%H:%M:%S.%f"),
    *("%Y年%m月%d日%H时%M分%S.%f秒", "%d %b %Y %H:%M:%S.%f", "%B %d, %Y %H:%M:%S.%f", "%a, %d %b %Y %H:%M:%S.%f"),
)


@given(MOMENTS, st.sampled_from(FORMS))
def test_every_moment_comes_back(told: dt.datetime, form: str) -> None:
    assert moment(told.strftime(form)) == told


@given(MOMENTS)
def test_half_days_come_back_in_english_and_chinese(told: dt.datetime) -> None:
    told = told.replace(second=0, microsecond=0)
    word = "上午" if told.hour < 12 else "下午"
    assert moment(told.strftime("%Y-%m-%d %I:%M %p")) == told
    assert moment(told.strftime(f"%Y年%m月%d日 {word}%I:%M")) == told


@given(MOMENTS, st.integers(-14 * 4, 14 * 4))
def test_an_offset_is_moved_to_the_companys_zone(told: dt.datetime, quarters: int) -> None:
    aware = told.replace(tzinfo=dt.timezone(dt.timedelta(minutes=15 * quarters)))
    there = aware.astimezone(ZoneInfo("Asia/Shanghai")).replace(tzinfo=None)
    assume(1990 <= there.year <= 2100)
    assert moment(aware.isoformat()) == there


@given(st.dates(dt.date(1990, 1, 1), dt.date(2100, 12, 31)), st.integers(0, 86_399))
def test_serials_come_back(day: dt.date, second: int) -> None:
    told = dt.datetime.combine(day, dt.time()) + dt.timedelta(seconds=second)
    since_1900, since_1904 = (day - dt.date(1899, 12, 30)).days, (day - dt.date(1904, 1, 1)).days
    share = f"{second / 86_400:.12f}".removeprefix("0")
    assert moment(f"{since_1900}{share}", ["excel"]) == told
    assert moment(f"{since_1904}{share}", ["excel1904"]) == told
    epoch = int((told - dt.timedelta(hours=8)).replace(tzinfo=dt.UTC).timestamp())
    if not dt.date(1990, 1, 1) < day < dt.date(1992, 1, 1):  # Shanghai had summer time until 1991
        assert moment(str(epoch), ["unix"]) == moment(f"{epoch}000", ["unix_ms"]) == told


@given(st.dates(dt.date(1990, 1, 1), dt.date(2100, 12, 31)), st.sampled_from("/-."))
def test_day_and_month_come_back_in_the_stated_order(day: dt.date, mark: str) -> None:
    told = dt.datetime.combine(day, dt.time())
    assert moment(day.strftime(f"%d{mark}%m{mark}%Y"), ["dmy"]) == told
    assert moment(day.strftime(f"%m{mark}%d{mark}%Y"), ["mdy"]) == told


def test_times_without_a_zone_are_in_the_stated_one_but_days_are_days() -> None:
    assert moment("2026-01-02 18:30:00", source_zone="UTC") == dt.datetime(2026, 1, 3, 2, 30)
    assert moment("2026-01-02", source_zone="UTC") == dt.datetime(2026, 1, 2)
    assert moment("2026-01-02 18:30:00+08:00", source_zone="UTC") == dt.datetime(2026, 1, 2, 18, 30)
    with pytest.raises(Unreadable, match="clock_change"):
        moment("2026-03-08 02:30", source_zone="America/New_York")


@given(st.text(max_size=30), st.sampled_from([(), ("dmy",), ("excel",), ("unix_ms",)]))
def test_no_text_breaks_the_parser(shown: str, formats: tuple[str, ...]) -> None:
    found = outcome(lambda: moment(shown, formats))
    if isinstance(found, dt.datetime):
        assert 1990 <= found.year <= 2100
    else:
        assert str(found).startswith("reason_date")

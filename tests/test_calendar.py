"""Working days against a plain loop, fiscal periods as a partition of time, and what an `as_of` may look like."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone
from itertools import pairwise
from pathlib import Path

import chinese_calendar
import pandas as pd
import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from salesiq.calendar import FIRST_DAY, LAST_DAY, Calendar, Period, parse_moment, periods_between
from salesiq.errors import UsageError

CHINA = Calendar.china()
DAY = timedelta(days=1)

days = st.dates(date(2023, 1, 1), date(2027, 12, 31))
moments = st.datetimes(datetime(2025, 1, 1), datetime(2026, 12, 31))
grains = st.sampled_from(["year", "quarter", "month"])
start_months = st.integers(1, 12)


# --- which days are worked -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("day", "is_worked"),
    [
        (date(2025, 1, 26), True),  # Sunday, make-up day before the spring festival
        (date(2025, 1, 28), False),  # Tuesday, eve of the spring festival
        (date(2025, 2, 8), True),  # Saturday, make-up day
        (date(2025, 4, 27), True),  # Sunday, make-up day for Labour Day
        (date(2025, 9, 28), True),  # Sunday, make-up day for the national week
        (date(2025, 10, 8), False),  # Wednesday, end of the national week
        (date(2025, 10, 11), True),  # Saturday, make-up day
        (date(2026, 2, 14), True),  # Saturday, make-up day before the spring festival
        (date(2026, 2, 16), False),  # Monday, spring festival
        (date(2026, 2, 23), False),  # Monday, its last day
        (date(2026, 2, 28), True),  # Saturday, make-up day after it
        (date(2026, 6, 15), True),
        (date(2026, 6, 19), False),  # Friday, dragon boat festival
        (date(2026, 6, 20), False),
    ],
)
def test_known_make_up_days_and_holidays(day: date, is_worked: bool):
    assert CHINA.is_working_day(day) is is_worked


@given(st.dates(date(2004, 1, 1), date(2026, 12, 31)))
def test_announced_years_are_those_of_the_package(day: date):
    assert CHINA.is_working_day(day) == chinese_calendar.is_workday(day)


def test_years_that_nobody_announced_are_monday_to_friday_and_flagged():
    assert CHINA.is_guess(2045)
    assert [CHINA.is_working_day(date(2045, 10, 2) + i * DAY) for i in range(7)] == [True] * 5 + [False] * 2
    assert not CHINA.is_guess(2025)
    assert not CHINA.is_guess(2026)


def test_a_year_is_a_guess_where_the_package_refuses_to_answer():
    def is_refused(year: int) -> bool:
        try:
            chinese_calendar.is_workday(date(year, 1, 1))
        except NotImplementedError:
            return True
        return False

    assert {year for year in range(2000, 2061) if is_refused(year)} == CHINA.guessed_years


def test_guessed_between_is_half_open():
    assert CHINA.guessed_between(date(2026, 1, 1), date(2045, 1, 1))[-1] == 2044
    assert CHINA.guessed_between(date(2025, 1, 1), date(2027, 1, 1)) == ()
    assert CHINA.guessed_between(date(2003, 12, 31), date(2005, 1, 1)) == (2003,)
    assert CHINA.guessed_between(date(2045, 3, 1), date(2045, 3, 1)) == ()


# --- counts ----------------------------------------------------------------------------------------------------------


def loop_count(start_on: date, end_on: date) -> int:
    n, day = 0, start_on
    while day < end_on:
        n += CHINA.is_working_day(day)
        day += DAY
    return n


@given(days, days)
def test_working_days_equal_a_plain_loop_and_change_sign_when_swapped(a: date, b: date):
    start_on, end_on = sorted((a, b))
    assert CHINA.working_days(start_on, end_on) == loop_count(start_on, end_on)
    assert CHINA.working_days(end_on, start_on) == -CHINA.working_days(start_on, end_on)


@given(st.lists(st.tuples(st.none() | days, st.none() | days), max_size=20))
def test_count_of_series_equals_the_single_count(pairs: list[tuple[date | None, date | None]]):
    start_on = pl.Series([a for a, _ in pairs], dtype=pl.Date)
    end_on = pl.Series([b for _, b in pairs], dtype=pl.Date)
    expected = [None if a is None or b is None else CHINA.working_days(a, b) for a, b in pairs]
    assert CHINA.count_working_days(start_on, end_on).to_list() == expected


def test_counts_reach_exactly_to_the_end_of_the_table():
    assert CHINA.working_days(LAST_DAY, LAST_DAY + DAY) == CHINA.is_working_day(LAST_DAY)
    for outside in (FIRST_DAY - DAY, LAST_DAY + 2 * DAY):
        with pytest.raises(UsageError, match="covers 2000-01-01 to 2060-12-31"):
            CHINA.working_days(outside, date(2026, 1, 1))
        with pytest.raises(UsageError, match=str(outside)):
            CHINA.count_working_days(pl.Series([outside]), pl.Series([date(2026, 1, 1)]))
    with pytest.raises(UsageError, match="2061-01-01"):
        CHINA.is_working_day(LAST_DAY + DAY)


@given(days, st.integers(-60, 60))
@example(date(2026, 2, 14), 0)
@example(date(2026, 2, 15), 0)
def test_add_working_days_equals_walking(day: date, n: int):
    step, left, reached = (DAY if n >= 0 else -DAY), abs(n), day
    while left:
        reached += step
        left -= CHINA.is_working_day(reached)
    while n == 0 and not CHINA.is_working_day(reached):
        reached += DAY
    assert CHINA.add_working_days(day, n) == reached


def test_add_working_days_beyond_the_table_says_so():
    with pytest.raises(UsageError, match=r"2060-12-30 \+5"):
        CHINA.add_working_days(date(2060, 12, 30), 5)
    with pytest.raises(UsageError, match="2000-01-04 -5"):
        CHINA.add_working_days(date(2000, 1, 4), -5)


def test_frame_answers_the_same_count_by_a_join():
    frame = CHINA.frame()
    before = dict(frame.select("day", "n_before").iter_rows())
    a, b = date(2025, 9, 26), date(2026, 3, 2)
    assert before[b] - before[a] == CHINA.working_days(a, b)
    assert frame["day"].to_list() == sorted(set(frame["day"]))
    assert (frame["day"].min(), frame["day"].max()) == (FIRST_DAY, LAST_DAY)
    assert frame.filter(pl.col("day") == date(2026, 2, 14))["is_working_day"].item() is True
    assert set(frame.filter("is_guess")["day"].dt.year()) == CHINA.guessed_years


# --- the working clock -----------------------------------------------------------------------------------------------


def loop_hours(start_at: datetime, end_at: datetime) -> float:
    seconds, day = 0.0, start_at.date()
    while day <= end_at.date():
        opens, closes = datetime.combine(day, time(9)), datetime.combine(day, time(18))
        if CHINA.is_working_day(day):
            seconds += max(0.0, (min(end_at, closes) - max(start_at, opens)).total_seconds())
        day += DAY
    return seconds / 3600


@given(moments, moments)
def test_working_hours_equal_a_plain_loop(a: datetime, b: datetime):
    start_at, end_at = sorted((a, b))
    hours = CHINA.working_hours_between(start_at, end_at)
    assert hours == pytest.approx(loop_hours(start_at, end_at), abs=1e-6)
    assert CHINA.working_hours_between(end_at, start_at) == -hours


def test_working_hours_of_series_keep_nulls_and_any_time_unit():
    start_at = pl.Series([datetime(2026, 6, 5, 17), None]).cast(pl.Datetime("ms"))
    end_at = pl.Series([datetime(2026, 6, 8, 10), datetime(2026, 6, 8, 10)])
    assert CHINA.count_working_hours(start_at, end_at).to_list() == [2.0, None]


def test_moments_with_a_zone_are_refused_instead_of_moved():
    aware = datetime(2026, 6, 5, 17, tzinfo=UTC)
    with pytest.raises(UsageError, match="found the zone UTC"):
        CHINA.working_hours_between(aware, aware)
    for count in (CHINA.count_working_hours, CHINA.count_working_days):
        with pytest.raises(UsageError, match="found the zone UTC"):
            count(pl.Series([aware]), pl.Series([aware]))


def test_clock_is_configurable():
    short = CHINA.with_clock(time(9, 30), time(17))
    assert short.hours_per_day == 7.5
    assert short.working_hours_between(datetime(2026, 6, 15), datetime(2026, 6, 17)) == 15.0
    with pytest.raises(UsageError, match="18:00 to 09:00"):
        CHINA.with_clock(time(18), time(9))


# --- the user's own days ---------------------------------------------------------------------------------------------


def test_own_days_overrule_the_plan_and_settle_their_year():
    own = Calendar.from_days({date(2026, 6, 15): False, date(2045, 1, 7): True})
    assert (own.is_working_day(date(2026, 6, 15)), own.is_working_day(date(2045, 1, 7))) == (False, True)
    assert (own.is_guess(2045), own.is_guess(2046)) == (False, True)
    assert CHINA.is_working_day(date(2026, 6, 15)), "the shared calendar must not move"


def test_plain_weekdays_know_no_make_up_day():
    plain = Calendar.from_days([date(2026, 1, 1)], on_top_of="weekdays")
    assert not plain.is_working_day(date(2026, 2, 14))
    assert plain.is_working_day(date(2026, 2, 16))
    assert not plain.is_working_day(date(2026, 1, 1))


def test_calendar_is_immutable():
    with pytest.raises(ValueError, match="read-only"):
        CHINA.is_working[0] = True
    with pytest.raises(AttributeError, match="cannot assign"):
        CHINA.opens = time(8)  # type: ignore[misc]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_csv_in_the_encodings_of_excel(tmp_path: Path, encoding: str):
    path = tmp_path / "calendar.csv"
    path.write_text("日期,是否工作日\n2045-02-08,否\n2045-02-11,是\n\n", encoding=encoding)
    own = Calendar.from_csv(path)
    assert (own.is_working_day(date(2045, 2, 8)), own.is_working_day(date(2045, 2, 11))) == (False, True)


def test_csv_of_one_column_lists_days_off(tmp_path: Path):
    path = tmp_path / "calendar.csv"
    path.write_text("day\n2045-02-08\n")
    assert not Calendar.from_csv(path).is_working_day(date(2045, 2, 8))


def test_csv_errors_name_the_line(tmp_path: Path):
    path = tmp_path / "calendar.csv"
    path.write_text("day,is_working_day\n2045-02-08,0\n2045-02-30,1\n")
    with pytest.raises(UsageError, match='line 3: cannot read "2045-02-30,1"'):
        Calendar.from_csv(path)
    path.write_text("day,is_working_day\n2045-02-08,maybe\n")
    with pytest.raises(UsageError, match="line 2"):
        Calendar.from_csv(path)
    with pytest.raises(UsageError, match=r"absent\.csv cannot be read"):
        Calendar.from_csv(tmp_path / "absent.csv")


# --- periods ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "start_month", "start_on", "end_on"),
    [
        ("2026", 1, date(2026, 1, 1), date(2027, 1, 1)),
        ("2026-Q4", 1, date(2026, 10, 1), date(2027, 1, 1)),
        ("2026-12", 1, date(2026, 12, 1), date(2027, 1, 1)),
        ("2026", 4, date(2026, 4, 1), date(2027, 4, 1)),
        ("2026-Q4", 4, date(2027, 1, 1), date(2027, 4, 1)),
        ("2026-02", 4, date(2026, 2, 1), date(2026, 3, 1)),
    ],
)
def test_parse_period(name: str, start_month: int, start_on: date, end_on: date):
    period = Period.parse(name, start_month)
    assert (period.start_on, period.end_on, period.name) == (start_on, end_on, name)


@pytest.mark.parametrize("name", ["", "26", "2026-Q5", "2026-13", "2026-4", "2026Q1", "2026-04-01", "２０２６", "0000", "9999"])
def test_parse_period_refuses(name: str):
    with pytest.raises(UsageError, match="is not a period"):
        Period.parse(name)


def test_period_settings_are_checked():
    with pytest.raises(UsageError, match="cannot start in month 13"):
        Period.parse("2026", 13)
    with pytest.raises(UsageError, match="year, quarter, month"):
        Period.covering(date(2026, 1, 1), "week")  # type: ignore[arg-type]


@given(days, grains, start_months)
def test_periods_partition_time(day: date, grain, start_month: int):
    period = Period.covering(day, grain, start_month)
    assert period.contains(day)
    assert Period.parse(period.name, start_month) == period
    assert period.previous().end_on == period.start_on
    assert period.previous().following() == period
    assert period.contains(period.start_on)
    assert not period.contains(period.end_on)
    assert Period.covering(period.end_on - DAY, grain, start_month) == period


@given(days, days, grains, start_months)
def test_periods_between_cover_without_gap_or_overlap(a: date, b: date, grain, start_month: int):
    found = periods_between(a, b, grain, start_month)
    if a >= b:
        assert found == ()
        return
    assert found[0].contains(a)
    assert found[-1].contains(b - DAY)
    assert all(one.end_on == two.start_on for one, two in pairwise(found))


@given(moments, moments)
def test_elapsed_share_grows_from_0_to_1(a: datetime, b: datetime):
    period = Period.parse("2026-Q1")
    early, late = (period.elapsed_share(moment, CHINA) for moment in sorted((a, b)))
    assert 0 <= early <= late <= 1
    assert period.elapsed_share(period.start_on - DAY, CHINA) == 0
    assert period.elapsed_share(period.end_on - DAY, CHINA) == 1


def test_elapsed_share_counts_working_days():
    february = Period.parse("2026-02")  # 16 working days: 2-6, 9-14, 24-28
    assert february.elapsed_share(date(2026, 2, 14), CHINA) == 11 / 16
    assert february.elapsed_share(date(2026, 2, 23), CHINA) == 11 / 16
    assert february.elapsed_share("2026-02-24T13:30", CHINA) == 11.5 / 16


def test_elapsed_share_without_any_working_day_counts_time():
    idle = Calendar.from_days([date(2026, 6, 1) + i * DAY for i in range(30)])
    assert Period.parse("2026-06").elapsed_share(datetime(2026, 6, 16), idle) == 0.5


# --- moments ---------------------------------------------------------------------------------------------------------

END = time(23, 59, 59, 999999)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (date(2026, 1, 31), datetime.combine(date(2026, 1, 31), END)),
        (" 2026-01-31 ", datetime.combine(date(2026, 1, 31), END)),
        ("2026-01-31T20:00", datetime(2026, 1, 31, 20)),
        ("2026-01-31 20:00:01.5", datetime(2026, 1, 31, 20, 0, 1, 500000)),
        ("2026-01-31T20:00Z", datetime(2026, 2, 1, 4)),
        ("2026-01-31T20:00+08:00", datetime(2026, 1, 31, 20)),
        (datetime(2026, 1, 31), datetime(2026, 1, 31)),
        (datetime(2026, 1, 31, 12, tzinfo=UTC), datetime(2026, 1, 31, 20)),
        (datetime(2026, 1, 31, 12, tzinfo=timezone(timedelta(hours=9))), datetime(2026, 1, 31, 11)),
        (pd.Timestamp("2026-01-31T20:00"), datetime(2026, 1, 31, 20)),
    ],
)
def test_parse_moment(value: object, expected: datetime):
    moment = parse_moment(value)
    assert moment == expected
    assert type(moment) is datetime
    assert moment.tzinfo is None


@pytest.mark.parametrize(
    "value",
    [
        True,
        0,
        20260131,
        1.5,
        None,
        pd.NaT,
        "",
        "now",
        "20260131",
        "2026-W05",
        "2026-02-30",
        "2026-1-3",
        "31/01/2026",
        "2026-01-31T25:00",
        "2026-01-31x",
        datetime.max.replace(tzinfo=UTC),
        b"2026-01-31",
    ],
)
def test_parse_moment_refuses(value: object):
    with pytest.raises(UsageError, match="is not a moment") as caught:
        parse_moment(value)
    assert caught.value.key == "calendar.bad_moment"
    assert "不是有效的时点" in caught.value.message("zh")


@pytest.mark.parametrize("zone", ["Mars/Base", "Asia", "../etc/passwd", ""])
def test_parse_moment_refuses_unknown_zones(zone: str):
    with pytest.raises(UsageError, match="no time zone"):
        parse_moment("2026-01-31", zone)


def test_parse_moment_in_another_zone():
    assert parse_moment("2026-07-01T00:00Z", "Europe/Berlin") == datetime(2026, 7, 1, 2)

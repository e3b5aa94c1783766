from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal

import numpy as np
import polars as pl
import pytest

from salesiq import targets
from salesiq.book import Book
from salesiq.calendar import Calendar
from salesiq.errors import UsageError
from salesiq.i18n import text

COLUMNS = [
    *("unit_id", "unit_name", "is_company", "measure", "week_start_on", "value", "expected", "low", "high", "change_share"),
    *("is_plain_flag", "is_flag", "chance_share", "explanation"),
]
FIRST = dt.datetime(2025, 3, 3)  # a Monday; spring of 2025 has few holidays before May
PLAIN_WEEKS = Calendar.from_days({}, on_top_of="weekdays")


def moments(weekly: Sequence[int]) -> list[dt.datetime]:
    """Return so many moments in each week, spread over its days."""
    return [
        FIRST + dt.timedelta(days=7 * week) + dt.timedelta(days=6.9) * n / max(count, 1)
        for week, count in enumerate(weekly)
        for n in range(count)
    ]


def deals(weekly: Sequence[int], rep: str = "P1", won: int = 0, lost: int = 0) -> pl.DataFrame:
    """Make deals created so often each week; of each week's, the first `won` are won and the next `lost` are lost that week."""
    rows = []
    seen: dict[dt.date, int] = {}
    for n, at in enumerate(moments(weekly)):
        monday = at.date() - dt.timedelta(days=at.weekday())
        place = seen[monday] = seen.get(monday, -1) + 1
        status = "won" if place < won else "lost" if place < won + lost else "open"
        closed_at = None if status == "open" else at + dt.timedelta(hours=1)
        rows.append({"deal_id": f"{rep}-{n:05}", "owner_id": rep, "created_at": at, "status": status, "closed_at": closed_at})
    frame = pl.DataFrame(rows, schema_overrides={"closed_at": pl.Datetime("us")})
    return frame.with_columns(amount=pl.lit(Decimal(10_935_000)).cast(pl.Decimal(18, 2)))


def after(n_weeks: int) -> dt.datetime:
    """Return the last moment of the n-th week."""
    return FIRST + dt.timedelta(days=7 * n_weeks, microseconds=-1)


def flag(found: pl.DataFrame, measure: str, unit_id: str | None = None) -> dict[str, object]:
    return found.filter(measure=measure).filter(pl.col("unit_id").eq_missing(pl.lit(unit_id))).row(0, named=True)


def test_steady_weeks_are_quiet():
    found = targets.red_flags(Book.from_frames(deals=deals([30] * 10, won=6, lost=9)).as_of(after(10)), calendar=PLAIN_WEEKS)
    assert found.columns[: len(COLUMNS)] == COLUMNS
    assert found["measure"].to_list() == ["new_deals", "won_deals", "won_amount", "win_rate", "activities"]
    assert found["week_start_on"].unique().to_list() == [dt.date(2025, 5, 5)]
    new = flag(found, "new_deals")
    assert (new["value"], new["change_share"], new["is_plain_flag"], new["is_flag"]) == (30, 0, False, False)
    assert new["expected"] == pytest.approx(30, abs=0.1)
    assert new["low"] < 30 < new["high"]
    assert flag(found, "win_rate")["value"] == pytest.approx(0.4)
    assert flag(found, "won_amount")["amount"] == 6 * Decimal(10_935_000)
    assert not found["is_flag"].any()


def test_a_fall_by_a_third_at_decent_volume_is_found():
    found = targets.red_flags(Book.from_frames(deals=deals([120] * 12 + [80])).as_of(after(13)), calendar=PLAIN_WEEKS)
    new = flag(found, "new_deals")
    assert (new["is_flag"], new["is_plain_flag"], new["explanation"]) == (True, False, "targets.flag_fall")
    assert new["chance_share"] < 0.001
    assert new["value"] < new["low"] <= new["expected"]


def test_two_falls_that_chance_explains():
    found = targets.red_flags(Book.from_frames(deals=deals([10] * 11 + [8, 6])).as_of(after(13)), calendar=PLAIN_WEEKS)
    new = flag(found, "new_deals")
    assert (new["is_plain_flag"], new["is_flag"], new["explanation"]) == (True, False, "targets.flag_chance")
    assert new["chance_share"] > 0.05
    assert new["change_share"] == pytest.approx(-0.25)


def test_the_plain_rule_wants_more_than_15_percent_twice():
    for last, is_plain in (([100, 84, 71], True), ([100, 85, 70], False), ([100, 84, 72], False), ([60, 84, 71], False)):
        found = targets.red_flags(Book.from_frames(deals=deals([100] * 6 + last)).as_of(after(9)), calendar=PLAIN_WEEKS)
        assert flag(found, "new_deals")["is_plain_flag"] is is_plain, last


def test_teams_and_company(org, staff):
    units, reps = org({"C": None, "A": "C", "B": "C"}), staff({"P1": "A", "P2": "B", "P3": "B"})
    weeks = [deals([40] * 12, rep) for rep in ("P1", "P2", "P3")]
    nobody = deals([5] * 12, "P9")
    book = Book.from_frames(org_units=units, reps=reps, deals=pl.concat([*weeks, nobody]))
    found = targets.red_flags(book.as_of(after(12)), calendar=PLAIN_WEEKS).filter(measure="new_deals")
    assert found.select("unit_id", "unit_name", "is_company", "value").rows() == [
        ("C", "name C", True, 125.0),
        ("A", "name A", False, 40.0),
        ("B", "name B", False, 80.0),
    ]


def test_a_unit_in_which_nothing_happens_is_no_team(org, staff):
    """A region's manager sits in a unit of its own and sells nothing."""
    book = Book.from_frames(
        org_units=org({"C": None, "A": "C", "B": "C"}), reps=staff({"P1": "A", "P2": "B"}), deals=deals([40] * 12, "P1", won=3)
    )
    found = targets.red_flags(book.as_of(after(12)), calendar=PLAIN_WEEKS)
    assert found["unit_id"].unique().sort().to_list() == ["A", "C"]
    amount = flag(found, "won_amount", "A")
    assert (amount["low"], amount["is_flag"]) == (0, False)  # three wins a week: a week without any is not news


def test_no_rate_where_nothing_closed():
    found = flag(targets.red_flags(Book.from_frames(deals=deals([40] * 12)).as_of(after(12)), calendar=PLAIN_WEEKS), "win_rate")
    assert (found["value"], found["low"], found["explanation"]) == (None, None, "targets.flag_nothing_closed")


def test_a_week_of_holidays_is_no_fall():
    """National day 2025: 1 to 8 October are off, so the week of 29 September has two working days."""
    own = dt.datetime(2025, 7, 7)
    weekly = [40] * 12 + [16]
    shifted = deals(weekly).with_columns(pl.col("created_at") + (own - FIRST))
    snapshot = Book.from_frames(deals=shifted).as_of("2025-10-05")
    assert flag(targets.red_flags(snapshot), "new_deals")["is_flag"] is False
    assert flag(targets.red_flags(snapshot, calendar=PLAIN_WEEKS), "new_deals")["is_flag"] is True


def test_a_week_without_a_working_day_is_not_judged():
    off = Calendar.from_days([FIRST.date() + dt.timedelta(days=7 * 11 + n) for n in range(7)], on_top_of="weekdays")
    found = targets.red_flags(Book.from_frames(deals=deals([40] * 11 + [0])).as_of(after(12)), calendar=off)
    new = flag(found, "new_deals")
    assert (new["is_flag"], new["chance_share"], new["explanation"]) == (False, None, "targets.flag_no_working_day")


def activities(weekly: Sequence[int], lag_days: float) -> pl.DataFrame:
    at = moments(weekly)
    return pl.DataFrame(
        {
            "activity_id": [f"A{n:05}" for n in range(len(at))],
            "rep_id": "P1",
            "occurred_at": at,
            "recorded_at": [moment + dt.timedelta(days=lag_days * (n % 2)) for n, moment in enumerate(at)],
        }
    )


def test_late_entries_do_not_make_the_last_week_look_weak():
    """Every second activity is entered six days late: on Monday a whole week always looks half empty."""
    book = Book.from_frames(deals=deals([1] * 14), activities=activities([60] * 14, 6.0))
    found = flag(targets.red_flags(book.as_of(after(13)), calendar=PLAIN_WEEKS), "activities")
    assert found["value"] < 45
    assert found["expected"] == pytest.approx(found["value"], rel=0.05)
    assert found["is_flag"] is False


def test_short_history_says_so():
    found = targets.red_flags(Book.from_frames(deals=deals([40] * 4)).as_of(after(4)), calendar=PLAIN_WEEKS)
    assert found["explanation"].unique().to_list() == ["targets.flag_too_short"]
    assert found["low"].null_count() == found.height
    assert not found["is_flag"].any()
    with pytest.raises(UsageError, match="at least 4"):
        targets.red_flags(Book.from_frames().as_of("2026-01-01"), weeks=3)


def test_nothing_after_the_moment_moves_it_and_a_rerun_is_equal_to_the_bit():
    past, whole = deals([40] * 12 + [25], won=5), deals([40] * 12 + [25, 300], won=5)
    activity = activities([60] * 14, 6.0)
    known = activity.filter(pl.col("recorded_at") <= pl.lit(after(13)))
    one = targets.red_flags(Book.from_frames(deals=past, activities=known).as_of(after(13)))
    other = targets.red_flags(Book.from_frames(deals=whole.reverse(), activities=activity.reverse()).as_of(after(13)))
    assert one.equals(other)


def test_empty_book_has_the_columns():
    empty = targets.red_flags(Book.from_frames().as_of("2026-01-01"))
    assert empty.is_empty()
    assert empty.columns[: len(COLUMNS)] == COLUMNS
    assert (empty.schema["amount"], empty.schema["is_flag"]) == (pl.Decimal(38, 2), pl.Boolean)


@pytest.mark.parametrize(
    "name", ["flag_fall", "flag_chance", "flag_quiet", "flag_too_short", "flag_no_working_day", "flag_nothing_closed"]
)
def test_every_explanation_has_its_text(name):
    assert text(f"targets.{name}", "zh") != text(f"targets.{name}", "en")


def world(seed: int, n_teams: int, n_weeks: int, per_week: float, size_spread: float = 1.0) -> Book:
    """A company in which nothing ever changes: counts are Poisson, three deals in ten are won, sizes are log-normal."""
    chance = np.random.default_rng(seed)
    teams = [f"T{n:03}" for n in range(n_teams)]

    def happenings(mean: float) -> pl.DataFrame:
        n = chance.poisson(mean * n_teams * n_weeks)
        days = chance.uniform(0, 7 * n_weeks, n)
        rows = pl.DataFrame({"after": days * 86400e6, "team": chance.integers(0, n_teams, n)}).with_row_index("id")
        return rows.with_columns(at=pl.lit(FIRST) + pl.col("after").cast(pl.Int64).cast(pl.Duration("us")))

    made = happenings(per_week)
    fate, size = chance.random(made.height), chance.lognormal(12, size_spread, made.height)
    owned = made.select(
        deal_id=pl.format("D{}", "id"),
        owner_id=pl.format("P{}", "team"),
        created_at="at",
        closed_at="at",
        status=pl.Series(np.where(fate < 0.3, "won", "lost")),
        amount=pl.Series(size).round(2).cast(pl.Decimal(18, 2)),
    )
    done = happenings(2 * per_week).select(
        activity_id=pl.format("A{}", "id"), rep_id=pl.format("P{}", "team"), occurred_at="at"
    )
    since = pl.lit(dt.date(2024, 1, 1))
    units = pl.DataFrame({"unit_id": ["C", *teams], "parent_unit_id": [None] + ["C"] * n_teams}).with_columns(valid_from=since)
    reps = pl.DataFrame({"rep_id": [f"P{n}" for n in range(n_teams)], "unit_id": teams}).with_columns(hired_on=since)
    return Book.from_frames(org_units=units, reps=reps, deals=owned, activities=done)


@pytest.mark.slow
@pytest.mark.parametrize("per_week", [6, 20])
def test_budget_over_all_five_measures(per_week):
    book = world(4, n_teams=80, n_weeks=60, per_week=per_week)
    weeks = range(13, 61)
    found = pl.concat(targets.red_flags(book.as_of(after(week)), calendar=PLAIN_WEEKS) for week in weeks)
    teams = found.filter(~pl.col("is_company"))
    n_years = 80 * len(weeks) / 52
    flags: dict[str, int] = dict(teams.filter("is_flag").group_by("measure").len().rows())
    assert sum(flags.values()) / n_years <= 1.25, flags  # 74 team-years: one a year within two standard errors
    assert all(n / n_years <= 0.4 for n in flags.values()), flags  # a fifth of the budget each

"""The watch list names those whose records are worse than chance, shows the records, and is silent where there is no news."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl
import pytest
from quality_records import AS_OF, VISIT, snapshot

from salesiq import quality
from salesiq.book import Book
from salesiq.errors import UsageError

BARE = {"pain_point": None, "solution_fit": None, "next_step": "继续跟进", "customer_words": None}


def records(rep_id: str, n_full: int, n_bare: int, **more: object) -> list[dict]:
    kinds = [{}] * n_full + [BARE] * n_bare
    return [{"rep_id": rep_id, "activity_id": f"{rep_id}-{number:02}", **more, **kind} for number, kind in enumerate(kinds)]


def company(*others: dict) -> list[dict]:
    return [record for rep in range(6) for record in records(f"R{rep}", 8, 2)] + list(others)


def deals(**numbers: int) -> pl.DataFrame:
    rows = [(f"{rep}-D{n}", rep, dt.datetime(2026, 2, 1), "open") for rep, many in numbers.items() for n in range(many)]
    return pl.DataFrame(rows, schema=["deal_id", "owner_id", "created_at", "status"], orient="row")


def test_the_worst_rep_is_named_with_the_records():
    found = quality.watch_list(snapshot(*company(*records("bad", 1, 9))))
    assert found.select("rank", "rep_id", "n_records", "mean_score", "cause").rows() == [(1, "bad", 10, 37.0, "low_score")]
    row = found.row(0, named=True)
    assert row["activity_ids"] == [f"bad-{n:02}" for n in (*range(1, 10), 0)]  # the full one comes last
    assert row["high"] < row["company_score"]
    assert (row["worst_share"], row["worst_company_share"]) == (0.9, 21 / 70)
    assert row["reasons"] == ["no_customer_words", "no_next_step", "no_pain_point"]
    assert row["deal_ids"] == []


def test_one_bad_record_names_nobody():
    assert quality.watch_list(snapshot(*company(*records("new", 0, 1)))).is_empty()


def test_chance_names_nobody_where_all_are_alike():
    rng = np.random.default_rng(5)
    named = 0
    for _ in range(3):
        alike = [record for rep in range(20) for record in records(f"R{rep:02}", *rng.multinomial(8, [0.6, 0.4]))]
        named += quality.watch_list(snapshot(*alike), n=20).height
    assert named == 0


def test_at_most_n_and_lowest_first():
    good = [record for rep in range(20) for record in records(f"R{rep:02}", 8, 2)]
    bad = [record for number, rep in enumerate("zyxw") for record in records(rep, number, 12 - number)]
    found = quality.watch_list(snapshot(*good, *bad), n=3)
    assert found.select("rank", "rep_id").rows() == [(1, "z"), (2, "y"), (3, "x")]


def test_who_entered_nothing_this_week_has_no_low_score():
    old = {"occurred_at": VISIT - dt.timedelta(days=30), "recorded_at": VISIT - dt.timedelta(days=30)}
    found = quality.watch_list(snapshot(*company(), *records("bad", 0, 10, **old)))
    assert found.is_empty()


def test_past_weeks_speak_but_who_mended_is_not_named():
    before = {"occurred_at": VISIT - dt.timedelta(days=10), "recorded_at": VISIT - dt.timedelta(days=10)}
    past = [
        record | {"activity_id": f"past-{record['activity_id']}"}
        for rep in ("bad", "mended")
        for record in records(rep, 0, 15, **before)
    ]
    found = quality.watch_list(snapshot(*company(*past, *records("bad", 0, 2), *records("mended", 4, 0))))
    assert found.select("rep_id", "n_records", "n_score_records").rows() == [("bad", 2, 17)]
    assert found["activity_ids"].list.len().to_list() == [2]
    assert found["score_activity_ids"].list.len().to_list() == [17]


def test_one_empty_week_of_a_rare_writer_or_a_newcomer_is_no_news():
    before = {"occurred_at": VISIT - dt.timedelta(days=10), "recorded_at": VISIT - dt.timedelta(days=10)}
    past = [*records("rare", 6, 0, **before), *records("keen", 15, 0, **before)]
    reps = pl.DataFrame({"rep_id": ["new"], "hired_on": [dt.date(2026, 3, 1)]})
    book = snapshot(*company(*past), reps=reps, deals=deals(R0=1, R1=1, R2=1, R3=1, rare=1, keen=9, new=1, never=1))
    assert quality.watch_list(book)["rep_id"].to_list() == ["never", "keen"]


def test_silence_with_open_deals_is_news_where_others_write():
    book = snapshot(*company(), deals=deals(R0=1, R1=1, R2=1, quiet=2, silent=5))
    found = quality.watch_list(book)
    assert found.select("rank", "rep_id", "n_records", "cause", "shrunk_score").rows() == [
        (1, "silent", 0, "no_records", None),
        (2, "quiet", 0, "no_records", None),
    ]
    assert found["reasons"].to_list() == [["no_records"]] * 2
    assert found["activity_ids"].to_list() == [[], []]
    assert found["deal_ids"].to_list()[1] == ["quiet-D0", "quiet-D1"]
    assert quality.watch_list(book, n=1)["rep_id"].to_list() == ["silent"]


def test_silence_in_a_quiet_week_is_no_news():
    holiday = [{"rep_id": "R0"}, {"rep_id": "R1"}]
    assert quality.watch_list(snapshot(*holiday, deals=deals(R0=1, R1=1, silent=5))).is_empty()


def test_people_who_left_are_not_named():
    reps = pl.DataFrame({"rep_id": ["bad", "gone"], "left_on": [dt.date(2026, 3, 5)] * 2})
    book = snapshot(*company(*records("bad", 0, 10)), deals=deals(R0=1, R1=1, R2=1, gone=3), reps=reps)
    assert quality.watch_list(book).is_empty()


def test_empty_book_gives_the_same_columns():
    full, empty = (
        quality.watch_list(snapshot(*company(*records("bad", 0, 9)))),
        quality.watch_list(Book.from_frames().as_of(AS_OF)),
    )
    assert full.height == 1
    assert empty.is_empty()
    assert empty.schema == full.schema


def test_the_list_is_the_same_again_and_in_any_order_of_rows():
    rows = company(*records("bad", 1, 9), *records("worse", 0, 10))
    once, again = (quality.watch_list(snapshot(*given)) for given in (rows, rows[::-1]))
    assert once.height == 2
    assert once.equals(again)


def test_n_must_be_positive():
    with pytest.raises(UsageError, match="number of people cannot be 0"):
        quality.watch_list(snapshot({}), n=0)
    with pytest.raises(UsageError, match=r"number of days cannot be 5\. .* from 7 on"):
        quality.watch_list(snapshot({}), score_days=5)

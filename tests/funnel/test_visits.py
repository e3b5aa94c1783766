"""Visits: each rule on a small history, and all of them against a plain loop on random histories."""

from __future__ import annotations

import datetime as dt
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from salesiq import funnel
from salesiq.book import Book

START = dt.datetime(2026, 1, 1)
POSITIONS = {"lead": 1, "quote": 2, "sign": 3, "won": 4, "lost": 5}
STAGES = pl.DataFrame(
    {
        "stage": list(POSITIONS),
        "position": list(POSITIONS.values()),
        "is_won": [name == "won" for name in POSITIONS],
        "is_lost": [name == "lost" for name in POSITIONS],
    }
)


def day(n: float) -> dt.datetime:
    return START + dt.timedelta(days=n)


def events_of(history: dict[str, list[tuple[str, float]]]) -> pl.DataFrame:
    rows = [(deal, stage, day(n)) for deal, moves in history.items() for stage, n in moves]
    schema = {"deal_id": pl.String, "stage": pl.String, "entered_at": pl.Datetime("us")}
    return pl.DataFrame(rows, schema=schema, orient="row")


def visits_of(moves: list[tuple[str, float]], as_of: float = 100, **frames: Any) -> list[tuple[Any, ...]]:
    book = Book.from_frames(stages=STAGES, stage_events=events_of({"D": moves}), **frames)
    return funnel.visits(book.as_of(day(as_of))).select("stage", "exit", pl.col("days").round(6)).rows()


@pytest.mark.parametrize(
    ("moves", "expected"),
    [
        ([("lead", 0), ("quote", 4)], [("lead", "advanced", 4.0), ("quote", None, 96.0)]),
        ([("lead", 0), ("won", 4)], [("lead", "won", 4.0)]),
        ([("lead", 0), ("lost", 4)], [("lead", "lost", 4.0)]),
        ([("quote", 0), ("lead", 3)], [("quote", "regressed", 3.0), ("lead", None, 97.0)]),
        ([("lead", 0), ("lead", 2), ("quote", 5)], [("lead", "advanced", 5.0), ("quote", None, 95.0)]),
        ([("lead", 0), ("sign", 6)], [("lead", "advanced", 6.0), ("sign", None, 94.0)]),
        (
            [("quote", 1), ("lead", 1), ("sign", 1)],
            [("lead", "advanced", 0.0), ("quote", "advanced", 0.0), ("sign", None, 99.0)],
        ),
        ([("lead", 0), ("lost", 2), ("quote", 9)], [("lead", "lost", 2.0), ("quote", None, 91.0)]),
        ([("lead", 0), ("quote", 200)], [("lead", None, 100.0)]),
        ([("won", 0)], []),
        ([], []),
    ],
)
def test_each_rule(moves: list[tuple[str, float]], expected: list[tuple[Any, ...]]) -> None:
    assert visits_of(moves) == expected


def test_a_loop_is_one_visit_each_time() -> None:
    found = visits_of([("lead", 0), ("quote", 2), ("lead", 5), ("quote", 9)])
    assert found == [("lead", "advanced", 2.0), ("quote", "regressed", 3.0), ("lead", "advanced", 4.0), ("quote", None, 91.0)]


def test_a_tie_with_the_end_comes_before_it() -> None:
    """Entered, skipped through and won in one import at one moment: each stage has its visit, of no length."""
    found = visits_of([("won", 3), ("quote", 3), ("lead", 3)])
    assert found == [("lead", "advanced", 0.0), ("quote", "won", 0.0)]


def test_a_reopened_deal_visits_again_and_the_end_is_its_last() -> None:
    moves = [("lead", 0), ("lost", 4), ("lead", 10), ("won", 13)]
    assert visits_of(moves) == [("lead", "lost", 4.0), ("lead", "won", 3.0)]
    assert visits_of(moves, as_of=11) == [("lead", "lost", 4.0), ("lead", None, 1.0)]


def test_terminal_events_after_the_end_are_no_visits() -> None:
    assert visits_of([("lead", 0), ("won", 4), ("lost", 6), ("won", 8)]) == [("lead", "won", 4.0)]


def test_an_event_after_the_closing_date_that_the_deal_row_already_knew_has_no_length() -> None:
    """The CRM's row says closed on day 10; a clerk's click on day 12, before the export, does not open the deal again."""
    deals = pl.DataFrame({"deal_id": ["D"], "created_at": [START], "status": ["lost"], "closed_at": [day(10)]})
    found = visits_of([("lead", 0), ("quote", 12)], deals=deals, exported_at=day(20))
    assert found == [("lead", "advanced", 12.0), ("quote", "lost", 0.0)]


def test_a_merged_deal_is_one_history_in_the_order_of_time() -> None:
    """Two deals were entered for one; the CRM moved the events of the second under the first."""
    own, taken_over = [("lead", 0), ("quote", 6)], [("lead", 2), ("sign", 9)]
    assert visits_of(own) == [("lead", "advanced", 6.0), ("quote", None, 94.0)]
    assert visits_of(own + taken_over) == [("lead", "advanced", 6.0), ("quote", "advanced", 3.0), ("sign", None, 91.0)]


def test_a_renamed_stage_that_the_mapping_joins_goes_on_and_one_that_it_does_not_is_another_stage() -> None:
    assert visits_of([("lead", 0), ("lead", 5), ("quote", 8)])[0] == ("lead", "advanced", 8.0)
    apart = visits_of([("lead", 0), ("first talk", 5), ("quote", 8)])
    assert apart == [("lead", "advanced", 5.0), ("first talk", "regressed", 3.0), ("quote", None, 92.0)]


def test_a_deal_closed_without_a_terminal_event_leaves_its_last_stage_then() -> None:
    deals = pl.DataFrame({"deal_id": ["D"], "created_at": [START], "status": ["won"], "closed_at": [day(30)]})
    assert visits_of([("lead", 0), ("quote", 10)], deals=deals)[1] == ("quote", "won", 20.0)
    assert visits_of([("lead", 0), ("quote", 10)], as_of=29, deals=deals)[1] == ("quote", None, 19.0)


def test_stages_that_no_table_names_are_ordered_by_when_deals_reach_them() -> None:
    events = events_of({"A": [("first", 0), ("second", 5), ("赢单", 9)], "B": [("first", 0), ("second", 3), ("first", 8)]})
    found = funnel.visits(Book.from_frames(stage_events=events).as_of(day(10)))
    assert found["exit"].to_list() == ["advanced", "won", "advanced", "regressed", None]


def test_every_visit_of_the_sample_belongs_to_its_deal(sample_snapshot: Any) -> None:
    found = funnel.visits(sample_snapshot)
    deals = sample_snapshot.run("base.deals")
    assert found.filter(pl.col("days") < 0).is_empty()
    is_open = found.filter(pl.col("left_at").is_null()).select("deal_id").unique()
    assert set(is_open["deal_id"]) == set(deals.filter(pl.col("status") == "open")["deal_id"])
    won = found.filter(pl.col("exit") == "won")["deal_id"]
    assert sorted(won) == sorted(deals.filter(pl.col("status") == "won")["deal_id"])


def by_a_plain_loop(history: dict[str, list[tuple[str, float]]], as_of: float) -> list[tuple[Any, ...]]:
    found = []
    for deal, moves in sorted(history.items()):
        known = sorted({(n, POSITIONS[stage], stage) for stage, n in moves if n <= as_of})
        merged = [move for i, move in enumerate(known) if i == 0 or known[i - 1][2] != move[2]]
        for here, there in zip(merged, [*merged[1:], None], strict=False):
            if here[2] in ("won", "lost"):
                continue
            if there is None:
                found.append((deal, here[2], None, as_of - here[0]))
            else:
                moved = there[2] if there[2] in ("won", "lost") else "advanced" if there[1] > here[1] else "regressed"
                found.append((deal, here[2], moved, there[0] - here[0]))
    return found


histories = st.dictionaries(
    st.sampled_from(["A", "B", "C"]),
    st.lists(st.tuples(st.sampled_from(list(POSITIONS)), st.integers(0, 40)), max_size=9),
    max_size=3,
)


@settings(max_examples=40, deadline=None)
@given(history=histories, as_of=st.integers(0, 50))
def test_equal_to_a_plain_loop(history: dict[str, list[tuple[str, float]]], as_of: int) -> None:
    events = events_of(history).unique(maintain_order=True)
    book = Book.from_frames(stages=STAGES, stage_events=events)
    found = funnel.visits(book.as_of(day(as_of))).select("deal_id", "stage", "exit", pl.col("days").round(6))
    assert sorted(found.rows(), key=str) == sorted(by_a_plain_loop(history, as_of), key=str)

"""Event logs: a table with case, activity and time loads as deals and stage events; a plain loop gives the same numbers."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest

from salesiq import funnel
from salesiq.book import Book, Snapshot

ZONE = ZoneInfo("Europe/Amsterdam")
ENDS = ("A_Pending", "A_Denied", "A_Cancelled")
#: as docs/funnel.md shows it: the preset's entries, and which activities end a case
MAPPING = """
name = "loan applications"

[[file]]
match = "loan_event_log.csv"
table = "stage_events"
where = "lower([lifecycle:transition]) = 'complete'"
[file.columns]
deal_id = "case:concept:name"
stage = "concept:name"
entered_at = "time:timestamp"

[[file]]
match = "loan_event_log.csv"
table = "deals"
where = "[concept:name] = 'A_Create Application' and lower([lifecycle:transition]) = 'complete'"
[file.columns]
deal_id = "case:concept:name"
created_at = "time:timestamp"
amount = "case:RequestedAmount"
product_line = "case:LoanGoal"

[[rows]]
table = "stages"
stage = "A_Create Application"
position = 1

[[rows]]
table = "stages"
stage = "A_Complete"
position = 2

[[rows]]
table = "stages"
stage = "A_Validating"
position = 3

[[rows]]
table = "stages"
stage = "A_Pending"
position = 4
is_won = true

[[rows]]
table = "stages"
stage = "A_Denied"
position = 5
is_lost = true

[[rows]]
table = "stages"
stage = "A_Cancelled"
position = 6
is_lost = true
"""
Event = tuple[str, str, dt.datetime]


def loan_log(n: int = 83) -> tuple[pl.DataFrame, list[Event]]:
    """Applications that are created, completed, validated (some twice) and end, in the shape of the public loan log of 2017."""
    rng = np.random.default_rng(17)
    rows, moves = [], []
    for case in range(n):
        at = dt.datetime(2016, 1, 4, 9, tzinfo=ZONE) + dt.timedelta(hours=float(rng.uniform(0, 24 * 90)))
        path = ["A_Create Application", "A_Complete", "A_Validating"][: int(rng.integers(1, 4))]
        path += ["A_Complete", "A_Validating"] if len(path) == 3 and rng.random() < 0.3 else []
        path += [str(rng.choice(ENDS))] if rng.random() < 0.8 else []
        name, amount = f"Application_{case:05d}", 1000 * int(rng.integers(1, 50))
        for activity in path:
            facts = (name, amount, ("Car", "Home")[case % 2])
            rows.append((*facts, activity, "start", (at - dt.timedelta(minutes=5)).isoformat(sep=" ")))
            rows.append((*facts, activity, "complete", at.isoformat(sep=" ")))
            moves.append((name, activity, at.astimezone(ZoneInfo("Asia/Shanghai")).replace(tzinfo=None)))
            at += dt.timedelta(hours=float(rng.exponential(24 * 9)))
    names = [
        "case:concept:name",
        "case:RequestedAmount",
        "case:LoanGoal",
        "concept:name",
        "lifecycle:transition",
        "time:timestamp",
    ]
    return pl.DataFrame(rows, schema=names, orient="row"), moves


AS_OF = dt.datetime(2016, 5, 1)


@pytest.fixture(scope="module", params=["mapping", "preset"])
def loaded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Snapshot, list[Event]]:
    folder = tmp_path_factory.mktemp("log")
    frame, moves = loan_log()
    frame.write_csv(folder / "loan_event_log.csv")
    mapping: str | Path = "event_log"
    if request.param == "mapping":
        mapping = folder / "loans.toml"
        mapping.write_text(MAPPING, encoding="utf-8")
    book = Book(":memory:")
    report = book.load(folder, mapping=mapping, exported_at="2016-12-31")
    assert report.n_rejected == 0
    return request.param, book.as_of(AS_OF), moves


def by_a_plain_loop(moves: list[Event], position: dict[str, int]) -> list[tuple[str, str, str | None, float]]:
    found = []
    for case in sorted({name for name, _, _ in moves}):
        own = [(activity, at) for name, activity, at in moves if name == case and at <= AS_OF]
        for (activity, at), then in zip(own, [*own[1:], None], strict=False):
            if activity in ENDS:
                continue
            way = None
            if then is not None:
                way = "won" if then[0] == "A_Pending" else "lost" if then[0] in ENDS else None
                way = way or ("advanced" if position[then[0]] > position[activity] else "regressed")
            found.append((case, activity, way, ((then[1] if then else AS_OF) - at).total_seconds() / 86400))
    return found


def test_visits_equal_those_of_a_plain_loop(loaded: tuple[str, Snapshot, list[Event]]) -> None:
    kind, snapshot, moves = loaded
    position = {"A_Create Application": 1, "A_Complete": 2, "A_Validating": 3}
    found = funnel.visits(snapshot).select("deal_id", "stage", "exit", "days")
    expected = by_a_plain_loop(moves, position)
    if kind == "preset":  # which activities end a case the preset cannot know: there they are stages like the others
        found = found.filter(pl.col("stage").is_in(list(position)))
    else:
        assert found["exit"].to_list() == [row[2] for row in expected]
    assert found.select("deal_id", "stage").rows() == [row[:2] for row in expected]
    assert found["days"].to_list() == pytest.approx([row[3] for row in expected], abs=1e-6)
    assert {row[2] for row in expected} == {"won", "lost", "advanced", "regressed", None}


def test_dwell_equals_the_product_limit_by_a_loop(loaded: tuple[str, Snapshot, list[Event]]) -> None:
    _, snapshot, moves = loaded
    dwell = {row["stage"]: row for row in funnel.dwell(snapshot).to_dicts()}
    position = {"A_Create Application": 1, "A_Complete": 2, "A_Validating": 3}
    stays = by_a_plain_loop(moves, position)
    for stage in position:
        days = np.array([row[3] for row in stays if row[1] == stage])
        is_left = np.array([row[2] is not None for row in stays if row[1] == stage])
        surviving, half = 1.0, {"reached": None, "passed": None}  # where exactly half are left, either day is a median
        for day in sorted(days[is_left]):
            surviving *= 1 - 1 / np.sum(days >= day)
            half["reached"] = half["reached"] or (day if surviving < 0.5 + 1e-9 else None)
            half["passed"] = half["passed"] or (day if surviving < 0.5 - 1e-9 else None)
        assert any(dwell[stage]["median_days"] == pytest.approx(day, abs=1e-6) for day in half.values())
        assert (dwell[stage]["n_visits"], dwell[stage]["n_open"]) == (len(days), (~is_left).sum())


def test_cases_are_deals_with_what_the_log_says_of_them(loaded: tuple[str, Snapshot, list[Event]]) -> None:
    kind, snapshot, moves = loaded
    frame, _ = loan_log()
    deals = snapshot.run("base.deals", order=("deal_id",))
    if kind == "preset":  # nothing dates a case itself: it is known from the export on
        assert deals.height == 0
        return
    begun = sorted({name for name, activity, at in moves if activity == "A_Create Application" and at <= AS_OF})
    assert deals["deal_id"].to_list() == begun
    amount = dict(frame.select("case:concept:name", "case:RequestedAmount").unique().rows())
    assert [int(value) for value in deals["amount"]] == [amount[name] for name in begun]
    won = {name for name, activity, at in moves if activity == "A_Pending" and at <= AS_OF}
    assert set(deals.filter(pl.col("status") == "won")["deal_id"]) == won
    by_goal = funnel.dwell(snapshot, by="product_line")
    assert set(by_goal["product_line"]) == {"Car", "Home"}

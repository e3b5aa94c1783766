"""What changed since last week, reckoned a second time in a plain loop."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import polars as pl

from salesiq.book import Book, Snapshot
from salesiq.reports.sections.changes import bridge, changed_deals, section
from salesiq.reports.week import Week


def week_of(snapshot: Snapshot) -> Week:
    return Week(snapshot, snapshot.earlier(snapshot.as_of - dt.timedelta(days=7)), "en")


def states(snapshot: Snapshot) -> dict[str, tuple[str, Decimal]]:
    rows = snapshot.sql("SELECT deal_id, status, coalesce(amount, 0) AS amount FROM base.deals(as_of := $as_of)").rows()
    return {deal: (status, amount) for deal, status, amount in rows}


def test_the_bridge_adds_up_and_equals_a_plain_loop(sample_snapshot: Snapshot):
    week = week_of(sample_snapshot)
    found = {row["step"]: (row["n_deals"], row["amount"]) for row in bridge(week, changed_deals(week)).to_dicts()}
    before, now = states(week.before), states(week.now)
    expected = {"new": [0, Decimal(0)], "won": [0, Decimal(0)], "lost": [0, Decimal(0)]}
    for deal, (status, amount) in now.items():
        was = before.get(deal)
        if was is None:
            expected["new"][0] += 1
            expected["new"][1] += amount
        if status in ("won", "lost") and (was is None or was[0] == "open"):
            expected[status][0] -= 1
            expected[status][1] -= amount
    assert expected["won"][0] < 0
    for step, (n_deals, amount) in expected.items():
        assert found[step] == (n_deals, amount), step
    steps = [amount for step, (_, amount) in found.items() if step not in ("then", "now")]
    assert found["then"][1] + sum(steps) == found["now"][1]
    assert found["then"][0] + sum(n for step, (n, _) in found.items() if step not in ("then", "now")) == found["now"][0]
    assert found["now"] == (sum(s == "open" for s, _ in now.values()), sum(a for s, a in now.values() if s == "open"))


def test_reopened_revalued_and_vanished_deals_close_the_bridge_too():
    first, second = dt.datetime(2026, 1, 1), dt.datetime(2026, 1, 12)
    book = Book(":memory:")
    rows = [("D1", "open", 100), ("D2", "lost", 40), ("D3", "open", 7), ("D4", "won", 5)]
    later = [("D1", "open", 130), ("D2", "open", 45), ("D3", "won", 9), ("D4", "won", 6), ("D5", "lost", 1)]
    for moment, versions in ((first, rows), (second, later)):
        frame = pl.DataFrame(
            {
                "deal_id": [row[0] for row in versions],
                "status": [row[1] for row in versions],
                "amount": [Decimal(row[2]) for row in versions],
                "created_at": dt.datetime(2025, 12, 1),
                "closed_at": [None if row[1] == "open" else dt.datetime(2025, 12, 20) for row in versions],
            },
            schema_overrides={"closed_at": pl.Datetime("us"), "amount": pl.Decimal(18, 2)},
        )
        with book.write() as writer:
            writer.merge("deals", frame, load_id=str(moment), exported_at=moment)
    week = week_of(book.as_of("2026-01-14"))
    steps = bridge(week, changed_deals(week))
    found = dict(zip(steps["step"], zip(steps["n_deals"], steps["amount"], strict=True), strict=True))
    assert found["then"] == (2, Decimal(107))
    assert found["reopened"] == (1, Decimal(45))
    assert found["revalued"] == (0, Decimal(32))
    assert found["won"] == (-1, Decimal(-9))
    assert found["now"] == (2, Decimal(175))
    inner = steps.filter(~pl.col("step").is_in(["then", "now"]))
    assert Decimal(107) + inner["amount"].sum() == Decimal(175)
    assert 2 + inner["n_deals"].sum() == 2


def test_a_quiet_week_is_said_to_be_one():
    deals = pl.DataFrame(
        {"deal_id": ["D1"], "status": ["open"], "amount": [Decimal(5)], "created_at": [dt.datetime(2026, 1, 1)]}
    )
    week = week_of(Book.from_frames(deals=deals).as_of("2026-02-01"))
    steps = bridge(week, changed_deals(week))
    assert steps.rows() == [("then", 1, Decimal("5.00")), ("now", 1, Decimal("5.00"))]


def test_open_deals_without_amounts_are_compared_by_number():
    began = [dt.datetime(2026, 1, 1), dt.datetime(2026, 1, 1), dt.datetime(2026, 1, 28)]
    deals = pl.DataFrame(
        {"deal_id": ["D1", "D2", "D3"], "status": "open", "amount": [Decimal(5), None, None], "created_at": began}
    )
    found = section(Week(*_moments(Book.from_frames(deals=deals)), "en"))
    assert "3 deals are open, 1 more than last week" in found.finding
    assert found.pictures == ()


def test_several_currencies_are_not_added_in_silence():
    deals = pl.DataFrame({"deal_id": ["D1", "D2"], "status": "open", "amount": Decimal(5), "currency": ["CNY", "USD"]})
    noted = section(Week(*_moments(Book.from_frames(deals=deals)), "en")).notes
    assert "CNY and USD" in noted[0]


def _moments(book: Book) -> tuple[Snapshot, Snapshot]:
    now = book.as_of("2026-02-01")
    return now, now.earlier("2026-01-25")

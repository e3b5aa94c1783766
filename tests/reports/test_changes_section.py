"""What changed since last week, reckoned a second time in a plain loop."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import polars as pl

from salesiq.book import Book, Snapshot
from salesiq.reports.document import Section
from salesiq.reports.sections.changes import section
from salesiq.reports.week import Week


def section_of(snapshot: Snapshot) -> Section:
    return section(Week(snapshot, snapshot.earlier(snapshot.as_of - dt.timedelta(days=7)), "en"))


def states(snapshot: Snapshot) -> dict[str, tuple[str, Decimal]]:
    rows = snapshot.sql("SELECT deal_id, status, coalesce(amount, 0) AS amount FROM base.deals(as_of := $as_of)").rows()
    return {deal: (status, amount) for deal, status, amount in rows}


def test_the_section_tells_the_bridge_of_the_metric_as_a_plain_loop_does(sample_snapshot: Snapshot):
    told = section_of(sample_snapshot)
    found = {row["step"]: (row["n_deals"], row["amount"]) for row in told.facts["bridge"]}
    before, now = states(sample_snapshot.earlier(sample_snapshot.as_of - dt.timedelta(days=7))), states(sample_snapshot)
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
    assert found["now"] == (sum(s == "open" for s, _ in now.values()), sum(a for s, a in now.values() if s == "open"))
    assert f"{-expected['won'][0]} deals won" in told.finding
    won = next(table for table in told.tables if table.key == "changes-won")
    listed = {row["deal_id"] for row in won.frame.to_dicts()}
    assert listed <= {deal for deal, (status, _) in now.items() if status == "won" and before.get(deal, ("open",))[0] == "open"}
    assert all(row["source"].startswith(f"{row['deal_id']} · frames/deals:") for row in won.frame.to_dicts())


def test_what_moved_is_said_of_each_deal():
    first, second = dt.datetime(2026, 1, 1), dt.datetime(2026, 1, 12)
    book = Book(":memory:")
    for moment, stage, amount, owner, close in ((first, "lead", 100, "R1", 20), (second, "quote", 130, "R2", 30)):
        frame = pl.DataFrame(
            {
                "deal_id": ["D1"],
                "status": "open",
                "stage": stage,
                "amount": [Decimal(amount)],
                "owner_id": owner,
                "expected_close_on": dt.date(2026, 1, close),
                "created_at": dt.datetime(2025, 12, 1),
            },
        ).cast({"amount": pl.Decimal(18, 2)})
        stages = pl.DataFrame({"stage": ["lead", "quote"], "position": [1, 2], "is_won": False, "is_lost": False})
        with book.write() as writer:
            writer.merge("deals", frame, load_id=str(moment), exported_at=moment)
            writer.merge("stages", stages, load_id=str(moment), exported_at=moment)
    told = section_of(book.as_of("2026-01-14"))
    moved = next(table for table in told.tables if table.key == "changes-moved")
    assert moved.frame["move"].to_list() == ["Owner changed; +30; lead → quote; Postponed 30 Jan 2026"]
    steps = {row["step"]: row["amount"] for row in told.facts["bridge"]}
    assert (steps["then"], steps["amount_up"], steps["now"]) == (100, 30, 130)


def test_a_quiet_week_is_said_to_be_one():
    deals = pl.DataFrame(
        {"deal_id": ["D1"], "status": ["open"], "amount": [Decimal(5)], "created_at": [dt.datetime(2026, 1, 1)]}
    )
    told = section_of(Book.from_frames(deals=deals).as_of("2026-02-01"))
    assert [row["step"] for row in told.facts["bridge"]] == ["then", "now"]
    assert "the same as last week" in told.finding


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

"""Pseudo-advances: every rule on a small case, verdicts against a plain loop, precision and recall on planted cases."""

from __future__ import annotations

import datetime as dt
from typing import Any

import polars as pl
import pytest
from statsmodels.stats.proportion import proportion_confint

from salesiq import funnel, sample
from salesiq.book import Book, Snapshot
from salesiq.calendar import Calendar
from salesiq.errors import UsageError
from salesiq.funnel.advances import STRICTNESS

MOVED = dt.datetime(2026, 3, 18, 17)  # a Wednesday
STAGES = pl.DataFrame({"stage": ["lead", "quote", "won"], "position": [1, 2, 3], "is_won": [False, False, True]})


def at(days: float) -> dt.datetime:
    return MOVED + dt.timedelta(days=days)


def note(days: float, direction: str = "inbound", kind: str = "call", deal: str | None = "D", **said: Any) -> dict[str, Any]:
    usual = {"rep_id": "R1", "customer_id": "C1", "activity_id": f"A{days}{direction}{deal}", "kind": kind}
    return {**usual, "deal_id": deal, "direction": direction, "occurred_at": at(days), **said}


NOTES = {
    "activity_id": pl.String,
    "deal_id": pl.String,
    "customer_id": pl.String,
    "rep_id": pl.String,
    "kind": pl.String,
    "direction": pl.String,
    "occurred_at": pl.Datetime("us"),
    "recorded_at": pl.Datetime("us"),
}


def book_of(notes: list[dict[str, Any]], *, created: float = -40, moved: float = 0, **frames: pl.DataFrame) -> Book:
    deals = {"deal_id": ["D"], "customer_id": ["C1"], "owner_id": ["R1"], "created_at": [at(created)]}
    events = {"deal_id": ["D", "D"], "stage": ["lead", "quote"], "entered_at": [at(created), at(moved)]}
    tables = {"stages": STAGES, "deals": pl.DataFrame(deals), "stage_events": pl.DataFrame(events), **frames}
    return Book.from_frames(activities=pl.DataFrame(notes, schema=NOTES), exported_at=at(60), **tables)


def verdict_of(notes: list[dict[str, Any]], as_of: float = 30, strictness: int = 3, **said: Any) -> str:
    found = funnel.advances(book_of(notes, **said).as_of(at(as_of)), strictness=strictness)
    return str(found["verdict"].item())


OUT = note(-1, "outbound")  # the rep's own record: with it the silence of the customer says something


@pytest.mark.parametrize(
    ("notes", "expected"),
    [
        ([note(-7)], "real"),  # Wednesday a week before: five working days
        ([note(7)], "real"),
        ([OUT, note(-8)], "pseudo"),
        ([OUT, note(8)], "pseudo"),
        ([OUT], "pseudo"),
        ([note(0, deal=None)], "real"),  # the customer, no deal named
        ([OUT, note(0, deal=None, customer_id="C2")], "pseudo"),
        ([OUT, note(0, deal="another")], "pseudo"),
        ([], "unrecorded"),
        ([note(-1, "outbound", deal="another")], "unrecorded"),  # writes, but never about its moves
        ([OUT, note(2, recorded_at=at(45))], "pseudo"),  # entered only after the moment of asking
    ],
)
def test_each_rule(notes: list[dict[str, Any]], expected: str) -> None:
    assert verdict_of(notes) == expected


@pytest.mark.parametrize(
    ("notes", "real_up_to"),
    [([OUT], 1), ([note(1, "outbound", "meeting")], 2), ([note(1, "inbound", "meeting")], 4), ([note(1), note(2)], 5)],
)
def test_each_strictness_asks_for_more(notes: list[dict[str, Any]], real_up_to: int) -> None:
    found = {strictness: verdict_of(notes, strictness=strictness) for strictness in STRICTNESS}
    assert found == {strictness: "real" if strictness <= real_up_to else "pseudo" for strictness in STRICTNESS}


def test_documents_orders_contracts_and_the_beginning_are_evidence() -> None:
    opened = pl.DataFrame({"document_id": ["F"], "deal_id": ["D"], "sent_at": [at(-20)], "opened_at": [at(3)]})
    order = pl.DataFrame({"order_id": ["O"], "deal_id": ["D"], "ordered_at": [at(3)]})
    signed = pl.DataFrame({"contract_id": ["H"], "deal_id": ["D"], "signed_on": [at(3).date()]})
    assert verdict_of([OUT], documents=opened) == "real"
    assert verdict_of([OUT], as_of=2.9, documents=opened) == "pending"
    assert verdict_of([OUT], orders=order) == "real"
    assert verdict_of([OUT], contracts=signed) == "real"
    assert verdict_of([OUT], created=-5) == "real"
    assert verdict_of([OUT], created=-5, strictness=4) == "pseudo"


def test_nothing_is_judged_before_its_window_is_over() -> None:
    assert verdict_of([OUT], as_of=7) == "pending"
    assert verdict_of([OUT], as_of=8) == "pseudo"


def test_the_window_is_of_working_days() -> None:
    # the spring festival of 2026: nobody works from 15 to 23 February; the 14th, a Saturday, is worked
    moved = (dt.datetime(2026, 2, 13, 17) - MOVED).days
    notes = [note((dt.datetime(2026, 2, 27, 9) - MOVED).days + 1), note(moved, "outbound")]
    found = funnel.advances(book_of(notes, created=moved - 40, moved=moved).as_of("2026-03-31"))
    assert found.select("verdict", "n_evidence").row(0) == ("real", 1)
    plain = Calendar.from_days({}, on_top_of="weekdays")
    found = funnel.advances(book_of(notes, created=moved - 40, moved=moved).as_of("2026-03-31"), calendar=plain)
    assert found["verdict"].item() == "pseudo"


def test_a_rep_who_stops_writing_is_not_judged_by_silence() -> None:
    """Two moves: around the first the rep wrote, around the second on no deal at all."""
    events = pl.DataFrame(
        {"deal_id": ["D"] * 3, "stage": ["lead", "quote", "sign"], "entered_at": [at(-60), at(-40), at(0)]},
    )
    stages = pl.DataFrame({"stage": ["lead", "quote", "sign"], "position": [1, 2, 3]})
    snapshot = book_of([note(-39, "outbound")], created=-100, stages=stages, stage_events=events).as_of(at(30))
    assert funnel.advances(snapshot).select("stage", "verdict", "record_share").rows() == [
        ("sign", "unrecorded", 0.5),
        ("quote", "pseudo", 0.5),
    ]
    assert funnel.advances(snapshot, min_record_share=0.6)["verdict"].to_list() == ["unrecorded", "unrecorded"]


def test_updates_without_evidence_are_found_where_two_exports_tell_them() -> None:
    book = Book(":memory:")
    for moment, amount, close in ((at(-10), 100, 1), (at(0), 200, 2)):
        frame = {"deal_id": ["D"], "owner_id": ["R1"], "status": ["open"], "stage": ["lead"], "created_at": [at(-60)]}
        deals = pl.DataFrame({**frame, "amount": [amount], "expected_close_on": [dt.date(2026, 6, close)]})
        rows = {
            "deals": deals.cast({"amount": pl.Decimal(18, 2)}),
            "stages": STAGES,
            "stage_events": pl.DataFrame({"deal_id": ["D"], "stage": ["lead"], "entered_at": [at(-60)]}),
            "activities": pl.DataFrame([OUT], schema=NOTES),
        }
        with book.write() as writer:
            for table, frame in rows.items():
                writer.merge(table, frame, load_id=str(moment), exported_at=moment)
    snapshot = book.as_of(at(20))
    found = funnel.pseudo_advances(snapshot, since=at(-5))
    assert found.select("move", "moved_at", "stage").rows() == [("amount_up", at(0), "lead"), ("postponed", at(0), "lead")]
    assert funnel.pseudo_advances(snapshot).height == 0
    assert funnel.pseudo_advances(snapshot, since=at(1)).height == 0


def by_a_plain_loop(company: sample.Company, k: int) -> dict[tuple[str, dt.datetime], str]:
    """Judge every move of the company at its export, reading its frames row by row."""
    calendar, frames = Calendar.china(), company.frames
    place = {row["stage"]: row["position"] for row in frames["stages"].to_dicts()}
    owner = dict(frames["deals"].select("deal_id", "owner_id").rows())
    signs: dict[str, list[tuple[dt.date, bool, bool]]] = {}
    heard: dict[str, set[dt.date]] = {}
    for row in frames["activities"].to_dicts():
        signs.setdefault(row["deal_id"], []).append((row["occurred_at"].date(), row["direction"] == "inbound", True))
        heard.setdefault(row["rep_id"], set()).add(row["occurred_at"].date())
    for table, moment in (
        ("documents", "opened_at"),
        ("orders", "ordered_at"),
        ("contracts", "signed_on"),
        ("deals", "created_at"),
    ):
        for row in frames[table].to_dicts():
            if (
                row[moment] is not None
                and row["deal_id"] is not None
                and row[moment] <= (sample.EXPORTED_AT if isinstance(row[moment], dt.datetime) else sample.EXPORTED_AT.date())
            ):
                day = row[moment].date() if isinstance(row[moment], dt.datetime) else row[moment]
                signs.setdefault(row["deal_id"], []).append((day, True, False))
    moves: list[tuple[str, dt.datetime, bool, bool]] = []
    past: dict[str, int] = {}
    for row in frames["stage_events"].sort("deal_id", "entered_at").to_dicts():
        deal, moment, now = row["deal_id"], row["entered_at"], place[row["stage"]]
        if now <= 4 and deal in past and now > past[deal]:
            near = [one for one in signs.get(deal, []) if abs(calendar.working_days(moment.date(), one[0])) <= k]
            moves.append((deal, moment, any(one[1] for one in near), any(one[2] for one in near)))
        past[deal] = now
    share: dict[str, list[bool]] = {}
    for deal, _, _, is_recorded in moves:
        share.setdefault(owner[deal], []).append(is_recorded)
    found = {}
    for deal, moment, is_real, _ in moves:
        own = share[owner[deal]]
        spoke = any(abs(calendar.working_days(moment.date(), day)) <= k for day in heard.get(owner[deal], ()))
        is_over = calendar.working_days(moment.date(), sample.EXPORTED_AT.date()) > k
        silent = not spoke or sum(own) / len(own) < 0.5
        found[(deal, moment)] = "real" if is_real else "pending" if not is_over else "unrecorded" if silent else "pseudo"
    return found


def test_verdicts_equal_those_of_a_plain_loop(sample_company: sample.Company, sample_snapshot: Snapshot) -> None:
    found = funnel.advances(sample_snapshot)
    expected = by_a_plain_loop(sample_company, 5)
    assert {(deal, moment): word for deal, moment, word in found.select("deal_id", "moved_at", "verdict").rows()} == expected
    assert set(expected.values()) == {"real", "pending", "pseudo", "unrecorded"}


def planted(company: sample.Company) -> pl.DataFrame:
    cases = pl.DataFrame(company.truth["process"]["pseudo_advances"])
    return cases.select("deal_id", moved_at=pl.col("entered_at").str.to_datetime(time_unit="us"))


@pytest.mark.parametrize("seed", [7, 3, 4])
def test_the_default_finds_the_planted_cases_and_little_else(seed: int) -> None:
    """The rules were chosen with seed 7 in view (and 1 and 2); 3 and 4 were generated when they stood."""
    company = sample.generate(seed=seed)
    snapshot = Book.from_frames(exported_at=sample.EXPORTED_AT, **company.frames).as_of(sample.EXPORTED_AT)
    curve = funnel.pseudo_advance_curve(snapshot, planted(company))
    default = curve.filter(pl.col("strictness") == 3).row(0, named=True)
    assert default["n_known"] > 50
    assert default["precision"] >= 0.8
    assert default["recall"] >= 0.7
    assert curve["n_flagged"].is_sorted()
    assert curve["recall"].is_sorted()
    taken_back = funnel.reversals(snapshot).rows_by_key("verdict", named=True, unique=True)
    assert taken_back["pseudo"]["low"] > taken_back["real"]["high"]


def test_reviewed_cases_of_both_kinds(sample_company: sample.Company, sample_snapshot: Snapshot) -> None:
    flagged = funnel.pseudo_advances(sample_snapshot).head(10)
    reviewed = flagged.select("deal_id", "moved_at", is_pseudo=pl.Series([True] * 6 + [False] * 4))
    curve = funnel.pseudo_advance_curve(sample_snapshot, reviewed).filter(pl.col("strictness") == 3).row(0, named=True)
    assert (curve["n_flagged"], curve["n_hit"], curve["n_known"], curve["precision"], curve["recall"]) == (10, 6, 6, 0.6, 1.0)
    low, high = proportion_confint(6, 10, method="wilson")
    assert (curve["precision_low"], curve["precision_high"]) == pytest.approx((low, high), abs=1e-12)
    with pytest.raises(UsageError, match="moved_at"):
        funnel.pseudo_advance_curve(sample_snapshot, reviewed.drop("moved_at"))


def test_reversals_equal_a_count_by_hand(sample_snapshot: Snapshot) -> None:
    moves = funnel.advances(sample_snapshot)
    for row in funnel.reversals(sample_snapshot, within_days=45).to_dicts():
        own = [m for m in moves.to_dicts() if m["verdict"] == row["verdict"] and sample_snapshot.as_of - m["moved_at"] >= SPAN]
        backward = [m["exit"] for m in own if m["left_at"] and m["left_at"] - m["moved_at"] <= SPAN]
        assert (row["n"], row["n_back"], row["n_lost"]) == (len(own), backward.count("regressed"), backward.count("lost"))
        low, high = proportion_confint(row["n_back"] + row["n_lost"], row["n"], method="wilson")
        assert (row["low"], row["high"]) == pytest.approx((low, high), abs=1e-12)


SPAN = dt.timedelta(days=45)


def test_without_moves_there_is_nothing_to_say() -> None:
    empty = Book.from_frames().as_of("2026-01-31")
    assert funnel.pseudo_advances(empty).height == 0
    assert funnel.reversals(empty).select("n", "reversed_share", "low").rows() == [(0, None, None)] * 3


def test_what_makes_no_sense_is_refused(sample_snapshot: Snapshot) -> None:
    with pytest.raises(UsageError, match="no strictness 6"):
        funnel.advances(sample_snapshot, strictness=6)
    with pytest.raises(UsageError, match="-1 working days"):
        funnel.advances(sample_snapshot, k_working_days=-1)
    with pytest.raises(UsageError, match="too few"):
        funnel.reversals(sample_snapshot, within_days=0)

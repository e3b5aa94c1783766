"""Changes: each part on a small case, and the bridge against totals and a plain loop on random histories."""

from __future__ import annotations

import datetime as dt
import itertools
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from salesiq import funnel
from salesiq.book import Book, Snapshot
from salesiq.errors import UsageError
from salesiq.funnel.changes import PARTS

BEFORE, AFTER = dt.datetime(2026, 6, 22, 20), dt.datetime(2026, 6, 29, 20)
STAGES = pl.DataFrame(
    {
        "stage": ["lead", "quote", "sign", "won", "lost"],
        "position": [1, 2, 3, 4, 5],
        "is_won": [False, False, False, True, False],
        "is_lost": [False, False, False, False, True],
    }
)
SCHEMA = {
    "deal_id": pl.String,
    "status": pl.String,
    "stage": pl.String,
    "amount": pl.Decimal(18, 2),
    "owner_id": pl.String,
    "expected_close_on": pl.Date,
    "closed_at": pl.Datetime("us"),
    "created_at": pl.Datetime("us"),
    "product_line": pl.String,
}
Version = dict[str, Any]
PERIOD = "2026-Q3"
IN, LATER, EARLIER = dt.date(2026, 8, 1), dt.date(2026, 11, 1), dt.date(2026, 5, 1)


def deal(**said: Any) -> Version:
    usual = {"status": "open", "stage": "lead", "amount": Decimal(100), "owner_id": "R1", "expected_close_on": IN}
    return {**usual, "created_at": BEFORE - dt.timedelta(days=60), "closed_at": None, "product_line": "A", **said}


def book_of(before: dict[str, Version], after: dict[str, Version]) -> tuple[Snapshot, Snapshot]:
    """What two exports knew of the deals; one that the later export does not hold is gone."""
    rows = [{"deal_id": name, **one, "known_from": BEFORE, "known_to": AFTER} for name, one in before.items()]
    rows += [{"deal_id": name, **one, "known_from": AFTER, "known_to": None} for name, one in after.items()]
    schema = SCHEMA | {"known_from": pl.Datetime("us"), "known_to": pl.Datetime("us")}
    book = Book.from_frames(stages=STAGES, deals=pl.DataFrame(rows, schema=schema), exported_at=AFTER)
    return book.as_of(BEFORE), book.as_of(AFTER)


Case = tuple[Version | None, Version | None, list[tuple[str, int, int]]]


def check(cases: list[Case], **arguments: Any) -> None:
    """Check what is told of each case, all of them in one book."""
    sides = [{f"D{n}": case[side] for n, case in enumerate(cases) if case[side]} for side in (0, 1)]
    found = funnel.changes(*book_of(*sides), **arguments)
    for n, (_, _, expected) in enumerate(cases):
        told = found.filter(pl.col("deal_id") == f"D{n}").select("part", "n_deals", "amount").rows()
        assert told == [(part, sign, Decimal(amount)) for part, sign, amount in expected], f"case {n}"


def closed(status: str, **said: Any) -> Version:
    return deal(status=status, stage=status, closed_at=AFTER - dt.timedelta(days=2), **said)


FRESH = {"created_at": BEFORE + dt.timedelta(days=1)}
LONG_CLOSED = {"closed_at": BEFORE - dt.timedelta(days=5)}


def test_each_part() -> None:
    check(
        [
            (None, deal(**FRESH), [("new", 1, 100)]),
            (None, closed("won", **FRESH), [("new", 1, 100), ("won", -1, -100)]),
            (deal(), closed("won", amount=Decimal(130)), [("amount_up", 0, 30), ("won", -1, -130)]),
            (deal(), closed("lost", amount=Decimal(90)), [("amount_down", 0, -10), ("lost", -1, -90)]),
            (closed("lost") | LONG_CLOSED, deal(), [("reopened", 1, 100)]),
            (closed("won") | LONG_CLOSED, closed("lost"), [("reopened", 1, 100), ("lost", -1, -100)]),
            (deal(), None, [("removed", -1, -100)]),
            (closed("won") | LONG_CLOSED, None, []),
            (deal(amount=None), deal(), [("amount_up", 0, 100)]),
            (deal(), deal(amount=None), [("amount_down", 0, -100)]),
            (deal(stage="sign"), deal(stage="quote"), [("stage_back", 0, 0)]),
            (deal(), deal(stage="quote", owner_id="R2"), [("owner_changed", 0, 0), ("stage_forward", 0, 0)]),
            (deal(), deal(expected_close_on=LATER), [("postponed", 0, 0)]),
            (deal(), deal(expected_close_on=EARLIER), [("brought_forward", 0, 0)]),
            (deal(), deal(), []),
            (closed("won") | LONG_CLOSED, closed("won", amount=Decimal(7)) | LONG_CLOSED, []),
        ]
    )


def test_of_a_period() -> None:
    check(
        [
            (deal(expected_close_on=LATER), deal(), [("pulled_in", 1, 100)]),
            (deal(expected_close_on=EARLIER), deal(), [("into_scope", 1, 100)]),
            (deal(expected_close_on=None), deal(amount=Decimal(70)), [("into_scope", 1, 70)]),
            (deal(), deal(expected_close_on=LATER, amount=Decimal(5)), [("pushed_out", -1, -100)]),
            (deal(), deal(expected_close_on=EARLIER), [("out_of_scope", -1, -100)]),
            (deal(), deal(expected_close_on=None), [("out_of_scope", -1, -100)]),
            (deal(), deal(expected_close_on=dt.date(2026, 9, 30)), [("postponed", 0, 0)]),
            (deal(), deal(expected_close_on=dt.date(2026, 10, 1)), [("pushed_out", -1, -100)]),
            (deal(expected_close_on=LATER), deal(expected_close_on=LATER, amount=Decimal(1)), []),
            (None, deal(expected_close_on=LATER, **FRESH), []),
            # closed in June: of no concern to the third quarter, but that it no longer counts there
            (deal(expected_close_on=LATER), closed("won"), []),
            (deal(), closed("won"), [("won", -1, -100)]),
        ],
        period=PERIOD,
    )


def test_a_deal_won_earlier_than_expected_was_pulled_in() -> None:
    check([(deal(expected_close_on=LATER), closed("won"), [("pulled_in", 1, 100), ("won", -1, -100)])], period="2026-Q2")


def test_a_new_owner_takes_the_amount_along_and_what_happens_then_happens_to_the_new_owner() -> None:
    before, after = book_of({"D": deal()}, {"D": deal(owner_id="R2", amount=Decimal(150))})
    found = funnel.changes(before, after, by="rep_id").select("rep_id", "part", "n_deals", "amount").rows()
    assert set(found) == {
        ("R1", "owner_changed", -1, Decimal(-100)),
        ("R2", "owner_changed", 1, Decimal(100)),
        ("R2", "amount_up", 0, Decimal(50)),
    }
    assert funnel.changes(before, after, by="product_line")["part"].to_list() == ["owner_changed", "amount_up"]


def test_a_deal_whose_group_changed_with_the_same_owner_is_regrouped() -> None:
    before, after = book_of({"D": deal()}, {"D": closed("lost", product_line="B")})
    found = funnel.changes(before, after, by=["product_line"]).select("product_line", "part", "amount").rows()
    assert set(found) == {("A", "regrouped", Decimal(-100)), ("B", "regrouped", Decimal(100)), ("B", "lost", Decimal(-100))}


def test_the_moments_must_be_in_order_and_the_groups_must_say_something() -> None:
    before, after = book_of({"D": deal()}, {"D": deal()})
    with pytest.raises(UsageError, match="later than"):
        funnel.changes(after, before)
    with pytest.raises(UsageError, match="cannot be grouped by stage"):
        funnel.bridge(before, after, by="stage")
    assert funnel.bridge(before, before)["step"].to_list() == ["then", "now"]


def test_a_deal_that_the_next_export_no_longer_holds_was_removed() -> None:
    book = Book(":memory:")
    for moment, names in ((BEFORE, ["D1", "D2"]), (AFTER, ["D2"])):
        rows = pl.DataFrame([{"deal_id": name, **deal()} for name in names], schema=SCHEMA)
        with book.write() as writer:
            writer.merge("deals", rows, load_id=str(moment), exported_at=moment)
    before, after = book.as_of(BEFORE), book.as_of(AFTER)
    assert funnel.changes(before, after).select("deal_id", "part", "amount").rows() == [("D1", "removed", Decimal(-100))]
    assert funnel.bridge(before, after)["amount"].to_list() == [200, -100, 100]


def test_nothing_was_known_yet() -> None:
    empty = Book.from_frames().as_of("2026-01-31")
    assert funnel.changes(empty, empty).height == 0
    assert funnel.bridge(empty, empty).select("step", "n_deals", pl.col("amount").cast(float)).rows() == [
        ("then", 0, 0.0),
        ("now", 0, 0.0),
    ]
    assert funnel.stage_flows(empty, empty).height == 0


QUARTERS = {
    None: (None, None),
    "2026-Q2": (dt.date(2026, 4, 1), dt.date(2026, 7, 1)),
    "2026-Q3": (dt.date(2026, 7, 1), dt.date(2026, 10, 1)),
}
amounts = st.one_of(st.none(), st.decimals(Decimal("-99.99"), Decimal("9999999999999.99"), places=2))
days = st.sampled_from([None, EARLIER, dt.date(2026, 6, 30), dt.date(2026, 7, 1), IN, dt.date(2026, 9, 30), LATER])


@st.composite
def versions(draw: st.DrawFn) -> Version:
    status = draw(st.sampled_from(["open", "open", "won", "lost"]))
    stage = draw(st.sampled_from(["lead", "quote", "sign"])) if status == "open" else status
    said = {"amount": draw(amounts), "owner_id": draw(st.sampled_from(["R1", "R2", None])), "expected_close_on": draw(days)}
    return deal(status=status, stage=stage, product_line=draw(st.sampled_from(["A", "B", None])), **said)


@st.composite
def histories(draw: st.DrawFn) -> tuple[dict[str, Version], dict[str, Version]]:
    before, after = {}, {}
    for name in range(draw(st.integers(1, 40))):
        earlier, later = draw(versions()), draw(versions())
        kind = draw(st.sampled_from(["old", "old", "fresh", "gone"]))
        created = BEFORE + dt.timedelta(days=1 if kind == "fresh" else -60)
        if kind != "fresh":
            before[f"D{name}"] = earlier | {"closed_at": None if earlier["status"] == "open" else BEFORE - dt.timedelta(days=3)}
        closed_at = draw(st.sampled_from([AFTER - dt.timedelta(days=1), AFTER - dt.timedelta(days=5)]))
        if kind != "gone":
            after[f"D{name}"] = later | {"created_at": created, "closed_at": None if later["status"] == "open" else closed_at}
    return before, after


def open_total(versions: dict[str, Version], start: dt.date | None, end: dt.date | None) -> tuple[int, Decimal]:
    """Count the open deals of the period by a plain loop."""
    n, total = 0, Decimal(0)
    for one in versions.values():
        day = one["expected_close_on"]
        if one["status"] == "open" and (start is None or (day is not None and start <= day < end)):
            n, total = n + 1, total + (one["amount"] or 0)
    return n, total


@settings(max_examples=12, deadline=None)
@given(history=histories(), period=st.sampled_from([None, "2026-Q2", "2026-Q3"]))
def test_the_parts_bridge_the_totals_to_the_cent(
    history: tuple[dict[str, Version], dict[str, Version]], period: str | None
) -> None:
    before, after = book_of(*history)
    start, end = QUARTERS[period]
    then, now = (open_total(versions, start, end) for versions in history)
    rows = funnel.changes(before, after, period=period)
    assert (then[0] + rows["n_deals"].sum(), then[1] + sum(rows["amount"])) == now
    steps = funnel.bridge(before, after, period=period)
    assert steps.select("n_deals", "amount").row(0) == then
    assert steps.select("n_deals", "amount").row(-1) == now
    inner = steps[1:-1]
    assert (then[0] + inner["n_deals"].sum(), then[1] + sum(inner["amount"])) == now
    assert set(rows["part"]) == set(inner["step"])
    assert inner["n_touched"].sum() == rows.height
    assert rows.select("deal_id", "part").is_duplicated().sum() == 0
    assert set(rows["part"]) <= set(PARTS)
    for name in {**history[0], **history[1]}:  # not only the sum: every deal's own rows tell its own difference
        own = rows.filter(pl.col("deal_id") == name)
        one_then, one_now = (open_total({n: v for n, v in side.items() if n == name}, start, end) for side in history)
        assert (one_then[0] + own["n_deals"].sum(), one_then[1] + sum(own["amount"])) == one_now


@settings(max_examples=8, deadline=None)
@given(history=histories(), period=st.sampled_from([None, "2026-Q3"]), by=st.sampled_from(["rep_id", "product_line"]))
def test_the_parts_bridge_the_totals_of_every_group(
    history: tuple[dict[str, Version], dict[str, Version]], period: str | None, by: str
) -> None:
    column = {"rep_id": "owner_id", "product_line": "product_line"}[by]
    start, end = QUARTERS[period]
    book = book_of(*history)
    steps = funnel.bridge(*book, by=by, period=period)
    rows = funnel.changes(*book, by=by, period=period)
    for group in {one[column] for versions in history for one in versions.values()}:
        then, now = (
            open_total({name: one for name, one in versions.items() if one[column] == group}, start, end)
            for versions in history
        )
        own = steps.filter(pl.col(by).eq_missing(group))
        inner = own.filter(~pl.col("step").is_in(["then", "now"]))
        assert (then[0] + inner["n_deals"].sum(), then[1] + sum(inner["amount"])) == now
        assert own.filter(pl.col("step") == "then").select("n_deals", "amount").rows() in ([then], [])
        of_group = rows.filter(pl.col(by).eq_missing(group))
        assert (then[0] + of_group["n_deals"].sum(), then[1] + sum(of_group["amount"])) == now


@settings(max_examples=6, deadline=None)
@given(history=histories())
def test_flows_count_every_deal_in_play_once(history: tuple[dict[str, Version], dict[str, Version]]) -> None:
    before, after = book_of(*history)
    flows = funnel.stage_flows(before, after)
    then, now = (open_total(versions, None, None) for versions in history)
    assert flows.filter(pl.col("began") == "open")["n_deals"].sum() == then[0]
    still = flows.filter(pl.col("ended") == "open")
    assert (still["n_deals"].sum(), sum(still["amount"])) == now
    assert flows.filter((pl.col("began") == "open") & pl.col("stage_before").is_null()).height == 0
    assert flows["ended"].is_in(["open", "won", "lost", "removed"]).all()


def test_weeks_of_the_sample_company_add_up_to_its_quarter(sample_snapshot: Snapshot) -> None:
    """Week by week or at once: the totals meet, and what is new less what closed is the same."""
    moments = [dt.datetime(2026, 4, 1) + dt.timedelta(days=12 * n) for n in range(8)]
    snapshots = [sample_snapshot.earlier(moment) for moment in moments]
    weeks = [funnel.bridge(a, b) for a, b in itertools.pairwise(snapshots)]
    whole = funnel.bridge(snapshots[0], snapshots[-1])
    for left, right in itertools.pairwise(weeks):
        assert left["amount"][-1] == right["amount"][0]
    inner = pl.concat(weeks).filter(~pl.col("step").is_in(["then", "now"]))
    assert whole["amount"][0] + sum(inner["amount"]) == whole["amount"][-1]
    won = whole.filter(pl.col("step") == "won")["n_deals"].item()
    by_loop = sample_snapshot.sql(
        "SELECT count(*) AS n FROM base.deals(as_of := $as_of) WHERE status = 'won' AND closed_at > $a AND closed_at <= $b",
        a=moments[0],
        b=moments[-1],
    )["n"].item()
    assert -won == by_loop > 20

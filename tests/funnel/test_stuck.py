"""Stuck deals and approvals overdue: against plain loops, against truth in a simulation, and where they must not speak."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy.stats import gamma

from salesiq import funnel
from salesiq.book import Book, Snapshot
from salesiq.calendar import Calendar
from salesiq.errors import UsageError

START = dt.datetime(2025, 1, 6, 9)
STAGES = pl.DataFrame(
    {
        "stage": ["lead", "quote", "won", "lost"],
        "position": [1, 2, 3, 4],
        "is_won": [False, False, True, False],
        "is_lost": [False, False, False, True],
    }
)
P_WON, MEAN_DAYS = 0.3, 40.0


def simulated(n: int, cut: float, seed: int) -> tuple[Snapshot, dict[str, Any]]:
    """Deals that stay in `lead`, go on to `quote` or are lost, and are won or lost from there, asked about at `cut` days."""
    rng = np.random.default_rng(seed)
    entered, stay, further = rng.uniform(0, cut, n), rng.exponential(MEAN_DAYS, n), rng.exponential(MEAN_DAYS, n)
    goes_on, wins = rng.random(n) < 0.5, rng.random(n) < 2 * P_WON
    rows = [(f"D{k:05d}", "lead", entered[k]) for k in range(n)]
    rows += [(f"D{k:05d}", "quote" if goes_on[k] else "lost", entered[k] + stay[k]) for k in range(n)]
    rows += [(f"D{k:05d}", "won" if wins[k] else "lost", entered[k] + stay[k] + further[k]) for k in range(n) if goes_on[k]]
    events = pl.DataFrame(rows, schema=["deal_id", "stage", "day"], orient="row").select(
        "deal_id", "stage", entered_at=pl.lit(START) + pl.duration(microseconds=(pl.col("day") * 86400e6).cast(pl.Int64))
    )
    deals = pl.DataFrame(
        {
            "deal_id": [f"D{k:05d}" for k in range(n)],
            "created_at": [START + dt.timedelta(days=float(x)) for x in entered],
            "source": ["web" if k % 10 else "fair" for k in range(n)],
        }
    )
    book = Book.from_frames(stages=STAGES, stage_events=events, deals=deals, exported_at=START + dt.timedelta(days=9000))
    facts = {"entered": entered, "stay": stay, "further": further, "goes_on": goes_on, "wins": wins}
    return book.as_of(START + dt.timedelta(days=cut)), facts


@pytest.fixture(scope="module")
def asked() -> tuple[Snapshot, dict[str, Any]]:
    return simulated(3000, 200.0, 3)


def test_who_is_stuck_equals_a_plain_loop_over_dwell(asked: tuple[Snapshot, dict[str, Any]]) -> None:
    snapshot, _ = asked
    found = funnel.stuck(snapshot)
    limit = dict(funnel.dwell(snapshot).select("stage", "p90_days").rows())
    waiting = funnel.visits(snapshot).filter(pl.col("left_at").is_null())
    expected = {(d, s) for d, s, days in waiting.select("deal_id", "stage", "days").rows() if days > limit[s]}
    assert set(found.select("deal_id", "stage").rows()) == expected
    assert len(expected) > 30
    assert found.select("stage", "p90_days").unique().height == 2
    assert found["rests_on"].unique().to_list() == ["stage"]


def test_how_unusual_is_the_product_limit_just_before_the_wait(asked: tuple[Snapshot, dict[str, Any]]) -> None:
    snapshot, _ = asked
    stays = funnel.visits(snapshot).filter(pl.col("stage") == "lead")
    days, is_left = stays["days"].to_numpy(), stays["left_at"].is_not_null().to_numpy()
    for row in funnel.stuck(snapshot).filter(pl.col("stage") == "lead").head(5).to_dicts():
        surviving = 1.0
        for day in sorted(days[is_left & (days < row["waiting_days"])]):
            surviving *= 1 - 1 / np.sum(days >= day)
        assert row["longer_share"] == pytest.approx(surviving, abs=1e-9)
        assert row["longer_share"] <= 0.1 + 1e-9


def chance_by_a_plain_loop(facts: dict[str, Any], cut: float, mark: float, horizon: float) -> float:
    """Aalen and Johansen by a loop over the deals whose stay in the first stage reached `mark`."""
    rows = []
    for k, entered in enumerate(facts["entered"]):
        if min(facts["stay"][k], cut - entered) < mark:
            continue
        end = entered + facts["stay"][k] + (facts["further"][k] if facts["goes_on"][k] else 0.0)
        how = 0 if end > cut else 1 if facts["goes_on"][k] and facts["wins"][k] else 2
        rows.append((min(end, cut) - entered - mark, how))
    going, won = 1.0, 0.0
    for day, how in sorted(rows):
        if day > horizon + 1e-6:
            break
        at_risk = sum(other >= day for other, _ in rows)
        if how == 1:
            won += going / at_risk
        if how:
            going *= 1 - 1 / at_risk
    return won


def test_the_chance_of_winning_equals_a_plain_loop(asked: tuple[Snapshot, dict[str, Any]]) -> None:
    snapshot, facts = asked
    found = funnel.stuck(snapshot).filter((pl.col("stage") == "lead") & pl.col("win_share").is_not_null())
    assert found.height > 10
    for row in found.sort("waiting_days").to_dicts()[:3]:
        n_like = {}
        for mark in range(int(row["waiting_days"]), 0, -1):
            stays = np.minimum(facts["stay"], 200.0 - facts["entered"])
            n_like[mark] = int(np.sum((stays >= mark) & (facts["entered"] <= 200.0)))
            if n_like[mark] == row["n_like"]:
                break
        assert row["n_like"] == n_like[mark]
        assert row["win_share"] == pytest.approx(chance_by_a_plain_loop(facts, 200.0, mark, row["win_within_days"]), abs=1e-9)
        assert row["win_low"] < row["win_share"] < row["win_high"]


def test_the_interval_holds_the_true_chance() -> None:
    """Exponential stays forget how long they lasted: whoever still waits in the first stage is won in 3 of 10 cases."""
    held, n = 0, 10
    for seed in range(n):
        snapshot, _ = simulated(1500, 500.0, 100 + seed)
        told = funnel.stuck(snapshot).filter((pl.col("stage") == "lead") & pl.col("win_share").is_not_null())
        row = told.sort("waiting_days").row(0, named=True)
        truth = P_WON * gamma.cdf(row["win_within_days"], 2, scale=MEAN_DAYS)  # two stages lie ahead
        held += row["win_low"] <= truth <= row["win_high"]
        assert row["win_share"] == pytest.approx(truth, abs=0.15)
        assert row["entry_win_share"] == pytest.approx(P_WON, abs=0.05)
    assert held >= n - 2


def test_a_small_group_is_measured_by_all_of_its_stage(asked: tuple[Snapshot, dict[str, Any]]) -> None:
    snapshot, _ = asked
    whole = dict(funnel.dwell(snapshot).select("stage", "p90_days").rows())
    own = {(s, g): p for s, g, p in funnel.dwell(snapshot, by="source").select("stage", "source", "p90_days").rows()}
    found = funnel.stuck(snapshot, by="source", min_n=300)
    assert set(found.select("source", "rests_on").unique().rows()) == {("web", "group"), ("fair", "stage")}
    for row in found.to_dicts():
        assert row["p90_days"] == (whole[row["stage"]] if row["source"] == "fair" else own[(row["stage"], row["source"])])


def test_too_few_are_said_to_be_too_few_and_nothing_reached_is_nothing_stuck() -> None:
    snapshot, _ = simulated(60, 80.0, 5)
    found = funnel.stuck(snapshot)
    few = found.filter(pl.col("win_share").is_null())
    assert few.select("win_low", "win_high", "win_within_days").null_count().row(0) == (few.height,) * 3
    assert (found["n_like"] >= 1).all()
    fresh, _ = simulated(60, 4.0, 5)
    assert funnel.stuck(fresh).height == 0  # the curves do not come down to a tenth
    empty = Book.from_frames().as_of("2026-01-31")
    assert funnel.stuck(empty, by="region").height == 0
    with pytest.raises(UsageError, match="0 stays"):
        funnel.stuck(snapshot, min_n=0)
    with pytest.raises(UsageError, match="nearest column is source"):
        funnel.stuck(snapshot, by="sources")


def test_owner_amount_and_the_newest_next_step_stand_beside(sample_snapshot: Snapshot) -> None:
    found = funnel.stuck(sample_snapshot)
    assert found["amount"].is_sorted(descending=True)
    notes = sample_snapshot.run("base.activities", order=("occurred_at", "activity_id")).filter(
        pl.col("next_step").is_not_null()
    )
    newest = {row["deal_id"]: (row["next_step"], row["next_step_due_at"]) for row in notes.to_dicts()}
    deals = sample_snapshot.run("base.deals").rows_by_key("deal_id", named=True, unique=True)
    for row in found.to_dicts():
        assert (row["next_step"], row["next_step_due_at"]) == newest.get(row["deal_id"], (None, None))
        assert (row["rep_id"], row["amount"]) == tuple(deals[row["deal_id"]][name] for name in ("owner_id", "amount"))
        assert deals[row["deal_id"]]["status"] == "open"
    by_rep = funnel.stuck(sample_snapshot, by=["rep_id"], min_n=100_000)
    assert set(by_rep["deal_id"]) == set(found["deal_id"])


def requests(rows: list[tuple[str, str, float, float | None]]) -> pl.DataFrame:
    def at(day: float | None) -> dt.datetime | None:
        return None if day is None else START + dt.timedelta(days=day)

    told = [(name, node, at(start), at(end), "approved" if end is not None else None, "M1") for name, node, start, end in rows]
    schema = {"approval_id": pl.String, "node": pl.String, "submitted_at": pl.Datetime("us"), "decided_at": pl.Datetime("us")}
    return pl.DataFrame(told, schema=schema | {"outcome": pl.String, "approver_id": pl.String}, orient="row")


DECIDED = [(f"P{n:03d}", "legal", 7.0 * n, 7.0 * n + 1 + n % 4) for n in range(30)]


def test_an_approval_is_overdue_by_its_own_node_in_working_days() -> None:
    # START is a Monday; decided after 1 to 4 days, Tuesday to Friday: 9 in 10 within 4 working days
    rows = [*DECIDED, ("late", "legal", 200.0, None), ("soon", "legal", 206.0, None)]
    plain = Calendar.from_days({}, on_top_of="weekdays")
    snapshot = Book.from_frames(approvals=requests(rows)).as_of(START + dt.timedelta(days=207))
    found = funnel.approvals(snapshot, calendar=plain)
    shown = found.select("approval_id", "is_overdue", "rests_on", pl.col("waiting_working_days", "p90_working_days").round(6))
    assert shown.rows() == [("late", True, "node", 5.0, 4.0), ("soon", False, "node", 1.0, 4.0)]
    assert found["waiting_days"].round(6).to_list() == [7.0, 1.0]
    assert found["approver_id"].to_list() == ["M1", "M1"]


def test_a_holiday_makes_nobody_late() -> None:
    rows = [(f"P{n:03d}", "legal", 7.0 * n, 7.0 * n + 1 + n % 2) for n in range(30)]
    handed_in = (dt.datetime(2026, 2, 13, 9) - START).days  # two days of work, then the spring festival
    snapshot = Book.from_frames(approvals=requests([*rows, ("P", "legal", handed_in, None)])).as_of(dt.datetime(2026, 2, 24, 9))
    found = funnel.approvals(snapshot).select("waiting_working_days", "is_overdue", pl.col("waiting_days").round(6))
    assert found.row(0) == (2.0, False, 11.0)


def test_a_node_without_history_is_measured_by_all_and_closed_deals_wait_no_more() -> None:
    rows = [*DECIDED, ("new", "credit", 200.0, None), ("moot", "legal", 100.0, None)]
    frame = requests(rows).with_columns(deal_id=pl.when(pl.col("approval_id") == "moot").then(pl.lit("D1")))
    deals = pl.DataFrame(
        {"deal_id": ["D1"], "status": ["lost"], "created_at": [START], "closed_at": [START + dt.timedelta(days=104)]}
    )
    snapshot = Book.from_frames(approvals=frame, deals=deals).as_of(START + dt.timedelta(days=220))
    found = funnel.approvals(snapshot)
    assert found.select("approval_id", "rests_on", "n_decided", "is_overdue").rows() == [("new", "all", 30, True)]
    nodes = funnel.approval_nodes(snapshot).rows_by_key("node", named=True, unique=True)
    legal = nodes["legal"]
    assert [legal[name] for name in ("n_requests", "n_decided", "n_pending", "n_withdrawn", "n_overdue")] == [31, 30, 0, 1, 0]
    assert nodes["credit"]["median_working_days"] is None
    assert nodes["credit"]["refused_share"] is None
    assert nodes["credit"]["n_overdue"] == 1


def test_approvals_of_the_sample_company_equal_a_plain_loop(sample_snapshot: Snapshot) -> None:
    snapshot = sample_snapshot.earlier("2026-04-17")
    calendar = Calendar.china()
    rows = snapshot.run("base.approvals").to_dicts()
    deals = snapshot.run("base.deals").rows_by_key("deal_id", named=True, unique=True)
    waits: dict[str, list[tuple[float, bool]]] = {}
    pending: dict[str, tuple[str, float]] = {}
    for row in rows:
        closed = deals[row["deal_id"]]["closed_at"]
        end = row["decided_at"] or closed or snapshot.as_of
        days = calendar.working_hours_between(row["submitted_at"], max(end, row["submitted_at"])) / 9
        waits.setdefault(row["node"], []).append((days, row["decided_at"] is not None))
        if row["decided_at"] is None and closed is None:
            pending[row["approval_id"]] = (row["node"], days)
    limit = {}
    for node, own in waits.items():
        surviving = 1.0
        for day in sorted({day for day, is_decided in own if is_decided}):
            surviving *= 1 - sum(d and w == day for w, d in own) / sum(w >= day for w, _ in own)
            if surviving <= 0.1:
                limit[node] = day
                break
    found = funnel.approvals(snapshot)
    expected = {name: (node, days > limit[node]) for name, (node, days) in pending.items()}
    told = {name: (node, late) for name, node, late in found.select("approval_id", "node", "is_overdue").rows()}
    assert told == expected
    assert len(expected) > 5
    assert found["waiting_working_days"].to_list() == pytest.approx([pending[name][1] for name in found["approval_id"]])
    assert funnel.approval_nodes(snapshot)["n_overdue"].sum() == found["is_overdue"].sum()
    assert set(funnel.approval_nodes(snapshot)["node"]) == {"price", "legal", "credit"}


def test_no_approval_waits() -> None:
    empty = Book.from_frames().as_of("2026-01-31")
    assert funnel.approvals(empty).height == 0
    assert funnel.approval_nodes(empty).height == 0
    with pytest.raises(UsageError, match="0 stays"):
        funnel.approvals(empty, min_n=0)

"""The funnel's sections of the weekly page: they say what the metrics say, and name whom to ask."""

from __future__ import annotations

import datetime as dt

import polars as pl
import pytest

from salesiq import funnel
from salesiq.book import Snapshot
from salesiq.i18n import LANGUAGES
from salesiq.reports.sections import approvals, pseudo_advances, stuck
from salesiq.reports.week import Week

SPRING = "2026-04-17"  # an evening on which something is overdue


@pytest.fixture(scope="module", params=LANGUAGES)
def week(request: pytest.FixtureRequest, sample_snapshot: Snapshot) -> Week:
    now = sample_snapshot.earlier(SPRING)
    return Week(now, now.earlier(now.as_of - dt.timedelta(days=7)), request.param)


def test_stuck_deals_are_counted_listed_and_asked_about(week: Week):
    told, found = stuck.section(week), funnel.stuck(week.now)
    assert told.facts["n_stuck"] == found.height > 5
    assert str(found.height) in told.finding
    (table,) = told.tables
    assert table.frame["deal_id"].to_list() == found["deal_id"].head(5).to_list()
    assert all(row["source"].startswith(f"{row['deal_id']} · frames/deals:") for row in table.frame.to_dicts())
    idle = found.filter(pl.col("next_step_due_at").is_null() | (pl.col("next_step_due_at") < week.now.as_of))
    assert str(idle.height) in told.acts[0]


def test_overdue_approvals_name_who_decides(week: Week):
    told, late = approvals.section(week), funnel.approvals(week.now).filter("is_overdue")
    assert told.is_alarm
    assert told.facts["n_overdue"] == late.height > 0
    assert any(name in act for act in told.acts for name in late["approver_name"])
    overdue, nodes = told.tables
    assert overdue.frame["approval_id"].to_list() == late["approval_id"].head(5).to_list()
    assert nodes.frame["node"].to_list() == funnel.approval_nodes(week.now)["node"].to_list()


def test_moves_without_the_customer_are_recent_open_and_still_there(week: Week):
    told, moves = pseudo_advances.section(week), funnel.pseudo_advances(week.now)
    since = week.now.as_of - dt.timedelta(days=pseudo_advances.DAYS)
    is_open = set(week.now.run("base.deals").filter(pl.col("status") == "open")["deal_id"])
    expected = {row["deal_id"] for row in moves.to_dicts() if row["moved_at"] > since and row["left_at"] is None}
    (table,) = told.tables
    assert set(table.frame["deal_id"]) == expected & is_open
    assert told.facts["n_recent"] == len(expected & is_open) > 0
    share = funnel.reversals(week.now).filter(pl.col("verdict") == "pseudo")["reversed_share"].item()
    assert f"{share:.0%}" in told.finding

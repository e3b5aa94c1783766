"""Key customers one by one, and those that fell silent."""

from __future__ import annotations

import polars as pl

from salesiq import targets
from salesiq.i18n import numbers as num
from salesiq.reports.document import Column, Section, Table
from salesiq.reports.meeting import Meeting
from salesiq.reports.trace import origin_of
from salesiq.reports.wording import listed

__all__ = ["path_section", "stale_section"]


def path_section(meeting: Meeting) -> Section:
    """Return the path of every key customer; what it lacks is red."""
    found = meeting.path
    title = meeting.say("path_title")
    if found.is_empty():
        return Section(key="path", title=title, finding=meeting.say("path_none"))
    lacking = found.filter(pl.col("gaps").list.len() > 0)
    undecided = found.filter(pl.col("gaps").list.contains("no_decision_maker"))
    finding = meeting.say("path_finding", n=found.height, n_gaps=lacking.height, n_deciders=undecided.height)
    return Section(
        key="path",
        title=title,
        finding=finding,
        tables=(_path_table(meeting, found),),
        origin=origin_of(meeting.now, "targets.path", ("customers", "deals", "contacts", "activities"), meeting.lang),
    )


def _path_table(meeting: Meeting, found: pl.DataFrame) -> Table:
    rows = found.to_dicts()
    frame = found.with_columns(
        customer=pl.coalesce("customer_name", "customer_id"),
        due=pl.Series(
            [meeting.day(row["next_step_due_at"]) if row["next_step_due_at"] else "" for row in rows], dtype=pl.String
        ),
        missing=pl.Series(
            [listed([meeting.say(f"gap_{gap}") for gap in row["gaps"]], meeting.lang) for row in rows], dtype=pl.String
        ),
        is_lacking=pl.col("gaps").list.len() > 0,
    )
    columns = (
        Column(meeting.say("col_customer"), "customer", note="rep_name"),
        Column(meeting.say("col_won"), "won_amount", meeting.money, is_number=True),
        Column(meeting.say("col_expected"), "expected_amount", meeting.money, is_number=True),
        Column(meeting.say("col_decider"), "decision_maker", note="decision_maker_title"),
        Column(meeting.say("col_stage"), "stage"),
        Column(meeting.say("col_next"), "next_step", note="due", is_long=True),
        Column(meeting.say("col_gaps"), "missing", act="is_lacking"),
    )
    return Table("path", frame, columns, fold=meeting.say("path_table", n=found.height), is_printed=True, is_wide=True)


def stale_section(meeting: Meeting) -> Section:
    """Return the key customers without an update for 72 working hours, with rep and supervisor."""
    found = targets.stale_customers(meeting.now)
    finding = meeting.say("stale_finding", n=found.height) if found.height else meeting.say("stale_none")
    rows = found.to_dicts()
    frame = found.with_columns(
        customer=pl.coalesce("customer_name", "customer_id"),
        seen=pl.Series([num.moment(row["last_update_at"], meeting.lang) for row in rows], dtype=pl.String),
    )
    columns = (
        Column(meeting.say("col_customer"), "customer"),
        Column(meeting.say("col_rep"), "rep_name"),
        Column(meeting.say("col_manager"), "manager_name"),
        Column(meeting.say("col_last"), "seen"),
        Column(meeting.say("col_idle"), "idle_hours", lambda value: num.count(value, meeting.lang), is_number=True),
        Column(meeting.say("col_open"), "open_amount", meeting.money, is_number=True),
    )
    return Section(
        key="stale",
        title=meeting.say("stale_title"),
        finding=finding,
        tables=(Table("stale", frame, columns),) if found.height else (),
        origin=origin_of(meeting.now, "targets.stale_customers", ("customers", "activities", "deals"), meeting.lang),
    )

"""Approvals that wait longer than is usual at their node."""

from __future__ import annotations

from typing import Any

import polars as pl

from salesiq import funnel
from salesiq.i18n import Language
from salesiq.i18n import numbers as num
from salesiq.reports.document import Column, Section, Table
from salesiq.reports.sections.absent import absent
from salesiq.reports.trace import lines_of, origin_of
from salesiq.reports.week import Week
from salesiq.reports.wording import joined, say, say_n

__all__ = ["section"]

N_LISTED = 5


def section(week: Week) -> Section:
    """Return the overdue requests with who decides them, and how long each node takes."""
    lang = week.lang
    if missing := week.missing(funnel.approvals):
        return absent("approvals", missing, lang)
    pending, nodes = week.ask(funnel.approvals), week.ask(funnel.approval_nodes)
    late = pending.filter("is_overdue")
    return Section(
        key="approvals",
        title=say("approvals_title", lang),
        finding=_finding(pending, late, nodes, lang),
        acts=tuple(_act(row, lang) for row in _by_approver(late).to_dicts()),
        notes=(say("approvals_note", lang),),
        tables=(*([_overdue(week, late)] if late.height else []), _nodes(nodes, lang)),
        origin=origin_of(week.now, "funnel.approvals, funnel.approval_nodes", ("approvals", "deals", "reps"), lang),
        is_alarm=late.height > 0,
        facts={"n_pending": pending.height, "n_overdue": late.height},
    )


def _finding(pending: pl.DataFrame, late: pl.DataFrame, nodes: pl.DataFrame, lang: Language) -> str:
    slowest = nodes.row(0, named=True)
    facts = {
        "pending": say_n("n_requests", pending.height, lang),
        "late": num.count(late.height, lang),
        "node": slowest["node"] or "—",
        "median": _days(slowest["median_working_days"]),
    }
    return say("approvals_finding" if late.height else "approvals_none", lang, **facts)


def _by_approver(late: pl.DataFrame) -> pl.DataFrame:
    by = late.with_columns(approver=pl.coalesce("approver_name", "approver_id", pl.lit("—")))
    groups = by.group_by("approver").agg(n=pl.len(), days=pl.col("waiting_working_days").max())
    return groups.sort("days", "approver", descending=[True, False]).head(3)


def _act(row: dict[str, Any], lang: Language) -> str:
    return say_n("approvals_act", row["n"], lang, approver=row["approver"], days=f"{row['days']:.0f}")


def _overdue(week: Week, late: pl.DataFrame) -> Table:
    lang, shown = week.lang, late.head(N_LISTED)
    places = lines_of(week.now, "approvals", shown["approval_id"])
    rows = shown.to_dicts()
    words = {
        "customer": [row["customer_name"] or row["deal_name"] or row["deal_id"] for row in rows],
        "record": [" ".join(part for part in (row["approval_id"], row["deal_id"], row["deal_name"]) if part) for row in rows],
        "approver": [row["approver_name"] or row["approver_id"] for row in rows],
        "usual": [say("approvals_usual", lang, p90=num.days(row["p90_working_days"], lang, 0)) for row in rows],
        "source": [places.get(row["approval_id"], row["approval_id"]) for row in rows],
    }
    frame = shown.with_columns(*(pl.Series(name, values, pl.String) for name, values in words.items()))
    caption = say_n("approvals_listed", late.height, lang)
    if late.height > frame.height:
        caption = joined([caption, say("longest_shown", lang, n=frame.height)], lang)
    columns = (
        Column(say("col_customer_deal", lang), "customer", note="record"),
        Column(say("col_node", lang), "node"),
        Column(say("col_approver", lang), "approver"),
        Column(say("col_rep", lang), "rep_name"),
        Column(
            say("col_waiting_working", lang),
            "waiting_working_days",
            lambda value: num.days(value, lang, 0),
            is_number=True,
            note="usual",
            act="is_overdue",
        ),
        Column(say("col_waiting", lang), "waiting_days", lambda value: num.days(value, lang, 0), is_number=True),
    )
    return Table("approvals", frame, columns, caption=caption, source="source", is_wide=True)


def _nodes(nodes: pl.DataFrame, lang: Language) -> Table:
    rows = nodes.to_dicts()
    intervals = [
        ""
        if row["median_low_working_days"] is None
        else say("interval", lang, low=_days(row["median_low_working_days"]), high=_days(row["median_high_working_days"]))
        for row in rows
    ]
    frame = nodes.with_columns(interval=pl.Series(intervals, dtype=pl.String))
    counts = [("col_pending", "n_pending"), ("col_overdue", "n_overdue"), ("col_decided", "n_decided")]
    columns = (
        Column(say("col_node", lang), "node"),
        *(Column(say(title, lang), name, lambda value: num.count(value, lang), is_number=True) for title, name in counts),
        Column(say("col_median_working", lang), "median_working_days", _days, is_number=True, note="interval"),
        Column(say("col_p90", lang), "p90_working_days", _days, is_number=True),
        Column(say("col_refused", lang), "refused_share", lambda value: num.share(value, lang), is_number=True),
    )
    return Table("approval-nodes", frame, columns, caption=say("approvals_nodes", lang))


def _days(value: float | None) -> str:
    return "—" if value is None else f"{value:.1f}"

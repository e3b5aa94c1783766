"""One page a rep: the customers that the rep's target rests on."""

from __future__ import annotations

from typing import Any

import polars as pl

from salesiq.i18n import text
from salesiq.reports.document import Column, Section, Table
from salesiq.reports.meeting import Meeting
from salesiq.reports.wording import clauses

__all__ = ["PAGE", "pack_rows", "sections"]

#: what the keys of these sections begin with: on paper each begins a page
PAGE = "page-"


def sections(meeting: Meeting) -> tuple[Section, ...]:
    """Return one section a rep, in the order of the pack."""
    pack = pack_rows(meeting)
    return tuple(_page(meeting, n, rows) for n, (_, rows) in enumerate(pack.group_by("rep_id", maintain_order=True)))


def pack_rows(meeting: Meeting) -> pl.DataFrame:
    """Return the pack with its codes as words: `why`, `path_text`, `since_text`, `risk_text`, `support_text`."""
    rows = meeting.pack.to_dicts()
    made = {
        "why": [_words(meeting, "reason", row["reasons"]) for row in rows],
        "path_text": [_path(meeting, row) for row in rows],
        "since_text": [_words(meeting, "change", row["changes"], row) for row in rows],
        "risk_text": [_words(meeting, "risk", row["risks"]) for row in rows],
        "support_text": [_words(meeting, "support", row["support"]) for row in rows],
    }
    return meeting.pack.with_columns(pl.Series(name, values, dtype=pl.String) for name, values in made.items())


def _words(meeting: Meeting, kind: str, codes: list[str] | None, row: dict[str, Any] | None = None) -> str:
    facts: dict[str, object] = {}
    if row is not None and row["customer_id"] is not None:
        facts = {
            "n_won": row["n_won_deals"],
            "n_lost": row["n_lost_deals"],
            "n_new": row["n_new_deals"],
            "won": meeting.money(row["won_since_amount"]),
            "before": meeting.money(row["open_amount_before"]),
        }
    return clauses([text(f"targets.{kind}_{code}", meeting.lang, **facts) for code in codes or ()], meeting.lang)


def _path(meeting: Meeting, row: dict[str, Any]) -> str:
    if row["deal_id"] is None:
        return meeting.say("path_no_deal") if row["customer_id"] else ""
    step = row["next_step"] or meeting.say("col_next")
    due = row["next_step_due_at"]
    title = row["decision_maker_title"]
    decider = row["decision_maker"] or meeting.say("nobody")
    return meeting.say(
        "path_words",
        stage=row["stage"] or "—",
        chance=meeting.share(row["win_probability"]),
        decider=f"{decider} {title}" if title else decider,
        step=meeting.say("by_day", step=step, day=meeting.day(due)) if due else meeting.say("no_step"),
    )


def _page(meeting: Meeting, n: int, rows: pl.DataFrame) -> Section:
    first = rows.row(0, named=True)
    rep = first["rep_name"] or first["rep_id"]
    facts = {name: meeting.money(first[f"{name}_amount"]) for name in ("target", "done", "uncovered")}
    customers = rows.filter(pl.col("customer_id").is_not_null())
    return Section(
        key=f"{PAGE}{n + 1}",
        title=meeting.say("rep_title", rep=rep),
        finding=meeting.say("rep_finding", rep=rep, **facts),
        leads=() if customers.height else (meeting.say("rep_none", rep=rep),),
        tables=(_table(meeting, n, customers),) if customers.height else (),
    )


def _table(meeting: Meeting, n: int, customers: pl.DataFrame) -> Table:
    frame = customers.with_columns(
        customer=pl.coalesce("customer_name", "customer_id"), is_risky=pl.col("risks").list.len() > 0
    )
    columns = (
        Column(meeting.say("col_customer"), "customer", note="tier"),
        Column(meeting.say("col_expected"), "expected_amount", meeting.money, is_number=True),
        Column(meeting.say("col_path"), "path_text", note="why", is_long=True),
        Column(meeting.say("col_since"), "since_text"),
        Column(meeting.say("col_risks"), "risk_text", note="support_text", act="is_risky"),
    )
    return Table(f"pack-{n + 1}", frame, columns, is_wide=True)

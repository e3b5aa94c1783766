"""Deals that wait longer than their kind, and requests that wait for an approval."""

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
from salesiq.reports.wording import joined, listed, money, say, say_n

__all__ = ["section"]

N_LISTED, N_NAMED = 5, 3


def section(week: Week) -> Section:
    """Return the largest stuck deals with the chance that is left, and who stopped planning a next step."""
    lang = week.lang
    if missing := week.missing(funnel.stuck):
        return absent("stuck", missing, lang)
    found = week.ask(funnel.stuck)
    amounts = found["amount"].drop_nulls()
    currencies = week.now.sql("SELECT DISTINCT currency FROM base.deals(as_of := $as_of) WHERE currency IS NOT NULL ORDER BY 1")
    facts = {
        "deals": say_n("n_deals", found.height, lang),
        "amount": money(amounts.sum(), currencies["currency"].to_list(), lang) if len(amounts) else "—",
    }
    return Section(
        key="stuck",
        title=say("stuck_title", lang),
        finding=say("stuck_finding" if found.height else "stuck_none", lang, **facts),
        acts=_acts(found, lang),
        notes=(say("stuck_note", lang),) if found.height else (),
        tables=(_table(week, found),) if found.height else (),
        origin=origin_of(week.now, "funnel.stuck", ("stage_events", "deals", "activities"), lang),
        facts={"n_stuck": found.height},
    )


def _acts(found: pl.DataFrame, lang: Language) -> tuple[str, ...]:
    """Ask for a next step where none lies ahead: somebody can do that today."""
    idle = found.filter(pl.col("next_step_due_at").is_null() | pl.col("is_step_overdue"))
    if idle.is_empty():
        return ()
    names = [row["customer_name"] or row["deal_name"] or row["deal_id"] for row in idle.head(N_NAMED).to_dicts()]
    return (say_n("stuck_act", idle.height, lang, names=listed(names, lang)),)


def _table(week: Week, found: pl.DataFrame) -> Table:
    lang, shown = week.lang, found.head(N_LISTED)
    places = lines_of(week.now, "deals", shown["deal_id"])
    rows = shown.to_dicts()
    words = {
        "customer": [row["customer_name"] or row["deal_name"] or row["deal_id"] for row in rows],
        "record": [" ".join(part for part in (row["deal_id"], row["deal_name"]) if part) for row in rows],
        "usual": [say("stuck_usual", lang, p90=num.days(row["p90_days"], lang, 0)) for row in rows],
        "chance": [_chance(row, lang) for row in rows],
        "step": [_step(row, lang) for row in rows],
        "source": [places.get(row["deal_id"], row["deal_id"]) for row in rows],
    }
    frame = shown.with_columns(*(pl.Series(name, values, pl.String) for name, values in words.items()))
    caption = say_n("stuck_listed", found.height, lang)
    if found.height > frame.height:
        caption = joined([caption, say("largest_shown", lang, n=frame.height)], lang)
    columns = (
        Column(say("col_customer_deal", lang), "customer", note="record"),
        Column(say("col_rep", lang), "rep_name", note="stage"),
        Column(say("col_waiting", lang), "waiting_days", lambda value: num.days(value, lang, 0), is_number=True, note="usual"),
        Column(say("col_still_won", lang), "win_share", lambda value: num.share(value, lang), is_number=True, note="chance"),
        Column(say("col_amount", lang), "amount", lambda value: num.amount(value, lang), is_number=True),
        Column(say("col_next_step", lang), "step"),
    )
    return Table("stuck", frame, columns, caption=caption, source="source", is_wide=True)


def _chance(row: dict[str, Any], lang: Language) -> str:
    if row["win_share"] is None:
        return say("too_few", lang)
    return say("interval", lang, low=num.share(row["win_low"], lang), high=num.share(row["win_high"], lang))


def _step(row: dict[str, Any], lang: Language) -> str:
    if not row["next_step"]:
        return say("no_step", lang)
    step = str(row["next_step"])
    return say("step_overdue", lang, step=step) if row["is_step_overdue"] else step

"""Deals that moved forward while the customer did nothing that anybody recorded."""

from __future__ import annotations

import datetime as dt
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

__all__ = ["DAYS", "section"]

DAYS, N_LISTED = 28, 5


def section(week: Week) -> Section:
    """Return the moves of the last weeks without evidence on deals that are still open, and how such moves ended before."""
    lang = week.lang
    if missing := week.missing(funnel.pseudo_advances):
        return absent("pseudo_advances", missing, lang)
    taken_back = week.ask(funnel.reversals).rows_by_key("verdict", named=True, unique=True)
    moves = week.ask(funnel.pseudo_advances)
    recent = _recent(week, moves)
    return Section(
        key="pseudo_advances",
        title=say("pseudo_advances_title", lang),
        finding=_finding(recent, taken_back, lang),
        leads=_lead(taken_back, lang),
        notes=(say("pseudo_advances_note", lang),),
        tables=(_table(week, recent),) if recent.height else (),
        origin=origin_of(
            week.now, "funnel.pseudo_advances, funnel.reversals", ("stage_events", "activities", "documents", "orders"), lang
        ),
        facts={"n_recent": recent.height, "n_ever": moves.height, "days": DAYS},
    )


def _recent(week: Week, moves: pl.DataFrame) -> pl.DataFrame:
    """Return the moves of the last weeks, of deals that are still open and still where the move brought them, largest first."""
    fresh = moves.filter((pl.col("moved_at") > week.now.as_of - dt.timedelta(days=DAYS)) & pl.col("left_at").is_null())
    named = week.now.sql("SELECT deal_id, deal_name, amount, customer_name, rep_name FROM funnel.open_deals(as_of := $as_of)")
    found = fresh.join(named, on="deal_id")
    return found.sort("amount", "moved_at", "deal_id", descending=[True, True, False], nulls_last=True)


def _finding(recent: pl.DataFrame, taken_back: dict[str, dict[str, Any]], lang: Language) -> str:
    share = taken_back["pseudo"]["reversed_share"]
    if recent.is_empty():
        return say("pseudo_advances_none", lang, days=DAYS)
    name = "pseudo_advances_finding" if share is not None else "pseudo_advances_finding_bare"
    return say_n(name, recent.height, lang, days=DAYS, share=num.share(share, lang))


def _lead(taken_back: dict[str, dict[str, Any]], lang: Language) -> tuple[str, ...]:
    pseudo, real = taken_back["pseudo"], taken_back["real"]
    if pseudo["reversed_share"] is None or real["reversed_share"] is None:
        return ()
    facts = {
        f"{name}_{side}": num.share(row[side], lang)
        for name, row in (("pseudo", pseudo), ("real", real))
        for side in ("low", "high")
    }
    shares = {"pseudo": num.share(pseudo["reversed_share"], lang), "real": num.share(real["reversed_share"], lang)}
    return (say("pseudo_advances_lead", lang, n=num.count(pseudo["n"], lang), **shares, **facts),)


def _table(week: Week, recent: pl.DataFrame) -> Table:
    lang, shown = week.lang, recent.head(N_LISTED)
    places = lines_of(week.now, "deals", shown["deal_id"])
    rows = shown.to_dicts()
    words = {
        "customer": [row["customer_name"] or row["deal_name"] or row["deal_id"] for row in rows],
        "record": [" ".join(part for part in (row["deal_id"], row["deal_name"]) if part) for row in rows],
        "move": [f"{row['stage_before']} → {row['stage']}" for row in rows],
        "moved_on": [num.day(row["moved_at"], lang) for row in rows],
        "seen": [_seen(row, lang) for row in rows],
        "source": [places.get(row["deal_id"], row["deal_id"]) for row in rows],
    }
    frame = shown.with_columns(*(pl.Series(name, values, pl.String) for name, values in words.items()))
    caption = say_n("pseudo_advances_listed", recent.height, lang)
    if recent.height > frame.height:
        caption = joined([caption, say("largest_shown", lang, n=frame.height)], lang)
    columns = (
        Column(say("col_customer_deal", lang), "customer", note="record"),
        Column(say("col_rep", lang), "rep_name"),
        Column(say("col_move", lang), "move", note="moved_on"),
        Column(say("col_amount", lang), "amount", lambda value: num.amount(value, lang), is_number=True),
        Column(say("col_seen", lang), "seen"),
    )
    return Table("pseudo-advances", frame, columns, caption=caption, source="source", is_wide=True)


def _seen(row: dict[str, Any], lang: Language) -> str:
    own = [name.removeprefix("activities:") for name in row["other_ids"]]
    return say_n("seen_own", len(own), lang, ids=" ".join(own[:3])) if own else say("seen_nothing", lang)

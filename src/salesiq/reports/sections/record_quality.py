"""Which records can be trusted, and whose to look at this week."""

from __future__ import annotations

from typing import Any

import polars as pl

from salesiq import quality
from salesiq.figures import quality as draw
from salesiq.i18n import Language, text
from salesiq.i18n import numbers as num
from salesiq.reports.document import Column, Picture, Section, Table
from salesiq.reports.sections.absent import absent
from salesiq.reports.trace import lines_of, origin_of, where
from salesiq.reports.week import Week
from salesiq.reports.wording import drawn_part, listed, say, say_n

__all__ = ["section"]

N_PEOPLE, N_RECORDS = 3, 5

_RECORDS = """
SELECT scored.*, customers.name AS customer_name
FROM quality.record_score(as_of := $as_of) AS scored
LEFT JOIN base.customers(as_of := $as_of) AS customers USING (customer_id)
WHERE list_contains($ids, activity_id)
ORDER BY score, activity_id
"""


def section(week: Week) -> Section:
    """Return the scores by rep and the watch list with the records behind each name."""
    lang = week.lang
    if missing := week.missing(quality.watch_list):
        return absent("record_quality", missing, lang)
    scores, watched = week.ask(quality.rep_scores), week.ask(quality.watch_list, n=N_PEOPLE)
    people = watched.to_dicts()
    return Section(
        key="record_quality",
        title=say("record_quality_title", lang),
        finding=_finding(people, lang),
        acts=tuple(_act(row, lang) for row in people),
        notes=(say("record_quality_note", lang),),
        tables=tuple(table for row in people if (table := _evidence(week, row)).frame.height),
        pictures=(_picture(scores, lang),) if scores.height else (),
        origin=origin_of(
            week.now, "quality.record_score, quality.rep_scores, quality.watch_list", ("activities", "deals", "reps"), lang
        ),
        is_alarm=bool(people),
        facts={"watched": [row["rep_id"] for row in people], "company_score": scores["company_score"].first()},
    )


def _name(row: dict[str, Any]) -> str:
    return str(row["rep_name"] or row["rep_id"])


def _finding(people: list[dict[str, Any]], lang: Language) -> str:
    if not people:
        return say("record_quality_nobody", lang)
    return say_n("record_quality_finding", len(people), lang, names=listed([_name(row) for row in people], lang))


def _act(row: dict[str, Any], lang: Language) -> str:
    if row["cause"] == "no_records":
        return say_n("watch_no_records", len(row["deal_ids"]), lang, name=_name(row))
    reasons = listed([text(f"quality.{reason}", lang) for reason in row["reasons"]], lang)
    facts = {name: f"{row[name]:.0f}" for name in ("shrunk_score", "company_score")}
    return say_n("watch_low_score", row["n_score_records"], lang, name=_name(row), reasons=reasons, **facts)


def _picture(scores: pl.DataFrame, lang: Language) -> Picture:
    caption, drawn = drawn_part(say("record_quality_caption", lang), scores, lang)
    return Picture("rep-scores", draw.rep_scores(drawn, lang), caption, say("record_quality_alt", lang))


def _evidence(week: Week, row: dict[str, Any]) -> Table:
    return _open_deals(week, row) if row["cause"] == "no_records" else _records(week, row)


def _records(week: Week, person: dict[str, Any]) -> Table:
    lang = week.lang
    ids = person["activity_ids"][:N_RECORDS]
    found = week.now.sql(_RECORDS, ids=ids)
    rows = found.to_dicts()
    words = {
        "customer": [row["customer_name"] or row["customer_id"] for row in rows],
        "why": [listed([text(f"quality.{reason}", lang) for reason in row["reasons"]], lang) for row in rows],
        "source": [where(row["source_file"], row["source_line"], row["activity_id"]) for row in rows],
    }
    frame = found.with_columns(*(pl.Series(name, values, pl.String) for name, values in words.items()))
    columns = (
        Column(say("col_record", lang), "activity_id", note="customer"),
        Column(say("col_occurred", lang), "occurred_at", lambda value: num.moment(value, lang)),
        Column(
            say("col_entry_hours", lang), "entry_hours", lambda value: say("hours", lang, n=f"{value:,.0f}"), is_number=True
        ),
        Column(say("col_score", lang), "score", lambda value: f"{value:.0f}", is_number=True),
        Column(say("col_missed", lang), "why", is_long=True),
    )
    n_all = len(person["activity_ids"])
    if n_all == len(ids):
        fold = say_n("watch_records_all", n_all, lang, name=_name(person))
    else:
        fold = say("watch_records", lang, n=num.count(n_all, lang), name=_name(person), shown=len(ids))
    return Table(f"watch-{person['rank']}", frame, columns, fold=fold, is_printed=True, source="source", is_wide=True)


def _open_deals(week: Week, person: dict[str, Any]) -> Table:
    lang = week.lang
    places = lines_of(week.now, "deals", person["deal_ids"])
    found = week.now.sql(
        "SELECT deal_id, deals.name, customers.name AS customer, deals.stage, deals.amount "
        "FROM base.deals(as_of := $as_of) AS deals "
        "LEFT JOIN base.customers(as_of := $as_of) AS customers USING (customer_id) "
        "WHERE list_contains($ids, deal_id) ORDER BY deals.amount DESC NULLS LAST, deal_id",
        ids=person["deal_ids"],
    )
    frame = found.with_columns(
        customer=pl.coalesce("customer", "name", "deal_id"),
        source=pl.Series([places.get(deal, deal) for deal in found["deal_id"]], dtype=pl.String),
    )
    columns = (
        Column(say("col_customer_deal", lang), "customer", note="deal_id"),
        Column(say("col_stage", lang), "stage"),
        Column(say("col_amount", lang), "amount", lambda value: num.amount(value, lang), is_number=True),
    )
    fold = say_n("watch_deals", found.height, lang, name=_name(person))
    return Table(f"watch-{person['rank']}", frame, columns, fold=fold, is_printed=True, source="source", is_wide=True)

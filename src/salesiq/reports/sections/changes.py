"""What changed since last week: the open deals then and now, and everything that lies between."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import polars as pl

from salesiq import funnel
from salesiq.figures import pipeline as draw
from salesiq.i18n import Language, text
from salesiq.i18n import numbers as num
from salesiq.reports.document import Column, Picture, Section, Table
from salesiq.reports.sections.absent import absent
from salesiq.reports.sections.red_flags import new_flags
from salesiq.reports.trace import origin_of, where
from salesiq.reports.week import Week
from salesiq.reports.wording import clauses, joined, listed, money, say, say_n

__all__ = ["section"]

N_LISTED, _FLAGS_NAMED = 5, 6
#: parts that tell of a deal which was open and still is
MOVES = ("stage_forward", "stage_back", "amount_up", "amount_down", "owner_changed", "postponed", "brought_forward")

_NAMES = """
SELECT
    deals.deal_id, deals.name, deals.amount AS amount_known, deals.lost_reason,
    customers.name AS customer_name, reps.name AS rep_name, deals.source_file, deals.source_line
FROM base.deals(as_of := $as_of) AS deals
LEFT JOIN base.customers(as_of := $as_of) AS customers ON customers.customer_id = deals.customer_id
LEFT JOIN base.reps(as_of := $as_of) AS reps ON reps.rep_id = deals.owner_id
WHERE list_contains($ids, deals.deal_id)
"""
_VALUED = """
SELECT 2 * count(amount) >= count(*) AS is_valued, list(DISTINCT currency ORDER BY currency) AS currencies
FROM base.deals(as_of := $as_of) WHERE status = 'open'
"""


def section(week: Week) -> Section:
    """Return the first section of the report."""
    lang = week.lang
    if missing := week.missing(funnel.changes):
        return absent("changes", missing, lang)
    changed, steps = (metric(week.before, week.now) for metric in (funnel.changes, funnel.bridge))
    tables = [_steps_table(steps, lang), *_deal_tables(week, changed)]
    before = num.moment(week.before.as_of, lang)
    is_valued, currencies = week.now.sql(_VALUED).row(0)
    return Section(
        key="changes",
        title=say("changes_title", lang),
        finding=(_finding if is_valued else _finding_unvalued)(steps, currencies or [], lang),
        acts=_flags(new_flags(week), lang),
        notes=(
            *_currencies(currencies or [], lang),
            say("changes_note", lang, before=before, now=num.moment(week.now.as_of, lang)),
        ),
        tables=tuple(table for table in tables if table.frame.height),
        pictures=(_picture(steps, lang),) if is_valued and steps["amount"].sum() else (),
        origin=origin_of(week.now, "funnel.changes, funnel.bridge", ("deals", "stage_events"), lang),
        facts={"bridge": steps.to_dicts()},
    )


def _finding(steps: pl.DataFrame, currencies: list[str], lang: Language) -> str:
    then, now = steps["amount"][0], steps["amount"][-1]
    return say(
        "changes_finding",
        lang,
        **_closed(steps, currencies, lang),
        open=money(now, currencies, lang),
        change=_change(now - then, currencies, lang),
    )


def _finding_unvalued(steps: pl.DataFrame, currencies: list[str], lang: Language) -> str:
    """Return the finding in deals only: a sum of amounts that most open deals do not have would mislead."""
    then, now = steps["n_deals"][0], steps["n_deals"][-1]
    name = "n_same" if now == then else "n_more" if now > then else "n_fewer"
    return say(
        "changes_finding_unvalued",
        lang,
        **_closed(steps, currencies, lang),
        open=say_n("n_deals", now, lang),
        change=say(name, lang, n=num.count(abs(now - then), lang)),
    )


def _closed(steps: pl.DataFrame, currencies: list[str], lang: Language) -> dict[str, str]:
    """Return how many deals were won, for how much, and how many were lost."""
    of = {row["step"]: row for row in steps.to_dicts()}
    n_won, n_lost = (-of[step]["n_deals"] if step in of else 0 for step in ("won", "lost"))
    amount = -of["won"]["amount"] if "won" in of else Decimal(0)
    return {
        "won": say_n("n_deals", n_won, lang),
        "won_amount": money(amount, currencies, lang),
        "lost": say_n("n_deals", n_lost, lang),
    }


def _flags(flags: list[str], lang: Language) -> tuple[str, ...]:
    if not flags:
        return ()
    named = listed(flags[:_FLAGS_NAMED], lang)
    rest = len(flags) - _FLAGS_NAMED
    return (say("changes_flags", lang, flags=say("and_more_flags", lang, flags=named, n=rest) if rest > 0 else named),)


def _currencies(currencies: list[str], lang: Language) -> tuple[str, ...]:
    return (say("changes_currencies", lang, currencies=listed(currencies, lang)),) if len(currencies) > 1 else ()


def _change(difference: Decimal, currencies: list[str], lang: Language) -> str:
    if difference == 0:
        return say("unchanged", lang)
    return say(
        "more_than_last_week" if difference > 0 else "less_than_last_week",
        lang,
        amount=money(abs(difference), currencies, lang),
    )


def _picture(steps: pl.DataFrame, lang: Language) -> Picture:
    return Picture("changes", draw.bridge(steps, lang), say("changes_caption", lang), say("changes_alt", lang))


def _steps_table(steps: pl.DataFrame, lang: Language) -> Table:
    is_change = ~pl.col("step").is_in(["then", "now"])
    frame = steps.with_columns(is_change=is_change)
    shown = [(text(f"figures.step_{row['step']}", lang), *_step_words(row, lang)) for row in frame.to_dicts()]
    frame = frame.with_columns(
        *(pl.Series(name, [row[n] for row in shown], pl.String) for n, name in enumerate(("label", "n_text", "amount_text")))
    )
    columns = (
        Column(say("col_step", lang), "label"),
        Column(say("col_n_deals", lang), "n_text", is_number=True),
        Column(say("col_amount", lang), "amount_text", is_number=True),
    )
    return Table("changes-bridge", frame, columns, fold=say("changes_steps", lang))


def _step_words(row: dict[str, Any], lang: Language) -> tuple[str, str]:
    if not row["is_change"]:
        return num.count(row["n_deals"], lang), num.amount(row["amount"], lang)
    n = row["n_deals"]
    if n == 0:  # these deals stayed: how many, not how many more
        return num.count(row["n_touched"], lang), num.signed_amount(row["amount"], lang) if row["amount"] else "—"
    return ("+" if n > 0 else num.MINUS) + num.count(abs(n), lang), num.signed_amount(row["amount"], lang)


def _deal_tables(week: Week, changed: pl.DataFrame) -> list[Table]:
    closed = changed.filter(pl.col("part").is_in(["won", "lost"]))
    still = changed.join(closed.select("deal_id"), on="deal_id", how="anti", maintain_order="left")
    moved = still.filter(pl.col("part").is_in(MOVES)).group_by("deal_id", maintain_order=True)
    moves = moved.agg(pl.col("amount_now").first(), moves=pl.struct(pl.all()))
    return [
        _deals(week, "won", closed.filter(pl.col("part") == "won"), None),
        _deals(week, "lost", closed.filter(pl.col("part") == "lost"), ("col_lost_reason", "lost_reason")),
        _deals(week, "moved", moves, ("col_move", "move")),
        _deals(week, "new", still.filter(pl.col("part") == "new"), ("col_stage", "stage_now")),
    ]


def _move(row: dict[str, Any], lang: Language) -> str:
    """Return what a part of `funnel.changes` says of one deal."""
    if row["part"].startswith("stage"):
        return f"{row['stage_before']} → {row['stage_now']}"
    if row["part"].startswith("amount"):
        return num.signed_amount(row["amount"], lang)
    name = text(f"figures.step_{row['part']}", lang)
    return name if row["part"] == "owner_changed" else f"{name} {num.day(row['close_now'], lang)}"


def _deals(week: Week, kind: str, deals: pl.DataFrame, extra: tuple[str, str] | None) -> Table:
    lang = week.lang
    largest = deals.sort(pl.col("amount_now"), "deal_id", descending=[True, False]).head(N_LISTED)
    frame = largest.join(
        week.now.sql(_NAMES, ids=largest["deal_id"].to_list()), on="deal_id", how="left", maintain_order="left"
    )
    rows = frame.to_dicts()
    frame = frame.with_columns(
        customer=pl.coalesce("customer_name", "name", "deal_id"),
        record=pl.concat_str("deal_id", pl.coalesce("name", pl.lit("")), separator=" "),
        source=pl.Series([where(row["source_file"], row["source_line"], row["deal_id"]) for row in rows], dtype=pl.String),
        move=pl.Series([clauses([_move(one, lang) for one in row.get("moves", [])], lang) for row in rows], dtype=pl.String),
    )
    caption = say_n(f"changes_{kind}", deals.height, lang)
    if deals.height > frame.height:
        caption = joined([caption, say("largest_shown", lang, n=frame.height)], lang)
    columns = [
        Column(say("col_customer_deal", lang), "customer", note="record"),
        Column(say("col_rep", lang), "rep_name"),
        *([Column(say(extra[0], lang), extra[1])] if extra else []),
        Column(say("col_amount", lang), "amount_known", lambda value: num.amount(value, lang), is_number=True),
    ]
    is_folded = kind in ("moved", "new")
    return Table(
        f"changes-{kind}",
        frame,
        tuple(columns),
        caption=caption,
        source="source",
        fold=caption if is_folded else None,
        is_wide=True,
    )

"""What changed since last week: the open deals then and now, and everything that lies between."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import polars as pl

from salesiq.book import needs
from salesiq.figures import funnel as draw
from salesiq.i18n import Language
from salesiq.i18n import numbers as num
from salesiq.reports.document import Column, Picture, Section, Table
from salesiq.reports.sections.absent import absent
from salesiq.reports.sections.red_flags import new_flags
from salesiq.reports.trace import origin_of, where
from salesiq.reports.week import Week
from salesiq.reports.wording import joined, listed, money, say, say_n

__all__ = ["bridge", "changed_deals", "section"]

N_LISTED, _FLAGS_NAMED = 5, 6

_CHANGED = """
WITH before AS (SELECT deal_id, status, stage, amount FROM base.deals(as_of := $before)),
     deals AS (FROM base.deals(as_of := $as_of))
SELECT
    coalesce(deals.deal_id, before.deal_id) AS deal_id, deals.name, customers.name AS customer_name, reps.name AS rep_name,
    before.status AS status_before, deals.status, before.stage AS stage_before, deals.stage,
    before.amount AS amount_before, deals.amount, deals.closed_at, deals.lost_reason, deals.source_file, deals.source_line
FROM before
FULL JOIN deals ON deals.deal_id = before.deal_id
LEFT JOIN base.customers(as_of := $as_of) AS customers ON customers.customer_id = deals.customer_id
LEFT JOIN base.reps(as_of := $as_of) AS reps ON reps.rep_id = deals.owner_id
WHERE before.status IS DISTINCT FROM deals.status OR before.stage IS DISTINCT FROM deals.stage
   OR before.amount IS DISTINCT FROM deals.amount
ORDER BY coalesce(deals.amount, before.amount) DESC NULLS LAST, deal_id
"""
_OPEN = "SELECT count(*) AS n, coalesce(sum(amount), 0) AS amount FROM base.deals(as_of := $moment) WHERE status = 'open'"
_VALUED = """
SELECT 2 * count(amount) >= count(*) AS is_valued, list(DISTINCT currency ORDER BY currency) AS currencies
FROM base.deals(as_of := $as_of) WHERE status = 'open'
"""


@needs("deals")
def changed_deals(week: Week) -> pl.DataFrame:
    """Return one row per deal whose status, stage or amount is not what it was a week ago, largest amount first.

    `status_before` is null for a new deal, `status` for one that is gone from the book.
    """
    return week.now.sql(_CHANGED, before=week.before.as_of)


def bridge(week: Week, changed: pl.DataFrame) -> pl.DataFrame:
    """Return the way from the open amount a week ago to the one now: `step`, `n_deals`, `amount`.

    The first row is the state then and the last the state now; the rows between add up to their difference exactly, in
    deals and in money. A deal that was opened and closed within the week counts as new and as won or lost.
    """
    then, now = (week.now.sql(_OPEN, moment=snapshot.as_of).row(0) for snapshot in (week.before, week.now))
    was_open, is_open = pl.col("status_before") == "open", pl.col("status") == "open"
    amount, earlier = pl.col("amount").fill_null(0), pl.col("amount_before").fill_null(0)
    is_gone = pl.col("status").is_null() & was_open
    entered = was_open | pl.col("status_before").is_null() | is_open
    steps: dict[str, tuple[pl.Expr, int, pl.Expr]] = {
        "new": (pl.col("status_before").is_null(), 1, amount),
        "reopened": (pl.col("status_before").is_in(["won", "lost"]) & is_open, 1, amount),
        "revalued": (was_open & ~is_gone & (amount != earlier), 0, amount - earlier),
        "won": (entered & (pl.col("status") == "won"), -1, -amount),
        "lost": (entered & (pl.col("status") == "lost"), -1, -amount),
        "gone": (is_gone, -1, -earlier),
    }
    rows = [{"step": "then", "n_deals": then[0], "amount": then[1]}]
    rows += [_step(changed, name, *rule) for name, rule in steps.items()]
    rows += [{"step": "now", "n_deals": now[0], "amount": now[1]}]
    schema: dict[str, Any] = {"step": pl.String, "n_deals": pl.Int64, "amount": pl.Decimal(38, 2)}
    return pl.DataFrame(rows, schema=schema).filter(
        pl.col("step").is_in(["then", "now"]) | (pl.col("amount") != 0) | (pl.col("n_deals") != 0)
    )


def _step(changed: pl.DataFrame, name: str, rule: pl.Expr, sign: int, amount: pl.Expr) -> dict[str, Any]:
    rows = changed.filter(rule.fill_null(False))
    total = rows.select(amount.sum()).item() or Decimal(0)
    return {"step": name, "n_deals": sign * rows.height, "amount": total}


def section(week: Week) -> Section:
    """Return the first section of the report."""
    lang = week.lang
    if missing := week.missing(changed_deals):
        return absent("changes", missing, lang)
    changed = changed_deals(week)
    steps, flags = bridge(week, changed), new_flags(week)
    tables = [_steps_table(steps, lang), *_deal_tables(changed, lang)]
    before = num.moment(week.before.as_of, lang)
    is_valued, currencies = week.now.sql(_VALUED).row(0)
    return Section(
        key="changes",
        title=say("changes_title", lang),
        finding=(_finding if is_valued else _finding_unvalued)(changed, steps, currencies or [], lang),
        acts=_flags(flags, lang),
        notes=(
            *_currencies(currencies or [], lang),
            say("changes_note", lang, before=before, now=num.moment(week.now.as_of, lang)),
        ),
        tables=tuple(table for table in tables if table.frame.height),
        pictures=(_picture(steps, lang),) if is_valued and steps["amount"].sum() else (),
        origin=origin_of(week.now, "base.deals", ("deals", "stage_events"), lang),
        facts={"bridge": steps.to_dicts()},
    )


def _finding(changed: pl.DataFrame, steps: pl.DataFrame, currencies: list[str], lang: Language) -> str:
    won, lost = (_of(changed, status) for status in ("won", "lost"))
    then, now = steps["amount"][0], steps["amount"][-1]
    return say(
        "changes_finding",
        lang,
        won=say_n("n_deals", won.height, lang),
        won_amount=money(won["amount"].sum(), currencies, lang),
        lost=say_n("n_deals", lost.height, lang),
        open=money(now, currencies, lang),
        change=_change(now - then, currencies, lang),
    )


def _finding_unvalued(changed: pl.DataFrame, steps: pl.DataFrame, currencies: list[str], lang: Language) -> str:
    """Return the finding in deals only: a sum of amounts that most open deals do not have would mislead."""
    won, lost = (_of(changed, status) for status in ("won", "lost"))
    then, now = steps["n_deals"][0], steps["n_deals"][-1]
    name = "n_same" if now == then else "n_more" if now > then else "n_fewer"
    return say(
        "changes_finding_unvalued",
        lang,
        won=say_n("n_deals", won.height, lang),
        won_amount=money(won["amount"].sum(), currencies, lang),
        lost=say_n("n_deals", lost.height, lang),
        open=say_n("n_deals", now, lang),
        change=say(name, lang, n=num.count(abs(now - then), lang)),
    )


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


def _of(changed: pl.DataFrame, status: str) -> pl.DataFrame:
    became = pl.col("status_before").is_null() | (pl.col("status_before") != status)
    return changed.filter((pl.col("status") == status) & became)


def _picture(steps: pl.DataFrame, lang: Language) -> Picture:
    return Picture("changes", draw.pipeline_changes(steps, lang), say("changes_caption", lang), say("changes_alt", lang))


def _steps_table(steps: pl.DataFrame, lang: Language) -> Table:
    is_change = ~pl.col("step").is_in(["then", "now"])
    frame = steps.with_columns(is_change=is_change)
    shown = [(say(f"step_{row['step']}", lang), *_step_words(row, lang)) for row in frame.to_dicts()]
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
    sign = "+" if n > 0 else num.MINUS if n < 0 else ""
    return sign + num.count(abs(n), lang), num.signed_amount(row["amount"], lang)


def _deal_tables(changed: pl.DataFrame, lang: Language) -> list[Table]:
    moved = changed.filter((pl.col("status_before") == "open") & (pl.col("status") == "open"))
    new = changed.filter(pl.col("status_before").is_null() & (pl.col("status") == "open"))
    return [
        _deals("won", _of(changed, "won"), None, lang),
        _deals("lost", _of(changed, "lost"), ("col_lost_reason", "lost_reason"), lang),
        _deals("moved", moved.with_columns(move=_move(lang)), ("col_move", "move"), lang),
        _deals("new", new, ("col_stage", "stage"), lang),
    ]


def _move(lang: Language) -> pl.Expr:
    is_same = pl.col("stage_before").eq_missing(pl.col("stage"))
    stages = pl.concat_str(pl.col("stage_before").fill_null("—"), pl.lit(" → "), pl.col("stage").fill_null("—"))
    amounts = (pl.col("amount").fill_null(0) - pl.col("amount_before").fill_null(0)).map_elements(
        lambda value: num.signed_amount(value, lang) if value else "", return_dtype=pl.String
    )
    return (
        pl.when(is_same)
        .then(amounts)
        .otherwise(
            pl.concat_str(stages, pl.when(amounts == "").then(pl.lit("")).otherwise(pl.concat_str(pl.lit("  "), amounts)))
        )
    )


def _deals(kind: str, deals: pl.DataFrame, extra: tuple[str, str] | None, lang: Language) -> Table:
    total, frame = deals.height, deals.head(N_LISTED)
    frame = frame.with_columns(
        customer=pl.coalesce("customer_name", "name", "deal_id"),
        record=pl.concat_str("deal_id", pl.coalesce("name", pl.lit("")), separator=" "),
        source=pl.Series(
            [where(row["source_file"], row["source_line"], row["deal_id"]) for row in frame.to_dicts()], dtype=pl.String
        ),
    )
    caption = say_n(f"changes_{kind}", total, lang)
    if total > frame.height:
        caption = joined([caption, say("largest_shown", lang, n=frame.height)], lang)
    columns = [
        Column(say("col_customer_deal", lang), "customer", note="record"),
        Column(say("col_rep", lang), "rep_name"),
        *([Column(say(extra[0], lang), extra[1])] if extra else []),
        Column(say("col_amount", lang), "amount", lambda value: num.amount(value, lang), is_number=True),
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

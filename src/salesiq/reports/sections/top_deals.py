"""The three deals of each rep that are most likely to be signed, and how far that can be trusted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from salesiq import forecast
from salesiq.errors import ModelError
from salesiq.figures import forecast as draw
from salesiq.i18n import Language
from salesiq.i18n import numbers as num
from salesiq.reports.document import Column, Picture, Section, Table
from salesiq.reports.sections.absent import absent, refused
from salesiq.reports.trace import lines_of, origin_of
from salesiq.reports.week import Week
from salesiq.reports.wording import clauses, listed, say, say_n

if TYPE_CHECKING:
    from salesiq.forecast import Reliability

__all__ = ["DAYS", "N_PER_REP", "section"]

DAYS, N_PER_REP, N_FIRST = 10, 3, 6
_SURE = 3  # standard errors; one deal is forecast at several moments, so that two would be too few

_TEAMS = """
SELECT reps.rep_id, reps.name AS rep_name, coalesce(parents.name, units.name) AS team
FROM base.reps(as_of := $as_of) AS reps
LEFT JOIN base.units(as_of := $as_of) AS units ON units.unit_id = reps.unit_id
-- a city's reps are found under its region; those that report to the top itself stay with their own unit
LEFT JOIN base.units(as_of := $as_of) AS parents ON parents.unit_id = units.parent_unit_id AND parents.depth > 0
ORDER BY reps.rep_id
"""


def section(week: Week) -> Section:
    """Return the deals with their chances and reasons, beside the model's statement of reliability."""
    lang = week.lang
    if missing := week.missing(forecast.top_deals):
        return absent("top_deals", missing, lang)
    reliability = (week.model or forecast.win_model(week.now)).reliability()
    try:
        found = week.ask(forecast.top_deals, days=DAYS, n=N_PER_REP, by="rep_id", model=week.model)
    except ModelError:
        return refused("top_deals", _reasons_against(reliability, lang), lang)
    if found.is_empty():
        return absent("top_deals", ("deals",), lang)
    frame = _named(week, found)
    first = _first(frame)
    return Section(
        key="top_deals",
        title=say("top_deals_title", lang),
        finding=_finding(first, reliability.verdict, lang),
        leads=(reliability.message(lang), *_bias(reliability.bins, lang), say("top_deals_lead", lang)),
        notes=(*_hindsight(frame, lang), say("top_deals_note", lang)),
        tables=(
            _table("top-first", first, lang, caption=say("top_deals_first", lang, n=first.height)),
            *_team_tables(frame, lang),
        ),
        pictures=(_picture(reliability, lang),) if reliability.bins.height else (),
        origin=origin_of(week.now, "forecast.top_deals", ("deals", "stage_events", "activities", "documents"), lang),
        facts={"verdict": reliability.verdict, "skill": reliability.skill, "days": DAYS},
    )


def _reasons_against(reliability: Reliability, lang: Language) -> list[str]:
    """Return why nothing is ranked: how the model did on later deals, and the columns that it could not use."""
    if reliability.skill is None:  # nothing was judged: the model's own sentence says why
        return [reliability.message(lang)]
    shares = {"skill": reliability.skill, "low": reliability.skill_low, "high": reliability.skill_high}
    facts = {name: num.share(value, lang, 1) for name, value in shares.items()}
    return [
        say("refused_no_skill", lang, n=num.count(reliability.n, lang), n_won=num.count(reliability.n_won, lang), **facts),
        *([say("refused_leaks", lang, columns=listed(list(reliability.leaks), lang))] if reliability.leaks else []),
    ]


def _named(week: Week, found: pl.DataFrame) -> pl.DataFrame:
    lang = week.lang
    places = lines_of(week.now, "deals", found["deal_id"])
    rows = found.to_dicts()
    words = {
        "customer": [row["customer_name"] or row["deal_name"] or row["deal_id"] for row in rows],
        "record": [" ".join(part for part in (row["deal_id"], row["deal_name"]) if part) for row in rows],
        "why": [_reasons(row["reasons"] or [], lang) for row in rows],
        "source": [places.get(row["deal_id"], row["deal_id"]) for row in rows],
    }
    return (
        found.with_columns(*(pl.Series(name, values, pl.String) for name, values in words.items()))
        .join(week.now.sql(_TEAMS), on="rep_id", how="left", maintain_order="left")
        .with_columns(
            rep_name=pl.coalesce("rep_name", "rep_id", pl.lit("—")), team=pl.coalesce("team", pl.lit(say("no_team", lang)))
        )
    )


def _reasons(codes: list[str], lang: Language) -> str:
    speaking, against = ([forecast.reason_text(code, lang) for code in codes if code.startswith(sign)] for sign in "+-")
    parts = [listed(speaking, lang)] if speaking else []
    return clauses([*parts, *([say("against", lang, reasons=listed(against, lang))] if against else [])], lang)


def _first(frame: pl.DataFrame) -> pl.DataFrame:
    order = ["win_probability", "amount", "deal_id"]
    return frame.sort(order, descending=[True, True, False], nulls_last=True).head(N_FIRST)


def _finding(first: pl.DataFrame, verdict: str, lang: Language) -> str:
    best = first.row(0, named=True)
    return say(
        "top_deals_finding" if verdict == "usable" else "top_deals_finding_care",
        lang,
        days=DAYS,
        customer=best["customer"],
        rep=best["rep_name"],
        share=num.share(best["win_probability"], lang),
        amount=num.amount(best["amount"], lang),
    )


def _bias(bins: pl.DataFrame, lang: Language) -> tuple[str, ...]:
    """Return the sentence that says that chances were too high or too low all in all, where chance does not explain it.

    A slope near 1 does not see this: chances that are all too high by the same odds still have it.
    """
    n, n_won = int(bins["n"].sum()), int(bins["n_won"].sum())
    if n == 0:
        return ()
    expected = float((bins["n"] * bins["mean_probability"]).sum())
    spread = float((bins["n"] * bins["mean_probability"] * (1 - bins["mean_probability"])).sum()) ** 0.5
    if abs(n_won - expected) <= _SURE * spread:
        return ()
    name = "chances_too_high" if n_won < expected else "chances_too_low"
    return (say(name, lang, said=num.share(expected / n, lang, 1), won=num.share(n_won / n, lang, 1)),)


def _hindsight(frame: pl.DataFrame, lang: Language) -> tuple[str, ...]:
    return (say("top_deals_hindsight", lang),) if frame["is_amount_hindsight"].any() else ()


def _picture(reliability: Reliability, lang: Language) -> Picture:
    caption = say("reliability_caption", lang, days=f"{reliability.horizon_days:.0f}", n=num.count(reliability.n, lang))
    return Picture("reliability", draw.reliability(reliability.bins, lang), caption, say("reliability_alt", lang), is_last=True)


def _team_tables(frame: pl.DataFrame, lang: Language) -> list[Table]:
    teams = frame.sort("team", "rep_id", "rank", nulls_last=True, maintain_order=True).group_by("team", maintain_order=True)
    return [
        _table(f"top-{n}", rows, lang, fold=say_n("top_deals_team", rows["rep_id"].n_unique(), lang, team=team))
        for n, ((team,), rows) in enumerate(teams)
    ]


def _table(key: str, frame: pl.DataFrame, lang: Language, *, caption: str = "", fold: str | None = None) -> Table:
    rep = Column(say("col_rep", lang), "rep_name", is_merged=fold is not None)
    deal = Column(say("col_customer_deal", lang), "customer", note="record")
    columns = (
        *((rep, deal) if fold else (deal, rep)),
        Column(say("col_win_probability", lang), "win_probability", lambda value: num.share(value, lang), is_number=True),
        Column(say("col_amount", lang), "amount", lambda value: num.amount(value, lang), is_number=True),
        Column(say("col_reasons", lang), "why", is_long=True),
    )
    return Table(
        key, frame, columns, caption=caption, source="source" if fold else None, fold=fold, is_printed=True, is_wide=True
    )

"""What fell last week, and whether chance explains it."""

from __future__ import annotations

from typing import Any

import polars as pl

from salesiq import targets
from salesiq.figures import targets as draw
from salesiq.i18n import Language, text
from salesiq.i18n import numbers as num
from salesiq.reports.document import Column, Picture, Section, Table
from salesiq.reports.sections.absent import absent
from salesiq.reports.trace import origin_of
from salesiq.reports.week import Week
from salesiq.reports.wording import N_DRAWN, say, say_n

__all__ = ["flag_name", "new_flags", "section"]

_ACTS = 6


def section(week: Week) -> Section:
    """Return the plain rule's flags and the honest ones, each with what chance says to it."""
    lang = week.lang
    if missing := week.missing(targets.red_flags):
        return absent("red_flags", missing, lang)
    found = week.ask(targets.red_flags)
    if found.is_empty():
        return absent("red_flags", ("deals",), lang)
    flagged = found.filter(pl.col("is_flag") | pl.col("is_plain_flag")).sort(~pl.col("is_flag"), maintain_order=True)
    honest = flagged.filter("is_flag")
    drawn = draw.judged(
        pl.concat([flagged.head(N_DRAWN), found.filter(pl.col("is_company") & ~pl.col("is_flag") & ~pl.col("is_plain_flag"))])
    )
    return Section(
        key="red_flags",
        title=say("red_flags_title", lang),
        finding=_finding(found, flagged, honest, lang),
        acts=_acts(honest, lang),
        notes=(say("red_flags_note", lang, week=num.day(found["week_start_on"][0], lang), n=found["n_weeks"][0]),),
        tables=(_table(flagged, lang),) if flagged.height else (),
        pictures=(
            Picture("red-flags", draw.red_flags(drawn, lang), say("red_flags_caption", lang), say("red_flags_alt", lang)),
        )
        if drawn.height
        else (),
        origin=origin_of(week.now, "targets.red_flags", ("deals", "activities", "reps", "org_units"), lang),
        is_alarm=not honest.is_empty(),
        facts={"n_plain": flagged.filter("is_plain_flag").height, "n_flags": honest.height},
    )


def new_flags(week: Week) -> list[str]:
    """Return the names of honest flags that were not raised a week ago."""
    if week.missing(targets.red_flags):
        return []
    now, before = (week.ask(targets.red_flags, is_before=is_before).filter("is_flag") for is_before in (False, True))
    fresh = now.join(before, on=["unit_id", "measure"], how="anti", nulls_equal=True, maintain_order="left")
    return [flag_name(row, week.lang) for row in fresh.to_dicts()]


def flag_name(row: dict[str, Any], lang: Language) -> str:
    """Return "unit: measure" of a row."""
    return say("flag_name", lang, unit=_unit(row, lang), measure=text(f"targets.{row['measure']}", lang))


def _unit(row: dict[str, Any], lang: Language) -> str:
    return str(row["unit_name"] or row["unit_id"] or say("whole_company", lang))


def _finding(found: pl.DataFrame, flagged: pl.DataFrame, honest: pl.DataFrame, lang: Language) -> str:
    n_plain = flagged.filter("is_plain_flag").height
    if found["low"].count() == 0:
        return say("red_flags_too_short", lang)
    if flagged.is_empty():
        return say("red_flags_none", lang)
    by_chance = flagged.filter(pl.col("is_plain_flag") & ~pl.col("is_flag")).height
    if honest.is_empty():
        return say_n("red_flags_only_chance", n_plain, lang)
    return say(
        "red_flags_finding",
        lang,
        flags=say_n("n_falls", honest.height, lang),
        plain=num.count(n_plain, lang),
        chance=num.count(by_chance, lang),
    )


def _acts(honest: pl.DataFrame, lang: Language) -> tuple[str, ...]:
    acts = [_act(row, lang) for row in honest.head(_ACTS).to_dicts()]
    rest = honest.height - len(acts)
    return (*acts, *([say("more_in_table", lang, n=rest)] if rest else []))


def _act(row: dict[str, Any], lang: Language) -> str:
    return say(
        "red_flags_act",
        lang,
        what=flag_name(row, lang),
        value=_shown(row["value"], row["measure"], lang),
        low=_shown(row["low"], row["measure"], lang),
        expected=_shown(row["expected"], row["measure"], lang),
    )


def _shown(value: float | None, measure: str, lang: Language) -> str:
    if measure == "won_amount":
        return num.amount(value, lang)
    if measure == "win_rate":
        return num.share(value, lang)
    return "—" if value is None else f"{value:,.0f}" if value == int(value) else f"{value:,.1f}"


def _table(flagged: pl.DataFrame, lang: Language) -> Table:
    rows = flagged.to_dicts()
    words = {
        "unit": [_unit(row, lang) for row in rows],
        "what": [text(f"targets.{row['measure']}", lang) for row in rows],
        "value_text": [_shown(row["value"], row["measure"], lang) for row in rows],
        "expected_text": [_shown(row["expected"], row["measure"], lang) for row in rows],
        "range": [_range(row, lang) for row in rows],
        "why": [text(row["explanation"], lang) for row in rows],
    }
    frame = flagged.with_columns(*(pl.Series(name, values, pl.String) for name, values in words.items()))
    columns = (
        Column(say("col_unit", lang), "unit"),
        Column(say("col_measure", lang), "what"),
        Column(say("col_this_week", lang), "value_text", is_number=True, act="is_flag"),
        Column(say("col_change", lang), "change_share", lambda value: num.signed_share(value, lang), is_number=True),
        Column(say("col_expected", lang), "expected_text", is_number=True, note="range"),
        Column(say("col_chance", lang), "why", act="is_flag", is_long=True),
    )
    return Table("red-flags", frame, columns, is_wide=True)


def _range(row: dict[str, Any], lang: Language) -> str:
    if row["low"] is None:
        return ""
    return say("interval", lang, low=_shown(row["low"], row["measure"], lang), high=_shown(row["high"], row["measure"], lang))

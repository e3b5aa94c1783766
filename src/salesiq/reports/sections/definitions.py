"""What the words of the report mean: the foldable footer."""

from __future__ import annotations

import polars as pl

from salesiq.i18n import numbers as num
from salesiq.reports.document import Column, Section, Table
from salesiq.reports.week import Week
from salesiq.reports.wording import say

__all__ = ["TERMS", "section"]

TERMS = (
    "as_of",
    "open_amount",
    "attainment",
    "pace",
    "projection",
    "decay",
    "unit_slip",
    "dwell",
    "naive_mean",
    "stuck",
    "pseudo_advance",
    "red_flag",
    "win_probability",
    "calibration",
    "record_score",
    "watch_list",
    "interval",
    "hindsight",
)


def section(week: Week) -> Section:
    """Return the terms with their definitions; no number is computed here."""
    lang = week.lang
    terms = [{"term": say(f"term_{term}", lang), "meaning": say(f"meaning_{term}", lang)} for term in TERMS]
    columns = (Column(say("col_term", lang), "term"), Column(say("col_meaning", lang), "meaning"))
    return Section(
        key="definitions",
        title=say("definitions_title", lang),
        finding=say("made_from", lang, moment=num.moment(week.now.as_of, lang)),
        tables=(Table("definitions", pl.DataFrame(terms), columns),),
    )

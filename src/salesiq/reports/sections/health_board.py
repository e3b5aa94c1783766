"""The health board: every unit on one line, from target to the trust that its records deserve."""

from __future__ import annotations

from typing import Any

import polars as pl

from salesiq import targets
from salesiq.figures.targets import level_name
from salesiq.i18n import Language
from salesiq.i18n import numbers as num
from salesiq.reports.document import Column, Section, Table
from salesiq.reports.sections.absent import absent
from salesiq.reports.sections.attainment import columns_of, is_over, largest_gaps, marked
from salesiq.reports.sections.plan import main_measure, measure_name, shown_amount
from salesiq.reports.sections.tree import in_tree_order
from salesiq.reports.trace import origin_of
from salesiq.reports.week import Week
from salesiq.reports.wording import listed, say

__all__ = ["section"]

SCORE_DAYS = 28
_SCORES = """
SELECT lead_unit_id AS unit_id, (sum(sum_score) / sum(n_records))::DOUBLE AS record_score
FROM quality.rep_sums(as_of := $as_of, days := $days)
JOIN base.reps(as_of := $as_of) AS reps USING (rep_id)
JOIN targets.lines(as_of := $as_of) AS lines ON lines.unit_id = reps.unit_id
GROUP BY lead_unit_id
ORDER BY lead_unit_id
"""


def section(week: Week) -> Section:
    """Return attainment, pace, projected finish and record quality of every unit with a target."""
    lang = week.lang
    if missing := week.missing(targets.attainment):
        return absent("health_board", missing, lang)
    found = week.ask(targets.attainment).filter(pl.col("rep_id").is_null())
    if found.is_empty():
        return absent("health_board", ("targets",), lang)
    measure = main_measure(found)
    frame = in_tree_order(week, marked(found.filter(pl.col("measure") == measure), measure, lang))
    frame = frame.join(week.now.sql(_SCORES, days=SCORE_DAYS), on="unit_id", how="left", maintain_order="left")
    acts = _acts(frame, measure, lang)
    note = "health_board_note_over" if is_over(frame) else "health_board_note"
    return Section(
        key="health_board",
        title=say("health_board_title", lang),
        finding=_finding(frame.row(0, named=True), measure, lang),
        acts=acts,
        notes=(say(note, lang, measure=measure_name(measure, lang), period=frame["period"][0], days=SCORE_DAYS),),
        tables=(_table(frame, measure, lang),),
        origin=origin_of(
            week.now, "targets.attainment, quality.rep_scores", ("targets", "deals", "org_units", "activities"), lang
        ),
        is_alarm=bool(acts),
        facts={"period": frame["period"][0], "measure": measure},
    )


def _finding(top: dict[str, Any], measure: str, lang: Language) -> str:
    facts = {
        "unit": top["label"],
        "share": num.share(top["attainment_share"], lang),
        "target": shown_amount(top["target_amount"], measure, lang),
    }
    if not top["band"]:
        return say("health_board_finding_over", lang, **facts)
    projected = shown_amount(top["projected_amount"], measure, lang)
    return say(
        "health_board_finding",
        lang,
        elapsed=num.share(top["elapsed_share"], lang),
        projected=projected,
        band=top["band"],
        **facts,
    )


def _acts(frame: pl.DataFrame, measure: str, lang: Language) -> tuple[str, ...]:
    # where a unit is late, so are those above it: the lowest level is where something can be done
    below = frame.filter("is_below")
    lowest = below.filter(pl.col("indent") == pl.col("indent").max())
    if lowest.is_empty():
        return ()
    after = "_over" if is_over(frame) else ""
    gaps = listed(largest_gaps(lowest, measure, lang), lang)
    if lowest.height == 1:
        return (say("health_board_act_one" + after, lang, unit=gaps),)
    level = lowest["level"][0]
    called = say("level_unknown", lang) if level is None else level_name(level, lang)
    return (say("health_board_act" + after, lang, n=lowest.height, level=called, units=gaps),)


def _table(frame: pl.DataFrame, measure: str, lang: Language) -> Table:
    score = Column(say("col_record_score", lang), "record_score", lambda value: f"{value:.0f}", is_number=True)
    columns = columns_of("col_unit", measure, lang, indent="indent", is_over=is_over(frame))
    return Table("health-board", frame, (*columns, score))

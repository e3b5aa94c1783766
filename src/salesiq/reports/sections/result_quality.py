"""How good the result is beside how large it is."""

from __future__ import annotations

import polars as pl

from salesiq import targets
from salesiq.i18n import numbers as num
from salesiq.i18n import text
from salesiq.reports.document import Column, Section, Table
from salesiq.reports.meeting import Meeting
from salesiq.reports.trace import origin_of

__all__ = ["section"]


def section(meeting: Meeting) -> Section:
    """Return the four shares of the first unit, those of the others folded."""
    found = targets.attainment_quality(meeting.now, meeting.period)
    title = meeting.say("quality_title")
    if found.is_empty():
        return Section(key="quality", title=title, finding=meeting.say("quality_none"))
    units = found.filter(pl.col("rep_id").is_null())
    shown = units if units.height else found
    return Section(
        key="quality",
        title=title,
        finding=meeting.say("quality_finding", score=num.count(shown["score"][0], meeting.lang)),
        notes=(meeting.say("quality_note"),),
        tables=(_table(meeting, shown),),
        origin=origin_of(meeting.now, "targets.attainment_quality", ("deals", "invoices", "receipts"), meeting.lang),
    )


def _table(meeting: Meeting, found: pl.DataFrame) -> Table:
    rows = found.to_dicts()

    def words(values: list[str]) -> pl.Series:
        return pl.Series(values, dtype=pl.String)

    frame = found.with_columns(
        label=pl.coalesce("name", "rep_id", "unit_id"),
        aspect_text=words([text(f"targets.{row['aspect']}", meeting.lang) for row in rows]),
        band=words(
            [
                meeting.say("interval", low=meeting.share(row["low_share"]), high=meeting.share(row["high_share"]))
                for row in rows
            ]
        ),
        against=words([meeting.say(row["against_plan"] or "unclear") for row in rows]),
        is_worse=pl.col("against_plan").eq_missing("worse"),
    )
    columns = (
        Column(meeting.say("col_unit"), "label", is_merged=True),
        Column(meeting.say("col_aspect"), "aspect_text"),
        Column(meeting.say("col_share"), "share", meeting.share, is_number=True, note="band"),
        Column(meeting.say("col_plan"), "plan_share", meeting.share, is_number=True),
        Column(meeting.say("col_peers"), "peer_share", meeting.share, is_number=True),
        Column(meeting.say("col_against"), "against", act="is_worse"),
        Column(meeting.say("col_score"), "score", lambda value: num.count(value, meeting.lang), is_number=True, is_merged=True),
    )
    return Table("quality", frame, columns)

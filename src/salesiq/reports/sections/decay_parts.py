"""Where the target decays, part by part."""

from __future__ import annotations

import polars as pl

from salesiq import targets
from salesiq.figures import targets_alignment as draw
from salesiq.i18n import numbers as num
from salesiq.i18n import text
from salesiq.reports.document import Column, Picture, Section, Table
from salesiq.reports.meeting import Meeting
from salesiq.reports.trace import origin_of

__all__ = ["section"]


def section(meeting: Meeting) -> Section:
    """Return the parts of every unit's gap in the newest version of the period's bookings."""
    frame = targets.decay_parts(meeting.now, meeting.period, "bookings", every_version=False)
    whole = frame.filter(pl.col("level") == "overall")
    title = meeting.say("parts_title")
    if whole.is_empty():
        return Section(key="decay_parts", title=title, finding=meeting.say("none"))
    parts = whole.filter(pl.col("part").is_not_null())
    caption, alt = meeting.say("parts_caption"), meeting.say("parts_alt")
    return Section(
        key="decay_parts",
        title=title,
        finding=_finding(meeting, whole, parts),
        notes=(meeting.say("parts_note", version=whole["version"][0], period=meeting.period),),
        pictures=(Picture("decay_parts", draw.decay_parts(frame, meeting.lang), caption, alt),) if parts.height else (),
        tables=(
            _table(meeting, frame.filter(pl.col("part").is_not_null() & (pl.col("level") != "overall").fill_null(value=True))),
        ),
        origin=origin_of(meeting.now, "targets.decay_parts", ("targets", "org_units", "reps"), meeting.lang),
        is_alarm=bool(parts["part"].is_in(["unit_slip", "double_counted"]).any()),
    )


def _finding(meeting: Meeting, whole: pl.DataFrame, parts: pl.DataFrame) -> str:
    if parts.is_empty():
        return meeting.say("parts_finding_whole")
    largest = parts.sort("part_amount").row(0, named=True)
    return meeting.say(
        "parts_finding",
        top=meeting.money(whole["amount"][0]),
        left=meeting.money(whole["children_amount"][0]),
        part=text(f"targets.{largest['part']}", meeting.lang),
        amount=num.signed_amount(largest["part_amount"], meeting.lang),
    )


def _table(meeting: Meeting, edges: pl.DataFrame) -> Table:
    lang = meeting.lang
    rows = edges.to_dicts()
    frame = edges.with_columns(
        unit=pl.coalesce("unit_name", "unit_id"),
        words=pl.Series([text(f"targets.{row['part']}", lang) for row in rows], dtype=pl.String),
        below=pl.Series([_below(meeting, row) for row in rows], dtype=pl.String),
        is_wrong=pl.col("part").is_in(["unit_slip", "double_counted"]),
    )
    columns = (
        Column(meeting.say("col_unit"), "unit", is_merged=True, note="below"),
        Column(meeting.say("col_target"), "amount", meeting.money, is_number=True),
        Column(meeting.say("col_children"), "children_amount", meeting.money, is_number=True),
        Column(meeting.say("col_part"), "words", act="is_wrong"),
        Column(
            meeting.say("col_part_amount"),
            "part_amount",
            lambda value: num.signed_amount(value, lang),
            is_number=True,
            act="is_wrong",
        ),
    )
    return Table("decay_parts", frame, columns)


def _below(meeting: Meeting, row: dict[str, object]) -> str:
    counts = {name: row[f"n_{name}"] for name in ("opened", "closed", "moved")}
    return meeting.say("counts", **counts) if any(counts.values()) else ""

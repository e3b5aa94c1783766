"""What backs the targets, yuan by yuan."""

from __future__ import annotations

import polars as pl

from salesiq import targets
from salesiq.figures import targets_alignment as draw
from salesiq.reports.document import Column, Picture, Section, Table
from salesiq.reports.meeting import Meeting
from salesiq.reports.trace import origin_of, where
from salesiq.reports.wording import drawn_part

__all__ = ["section"]

_BUCKETS = ("done_amount", "planned_amount", "unplanned_amount", "uncovered_amount")
_N_DEALS = 30


def section(meeting: Meeting) -> Section:
    """Return the buckets of every unit, of every person, and the largest deals behind them."""
    units = meeting.coverage.filter(pl.col("rep_id").is_null())
    reps = meeting.coverage.filter(pl.col("rep_id").is_not_null()).sort("covered_share", "rep_id", nulls_last=True)
    title = meeting.say("coverage_title")
    if meeting.coverage.is_empty():
        return Section(key="coverage", title=title, finding=meeting.say("none"))
    caption, drawn = drawn_part(meeting.say("coverage_caption"), units if units.height else reps, meeting.lang)
    deals = targets.coverage_deals(meeting.now, meeting.period, probabilities=meeting.probabilities).head(_N_DEALS)
    fold = meeting.say("coverage_reps", n=reps.height)
    tables = [_nodes(meeting, "coverage", units), _nodes(meeting, "coverage-reps", reps, fold), _deals(meeting, deals)]
    return Section(
        key="coverage",
        title=title,
        finding=_finding(meeting, (units if units.height else reps).row(0, named=True)),
        pictures=(Picture("coverage", draw.coverage(drawn, meeting.lang), caption, meeting.say("coverage_alt")),),
        tables=tuple(table for table in tables if table.frame.height),
        origin=origin_of(meeting.now, "targets.coverage", ("targets", "deals", "activities"), meeting.lang),
    )


def _finding(meeting: Meeting, top: dict[str, object]) -> str:
    target, uncovered, share = top["target_amount"], top["uncovered_amount"], top["covered_share"]
    if not uncovered or not isinstance(share, float):
        return meeting.say("coverage_finding_full", target=meeting.money(target))  # type: ignore[arg-type]
    facts = {"uncovered": meeting.money(uncovered), "target": meeting.money(target)}  # type: ignore[arg-type]
    return meeting.say("coverage_finding", share=meeting.share(1 - share), **facts)


def _nodes(meeting: Meeting, key: str, nodes: pl.DataFrame, fold: str | None = None) -> Table:
    frame = nodes.with_columns(
        label=pl.coalesce("name", "rep_id", "unit_id"),
        is_bare=(pl.col("covered_share") < 0.5).fill_null(value=False),
        depth=pl.col("depth").fill_null(0),
    )
    columns = (
        Column(meeting.say("col_rep" if fold else "col_unit"), "label", indent=None if fold else "depth"),
        Column(meeting.say("col_target"), "target_amount", meeting.money, is_number=True),
        *(Column(meeting.say(name), name, meeting.money, is_number=True) for name in _BUCKETS),
        Column(meeting.say("col_covered"), "covered_share", meeting.share, is_number=True, act="is_bare"),
    )
    return Table(key, frame, columns, fold=fold)


def _deals(meeting: Meeting, deals: pl.DataFrame) -> Table:
    frame = deals.with_columns(
        customer=pl.coalesce("customer_name", "customer_id", "deal_id"),
        due=pl.Series([meeting.day(value) if value else "" for value in deals["next_step_due_at"]], dtype=pl.String),
        source=pl.Series(
            [where(row["source_file"], row["source_line"], row["deal_id"]) for row in deals.to_dicts()], dtype=pl.String
        ),
    )
    columns = (
        Column(meeting.say("col_deal"), "customer", note="deal_name"),
        Column(meeting.say("col_owner"), "rep_name"),
        Column(meeting.say("col_stage"), "stage"),
        Column(meeting.say("col_chance"), "win_probability", meeting.share, is_number=True),
        Column(meeting.say("col_expected"), "expected_amount", meeting.money, is_number=True),
        Column(meeting.say("col_next"), "next_step", note="due", is_long=True),
    )
    return Table(
        "coverage-deals", frame, columns, source="source", fold=meeting.say("coverage_deals", n=deals.height), is_wide=True
    )

"""Where targets decay on the way from the company to the rep."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import polars as pl

from salesiq import targets
from salesiq.figures import targets as draw
from salesiq.i18n import Language, text
from salesiq.i18n import numbers as num
from salesiq.reports.document import Column, Picture, Section, Table
from salesiq.reports.sections.absent import absent
from salesiq.reports.sections.plan import current_period, main_measure, measure_name, shown_amount, unit_label
from salesiq.reports.sections.tree import in_tree_order
from salesiq.reports.trace import origin_of, where
from salesiq.reports.week import Week
from salesiq.reports.wording import joined, say

__all__ = ["section", "slip_words"]

_SLIPS_NAMED = 5


def section(week: Week) -> Section:
    """Return what each level loses, with every slip of a unit of money as something to correct."""
    lang = week.lang
    if missing := week.missing(targets.decay):
        return absent("decay", missing, lang)
    found = week.ask(targets.decay)
    period = current_period(found, week)
    frame = found.filter(pl.col("period") == period)
    if frame.is_empty():
        return absent("decay", ("targets",), lang)
    measure = main_measure(frame)
    tree = _largest_tree(frame.filter(pl.col("measure") == measure))
    slips = tree.filter((pl.col("finding") == "unit_slip") & (pl.col("level") != "overall"))
    whole = tree.filter(
        (pl.col("level") == "overall") & pl.col("children_amount").is_not_null() & pl.col("amount").is_not_null()
    )
    return Section(
        key="decay",
        title=say("decay_title", lang),
        finding=_finding(whole, slips, measure, lang),
        acts=tuple(slip_words(row, measure, lang) for row in slips.head(_SLIPS_NAMED).to_dicts()),
        notes=(say("decay_note", lang, period=period, measure=measure_name(measure, lang), version=tree["version"][0]),),
        tables=(_table(week, tree, measure),),
        pictures=(_picture(tree, lang),) if whole.height else (),
        origin=origin_of(week.now, "targets.decay", ("targets", "org_units", "reps"), lang),
        is_alarm=not slips.is_empty(),
        facts={"period": period, "measure": measure, "n_slips": slips.height},
    )


def _largest_tree(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of the tree whose top carries most: an organisation has one, but exports may show strays beside it."""
    wholes = frame.filter(pl.col("level") == "overall").sort("amount", "unit_id", descending=[True, False], nulls_last=True)
    if wholes.height < 2:
        return frame
    return frame.filter((pl.col("level") != "overall") | (pl.col("unit_id") == wholes["unit_id"][0]))


def _finding(whole: pl.DataFrame, slips: pl.DataFrame, measure: str, lang: Language) -> str:
    if whole.is_empty():
        return say("decay_no_bottom", lang)
    row = whole.row(0, named=True)
    facts = {
        "top": unit_label(row["unit_name"], row["unit_id"]),
        "amount": shown_amount(row["amount"], measure, lang),
        "left": shown_amount(row["children_amount"], measure, lang),
        "share": num.signed_share(row["retained_share"] - 1 if row["retained_share"] is not None else None, lang, 1),
    }
    if row["gap_amount"] == 0:
        name = "decay_finding_whole"
    else:
        name = "decay_finding_lost" if row["gap_amount"] < 0 else "decay_finding_more"
    words = say(name, lang, **facts)
    return joined([words, *([say("decay_finding_slips", lang, n=slips.height)] if slips.height else [])], lang)


def slip_words(row: dict[str, Any], measure: str, lang: Language) -> str:
    """Return what is wrong with a unit's children's targets, and what to do about it."""
    whose = "decay_slip_child" if row["slip_child_id"] else "decay_slip"
    factor = Decimal(str(row["slip_factor"]))
    return say(
        whose,
        lang,
        unit=unit_label(row["unit_name"], row["unit_id"]),
        child=row["slip_child_id"] or "",
        amount=shown_amount(row["amount"], measure, lang),
        children=shown_amount(row["children_amount"], measure, lang),
        corrected=shown_amount(row["children_amount"] * factor, measure, lang),
        factor=f"×{factor:,.0f}" if factor >= 1 else f"÷{1 / factor:,.0f}",
    )


def _picture(tree: pl.DataFrame, lang: Language) -> Picture:
    return Picture("decay", draw.decay(tree, lang), say("decay_caption", lang), say("decay_alt", lang))


def _table(week: Week, tree: pl.DataFrame, measure: str) -> Table:
    lang = week.lang
    edges = in_tree_order(week, tree.filter(pl.col("level") != "overall"))
    rows = edges.to_dicts()
    frame = edges.with_columns(
        unit=pl.Series([unit_label(row["unit_name"], row["unit_id"]) for row in rows], dtype=pl.String),
        finding_text=pl.Series(
            [text(f"targets.{row['finding']}", lang) if row["finding"] else None for row in rows], dtype=pl.String
        ),
        is_slip=pl.col("finding").eq_missing("unit_slip"),
        source=pl.Series(_sources(week, edges), dtype=pl.String),
    )

    def shown(value: Decimal) -> str:
        return shown_amount(value, measure, lang)

    columns = (
        Column(say("col_unit", lang), "unit", indent="indent"),
        Column(say("col_target", lang), "amount", shown, is_number=True),
        Column(say("col_children", lang), "children_amount", shown, is_number=True, act="is_slip"),
        Column(
            say("col_gap", lang), "gap_amount", lambda value: num.signed_amount(value, lang) if value else "0", is_number=True
        ),
        Column(
            say("col_retained", lang), "retained_share", lambda value: num.share(value, lang, 1), is_number=True, act="is_slip"
        ),
        Column(say("col_finding", lang), "finding_text", act="is_slip"),
    )
    return Table("decay", frame, columns, source="source")


def _sources(week: Week, edges: pl.DataFrame) -> list[str]:
    """Return for each edge the lines of the unit's own target and of its children's."""
    plan = week.now.sql(
        "SELECT targets.period, targets.measure, targets.version, targets.unit_id, "
        "coalesce(units.parent_unit_id, reps.unit_id) AS parent_id, targets.source_file AS file, targets.source_line AS line "
        "FROM base.targets(as_of := $as_of) AS targets "
        "LEFT JOIN base.units(as_of := $as_of) AS units ON units.unit_id = targets.unit_id AND targets.rep_id IS NULL "
        "LEFT JOIN base.reps(as_of := $as_of) AS reps ON reps.rep_id = targets.rep_id "
        "ORDER BY file, line"
    )
    found = []
    for row in edges.to_dicts():
        same = plan.filter(
            (pl.col("period") == row["period"]) & (pl.col("measure") == row["measure"]) & (pl.col("version") == row["version"])
        )
        own = [
            where(file, line) for file, line in same.filter(pl.col("unit_id") == row["unit_id"]).select("file", "line").rows()
        ]
        below = same.filter(pl.col("parent_id") == row["unit_id"])
        lines = ", ".join(str(line) for line in below["line"].to_list())
        named = unit_label(row["unit_name"], row["unit_id"])
        children = where(below["file"][0] if below.height else None, None)
        found.append(
            say("decay_source", week.lang, unit=named, own=", ".join(own) or "—", children=children or "—", lines=lines or "—")
        )
    return found

"""How far targets are met by people, and by units in the measures that the health board does not show."""

from __future__ import annotations

from typing import Any

import polars as pl

from salesiq import targets
from salesiq.figures import targets as draw
from salesiq.i18n import Language
from salesiq.i18n import numbers as num
from salesiq.reports.document import Column, Picture, Section, Table
from salesiq.reports.sections.absent import absent
from salesiq.reports.sections.plan import main_measure, measure_name, shown_amount, unit_label
from salesiq.reports.sections.tree import in_tree_order
from salesiq.reports.trace import origin_of
from salesiq.reports.week import Week
from salesiq.reports.wording import drawn_part, listed, say, say_n

__all__ = ["columns_of", "is_over", "largest_gaps", "marked", "section"]

_NAMED, _GAPS_NAMED = 6, 3


def section(week: Week) -> Section:
    """Return attainment with the band in which the period may end; who cannot reach the target any more is red."""
    lang = week.lang
    if missing := week.missing(targets.attainment):
        return absent("attainment", missing, lang)
    found = week.ask(targets.attainment)
    if found.is_empty():
        return absent("attainment", ("targets",), lang)
    measure = main_measure(found)
    frame = marked(found.filter(pl.col("measure") == measure), measure, lang)
    everyone = frame.filter(pl.col("rep_id").is_not_null()).sort("attainment_share", "rep_id", nulls_last=True)
    everyone = everyone.with_columns(is_slipped=_is_slipped(week, everyone, measure))
    reps = everyone.filter(~pl.col("is_slipped"))
    after = "_over" if is_over(frame) else ""
    caption, drawn = drawn_part(say("attainment_caption" + after, lang), reps if reps.height else frame, lang)
    picture = Picture("attainment", draw.attainment(drawn, lang), caption, say("attainment_alt", lang))
    return Section(
        key="attainment",
        title=say("attainment_title", lang),
        finding=_finding(reps, measure, lang) if reps.height else _finding_units(frame, lang),
        notes=(*_slip_note(everyone, lang), say("attainment_note" + after, lang)),
        tables=tuple(
            table
            for table in (_rep_table(everyone, measure, lang), *_other_measures(week, found, measure))
            if table.frame.height
        ),
        pictures=(picture,) if drawn["attainment_share"].count() else (),
        origin=origin_of(week.now, "targets.attainment", ("targets", "deals", "receipts", "reps"), lang),
        facts={"measure": measure, "n_out_of_reach": reps.filter("is_out_of_reach").height},
    )


def _is_slipped(week: Week, reps: pl.DataFrame, measure: str) -> pl.Series:
    """Return which targets of reps `targets.decay` found in another unit of money: a share of such a target says nothing."""
    if week.missing(targets.decay) or reps.is_empty():
        return pl.Series([False] * reps.height, dtype=pl.Boolean)
    found = week.ask(targets.decay).filter((pl.col("finding") == "unit_slip") & (pl.col("level") != "overall"))
    slips = found.filter((pl.col("period") == reps["period"][0]) & (pl.col("measure") == measure))
    units = slips.filter(pl.col("slip_child_id").is_null())["unit_id"].to_list()
    people = slips["slip_child_id"].drop_nulls().to_list()
    return reps.select(pl.col("unit_id").is_in(units) | pl.col("rep_id").is_in(people)).to_series().fill_null(False)


def _slip_note(reps: pl.DataFrame, lang: Language) -> tuple[str, ...]:
    slipped = reps.filter("is_slipped")["label"].to_list()
    return (say("attainment_slipped", lang, names=listed(slipped, lang)),) if slipped else ()


def is_over(frame: pl.DataFrame) -> bool:
    """Return whether the period of the rows is over, so that nothing is left to project."""
    return bool(frame["elapsed_share"].min() == 1)


def marked(frame: pl.DataFrame, measure: str, lang: Language) -> pl.DataFrame:
    """Add what tables show: `label`, `band`, `is_below` (the target is not met, or out of reach) and `is_out_of_reach`."""
    rows = frame.to_dicts()
    below = pl.Series([draw.is_out_of_reach(row) for row in rows], dtype=pl.Boolean)
    return frame.with_columns(
        label=pl.Series([unit_label(row["name"], row["rep_id"] or row["unit_id"]) for row in rows], dtype=pl.String),
        band=pl.Series([_band(row, measure, lang) for row in rows], dtype=pl.String),
        is_below=below,
        # when the period is over there is nothing left to reach: red would only be noise
        is_out_of_reach=below & (pl.col("elapsed_share") < 1),
    )


def _band(row: dict[str, Any], measure: str, lang: Language) -> str:
    low, high = row["projected_low_amount"], row["projected_high_amount"]
    if low is None or high is None or low == high:
        return ""
    return say("interval", lang, low=shown_amount(low, measure, lang), high=shown_amount(high, measure, lang))


def largest_gaps(frame: pl.DataFrame, measure: str, lang: Language) -> list[str]:
    """Return the few rows that will end furthest below their target, as far as can be told, with what they lack."""
    name = "unit_gap_over" if is_over(frame) else "unit_gap"
    lacking = frame.with_columns(lacking=pl.col("target_amount") - pl.coalesce("projected_amount", "actual_amount"))
    short = lacking.filter(pl.col("lacking") > 0).sort("lacking", "label", descending=[True, False]).head(_GAPS_NAMED)
    return [say(name, lang, unit=row["label"], gap=shown_amount(row["lacking"], measure, lang)) for row in short.to_dicts()]


def _finding(reps: pl.DataFrame, measure: str, lang: Language) -> str:
    met = reps.filter(pl.col("attainment_share") >= 1).height
    facts = {"met": num.count(met, lang), "all": num.count(reps.height, lang)}
    late = reps.filter("is_out_of_reach")
    if is_over(reps) and (gaps := largest_gaps(reps, measure, lang)):
        return say("attainment_finding_over", lang, names=listed(gaps, lang), **facts)
    if late.is_empty():
        return say("attainment_finding", lang, **facts)
    names = listed(late["label"].head(_NAMED).to_list(), lang)
    named = names if late.height <= _NAMED else say("and_others", lang, names=names, n=late.height - _NAMED)
    return say("attainment_finding_late", lang, late=say_n("n_reps", late.height, lang), names=named, **facts)


def _finding_units(units: pl.DataFrame, lang: Language) -> str:
    top = units.row(0, named=True)
    return say("attainment_finding_unit", lang, unit=top["label"], share=num.share(top["attainment_share"], lang))


def columns_of(
    first: str, measure: str, lang: Language, *, indent: str | None = None, is_over: bool = False
) -> tuple[Column, ...]:
    """Return the columns of a table of attainment, led by the label under the title `first`."""

    def shown(value: num.Number) -> str:
        return shown_amount(value, measure, lang)

    def gap(value: num.Number) -> str:
        return num.signed_amount(value, lang) if measure != "new_customers" else f"{value:+,.0f}"

    def percent(value: num.Number) -> str:
        return num.share(value, lang)

    ahead = (
        Column(say("col_pace", lang), "pace_share", percent, is_number=True),
        Column(say("col_projected", lang), "projected_amount", shown, is_number=True, note="band", act="is_out_of_reach"),
    )
    behind = (Column(say("col_gap", lang), "gap_amount", gap, is_number=True),)
    return (
        Column(say(first, lang), "label", indent=indent),
        Column(say("col_target", lang), "target_amount", shown, is_number=True),
        Column(say("col_actual", lang), "actual_amount", shown, is_number=True),
        Column(say("col_attainment", lang), "attainment_share", percent, is_number=True),
        *(behind if is_over else ahead),
    )


def _rep_table(reps: pl.DataFrame, measure: str, lang: Language) -> Table:
    columns = columns_of("col_rep", measure, lang, is_over=is_over(reps))
    return Table("attainment-reps", reps, columns, fold=say_n("attainment_reps", reps.height, lang))


def _other_measures(week: Week, found: pl.DataFrame, main: str) -> list[Table]:
    lang, tables = week.lang, list[Table]()
    for measure in sorted(set(found["measure"].to_list()) - {main}):
        units = found.filter((pl.col("measure") == measure) & pl.col("rep_id").is_null())
        frame = in_tree_order(week, marked(units, measure, lang))
        share = frame["attainment_share"][0] if frame.height else None
        fold = say("attainment_other", lang, measure=measure_name(measure, lang), share=num.share(share, lang))
        columns = columns_of("col_unit", measure, lang, indent="indent", is_over=is_over(frame))
        tables.append(Table(f"attainment-{len(tables)}", frame, columns, fold=fold))
    return tables

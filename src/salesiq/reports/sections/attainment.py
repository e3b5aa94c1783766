"""How far targets are met, by unit and by rep."""

from __future__ import annotations

import polars as pl

from salesiq import targets
from salesiq.figures import targets as draw
from salesiq.i18n import Language
from salesiq.i18n import numbers as num
from salesiq.reports.document import Column, Picture, Section, Table
from salesiq.reports.sections.absent import absent
from salesiq.reports.sections.plan import main_measure, measure_name, shown_amount, unit_label
from salesiq.reports.trace import origin_of
from salesiq.reports.week import Week
from salesiq.reports.wording import listed, say, say_n

__all__ = ["columns_of", "marked", "section"]

_NAMED = 6


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
    units, reps = frame.filter(pl.col("rep_id").is_null()), frame.filter(pl.col("rep_id").is_not_null())
    late = reps.filter("is_out_of_reach").sort("attainment_share", "rep_id")
    pictures = (Picture("attainment", draw.attainment(units, lang), say("attainment_caption", lang), say("attainment_alt", lang)),)
    return Section(
        key="attainment",
        title=say("attainment_title", lang),
        finding=_finding(reps, late, lang) if reps.height else _finding_units(units, lang),
        notes=(say("attainment_note", lang),),
        tables=tuple(table for table in (*_rep_tables(reps, measure, lang), *_other_measures(found, measure, lang)) if table.frame.height),
        pictures=pictures if units["attainment_share"].count() else (),
        origin=origin_of(week.now, "targets.attainment", ("targets", "deals", "receipts", "reps"), lang),
        facts={"measure": measure, "n_out_of_reach": late.height},
    )


def marked(frame: pl.DataFrame, measure: str, lang: Language) -> pl.DataFrame:
    """Add what tables show: `label`, `band`, `is_out_of_reach`."""
    rows = frame.to_dicts()
    return frame.with_columns(
        label=pl.Series([unit_label(row["name"], row["rep_id"] or row["unit_id"]) for row in rows], dtype=pl.String),
        band=pl.Series([_band(row, measure, lang) for row in rows], dtype=pl.String),
        is_out_of_reach=pl.Series([draw.is_out_of_reach(row) for row in rows], dtype=pl.Boolean),
    )


def _band(row: dict[str, num.Number | None], measure: str, lang: Language) -> str:
    low, high = row["projected_low_amount"], row["projected_high_amount"]
    if low is None or high is None or low == high:
        return ""
    return say("interval", lang, low=shown_amount(low, measure, lang), high=shown_amount(high, measure, lang))


def _finding(reps: pl.DataFrame, late: pl.DataFrame, lang: Language) -> str:
    met = reps.filter(pl.col("attainment_share") >= 1).height
    facts = {"met": say_n("n_reps", met, lang), "all": num.count(reps.height, lang)}
    if late.is_empty():
        return say("attainment_finding", lang, **facts)
    names = listed(late["label"].head(_NAMED).to_list(), lang)
    named = names if late.height <= _NAMED else say("and_others", lang, names=names, n=late.height - _NAMED)
    return say("attainment_finding_late", lang, late=say_n("n_reps", late.height, lang), names=named, **facts)


def _finding_units(units: pl.DataFrame, lang: Language) -> str:
    top = units.row(0, named=True)
    return say("attainment_finding_unit", lang, unit=top["label"], share=num.share(top["attainment_share"], lang))


def columns_of(first: str, measure: str, lang: Language) -> tuple[Column, ...]:
    """Return the columns of a table of attainment, led by the label under the title `first`."""

    def shown(value: num.Number) -> str:
        return shown_amount(value, measure, lang)

    return (
        Column(say(first, lang), "label"),
        Column(say("col_target", lang), "target_amount", shown, is_number=True),
        Column(say("col_actual", lang), "actual_amount", shown, is_number=True),
        Column(say("col_attainment", lang), "attainment_share", lambda value: num.share(value, lang), is_number=True),
        Column(say("col_pace", lang), "pace_share", lambda value: num.share(value, lang), is_number=True),
        Column(say("col_projected", lang), "projected_amount", shown, is_number=True, note="band", act="is_out_of_reach"),
    )


def _rep_tables(reps: pl.DataFrame, measure: str, lang: Language) -> list[Table]:
    frame = reps.sort("attainment_share", "rep_id", nulls_last=True)
    return [Table("attainment-reps", frame, columns_of("col_rep", measure, lang), fold=say_n("attainment_reps", frame.height, lang))]


def _other_measures(found: pl.DataFrame, main: str, lang: Language) -> list[Table]:
    tables = []
    for measure in sorted(set(found["measure"].to_list()) - {main}):
        units = found.filter((pl.col("measure") == measure) & pl.col("rep_id").is_null())
        frame = marked(units, measure, lang)
        fold = say("attainment_other", lang, measure=measure_name(measure, lang), share=num.share(frame["attainment_share"].first(), lang))  # type: ignore[arg-type]
        tables.append(Table(f"attainment-{len(tables)}", frame, columns_of("col_unit", measure, lang), fold=fold))
    return tables

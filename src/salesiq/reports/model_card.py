"""The model card: one page that says what a win model is for, how good it was, and what it must not be used for."""

from __future__ import annotations

from typing import Any

import polars as pl

from salesiq.errors import UsageError
from salesiq.figures import forecast as draw
from salesiq.forecast import WinModel, reason_text
from salesiq.i18n import Language, text
from salesiq.i18n import numbers as num
from salesiq.reports.document import Column, Heading, Picture, Section, Table
from salesiq.reports.page import html_page

__all__ = ["model_card"]

_PARTS = {"horizon", "life", "stage", "tier", "region", "product_line", "source"}


def model_card(model: WinModel, lang: Language = "zh") -> str:
    """Return the card of a fitted model as one HTML page that needs no network; made again, it is equal to the byte.

    It tells the verdict, the scores by horizon, by share of the deal's life and by segment, what was compared, what the model
    looks at and in which direction the trade expects it to work, and its limits. `model.card()` has the same as plain data.
    Raises UsageError before `fit`.

    >>> from salesiq.book import Book
    >>> "<h1>" in model_card(WinModel().fit(Book.from_frames()), "en")
    True
    """
    card = model.card()
    if model.until is None:
        raise UsageError("forecast.not_fitted")
    heading = Heading(
        title=_say("title", lang),
        subtitle=_say("subtitle", lang, moment=num.moment(model.until, lang)),
        facts=(
            (_say("fact_kind", lang), _say(f"kind_{card['kind']}", lang)),
            (_say("fact_horizon", lang), num.days(model.horizon_days, lang)),
            (_say("fact_columns", lang), num.count(len(card["columns"]), lang)),
        ),
        warnings=(),
    )
    sections = (_quality(model, lang), *_scores(model, lang), _compared(model, lang), _columns(card, lang), _limits(card, lang))
    definitions = Section(key="definitions", title=_say("definitions_title", lang), finding=_say("definitions", lang))
    return html_page(heading, [section for section in sections if section is not None], definitions, lang)


def _quality(model: WinModel, lang: Language) -> Section:
    found = model.reliability()
    pictures: tuple[Picture, ...] = ()
    if found.bins.height:
        caption = _say("bins_caption", lang, days=f"{found.horizon_days:g}", n=num.count(found.n, lang))
        pictures = (Picture("card-bins", draw.reliability(found.bins, lang), caption, _say("bins_alt", lang)),)
    names = ("brier", "log_loss", "base_log_loss", "auc", "calibration_slope", "calibration_intercept", "calibration_error")
    rows = [{"name": _say(f"score_{name}", lang), "value": found[name]} for name in names if found[name] is not None]
    columns = (
        Column(_say("col_score", lang), "name"),
        Column(_say("col_value", lang), "value", lambda value: f"{value:.3f}", is_number=True),
    )
    tables = (Table("card-scores", pl.DataFrame(rows), columns),) if rows else ()
    return Section(
        key="quality", title=_say("quality_title", lang), finding=found.message(lang), tables=tables, pictures=pictures
    )


def _scores(model: WinModel, lang: Language) -> tuple[Section, ...]:
    cuts = model.reliability().cuts
    if cuts.is_empty():
        return ()
    shown = cuts.with_columns(
        part=pl.Series([_say(f"cut_{row['cut']}", lang) for row in cuts.to_dicts()], dtype=pl.String),
        name=pl.Series([_value(row, lang) for row in cuts.to_dicts()], dtype=pl.String),
    )
    columns = (
        Column(_say("col_part", lang), "part", is_merged=True),
        Column(_say("col_which", lang), "name"),
        Column(_say("col_n", lang), "n", lambda value: num.count(value, lang), is_number=True),
        Column(_say("col_n_won", lang), "n_won", lambda value: num.count(value, lang), is_number=True),
        Column(_say("col_expected", lang), "n_expected", lambda value: f"{value:.0f}", is_number=True),
        Column(_say("col_auc", lang), "auc", lambda value: f"{value:.2f}", is_number=True),
        Column(_say("col_skill", lang), "skill", lambda value: num.share(value, lang, 1), is_number=True),
    )
    picture = Picture("card-skill", draw.skill(cuts, lang), _say("skill_caption", lang), _say("skill_alt", lang))
    table = Table("card-cuts", shown, columns, caption=_say("cuts_caption", lang), is_wide=True)
    return (
        Section(
            key="cuts",
            title=_say("cuts_title", lang),
            finding=_say("cuts_finding", lang),
            tables=(table,),
            pictures=(picture,),
            notes=(_say("life_note", lang),),
        ),
    )


def _value(row: dict[str, Any], lang: Language) -> str:
    if row["cut"] == "horizon":
        return num.days(float(row["value"]), lang)
    return _say(f"life_{row['value']}", lang) if row["cut"] == "life" else str(row["value"])


def _compared(model: WinModel, lang: Language) -> Section | None:
    frame = model.reliability().candidates
    if frame.is_empty():
        return None
    kinds = [name.partition(" ") for name in frame["candidate"]]
    named = frame.with_columns(
        name=pl.Series([_say(f"kind_{kind}", lang) for kind, _, _ in kinds]),
        ridge=pl.Series([strength or None for _, _, strength in kinds], dtype=pl.String),
    ).sort("log_loss", maintain_order=True)
    columns = (
        Column(_say("col_candidate", lang), "name"),
        Column(_say("col_ridge", lang), "ridge", is_number=True),
        Column(_say("col_step_loss", lang), "log_loss", lambda value: f"{value:.4f}", is_number=True),
    )
    finding = _say("compared_finding", lang, kind=named["name"][0])
    return Section(
        key="compared",
        title=_say("compared_title", lang),
        finding=finding,
        tables=(Table("card-candidates", named, columns),),
    )


def _columns(card: dict[str, Any], lang: Language) -> Section:
    signs = {1: "+", -1: num.MINUS, 0: ""}
    rows = [
        {"column": one["column"], "reason": reason_text(f"+{one['reason']}", lang), "sign": signs[one["expected_sign"]]}
        for one in card["columns"]
    ]
    columns = (
        Column(_say("col_column", lang), "column"),
        Column(_say("col_reason", lang), "reason", is_long=True),
        Column(_say("col_sign", lang), "sign"),
    )
    left_out = card["left_out"]
    finding = _say("left_out", lang, columns=", ".join(left_out)) if left_out else _say("none_left_out", lang)
    tables = (Table("card-columns", pl.DataFrame(rows), columns, fold=_say("columns_fold", lang, n=len(rows))),) if rows else ()
    return Section(key="columns", title=_say("columns_title", lang), finding=finding, tables=tables)


def _limits(card: dict[str, Any], lang: Language) -> Section:
    notes = tuple(_say(f"limit_{name}", lang) for name in card["limits"])
    return Section(key="limits", title=_say("limits_title", lang), finding=_say("limits_finding", lang), notes=notes)


def _say(name: str, lang: Language, **facts: object) -> str:
    return text(f"model_card.{name}", lang, **facts)

"""Where the quarter will end: what is signed, what is expected, how sure that is, unit by unit."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import polars as pl

from salesiq import forecast
from salesiq.calendar import Period
from salesiq.figures import forecast_bookings as draw
from salesiq.i18n import Language, text
from salesiq.i18n import numbers as num
from salesiq.reports.document import Column, Picture, Section, Table
from salesiq.reports.sections.absent import absent
from salesiq.reports.sections.tree import in_tree_order
from salesiq.reports.trace import origin_of
from salesiq.reports.week import Week
from salesiq.reports.wording import money, say

__all__ = ["section"]

#: a quarter with fewer days left than this is over for planning: the next one is told
LEAST_DAYS = 7
_N_DRAWN = 16
_CURRENCIES = "SELECT DISTINCT currency FROM base.deals(as_of := $as_of) WHERE currency IS NOT NULL ORDER BY 1"


def section(week: Week) -> Section:
    """Return the bookings expected of the quarter with their bands, beside last year, run rate, stages and commit."""
    lang = week.lang
    if missing := week.missing(forecast.bookings):
        return absent("bookings", missing, lang)
    period = Period.covering((week.now.as_of + dt.timedelta(days=LEAST_DAYS)).date(), "quarter").name
    found = week.ask(forecast.bookings, period=period, by="unit_id", model=week.model)
    whole = week.ask(forecast.bookings, period=period, by=None, model=week.model).row(0, named=True)
    frame = _labelled(week, found)
    return Section(
        key="bookings",
        title=say("bookings_title", lang),
        finding=_finding(week, whole, lang),
        leads=(_where_from(whole, lang), *_beside(whole, lang)),
        notes=_notes(whole, lang),
        tables=(_table(frame, lang),),
        pictures=(_picture(frame, period, lang),),
        origin=origin_of(week.now, "forecast.bookings", ("deals", "stage_events", "activities", "forecast_calls"), lang),
        facts={"period": period, **{name: whole[name] for name in ("expected_amount", "low_80_amount", "high_80_amount")}},
    )


def _labelled(week: Week, found: pl.DataFrame) -> pl.DataFrame:
    """Return the units that have or may have bookings, in tree order, with a `label`."""
    kept = found.filter((pl.col("high_95_amount") > 0) | (pl.col("last_year_amount") > 0))
    named = in_tree_order(week, kept if kept.height else found.head(1))
    return named.with_columns(label=pl.coalesce("name", "unit_id", pl.lit(text("bookings.no_unit", week.lang))))


def _finding(week: Week, whole: dict[str, Any], lang: Language) -> str:
    currencies = week.now.sql(_CURRENCIES)["currency"].to_list()
    amounts = {name: money(whole[f"{name}_amount"], currencies, lang) for name in ("expected", "low_80", "high_80", "booked")}
    name = "finding_signed" if whole["booked_amount"] else "finding"
    return text(f"bookings.{name}", lang, period=whole["period"], **amounts)


def _where_from(whole: dict[str, Any], lang: Language) -> str:
    share = float(whole["new_amount"] / whole["expected_amount"]) if whole["expected_amount"] else 0.0
    parts = {name: num.amount(whole[f"{name}_amount"], lang) for name in ("open", "new")}
    return text("bookings.where_from", lang, share=num.share(share, lang), **parts)


def _beside(whole: dict[str, Any], lang: Language) -> list[str]:
    """Return what reps commit to against the forecast, where they said anything."""
    commit: Decimal | None = whole["commit_amount"]
    if commit is None:
        return []
    place = "above" if commit > whole["high_80_amount"] else "below" if commit < whole["low_80_amount"] else "within"
    return [text(f"bookings.commit_{place}", lang, commit=num.amount(commit, lang))]


def _notes(whole: dict[str, Any], lang: Language) -> tuple[str, ...]:
    said = ["note", *(name for name in ("is_base_rate", "is_amount_hindsight") if whole[name])]
    return tuple(text(f"bookings.{name}", lang) for name in said)


def _picture(frame: pl.DataFrame, period: str, lang: Language) -> Picture:
    caption = text("bookings.caption", lang, period=period)
    return Picture("bookings", draw.bookings(frame.head(_N_DRAWN), lang), caption, text("bookings.alt", lang))


def _table(frame: pl.DataFrame, lang: Language) -> Table:
    band = pl.Series([_band(row, lang) for row in frame.to_dicts()], dtype=pl.String)
    amounts = ("booked", "expected", "last_year", "run_rate", "stage_weighted", "commit")
    titles = {name: text(f"bookings.col_{name}", lang) for name in (*amounts, "unit", "band")}
    shown = [
        Column(titles[name], f"{name}_amount", lambda value: num.amount(value, lang), is_number=True)
        for name in amounts
        if frame[f"{name}_amount"].count()
    ]
    columns = (
        Column(titles["unit"], "label", indent="indent"), *shown[:2], Column(titles["band"], "band", is_number=True), *shown[2:]
    )  # fmt: skip
    return Table("bookings", frame.with_columns(band=band), columns, is_printed=True)


def _band(row: dict[str, Any], lang: Language) -> str:
    low, high = row["low_80_amount"], row["high_80_amount"]
    return "" if low == high else say("interval", lang, low=num.amount(low, lang), high=num.amount(high, lang))

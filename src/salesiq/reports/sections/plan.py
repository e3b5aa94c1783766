"""Which plan the report speaks of: the period and measure that matter at the moment of the report."""

from __future__ import annotations

import polars as pl

from salesiq.calendar import Grain, Period
from salesiq.i18n import Language, catalogue
from salesiq.i18n import numbers as num
from salesiq.reports.week import Week

__all__ = ["MEASURES", "current_period", "main_measure", "measure_name", "shown_amount", "unit_label"]

MEASURES = ("bookings", "receipts", "new_customers")
_GRAINS: tuple[Grain, ...] = ("quarter", "month", "year")


def current_period(frame: pl.DataFrame, week: Week) -> str | None:
    """Return the period of `frame` that contains the report's moment, a quarter before a month before a year, else the last."""
    names = set(frame["period"].to_list())
    covering = [Period.covering(week.now.as_of.date(), grain).name for grain in _GRAINS]
    return next((name for name in covering if name in names), max(names, default=None))


def main_measure(frame: pl.DataFrame) -> str:
    """Return the measure that the report puts first: bookings where there are targets for it."""
    names = sorted(frame["measure"].unique().to_list())
    return next((name for name in MEASURES if name in names), names[0])


def measure_name(measure: str, lang: Language) -> str:
    """Return how a measure is called; the company's own word where it is one."""
    return catalogue(lang, "targets").get(measure, measure)


def shown_amount(value: num.Number | None, measure: str, lang: Language) -> str:
    """Return an amount of a measure: money, or a plain count where the measure counts things."""
    return num.count(value, lang) if measure == "new_customers" else num.amount(value, lang)


def unit_label(name: str | None, unit_id: str | None) -> str:
    """Return what a unit is called; its id where nobody named it."""
    return name or unit_id or "—"

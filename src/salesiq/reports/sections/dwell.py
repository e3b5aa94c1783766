"""How long deals stay in each stage."""

from __future__ import annotations

import polars as pl

from salesiq import funnel
from salesiq.figures import funnel as draw
from salesiq.i18n import Language
from salesiq.i18n import numbers as num
from salesiq.reports.document import Column, Picture, Section, Table
from salesiq.reports.sections.absent import absent
from salesiq.reports.trace import origin_of
from salesiq.reports.week import Week
from salesiq.reports.wording import listed, say

__all__ = ["section"]


def section(week: Week) -> Section:
    """Return the stays with their intervals, the naive mean beside them, and the stages that surely run over."""
    lang = week.lang
    if missing := week.missing(funnel.dwell):
        return absent("dwell", missing, lang)
    found = week.ask(funnel.dwell)
    if found.is_empty():
        return absent("dwell", ("stage_events",), lang)
    frame = _with_standard(week, found)
    slow = frame.filter("is_slow")
    return Section(
        key="dwell",
        title=say("dwell_title", lang),
        finding=_finding(frame, lang),
        acts=tuple(_act(row, lang) for row in slow.to_dicts()),
        notes=(say("dwell_note", lang),),
        tables=(_table(frame, lang),),
        pictures=(Picture("dwell", draw.dwell(frame, lang), say("dwell_caption", lang), say("dwell_alt", lang)),),
        origin=origin_of(week.now, "funnel.dwell", ("stage_events", "deals", "stages"), lang),
        is_alarm=not slow.is_empty(),
    )


def _with_standard(week: Week, found: pl.DataFrame) -> pl.DataFrame:
    standard = week.now.sql("SELECT stage, standard_days FROM base.stage_order(as_of := $as_of)")
    frame = found.join(standard, on="stage", how="left", maintain_order="left")
    slow = pl.Series("is_slow", [draw.is_slow(row) for row in frame.to_dicts()], pl.Boolean)
    return frame.with_columns(slow) if frame["standard_days"].count() else frame.drop("standard_days").with_columns(slow)


def _finding(frame: pl.DataFrame, lang: Language) -> str:
    reached = frame.filter(pl.col("median_days").is_not_null())
    if reached.is_empty():
        return say("dwell_nothing_reached", lang)
    longest = reached.sort("median_days", descending=True, maintain_order=True).row(0, named=True)
    name = "dwell_finding" if longest["median_high_days"] is not None else "dwell_finding_open"
    return say(
        name if longest["median_low_days"] is not None else "dwell_finding_bare",
        lang,
        stage=longest["stage"],
        median=num.days(longest["median_days"], lang),
        low=_number(longest["median_low_days"]).removesuffix(".0"),
        high=num.days(longest["median_high_days"], lang),
        naive=num.days(longest["naive_mean_days"], lang),
        n_open=num.count(longest["n_open"], lang),
    )


def _act(row: dict[str, object], lang: Language) -> str:
    standard, median = (num.days(row[name], lang) for name in ("standard_days", "median_days"))  # type: ignore[arg-type]
    return say("dwell_act", lang, stage=listed([str(row["stage"])], lang), standard=standard, median=median)


def _table(frame: pl.DataFrame, lang: Language) -> Table:
    low_high = [
        say("interval", lang, low=_number(row["median_low_days"]), high=_number(row["median_high_days"]))
        for row in frame.to_dicts()
    ]
    shown = frame.with_columns(interval=pl.Series(low_high, dtype=pl.String))
    numbers = [("col_n_visits", "n_visits"), ("col_n_open", "n_open")]
    spans = [("col_p90", "p90_days"), ("col_mean", "mean_days"), ("col_naive_mean", "naive_mean_days")]
    standard = [("col_standard", "standard_days")] if "standard_days" in frame.columns else []
    columns = [
        Column(say("col_stage", lang), "stage"),
        *(Column(say(title, lang), name, lambda value: num.count(value, lang), is_number=True) for title, name in numbers),
        Column(say("col_median", lang), "median_days", _number, is_number=True, act="is_slow"),
        Column(say("col_interval", lang), "interval", is_number=True),
        *(Column(say(title, lang), name, _number, is_number=True) for title, name in [*spans, *standard]),
    ]
    return Table("dwell", shown, tuple(columns))


def _number(value: float | None) -> str:
    return "—" if value is None else f"{value:,.1f}"

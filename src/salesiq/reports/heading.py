"""The head of the report: which moment, which period, which exports, and what the reader must know about them."""

from __future__ import annotations

import datetime as dt

from salesiq.calendar import Calendar, Period
from salesiq.i18n import numbers as num
from salesiq.reports.document import Heading
from salesiq.reports.week import Week
from salesiq.reports.wording import listed, say

__all__ = ["STALE_DAYS", "heading_of"]

STALE_DAYS = 7


def heading_of(week: Week) -> Heading:
    """Return the heading of a report."""
    lang, as_of = week.lang, week.now.as_of
    calendar = Calendar.china()
    period = Period.covering(as_of.date(), "quarter")
    newest = week.now.sql("SELECT max(exported_at) AS newest FROM base.loads(as_of := $as_of)").item()
    elapsed = num.share(period.elapsed_share(as_of, calendar), lang)
    return Heading(
        title=say("title", lang),
        subtitle=say("subtitle", lang, moment=num.moment(as_of, lang)),
        facts=(
            (say("fact_week", lang), say("from_to", lang, start=num.day(week.before.as_of, lang), end=num.day(as_of, lang))),
            (say("fact_period", lang), say("period_elapsed", lang, period=period.name, share=elapsed)),
            (say("fact_exports", lang), num.moment(newest, lang) if newest else say("no_export_yet", lang)),
        ),
        warnings=_warnings(week, newest, period, calendar),
    )


def _warnings(week: Week, newest: dt.datetime | None, period: Period, calendar: Calendar) -> tuple[str, ...]:
    lang, as_of = week.lang, week.now.as_of
    found = []
    if newest is None:
        found.append(say("warn_no_export", lang))
    elif as_of - newest > dt.timedelta(days=STALE_DAYS):
        found.append(say("warn_stale", lang, newest=num.moment(newest, lang), days=num.days((as_of - newest).days, lang)))
    if guessed := calendar.guessed_between(period.start_on, period.end_on):
        found.append(say("warn_guessed", lang, years=listed([str(year) for year in guessed], lang)))
    return tuple(found)

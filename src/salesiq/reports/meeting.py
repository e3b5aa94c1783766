"""The alignment meeting: its moment, period and probabilities, and the words that its sections share."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from functools import cached_property

import polars as pl

from salesiq import targets
from salesiq.book import Snapshot
from salesiq.i18n import Language, text
from salesiq.i18n import numbers as num

__all__ = ["Meeting"]


@dataclass
class Meeting:
    """What every section of the alignment page is made from; metrics are asked once."""

    now: Snapshot
    period: str
    lang: Language
    since: dt.datetime
    probabilities: pl.DataFrame | None = field(default=None, repr=False)

    def say(self, name: str, **facts: object) -> str:
        """Return the text `name` of the alignment page."""
        return text(f"alignment.{name}", self.lang, **facts)

    def money(self, value: num.Number | None) -> str:
        """Return an amount as the reader's language writes it."""
        return num.amount(value, self.lang)

    def share(self, value: num.Number | None) -> str:
        """Return a share in percent."""
        return num.share(value, self.lang)

    def day(self, value: dt.date | None) -> str:
        """Return a day, or that there is none."""
        return num.day(value, self.lang)

    @cached_property
    def coverage(self) -> pl.DataFrame:
        """Coverage of bookings."""
        return targets.coverage(self.now, self.period, probabilities=self.probabilities)

    @cached_property
    def pack(self) -> pl.DataFrame:
        """Customers of every rep."""
        return targets.alignment_pack(self.now, self.period, since=self.since, probabilities=self.probabilities)

    @cached_property
    def path(self) -> pl.DataFrame:
        """Key customers one by one."""
        return targets.path(self.now, self.period, probabilities=self.probabilities)

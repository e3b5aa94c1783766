"""Reliability: how far win probabilities can be trusted on a book, by rolling origin."""

from __future__ import annotations

import datetime as dt

from salesiq.book import Book, Snapshot, needs
from salesiq.forecast.model import WinModel
from salesiq.forecast.statement import Reliability


@needs("deals", "stage_events")
def reliability(
    book: Book | Snapshot,
    horizon_days: float = 30,
    until: dt.date | dt.datetime | str | None = None,
    model: WinModel | None = None,
) -> Reliability:
    """Return what win probabilities were worth on deals and months that the model had not seen: verdict, scores, bins, cuts.

    Rolling origin: the newest quarter of the history (150 days at most) is cut in three; at each cut a model is fitted to what
    was known by then, and asked of the moments up to the next. `model` gives the settings (half-life, extra features ...); it
    is not changed. See `Reliability` for the numbers; its `cuts` have them by horizon (10, 30, 90 days), by share of
    the deal's life, by stage, tier, region, product line and source. Never raises for too little data: the verdict is then
    no_signal. Raises UsageError for what is no book, and for an `until` in the future.

    >>> reliability(Book.from_frames()).verdict
    'no_signal'
    """
    asked = model or WinModel()
    judged = WinModel(horizon_days, asked.half_life_days, asked.max_deals, asked.extra)
    return judged.fit(book, until).reliability()

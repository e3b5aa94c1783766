"""What users write, checked by mypy: the names and shapes that others rely on."""

from __future__ import annotations

import datetime as dt

import polars as pl

import salesiq as iq


def a_notebook(deals: pl.DataFrame) -> pl.DataFrame:
    book: iq.Book = iq.Book("team.duckdb")
    own: iq.Book = iq.Book.from_frames(deals=deals)
    now: iq.Snapshot = book.as_of(dt.date(2026, 1, 31))
    frames: list[pl.DataFrame] = [
        now.sql("SELECT $deal_id AS deal_id", deal_id="D1"),
        iq.targets.decay(now, period="2026-Q1", measure="bookings"),
        iq.funnel.visits(now),
        iq.funnel.dwell(now, by="region"),
        iq.quality.record_score(now),
        iq.quality.watch_list(now, n=3),
        iq.forecast.top_deals(now, days=10, n=3, by="rep_id"),
        own.tables(),
    ]
    return frames[0]


def a_model(book: iq.Book) -> str:
    model: iq.forecast.WinModel = iq.forecast.WinModel().fit(book, until="2026-01-31")
    predicted: pl.DataFrame = model.predict(book.as_of("2026-01-31"), days=30)
    verdict: str = model.reliability().verdict
    return verdict + predicted.columns[0]

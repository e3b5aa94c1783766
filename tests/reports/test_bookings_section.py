"""The section on bookings: the sentence says the same numbers as the metric, in both languages."""

from __future__ import annotations

import datetime as dt

import polars as pl
import pytest

from salesiq import forecast
from salesiq.book import Book, Snapshot
from salesiq.i18n import Language
from salesiq.i18n import numbers as num
from salesiq.reports.sections import bookings
from salesiq.reports.week import Week

D = dt.datetime


def small_now() -> Snapshot:
    deals = pl.DataFrame(
        {
            "deal_id": ["A", "B", "C"],
            "owner_id": ["R1", "R2", "R2"],
            "amount": [5_000_000, 1_000_000, 2_000_000],
            "created_at": [D(2025, 3, 1), D(2026, 3, 1), D(2026, 4, 1)],
            "status": ["won", "won", "open"],
            "closed_at": [D(2025, 5, 2), D(2026, 4, 2), None],
        }
    )
    events = deals.select("deal_id", pl.lit("talks").alias("stage"), entered_at="created_at")
    units = pl.DataFrame({"unit_id": ["ALL", "N"], "parent_unit_id": [None, "ALL"], "name": ["公司", "北区"]})
    reps = pl.DataFrame({"rep_id": ["R1", "R2"], "unit_id": ["N", "N"]})
    calls = pl.DataFrame(
        {"rep_id": ["R2"], "deal_id": ["C"], "period": ["2026-Q2"], "called_at": [D(2026, 4, 8)], "category": ["commit"],
         "amount": [90_000_000]}
    )  # fmt: skip
    return Book.from_frames(deals=deals, stage_events=events, org_units=units, reps=reps, forecast_calls=calls).as_of(
        "2026-05-15"
    )


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_sentence_says_what_the_metric_says(lang: Language) -> None:
    now = small_now()
    section = bookings.section(Week(now, now, lang))
    whole = forecast.bookings(now, "2026-Q2").row(0, named=True)
    assert num.amount(whole["booked_amount"], lang, currency=True) in section.finding
    assert num.amount(whole["high_80_amount"], lang, currency=True) in section.finding
    assert num.amount(whole["open_amount"], lang) in section.leads[0]
    assert section.facts["expected_amount"] == whole["expected_amount"]
    rows = section.tables[0].frame
    assert rows["label"].to_list() == ["公司", "北区"]
    assert rows["last_year_amount"].to_list() == [5_000_000, 5_000_000]
    words = {"zh": ("高于区间上沿", "同阶段的平均水平"), "en": ("more than the band", "usual for its stage")}[lang]
    assert words[0] in section.leads[1]
    assert any(words[1] in note for note in section.notes)


def test_in_the_last_days_of_a_quarter_the_next_one_is_told() -> None:
    now = small_now()
    at = [bookings.section(Week(now, now, "en")).facts["period"]]
    late = Book.from_frames(deals=pl.DataFrame({"deal_id": ["A"], "created_at": [D(2026, 3, 1)], "status": ["open"]})).as_of(
        "2026-06-28"
    )
    at.append(bookings.section(Week(late, late, "en")).facts["period"])
    assert at == ["2026-Q2", "2026-Q3"]


def test_without_deals_the_section_says_what_they_would_give() -> None:
    empty = Book.from_frames().as_of("2026-05-15")
    section = bookings.section(Week(empty, empty, "zh"))
    assert section.missing == ("deals",)
    assert "签多少" in section.finding

"""The section on the money to come: its sentences are those of the forecast, and the missing is named."""

from __future__ import annotations

import datetime as dt

import polars as pl
import pytest

from salesiq import sample
from salesiq.book import Book, Snapshot
from salesiq.forecast import cash_in, payment_lags, simulate_wins
from salesiq.i18n import LANGUAGES, Language, catalogue
from salesiq.i18n import numbers as num
from salesiq.reports.sections import cash_in as section_of
from salesiq.reports.week import Week


@pytest.fixture(scope="module")
def now(sample_company: sample.Company) -> Snapshot:
    return Book.from_frames(exported_at=sample.EXPORTED_AT, **sample_company.frames).as_of(sample.EXPORTED_AT)


def week(now: Snapshot, lang: Language) -> Week:
    return Week(now, now.earlier(now.as_of - dt.timedelta(days=7)), lang)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_finding_and_the_table_are_the_forecast(now: Snapshot, lang: Language) -> None:
    section = section_of.section(week(now, lang))
    whole = cash_in(now, 90, every=None, wins=simulate_wins(now, 90, n_paths=1000)).row(-1, named=True)
    for name in ("expected_amount", "low_80_amount", "high_80_amount"):
        assert num.amount(whole[name], lang) in section.finding
    months, customers = section.tables
    told = months.frame.select("open_invoices", "won_deals", "future_wins").sum_horizontal()
    assert told.to_list() == months.frame["total"].to_list()
    lags = payment_lags(now)
    open_of = dict(lags.select("customer_id", "open_amount").iter_rows())
    for row in customers.frame.iter_rows(named=True):
        assert row["open_amount"] == open_of[row["customer_id"]]
        assert row["unpaid_amount"] == row["open_amount"] - row["expected_amount"] >= 0
    assert customers.frame["unpaid_amount"].is_sorted(descending=True)
    assert section.pictures[0].figure.layout.barmode == "stack"
    assert catalogue(lang, "report")["cash_in_no_future"] not in section.notes


def test_without_payments_or_deals_it_says_so(now: Snapshot, sample_company: sample.Company) -> None:
    frames = sample_company.frames
    unpaid = pl.DataFrame({"receipt_no": ["Y"], "customer_id": ["nobody"], "received_on": [dt.date(2026, 1, 1)], "amount": [1]})
    none = Book.from_frames(invoices=frames["invoices"], receipts=unpaid).as_of(sample.EXPORTED_AT)
    assert section_of.section(week(none, "zh")).finding == catalogue("zh", "report")["cash_in_nothing"]
    alone = Book.from_frames(invoices=frames["invoices"], receipts=frames["receipts"]).as_of(sample.EXPORTED_AT)
    assert catalogue("zh", "report")["cash_in_no_deals"] in section_of.section(week(alone, "zh")).notes

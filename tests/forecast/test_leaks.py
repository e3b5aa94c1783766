"""Leaks: what is filled in when the outcome is known is named and not used."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from forecast_company import END, made_company

from salesiq import forecast
from salesiq.book import Book
from salesiq.errors import ModelError


def with_history(amount: pl.Expr) -> Book:
    """The made company without signal, whose exports told every attribute from the first day on."""
    frames = made_company(strength=0.0)
    open_rows = frames["deals"].with_columns(
        known_from=pl.col("created_at"), known_to=pl.col("closed_at"), status=pl.lit("open"), closed_at=None, amount=amount
    )
    closed = frames["deals"].filter(pl.col("status") != "open")
    closed = closed.with_columns(known_from=pl.col("closed_at"), known_to=None, amount=amount)
    shared = pl.col("closed_at", "known_from", "known_to").cast(pl.Datetime("us"))
    deals = pl.concat([open_rows.with_columns(shared), closed.with_columns(shared)])
    return Book.from_frames(**frames | {"deals": deals}, exported_at=END)


def test_an_amount_that_only_won_deals_have_is_named_and_not_used() -> None:
    is_won = pl.col("deal_id").is_in(made_company(strength=0.0)["deals"].filter(status="won")["deal_id"].implode())
    book = with_history(pl.when(is_won).then("amount").otherwise(0))
    assert forecast.features(book.as_of("2026-01-01"))["amount"].null_count() == 0
    model = forecast.WinModel().fit(book)
    assert model.reliability().leaks == ("deals.amount",)
    # with it the model would be perfect; the outcome is noise otherwise
    assert model.reliability().verdict == "no_signal"
    assert "deals.amount" in model.reliability().message("en")


def test_an_amount_known_all_along_is_no_leak() -> None:
    assert forecast.leaks(with_history(pl.col("amount"))).is_empty()


def test_declared_and_found_have_their_reason() -> None:
    deals = pl.DataFrame(
        {"deal_id": list("abcd"), "status": ["won", "lost", "open", "open"], "customer_id": ["C", "C", None, None]}
    )
    book = Book.from_frames(deals=deals)
    with book.write() as writer:
        writer.note("known_later", {"deals.amount": "closed_at"})
    assert forecast.leaks(book).rows() == [("deals.amount", "declared"), ("deals.customer_id", "closed_only")]


def test_maven_has_no_usable_signal(shared_data: Path) -> None:
    book = Book(":memory:")
    book.load(shared_data / "maven_crm", mapping="maven")
    model = forecast.WinModel().fit(book)
    assert model.reliability().verdict == "no_signal"
    assert "deals.amount (close_value)" in model.reliability().leaks
    assert "close_value" in forecast.WinModel().fit(book.as_of("2017-12-31")).reliability().message("zh")
    now = book.as_of("2017-12-31")
    with pytest.raises(ModelError, match=r"No usable signal.*deals\.amount"):
        forecast.top_deals(now)
    said = model.predict(now)
    assert said.height == 1589 + 500
    assert said["is_base_rate"].all()

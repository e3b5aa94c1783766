"""Leaks: what is filled in when the outcome is known is named and not used."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from forecast_company import END, made_company

from salesiq import forecast
from salesiq.book import Book
from salesiq.errors import ModelError
from salesiq.forecast.leak_evidence import drop_z
from salesiq.forecast.leaks import left_out


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
    found = forecast.leaks(book).select("column", "why").rows()
    assert found == [("deals.amount", "declared"), ("deals.customer_id", "closed_only")]


def test_maven_has_no_usable_signal(shared_data: Path) -> None:
    book = Book(":memory:")
    book.load(shared_data / "maven_crm", mapping="maven")
    model = forecast.WinModel().fit(book)
    assert model.reliability().verdict == "no_signal"
    assert "deals.amount (close_value)" in model.reliability().leaks
    assert "close_value" in forecast.WinModel().fit(book.as_of("2017-12-31")).reliability().message("zh")
    named = forecast.leaks(book)
    assert {"deals.amount", "deals.days_to_close", "deals.close_month"} <= set(named["column"])
    assert set(named["column"]).isdisjoint({"deals.deal_id", "deals.owner_id", "deals.product_line", "customers.industry"})
    assert named.filter(column="deals.amount")["auc_now"].min() > 0.95
    now = book.as_of("2017-12-31")
    with pytest.raises(ModelError, match=r"No usable signal.*deals\.amount"):
        forecast.top_deals(now)
    said = model.predict(now)
    assert said.height == 1589 + 500
    assert said["is_base_rate"].all()


def two_exports(n: int = 1200, seed: int = 4) -> Book:
    """Deals told of while open and again once closed: some columns honest, some overwritten with the outcome."""
    rng = np.random.default_rng(seed)
    first, second = dt.datetime(2026, 1, 31), dt.datetime(2026, 3, 31)
    is_good = rng.random(n) < 0.5
    is_won = rng.random(n) < np.where(is_good, 0.9, 0.1)
    guess = rng.integers(10, 500, n) * 1000
    open_deals = pl.DataFrame(
        {
            "deal_id": [f"D{k}" for k in rng.permutation(n)],
            "created_at": [dt.datetime(2026, 1, 1) + dt.timedelta(hours=int(hours)) for hours in rng.integers(0, 700, n)],
            "status": "open",
            "source": np.where(is_good, "referral", "cold call"),
            "owner_id": rng.choice(["R1", "R2", "R3"], n),
            "product_line": rng.choice(["P1", "P2"], n),
            "amount": guess,
        }
    )
    closed_at = [first + dt.timedelta(days=float(days)) for days in rng.uniform(1, 50, n)]
    closed = open_deals.with_columns(
        status=pl.Series(np.where(is_won, "won", "lost")),
        closed_at=pl.Series(closed_at),
        owner_id=pl.Series(np.where(is_won, open_deals["owner_id"].to_numpy(), "archive")),
        product_line=pl.Series(np.where(is_won | (rng.random(n) < 0.74), open_deals["product_line"].to_numpy(), None)),
        amount=pl.Series(np.where(is_won, guess + rng.integers(1, 999, n), guess)),
    )
    book = Book()
    with book.write() as writer:
        for moment, frame in ((first, open_deals), (second, closed)):
            writer.merge("deals", frame, load_id=f"{moment:%m}", exported_at=moment)
            row = {"load_id": f"{moment:%m}", "table_name": "deals", "source_file": "deals", "exported_at": moment}
            writer.log("loads", pl.DataFrame(row))
    return book


def test_what_was_overwritten_at_the_closing_is_named_and_what_was_known_before_is_not() -> None:
    book = two_exports()
    found = forecast.leaks(book)
    assert set(found.select("column", "why").rows()) == {
        ("deals.owner_id", "known_later"),
        ("deals.owner_id", "codes_are_outcome"),
        ("deals.product_line", "missing_tells"),
        ("deals.product_line", "known_later"),
        ("deals.amount", "roundness_tells"),
    }
    assert (found["auc_now"] - found["auc_as_of"]).min() > 0.1
    honest = forecast.leak_evidence(book).filter(column="deals.source", why="tells_outcome")
    assert honest["auc_now"].item() > 0.85
    assert honest["auc_as_of"].item() == honest["auc_now"].item()
    # the model reads the owner as it was known at the time; what nothing of then explains stays out
    assert left_out(book) == ("deals.amount", "deals.owner_id", "deals.product_line")


def test_a_column_overwritten_but_never_pure_may_stay_in_the_model() -> None:
    rng = np.random.default_rng(1)
    n, first = 1000, dt.datetime(2026, 1, 31)
    frame = pl.DataFrame({"deal_id": [f"D{k:04d}" for k in range(n)], "created_at": dt.datetime(2026, 1, 1), "status": "open"})
    is_won = rng.random(n) < 0.4
    before, after = rng.lognormal(10, 1, n), rng.lognormal(np.where(is_won, 10.6, 9.8), 1, n)
    closed = {"status": pl.Series(np.where(is_won, "won", "lost")), "closed_at": first + dt.timedelta(days=9)}
    book = Book()
    with book.write() as writer:
        for k, (amount, extra) in enumerate(((before, {}), (after, closed))):
            moment = first + dt.timedelta(days=30 * k)
            told = frame.with_columns(amount=pl.Series(amount).round(2), **extra)
            writer.merge("deals", told, load_id=str(k), exported_at=moment)
            row = {"load_id": str(k), "table_name": "deals", "source_file": "deals", "exported_at": moment}
            writer.log("loads", pl.DataFrame(row))
    assert forecast.leaks(book).select("column", "why").rows() == [("deals.amount", "known_later")]
    assert left_out(book) == ()


def test_ids_given_with_the_outcome_are_named_and_a_drifting_win_rate_is_not() -> None:
    rng = np.random.default_rng(2)
    n = 2000
    months = np.sort(rng.integers(0, 12, n))
    is_won = rng.random(n) < 0.05 + 0.07 * months
    created = [
        dt.datetime(2025, 1 + int(month), 1 + int(day)) for month, day in zip(months, rng.integers(0, 28, n), strict=True)
    ]
    order = np.argsort(np.array(created), kind="stable")
    deals = {
        "created_at": created,
        "status": np.where(is_won, "won", "lost"),
        "closed_at": [moment + dt.timedelta(days=30) for moment in created],
    }
    place = np.empty(n, dtype=int)
    place[order] = np.arange(n)
    honest = pl.DataFrame({"deal_id": [f"D{k}" for k in place], **deals})
    assert forecast.leaks(Book.from_frames(deals=honest))["column"].to_list() == ["deals.close_month"]
    given = pl.DataFrame({"deal_id": [f"D{k}" for k in place + np.where(is_won, 100_000, 0)], **deals})
    assert ("deals.deal_id", "order_tells") in forecast.leaks(Book.from_frames(deals=given)).select("column", "why").rows()


def test_the_error_of_two_areas_on_the_same_deals_is_that_of_resampling() -> None:
    rng = np.random.default_rng(3)
    happened = (rng.random(400) < 0.4).astype(np.int64)
    then = happened + rng.normal(0, 2, 400)
    now = then + happened * 0.8 + rng.normal(0, 0.5, 400)

    def drop(chosen: np.ndarray) -> float:
        won, lost = chosen[happened[chosen] == 1], chosen[happened[chosen] == 0]
        areas = [(score[won][:, None] > score[lost][None, :]).mean() for score in (now, then)]
        return float(areas[0] - areas[1])

    everybody = np.arange(400)
    drawn = [drop(rng.integers(0, 400, 400)) for _ in range(400)]
    assert drop_z(now, then, happened) == pytest.approx(drop(everybody) / np.std(drawn), rel=0.12)

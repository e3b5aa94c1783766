"""Leak test: features that look ahead are caught, whichever way they do; those that do not are let through."""

from __future__ import annotations

import datetime as dt

import polars as pl
import pytest
from forecast_company import END, START

from salesiq import forecast, sample
from salesiq.book import Book, Snapshot
from salesiq.errors import UsageError

MOMENT = START + dt.timedelta(days=400)
HONEST = (
    "SELECT deal_id, count(*) AS n_calls, max(occurred_at) > $as_of - INTERVAL 9 DAY AS is_recent "
    "FROM base.activities(as_of := $as_of) GROUP BY deal_id"
)
LEAKING = {
    "rows of the book": "SELECT deal_id, count(*) AS n_calls FROM book.main.activities GROUP BY deal_id",
    "a later moment": "SELECT deal_id, count(*) AS n FROM base.activities(as_of := TIMESTAMP '2030-01-01') GROUP BY deal_id",
    "hindsight": "SELECT deal_id, amount FROM base.deals(as_of := $as_of)",
    "the newest status": "SELECT deal_id, max(status) = 'won' AS is_won FROM book.main.deals GROUP BY deal_id",
}


def test_the_other_book_knows_the_same_then_and_something_else_later(known_book: Book) -> None:
    other = forecast.perturbed(known_book, MOMENT)
    assert other.as_of == known_book.newest_export()
    for macro in ("base.activities", "base.stage_events", "forecast.features"):
        true, false = known_book.as_of(END).run(macro), other.run(macro)
        assert not true.sort(pl.all()).equals(false.sort(pl.all())), macro
        then = [snapshot.earlier(MOMENT).run(macro).sort(pl.all()) for snapshot in (known_book.as_of(END), other)]
        assert then[0].height > 20
        assert then[0].equals(then[1]), macro


def test_later_rows_are_dropped_and_added(known_book: Book) -> None:
    other = forecast.perturbed(known_book, MOMENT).run("base.activities")
    true = known_book.as_of(END).run("base.activities")
    assert true.join(other, on="activity_id", how="anti").height > 100
    assert other.join(true, on="activity_id", how="anti")["activity_id"].str.ends_with("~later").all()
    assert other.join(true, on="activity_id", how="anti").height > 100


def test_the_same_seed_gives_the_same_book(known_book: Book) -> None:
    told = [forecast.perturbed(known_book, MOMENT, seed).run("base.activities").sort("activity_id") for seed in (5, 5, 6)]
    assert told[0].equals(told[1])
    assert not told[0].equals(told[2])


def test_an_honest_feature_does_not_move(known_book: Book) -> None:
    found = forecast.leak_test(HONEST, known_book, [MOMENT, "2025-06-30"])
    assert found["column"].to_list() == ["deal_id", "deal_id", "is_recent", "is_recent", "n_calls", "n_calls"]
    assert found["n_deals"].min() > 20
    assert found.select("n_changed", "n_foreign").sum().row(0) == (0, 0)


@pytest.mark.parametrize("name", LEAKING)
def test_a_feature_that_looks_ahead_is_caught(known_book: Book, name: str) -> None:
    found = forecast.leak_test(LEAKING[name], known_book, [MOMENT])
    assert found.filter(pl.col("column") != "deal_id")["n_changed"].min() > 20


def test_a_function_that_asks_another_book_is_caught(known_book: Book) -> None:
    def _final(_now: Snapshot) -> pl.DataFrame:
        return known_book.as_of(END).sql("SELECT deal_id, status = 'won' AS is_won FROM base.deals(as_of := $as_of)")

    found = forecast.leak_test(_final, known_book, [MOMENT])
    assert found.filter(column="is_won")["n_foreign"].item() > 1000


def test_every_built_in_feature_of_the_sample_company_stands_still(sample_book: Book) -> None:
    found = forecast.leak_test("forecast.features", sample_book)
    assert set(found["column"]) == set(forecast.features(sample_book.as_of(sample.EXPORTED_AT)).columns)
    assert found["n_deals"].min() > 50
    assert found.filter((pl.col("n_changed") > 0) | (pl.col("n_foreign") > 0)).is_empty()


def test_a_history_of_exports_stands_still_too(sample_company: sample.Company) -> None:
    """Two exports: what the first told is known at the moment, and only the second is changed."""
    moment = dt.datetime(2026, 3, 31, 20)
    whole = Book.from_frames(exported_at=sample.EXPORTED_AT, **sample_company.frames)
    book = Book()
    with book.write() as writer:
        for taken in (moment, sample.EXPORTED_AT):
            for table in ("deals", "stages", "stage_events", "activities", "customers"):
                columns = sample_company.frames[table].columns
                rows = whole.as_of(taken).run(f"base.{table}").select(columns)
                writer.merge(table, rows, load_id=f"{taken:%m}", exported_at=taken)
                row = {"load_id": f"{taken:%m}", "table_name": table, "source_file": table, "exported_at": taken}
                writer.log("loads", pl.DataFrame(row))
    found = forecast.leak_test("forecast.features", book, [moment])
    assert found["n_changed"].sum() == 0
    amounts = forecast.features(book.as_of(moment))["amount"]
    assert amounts.null_count() == 0
    now = "SELECT deal_id, arg_max(amount, known_from) AS amount FROM book.main.deals GROUP BY deal_id"
    assert forecast.leak_test(now, book, [moment]).filter(column="amount")["n_changed"].item() > 0


def test_a_moment_after_all_that_is_known_is_refused(known_book: Book) -> None:
    with pytest.raises(UsageError, match="later"):
        forecast.perturbed(known_book.as_of("2025-06-30"), "2025-12-31")

"""A real export, by its preset: the counts are facts of the published files (DATA.md)."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import polars as pl
import pytest

from salesiq.book import Book
from salesiq.load import LoadReport, load


@pytest.fixture(scope="module")
def maven(shared_data: Path) -> tuple[Book, LoadReport]:
    book = Book(":memory:")
    return book, load(book, shared_data / "maven_crm")


def test_the_preset_is_found_by_the_headers(maven: tuple[Book, LoadReport]) -> None:
    assert (maven[1].mapping, maven[1].n_rejected) == ("maven", 0)
    assert maven[1].exported_at == dt.datetime(2017, 12, 31)


def test_every_deal_is_loaded_with_its_outcome(maven: tuple[Book, LoadReport]) -> None:
    found = _deals(maven[0]).group_by("stage", "status").agg(pl.len()).sort("stage")
    assert found.rows() == [
        ("Engaging", "open", 1589),
        ("Lost", "lost", 2473),
        ("Prospecting", "open", 500),
        ("Won", "won", 4238),
    ]


def test_products_are_named_as_the_product_list_names_them(maven: tuple[Book, LoadReport], shared_data: Path) -> None:
    products = pl.read_csv(shared_data / "maven_crm" / "products.csv")["product"].to_list()
    deals = _deals(maven[0])
    assert deals.filter(~pl.col("product_line").is_in(products)).is_empty()
    raw = pl.read_csv(shared_data / "maven_crm" / "sales_pipeline.csv")
    assert deals.filter(product_line="GTX Pro").height == raw.filter(product="GTXPro").height == 1480


def test_amounts_are_those_of_the_file(maven: tuple[Book, LoadReport], shared_data: Path) -> None:
    raw = pl.read_csv(shared_data / "maven_crm" / "sales_pipeline.csv")
    deals = _deals(maven[0])
    assert deals["amount"].sum() == raw["close_value"].sum()
    assert deals["amount"].null_count() == raw["close_value"].null_count() == 2089
    assert deals["customer_id"].null_count() == 1425


def test_people_and_units(maven: tuple[Book, LoadReport]) -> None:
    stored = dict(maven[0].tables().select("table_name", "n_rows").rows())
    assert (stored["reps"], stored["org_units"], stored["customers"], stored["stages"]) == (41, 4, 85, 4)
    owners = set(_deals(maven[0])["owner_id"])
    reps = set(_query(maven[0], "SELECT rep_id FROM base.reps(as_of := $as_of) WHERE role = 'rep'")["rep_id"])
    assert owners <= reps
    assert len(reps - owners) == 5


def test_every_row_is_accounted_for(maven: tuple[Book, LoadReport]) -> None:
    book, report = maven
    out = ["n_new", "n_changed", "n_unchanged", "n_rejected", "n_skipped"]
    assert book.loads().select(pl.sum_horizontal(out) == pl.col("n_rows_in")).to_series().all()
    events = report.files.row(by_predicate=pl.col("table_name") == "stage_events", named=True)
    assert (events["n_new"], events["n_skipped"]) == (8300 + 6711, 500 + 2089)


def test_what_is_known_only_later_is_named(maven: tuple[Book, LoadReport]) -> None:
    assert maven[1].known_later == {"deals.amount": "closed_at"}
    assert maven[0].notes("known_later") == {"deals.amount": "closed_at"}


def test_again_is_nothing(maven: tuple[Book, LoadReport], shared_data: Path) -> None:
    assert load(maven[0], shared_data / "maven_crm", "maven").is_noop


def _deals(book: Book) -> pl.DataFrame:
    return _query(book, "SELECT * FROM base.deals(as_of := $as_of)")


def _query(book: Book, query: str) -> pl.DataFrame:
    return book.as_of("2018-01-31").sql(query)

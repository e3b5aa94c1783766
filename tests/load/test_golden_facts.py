"""Real exports by their presets: every folder loads, and the book holds the facts of the published files."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from salesiq.book import Book
from salesiq.load import LoadReport, load

Loaded = tuple[Book, LoadReport]
OUT = ("n_new", "n_changed", "n_unchanged", "n_rejected", "n_skipped")


@pytest.fixture(scope="module")
def loaded(shared_data: Path) -> Callable[..., Loaded]:
    """Load a folder by its preset, once for all tests."""
    kept: dict[str, Loaded] = {}

    def of(folder: str, preset: str, exported_at: str | None = None) -> Loaded:
        if folder not in kept:
            book = Book(":memory:")
            kept[folder] = book, load(book, shared_data / folder, preset, exported_at=exported_at)
        return kept[folder]

    return of


FOLDERS = [
    ("maven_crm", "maven", None),
    ("olist_funnel", "olist", None),
    ("adventureworks_dw", "adventureworks", None),
    ("aws_saas_sales", "aws_saas_sales", None),
    ("xeducation", "xeducation", "2026-01-01"),
    ("fivetran_dbt_salesforce", "salesforce", None),
    ("fivetran_dbt_hubspot", "hubspot", None),
]


@pytest.mark.parametrize(("folder", "preset", "exported_at"), FOLDERS)
def test_every_row_is_loaded_rejected_or_skipped(
    loaded: Callable[..., Loaded], folder: str, preset: str, exported_at: str | None
) -> None:
    book, report = loaded(folder, preset, exported_at)
    assert report.n_rows_in == report.n_loaded + report.n_rejected + report.n_skipped
    assert book.loads().select(pl.sum_horizontal(OUT) == pl.col("n_rows_in")).to_series().all()
    # HubSpot's seeds have seven meetings in the year 1970: a start time in seconds that was read as milliseconds
    wrong = ["load.reason_date_year"] * 7 if preset == "hubspot" else []
    assert report.rejects["reason"].to_list() == wrong, report.message()


@pytest.mark.parametrize(("folder", "preset", "exported_at"), FOLDERS)
def test_the_preset_is_found_without_being_named(shared_data: Path, folder: str, preset: str, exported_at: str | None) -> None:
    assert load(Book(":memory:"), shared_data / folder, exported_at=exported_at).mapping == preset


def rows_of(book: Book, table: str) -> int:
    return int(book.tables().filter(table_name=table)["n_rows"].sum())


def ask(book: Book, query: str, as_of: str | None = None) -> pl.DataFrame:
    return book.as_of(as_of or book.newest_export() or "").sql(query)


def test_olist_leads_and_wins(loaded: Callable[..., Loaded], shared_data: Path) -> None:
    book, report = loaded("olist_funnel", "olist")
    deals = ask(book, "SELECT deal_id, status, created_at, closed_at, source, owner_id FROM base.deals(as_of := $as_of)")
    assert (deals.height, deals.filter(status="won").height, deals.filter(status="open").height) == (8000, 842, 7158)
    days = deals.filter(status="won").select((pl.col("closed_at").dt.date() - pl.col("created_at").dt.date()).dt.total_days())
    assert (days.median().item(), days.quantile(0.75).item(), days.max().item()) == (14, 55, 427)
    assert days.filter(pl.col("closed_at") < 0).to_series().to_list() == [-2]
    raw = pl.read_csv(shared_data / "olist_funnel" / "olist_closed_deals_dataset.csv")
    expected = raw.select("mql_id", pl.col("won_date").str.to_datetime("%d-%m-%Y %H:%M", time_unit="us"))
    found = deals.join(expected, left_on="deal_id", right_on="mql_id")
    assert found.height == 842
    assert (found["closed_at"] == found["won_date"]).all()
    assert report.exported_at == expected["won_date"].max()


def test_olist_is_known_when_it_was_known(loaded: Callable[..., Loaded], shared_data: Path) -> None:
    book, _ = loaded("olist_funnel", "olist")
    folder = shared_data / "olist_funnel"
    leads = pl.read_csv(folder / "olist_marketing_qualified_leads_dataset.csv")
    wins = pl.read_csv(folder / "olist_closed_deals_dataset.csv")
    day = dt.datetime(2018, 4, 5, 23, 59, 59)
    first = leads.select("mql_id", first=pl.col("first_contact_date").str.to_datetime("%d-%m-%Y"))
    won = wins.select("mql_id", won=pl.col("won_date").str.to_datetime("%d-%m-%Y %H:%M"))
    known = first.join(won, on="mql_id", how="left").filter(pl.min_horizontal("first", "won") <= day)
    deals = ask(book, "SELECT status, owner_id, is_hindsight FROM base.deals(as_of := $as_of)", "2018-04-05")
    assert (deals.height, deals.filter(status="won").height) == (known.height, known.filter(pl.col("won") <= day).height)
    assert deals.filter(status="open")["owner_id"].null_count() == deals.filter(status="open").height
    assert not deals["is_hindsight"].any()


def test_adventureworks_counts(loaded: Callable[..., Loaded], shared_data: Path) -> None:
    book, _ = loaded("adventureworks_dw", "adventureworks")
    assert [rows_of(book, table) for table in ("reps", "targets", "orders", "deals", "customers")] == [
        17,
        163,
        60855,
        3796,
        701,
    ]
    targets = ask(book, "SELECT count(DISTINCT period) AS n, count(DISTINCT set_at) AS days FROM base.targets(as_of := $as_of)")
    assert targets.row(0) == (12, 12)
    raw = pl.read_parquet(shared_data / "adventureworks_dw" / "FactResellerSales.parquet", columns=["SalesAmount"])
    orders = ask(book, "SELECT sum(amount) FROM base.orders(as_of := $as_of)").item()
    cents = sum(value.quantize(Decimal("0.01"), "ROUND_HALF_UP") for value in raw["SalesAmount"])
    assert orders == cents


def test_adventureworks_attainment_in_each_quotas_own_window(loaded: Callable[..., Loaded]) -> None:
    book, _ = loaded("adventureworks_dw", "adventureworks")
    found = ask(
        book,
        """WITH quotas AS (SELECT rep_id, amount, set_at FROM base.targets(as_of := $as_of)),
        windows AS (SELECT set_at, lead(set_at) OVER (ORDER BY set_at) AS next_at FROM (SELECT DISTINCT set_at FROM quotas)),
        sales AS (
            SELECT deals.owner_id AS rep_id, orders.ordered_at, orders.amount
            FROM base.orders(as_of := $as_of) AS orders JOIN base.deals(as_of := $as_of) AS deals USING (deal_id)
        ), sold AS (
            SELECT quotas.set_at, quotas.rep_id, quotas.amount AS quota, coalesce(sum(sales.amount), 0) AS sales
            FROM quotas JOIN windows USING (set_at)
            LEFT JOIN sales ON sales.rep_id = quotas.rep_id AND sales.ordered_at >= quotas.set_at
                AND (windows.next_at IS NULL OR sales.ordered_at < windows.next_at)
            GROUP BY ALL
        )
        SELECT set_at, (sum(sales) / sum(quota))::DOUBLE AS attained FROM sold GROUP BY set_at ORDER BY set_at""",
    )
    assert found.height == 12
    assert found.select(pl.col("attained").is_between(0.795, 0.895).all()).item(), found["attained"].to_list()


def test_aws_lines_and_accents(loaded: Callable[..., Loaded], shared_data: Path) -> None:
    book, report = loaded("aws_saas_sales", "aws_saas_sales")
    assert [rows_of(book, table) for table in ("orders", "deals", "customers", "contacts")] == [9994, 5030, 99, 793]
    assert set(report.files.filter(source_file="sales_pipeline.csv")["encoding"]) == {"mac-roman"}
    lines = ask(
        book,
        """SELECT order_id, deals.name, ordered_at, orders.amount FROM base.orders(as_of := $as_of) AS orders
        JOIN base.deals(as_of := $as_of) AS deals USING (deal_id)""",
    )
    raw = (shared_data / "aws_saas_sales" / "sales_pipeline.csv").read_bytes().split(b"\r\n")
    assert sum(any(byte > 127 for byte in line) for line in raw) == 290
    accented = lines.filter(pl.col("name").str.contains(r"[^\x00-\x7f]"))
    assert (lines.height, accented.height, accented.filter(pl.col("name").str.contains("José")).height) == (9994, 290, 38)
    spelled = {"San José", "Bogotá", "São Paulo", "Medellín", "Zürich", "Malmö", "León", "Göteborg", "Düsseldorf", "Cancún"}
    cities = {name.split(", ")[-1] for name in accented["name"]}
    assert {ord(sign) for city in cities for sign in city if ord(sign) > 127} == {ord(sign) for sign in "éãöáíó"}
    assert {"San José", "São Paulo"} <= cities & spelled
    assert lines["ordered_at"].min() == dt.datetime(2020, 1, 4)


def test_xeducation_leads(loaded: Callable[..., Loaded], shared_data: Path) -> None:
    book, report = loaded("xeducation", "xeducation", "2026-01-01")
    deals = ask(book, "SELECT status, source, product_line FROM base.deals(as_of := $as_of)")
    assert (deals.height, deals.filter(status="won").height) == (9240, 3561)
    assert round(deals.filter(status="won").height / deals.height, 3) == 0.385
    raw = pl.read_csv(shared_data / "xeducation" / "Leads.keerthana.csv")
    asked = raw["Specialization"]
    assert deals["product_line"].null_count() == (asked.is_null() | (asked == "Select")).sum()
    assert "Select" not in set(deals["product_line"])
    assert "Select" not in set(ask(book, "SELECT region FROM base.customers(as_of := $as_of)")["region"])
    later = {"Tags", "Lead Quality", "Lead Profile"}
    unread = report.remarks.filter(remark="remark_column_unused")["detail"].str.split(", ").explode()
    assert later <= set(unread)


def test_salesforce_seeds_have_no_live_deal(loaded: Callable[..., Loaded]) -> None:
    book, report = loaded("fivetran_dbt_salesforce", "salesforce")
    deleted = report.remarks.filter(remark="skipped_deleted")
    assert dict(deleted.select("source_file", "n").rows()) == {
        "sf_account_data.csv": 9,
        "sf_account_history_data.csv": 9,
        "sf_opportunity_data.csv": 10,
        "sf_opportunity_history_data.csv": 10,
        "sf_user_data.csv": 6,
        "sf_user_role_data.csv": 2,
    }
    counts = {"deals": 0, "customers": 1, "contacts": 4, "reps": 4, "org_units": 8, "activities": 20, "orders": 10}
    assert {table: rows_of(book, table) for table in counts} == counts
    assert ask(book, "SELECT name FROM base.customers(as_of := $as_of)")["name"].to_list() == ["Eric's Test"]
    tasks = ask(book, "SELECT deal_id FROM base.activities(as_of := $as_of) WHERE kind = 'task'")["deal_id"]
    assert (len(tasks), tasks.null_count(), set(tasks.drop_nulls().str.slice(0, 3))) == (10, 3, {"006"})


def test_salesforce_history_fills_the_past(shared_data: Path, tmp_path: Path) -> None:
    for name in ("sf_opportunity_data.csv", "sf_opportunity_history_data.csv"):
        rows = pl.read_csv(shared_data / "fivetran_dbt_salesforce" / name, infer_schema_length=0)
        rows.with_columns(is_deleted=pl.lit("false")).write_csv(tmp_path / name)
    book = Book(":memory:")
    report = load(book, tmp_path, "salesforce")
    assert report.n_rejected == 0
    ended = {"006q000000HcZXXAA3", "006q000000HdOhuAAF"}  # their only version ended on 2019-04-04, and they are active no more
    query = "SELECT deal_id, status, closed_at, amount FROM base.deals(as_of := $as_of) WHERE NOT is_gone"
    then, now = ask(book, query, "2019-04-03 20:00:00"), ask(book, query)
    assert (set(then["deal_id"]) - set(now["deal_id"]), now.height) == (ended, 8)
    assert dict(now.group_by("status").len().rows()) == {"won": 5, "lost": 3}
    assert now.filter(deal_id="006q000000HddohAAB").row(0) == (
        "006q000000HddohAAB",
        "won",
        dt.datetime(2018, 12, 19),
        Decimal("24120000.00"),
    )


def test_hubspot_seeds(loaded: Callable[..., Loaded]) -> None:
    book, report = loaded("fivetran_dbt_hubspot", "hubspot")
    counts = {"deals": 44, "stages": 69, "stage_events": 14, "customers": 24, "reps": 100, "activities": 97, "org_units": 3}
    assert {table: rows_of(book, table) for table in counts} == counts
    assert report.remarks.filter(remark="skipped_deleted").select("source_file", "n").rows() == [
        ("deal_pipeline_stage_data.csv", 2)
    ]
    stages = ask(
        book, "SELECT count(*) FILTER (is_won) AS won, count(*) FILTER (is_lost) AS lost FROM base.stages(as_of := $as_of)"
    )
    assert stages.row(0) == (5, 0)
    kinds = ask(book, "SELECT kind, count(*) AS n FROM base.activities(as_of := $as_of) GROUP BY kind")
    assert dict(kinds.rows()) == {"meeting": 93, "call": 1, "email": 1, "note": 1, "communication": 1}

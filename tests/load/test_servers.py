"""Databases on a server. The tests that read one need SALESIQ_TEST_POSTGRES or SALESIQ_TEST_MYSQL: the address of an empty
database that they may write to.
"""

from __future__ import annotations

import datetime as dt
import os
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from exports import DEALS, mapping_file

from salesiq.book import Book
from salesiq.errors import InputError, UsageError
from salesiq.load import load
from salesiq.load.databases import redacted
from salesiq.load.finding import find_sources
from salesiq.sandbox.server import _told

CANARY = "canary-p@ss"


def address_of(variable: str, driver: str) -> str:
    address = os.environ.get(variable)
    if not address:
        pytest.skip(f"{variable} names no server")
    pytest.importorskip(driver)
    return address


@pytest.fixture
def postgres() -> str:
    return address_of("SALESIQ_TEST_POSTGRES", "psycopg")


def filled(address: str, schema: str, *statements: str) -> None:
    import psycopg

    with psycopg.connect(address) as con:
        con.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
        con.execute(f"CREATE SCHEMA {schema}")
        con.execute(f"SET search_path TO {schema}")
        for statement in statements:
            con.execute(statement)


TABLE = """
CREATE TABLE deals (商机编号 bigint, 商机名称 text, "金额（元）" numeric(18, 2), 创建时间 timestamptz, 状态 text)
"""
ROWS = """
INSERT INTO deals SELECT i, '甲', i + 0.25, '2026-01-03 10:00:00+08', '进行中' FROM generate_series(1, 120000) AS i
"""


def test_postgres_tables_are_read_as_of_one_moment(postgres: str, tmp_path: Path) -> None:
    filled(postgres, "crm", TABLE, ROWS, "CREATE VIEW won AS SELECT * FROM deals", 'CREATE TABLE "odd; --" (x bytea)')
    mapping = mapping_file(tmp_path, DEALS.replace("deals*.csv", "deals"))
    book = Book(":memory:")
    report = load(book, f"{postgres}?schema=crm", mapping, exported_at="2026-01-31")
    found = book.as_of("2026-01-31").sql(
        "SELECT count(*), sum(amount), min(created_at), max(deal_id) FILTER (len(deal_id) = 6) FROM base.deals(as_of := $as_of)"
    )
    expected = Decimal(120_000 * 120_001 // 2) + Decimal("0.25") * 120_000
    assert found.row(0) == (120_000, expected, dt.datetime(2026, 1, 3, 10), "120000")
    assert report.files["encoding"].item() == "postgresql"
    assert report.files["source_file"].item().endswith("/deals")
    unmapped = report.remarks.filter(remark="unused_unmapped")["source_file"].to_list()
    assert [name.rpartition("/")[2] for name in unmapped] == ["odd; --", "won"]
    assert load(book, f"{postgres}?schema=crm", mapping, exported_at="2026-01-31").is_noop


def test_one_table_of_postgres(postgres: str) -> None:
    filled(postgres, "crm", TABLE, "CREATE TABLE other (x int)")
    assert [source.table for source in find_sources(f"{postgres}?schema=crm&table=other").sources] == ["other"]
    with pytest.raises(InputError, match="no table none"):
        find_sources(f"{postgres}?schema=crm&table=none")


def test_no_secret_of_the_address_is_told(postgres: str, tmp_path: Path) -> None:
    filled(postgres, "crm", TABLE, ROWS)
    secret = postgres.rpartition("@")[0].rpartition(":")[2]
    assert secret
    mapping = mapping_file(tmp_path, DEALS.replace("deals*.csv", "deals"))
    book = Book(tmp_path / "team.duckdb")
    report = load(book, f"{postgres}?schema=crm", mapping, exported_at="2026-01-31")
    told = f"{report.to_dict()}{report.message()}{book.loads().write_csv()}{book.rejects().write_csv()}"
    assert secret not in told
    assert secret.encode() not in (tmp_path / "team.duckdb").read_bytes()
    for wrong in (postgres.replace(f":{secret}@", ":canary-p%40ss@"), postgres + "x", postgres.replace("@", "@x", 1)):
        with pytest.raises(InputError, match="cannot be read") as caught:
            find_sources(wrong)
        assert secret not in str(caught.value)
        assert CANARY not in str(caught.value)
        assert caught.value.exit_code == 3


def test_mysql(tmp_path: Path) -> None:
    address = address_of("SALESIQ_TEST_MYSQL", "pymysql")
    mapping = mapping_file(tmp_path, DEALS.replace("deals*.csv", "deals"))
    report = load(Book(":memory:"), address, mapping, exported_at="2026-01-31")
    assert report.files["encoding"].item() == "mysql"


@pytest.mark.parametrize(("scheme", "extra", "driver"), [("postgresql", "postgres", "psycopg"), ("mysql", "mysql", "pymysql")])
def test_a_driver_that_is_missing_is_named_with_its_extra(
    monkeypatch: pytest.MonkeyPatch, scheme: str, extra: str, driver: str
) -> None:
    from salesiq.sandbox import server

    monkeypatch.setitem(sys.modules, driver, None)
    with pytest.raises(UsageError, match=rf'pip install "salesiq\[{extra}\]"') as caught:
        list(server.rows(f"{scheme}://ana:{CANARY}@localhost:1/x"))
    assert CANARY not in str(caught.value)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://ana:canary%2Dp%40ss@db/x",
        "mysql://canary-p%40ss@db/x",
        "postgresql://db/x?password=canary-p%40ss",
    ],
)
def test_what_a_driver_says_is_told_without_the_address(address: str) -> None:
    for said in (address, f"bad password {CANARY} for {address}"):
        told = _told(ValueError(f"{said}\nline two {CANARY}"), address)
        assert CANARY not in told
        assert "canary%2Dp%40ss" not in told
    assert "canary" not in redacted(address)


def test_the_driver_is_asked_for_text_by_quoted_names() -> None:
    from salesiq.sandbox.server import _mysql_text, _postgres_text, _wanted

    listed = [("b", "x", "text"), ("a", 'y"', "timestamp with time zone")]
    tables: dict[str, Any] = _wanted(listed, {})
    assert list(tables) == ["b", "a"]
    assert _postgres_text('y"', "numeric") == '"y"""::text'
    assert _mysql_text("y`", "decimal") == "CAST(`y``` AS CHAR CHARACTER SET utf8mb4)"

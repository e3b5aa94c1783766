"""Book and Snapshot: what they take, what they refuse, what a reader sees."""

from __future__ import annotations

import datetime as dt
import decimal
from pathlib import Path

import duckdb
import polars as pl
import pytest

from salesiq.book import Book
from salesiq.errors import BookError, UsageError
from salesiq.tables import CONTRACTS

DAY = dt.datetime(2026, 1, 5)
DEALS = pl.DataFrame({"deal_id": ["D1", "D2"], "created_at": [DAY, dt.datetime(2026, 1, 8, 12)], "amount": [1.1, None]})


def ids(book: Book, moment: object) -> list[str]:
    return book.as_of(moment).run("base.deals", order=("deal_id",))["deal_id"].to_list()


@pytest.fixture
def book() -> Book:
    return Book.from_frames(deals=DEALS)


@pytest.mark.parametrize(
    ("moment", "seen"),
    [
        (dt.date(2026, 1, 8), ["D1", "D2"]),
        ("2026-01-08", ["D1", "D2"]),
        (dt.datetime(2026, 1, 8, 12), ["D1", "D2"]),
        ("2026-01-08T11:59:59", ["D1"]),
        ("2026-01-08T12:00:00+08:00", ["D1", "D2"]),
        ("2026-01-08T04:00:00Z", ["D1", "D2"]),
        ("2026-01-08T03:59:00Z", ["D1"]),
        (dt.date(2026, 1, 4), []),
    ],
)
def test_as_of_takes_dates_datetimes_and_text(book: Book, moment: object, seen: list[str]) -> None:
    assert ids(book, moment) == seen


@pytest.mark.parametrize("moment", ["2026-13-01", "yesterday", True, 20260101, None, "2026-01-08 25:00"])
def test_as_of_refuses_what_is_no_moment(book: Book, moment: object) -> None:
    with pytest.raises(UsageError):
        book.as_of(moment)  # type: ignore[arg-type]


def test_as_of_refuses_the_future(book: Book) -> None:
    with pytest.raises(UsageError, match="is in the future"):
        book.as_of("2999-01-01")


@pytest.mark.parametrize("table", sorted(CONTRACTS))
def test_every_base_table_answers_before_the_first_record(book: Book, table: str) -> None:
    found = book.as_of("1999-01-01").run(f"base.{table}")
    assert found.height == 0
    assert {name: found.schema[name] for name in CONTRACTS[table].columns} == CONTRACTS[table].columns


def test_frames_may_be_pandas_with_zones_floats_and_integers() -> None:
    frame = DEALS.with_columns(created_at=pl.col("created_at").dt.replace_time_zone("UTC")).to_pandas()
    found = Book.from_frames(deals=frame).as_of("2026-01-31").run("base.deals", order=("deal_id",))
    assert found["created_at"][0] == DAY + dt.timedelta(hours=8)
    assert found["amount"].to_list() == [decimal.Decimal("1.10"), None]


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        ({"deal": DEALS}, "no canonical table named deal; the nearest is deals"),
        ({"deals": DEALS.rename({"amount": "amonut"})}, "no column amonut; the nearest is amount"),
        ({"deals": DEALS.drop("deal_id")}, "needs the column deal_id"),
        ({"deals": pl.concat([DEALS, DEALS])}, "stands in more than one row"),
        ({"deals": DEALS.with_columns(status=pl.lit("maybe"))}, "row 1, column status: 'maybe' breaks"),
        ({"deals": DEALS.with_columns(created_at=pl.lit("soon"))}, "column created_at: values are not of type"),
        ({"stage_events": pl.DataFrame({"deal_id": ["D"], "stage": ["s"], "entered_at": [None]})}, "entered_at"),
        ({"loads": DEALS}, "no canonical table named loads"),
    ],
)
def test_frames_that_break_a_contract_are_named(frames: dict[str, pl.DataFrame], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Book.from_frames(**frames)


def test_a_snapshot_keeps_what_it_saw(tmp_path: Path) -> None:
    book = Book(tmp_path / "team.duckdb")
    with book.write() as writer:
        writer.merge("deals", DEALS, load_id="1", exported_at=dt.datetime(2026, 1, 9))
    before = book.as_of("2026-02-01")
    with book.write() as writer:
        writer.merge("reps", pl.DataFrame({"rep_id": ["R1"]}), load_id="2", exported_at=dt.datetime(2026, 1, 10))
    assert before.run("base.reps").height == 0
    assert book.as_of("2026-02-01").run("base.reps").height == 1


def test_a_failed_write_leaves_the_book(tmp_path: Path) -> None:
    book = Book(tmp_path / "team.duckdb")

    def fail_halfway() -> None:
        with book.write() as writer:
            writer.merge("deals", DEALS, load_id="1", exported_at=DAY)
            raise RuntimeError("halfway")

    with pytest.raises(RuntimeError, match="halfway"):
        fail_halfway()
    assert ids(Book(tmp_path / "team.duckdb"), "2026-02-01") == []
    assert [path.name for path in tmp_path.iterdir() if "draft" in path.name] == []


def test_any_duckdb_client_can_use_installed_macros(tmp_path: Path) -> None:
    path = tmp_path / "team.duckdb"
    book = Book(path)
    with book.write() as writer:
        writer.merge("deals", DEALS, load_id="1", exported_at=dt.datetime(2026, 1, 9))
    book.install_macros()
    with duckdb.connect(str(path), read_only=True) as client:
        assert client.sql("FROM base.deals(as_of := TIMESTAMP '2026-02-01')").fetchall()[0][0] in {"D1", "D2"}
        assert client.sql("FROM funnel.visits(as_of := TIMESTAMP '2026-02-01')").fetchall() == []
    assert ids(book, "2026-02-01") == ["D1", "D2"]


def test_what_is_no_book_is_named(tmp_path: Path) -> None:
    path = tmp_path / "notes.duckdb"
    path.write_text("not a database", encoding="utf-8")
    with pytest.raises(BookError, match=r"notes\.duckdb is not a book"):
        Book(path)
    duckdb.connect(str(tmp_path / "other.duckdb")).close()
    with pytest.raises(BookError, match="is not a book"):
        Book(tmp_path / "other.duckdb")
    with pytest.raises(BookError, match="does not exist"):
        Book(tmp_path / "nowhere" / "team.duckdb")


@pytest.mark.parametrize(
    "query",
    [
        "FROM read_csv('/etc/passwd')",
        "COPY (SELECT 1) TO '/tmp/stolen.csv'",
        "ATTACH '/tmp/other.duckdb'",
        "INSTALL httpfs",
        "SET enable_external_access = true",
        "DROP TABLE book.main.deals",
        "SELEC 1",
    ],
)
def test_a_query_cannot_leave_the_book(tmp_path: Path, query: str) -> None:
    snapshot = Book(tmp_path / "team.duckdb").as_of("2026-01-01")
    with pytest.raises(UsageError, match="The query did not run"):
        snapshot.sql(query)


def test_values_are_bound_and_the_moment_by_itself(book: Book) -> None:
    query = "SELECT count(*) AS n FROM base.deals(as_of := $as_of) WHERE deal_id = $deal_id"
    assert book.as_of("2026-01-31").sql(query, deal_id="D1' OR 1=1 --")["n"].item() == 0
    assert book.as_of("2026-01-31").sql(query, deal_id="D1")["n"].item() == 1


def test_an_unknown_macro_is_answered_with_the_nearest(book: Book) -> None:
    with pytest.raises(UsageError, match=r"nearest is funnel\.visits"):
        book.as_of("2026-01-31").run("funnel.visit")


def test_a_snapshot_looks_back_only(book: Book) -> None:
    snapshot = book.as_of("2026-01-31")
    assert snapshot.earlier("2026-01-06").run("base.deals").height == 1
    with pytest.raises(UsageError, match="later than the snapshot"):
        snapshot.earlier("2026-02-01")


def test_tables_and_missing_say_what_is_there(book: Book) -> None:
    counts = dict(book.tables().select("table_name", "n_rows").rows())
    assert set(counts) == set(CONTRACTS)
    assert counts["deals"] == 2
    assert book.as_of("2026-01-31").missing("deals", "targets", "reps") == ("targets", "reps")

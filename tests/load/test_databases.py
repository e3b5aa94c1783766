from __future__ import annotations

import datetime as dt
import sqlite3
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from exports import DEALS, HEADER, export, mapping_file

from salesiq.book import Book
from salesiq.errors import InputError
from salesiq.load import LoadReport, load
from salesiq.load.finding import find_sources

COLUMNS = ", ".join(f'"{name}"' for name in HEADER.split(","))
MAPPING = DEALS.replace("deals*.csv", "deals")


def sqlite(path: Path, *statements: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    con = sqlite3.connect(path)
    con.execute(f"CREATE TABLE deals ({COLUMNS})")
    con.execute("INSERT INTO deals VALUES ('D1', '甲', 1200.5, '2026-01-03', '进行中'), (7, '乙', 3, '2026-01-04', '赢单')")
    for statement in statements:
        con.execute(statement)
    con.commit()
    con.close()
    return path


def duck(path: Path, *statements: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(str(path)) as con:
        con.execute(
            "CREATE TABLE deals AS SELECT 'D1' AS 商机编号, '甲' AS 商机名称, 1200.50::DECIMAL(18,2) AS \"金额（元）\", "
            "TIMESTAMP '2026-01-03 04:05:00' AS 创建时间, '进行中' AS 状态"
        )
        for statement in statements:
            con.execute(statement)
    return path


def load_it(path: Path, mapping: str = MAPPING) -> tuple[Book, LoadReport]:
    book = Book(":memory:")
    return book, load(book, path, mapping_file(path.parent.parent / "map", mapping), exported_at="2026-01-31")


def refused(path: Path, match: str) -> bool:
    with pytest.raises(InputError, match=match) as caught:
        load_it(path)
    return caught.value.exit_code == 3


def rows(book: Book) -> list[tuple[object, ...]]:
    return (
        book.as_of("2026-01-31")
        .sql("SELECT deal_id, amount, created_at FROM base.deals(as_of := $as_of)")
        .sort("deal_id")
        .rows()
    )


def test_a_sqlite_file(tmp_path: Path) -> None:
    path = sqlite(tmp_path / "in" / "crm.db")
    book, report = load_it(path)
    assert rows(book) == [("7", Decimal("3.00"), dt.datetime(2026, 1, 4)), ("D1", Decimal("1200.50"), dt.datetime(2026, 1, 3))]
    assert report.files.select("source_file", "encoding").rows() == [("crm.db/deals", "sqlite")]
    assert load(book, path, mapping_file(tmp_path / "map", MAPPING), exported_at="2026-01-31").is_noop


def test_a_duckdb_file_keeps_its_types(tmp_path: Path) -> None:
    book, report = load_it(duck(tmp_path / "in" / "crm.duckdb"))
    assert rows(book) == [("D1", Decimal("1200.50"), dt.datetime(2026, 1, 3, 4, 5))]
    assert report.files["encoding"].item() == "duckdb"


def test_the_canonical_mapping_finds_tables_by_their_name(tmp_path: Path) -> None:
    path = tmp_path / "in" / "clean.sqlite"
    path.parent.mkdir()
    with sqlite3.connect(path) as con:
        con.execute("CREATE TABLE reps (rep_id, name)")
        con.execute("INSERT INTO reps VALUES ('R1', '李')")
    con.close()
    assert load(Book(":memory:"), path.parent, "canonical", exported_at="2026-01-31").n_loaded == 1


@pytest.mark.fault(67)
def test_views_are_tables_and_odd_names_are_only_names(tmp_path: Path) -> None:
    odd = 'd"; DROP TABLE deals; --'
    quoted = odd.replace('"', '""')
    for path in (
        sqlite(tmp_path / "in" / "a.db", f'CREATE VIEW "{quoted}" AS SELECT * FROM deals'),
        duck(tmp_path / "in" / "b.duckdb", f'CREATE VIEW "{quoted}" AS SELECT * FROM deals'),
    ):
        found = find_sources(path)
        assert [source.table for source in found.sources] == [odd, "deals"]
        book, _ = load_it(path, DEALS.replace("deals*.csv", "d?; DROP*"))
        assert len(rows(book)) in (1, 2)
        assert [source.table for source in find_sources(path).sources] == [odd, "deals"]


def test_binary_cells_cost_their_row(tmp_path: Path) -> None:
    path = sqlite(tmp_path / "in" / "crm.db", "INSERT INTO deals VALUES (x'00ff', '丙', 1, '2026-01-04', '赢单')")
    _, report = load_it(path)
    assert report.rejects.select("source_line", "source_column", "reason").rows() == [(3, "商机编号", "load.reason_binary")]


def test_rows_in_the_log_of_a_sqlite_file_count(tmp_path: Path) -> None:
    path = sqlite(tmp_path / "in" / "crm.db")
    con = sqlite3.connect(path)
    con.execute("PRAGMA journal_mode = WAL")
    con.execute("PRAGMA wal_autocheckpoint = 0")
    con.execute("INSERT INTO deals VALUES ('D9', '丁', 9, '2026-01-05', '赢单')")
    con.commit()
    before = find_sources(path).sources[0].digest
    assert [row[0] for row in rows(load_it(path)[0])] == ["7", "D1", "D9"]
    con.execute("DELETE FROM deals WHERE 商机编号 = 'D9'")
    con.commit()
    assert find_sources(path).sources[0].digest != before
    con.close()


def test_a_duckdb_file_that_was_not_closed(tmp_path: Path) -> None:
    path = duck(tmp_path / "in" / "crm.duckdb")
    with duckdb.connect(str(path)) as con:
        con.execute("PRAGMA disable_checkpoint_on_shutdown")
        con.execute("INSERT INTO deals SELECT * FROM deals")
    assert path.with_name("crm.duckdb.wal").exists()
    assert refused(path, "was not closed")


def test_a_view_cannot_reach_outside_the_file(tmp_path: Path) -> None:
    outside = export(tmp_path, "D1,甲,5,2026-01-03,进行中")
    path = duck(tmp_path / "in" / "crm.duckdb", f"CREATE VIEW spy AS FROM read_csv('{outside}')")
    with pytest.raises(InputError, match=r"cannot be read as a database.*file system operations are disabled"):
        load_it(path, DEALS.replace("deals*.csv", "spy"))


def test_nested_columns_of_a_duckdb_table_are_refused(tmp_path: Path) -> None:
    path = duck(tmp_path / "in" / "crm.duckdb", "ALTER TABLE deals ADD COLUMN tags VARCHAR[]")
    assert refused(path, "no plain values: tags")


@pytest.mark.parametrize("suffix", ["sqlite", "duckdb"])
def test_a_damaged_database(tmp_path: Path, suffix: str) -> None:
    path = (sqlite if suffix == "sqlite" else duck)(tmp_path / "in" / f"crm.{suffix}")
    whole = path.read_bytes()
    path.write_bytes(whole[:100] + b"\xff" * (len(whole) - 100))
    assert refused(path, "cannot be read as a database|broke the program|cannot be taken apart")


def test_a_db_that_is_none_is_passed_over_in_a_folder_and_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "in" / "Thumbs.db"
    export(path.parent, "D1,甲,5,2026-01-03,进行中")
    path.write_bytes(b"thumbs" * 100)
    _, report = load_it(path.parent, DEALS)
    assert report.remarks.filter(remark="unused_format")["source_file"].to_list() == ["Thumbs.db"]
    assert refused(path, "no SQLite and no DuckDB file")


@pytest.mark.fault(59)
def test_the_book_itself_is_never_opened_as_a_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "in"
    export(folder, "D1,甲,5,2026-01-03,进行中")
    book = Book(folder / "team.duckdb")
    mapping = mapping_file(tmp_path / "map")
    opened = _watch(monkeypatch)
    report = load(book, folder, mapping, exported_at="2026-01-31")
    assert not [path for path in opened if path.name == "team.duckdb"]
    assert report.remarks.filter(remark="unused_book")["source_file"].to_list() == ["team.duckdb"]
    with pytest.raises(InputError, match="is a book of salesiq"):
        load(book, folder / "team.duckdb", mapping)
    report = load(Book(":memory:"), folder, mapping, exported_at="2026-01-31")  # another book, known by its tables
    assert report.remarks.filter(remark="unused_book")["source_file"].to_list() == ["team.duckdb"]


def _watch(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    opened: list[Path] = []
    true = Path.open

    def watched(self: Path, *args: object, **options: object) -> object:
        opened.append(self)
        return true(self, *args, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", watched)
    return opened


def test_a_table_of_many_rows_comes_in_pieces(tmp_path: Path) -> None:
    path = sqlite(
        tmp_path / "in" / "crm.db",
        "WITH RECURSIVE n(i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM n WHERE i < 120000) "
        "INSERT INTO deals SELECT 'X' || i, NULL, i || '.25', '2026-01-03', '赢单' FROM n",
    )
    book, report = load_it(path)
    assert report.n_loaded == 2 + 119_991
    total = book.as_of("2026-01-31").sql("SELECT sum(amount) AS total FROM base.deals(as_of := $as_of)").item()
    assert total == Decimal("1203.50") + sum(range(10, 120_001)) + Decimal("0.25") * 119_991

"""What a book refuses to be: damaged, of another version, open to the outside; and where it cannot be."""

from __future__ import annotations

import ast
import datetime as dt
import os
import shutil
import struct
from pathlib import Path

import duckdb
import polars as pl
import pytest

import salesiq
from salesiq.book import Book
from salesiq.errors import BookError, BusyError, SalesiqError, UsageError

MOMENT = dt.datetime(2026, 1, 31)


@pytest.fixture
def book_path(tmp_path: Path) -> Path:
    path = tmp_path / "team.duckdb"
    fill(path, 20_000)
    return path


def fill(path: Path, n_rows: int, prefix: str = "C") -> None:
    ids = pl.int_range(n_rows, eager=True)
    rows = pl.DataFrame({"customer_id": prefix + ids.cast(pl.String), "name": ids.hash(7).cast(pl.String)})
    with Book(path).write() as writer:
        writer.merge("customers", rows, load_id=prefix, exported_at=MOMENT, scope="changes")


def ask(path: Path) -> tuple[str, int]:
    book = Book(path)
    return book.digest(), book.as_of("2026-02-01").run("base.customers").height


def outcome(path: Path) -> tuple[str, int]:
    """What a book says, or the key and the exit code of its refusal."""
    try:
        return ask(path)
    except BookError as error:
        return error.key, error.exit_code


@pytest.mark.fault(61)
def test_a_flipped_bit_is_refused_wherever_it_is(book_path: Path, tmp_path: Path) -> None:
    whole, expected = book_path.read_bytes(), ask(book_path)
    path, n_refused = tmp_path / "flipped.duckdb", 0
    places = [20, 4_100, 8_200, *range(12_300, len(whole), len(whole) // 25)]
    for place in places:
        damaged = bytearray(whole)
        damaged[place] ^= 1
        path.write_bytes(damaged)
        found = outcome(path)
        assert found in (expected, ("book.damaged", 5)), place  # some bits lie where nothing is
        n_refused += found != expected
    assert n_refused > len(places) // 2


@pytest.mark.fault(61)
def test_a_cut_book_and_the_log_of_another_are_refused_or_ignored(book_path: Path) -> None:
    expected = ask(book_path)
    other = duckdb.connect(str(book_path.with_name("other.duckdb")))
    other.execute("SET checkpoint_threshold = '1TB'")
    other.execute("PRAGMA disable_checkpoint_on_shutdown")
    other.execute("CREATE TABLE strange AS SELECT 1 AS one")
    other.close()
    log = book_path.with_name("other.duckdb.wal")
    assert log.exists()
    shutil.copyfile(log, book_path.with_name(book_path.name + ".wal"))
    assert outcome(book_path) in (expected, ("book.damaged", 5), ("book.not_a_book", 5))
    book_path.with_name(book_path.name + ".wal").unlink(missing_ok=True)
    book_path.write_bytes(book_path.read_bytes()[:300_000])
    with pytest.raises(BookError, match="damaged"):
        ask(book_path)


@pytest.mark.fault(62)
def test_a_book_of_a_newer_duckdb_is_refused_with_both_versions(book_path: Path) -> None:
    data = bytearray(book_path.read_bytes())
    data[12:20] = struct.pack("<Q", 9_999)
    data[:8] = struct.pack("<Q", _checksum(data[8:4_096]))
    book_path.write_bytes(data)
    with pytest.raises(BookError, match=rf"storage version 9999, DuckDB {duckdb.__version__} reads versions \d+") as caught:
        ask(book_path)
    assert caught.value.exit_code == 5


def _checksum(block: bytes) -> int:
    """DuckDB's checksum of a block: without it a forged header is a damaged one."""
    found = 5_381
    for (word,) in struct.iter_unpack("<Q", block):
        found ^= word * 0xBF58476D1CE4E5B9 & (1 << 64) - 1
    return found


@pytest.mark.fault(62)
@pytest.mark.parametrize(("known", "words"), [("99", "newer salesiq"), ("1", "Load your exports again")])
def test_a_book_of_another_format_is_refused(book_path: Path, known: str, words: str) -> None:
    con = duckdb.connect(str(book_path))
    con.execute("UPDATE notes SET body = ? WHERE name = 'format'", [known])
    con.close()
    with pytest.raises(BookError, match=words) as caught:
        ask(book_path)
    assert caught.value.exit_code == 5


@pytest.mark.fault(59)
def test_no_code_opens_a_book_by_itself() -> None:
    """open() on the file of a connected book loses the lock without a sound: only DuckDB and copies touch it."""
    folder = Path(salesiq.__file__).parent / "book"
    for file in sorted(folder.glob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            assert name not in ("read_bytes", "write_bytes"), f"{file.name}:{node.lineno}"
            if name == "open":  # the draft and the folder, after DuckDB let go of it, to be told to the disk
                assert file.name == "storage.py", f"{file.name}:{node.lineno}"
                assert ast.unparse(node) == "os.open(path, os.O_RDONLY)"


@pytest.mark.fault(58, 59)
def test_a_reader_that_stays_open_neither_blocks_nor_is_disturbed(book_path: Path) -> None:
    early = Book(book_path).as_of("2026-02-01")
    assert early.run("base.customers").height == 20_000
    for number in range(3):
        fill(book_path, 100, prefix=f"N{number}-")
        assert early.run("base.customers").height == 20_000
    assert Book(book_path).as_of("2026-02-01").run("base.customers").height == 20_300


@pytest.mark.fault(57, 78)
def test_the_second_of_two_writers_waits_and_then_names_the_first(book_path: Path) -> None:
    with (
        Book(book_path).write() as writer,
        pytest.raises(BusyError, match=f"process {os.getpid()}") as caught,
        Book(book_path, wait_seconds=0.2).write(),
    ):
        pass
    assert caught.value.exit_code == 4
    assert writer is not None
    fill(book_path, 1, prefix="after")
    assert ask(book_path)[1] == 20_001


@pytest.mark.fault(78)
def test_a_clock_that_was_set_back_changes_nothing(book_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = ask(book_path)

    class Early(dt.datetime):
        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> Early:
            return cls(1999, 1, 1, tzinfo=tz)

    monkeypatch.setattr("salesiq.book.book.dt.datetime", Early)
    monkeypatch.setattr("time.time", lambda: 0.0)
    fill(book_path, 20_000)
    assert Book(book_path).digest() == expected[0]


@pytest.mark.fault(60)
def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(BookError, match=r"the folder .* does not exist") as caught:
        Book(tmp_path / "nowhere" / "team.duckdb")
    assert caught.value.exit_code == 5


@pytest.mark.fault(60)
@pytest.mark.parametrize("problem", [PermissionError(13, "Permission denied"), OSError(30, "Read-only file system")])
def test_a_folder_that_cannot_be_written_is_named(book_path: Path, problem: OSError, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = ask(book_path)

    def refuse(*_: object, **__: object) -> None:
        raise problem

    with monkeypatch.context() as patched:
        patched.setattr("shutil.copyfile", refuse)
        with pytest.raises(BookError, match=f"cannot be written: .*{problem.strerror}") as caught:
            fill(book_path, 1, prefix="x")
    assert caught.value.exit_code == 5
    assert ask(book_path) == expected


@pytest.mark.fault(60)
@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o500)
    with pytest.raises(BookError, match="cannot be written"):
        Book(folder / "team.duckdb")


@pytest.mark.fault(63)
@pytest.mark.parametrize("moment", ["create_tables", "_sync"])
def test_a_crash_while_creating_leaves_no_book(tmp_path: Path, moment: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "team.duckdb"

    class Crash(BaseException):
        pass

    def crash(*_: object) -> None:
        raise Crash

    with monkeypatch.context() as patched:
        patched.setattr(f"salesiq.book.storage.{moment}", crash)
        with pytest.raises(Crash):
            Book(path)
    assert not path.exists()
    assert [item.name for item in tmp_path.iterdir() if "draft" in item.name] == []
    assert Book(path).loads().height == 0


@pytest.mark.fault(68)
@pytest.mark.parametrize("is_file", [True, False])
@pytest.mark.parametrize(
    "query",
    [
        "FROM read_csv('/etc/passwd')",
        "FROM '/etc/passwd'",
        "SET enable_external_access = true",
        "SET lock_configuration = false",
        "COPY (SELECT 1) TO '/tmp/salesiq_out.csv'",
        "ATTACH '/tmp/salesiq_other.duckdb' AS other",
        "INSTALL httpfs",
        "DELETE FROM book.main.customers; SELECT 1",
    ],
)
def test_sql_of_a_configuration_reaches_nothing_outside(book_path: Path, query: str, *, is_file: bool) -> None:
    book = Book(book_path) if is_file else Book(":memory:")
    snapshot = book.as_of("2026-02-01")
    if query.startswith("DELETE") and not is_file:
        pytest.skip("a book in memory belongs to the process that asks")
    with pytest.raises(SalesiqError) as caught:
        snapshot.sql(query)
    assert isinstance(caught.value, UsageError)
    assert caught.value.exit_code == 2

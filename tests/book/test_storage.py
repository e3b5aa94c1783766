"""What a book survives: another writer, a kill, a full disk, a file that is taken away."""

from __future__ import annotations

import datetime as dt
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import polars as pl
import pytest

from salesiq.book import Book
from salesiq.errors import BookError, BusyError

MOMENT = dt.datetime(2026, 1, 31)
REPS = pl.DataFrame({"rep_id": ["R1"]})

HOLD = """
    import sys, time
    from salesiq.book import Book
    with Book(sys.argv[1]).write() as writer:
        print("writing", flush=True)
        time.sleep(60)
"""
MERGE = """
    import sys, datetime as dt, polars as pl
    from salesiq.book import Book
    from salesiq.errors import SalesiqError
    n = int(sys.argv[2])
    rows = pl.DataFrame({"customer_id": [f"C{i}" for i in range(n)], "name": [f"{i}" * 40 for i in range(n)]})
    book = Book(sys.argv[1])
    print("ready", flush=True)
    try:
        with book.write() as writer:
            writer.merge("customers", rows, load_id="x", exported_at=dt.datetime(2026, 1, 31))
    except SalesiqError as error:
        print(error)
        sys.exit(error.exit_code)
"""


def start(code: str, *arguments: object, **options: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **options)  # type: ignore[call-overload,no-any-return]


def n_rows(path: Path, table: str) -> int:
    return dict(Book(path).tables().select("table_name", "n_rows").rows())[table]  # type: ignore[no-any-return]


@pytest.fixture
def book_path(tmp_path: Path) -> Path:
    path = tmp_path / "team.duckdb"
    with Book(path).write() as writer:
        writer.merge("reps", REPS, load_id="1", exported_at=MOMENT)
    return path


@pytest.mark.fault(57, 58)
def test_a_second_writer_is_told_who_holds_the_book_and_readers_are_not_blocked(book_path: Path) -> None:
    holder = start(HOLD, book_path)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "writing\n"
        assert Book(book_path).as_of("2026-02-01").run("base.reps").height == 1
        with pytest.raises(BusyError, match=f"written by process {holder.pid}"), Book(book_path, wait_seconds=0).write():
            pass
    finally:
        holder.kill()
        holder.communicate()


def test_a_killed_writer_leaves_the_old_book_and_no_litter(book_path: Path) -> None:
    holder = start(HOLD, book_path)
    assert holder.stdout is not None
    holder.stdout.readline()
    holder.send_signal(signal.SIGKILL)
    holder.communicate()
    assert n_rows(book_path, "reps") == 1
    assert [path.name for path in book_path.parent.iterdir() if "draft" in path.name] == []
    with Book(book_path).write() as writer:
        writer.merge("reps", pl.DataFrame({"rep_id": ["R2"]}), load_id="2", exported_at=MOMENT)
    assert n_rows(book_path, "reps") == 2


@pytest.mark.fault(55)
def test_killed_at_any_moment_the_book_is_old_or_new(book_path: Path) -> None:
    outcomes = []
    for wait_ms in (5, 30, 90, 400):
        process = start(MERGE, book_path, 60_000)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(wait_ms / 1000)
        process.kill()
        process.communicate()
        outcomes.append(n_rows(book_path, "customers"))
    assert set(outcomes) <= {0, 60_000}
    assert outcomes == sorted(outcomes)


@pytest.mark.fault(56)
@pytest.mark.fault(56)
def test_a_write_that_hits_a_limit_leaves_the_old_book(book_path: Path) -> None:
    import resource

    process = start(
        MERGE, book_path, 400_000, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (3_000_000, 3_000_000))
    )
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 5, output
    assert n_rows(book_path, "customers") == 0
    assert n_rows(book_path, "reps") == 1
    assert [path.name for path in book_path.parent.iterdir() if "draft" in path.name] == []


@pytest.mark.fault(56)
@pytest.mark.fault(56)
@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_full_disk_is_named_with_the_space_it_needs(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", disk], check=False, capture_output=True).returncode:
        pytest.skip("this machine does not let us mount a small disk")
    try:
        path = disk / "team.duckdb"
        with Book(path).write() as writer:
            writer.merge("reps", REPS, load_id="1", exported_at=MOMENT)
        (disk / "ballast").write_bytes(b"0" * 30_000_000)
        with pytest.raises(BookError, match=r"\d+ MB are needed, \d+ MB are free"), Book(path).write():
            pass
        (disk / "ballast").unlink()
        process = start(MERGE, path, 1_500_000)
        output, _ = process.communicate(timeout=120)
        assert (process.returncode, "MB are free" in output) == (5, True), output
        assert n_rows(path, "reps") == 1
        assert sorted(item.name for item in disk.iterdir() if "draft" in item.name) == []
    finally:
        subprocess.run(["umount", disk], check=True)


def test_a_book_that_was_taken_away_is_missed(book_path: Path) -> None:
    book = Book(book_path)
    snapshot = book.as_of("2026-02-01")
    book_path.unlink()
    assert snapshot.run("base.reps").height == 1
    with pytest.raises(BookError, match="There is no book"), book.write():
        pass

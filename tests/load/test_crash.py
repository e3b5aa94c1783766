"""kill -9 at random moments of a load: the book is the old one or the new one, whole; without the protection it tears."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest

from salesiq.book import Book
from salesiq.errors import BookError

SERVER = Path(__file__).with_name("crashing.py")
N_ROWS = 2_000
DAYS = ("2026-03-01", "2026-03-08")
State = tuple[str, int]


class Loader:
    """The server of loads, and what it needs: a book with a first export, and a second export of three tables."""

    def __init__(self, folder: Path, *words: str) -> None:
        self.folder = folder
        command = [sys.executable, str(SERVER), *words]
        self.server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for number, day in enumerate(DAYS):
            write_exports(folder / day, number)

    def load(self, book: Path, day: str, kill_after: float | None = None) -> tuple[float, int]:
        """Load the export of a day; kill it after some seconds. Returns how long it ran and how it ended."""
        assert self.server.stdin is not None
        assert self.server.stdout is not None
        started = time.perf_counter()
        self.server.stdin.write(f"{book}\t{self.folder / day}\t{day}\t{kill_after or ''}\n")
        self.server.stdin.flush()
        status = int(self.server.stdout.readline())
        return time.perf_counter() - started, status

    def close(self) -> None:
        """End the server."""
        assert self.server.stdin is not None
        self.server.stdin.close()
        self.server.wait(timeout=60)
        if self.server.stdout is not None:
            self.server.stdout.close()


def write_exports(folder: Path, number: int) -> None:
    """Write an export: the second one changes a tenth of the rows, loses some and adds some."""
    folder.mkdir()
    ids = pl.int_range(number * 200, N_ROWS + number * 200, eager=True)
    amount = ids + number * (ids % 10 == 0).cast(pl.Int64)
    moment = pl.Series(["2026-01-05 10:00:00"]).new_from_index(0, N_ROWS)
    pl.DataFrame({"deal_id": ids, "amount": amount, "created_at": moment}).write_csv(folder / "deals.csv")
    pl.DataFrame({"customer_id": ids, "name": amount.cast(pl.String) + " 公司"}).write_csv(folder / "customers.csv")
    pl.DataFrame({"activity_id": ids, "occurred_at": moment, "note": amount}).write_csv(folder / "activities.csv")


def state(path: Path) -> State:
    book = Book(path)
    return book.digest(), book.loads().height


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "books").mkdir()
    return tmp_path


def whole_states(loader: Loader, books: Path) -> tuple[State, State, float]:
    """Load without a kill: the two states that a book may be in, and how long the second load takes."""
    old, new = books / "old.duckdb", books / "new.duckdb"
    assert loader.load(old, DAYS[0])[1] == 0
    shutil.copyfile(old, new)
    seconds, status = loader.load(new, DAYS[1])
    assert status == 0
    assert state(old) != state(new)
    return state(old), state(new), seconds


def crash(folder: Path, n_times: int) -> list[State]:
    """Kill a load again and again; each time the book must open, be whole, and take the next load."""
    loader, chance, books = Loader(folder), random.Random(64), folder / "books"  # noqa: S311
    before, after, seconds = whole_states(loader, books)
    found = []
    for number in range(n_times):
        path = books / "team.duckdb"
        shutil.copyfile(books / "old.duckdb", path)
        loader.load(path, DAYS[1], kill_after=chance.random() * seconds * 1.1)
        found.append(state(path))
        assert found[-1] in (before, after), number
        assert loader.load(path, DAYS[1])[1] == 0
        assert state(path) == after
        assert [item.name for item in books.iterdir() if "draft" in item.name] == []
    loader.close()
    return [("old" if item == before else "new", 0) for item in found]


@pytest.mark.fault(55)
def test_killed_at_random_moments_the_book_is_whole_and_loads_again(folder: Path) -> None:
    found = crash(folder, 30)
    assert ("old", 0) in found


@pytest.mark.slow
@pytest.mark.fault(55)
def test_killed_three_hundred_times_the_book_is_whole_and_loads_again(folder: Path) -> None:
    assert {name for name, _ in crash(folder, 300)} == {"old", "new"}


@pytest.mark.fault(55)
def test_without_protection_the_same_kills_tear_the_book(folder: Path) -> None:
    """The negative control: were this one whole too, the tests above would prove nothing."""
    sound = Loader(folder)
    before, after, seconds = whole_states(sound, folder / "books")
    sound.close()
    (folder / "again").mkdir()
    loader, chance, path = Loader(folder / "again", "unprotected"), random.Random(64), folder / "books" / "torn.duckdb"  # noqa: S311
    shutil.copyfile(folder / "books" / "old.duckdb", path)
    assert loader.load(path, DAYS[1])[1] == 0
    assert state(path) == after  # without a kill it does the same
    for _ in range(60):
        for leftover in (path, path.with_name(path.name + ".wal")):
            leftover.unlink(missing_ok=True)
        shutil.copyfile(folder / "books" / "old.duckdb", path)
        loader.load(path, DAYS[1], kill_after=chance.random() * seconds)
        try:
            is_torn = state(path) not in (before, after)
        except BookError:
            is_torn = True
        if is_torn:
            break
    loader.close()
    assert is_torn

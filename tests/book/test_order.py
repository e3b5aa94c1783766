"""Exports in any order, twice, or after a crash end in the same book; a second computation in plain Python says which."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from salesiq.book import Book, MergeCounts, Writer
from salesiq.book.digest import digest
from salesiq.book.storage import create_tables

D = dt.datetime
DAYS = [D(2026, 3, day) for day in (1, 8, 15, 22, 29)]
KEYS = ("A", "B", "C", "D")
BORN = {"A": D(2026, 1, 5), "B": D(2026, 3, 5), "C": D(2026, 3, 10), "D": D(2026, 4, 20)}
VERSION = ("existed_from", "known_from", "known_to", "is_gone")


@dataclass(frozen=True)
class Told:
    """One export: rows by key, or, as a history, versions with their moments."""

    day: dt.datetime
    series: str
    rows: tuple[tuple[str, int], ...]
    scope: str = "full"


def exports(scopes: Sequence[str], series: Sequence[str]) -> st.SearchStrategy[list[Told]]:
    rows = st.dictionaries(st.sampled_from(KEYS), st.integers(1, 3), min_size=1).map(lambda found: tuple(sorted(found.items())))
    one = st.builds(Told, st.sampled_from(DAYS), st.sampled_from(series), rows, st.sampled_from(scopes))
    return st.lists(one, min_size=1, max_size=6, unique_by=lambda told: (told.day, told.series))


def frame(table: str, rows: Iterable[tuple[str, int]]) -> pl.DataFrame:
    if table == "deals":
        found = [{"deal_id": key, "created_at": BORN[key], "amount": amount} for key, amount in rows]
        return pl.DataFrame(found, schema={"deal_id": pl.String, "created_at": pl.Datetime("us"), "amount": pl.Int64})
    found = [{"activity_id": key, "occurred_at": BORN[key], "deal_id": str(amount)} for key, amount in rows]
    return pl.DataFrame(found, schema={"activity_id": pl.String, "occurred_at": pl.Datetime("us"), "deal_id": pl.String})


@pytest.fixture(scope="module")
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(":memory:") as found:
        create_tables(found, "", "Asia/Shanghai")
        yield found


def loaded(con: duckdb.DuckDBPyConnection, table: str, told: Iterable[Told]) -> str:
    """Load into a bare engine, which is emptied first: opening a book each time would take most of the test."""
    for name in (table, "exports", "sightings"):
        con.execute(f"DELETE FROM {name}")
    for item in told:
        bring(Writer(con), table, item)
    return digest(con, "")


def bring(writer: Writer, table: str, item: Told) -> MergeCounts:
    rows = frame(table, item.rows)
    return writer.merge(table, rows, load_id=str(item), exported_at=item.day, series=item.series, scope=item.scope)


def versions(con: duckdb.DuckDBPyConnection, table: str, *columns: str) -> list[tuple[Any, ...]]:
    return con.execute(f"SELECT {', '.join((*columns, *VERSION))} FROM {table} ORDER BY ALL").fetchall()


def by_hand(told: Iterable[Told], *, is_event: bool) -> list[tuple[Any, ...]]:
    """The rules in plain words, key by key and export by export."""
    in_order = sorted(told, key=lambda item: (item.day, item.series))
    found = []
    for key in KEYS:
        open_version: list[Any] | None = None
        owner = None
        for item in in_order:
            rows = dict(item.rows)
            if key not in rows:
                is_missed = not is_event and item.scope == "full" and owner == item.series
                if open_version and is_missed and not open_version[-1]:
                    found.append((*open_version[:4], item.day, open_version[5]))
                    open_version = [key, open_version[1], item.day, item.day, None, True]
                continue
            owner = item.series
            if open_version is None:
                before = [other.day for other in in_order if other.series == item.series and other.day < item.day]
                born = BORN[key]
                existed = item.day if before and born <= max(before) else born
                open_version = [key, rows[key], existed, existed if is_event else item.day, None, False]
            elif open_version[1] != rows[key] or open_version[-1]:
                found.append((*open_version[:4], item.day, open_version[5]))
                open_version = [key, rows[key], item.day, item.day, None, False]
        if open_version:
            found.append(tuple(open_version))
    return sorted(found, key=str)


@pytest.mark.parametrize(("table", "key", "value"), [("deals", "deal_id", "amount"), ("activities", "activity_id", "deal_id")])
@settings(max_examples=12, deadline=None, derandomize=True)
@given(data=st.data())
def test_any_order_ends_in_the_same_book(
    con: duckdb.DuckDBPyConnection, table: str, key: str, value: str, data: st.DataObject
) -> None:
    told = data.draw(exports(("full", "changes"), ("east", "west")))
    shuffled = data.draw(st.permutations(told))
    expected = loaded(con, table, sorted(told, key=lambda item: (item.day, item.series)))
    found = [(name, int(what), *rest) for name, what, *rest in versions(con, table, key, value)]
    assert sorted(found, key=str) == by_hand(told, is_event=table == "activities")
    assert loaded(con, table, shuffled) == expected
    twice = [*shuffled, *data.draw(st.permutations(told))]
    assert loaded(con, table, twice) == expected


@settings(max_examples=12, deadline=None, derandomize=True)
@given(data=st.data())
def test_a_history_may_come_before_between_and_after_exports(con: duckdb.DuckDBPyConnection, data: st.DataObject) -> None:
    told = data.draw(exports(("full",), ("east",)))
    starts = data.draw(
        st.lists(st.tuples(st.sampled_from(KEYS), st.integers(1, 35), st.integers(1, 3)), min_size=1, max_size=5)
    )
    moments = {(key, D(2026, 2, 20) + dt.timedelta(days=day, hours=1)): amount for key, day, amount in starts}
    past = frame("deals", [(key, amount) for (key, _), amount in moments.items()]).with_columns(
        known_from=pl.Series([moment for _, moment in moments], dtype=pl.Datetime("us")),
        known_to=pl.Series([None] * len(moments), dtype=pl.Datetime("us")),
    )
    digests = set()
    for place in range(len(told) + 1):
        for table in ("deals", "exports", "sightings"):
            con.execute(f"DELETE FROM {table}")
        writer = Writer(con)
        for item in told[:place]:
            bring(writer, "deals", item)
        writer.merge_history("deals", past, load_id="past", exported_at=D(2026, 4, 1), series="past")
        for item in told[place:]:
            bring(writer, "deals", item)
        digests.add(digest(con, ""))
        writer.merge_history("deals", past, load_id="past", exported_at=D(2026, 4, 1), series="past")
        digests.add(digest(con, ""))
    assert len(digests) == 1
    # what an export or the history said last of a key up to a moment is what was known then
    for moment, key in itertools.product((D(2026, 3, 2), D(2026, 3, 20), D(2026, 4, 2)), KEYS):
        said = [(item.day, dict(item.rows).get(key)) for item in told if item.day <= moment]
        said += [(at, amount) for (name, at), amount in moments.items() if name == key and at <= moment]
        last = max((item for item in said if item[1] is not None), default=None)
        found = con.execute(
            "SELECT amount FROM deals WHERE deal_id = ? AND known_from <= ? AND (known_to IS NULL OR known_to > ?)",
            [key, moment, moment],
        ).fetchall()
        assert [int(amount) for (amount,) in found] == ([last[1]] if last else [])


def test_what_a_full_export_has_no_longer_is_gone_and_stays_visible() -> None:
    book = Book()
    counts = []
    for item in (Told(DAYS[0], "deals", (("A", 1), ("B", 1))), Told(DAYS[1], "deals", (("A", 1),))):
        with book.write() as writer:
            counts.append(bring(writer, "deals", item))
    assert counts == [MergeCounts(2, 0, 0, 0), MergeCounts(0, 0, 1, 1)]
    for moment, gone in ((DAYS[0], [("A", False)]), (DAYS[1], [("A", False), ("B", True)])):
        rows = book.as_of(moment).run("base.deals", order=("deal_id",)).select("deal_id", "is_gone").rows()
        assert rows == gone
    with book.write() as writer:
        bring(writer, "deals", Told(DAYS[2], "deals", (("A", 1), ("B", 1))))
    assert book.as_of(DAYS[2]).run("base.deals", order=("deal_id",))["is_gone"].to_list() == [False, False]


def test_files_of_one_series_and_moment_are_one_export() -> None:
    parts = [Told(DAYS[1], "deals", (("A", 1),)), Told(DAYS[1], "deals", (("B", 2),))]
    digests = set()
    for order in itertools.permutations([Told(DAYS[0], "deals", (("A", 1), ("B", 1), ("C", 1))), *parts]):
        book = Book()
        for item in order:
            with book.write() as writer:
                bring(writer, "deals", item)
        digests.add(book.digest())
    assert len(digests) == 1
    assert book.as_of(DAYS[1]).run("base.deals", order=("deal_id",))["amount"].to_list() == [1, 2, 1]


def test_the_digest_sees_every_column_and_the_history() -> None:
    def of(rows: list[tuple[str, int]], day: dt.datetime = DAYS[0]) -> str:
        book = Book()
        with book.write() as writer:
            bring(writer, "deals", Told(day, "deals", tuple(rows)))
        return book.digest()

    assert of([("A", 1), ("B", 1)]) == of([("B", 1), ("A", 1)])
    assert len({of([("A", 1)]), of([("A", 2)]), of([("B", 1)]), of([("A", 1)], DAYS[1]), Book().digest()}) == 5


def test_the_series_of_late_rows_is_their_own() -> None:
    """A branch that is loaded for the first time is not late because another one was loaded before."""
    book = Book()
    for item in (Told(DAYS[0], "east", (("A", 1),)), Told(DAYS[1], "west", (("B", 1),))):
        with book.write() as writer:
            bring(writer, "activities", item)
    seen = book.as_of(DAYS[2]).sql("SELECT activity_id, known_from FROM base.activities(as_of := $as_of) ORDER BY ALL").rows()
    assert seen == [("A", BORN["A"]), ("B", BORN["B"])]

"""The order of day and month, proven by a whole column or left open."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from exports import mapping_file
from hypothesis import given
from hypothesis import strategies as st

from salesiq.book import Book
from salesiq.load import load
from salesiq.load.batches import Batch, Record
from salesiq.load.headers import bind
from salesiq.load.mapping import Column, Entry
from salesiq.load.orders import decide_order, in_order

OLIST = Path(__file__).resolve().parents[3] / "shared" / "data" / "olist_funnel"
ENTRY = Entry(("x.csv",), "deals", (Column("deal_id", ("id",)), Column("created_at", ("day",))))
HEADER = Record(1, 2, ("id", "day"))


class Table:
    """A file in several blocks, which counts how often it is read."""

    encoding = "utf-8"

    def __init__(self, *blocks: list[str]) -> None:
        self.blocks, self.n_read = blocks, 0

    def head(self) -> list[Record]:
        return [HEADER]

    def batches(self, header: Record) -> Iterator[Batch]:
        for block in self.blocks:
            self.n_read += 1
            cells = pl.DataFrame({"0": [f"D{number}" for number in range(len(block))], "1": block})
            yield Batch(cells, pl.Series(range(len(block)), dtype=pl.Int64), lambda places: [""] * len(places))


def ordered(*blocks: list[str]) -> tuple[tuple[str, ...], list[str], int]:
    """Return the form decided for the dates, the dates in the order of the file, and how many blocks were read."""
    table = Table(*blocks)
    found = in_order(table, bind(table.head(), ENTRY, "x.csv"), ENTRY)
    days = [day for batch in found.batches for day in batch.cells["1"]]
    return found.binding.columns[1].column.formats, days, table.n_read


def test_proof_in_a_later_block_decides_for_the_first() -> None:
    blocks = (["03/04/2026"], ["05/06/2026"], ["13/04/2026"])
    assert ordered(*blocks) == (("dmy",), [day for block in blocks for day in block], 2 + 3 + 3)


def test_a_later_block_can_take_the_proof_back() -> None:
    assert ordered(["13/04/2026"], ["04/13/2026"])[0] == ()


def test_a_file_without_such_dates_is_read_once() -> None:
    assert ordered(["2026-01-03"], ["2026-01-04"]) == ((), ["2026-01-03", "2026-01-04"], 2)


def test_a_file_of_one_block_is_read_once() -> None:
    assert ordered(["03/04/2026", "04/13/2026"]) == (("mdy",), ["03/04/2026", "04/13/2026"], 1)


@given(st.lists(st.dates(dt.date(1990, 1, 1), dt.date(2049, 12, 31)), min_size=1), st.sampled_from(["dmy", "mdy"]))
def test_an_order_is_never_decided_wrongly(days: list[dt.date], order: str) -> None:
    shown = [day.strftime({"dmy": "%d/%m/%Y", "mdy": "%m/%d/%Y"}[order]) for day in days]
    assert decide_order(shown) == (order if any(day.day > 12 for day in days) else None)


@pytest.mark.skipif(not OLIST.is_dir(), reason="the published files are not here")
def test_both_forms_of_olist_are_read_without_a_word_in_the_mapping(tmp_path: Path) -> None:
    text = """\
[[file]]
match = "olist_marketing_qualified_leads_dataset.csv"
table = "stage_events"
columns = { deal_id = "mql_id", entered_at = "first_contact_date" }
constants = { stage = "Qualified" }
[[file]]
match = "olist_closed_deals_dataset.csv"
table = "stage_events"
columns = { deal_id = "mql_id", entered_at = "won_date" }
constants = { stage = "Won" }
"""
    book = Book(":memory:")
    report = load(book, OLIST, mapping_file(tmp_path, text))
    assert (report.n_new, report.n_rejected) == (8_842, 0)
    told = {row["remark"] for row in report.remarks.rows(named=True)}
    assert "read_date_order" in told
    events = book.as_of("2018-12-31").sql("SELECT * FROM base.stage_events(as_of := $as_of)")
    first = events.filter(deal_id="dac32acd4db4c29c230538b72f8dd87d", stage="Qualified")
    assert first["entered_at"].to_list() == [dt.datetime(2018, 2, 1)]
    won = events.filter(deal_id="5420aad7fec3549a85876ba1c529bd84", stage="Won")
    assert won["entered_at"].to_list() == [dt.datetime(2018, 2, 26, 19, 58)]
    leads = events.filter(stage="Qualified")["entered_at"]
    assert (leads.min(), leads.max()) == (dt.datetime(2017, 6, 14), dt.datetime(2018, 5, 31))

"""Cells to canonical rows: bind, read by contract, and set aside every row that does not keep it."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import polars as pl

from salesiq.load.batches import Batch
from salesiq.load.derived import derive, headers_of, past, sift
from salesiq.load.headers import Binding, Bound
from salesiq.load.limits import refuse_beyond_limits
from salesiq.load.mapping import Column, Entry
from salesiq.load.moments import LAST_YEAR_OF_FACTS
from salesiq.load.values import Parsed, no_reasons, parse
from salesiq.tables import CONTRACTS

__all__ = ["Harvest", "canonical_rows"]

_SUMMARY = ("合计", "小计", "总计", "合 计", "总 计", "total", "subtotal", "sub total", "grand total", "sum")


@dataclass(frozen=True)
class Harvest:
    """What a batch gave: rows of the table with `source_file` and `source_line`, rejected rows, and counts of skipped
    ones.
    """

    rows: pl.DataFrame
    rejects: pl.DataFrame
    n_not_applicable: int
    n_blank: int
    n_left_out: int = 0
    n_deleted: int = 0


def canonical_rows(batch: Batch, binding: Binding, entry: Entry, file: str, zone: str) -> Harvest:
    """Read a batch of cells into rows of the entry's table.

    A row with several faults is rejected for the first one, in the order of the mapping's columns.
    """
    refuse_beyond_limits(batch.cells, file)
    contract = CONTRACTS[entry.table]
    read = {
        item.column.name: parse(batch.cells[str(item.place)], contract.columns[item.column.name], item.column, zone)
        for item in binding.columns
    }
    read |= derive(batch, binding.places, entry, zone)
    sieve = sift(batch, binding.places, entry, zone)
    frame = _frame(read, entry, batch.cells.height, zone)
    faults = _Faults(batch, binding, entry)
    for item in binding.columns:
        if str(item.place) in batch.marks:
            faults.add(batch.marks[str(item.place)], item.column.name)
    for name, column in read.items():
        faults.add(column.reasons, name)
    for name in contract.facts:
        faults.add(_beyond(frame[name], LAST_YEAR_OF_FACTS), name)
    faults.add(sieve.reasons, "where")
    told = past(batch, binding.places, entry, zone)
    if told is not None:
        faults.add(told.reasons, "history")
    for name in contract.required:
        faults.add(_where(frame[name].is_null(), "reason_required"), name)
    faults.add_contract(frame)
    faults.name_summaries()
    blank = _blank(batch.cells, faults.reasons)
    left_out, deleted = sieve.left_out & ~blank, sieve.deleted & ~blank
    is_meant = ~(blank | left_out | deleted)
    applies = _applies(frame, read, entry) & is_meant
    rows = frame.with_columns(pl.lit(file).alias("source_file"), batch.lines.alias("source_line"))
    if told is not None:
        rows = rows.with_columns(told.known_from.alias("known_from"), told.known_to.alias("known_to"))
    good = faults.reasons.is_null() & applies
    counts = [int(mask.sum()) for mask in (is_meant & ~applies, blank, left_out, deleted)]
    return Harvest(rows.filter(good), faults.rejects(file, applies), *counts)


def _blank(cells: pl.DataFrame, reasons: pl.Series) -> pl.Series:
    """Which rows have no content at all; only a row that lacks what is required can be one."""
    suspects = (reasons == "reason_required").fill_null(value=False)
    if not suspects.any():
        return suspects
    content = pl.any_horizontal(pl.all().cast(pl.String).str.strip_chars().fill_null("") != "")
    return suspects & ~cells.select(content).to_series()


def _applies(frame: pl.DataFrame, read: dict[str, Parsed], entry: Entry) -> pl.Series:
    name = entry.where_not_null
    if name is None:
        return pl.Series([True]).new_from_index(0, frame.height)
    filled = frame[name].is_not_null()
    return filled | read[name].reasons.is_not_null() if name in read else filled


def _frame(read: dict[str, Parsed], entry: Entry, height: int, zone: str) -> pl.DataFrame:
    columns = []
    for name, dtype in CONTRACTS[entry.table].columns.items():
        if name in read:
            columns.append(read[name].values.alias(name))
        elif name in entry.constants:
            columns.append(_constant(name, entry.constants[name], dtype, zone).new_from_index(0, height).alias(name))
        else:
            columns.append(pl.Series(name, [None], dtype=dtype).new_from_index(0, height))
    return pl.DataFrame(columns)


def _constant(name: str, value: str, dtype: pl.DataType, zone: str) -> pl.Series:
    return parse(pl.Series([value]), dtype, Column(name, ()), zone).values


def _beyond(moments: pl.Series, year: int) -> pl.Series:
    last = moments.cast(pl.Datetime("us")).max()
    if not isinstance(last, dt.datetime) or last.year <= year:
        return no_reasons(len(moments))
    return _where(moments.dt.year() > year, "reason_date_future")


def _where(mask: pl.Series, reason: str) -> pl.Series:
    return pl.select(pl.when(mask).then(pl.lit(reason))).to_series()


class _Faults:
    """The first fault of each row of a batch."""

    def __init__(self, batch: Batch, binding: Binding, entry: Entry) -> None:
        self.batch, self.entry, self.places = batch, entry, binding.places
        self.bound: dict[str, Bound] = {item.column.name: item for item in binding.columns}
        nothing = pl.Series([None], dtype=pl.String).new_from_index(0, batch.cells.height)
        self.reasons = nothing.alias("reason")
        self.columns = nothing.alias("column")

    def add(self, reasons: pl.Series, column: str) -> None:
        """Note faults of one column where the row has none yet."""
        if reasons.null_count() == len(reasons):
            return
        new = reasons.is_not_null() & self.reasons.is_null()
        self.columns = pl.select(pl.when(new).then(pl.lit(column)).otherwise(self.columns).alias("column")).to_series()
        self.reasons = pl.select(pl.when(new).then(reasons).otherwise(self.reasons).alias("reason")).to_series()

    def add_contract(self, frame: pl.DataFrame) -> None:
        """Check the rows without a fault against the contract's own rules: ranges and lists of words."""
        whole = frame.with_row_index("__place").filter(self.reasons.is_null())
        _, failures = CONTRACTS[self.entry.table].check(whole.drop("__place"))
        required = CONTRACTS[self.entry.table].required
        for column, found in failures.filter(~pl.col("column").is_in(required)).group_by("column", maintain_order=True):
            places = whole["__place"].gather(found["row_index"].drop_nulls().unique())
            hit = pl.int_range(frame.height, dtype=pl.UInt32, eager=True).is_in(places.implode())
            self.add(_where(hit, "reason_contract"), str(column[0]))

    def name_summaries(self) -> None:
        """Tell a total row and a repeated header from a broken row; both are found in the columns that identify a
        row.
        """
        keys = [name for name in CONTRACTS[self.entry.table].keys if name in self.bound]
        for name in keys:
            item = self.bound[name]
            cells = self.batch.cells[str(item.place)]
            if cells.dtype != pl.String:
                continue
            folded = cells.str.strip_chars().str.to_lowercase().str.strip_chars_end(":：")
            self._rename(folded.is_in(list(_SUMMARY)), "reason_summary", name)
            self._rename(cells.str.strip_chars() == item.header, "reason_header_again", name)
        if self.reasons.null_count() < len(self.reasons):
            self._rename(self._starts_with_total() & (self.reasons != "reason_summary"), "reason_summary", None)

    def _starts_with_total(self) -> pl.Series:
        first = (
            self.batch.cells.select(
                pl.coalesce(pl.col(pl.String).str.strip_chars().replace("", None)).str.to_lowercase().alias("first")
            )
            if any(dtype == pl.String for dtype in self.batch.cells.dtypes)
            else pl.DataFrame({"first": [""] * self.batch.cells.height})
        )
        return first["first"].fill_null("").str.strip_chars_end(":：").is_in(list(_SUMMARY))

    def _rename(self, mask: pl.Series, reason: str, column: str | None) -> None:
        mask = mask.fill_null(value=False)
        if mask.any():
            self.reasons = pl.select(pl.when(mask).then(pl.lit(reason)).otherwise(self.reasons).alias("reason")).to_series()
            named = pl.lit(column, pl.String)
            self.columns = pl.select(pl.when(mask).then(named).otherwise(self.columns).alias("column")).to_series()

    def rejects(self, file: str, applies: pl.Series) -> pl.DataFrame:
        """Return the rejected rows as the log of rejects wants them, without `load_id`."""
        places = (self.reasons.is_not_null() & applies).arg_true().to_list()
        columns = [self.columns[place] for place in places]
        return pl.DataFrame(
            {
                "table_name": [self.entry.table] * len(places),
                "source_file": [file] * len(places),
                "source_line": [self.batch.lines[place] for place in places],
                "source_column": [self._header(name) for name in columns],
                "value": [self._value(place, name) for place, name in zip(places, columns, strict=True)],
                "reason": [f"load.{self.reasons[place]}" for place in places],
                "raw": self.batch.raw(places) if places else [],
            },
            schema=REJECT_SCHEMA,
        )

    def _header(self, column: str | None) -> str | None:
        if column is None or column in self.bound:
            return self.bound[column].header if column else None
        return ", ".join(headers_of(self.entry, column)) or column

    def _value(self, place: int, column: str | None) -> str | None:
        if column in self.bound:
            cell = self.batch.cells[str(self.bound[column].place)][place]
            return None if cell is None else str(cell)
        read = [self.places[name] for name in headers_of(self.entry, column or "") if name in self.places]
        cells = [self.batch.cells[str(at)][place] for at in read]
        return " | ".join("" if cell is None else str(cell) for cell in cells) if cells else None


REJECT_SCHEMA = {
    "table_name": pl.String,
    "source_file": pl.String,
    "source_line": pl.Int64,
    "source_column": pl.String,
    "value": pl.String,
    "reason": pl.String,
    "raw": pl.String,
}

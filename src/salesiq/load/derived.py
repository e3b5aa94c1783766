"""Columns that a mapping calculates, rows that it leaves out, and the past that its rows tell: from cells to contract types."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import polars as pl
from rapidfuzz import process

from salesiq.errors import InputError
from salesiq.load.batches import Batch
from salesiq.load.calculation import as_text, calculate
from salesiq.load.expressions import Call, Expression, Header
from salesiq.load.mapping import Column, Entry
from salesiq.load.values import Parsed, clean, parse
from salesiq.tables import CONTRACTS

__all__ = ["Past", "Sieve", "absent", "derive", "headers_of", "past", "refuse_absent", "sift"]

Cell = Callable[[str], pl.Series | None]


@dataclass(frozen=True)
class Sieve:
    """Which rows of a batch are left out by `where`, which are deleted in the source system, and why a row cannot be told."""

    left_out: pl.Series
    deleted: pl.Series
    reasons: pl.Series


@dataclass(frozen=True)
class Past:
    """From when to when the rows of a batch were true (null: they still are), and why that cannot be told."""

    known_from: pl.Series
    known_to: pl.Series
    reasons: pl.Series


def absent(entry: Entry, places: Mapping[str, int]) -> list[str]:
    """Return the derived columns that a file cannot give because headers are absent."""
    return [item.column.name for item in entry.derived if _lacking(item.expression, places)]


def refuse_absent(entry: Entry, places: Mapping[str, int], headers: Sequence[str], file: str) -> None:
    """Raise `InputError` where a condition, the history or a required column names a header that the file lacks."""
    required = CONTRACTS[entry.table].required
    wanted = [(item.column.name, _lacking(item.expression, places)) for item in entry.derived if item.column.name in required]
    wanted += [
        (key, sorted(condition.needed - places.keys()))
        for key, condition in (("where", entry.where), ("deleted", entry.deleted))
        if condition is not None
    ]
    if entry.history is not None:
        named = filter(None, (entry.history.start, entry.history.end, entry.history.active))
        wanted.append(("history", [name for name in named if name not in places]))
    for name, lacking in wanted:
        if lacking:
            near = process.extractOne(lacking[0], [header for header in headers if header.strip()])
            facts = {"column": name, "expected": lacking[0], "near": near[0] if near else "—"}
            raise InputError("load.column_missing", file=file, table=entry.table, **facts)


def _lacking(expression: Expression, places: Mapping[str, int]) -> list[str]:
    """Return headers without which the expression says nothing: those it needs, or all of them where it needs none."""
    lacking = sorted(expression.needed - places.keys())
    if lacking or not expression.named or any(name in places for name in expression.named):
        return lacking
    return list(expression.named)


def derive(batch: Batch, places: Mapping[str, int], entry: Entry, zone: str) -> dict[str, Parsed]:
    """Return every derived column of a batch, read by contract; those whose headers are absent are left out."""
    missing = set(absent(entry, places))
    found = {}
    for item in entry.derived:
        if item.column.name in missing:
            continue
        cell = _reader(batch, places, item.column.null_values)
        given = calculate(item.expression, cell, batch.cells.height, zone)
        is_day = given.values.dtype.is_temporal()  # written out year first, whatever form the file's own days have
        column = Column(item.column.name, (), formats=(), values=item.column.values) if is_day else item.column
        read = parse(as_text(given.values), CONTRACTS[entry.table].columns[item.column.name], column, zone)
        reasons = pl.select(pl.coalesce(given.reasons, read.reasons)).to_series()
        found[item.column.name] = Parsed(read.values, reasons)
    return found


def sift(batch: Batch, places: Mapping[str, int], entry: Entry, zone: str) -> Sieve:
    """Say which rows the entry leaves out, and which the source system has deleted."""
    height = batch.cells.height
    cell = _reader(batch, places, entry.null_values)
    nobody = pl.Series([False]).new_from_index(0, height)
    left_out, deleted = nobody, nobody
    reasons = pl.Series([None], dtype=pl.String).new_from_index(0, height)
    if entry.where is not None:
        found = calculate(entry.where, cell, height, zone)
        left_out = ~found.values.fill_null(value=False) & found.reasons.is_null()
        reasons = found.reasons
    if entry.deleted is not None:
        found = calculate(entry.deleted, cell, height, zone)
        deleted = found.values.fill_null(value=False)
        reasons = pl.select(pl.coalesce(reasons, found.reasons)).to_series()
    return Sieve(left_out, deleted & ~left_out, reasons)


def past(batch: Batch, places: Mapping[str, int], entry: Entry, zone: str) -> Past | None:
    """Return the moments of a history's rows, or None where the entry tells no history.

    A version that is active, or ends beyond every calendar (9999-12-31), has no end.
    """
    if entry.history is None:
        return None
    cell, moment = _reader(batch, places, entry.null_values), pl.Datetime("us")
    start = parse(_cells(cell, entry.history.start), moment, Column("known_from", (), formats=entry.formats), zone)
    empty = pl.Series([None], dtype=pl.String).new_from_index(0, batch.cells.height)
    ends = _cells(cell, entry.history.end) if entry.history.end else empty
    ends = ends.set(ends.str.contains("^(9999|[3-9][0-9]{3})-").fill_null(value=False), None)
    reasons = [start.reasons, pl.select(pl.when(start.values.is_null()).then(pl.lit("reason_required"))).to_series()]
    if entry.history.active:
        asked = Call("is_true", (Header(entry.history.active),), ("text",), "truth")
        active = calculate(Expression("", asked), cell, len(ends), zone)
        ends = ends.set(active.values.fill_null(value=False), None)
        reasons.append(active.reasons)
    end = parse(ends, moment, Column("known_to", (), formats=entry.formats), zone)
    return Past(start.values, end.values, pl.select(pl.coalesce([*reasons, end.reasons])).to_series())


def headers_of(entry: Entry, name: str) -> tuple[str, ...]:
    """Return the headers that a derived column, a condition or the history reads."""
    if name == "where":
        conditions = (item for item in (entry.where, entry.deleted) if item is not None)
        return tuple(header for item in conditions for header in item.named)
    if name == "history" and entry.history:
        return tuple(filter(None, (entry.history.start, entry.history.end)))
    return next((item.expression.named for item in entry.derived if item.column.name == name), ())


def _reader(batch: Batch, places: Mapping[str, int], null_values: Sequence[str]) -> Cell:
    def cell(name: str) -> pl.Series | None:
        return clean(_text(batch.cells[str(places[name])]), null_values) if name in places else None

    return cell


def _cells(cell: Cell, name: str) -> pl.Series:
    found = cell(name)
    if found is None:  # the header was checked when the file was bound
        raise InputError("load.column_missing", file="-", table="-", column=name, expected=name, near="—")
    return found


def _text(cells: pl.Series) -> pl.Series:
    if cells.dtype == pl.Datetime:
        return cells.dt.to_string("%Y-%m-%d %H:%M:%S%.6f")
    return cells if cells.dtype == pl.String else cells.cast(pl.String)

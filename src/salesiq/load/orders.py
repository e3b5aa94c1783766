"""Which comes first in 03/04/2026, the day or the month: decided by every value of a file's column, or not at all.

26/02/2018 proves that the day comes first, 02/26/2018 that the month does. A column with proofs of one kind only is read by
it; one with both, or with none, is left undecided, and its rows are rejected until the mapping says `format = "dmy"` or
`"mdy"`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Literal

import polars as pl

from salesiq.load.batches import Batch, Table
from salesiq.load.headers import Binding, Bound
from salesiq.load.mapping import Entry
from salesiq.tables import CONTRACTS

__all__ = ["Evidence", "Order", "Ordered", "decide_order", "evidence_of", "in_order"]

Order = Literal["dmy", "mdy"]

_YEAR_LAST = r"^\s*([0-9]{1,2})[-/.]([0-9]{1,2})[-/.][0-9]{4}(?:[\s,T].*)?$"
_MAYBE = r"^\s*[0-9]{1,2}[-/.][0-9]{1,2}[-/.][0-9]{4}"
_MONTHS = 12


@dataclass(frozen=True)
class Evidence:
    """What the values of a column prove; `is_asked` says whether any of them needs the answer."""

    is_asked: bool = False
    day_first: bool = False
    month_first: bool = False

    def __or__(self, other: Evidence) -> Evidence:
        """Return what both prove together."""
        return Evidence(
            self.is_asked or other.is_asked, self.day_first or other.day_first, self.month_first or other.month_first
        )

    @property
    def order(self) -> Order | None:
        """The order that is proven, where nothing speaks against it."""
        if self.day_first == self.month_first:
            return None
        return "dmy" if self.day_first else "mdy"


@dataclass(frozen=True)
class Ordered:
    """The rows of a file, what it is read by, and for the report which columns proved their order."""

    batches: Iterator[Batch]
    binding: Binding
    entry: Entry
    told: tuple[str, ...] = ()


def evidence_of(cells: pl.Series) -> Evidence:
    """Return what a column of text proves about the order of day and month.

    >>> evidence_of(pl.Series(["01-02-2018", "26-02-2018 19:58", "2026-01-03"])).order
    'dmy'
    """
    if cells.dtype != pl.String or not cells.str.contains(_MAYBE).any():
        return Evidence()
    parts = cells.str.extract_groups(_YEAR_LAST).struct
    first, second = (parts.field(name).cast(pl.Int8) for name in ("1", "2"))
    return Evidence(is_asked=True, day_first=bool((first > _MONTHS).any()), month_first=bool((second > _MONTHS).any()))


def decide_order(values: Sequence[str]) -> Order | None:
    """Return which comes first in a column of dates, or None where nothing or both are proven.

    >>> decide_order(["03/04/2026", "04/13/2026"]), decide_order(["03/04/2026"])
    ('mdy', None)
    """
    return evidence_of(pl.Series(values, dtype=pl.String)).order


def in_order(table: Table, binding: Binding, entry: Entry) -> Ordered:
    """Return a file's rows, and the binding and the entry with the order of day and month that the file's columns prove.

    Only where the first rows ask for an order that the mapping does not state, and more follow, is the file read twice.
    """
    batches = table.batches(binding.header)
    first, second = next(batches, None), None
    asked = [] if first is None else [at for at in _unstated(binding, entry) if evidence_of(first.cells[str(at)]).is_asked]
    if first is None or not asked:
        return Ordered(chain([] if first is None else [first], batches), binding, entry)
    second = next(batches, None)
    found = _survey(table.batches(binding.header) if second else [first], asked)
    rows = table.batches(binding.header) if second else iter([first])
    orders = {place: item.order for place, item in found.items() if item.order is not None}
    columns = tuple(_stated(item, orders) for item in binding.columns)
    return Ordered(rows, replace(binding, columns=columns), _of_history(entry, binding, orders), _told(binding, orders))


def _unstated(binding: Binding, entry: Entry) -> list[int]:
    """Return the places of the dates whose form the mapping does not state."""
    types = CONTRACTS[entry.table].columns
    dated = [item for item in binding.columns if types[item.column.name].is_temporal()]
    places = [item.place for item in dated if not item.column.formats and not item.column.values]
    return list(dict.fromkeys((*places, *([] if entry.formats else _history_places(binding, entry)))))


def _history_places(binding: Binding, entry: Entry) -> list[int]:
    named = (entry.history.start, entry.history.end) if entry.history else ()
    return [binding.places[name] for name in named if name in binding.places]


def _survey(batches: Iterable[Batch], places: Sequence[int]) -> dict[int, Evidence]:
    found = dict.fromkeys(places, Evidence())
    for batch in batches:
        found = {place: item | evidence_of(batch.cells[str(place)]) for place, item in found.items()}
    return found


def _stated(item: Bound, orders: Mapping[int, Order]) -> Bound:
    if item.place not in orders or item.column.formats:
        return item
    return replace(item, column=replace(item.column, formats=(orders[item.place],)))


def _of_history(entry: Entry, binding: Binding, orders: Mapping[int, Order]) -> Entry:
    found = {orders[place] for place in _history_places(binding, entry) if place in orders}
    return replace(entry, formats=tuple(found)) if len(found) == 1 and not entry.formats else entry


def _told(binding: Binding, orders: Mapping[int, Order]) -> tuple[str, ...]:
    return tuple(f"{binding.header.cells[place].strip()}: {order.upper()}" for place, order in orders.items())

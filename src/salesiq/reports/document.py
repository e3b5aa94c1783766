"""What a report says, as plain data: sections of findings, tables and figures. Nothing here knows HTML."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import polars as pl

if TYPE_CHECKING:
    import plotly.graph_objects as go

__all__ = ["Column", "Heading", "Picture", "Section", "Table", "plain"]


@dataclass(frozen=True)
class Heading:
    """The head of a page: its title, the lines under it, and what the reader must know about the data first."""

    title: str
    subtitle: str
    facts: tuple[tuple[str, str], ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Column:
    """One column of a table as a reader sees it.

    `value` names the column of the frame and `show` turns a value into text. `note` names a column whose text stands small
    below the value; `act` a boolean column that is true where somebody should act; `indent` a column that says how many steps
    to the right the value stands. `is_merged` leaves a value out where it repeats the row above. `is_long` is text that needs a
    line of its own on a narrow screen.
    """

    title: str
    value: str
    show: Callable[[Any], str] = str
    is_number: bool = False
    note: str | None = None
    act: str | None = None
    indent: str | None = None
    is_merged: bool = False
    is_long: bool = False


@dataclass(frozen=True)
class Table:
    """Rows of one frame, and how to show them.

    `source` names a column that says where the row comes from (record, file, line). `fold` is the summary line of a table
    that is folded away until the reader opens it; on paper it stays folded unless `is_printed`. A table is `is_wide` where
    its rows become blocks on a narrow screen.
    """

    key: str
    frame: pl.DataFrame
    columns: tuple[Column, ...]
    caption: str = ""
    source: str | None = None
    fold: str | None = None
    is_printed: bool = False
    is_wide: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return the caption and the rows with their raw values, safe for JSON."""
        return {"key": self.key, "caption": self.caption, "rows": [plain(row) for row in self.frame.to_dicts()]}


@dataclass(frozen=True)
class Picture:
    """A figure and the sentence that says what its marks mean; `alt` tells it to somebody who cannot see it.

    `is_last` puts it below the section's tables.
    """

    key: str
    figure: go.Figure
    caption: str
    alt: str
    is_last: bool = False


@dataclass(frozen=True)
class Section:
    """One question of the report: the finding first, then what to do, what it rests on, and where the numbers come from.

    `acts` say what somebody should do, `leads` what to know before the figures, `notes` how to read them.
    `missing` names the canonical tables without which the section has nothing to say; `origin` says which metrics and
    which files the numbers come from.
    """

    key: str
    title: str
    finding: str
    acts: tuple[str, ...] = ()
    leads: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    pictures: tuple[Picture, ...] = ()
    missing: tuple[str, ...] = ()
    origin: tuple[str, ...] = ()
    is_alarm: bool = False
    facts: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return the section without its figures, safe for JSON."""
        return {
            "key": self.key,
            "title": self.title,
            "finding": self.finding,
            "acts": list(self.acts),
            "leads": list(self.leads),
            "notes": list(self.notes),
            "facts": plain(dict(self.facts)),
            "tables": [table.to_dict() for table in self.tables],
            "missing": list(self.missing),
            "origin": list(self.origin),
        }


def plain(value: Any) -> Any:
    """Return `value` as JSON can hold it; an amount becomes text, so that it stays exact to the cent.

    >>> plain({"amount": Decimal("1.10"), "on": dt.date(2026, 1, 31)})
    {'amount': '1.10', 'on': '2026-01-31'}
    """
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, dt.date | dt.datetime):
        return value.isoformat()
    if isinstance(value, dict):
        return {str(name): plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple | pl.Series):
        return [plain(one) for one in value]
    return value

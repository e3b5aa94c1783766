"""The vocabulary in which the canonical tables are written: column types and the roles that a column can have."""

from __future__ import annotations

from typing import Annotated, Any

import pandera.polars as pa
import polars as pl

Money = Annotated[pl.Decimal, 18, 2]
Moment = Annotated[pl.Datetime, "us", None]


def key(description: str) -> Any:
    """Return a required text column that identifies the row; it is never null."""
    return pa.Field(nullable=False, description=description)


def required(description: str, **checks: Any) -> Any:
    """Return a column that every row must fill: the moment of an event."""
    return pa.Field(nullable=False, description=description, **checks)


def field(description: str, **checks: Any) -> Any:
    """Return a column that may be null, because real exports lack most of what they could hold."""
    return pa.Field(nullable=True, description=description, **checks)


class Table(pa.DataFrameModel):
    """A canonical table: its columns, their units and the values they allow. Its docstring states the grain."""

    class Config:  # noqa: D106 -- pandera reads it by this name
        strict = True

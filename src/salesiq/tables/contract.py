"""A contract: what one canonical table holds, which columns identify a row, and when each fact became known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import pandera.errors
import polars as pl

from salesiq.tables.fields import Table

Kind = Literal["master", "event", "log"]


@dataclass(frozen=True)
class Contract:
    """What one canonical table promises.

    `kind` is "master" for things that change (deals, reps), "event" for things that happen once (visits, receipts) and
    "log" for what salesiq writes itself. `moment` names the column that says when the thing began or happened,
    `recorded` the column that says when the source system learned of it. `reveals` maps a moment that comes later than the
    row itself (a decision, a closing) to the columns that nobody can know before it. `undated` says of a master row
    without its moment whether it was always there or is only known since it was loaded.
    """

    name: str
    system: str
    model: type[Table]
    kind: Kind
    keys: tuple[str, ...]
    moment: str | None = None
    recorded: str | None = None
    reveals: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    undated: Literal["always", "unknown"] = "always"

    @property
    def grain(self) -> str:
        """The first sentence of the model's docstring: what one row is."""
        return (self.model.__doc__ or "").strip().split("\n")[0]

    @cached_property
    def columns(self) -> dict[str, pl.DataType]:
        """Column names in order, with their polars types."""
        return {name: column.dtype.type for name, column in self.model.to_schema().columns.items()}

    @cached_property
    def descriptions(self) -> dict[str, str]:
        """Column names with the sentence that says what each holds and in which unit."""
        return {name: column.description or "" for name, column in self.model.to_schema().columns.items()}

    @cached_property
    def required(self) -> tuple[str, ...]:
        """Columns that every row must fill: the keys, and the moment of an event."""
        return tuple(name for name, column in self.model.to_schema().columns.items() if not column.nullable)

    @cached_property
    def allowed(self) -> dict[str, tuple[str, ...]]:
        """Columns whose values come from a fixed list, with that list."""
        found: dict[str, tuple[str, ...]] = {}
        for name, column in self.model.to_schema().columns.items():
            for check in column.checks:
                if check.name == "isin":
                    found[name] = tuple(check.statistics["allowed_values"])
        return found

    @property
    def facts(self) -> tuple[str, ...]:
        """Columns with moments that have passed: when the thing was or was recorded, and when what came later came."""
        return tuple(name for name in (self.moment, self.recorded, *self.reveals) if name)

    def empty(self) -> pl.DataFrame:
        """Return a frame with the columns of this table and no row."""
        return pl.DataFrame(schema=self.columns)

    def check(self, frame: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Split typed rows into those that keep the contract and the failures of the others.

        Takes a frame with exactly `self.columns`. Returns the good rows in their order, and one row per failure:
        `row_index` (position in `frame`), `column`, `value` (text), `check` (the rule that failed, or "not_nullable").

        >>> from salesiq.tables import CONTRACTS
        >>> reps = CONTRACTS["reps"]
        >>> rows = pl.DataFrame({name: ["R1", None] if name == "rep_id" else [None, None] for name in reps.columns},
        ...                     schema=reps.columns)
        >>> good, failures = reps.check(rows)
        >>> good.height, failures.rows()
        (1, [(1, 'rep_id', None, 'not_nullable')])
        """
        schema = {"row_index": pl.Int64, "column": pl.String, "value": pl.String, "check": pl.String}
        try:
            self.model.to_schema().validate(frame, lazy=True)
        except pandera.errors.SchemaErrors as error:
            cases = error.failure_cases
            failures = cases.select(
                pl.col("index").cast(pl.Int64).alias("row_index"),
                "column",
                pl.col("failure_case").cast(pl.String).alias("value"),
                pl.col("check").cast(pl.String),
            ).sort("row_index", "column", nulls_last=True)
            bad = failures["row_index"].drop_nulls().unique().to_list()
            good = frame.with_row_index("__row").filter(~pl.col("__row").is_in(bad)).drop("__row")
            return good, failures
        return frame, pl.DataFrame(schema=schema)

"""Total rows are no rows of a table, but what they state can be held against the rows above them."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

import polars as pl

from salesiq.load.batches import Batch
from salesiq.load.headers import Binding, Bound
from salesiq.load.rows import Harvest
from salesiq.load.values import parse
from salesiq.tables import CONTRACTS

__all__ = ["Totals"]

_PARTIAL = ("小计", "subtotal", "sub total")


@dataclass
class Totals:
    """Sums of the amounts of one file's rows as they are read, against its own subtotals and totals."""

    table: str
    zone: str
    differences: list[str] = field(default_factory=list)
    _all: dict[str, Decimal] = field(default_factory=dict)
    _since_subtotal: dict[str, Decimal] = field(default_factory=dict)

    def take(self, batch: Batch, binding: Binding, harvest: Harvest) -> None:
        """Add the rows of a batch; note each stated sum that they do not come to."""
        amounts = [item for item in binding.columns if CONTRACTS[self.table].columns[item.column.name] == pl.Decimal]
        lines = harvest.rejects.filter(reason="load.reason_summary")["source_line"].to_list() if amounts else []
        done = 0
        for line in lines:
            self._add(harvest.rows.filter(pl.col("source_line").is_between(done, line)), amounts)
            self._compare(batch, line, amounts)
            done = line + 1
        self._add(harvest.rows.filter(pl.col("source_line") >= done) if lines else harvest.rows, amounts)

    def _add(self, rows: pl.DataFrame, amounts: list[Bound]) -> None:
        for item in amounts:
            name = item.column.name
            found = Decimal(str(rows[name].sum() or 0))
            for sums in (self._all, self._since_subtotal):
                sums[name] = sums.get(name, Decimal(0)) + found

    def _compare(self, batch: Batch, line: int, amounts: list[Bound]) -> None:
        place = int((batch.lines == line).arg_max() or 0)
        row = batch.cells[place]
        is_partial = any(str(cell).strip().lower().startswith(_PARTIAL) for cell in row.row(0))
        for item in amounts:
            sums = self._since_subtotal if is_partial else self._all
            stated = parse(
                row[str(item.place)], CONTRACTS[self.table].columns[item.column.name], item.column, self.zone
            ).values[0]
            if stated is not None and stated != sums.get(item.column.name, Decimal(0)):
                found = sums.get(item.column.name, Decimal(0))
                self.differences.append(f"{line}: {item.header} {stated:,} ≠ {found:,}")
        if is_partial:
            self._since_subtotal = {}

"""Exports that tell the past: each row is a version of a thing, with the moments from when to when it was true."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

import polars as pl

from salesiq.tables import CONTRACTS, Contract

__all__ = ["Versions", "chain"]

_TICK = pl.duration(seconds=1)  # how far before the next version's start a system sets the end of the one before


@dataclass
class Versions:
    """Versions read so far, by table and file; repeated and contradicting ones are found when all files are read."""

    _frames: dict[tuple[str, str], list[pl.DataFrame]] = field(default_factory=dict)

    def keep(self, table: str, file: str, rows: pl.DataFrame, told: Collection[str]) -> None:
        """Take rows with `known_from` and `known_to`; `told` are the columns that their file has at all."""
        if rows.height:
            unfed = [name for name in CONTRACTS[table].columns if name not in told]
            named = rows.with_columns(untold=pl.lit(unfed, pl.List(pl.String)))
            self._frames.setdefault((table, file), []).append(named)

    def tables(self) -> list[str]:
        """Return the tables that have versions."""
        return list(dict.fromkeys(table for table, _ in self._frames))

    def settle(self, table: str) -> pl.DataFrame:
        """Set aside copies and contradictions; return them with a `verdict`, as `repeats.settle` does."""
        rows, contract = self._all(table), CONTRACTS[table]
        moment = [*contract.keys, "known_from"]
        values = [*contract.columns, "known_to"]
        is_first = pl.struct(values).is_first_distinct()
        n_contents = pl.struct(values).n_unique().over(moment)
        verdict = pl.when(n_contents > 1).then(pl.lit("conflict")).when(~is_first).then(pl.lit("copy"))
        judged = rows.with_columns(verdict=verdict)
        good = judged.filter(pl.col("verdict").is_null()).drop("verdict")
        for name, file in [place for place in self._frames if place[0] == table]:
            self._frames[name, file] = [good.filter(source_file=file)]
        return judged.filter(pl.col("verdict").is_not_null())

    def chained(self, table: str) -> pl.DataFrame:
        """Return all versions of a table: each ended where the next one of its key begins, and what its own file does not
        tell taken from the version before.
        """
        contract = CONTRACTS[table]
        return _carried(chain(self._all(table), contract), contract).drop("untold")

    def _all(self, table: str) -> pl.DataFrame:
        return pl.concat(frame for (name, _), frames in self._frames.items() if name == table for frame in frames)


def _carried(rows: pl.DataFrame, contract: Contract) -> pl.DataFrame:
    """Take what a version's file has no column for from the version before: a file of closings does not know who owns a deal.

    Rows are sorted by key and moment. A cell that is empty in a column that the file has stays empty.
    """
    if not (rows["untold"].list.len() > 0).any():
        return rows
    carried = [
        pl.col(name).gather(pl.when(~pl.col("untold").list.contains(name)).then("place").forward_fill().over(contract.keys))
        for name in contract.columns
        if name not in contract.keys
    ]
    return rows.with_row_index("place").with_columns(carried).drop("place")


def chain(rows: pl.DataFrame, contract: Contract) -> pl.DataFrame:
    """End each version where the next one of its key begins: systems leave the end out, or set it a tick before.

    >>> import datetime as dt
    >>> first, then = dt.datetime(2026, 1, 1), dt.datetime(2026, 2, 1)
    >>> tick = dt.timedelta(milliseconds=1)
    >>> rows = pl.DataFrame({"deal_id": ["D1", "D1"], "known_from": [then, first], "known_to": [None, then - tick]})
    >>> chain(rows, CONTRACTS["deals"])["known_to"].to_list()
    [datetime.datetime(2026, 2, 1, 0, 0), None]
    """
    following = pl.col("known_from").shift(-1).over(contract.keys, order_by="known_from")
    is_cut = following.is_not_null() & (pl.col("known_to").is_null() | (pl.col("known_to") + _TICK >= following))
    ended = rows.with_columns(known_to=pl.when(is_cut).then(following).otherwise(pl.col("known_to")))
    return ended.sort(*contract.keys, "known_from", nulls_last=True)

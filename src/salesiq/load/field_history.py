"""Exports that tell the past: each row is a version of a thing, with the moments from when to when it was true."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import polars as pl

from salesiq.tables import CONTRACTS, Contract

__all__ = ["Versions", "chain"]

_TICK = pl.duration(seconds=1)  # how far before the next version's start a system sets the end of the one before


@dataclass
class Versions:
    """Versions read so far, by table and file; repeated and contradicting ones are found when all files are read."""

    _frames: dict[tuple[str, str], list[pl.DataFrame]] = field(default_factory=dict)

    def keep(self, table: str, file: str, rows: pl.DataFrame) -> None:
        """Take rows with `known_from` and `known_to`."""
        if rows.height:
            self._frames.setdefault((table, file), []).append(rows)

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

    def chained(self, table: str) -> Iterator[tuple[str, pl.DataFrame]]:
        """Yield (file, rows), each version ended where the next one of its key begins."""
        for (file,), rows in chain(self._all(table), CONTRACTS[table]).group_by("source_file", maintain_order=True):
            yield str(file), rows

    def _all(self, table: str) -> pl.DataFrame:
        return pl.concat(frame for (name, _), frames in self._frames.items() if name == table for frame in frames)


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

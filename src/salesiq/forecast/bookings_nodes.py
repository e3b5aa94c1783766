"""Nodes: what bookings are told of - the company, its units with all below them, reps or product lines - and sums over them."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from salesiq.book import Snapshot
from salesiq.errors import UsageError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Number = TypeVar("Number", np.int64, np.float64)

GROUPS = ("unit_id", "rep_id", "product_line")
_UNITS = (
    "SELECT unit_id, CASE WHEN depth > 0 THEN parent_unit_id END AS parent_unit_id, name, level, depth "
    "FROM base.units(as_of := $as_of) ORDER BY depth, unit_id"
)
_REPS = "SELECT rep_id, name FROM base.reps(as_of := $as_of) ORDER BY rep_id"


@dataclass(frozen=True)
class Nodes:
    """Nodes in the order in which they are told; `frame` has one row a node, its first column is the group.

    What belongs to no node stands at the node with a null, the last one. `parents` is each node's parent by place, -1 for none;
    a parent stands before its children.
    """

    frame: pl.DataFrame
    key: str | None
    parents: Ints

    @classmethod
    def of(cls, snapshot: Snapshot, by: str | None, seen: pl.Series) -> Nodes:
        """Return the nodes of a group: all units, the reps or product lines seen."""
        if by is None:
            return cls(pl.DataFrame(), None, np.array([-1]))
        if by == "unit_id":
            return _units(snapshot.sql(_UNITS), is_rest_needed=bool(seen.is_null().any()))
        names = pl.DataFrame({by: seen.drop_nulls().unique()}, schema={by: pl.String})
        if by == "rep_id":
            names = names.join(snapshot.sql(_REPS), on="rep_id", how="left", maintain_order="left")
        frame = _with_rest(names.sort(by), is_rest_needed=bool(seen.is_null().any()))
        return cls(frame, by, np.full(frame.height, -1))

    def __len__(self) -> int:
        return len(self.parents)

    def place(self, values: pl.Series) -> Ints:
        """Return the node of each value of the group; a value that is no node belongs to the last one."""
        if self.key is None:
            return np.zeros(len(values), dtype=np.int64)
        known = {value: place for place, value in enumerate(self.frame[self.key].to_list())}
        return np.array([known.get(value, len(self) - 1) for value in values.to_list()], dtype=np.int64)

    def up(self, single: NDArray[Number]) -> NDArray[Number]:
        """Add what each node has itself to all nodes above it; the first axis is the node."""
        total = single.copy()
        for node in range(len(self) - 1, -1, -1):
            if self.parents[node] >= 0:
                total[self.parents[node]] += total[node]
        return total


def group_of(by: str | None) -> str | None:
    """Return the column that a group means: unit and rep mean unit_id and rep_id. Raises UsageError for another name."""
    if by is None or by in GROUPS:
        return by
    if f"{by}_id" in GROUPS:
        return f"{by}_id"
    near = difflib.get_close_matches(str(by), GROUPS, n=1, cutoff=0.0)[0]
    raise UsageError("bookings.no_group", name=by, near=near)


def whole_means(totals: Ints, n_paths: int) -> Ints:
    """Divide sums of cents over paths by their number, in whole cents whose sum is the rounded mean of the whole.

    The largest remainders are rounded up, ties to the first.

    >>> whole_means(np.array([3, 3, 3]), 2).tolist()
    [2, 2, 1]
    """
    whole, rest = np.divmod(totals, n_paths)
    n_more = (2 * int(rest.sum()) + n_paths) // (2 * n_paths)
    chosen = np.argsort(-rest, kind="stable")[:n_more]
    whole[chosen] += 1
    return whole


def _units(units: pl.DataFrame, *, is_rest_needed: bool) -> Nodes:
    frame = _with_rest(units, is_rest_needed=is_rest_needed)
    known = {unit: place for place, unit in enumerate(frame["unit_id"].to_list())}
    parents = [-1 if parent is None else known[parent] for parent in frame["parent_unit_id"].to_list()]
    return Nodes(frame, "unit_id", np.array(parents, dtype=np.int64))


def _with_rest(frame: pl.DataFrame, *, is_rest_needed: bool) -> pl.DataFrame:
    if not is_rest_needed and frame.height:
        return frame
    return pl.concat([frame, pl.DataFrame({name: [None] for name in frame.columns}, schema=frame.schema)])

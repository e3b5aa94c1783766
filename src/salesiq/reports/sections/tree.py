"""Units in the order in which people draw an organisation: each below the one it belongs to."""

from __future__ import annotations

import polars as pl

from salesiq.reports.week import Week

__all__ = ["in_tree_order"]


def in_tree_order(week: Week, frame: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of `frame` (column `unit_id`) in tree order, with `indent`, the steps below the top; strangers last."""
    units = week.now.sql("SELECT unit_id, parent_unit_id, depth FROM base.units(as_of := $as_of) ORDER BY depth, unit_id")
    paths: dict[str, tuple[str, ...]] = {}
    for unit_id, parent, depth in units.rows():
        paths[unit_id] = (*(paths.get(parent, ()) if depth else ()), unit_id)
    places = {
        unit_id: (place, len(paths[unit_id]) - 1) for place, unit_id in enumerate(sorted(paths, key=lambda one: paths[one]))
    }
    found = [places.get(unit_id, (len(places), 0)) for unit_id in frame["unit_id"]]
    ordered = frame.with_columns(
        place=pl.Series([one[0] for one in found], dtype=pl.Int64), indent=pl.Series([one[1] for one in found], dtype=pl.Int64)
    )
    return ordered.sort("place", maintain_order=True).drop("place")

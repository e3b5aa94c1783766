"""Wins: what a simulated future brings, path by path: which deal is won on which day for how much."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

Ints = NDArray[np.int64]

SOURCES = {
    "deal_id": pl.String,
    "customer_id": pl.String,
    "rep_id": pl.String,
    "unit_id": pl.String,
    "product_line": pl.String,
}


@dataclass(frozen=True, eq=False, repr=False)
class Wins:
    """Wins of simulated paths, one entry a win.

    `path` counts from 0 to `n_paths` - 1 (a path without a win has no entry), `day` is whole days after the moment, >= 1,
    `cents` what was won, `source` the row of `sources` that it comes from: an open deal, or, with a null `deal_id`, deals of a
    rep or product line that are not created yet. A null `customer_id` means that nobody can know the customer.
    """

    n_paths: int
    path: Ints
    day: Ints
    cents: Ints
    source: Ints
    sources: pl.DataFrame

"""Columns: a table of plain numbers as a model weighs them: standardised, the unknown at the mean and named as unknown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Columns:
    """Means and scales of the columns, and which of them had unknown values when they were learned."""

    means: Floats
    scales: Floats
    unknown: NDArray[np.int64]

    @classmethod
    def learn(cls, rows: Floats) -> Self:
        """Learn from rows; a column without any known value, or with one value only, weighs nothing.

        >>> Columns.learn(np.array([[1.0, 5.0], [3.0, np.nan]])).matrix(np.array([[3.0, np.nan]])).tolist()
        [[1.0, 0.0, 1.0]]
        """
        known = ~np.isnan(rows)
        n_known = np.maximum(known.sum(axis=0), 1)
        means = np.where(known, rows, 0).sum(axis=0) / n_known
        spread = np.sqrt(np.where(known, (rows - means) ** 2, 0).sum(axis=0) / n_known)
        return cls(
            means, np.where(spread > 1e-12 * np.maximum(np.abs(means), 1), spread, np.inf), np.flatnonzero(~known.all(axis=0))
        )

    def matrix(self, rows: Floats) -> Floats:
        """Return the standardised columns, then a 0-1 column for each that may be unknown."""
        standard = np.nan_to_num((rows - self.means) / self.scales, nan=0.0)
        return np.hstack([standard, np.isnan(rows[:, self.unknown]).astype(float)])

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can keep; a column that weighs nothing has no scale."""
        scales = [None if np.isinf(scale) else scale for scale in self.scales.tolist()]
        return {"means": self.means.tolist(), "scales": scales, "unknown": self.unknown.tolist()}

    @classmethod
    def from_dict(cls, kept: Mapping[str, Any]) -> Self:
        """Return the columns that `to_dict` told."""
        scales = np.array([np.inf if scale is None else scale for scale in kept["scales"]])
        return cls(np.array(kept["means"]), scales, np.array(kept["unknown"], dtype=np.int64))

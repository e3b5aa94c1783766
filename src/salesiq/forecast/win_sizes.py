"""Win sizes: what a win is worth, in cents: the deal's own amount as known, else one drawn from deals that were won."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from salesiq.book import Snapshot
from salesiq.forecast.bookable import bookable, days_before, known_won
from salesiq.forecast.new_wins import gamma_around_one

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

#: a product line with fewer won deals draws from those of all lines; fewer changes of amount than the second are none
LEAST_OF_LINE, LEAST_CHANGES = 20, 30
#: a won amount counts half as much for each year that it is old
HALF_LIFE_DAYS = 365.0


@dataclass(frozen=True)
class Pool:
    """Values to draw from, with the running sum of their weights."""

    values: Floats
    reached: Floats
    spread: float  # variance of the mean, relative to the squared mean

    @classmethod
    def of(cls, values: Floats, weights: Floats) -> Pool:
        """Make a pool of values with weights above 0."""
        mean = float(np.average(values, weights=weights))
        relative = float(np.average((values / mean - 1) ** 2, weights=weights)) if mean > 0 else 0.0
        n_effective = weights.sum() ** 2 / (weights**2).sum()
        return cls(values, np.cumsum(weights) / weights.sum(), relative / max(n_effective - 1, 1.0))

    @property
    def mean(self) -> float:
        """The weighted mean of the values."""
        return float((self.values * np.diff(self.reached, prepend=0.0)).sum())

    def draw(self, n: int, rng: np.random.Generator) -> Floats:
        """Draw `n` values."""
        return self.values[np.minimum(np.searchsorted(self.reached, rng.random(n), side="right"), len(self.values) - 1)]


@dataclass(frozen=True)
class WinSizes:
    """Amounts of won deals, of all and by product line, and by what factor an amount known while open changes by the win.

    `everybody` is None where no amount is known at all; `growth` None where too few changes were seen. `is_hindsight`: the
    amounts were only told after the snapshot's moment.
    """

    everybody: Pool | None
    lines: dict[str, Pool]
    growth: Pool | None
    is_hindsight: bool

    def pool(self, line: str | None) -> Pool | None:
        """Return what a win of a product line is drawn from."""
        return self.lines.get(line, self.everybody) if line is not None else self.everybody

    def draw(self, sources: pl.DataFrame, row: Ints, path: Ints, n_paths: int, rng: np.random.Generator) -> Ints:
        """Draw the cents of wins of `sources` (their `cents` null where unknown), one for each entry of `row`.

        A path has one factor for the level of all drawn amounts: how far their mean is known.
        """
        told = sources["cents"].cast(pl.Float64).fill_null(np.nan).to_numpy()[row]
        is_told = np.isfinite(told)
        found = np.where(is_told, told, 0.0)
        if self.growth is not None:
            found = found * np.where(is_told, self.growth.draw(len(found), rng), 1.0)
        level = gamma_around_one(self.everybody.spread if self.everybody else 0.0, (n_paths,), rng)
        line_of = sources["product_line"].fill_null("").to_numpy()
        for line in sorted(set(line_of.tolist())):
            pool = self.pool(line or None)
            chosen = ~is_told & (line_of[row] == line)
            if pool is not None:
                found[chosen] = pool.draw(int(chosen.sum()), rng) * level[path[chosen]]
        return np.rint(found).astype(np.int64)

    def usual(self, sources: pl.DataFrame) -> Floats:
        """Return the mean cents of what each source would be drawn from; 0 where nothing is known."""
        means = {line: pool.mean for line, pool in self.lines.items()}
        rest = self.everybody.mean if self.everybody else 0.0
        return np.array([means.get(line, rest) for line in sources["product_line"].to_list()], dtype=float)


def win_sizes(snapshot: Snapshot) -> WinSizes:
    """Return the sizes of wins as known at the snapshot's moment."""
    won, is_late = known_won(snapshot)
    if won.is_empty():  # nothing won yet: what open deals are said to be worth
        open_deals = bookable(snapshot).filter((pl.col("status") == "open") & ~pl.col("is_hindsight"))
        won = open_deals.filter(pl.col("cents") > 0).with_columns(closed_at=pl.lit(snapshot.as_of, pl.Datetime("us")))
    ago = days_before(won["closed_at"], snapshot.as_of)
    weights = 0.5 ** (np.clip(ago, 0, None) / HALF_LIFE_DAYS)
    cents = won["cents"].cast(pl.Float64).to_numpy()
    everybody = Pool.of(cents, weights) if len(cents) else None
    line_of = won["product_line"].fill_null("").to_numpy()
    lines = {str(line): line_of == line for line in sorted(set(line_of.tolist())) if line}
    pools = {line: Pool.of(cents[chosen], weights[chosen]) for line, chosen in lines.items() if chosen.sum() >= LEAST_OF_LINE}
    return WinSizes(everybody, pools, _growth(snapshot), is_late)


def _growth(snapshot: Snapshot) -> Pool | None:
    """Return won over open amounts, weighted by how long each was told; a deal counts once, whatever its number of exports."""
    told = snapshot.run("forecast.open_amounts", order=("deal_id", "open_cents", "days")).filter(pl.col("days") > 0)
    if told["deal_id"].n_unique() < LEAST_CHANGES:
        return None
    shares = told.select(
        pl.col("days") / pl.col("days").sum().over("deal_id"), factor=pl.col("won_cents") / pl.col("open_cents")
    )
    return Pool.of(shares["factor"].to_numpy(), shares["days"].to_numpy())

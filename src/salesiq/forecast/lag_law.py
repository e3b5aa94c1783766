"""Lag law: how many days until something happens that may never happen, for many groups of which some are seen little.

A cure model with frailty. A share of the waits never ends; of the others group g ends them at theta_g times everybody's
hazard. Everybody's hazard is free (one number a day). theta_g has a gamma prior with mean one, whose strength the data choose;
the share that never ends has a beta prior worth `NEVER_STRENGTH` waits at everybody's share.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

#: a group leans on everybody's share of waits that never end as by so many waits
NEVER_STRENGTH = 20.0
#: waits were watched long enough where a late ending would have been missed with less than this chance
MISSED_CHANCE = 0.05
N_REPLICAS = 40
_STRENGTHS = np.geomspace(0.5, 2000.0, 60)
_N_STEPS = 40
_MOST = 1 - 1e-4  # of a hazard, where everybody still waiting ended at once


@dataclass(frozen=True)
class Waits:
    """Waits, one entry each: in view from day `entry`, last seen on day `until`, whether they ended on it.

    Days are whole and may be negative (before a due date). `weight` is the part of a wait that an entry stands for, `group`
    counts from 0, `item` names the wait that the entry is a part of, counted from 0 (for the bootstrap).
    """

    entry: Ints
    until: Ints
    is_over: Bools
    weight: Floats
    group: Ints
    item: Ints


@dataclass(frozen=True)
class LagLaw:
    """What `fit_lags` learned; `cumulative` hazards of those that will end, a row for the estimate and one per resample.

    The first column is the day before `first_day`; survival is exp(-cumulative x factor). `shapes`, `rates` of each group's
    gamma, `never_counts` (never ending, ending) of its beta. `is_watched`: whether waits were watched long enough to tell
    those that never end; else `tail` is the hazard of the days after the last ending seen.
    """

    first_day: int
    cumulative: Floats
    never_share: float
    never_counts: Floats
    shapes: Floats
    rates: Floats
    strength: float
    is_watched: bool
    tail: float

    @property
    def factors(self) -> Floats:
        """How fast each group ends its waits against everybody, shrunk towards 1."""
        found: Floats = self.shapes / self.rates
        return found

    @property
    def never_shares(self) -> Floats:
        """Share of each group's waits that never end, shrunk towards everybody's."""
        found: Floats = self.never_counts[:, 0] / self.never_counts.sum(axis=1)
        return found

    def reached(self, days: Ints, row: int = 0) -> Floats:
        """Return the cumulative hazard at the end of each day."""
        total = self.cumulative[row]
        beyond = np.maximum(days - self.first_day - len(total) + 2, 0) * self.tail
        found: Floats = total[np.clip(days - self.first_day + 1, 0, len(total) - 1)] + beyond
        return found

    def day_of(self, wanted: Floats, row: int = 0) -> Floats:
        """Return the first day at whose end the cumulative hazard is `wanted` or more; infinity where it never is."""
        total = self.cumulative[row]
        # a hair less: the same number reached by another sum counts as reached
        at = np.searchsorted(total, wanted * (1 - 1e-12), side="left").astype(np.float64)
        over = wanted - total[-1]
        late = np.ceil(over / self.tail) if self.tail > 0 else np.full(len(over), np.inf)
        return np.where(at < len(total), at, len(total) - 1 + late) + self.first_day - 1

    def quantile(self, share: float, factor: Floats, never: Floats, row: int = 0) -> Floats:
        """Return the day by which `share` of all has ended; NaN where so many do not, or nobody was seen for so long."""
        stays = np.maximum((1 - share - never) / np.maximum(1 - never, 1e-12), 0.0)
        with np.errstate(divide="ignore"):
            wanted = -np.log(stays) / factor
        days = self.day_of(wanted, row)
        return np.where(days <= self.first_day + self.cumulative.shape[1] - 2, days, np.nan)


@dataclass(frozen=True)
class _Fit:
    factors: Floats
    strength: float
    never: Floats
    never_share: float
    will: Floats
    hazards: Floats
    ended: Floats
    exposed: Floats


def fit_lags(seen: Waits, n_groups: int, *, seed: int = 5, is_frail: bool = True) -> LagLaw | None:
    """Learn from waits; None where none has ended.

    Frailty by EM (Klein 1992). The share that never ends by EM, waits longer than the longest that ended taken to never end
    (Taylor 1995; Sy and Taylor 2000), and only where they were watched long enough; else it is 0 and the hazard goes on as it
    was. Without frailty and late entries the survival is that of Kaplan and Meier. Resamples are a Bayesian bootstrap over
    items (Rubin 1981), one step each from the estimate.
    """
    if not seen.is_over.any():
        return None
    grid = _Grid(seen)
    is_watched = watched_long_enough(seen)
    fit = _em(grid, n_groups, is_watched, is_frail)
    rng = np.random.default_rng(seed)
    n_items = int(seen.item.max()) + 1
    lots = [rng.exponential(size=n_items)[seen.item] for _ in range(N_REPLICAS)]
    rows = np.stack([fit.hazards, *(grid.hazards(fit.will * fit.factors[seen.group], lot) for lot in lots)])
    total = np.cumsum(-np.log1p(-rows), axis=1)
    never, n = grid.by_group(1 - fit.will, n_groups), grid.by_group(np.ones(len(seen.until)), n_groups)
    if n_groups == 1:
        counts = np.stack([never + 0.5, n - never + 0.5], axis=1)  # nobody to lean on: Jeffreys' prior
    else:
        counts = np.stack(
            [never + NEVER_STRENGTH * fit.never_share, n - never + NEVER_STRENGTH * (1 - fit.never_share)], axis=1
        )
    if not is_watched:
        counts = np.tile([0.0, 1.0], (n_groups, 1))
    return LagLaw(
        first_day=grid.first,
        cumulative=np.hstack([np.zeros((len(total), 1)), total]),
        never_share=fit.never_share,
        never_counts=np.maximum(counts, 1e-12),
        shapes=fit.strength + fit.ended,
        rates=fit.strength + fit.exposed,
        strength=fit.strength,
        is_watched=is_watched,
        tail=0.0 if is_watched else _tail(grid, fit),
    )


def watched_long_enough(seen: Waits) -> bool:
    """Whether an ending as late as the latest would not have been missed: the test of Maller and Zhou (1994).

    Were waits still ending when the watching stopped, then some would have ended in the last stretch before the latest ending,
    as long as the stretch watched beyond it.
    """
    latest, longest = int(seen.until[seen.is_over].max()), int(seen.until.max())
    late = seen.is_over & (seen.until > 2 * latest - longest)
    n = len(np.unique(seen.item))
    return float((1 - len(np.unique(seen.item[late])) / n) ** n) < MISSED_CHANCE


class _Grid:
    """The days from the first to the last on which a wait ended, and who was at risk on each."""

    def __init__(self, seen: Waits) -> None:
        self.seen = seen
        self.first = int(min(seen.entry.min(), seen.until[seen.is_over].min()))
        self.n_days = int(seen.until[seen.is_over].max()) - self.first + 1
        self.start = np.clip(seen.entry - self.first, 0, self.n_days)
        self.stop = np.clip(seen.until - self.first + 1, 0, self.n_days)
        self.is_past = ~seen.is_over & (seen.until - self.first >= self.n_days - 1)
        self.has_entries = bool(seen.entry.min() != seen.entry.max())

    def hazards(self, pull: Floats, lot: Floats | float = 1.0) -> Floats:
        """Return the share of those at risk that ended, day by day; `pull` is how strongly each is at risk."""
        weight = self.seen.weight * lot
        over = self.seen.is_over
        ended = np.bincount(self.stop[over] - 1, weights=weight[over], minlength=self.n_days)
        risk: Floats = np.bincount(self.start, weights=weight * pull, minlength=self.n_days + 1).astype(np.float64)
        risk -= np.bincount(self.stop, weights=weight * pull, minlength=self.n_days + 1)
        at_risk = np.cumsum(risk)[: self.n_days]
        if self.has_entries:  # a handful in view early, all of whom end, must not end everybody
            at_risk = at_risk + 1.0
        found = np.divide(ended, at_risk, out=np.zeros(self.n_days), where=ended > 0)
        return np.clip(found, 0.0, _MOST)

    def exposure(self, hazards: Floats) -> Floats:
        total = np.concatenate([[0.0], np.cumsum(hazards)])
        found: Floats = total[self.stop] - total[np.minimum(self.start, self.stop)]
        return found

    def by_group(self, values: Floats, n_groups: int) -> Floats:
        found: Floats = np.bincount(self.seen.group, weights=values * self.seen.weight, minlength=n_groups).astype(np.float64)
        return found


def _em(grid: _Grid, n_groups: int, is_watched: bool, is_frail: bool) -> _Fit:
    seen = grid.seen
    factors, strength = np.ones(n_groups), float(_STRENGTHS[-1])
    will = np.where(grid.is_past & is_watched, 0.0, 1.0)
    ended, exposed = grid.by_group(seen.is_over.astype(np.float64), n_groups), np.zeros(n_groups)
    n = grid.by_group(np.ones(len(will)), n_groups)
    hazards, never, never_share = np.zeros(0), np.zeros(n_groups), 0.0
    for _ in range(_N_STEPS):
        hazards = grid.hazards(will * factors[seen.group])
        exposed = grid.by_group(will * grid.exposure(hazards), n_groups)
        if is_frail and n_groups > 1:
            strength = _best_strength(ended, exposed)
            factors = (strength + ended) / (strength + exposed)
        if not is_watched:
            continue
        lost = grid.by_group(1 - will, n_groups)
        never_share = float(lost.sum() / n.sum())
        never = (lost + NEVER_STRENGTH * never_share) / (n + NEVER_STRENGTH)
        will = _still_will(grid, hazards, factors, never)
    return _Fit(factors, strength, never, never_share, will, hazards, ended, exposed)


def _still_will(grid: _Grid, hazards: Floats, factors: Floats, never: Floats) -> Floats:
    """Return the chance of each wait still to end: 1 for those that did, 0 beyond the longest that did."""
    seen = grid.seen
    total = np.concatenate([[0.0], np.cumsum(-np.log1p(-hazards))])
    stay = np.exp(-total[grid.stop] * factors[seen.group]) * (1 - never[seen.group])
    waits = stay / np.maximum(stay + never[seen.group], 1e-300)
    return np.where(seen.is_over, 1.0, np.where(grid.is_past, 0.0, waits))


def _best_strength(ended: Floats, exposed: Floats) -> float:
    """Return the strength of the gamma prior under which the groups' counts are likeliest."""
    nu, d, e = _STRENGTHS[:, None], ended[None, :], exposed[None, :]
    told = gammaln(nu + d) - gammaln(nu) + nu * np.log(nu) - (nu + d) * np.log(nu + e)
    return float(_STRENGTHS[int(np.argmax(told.sum(axis=1)))])


def _tail(grid: _Grid, fit: _Fit) -> float:
    """Return the mean hazard of the last quarter of the days on which waits ended: what lies beyond goes on like it."""
    start = grid.n_days - max(grid.n_days // 4, 1)
    seen = grid.seen
    days = np.maximum(grid.stop - np.maximum(grid.start, start), 0)
    n_over = float(seen.weight[seen.is_over & (grid.stop > start)].sum())
    n_days = float((days * seen.weight * fit.factors[seen.group]).sum())
    return n_over / n_days if n_days > 0 else 0.0

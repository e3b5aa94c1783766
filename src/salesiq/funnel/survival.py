"""Survival: how waits end when some still go on, on plain arrays: product limit, competing exits, log-rank test."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri
from scipy.stats import chi2

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

Z = float(ndtri(0.975))
_CHUNK = 65_536  # event times that the log-rank test looks at in one go


def product_limit(days: Floats, is_left: Bools, entry_days: Floats | None = None) -> dict[str, float | None]:
    """Return quantiles and restricted mean of waits, with 95 % intervals; empty where no wait ended or none can be told.

    `is_left` is false where a wait was cut, `entry_days` (delayed entry) says how long it had gone on when it came into view.
    Kaplan and Meier (1958) by statsmodels; median by Brookmeyer and Crowley (1982); variance of the restricted mean as in
    Klein and Moeschberger (2003), formula 4.5.2.
    """
    from statsmodels.duration.survfunc import SurvfuncRight  # takes over a second to import

    if entry_days is not None:
        days, is_left, entry_days = _until_gap(days, is_left, entry_days)
    if not is_left.any():
        return {}
    # a wait seen from its beginning is at risk from before the first moment: statsmodels refuses a wait of no length otherwise
    entry = None if entry_days is None else np.where(entry_days > 0, entry_days, -1.0)
    curve = SurvfuncRight(days, is_left.astype(int), entry=entry)
    # where the curve ends at 0, log(-log) is infinite: outside of every interval, as it should be
    with np.errstate(divide="ignore", invalid="ignore"):
        low, high = curve.quantile_ci(0.5, method="cloglog")
    mean, error = _restricted_mean(curve.surv_times, curve.surv_prob, curve.n_risk, curve.n_events, float(days.max()))
    return {
        "median_days": _reached(curve.quantile(0.5)),
        "median_low_days": _reached(low),
        "median_high_days": _reached(high),
        "p75_days": _reached(curve.quantile(0.75)),
        "p90_days": _reached(curve.quantile(0.9)),
        "mean_days": mean,
        "mean_low_days": max(mean - Z * error, 0.0),
        "mean_high_days": mean + Z * error,
        "longest_days": float(days.max()),
    }


def first_gap(entry_days: Floats, days: Floats) -> float:
    """Return the first length of wait beyond which, for a while, nobody was in view: the curve is lost there. Else infinity.

    >>> first_gap(np.array([0.0, 2.0]), np.array([3.0, 9.0])), first_gap(np.array([0.0, 4.0]), np.array([3.0, 9.0]))
    (inf, 3.0)
    """
    order = np.argsort(entry_days, kind="stable")
    entry, reach = entry_days[order], np.maximum.accumulate(days[order])
    is_lost = (entry[1:] >= reach[:-1]) & (entry[1:] > 0)
    if not len(entry) or entry[0] > 0:
        return 0.0
    return float(reach[np.argmax(is_lost)]) if is_lost.any() else float("inf")


def _until_gap(days: Floats, is_left: Bools, entry_days: Floats) -> tuple[Floats, Bools, Floats]:
    """Return the waits that come into view before a gap; who leaves at its edge counts as cut: no other was there."""
    gap = first_gap(entry_days, days)
    seen = (entry_days < gap) & (gap > 0)
    return days[seen], is_left[seen] & (days[seen] < gap), entry_days[seen]


def _restricted_mean(times: Floats, survival: Floats, n_risk: Floats, n_left: Floats, longest: float) -> tuple[float, float]:
    """Return the area under the curve up to the longest stay seen, and its standard error."""
    widths = np.diff(np.concatenate([[0.0], times, [longest]]))
    areas = widths * np.concatenate([[1.0], survival])
    later = areas.sum() - np.cumsum(areas)[:-1]  # what is left of the area behind each event
    return float(np.sum(areas)), float(np.sqrt(np.sum(later**2 * _greenwood(n_left, n_risk))))


def _greenwood(n_left: Floats, n_risk: Floats) -> Floats:
    """Return the steps of Greenwood's sum; where everybody left at once nothing lies behind, and the step counts 0."""
    below = n_risk * (n_risk - n_left)
    return np.divide(n_left, below, out=np.zeros(len(n_left)), where=below > 0)


def _reached(days: float) -> float | None:
    return float(days) if np.isfinite(days) else None


@dataclass(frozen=True)
class Incidence:
    """Share of waits that ended in each way by each time: row k of `shares` is exit k + 1, columns are `times`, ascending."""

    times: Floats
    shares: Floats
    variances: Floats
    waiting: Floats
    waiting_variance: Floats
    longest: float

    def at(self, day: float) -> tuple[Floats, Floats]:
        """Return the share of each exit, and last of those still waiting, on a day, with their variances."""
        here = int(np.searchsorted(self.times, day, side="right")) - 1
        if here < 0:
            nothing = np.zeros(len(self.shares) + 1)
            return np.append(nothing[:-1], 1.0), nothing
        shares = np.append(self.shares[:, here], self.waiting[here])
        return shares, np.append(self.variances[:, here], self.waiting_variance[here])


def incidence(days: Floats, ending: Ints, n_endings: int) -> Incidence:
    """Return the cumulative incidence of `n_endings` competing exits; `ending` is 0 for a wait that still goes on.

    Aalen and Johansen (1978). The variance is the delta method's (Dinse and Larson 1986; Marubini and Valsecchi 1995, 10.2.2).
    Written here because statsmodels' `CumIncidenceRight` gives no variance from where the last one in view has left; the tests
    hold it to statsmodels elsewhere.
    """
    order = np.argsort(days, kind="stable")
    times, first = np.unique(days[order], return_index=True)
    endings = np.arange(1, n_endings + 1)[:, None]
    n_ended = np.add.reduceat((ending[order] == endings).astype(np.float64), first, axis=1)
    n_risk = (len(days) - first).astype(np.float64)
    moved = n_ended.sum(axis=0) > 0
    times, n_ended, n_risk = times[moved], n_ended[:, moved], n_risk[moved]
    n_left = n_ended.sum(axis=0)
    waiting: Floats = np.cumprod(1 - n_left / n_risk)
    before = np.concatenate([[1.0], waiting])[:-1]
    shares: Floats = np.cumsum(before * n_ended / n_risk, axis=1)
    steps = _greenwood(n_left, n_risk)
    variances = _delta_variance(shares, before, n_ended, n_risk, steps)
    longest = float(days.max()) if len(days) else 0.0
    return Incidence(times, shares, variances, waiting, waiting**2 * np.cumsum(steps), longest)


def _delta_variance(shares: Floats, before: Floats, n_ended: Floats, n_risk: Floats, steps: Floats) -> Floats:
    of_waiting = (
        shares**2 * np.cumsum(steps) - 2 * shares * np.cumsum(shares * steps, axis=1) + np.cumsum(shares**2 * steps, axis=1)
    )
    of_exit = np.cumsum(before**2 * (n_risk - n_ended) * n_ended / n_risk**3, axis=1)
    pull = before * n_ended / n_risk**2
    of_both = shares * np.cumsum(pull, axis=1) - np.cumsum(shares * pull, axis=1)
    return np.maximum(of_waiting + of_exit - 2 * of_both, 0.0)


def share_interval(share: Floats, variance: Floats, n: float) -> tuple[Floats, Floats]:
    """Return 95 % limits of shares, symmetric on the log(-log) scale; a share of 0 or 1 has the exact binomial limit of `n`.

    >>> low, high = share_interval(np.array([0.0, 0.5]), np.array([0.0, 0.01]), 10)
    >>> low.round(3).tolist(), high.round(3).tolist()
    ([0.0, 0.325], [0.308, 0.705])
    """
    edge = 0.025 ** (1 / max(n, 1.0))
    inside = (share > 1e-12) & (share < 1 - 1e-12) & (variance > 0)
    safe = np.where(inside, share, 0.5)
    width = Z * np.sqrt(np.where(inside, variance, 0.0)) / ((1 - safe) * np.log1p(-safe))
    low, high = 1 - (1 - safe) ** np.exp(width), 1 - (1 - safe) ** np.exp(-width)
    is_all = share >= 0.5
    return np.where(inside, low, np.where(is_all, edge, 0.0)), np.where(inside, high, np.where(is_all, 1.0, 1 - edge))


def log_rank(days: Floats, is_left: Bools, group: Ints, entry_days: Floats | None = None) -> tuple[float, int]:
    """Return chi-square and degrees of freedom of the log-rank test between groups numbered from 0; NaN without two of them.

    Mantel (1966), with the variance of the multivariate hypergeometric. Written here because statsmodels' `survdiff` holds
    times x groups x groups numbers at once; the tests hold it to `survdiff`.
    """
    n_groups = int(group.max()) + 1 if len(group) else 0
    times, n_left = np.unique(days[is_left], return_counts=True)
    if n_groups < 2 or not len(times):
        return float("nan"), 0
    excess, spread = np.zeros(n_groups), np.zeros((n_groups, n_groups))
    ends = [np.sort(days[group == g]) for g in range(n_groups)]
    starts = None if entry_days is None else [np.sort(_in_view_from(entry_days[group == g])) for g in range(n_groups)]
    for at in range(0, len(times), _CHUNK):
        here, left = times[at : at + _CHUNK], n_left[at : at + _CHUNK].astype(np.float64)
        risk = np.column_stack([len(end) - np.searchsorted(end, here) for end in ends]).astype(np.float64)
        if starts is not None:
            risk -= np.column_stack([len(start) - np.searchsorted(start, here) for start in starts])
        total = risk.sum(axis=1)
        part = risk / total[:, None]
        excess -= left @ part
        weight = left * np.divide(total - left, total - 1, out=np.zeros(len(here)), where=total > 1)
        spread += np.diag(weight @ part) - (part * weight[:, None]).T @ part
    excess += np.bincount(group, weights=is_left.astype(np.float64), minlength=n_groups)
    degrees = int(np.linalg.matrix_rank(spread))
    return float(excess @ np.linalg.pinv(spread) @ excess), degrees


def _in_view_from(entry_days: Floats) -> Floats:
    return np.where(entry_days > 0, entry_days, -1.0)


def chance_of(chi_square: float, degrees: int) -> float:
    """Return the chance of a chi-square at least this large where there is no difference."""
    return float(chi2.sf(chi_square, degrees))


def holm(chances: Floats) -> Floats:
    """Return the p-values adjusted for having looked so many times (Holm 1979); NaN stays and does not count.

    >>> holm(np.array([0.01, 0.04, np.nan, 0.03])).tolist()
    [0.03, 0.06, nan, 0.06]
    """
    found = np.full(len(chances), np.nan)
    asked = np.flatnonzero(~np.isnan(chances))
    order = asked[np.argsort(chances[asked], kind="stable")]
    grown = np.maximum.accumulate(chances[order] * np.arange(len(order), 0, -1))
    found[order] = np.minimum(grown, 1.0)
    return found

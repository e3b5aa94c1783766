"""How long a true fall waits until it is flagged, and what each reading of the plain rule costs in false alarms.

Run `python -m bench.detection`: it prints the tables that docs/targets.md shows. Counts are Poisson around 12 steady weeks;
from one week on 30 % are missing. Each week is judged as `targets.red_flags` does: against the 12 weeks before it, those of the
fall included, at a budget of one false flag a year over five measures.
"""

from __future__ import annotations

import sys

import numpy as np
from numpy.typing import NDArray

from salesiq.targets.limits import count_limits, shared_spread, spread_beyond_chance

Floats = NDArray[np.float64]
LEVEL = 1 / (52 * 5)
N_BEFORE, N_AFTER, N_TEAMS = 12, 12, 8
FALL = 0.30


def flagged(counts: Floats) -> NDArray[np.bool_]:
    """Return for units by weeks which weeks from the 13th on are flagged; the last unit is the company."""
    is_company = np.arange(len(counts)) == len(counts) - 1
    found = []
    for week in range(N_BEFORE, counts.shape[1]):
        before, days = counts[:, week - N_BEFORE : week], np.full(N_BEFORE, 5.0)
        alpha = shared_spread(spread_beyond_chance(before, days), before.sum(axis=1), is_company, N_BEFORE, LEVEL)
        limits = count_limits(before, days, counts[:, week], 5.0, alpha, LEVEL, whole=True)
        found.append((limits.chance <= LEVEL) & (counts[:, week] < limits.expected))
    return np.array(found).T


def delays(mean: float, n_runs: int, seed: int, *, only_one: bool) -> dict[str, Floats]:
    """Return for a team and for the company the share of runs in which the fall was flagged by each week after it began.

    `only_one` lets one team of the eight fall, else all fall together. A flag in the fall's k-th week counts from k on.
    """
    chance = np.random.default_rng(seed)
    hits: dict[str, list[NDArray[np.bool_]]] = {"team": [], "company": []}
    for _ in range(n_runs):
        means = np.full((N_TEAMS, N_BEFORE + N_AFTER), float(mean))
        means[: 1 if only_one else N_TEAMS, N_BEFORE:] *= 1 - FALL
        counts = chance.poisson(means).astype(float)
        seen = np.logical_or.accumulate(flagged(np.vstack([counts, counts.sum(axis=0)])), axis=1)
        hits["team"].append(seen[0])
        hits["company"].append(seen[-1])
    return {name: np.mean(rows, axis=0) for name, rows in hits.items()}


def plain_alarms(mean: float, n_weeks: int = 400_000, seed: int = 3) -> dict[str, float]:
    """Return how often a year each reading of "falls more than 15 % two weeks running" cries with nothing changed."""
    week = np.random.default_rng(seed).poisson(mean, n_weeks).astype(float)
    now, last, before = week[2:], week[1:-1], week[:-2]
    usual = np.convolve(week, np.ones(4) / 4, "valid")
    readings = {
        "each week below 85 % of the week before it": (now < 0.85 * last) & (last < 0.85 * before),
        "both weeks below 85 % of the week before the two": (now < 0.85 * before) & (last < 0.85 * before),
        "both weeks below 85 % of the mean of the four before": (week[5:] < 0.85 * usual[:-2])
        & (week[4:-1] < 0.85 * usual[:-2]),
        "one week below 85 % of the week before it": week[1:] < 0.85 * week[:-1],
    }
    return {name: float(hit.mean() * 52) for name, hit in readings.items()}


def main() -> None:
    shown = (1, 2, 3, 4, 6, 8, 12)
    _say("flagged by week (a team; the company of eight such teams), all fall by 30 %")
    for mean in (5, 20, 60, 200):
        found = delays(mean, 400, seed=int(mean), only_one=False)
        for who, curve in found.items():
            _say(f"  {mean:4} a week, {who:8}" + "".join(f"  w{week}: {curve[week - 1]:4.0%}" for week in shown))
    _say("false alarms a year of the plain rule, by how it is read")
    for mean in (6, 20, 60):
        for reading, n in plain_alarms(mean).items():
            _say(f"  {mean:4} a week, {reading}: {n:.1f}")


def _say(words: str) -> None:
    sys.stdout.write(words + "\n")


if __name__ == "__main__":
    main()

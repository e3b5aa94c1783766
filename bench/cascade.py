"""Twenty thousand reps from one target: salesiq's split beside the cascade of b2b-revenue-forecasting (MIT), on the same tree.

    python -m bench.cascade                   the split of salesiq
    OTHER/bin/python bench/cascade.py --peer  the cascade of the other package, in an environment of its own

Both get the same tree (20 regions of 50 teams of 20 reps), the same weights and the same total; time and conservation are told.
Reading the organisation from a book is not part of it. One run each.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections import defaultdict

N_REGIONS, N_TEAMS, N_REPS = 20, 50, 20
TOTAL = 10_000_000_000.07


def tree() -> tuple[list[tuple[str, str, str]], list[float]]:
    """Return region, team and name of every rep, and the reps' weights, in whole yuan."""
    chance = random.Random(3)
    people = [
        (f"R{region:02}", f"T{region:02}-{team:02}", f"P{region:02}-{team:02}-{rep:02}")
        for region in range(N_REGIONS)
        for team in range(N_TEAMS)
        for rep in range(N_REPS)
    ]
    return people, [float(round(chance.gammavariate(2, 400_000))) for _ in people]


def ours() -> dict[str, float]:
    import numpy as np

    from salesiq.targets import splitting

    people, weights = tree()
    regions = sorted({region for region, _, _ in people})
    teams = sorted({(region, team) for region, team, _ in people})
    places = {name: n for n, name in enumerate(["TOP", *regions, *(team for _, team in teams)])}
    parents = [-1, *([0] * len(regions)), *(places[region] for region, _ in teams), *(places[team] for _, team, _ in people)]
    n, names = len(parents), [*places, *(rep for _, _, rep in people)]
    empty = np.zeros(n, dtype=np.int64)
    asked = splitting.Tree(
        names,
        np.array(parents),
        np.array([0.0] * len(places) + weights),
        empty,
        np.full(n, splitting.NO_CEILING),
        empty - 1,
    )
    start = time.perf_counter()
    amounts = splitting.split(asked, round(TOTAL * 100), 1_000_000)
    seconds = time.perf_counter() - start
    return {"seconds": seconds} | _gaps({name: int(cents) / 100 for name, cents in zip(names, amounts, strict=True)}, people)


def theirs() -> dict[str, float]:
    import pandas as pd
    from b2b_revenue_forecasting.hierarchy import SalesHierarchy  # type: ignore[import-not-found]
    from b2b_revenue_forecasting.quota_cascader import QuotaCascader  # type: ignore[import-not-found]

    people, weights = tree()
    rows = [("TOP", *one, weight) for one, weight in zip(people, weights, strict=True)]
    frame = pd.DataFrame(rows, columns=["top", "region", "team", "rep", "weight"])
    hierarchy = SalesHierarchy()
    hierarchy.from_dataframe(frame, path_cols=["top", "region", "team", "rep"], metrics_cols=["weight"])
    start = time.perf_counter()
    amounts = QuotaCascader(hierarchy).cascade_proportional("TOP", TOTAL, metric="weight")
    seconds = time.perf_counter() - start
    return {"seconds": seconds} | _gaps(amounts, people)


def _gaps(amounts: dict[str, float], people: list[tuple[str, str, str]]) -> dict[str, float]:
    """Return the largest difference of a node and those below it in yuan, and how many amounts are whole cents."""
    below: dict[str, float] = defaultdict(float)
    for _, team, rep in people:
        below[team] += amounts[rep]
    for region, team in {(region, team) for region, team, _ in people}:
        below[region] += amounts[team]
    for region in {region for region, _, _ in people}:
        below["TOP"] += amounts[region]
    gap = max(abs(below[name] - amounts[name]) for name in below)
    whole = sum(abs(amount * 100 - round(amount * 100)) < 1e-4 for amount in amounts.values()) / len(amounts)
    return {"largest_gap": gap, "share_in_whole_cents": whole, "n": float(len(amounts))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", action="store_true", help="measure b2b-revenue-forecasting instead of salesiq")
    found = theirs() if parser.parse_args().peer else ours()
    sys.stdout.write(", ".join(f"{name} {value:.6g}" for name, value in found.items()) + "\n")


if __name__ == "__main__":
    main()

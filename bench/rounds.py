"""Rounds of measurements: each thing once a round, salesiq, pandas and scan in turn, so that a busy minute hits all."""

from __future__ import annotations

import json
import math
import statistics
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from bench.data import Place
from bench.metrics import METRICS


@dataclass(frozen=True)
class Taken:
    """What one run took."""

    wall: float
    cpu: float
    peak_bytes: int
    digest: dict[str, float]


@dataclass
class Line:
    """All runs of one metric at one size: a list entry a round."""

    name: str
    ours: list[Taken] = field(default_factory=list)
    pandas: list[Taken] = field(default_factory=list)
    scan: list[Taken] = field(default_factory=list)

    def ratio(self, others: list[Taken]) -> float | None:
        """The median over rounds of another's time over ours."""
        ratios = [other.wall / our.wall for our, other in zip(self.ours, others, strict=True)] if others else []
        return statistics.median(ratios) if ratios else None

    def disagreements(self) -> list[str]:
        """Which numbers of pandas and salesiq differ by more than rounding."""
        if not self.pandas:
            return []
        ours, theirs = self.ours[0].digest, self.pandas[0].digest
        return [name for name in ours if not math.isclose(ours[name] or 0, theirs.get(name) or 0, rel_tol=1e-6, abs_tol=1e-6)]


def middle(runs: list[Taken], name: str) -> float:
    """The median of one number over the rounds."""
    return statistics.median(float(getattr(run, name)) for run in runs)


def take(kind: str, case: str, place: Place) -> Taken:
    """Run one measurement in a process of its own."""
    command = [sys.executable, "-m", "bench.child", kind, case, str(place.n_deals), place.part]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command[2:])} failed:\n{done.stderr}")
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return Taken(told["wall"], told["cpu"], told["peak_bytes"], told["digest"] or {})


def prepare(place: Place) -> None:
    """Make the exports where they are missing."""
    if not place.exports.exists():
        take("make", "exports", place)


def measure(place: Place, names: list[str], n_rounds: int, say: Callable[[str], None]) -> list[Line]:
    """Measure loading first, which makes the book, then every metric, round after round."""
    lines = {name: Line(name) for name in ("load", *names)}
    for number in range(n_rounds):
        for name, line in lines.items():
            line.ours.append(take("load" if name == "load" else "salesiq", name, place))
            if name in METRICS and METRICS[name].has_pandas_at(place.n_deals):
                line.pandas.append(take("pandas", name, place))
            line.scan.append(take("scan", name, place))
            say(f"{place.n_deals:>9,} deals, round {number + 1}: {name} {line.ours[-1].wall:.2f} s")
    return list(lines.values())

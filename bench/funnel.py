"""The funnel at scale, without activities: `python -m bench.funnel --deals 1000000 --pm4py SCRATCH/bin/python`.

Shown, not written: visits and dwell by stage and region beside pandas and pm4py's performance DFG, then every other metric.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys

from bench import data
from bench.metrics import METRICS
from bench.rounds import Line, middle, prepare, take

NAMES = [name for name in METRICS if name.startswith("funnel.")]
LARGEST_PANDAS = 1_000_000


def main() -> None:
    options = _options()
    data.ROOT.mkdir(parents=True, exist_ok=True)
    for n_deals in options.deals:
        place = data.Place(n_deals, "funnel")
        prepare(place)
        if not place.book.exists():
            loaded = take("load", "load", place)
            _say(f"{n_deals:>11,} deals: load {loaded.wall:.1f} s, {loaded.peak_bytes / 1e9:.1f} GB")
        lines = [_measure(place, name, options.rounds) for name in NAMES if not options.only or name in options.only]
        for line in lines:
            _say(_told(n_deals, line))
        if options.pm4py:
            _beside_pm4py(place, lines, options)


def _measure(place: data.Place, name: str, n_rounds: int) -> Line:
    line = Line(name)
    for _ in range(n_rounds):
        line.ours.append(take("salesiq", name, place))
        if METRICS[name].has_pandas and place.n_deals <= LARGEST_PANDAS:
            line.pandas.append(take("pandas", name, place))
    return line


def _told(n_deals: int, line: Line) -> str:
    words = (
        f"{n_deals:>11,} deals: {line.name} {middle(line.ours, 'wall'):.2f} s, {middle(line.ours, 'peak_bytes') / 1e9:.2f} GB"
    )
    if line.pandas:
        words += f"; pandas {middle(line.pandas, 'wall'):.2f} s, x {line.ratio(line.pandas):.1f}"
        words += f", differs in {', '.join(wrong[:3])}" if (wrong := line.disagreements()) else ", same numbers"
    return words


def _beside_pm4py(place: data.Place, lines: list[Line], options: argparse.Namespace) -> None:
    command = [options.pm4py, "bench/performance_dfg.py", str(place.table("stage_events"))]
    told = [
        json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1])
        for _ in range(options.rounds)
    ]
    theirs = statistics.median(run["wall"] for run in told)
    _say(f"{place.n_deals:>11,} deals: pm4py {told[0]['version']} performance DFG {theirs:.2f} s")
    for line in lines:
        if line.pandas:
            _say(f"{'':>18} {line.name}: pm4py takes {theirs / middle(line.ours, 'wall'):.1f} times as long")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench.funnel", description=__doc__)
    parser.add_argument("--deals", type=int, nargs="+", default=[1_000_000], help="sizes to measure at (three events a deal)")
    parser.add_argument("--rounds", type=int, default=1, help="how often each is measured; medians are told")
    parser.add_argument("--only", nargs="+", help="only these metrics")
    parser.add_argument("--pm4py", help="a Python that has pm4py installed, outside of this environment")
    return parser.parse_args()


def _say(words: str) -> None:
    sys.stdout.write(words + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()

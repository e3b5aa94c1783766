"""Measure everything and write bench/RESULTS.md."""

from __future__ import annotations

import argparse
import sys

from bench import data, results
from bench.machine import load_average
from bench.metrics import IN_REPORT, METRICS
from bench.rounds import Line, measure, prepare

SIZES = (10_000, 100_000, 1_000_000)


def main() -> None:
    options = _options()
    names = [name for name in METRICS if not options.only or name in options.only]
    load_before = load_average()
    found: dict[int, list[Line]] = {}
    data.ROOT.mkdir(parents=True, exist_ok=True)
    for n_deals in options.deals:
        place = data.Place(n_deals)
        prepare(place)
        found[n_deals] = measure(place, names, options.rounds, _say)
        for line in found[n_deals]:
            if wrong := line.disagreements():
                _say(f"pandas disagrees on {line.name}: {', '.join(wrong)}")
        if not options.only:
            _say(f"written: {results.write(found, IN_REPORT, options.rounds, load_before)}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--deals", type=int, nargs="+", default=SIZES, help="sizes to measure at (8 activities a deal)")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is measured; medians are told")
    parser.add_argument("--only", nargs="+", help="only these metrics, shown and not written")
    return parser.parse_args()


def _say(words: str) -> None:
    sys.stderr.write(words + "\n")


if __name__ == "__main__":
    main()

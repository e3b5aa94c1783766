"""The table of results as a page."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from bench.machine import description, load_average
from bench.rounds import Line, Taken, middle

PAGE = Path("bench/RESULTS.md")
_HEAD = """# Timings and peak memory

Made by `make bench` (`python -m bench`): the sample company at scale (`salesiq.sample.write_scale`), loaded as clean Parquet.
Every number is the median of {n_rounds} rounds; every measurement ran in a process of its own, whose peak memory is told
(imports and, for pandas, the frames included: they are about 0.3 GB of salesiq's). Times are wall seconds; CPU seconds are
summed over threads.

- **pandas**: the same metric written plainly in pandas (`bench/pandas_versions.py`) on frames that are in memory already:
  reading the files (which salesiq's time does include) is left out, as are history, salesiq's findings on decay, its
  projection of attainment and its reasons for a record's score. Equal numbers are checked, but for decay, where
  salesiq counts through a level without targets and the plain version does not. On texts pandas is run up to 100,000 deals.
  "x pandas" is pandas' time over salesiq's: above 1 salesiq is faster.
- **scan**: DuckDB alone reading the same columns of the same file once. For `load`: DuckDB alone copying the Parquet files.
- `weekly report` is the whole page from a snapshot, training included; it asks most metrics at two moments.
  `sum of metrics` adds the rows marked with a star, which the report is made of.
- `quality.record_score` is the frame of all records, which the report never asks for; it uses `quality.rep_scores`.
"""
_TITLES = ("metric", "wall s", "CPU s", "peak GB", "pandas s", "pandas GB", "× pandas", "scan s", "× scan")


def write(found: dict[int, list[Line]], starred: frozenset[str], n_rounds: int, load_before: str) -> Path:
    """Write the page and return its path."""
    today = dt.datetime.now(dt.UTC).date().isoformat()
    parts = [_HEAD.format(n_rounds=n_rounds), "## Machine", *(f"- {line}" for line in description())]
    parts.append(f"- Measured on {today}; load average before {load_before}, after {load_average()} (1 / 5 / 15 minutes).")
    for n_deals, lines in found.items():
        parts += ["", *_section(n_deals, lines, starred)]
    PAGE.write_text("\n".join(parts) + "\n", encoding="utf-8")
    return PAGE


def _section(n_deals: int, lines: list[Line], starred: frozenset[str]) -> list[str]:
    rows = lines[0].ours[0].digest["n_rows"]
    head = [f"## {n_deals:,} deals, {rows:,} rows in all", "", "| " + " | ".join(_TITLES) + " |", "|---" + "|---:" * 8 + "|"]
    return [
        *head,
        *(_row(line, line.name in starred) for line in lines),
        _sum([line for line in lines if line.name in starred]),
    ]


def _row(line: Line, is_starred: bool) -> str:
    wall, cpu, peak = _numbers(line.ours)
    pandas = _numbers(line.pandas) if line.pandas else ("", "", "")
    cells = [
        f"{'★ ' if is_starred else ''}{line.name}",
        *(wall, cpu, peak, pandas[0], pandas[2], _ratio(line.ratio(line.pandas))),
        *(_numbers(line.scan)[0], _ratio(_inverse(line.ratio(line.scan)))),
    ]
    return "| " + " | ".join(cells) + " |"


def _sum(lines: list[Line]) -> str:
    wall, cpu = (sum(middle(line.ours, name) for line in lines) for name in ("wall", "cpu"))
    peak = max(middle(line.ours, "peak_bytes") for line in lines) / 1e9
    return f"| sum of metrics ★ (peak: the largest) | {wall:.2f} | {cpu:.2f} | {peak:.2f} | | | | | |"


def _numbers(runs: list[Taken]) -> tuple[str, str, str]:
    return f"{middle(runs, 'wall'):.2f}", f"{middle(runs, 'cpu'):.2f}", f"{middle(runs, 'peak_bytes') / 1e9:.2f}"


def _ratio(ratio: float | None) -> str:
    return "" if ratio is None else f"{ratio:.1f}"


def _inverse(ratio: float | None) -> float | None:
    return None if not ratio else 1 / ratio

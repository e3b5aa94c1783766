"""Measure load, every metric and the whole report at several sizes, beside pandas and a bare scan; write bench/RESULTS.md."""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import platform
import statistics
import subprocess
import sys
from importlib import metadata
from pathlib import Path

from bench.measured import METRICS, SCANS
from bench.pandas_versions import VERSIONS
from salesiq.sample import write_scale

HERE = Path(__file__).parent
WORK = HERE.parent / "out" / "bench"
PACKAGES = ("duckdb", "polars", "pandas", "statsmodels", "scikit-learn")
Measure = dict[str, float]


def measure(kind: str, first: str, second: str, times: int = 1) -> Measure:
    """Return the median seconds and the largest peak memory of runs in processes of their own."""
    command = [sys.executable, "-m", "bench.measured", kind, first, second]
    runs = [json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout) for _ in range(times)]
    return {"seconds": statistics.median(run["seconds"] for run in runs), "peak_mb": max(run["peak_mb"] for run in runs)}


def one_size(n_deals: int, times: int) -> list[str]:
    """Measure one company size; return the rows of its table."""
    folder, book = WORK / f"{n_deals}", WORK / f"{n_deals}.duckdb"
    if not (folder / "deals.parquet").exists():
        write_scale(folder, n_deals=n_deals, seed=7)
    book.unlink(missing_ok=True)
    rows = [_row("load", measure("load", str(folder), str(book)), None, None)]
    for name in METRICS:
        print(f"{n_deals:,} deals: {name}", file=sys.stderr)
        own = measure("metric", name, str(book), times)
        scanned = measure("scan", name, str(book), times) if name in SCANS else None
        plain = measure("pandas", name, str(folder), times) if name in VERSIONS else None
        rows.append(_row(name, own, plain, scanned))
    return rows


def _row(name: str, own: Measure, plain: Measure | None, scanned: Measure | None) -> str:
    def told(other: Measure | None) -> str:
        return f"{other['seconds']:.2f} s ({other['seconds'] / own['seconds']:.1f} ×)" if other else ""

    return f"| {name} | {own['seconds']:.2f} s | {own['peak_mb']:,.0f} MB | {told(plain)} | {told(scanned)} |"


def _machine() -> str:
    info = Path("/proc/cpuinfo")
    text = info.read_text(encoding="ascii") if info.exists() else ""
    models = [line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name")]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    packages = ", ".join(f"{name} {metadata.version(name)}" for name in PACKAGES)
    return (
        f"{os.cpu_count()} cores ({models[0] if models else platform.machine()}), {memory:.0f} GiB, "
        f"Python {platform.python_version()}, {packages}; load average at the start {os.getloadavg()[0]:.1f}; "
        f"{dt.datetime.now(dt.UTC).date()}"
    )


def main() -> None:
    """Run the whole bench."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--deals", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--times", type=int, default=3)
    asked = parser.parse_args()
    WORK.mkdir(parents=True, exist_ok=True)
    lines = ["# Timings", "", _machine(), ""]
    lines += [
        f"Each figure is the median of {asked.times} runs (load: one), each in a process of its own; importing is not counted;",
        "memory is the peak of that process. A deal has about three stage events and eight activities. The pandas versions",
        "(`pandas_versions.py`) start from frames that are in memory already, salesiq from the book's file; a bare scan reads",
        "the same columns in DuckDB and does nothing with them. In brackets: the other's time over ours.",
        "`quality.record_score` is reduced in the database, as the report does.",
    ]
    for n_deals in asked.deals:
        lines += [
            "",
            f"## {n_deals:,} deals",
            "",
            "| what | time | peak memory | pandas | bare scan |",
            "|---|---:|---:|---:|---:|",
        ]
        lines += one_size(n_deals, asked.times)
        (HERE / "RESULTS.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

"""Loading side by side with DuckDB: `python -m bench.loading` (8 million activities, a daily load onto a million deals).

Everything is measured in a process of its own, whose peak memory is told. DuckDB reads the same rows in UTF-8 with
`read_csv` into a table of a file; salesiq reads them in GB18030, checks every value, keeps where each came from and since
when it is known.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

ROOT = Path("out/bench/loading")
N_ACTIVITIES, N_DEALS, _PIECE = 8_000_000, 1_000_000, 500_000
_KINDS, _CHANNELS = ("拜访", "电话", "微信", "会议"), ("onsite", "phone", "wechat", "wecom")
_NOTES = ("客户希望下周看样品", "价格再谈一次", "采购说等总部批", "已发方案，约好复盘", "竞争对手也在报价")
_STEPS = ("寄样品", "约见总工", "发报价", "安排试用", "跟进合同")


def main() -> None:
    ROOT.mkdir(parents=True, exist_ok=True)
    if len(sys.argv) > 1:
        _child(sys.argv[1])
        return
    for case in ("make", "duckdb_activities", "load_activities", "first_deals", "load_daily", "load_daily_whole"):
        print(case, _run(case), flush=True)


def _run(case: str) -> str:
    done = subprocess.run([sys.executable, "-m", "bench.loading", case], capture_output=True, text=True, check=False)
    return done.stdout.strip() or done.stderr.strip()


def _child(case: str) -> None:
    prepared: Callable[[], object] = {
        "make": _make,
        "duckdb_activities": _duckdb_activities,
        "load_activities": lambda: _load("activities", ROOT / "activities.csv", "2026-03-01"),
        "first_deals": lambda: _load("deals", ROOT / "1" / "deals.csv", "2026-03-01"),
        "load_daily": lambda: _load("deals", ROOT / "2" / "deals.csv", "2026-03-02", scope="changes"),
        "load_daily_whole": lambda: _load("deals", ROOT / "3" / "deals.csv", "2026-03-03"),
    }[case]
    wall, cpu = time.perf_counter(), time.process_time()
    found = prepared()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    seconds = {"wall": round(time.perf_counter() - wall, 2), "cpu": round(time.process_time() - cpu, 2)}
    print(json.dumps({**seconds, "peak_gb": round(peak, 2), "found": str(found)}))


def _make() -> object:
    """Write the exports where they are not there yet."""
    if not (ROOT / "activities.csv").exists():
        _write_activities()
    for number, seed in ((1, 0), (2, 1), (3, 1)):
        place = ROOT / str(number) / "deals.csv"
        if not place.exists():
            place.parent.mkdir(exist_ok=True)
            deals = _deals(seed)
            (deals.filter(pl.int_range(pl.len()) % 100 == 7) if number == 2 else deals).write_csv(place)
    return (ROOT / "activities.csv").stat().st_size


def _write_activities() -> None:
    rng = np.random.default_rng(7)
    with (ROOT / "activities.draft").open("wb") as chinese, (ROOT / "activities.utf8.csv").open("wb") as plain:
        for first in range(0, N_ACTIVITIES, _PIECE):
            text = _activities(first, rng).write_csv(include_header=first == 0)
            plain.write(text.encode())
            chinese.write(text.encode("gb18030"))
    (ROOT / "activities.draft").rename(ROOT / "activities.csv")


def _activities(first: int, rng: np.random.Generator) -> pl.DataFrame:
    def some(words: tuple[str, ...]) -> pl.Series:
        return pl.Series(words).gather(rng.integers(0, len(words), _PIECE))

    def ids(letter: str, n: int) -> pl.Series:
        return letter + pl.Series(rng.integers(0, n, _PIECE)).cast(pl.String).str.zfill(7)

    seconds = pl.Series(rng.integers(0, 2 * 365 * 86_400, _PIECE))
    occurred = pl.select(pl.datetime(2024, 2, 1) + pl.duration(seconds=pl.lit(seconds))).to_series()
    return pl.DataFrame(
        {
            "activity_id": "V" + pl.int_range(first, first + _PIECE, eager=True).cast(pl.String).str.zfill(8),
            "deal_id": ids("D", N_DEALS),
            "customer_id": ids("C", 200_000),
            "rep_id": ids("R", 3_000),
            "kind": some(_KINDS),
            "channel": some(_CHANNELS),
            "occurred_at": occurred.dt.to_string("%Y-%m-%d %H:%M:%S"),
            "recorded_at": occurred.dt.offset_by("3h").dt.to_string("%Y-%m-%d %H:%M:%S"),
            "next_step": some(_STEPS),
            "note": some(_NOTES),
        }
    )


def _deals(seed: int) -> pl.DataFrame:
    """A million deals; with another seed, one in a hundred has another amount and stage."""
    number = pl.int_range(N_DEALS, eager=True)
    is_changed = (number % 100 == 7) & (seed > 0)
    created = pl.select(pl.datetime(2024, 2, 1) + pl.duration(minutes=pl.lit(number % 1_000_000))).to_series()
    return pl.DataFrame(
        {
            "deal_id": "D" + number.cast(pl.String).str.zfill(7),
            "customer_id": "C" + (number * 7 % 200_000).cast(pl.String).str.zfill(7),
            "owner_id": "R" + (number % 3_000).cast(pl.String).str.zfill(7),
            "name": "订单 " + number.cast(pl.String),
            "amount": (number * 37 % 900_000 + 1_000 + is_changed.cast(pl.Int64) * seed).cast(pl.String) + ".50",
            "currency": pl.Series(["CNY"]).new_from_index(0, N_DEALS),
            "created_at": created.dt.to_string("%Y-%m-%d %H:%M:%S"),
            "stage": pl.select(pl.when(is_changed).then(pl.lit("报价")).otherwise(pl.lit("方案"))).to_series(),
            "status": pl.Series(["open"]).new_from_index(0, N_DEALS),
        }
    )


def _duckdb_activities() -> object:
    import duckdb

    target = ROOT / "bare.duckdb"
    target.unlink(missing_ok=True)
    con = duckdb.connect(str(target))
    con.execute("SET preserve_insertion_order = false")
    con.execute(f"CREATE TABLE activities AS FROM read_csv('{ROOT / 'activities.utf8.csv'}')")
    found = con.execute("SELECT count(*) FROM activities").fetchall()
    con.close()
    return found


def _load(name: str, source: Path, exported_at: str, scope: str | None = None) -> object:
    from salesiq import Book
    from salesiq.load import load, read_mapping
    from salesiq.load.mapping import Mapping

    book = ROOT / f"{name}.duckdb"
    if source.parent.name in (ROOT.name, "1"):
        book.unlink(missing_ok=True)
    canonical = read_mapping("canonical")
    entries = tuple(replace(entry, scope=scope) for entry in canonical.entries)
    report = load(Book(book), source, Mapping("canonical", entries, (), f"bench {scope}"), exported_at)
    return report.n_new, report.n_changed, report.n_unchanged, report.n_gone, report.n_rejected


if __name__ == "__main__":
    main()

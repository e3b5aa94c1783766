"""What is measured: each runs in a process of its own, so that its peak memory is its own."""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

import polars as pl

from bench import pandas_versions
from salesiq import forecast, funnel, quality, reports, targets
from salesiq.book import Book, Snapshot
from salesiq.errors import ModelError

#: columns that a metric reads, for the bare scan beside it
SCANS = {
    "funnel.dwell": "SELECT max(deal_id), max(stage), max(entered_at) FROM base.stage_events(as_of := $as_of)",
    "quality.rep_scores": "SELECT max(rep_id), max(occurred_at), max(recorded_at), max(length(pain_point)), "
    "max(length(solution_fit)), max(length(next_step)), max(length(customer_words)) FROM base.activities(as_of := $as_of)",
    "targets.decay": "SELECT max(unit_id), max(rep_id), sum(amount) FROM base.targets(as_of := $as_of)",
    "targets.attainment": "SELECT max(owner_id), max(status), max(closed_at), sum(amount) "
    "FROM base.deal_versions(as_of := $as_of)",
}


def _score(snapshot: Snapshot) -> pl.DataFrame:
    # as the report uses it: reduced in the database, not eight million rows in Python
    return snapshot.sql("SELECT count(*) AS n, avg(score) AS score FROM quality.record_score(as_of := $as_of)")


METRICS: dict[str, Callable[[Snapshot], object]] = {
    "funnel.visits": lambda snapshot: snapshot.sql("SELECT count(*), sum(days) FROM funnel.visits(as_of := $as_of)"),
    "funnel.dwell": funnel.dwell,
    "targets.decay": targets.decay,
    "targets.attainment": targets.attainment,
    "targets.red_flags": targets.red_flags,
    "quality.record_score": _score,
    "quality.rep_scores": quality.rep_scores,
    "quality.watch_list": quality.watch_list,
    "forecast.WinModel.fit": lambda snapshot: forecast.WinModel().fit(snapshot),
    "forecast.top_deals": lambda snapshot: forecast.top_deals(snapshot, model=forecast.WinModel().fit(snapshot)),
    "weekly report": lambda snapshot: reports.weekly(snapshot).to_html(),
}


def load(source: str, book: str) -> float:
    """Load the clean files of a company into a new book; return seconds."""
    began = time.perf_counter()
    Book(book).load(source, mapping="canonical")
    return time.perf_counter() - began


def metric(name: str, book: str) -> float:
    """Run a metric once on a book that nothing has read yet; return seconds."""
    opened = Book(book)
    moment = opened.newest_export()
    if moment is None:
        raise ValueError("the book is empty")
    snapshot = opened.as_of(moment)
    import statsmodels.duration.survfunc  # noqa: F401 -- the import is not what is measured

    began = time.perf_counter()
    try:
        METRICS[name](snapshot)
    except ModelError as error:
        print(error, file=sys.stderr)
    return time.perf_counter() - began


def scan(name: str, book: str) -> float:
    """Read the columns of a metric and nothing else; return seconds."""
    opened = Book(book)
    snapshot = opened.as_of(opened.newest_export() or "2026-06-30")
    began = time.perf_counter()
    snapshot.sql(SCANS[name])
    return time.perf_counter() - began


def in_pandas(name: str, folder: str) -> float:
    """Run the pandas version on frames that are in memory already; return seconds."""
    version = pandas_versions.VERSIONS[name]
    frames = {table: pl.read_parquet(Path(folder) / f"{table}.parquet").to_pandas() for table in version.reads}
    began = time.perf_counter()
    version.run(frames)
    return time.perf_counter() - began


KINDS: dict[str, Callable[[str, str], float]] = {"load": load, "metric": metric, "scan": scan, "pandas": in_pandas}


def main() -> None:
    """Measure what the command line names and print it as JSON."""
    kind, first, second = sys.argv[1:4]
    seconds = KINDS[kind](first, second)
    print(json.dumps({"seconds": seconds, "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))


if __name__ == "__main__":
    main()

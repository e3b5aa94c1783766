"""One measurement in a process of its own, so that the peak of memory is its alone: `python -m bench.child KIND CASE N [PART]`.

Prints one line of JSON. What is not timed: imports, opening the book, reading frames for pandas, reading a fitted model.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

from bench.data import Place, write_exports
from bench.metrics import METRICS


def main(kind: str, case: str, n_deals: int, part: str = "all") -> None:
    place = Place(n_deals, part)
    prepared = {"salesiq": _salesiq, "pandas": _pandas, "scan": _scan, "load": _load, "make": _make}[kind](case, place)
    before = _peak_bytes()
    wall, cpu = time.perf_counter(), time.process_time()
    digest = prepared()
    taken = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
    result = digest() if callable(digest) else digest
    print(json.dumps({**taken, "before_bytes": before, "peak_bytes": _peak_bytes(), "digest": result}))


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _salesiq(name: str, place: Place) -> Callable[[], Any]:
    from bench.cases import DIGESTS, RUNS
    from salesiq import Book
    from salesiq.forecast import WinModel

    _import_everything(name)
    is_asked = METRICS[name].needs_model
    model = WinModel.from_json(place.model.read_text(encoding="utf-8")) if is_asked else None
    book = Book(place.book)
    now = book.as_of(book.newest_export() or "1970-01-01")

    def measured() -> Callable[[], Any]:
        found = RUNS[name](now, model)

        def digest() -> Any:
            if isinstance(found, WinModel):
                place.model.write_text(found.to_json(), encoding="utf-8")
            return DIGESTS[name](found) if name in DIGESTS else {}

        return digest

    return measured


def _import_everything(name: str) -> None:
    # what the metrics import on first use is not what is measured
    import statsmodels.duration.survfunc  # noqa: F401

    if name.startswith(("WinModel", "forecast", "weekly")):
        import lightgbm  # noqa: F401
        import sklearn.linear_model
        import sklearn.metrics  # noqa: F401
    if name.startswith("weekly"):
        import salesiq.reports  # noqa: F401


def _pandas(name: str, place: Place) -> Callable[[], Any]:
    import pandas as pd

    from bench import pandas_versions
    from salesiq import Book

    area = name if name in pandas_versions.READS else name.split(".", maxsplit=1)[0]
    frames = {
        table: pd.read_parquet(place.table(table), columns=columns) for table, columns in pandas_versions.READS[area].items()
    }
    for frame in frames.values():
        if "amount" in frame:
            frame["amount"] = frame["amount"].astype(float)
    book = Book(place.book)
    now = book.as_of(book.newest_export() or "1970-01-01")
    extra = (now.sql("SELECT unnest(quality.lexicon())").row(0, named=True),) if area == "quality" else ()
    version, as_of = pandas_versions.VERSIONS[name], pd.Timestamp(now.as_of)

    def measured() -> Callable[[], Any]:
        found = version(frames, as_of, *extra)
        return lambda: {key: float(value) for key, value in pandas_versions.digest(name, found).items()}

    return measured


def _scan(name: str, place: Place) -> Callable[[], Any]:
    from bench.scans import bare_load, scan

    if name == "load":
        return lambda: bare_load(place.exports, place.book.with_suffix(".bare"))
    return lambda: scan(place.book, METRICS[name].reads)


def _load(name: str, place: Place) -> Callable[[], Any]:
    from salesiq import Book

    draft = place.book.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    book = Book(draft)

    def measured() -> Callable[[], Any]:
        report = book.load(place.exports, mapping="canonical")
        draft.rename(place.book)
        return lambda: {"n_rows": report.n_rows_in, "n_bytes": place.book.stat().st_size}

    return measured


def _make(name: str, place: Place) -> Callable[[], Any]:
    return lambda: write_exports(place)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), *sys.argv[4:])

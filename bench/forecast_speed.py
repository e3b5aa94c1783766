"""Speed of the forecast at scale, one part a process: training frames, scoring with reasons, training."""

from __future__ import annotations

import datetime as dt
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl

from bench import data
from salesiq import Book, sample
from salesiq.forecast import WinModel, training_frame
from salesiq.forecast.features import features
from salesiq.forecast.fitting import fit_all
from salesiq.forecast.training import choose_moments, landmarks

N_DEALS, N_MOMENTS, N_SCORED, N_TRAINED = 100_000, 12, 100_000, 1_000_000
BOOK = data.ROOT / "company.duckdb"


def measure(part: str) -> dict[str, Any]:
    """Return what was measured, with wall and CPU seconds and the peak of memory of this process."""
    book = _book()
    what, measured = {"frame": _frame, "score": _score, "train": _train}[part](book)
    wall, cpu = time.perf_counter(), time.process_time()
    note = measured()
    taken = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
    return {"what": what, "note": note, **taken, "peak_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9}


def _book() -> Book:
    """The whole company with its documents, ERP and finance, in one export; made once."""
    if not BOOK.exists():
        draft = Path(f"{BOOK}.draft")
        draft.unlink(missing_ok=True)
        company = sample.generate(N_DEALS // 90, seed=data.SEED, scale=N_DEALS)
        sample.book_of_exports(company, every_days=10_000, path=draft)
        draft.rename(BOOK)
    return Book(BOOK)


def _frame(book: Book) -> tuple[str, Callable[[], str]]:
    newest = book.as_of(sample.EXPORTED_AT)
    moments = [newest.as_of - dt.timedelta(days=30 * k) for k in range(1, N_MOMENTS + 1)]

    def measured() -> str:
        rows = training_frame(book, moments)
        return f"{rows.height:,} rows of open deals, {rows.width} columns"

    return f"training frame: {N_DEALS:,} deals x {N_MOMENTS} moments, all features", measured


def _score(book: Book) -> tuple[str, Callable[[], str]]:
    newest = book.as_of(sample.EXPORTED_AT)
    model = WinModel().fit(newest)
    found = features(newest)
    rows = pl.concat([found] * (N_SCORED // found.height + 1)).head(N_SCORED)

    def measured() -> str:
        started = time.process_time()
        model.predict_rows(rows, 30)
        predicted = time.process_time() - started
        model.contributions(rows, 30)
        return (
            f"predicting {predicted:.1f} CPU s, reasons {time.process_time() - started - predicted:.1f}; features are not in it"
        )

    return f"scoring {N_SCORED:,} open deals with reasons", measured


def _train(book: Book) -> tuple[str, Callable[[], str]]:
    newest = book.as_of(sample.EXPORTED_AT)
    found = landmarks(newest, choose_moments(newest, 30, 8))
    copies = range(N_TRAINED // found.height + 1)
    # the same deals under other names: as much work as so many deals
    rows = pl.concat([found.with_columns(deal_id=pl.col("deal_id") + f"-{k}") for k in copies]).head(N_TRAINED)

    def measured() -> str:
        fitted = fit_all(rows, newest.as_of, horizon_days=30, half_life_days="auto", leaks=())
        return f"{type(fitted.hazard).__name__}, everything that `fit` does: choosing, judging, calibrating"

    return f"training on {rows.height:,} landmark rows", measured

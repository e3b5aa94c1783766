"""A company in a steady state whose law is known, told by an export every month; amounts grow by a tenth at the win."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl

from salesiq.book import Book

START = dt.datetime(2025, 1, 1)
N_DAYS = 480
END = START + dt.timedelta(days=N_DAYS)
EXPORTS = [START + dt.timedelta(days=day) for day in range(180, N_DAYS + 1, 30)]
UNITS = pl.DataFrame(
    {
        "unit_id": ["ALL", "N", "S", "N1", "N2", "S1"],
        "parent_unit_id": [None, "ALL", "ALL", "N", "N", "S"],
        "level": ["company", "region", "region", "city", "city", "city"],
        "name": ["all", "north", "south", "north 1", "north 2", "south 1"],
    }
)
REPS = pl.DataFrame({"rep_id": [f"R{i}" for i in range(6)], "unit_id": ["N1", "N1", "N2", "N2", "S1", "S1"]})


def steady_frames(seed: int = 3, per_day: float = 3.0, win_share: float = 0.4) -> pl.DataFrame:
    """Deals by a Poisson process, each won with `win_share`, after an exponential time of 40 days on average."""
    rng = np.random.default_rng(seed)
    n = rng.poisson(per_day * (N_DAYS + 100))
    began = np.sort(rng.uniform(-100, N_DAYS, n))
    ended = began + rng.exponential(40, n)
    return pl.DataFrame(
        {
            "deal_id": [f"D{i:05d}" for i in range(n)],
            "owner_id": [f"R{i}" for i in rng.integers(0, 6, n)],
            "customer_id": [f"C{i}" for i in rng.integers(0, 200, n)],
            "product_line": rng.choice(["tea", "rice"], n),
            "amount": rng.integers(10, 90, n) * 100,
            "created_at": _moments(began),
            "closed_at": _moments(ended),
            "outcome": np.where(rng.random(n) < win_share, "won", "lost"),
        }
    )


def told_at(deals: pl.DataFrame, moment: dt.datetime) -> dict[str, pl.DataFrame]:
    """Return the export of a moment: open deals say nothing of their end, a won one is worth a tenth more."""
    is_over = pl.col("closed_at") <= moment
    known = deals.filter(pl.col("created_at") <= moment).with_columns(
        status=pl.when(is_over).then("outcome").otherwise(pl.lit("open")),
        closed_at=pl.when(is_over).then("closed_at"),
        amount=pl.when(is_over & (pl.col("outcome") == "won")).then(pl.col("amount") * 11 // 10).otherwise("amount"),
    )
    events = known.select("deal_id", pl.lit("talks").alias("stage"), entered_at="created_at")
    return {"deals": known.drop("outcome"), "stage_events": events, "org_units": UNITS, "reps": REPS}


def steady_book(deals: pl.DataFrame, exports: list[dt.datetime] = EXPORTS) -> Book:
    """Return the book that these exports make."""
    book = Book()
    for moment in exports:
        with book.write() as writer:
            for table, frame in told_at(deals, moment).items():
                writer.merge(table, frame, load_id=f"{moment:%Y%m%d}", exported_at=moment)
                row = {"load_id": f"{moment:%Y%m%d}", "table_name": table, "source_file": table, "exported_at": moment}
                writer.log("loads", pl.DataFrame(row))
    return book


def _moments(days: np.ndarray) -> pl.Series:
    return pl.Series([START + dt.timedelta(seconds=round(float(day) * 86400)) for day in days], dtype=pl.Datetime("us"))

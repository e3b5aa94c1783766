"""Backtest of bookings: what would have been said at past moments, against what came."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from statistics import NormalDist
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from salesiq.book import Book, Snapshot
from salesiq.errors import UsageError
from salesiq.forecast.bookings import BookingPaths, booking_paths
from salesiq.forecast.bookings_baselines import baselines, won_between
from salesiq.forecast.bookings_nodes import group_of
from salesiq.forecast.bookings_window import BookingWindow
from salesiq.forecast.model import WinModel
from salesiq.forecast.simulate_wins import SEED, sizes_of
from salesiq.forecast.spread import BANDS, crps, normal_crps, pinball, quantiles
from salesiq.forecast.training import snapshot_of

Ints = NDArray[np.int64]

#: paths of a backtest: a quantile of them is as good as that of many moments can tell
N_PATHS = 1000
_EDGES = [f"{side}_{band}" for band in BANDS for side in ("low", "high")]
_NUMBERS = ("actual", "expected", *_EDGES, "crps", "pinball")


def bookings_backtest(
    book: Book | Snapshot,
    moments: Sequence[dt.date | dt.datetime | str] | None = None,
    *,
    days: int = 91,
    by: str | None = None,
    model: WinModel | None = None,
    refit_days: float = 91,
    n_paths: int = N_PATHS,
    seed: int = SEED,
) -> pl.DataFrame:
    """Return what `forecast.bookings` and its baselines would have said of the `days` after past moments, and what came.

    One row per moment, node (as `by` of `forecast.bookings`), `measure` and `method`. `measure` is amount, or n_won (deals won,
    of the simulation only). `method` is simulated, stage_weighted (independent deals, normal band), run_rate or last_year (no
    band; absent where unknown). `actual` is what the book knows now, in the currency or in deals; `expected`, `low_50` ...
    `high_95` what was said (null without a band); `crps` and `pinball` score it, 0 is perfect, in the same unit; for a
    forecast without a band crps is its absolute error and pinball is null. `is_amount_hindsight`: at that moment no export had
    told amounts yet, so they were drawn from those of won deals as told later.

    Everything said at a moment comes from what was known at it. `moments` are by default up to eight, `days` / 2 apart, the
    last `days` before the newest export; the first has at least half a year behind it. `model` must have learned up to a time
    not after the first moment; by default one is fitted, and again when it is older than `refit_days`. Raises UsageError for a
    moment whose days are not over, and for a model that has seen the future.

    >>> bookings_backtest(Book.from_frames(), []).height
    0
    """
    known = snapshot_of(book, None)
    column = group_of(by)
    chosen = _default_moments(known, days) if moments is None else [known.earlier(moment).as_of for moment in moments]
    rows: list[dict[str, Any]] = []
    for moment in sorted(chosen):
        then = known.earlier(moment)
        if moment + dt.timedelta(days=days) > known.as_of:
            raise UsageError("bookings.not_over", moment=moment, days=days, as_of=known.as_of)
        if model is None or (model.until is not None and (moment - model.until) / dt.timedelta(days=1) > refit_days):
            model = WinModel().fit(then)
        if model.until is not None and model.until > moment:
            raise UsageError("bookings.model_knows", until=model.until, moment=moment)
        rows += _scored(known, then, days, column, model, n_paths, seed)
    return _frame(rows, column)


def bookings_scores(backtest: pl.DataFrame) -> pl.DataFrame:
    """Return how good each method was, over the rows of a backtest (or of several, put under each other).

    One row per `measure` and `method`: `n` forecasts, `coverage_50`, `coverage_80`, `coverage_95` (0..1: the share of what
    came that lay in the band, edges included), `mean_width_80`, `needed_width_80` (the mean width that its band would have
    to have around what was expected to cover 80 % of these very rows), `mean_crps`, `mean_pinball`, `mean_error` (expected less
    actual), `mean_abs_error`. Null where a method has no band. Rows of overlapping days and of nodes in one another are not
    independent: the shares are less certain than `n` says.

    >>> bookings_scores(bookings_backtest(Book.from_frames(), [])).height
    0
    """
    covered = [
        pl.col("actual").is_between(f"low_{band}", f"high_{band}").cast(pl.Float64).mean().alias(f"coverage_{band}")
        for band in BANDS
    ]
    width, missed = pl.col("high_80") - pl.col("low_80"), pl.col("actual") - pl.col("expected")
    # how many half-widths of its own band each forecast missed by, on the side that it missed on
    half = pl.when(missed >= 0).then(pl.col("high_80") - pl.col("expected")).otherwise(pl.col("expected") - pl.col("low_80"))
    factor = pl.when(half > 0).then(missed.abs() / half).quantile(0.8, "higher")
    return (
        backtest.group_by("measure", "method")
        .agg(
            pl.len().alias("n"),
            *covered,
            width.mean().alias("mean_width_80"),
            (width.mean() * factor).alias("needed_width_80"),
            pl.col("crps").mean().alias("mean_crps"),
            pl.col("pinball").mean().alias("mean_pinball"),
            (-missed).mean().alias("mean_error"),
            missed.abs().mean().alias("mean_abs_error"),
        )
        .sort("measure", "mean_crps")
    )


def _default_moments(known: Snapshot, days: int, n: int = 8, least_days: float = 182) -> list[dt.datetime]:
    first = known.sql("SELECT min(created_at) AS first_at FROM base.deals(as_of := $as_of)").item()
    step = max(days / 2, 7)
    back = [days + step * k for k in range(n)]
    moments = [known.as_of - dt.timedelta(days=each) for each in back]
    return [] if first is None else [moment for moment in moments if moment - first >= dt.timedelta(days=least_days)]


def _scored(
    known: Snapshot, then: Snapshot, days: int, by: str | None, model: WinModel, n_paths: int, seed: int
) -> list[dict[str, Any]]:
    window = BookingWindow.of(then.as_of, None, None, days)
    paths = booking_paths(then, window, by, model, n_paths, seed)
    cents, n_won = won_between(known, paths.nodes, window.start_on, window.end_on)
    beside = baselines(then, window, paths.nodes, paths.booked)
    said = [
        *_simulated("amount", paths.booked[:, None] + paths.cents, cents, 100.0),
        *_simulated("n_won", paths.n_booked[:, None] + paths.counts, n_won, 1.0),
        *_stage_weighted(beside, cents),
        *(row for name in ("run_rate", "last_year") for row in _points(name, beside[name], cents)),
    ]
    facts = {"moment": then.as_of, "is_amount_hindsight": sizes_of(then).is_hindsight}
    return [{**facts, **_place(paths, by, node), **row} for node, row in said]


def _place(paths: BookingPaths, by: str | None, node: int) -> dict[str, Any]:
    return {by: paths.nodes.frame[by][node]} if by else {}


def _simulated(measure: str, paths: Ints, actual: Ints, unit: float) -> list[tuple[int, dict[str, Any]]]:
    edges = quantiles(paths)
    found = []
    for node, (row, came) in enumerate(zip(paths / unit, actual / unit, strict=True)):
        told = {name: edges[name][node] / unit for name in _EDGES}
        scores = {"crps": crps(row, came), "pinball": pinball(row, came)}
        facts = {"measure": measure, "method": "simulated", "actual": came, "expected": float(row.mean())}
        found.append((node, {**facts, **told, **scores}))
    return found


def _stage_weighted(beside: dict[str, list[int | None]], actual: Ints) -> list[tuple[int, dict[str, Any]]]:
    found = []
    for node, came in enumerate(actual / 100):
        mean, spread = (beside[name][node] or 0 for name in ("stage_weighted", "stage_weighted_spread"))
        found.append((node, {"measure": "amount", "method": "stage_weighted", **_normal(mean / 100, spread / 100, came)}))
    return found


def _normal(mean: float, spread: float, came: float) -> dict[str, float]:
    law = NormalDist(mean, max(spread, 1e-9))
    told = {
        f"{side}_{band}": max(law.inv_cdf(share), 0.0)
        for band, pair in BANDS.items()
        for side, share in zip(("low", "high"), pair, strict=True)
    }
    shares = (np.arange(200) + 0.5) / 200
    sample = np.array([law.inv_cdf(share) for share in shares])
    return {"actual": came, "expected": mean, **told, "crps": normal_crps(mean, spread, came), "pinball": pinball(sample, came)}


def _points(method: str, cents: list[int | None], actual: Ints) -> list[tuple[int, dict[str, Any]]]:
    rows = []
    for node, (said, came) in enumerate(zip(cents, actual / 100, strict=True)):
        if said is not None:
            facts = {"measure": "amount", "method": method, "actual": came, "expected": said / 100}
            rows.append((node, {**facts, "crps": abs(said / 100 - came)}))
    return rows


def _frame(rows: list[dict[str, Any]], by: str | None) -> pl.DataFrame:
    schema: dict[str, Any] = {"moment": pl.Datetime("us"), **({by: pl.String} if by else {})}
    schema |= (
        {"measure": pl.String, "method": pl.String} | dict.fromkeys(_NUMBERS, pl.Float64) | {"is_amount_hindsight": pl.Boolean}
    )
    return pl.DataFrame(rows, schema=schema)

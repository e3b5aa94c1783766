"""Cuts: the same probabilities judged by horizon, by share of the deal's life, and by segment."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from salesiq.forecast.scores import auc, brier, calibration_error, log_losses, skills

Floats = NDArray[np.float64]

CUTS = {
    "cut": pl.String,
    "value": pl.String,
    "n": pl.Int64,
    "n_deals": pl.Int64,
    "n_won": pl.Int64,
    "n_expected": pl.Float64,
    "brier": pl.Float64,
    "log_loss": pl.Float64,
    "auc": pl.Float64,
    "calibration_error": pl.Float64,
    "skill": pl.Float64,
    "skill_low": pl.Float64,
    "skill_high": pl.Float64,
}
#: fewer forecasts or wins than these say nothing of a part
LEAST_ROWS, LEAST_WON = 50, 5
#: the ends of the parts of a closed deal's life, and of its last part
LIFE_SHARES = {"0-1/4": 0.25, "1/4-1/2": 0.5, "1/2-2/3": 2 / 3, "2/3-1": np.inf}
SEGMENTS = ("stage", "tier", "region", "product_line", "source")
MOST_VALUES = 8
N_RESAMPLES = 400


@dataclass(frozen=True)
class Judged:
    """Probabilities of winning within `days` for rows of past moments, by the model and by the best base rate.

    `rows` holds `deal_id`, `age_days`, `exit_days` (null while open) and the segments; `happened` whether it was won in time.
    """

    days: float
    rows: pl.DataFrame
    happened: Floats
    said: Floats
    base: Floats

    def part(self, chosen: NDArray[np.bool_]) -> Judged:
        """Return the chosen rows."""
        kept = self.rows.filter(pl.Series(chosen))
        return Judged(self.days, kept, self.happened[chosen], self.said[chosen], self.base[chosen])


def cuts(judged: Judged, horizons: list[Judged]) -> pl.DataFrame:
    """Return one row per part with its scores: `cut` is horizon, life or a segment, `value` which part of it.

    `life` looks at deals that closed, by how much of their life was over: what early and late forecasts were worth. It knows
    the end, so it describes and is no promise. Scores are null below 50 forecasts or 5 wins.
    """
    parts = [("horizon", f"{each.days:g}", each) for each in horizons]
    parts += [("life", name, part) for name, part in _by_life(judged)]
    parts += [(column, name, part) for column in SEGMENTS for name, part in _by_segment(judged, column)]
    return pl.DataFrame([(cut, value, *_scores(part)) for cut, value, part in parts], schema=CUTS, orient="row")


def _by_life(judged: Judged) -> Iterator[tuple[str, Judged]]:
    age, left = judged.rows["age_days"].to_numpy(), judged.rows["exit_days"].fill_null(np.nan).to_numpy()
    share, low = age / np.maximum(age + left, 1e-9), -np.inf
    for name, high in LIFE_SHARES.items():
        yield name, judged.part((share > low) & (share <= high))
        low = high


def _by_segment(judged: Judged, column: str) -> Iterator[tuple[str, Judged]]:
    counts = judged.rows[column].drop_nulls().value_counts().sort(["count", column], descending=[True, False])
    for value in counts[column].head(MOST_VALUES).to_list() if counts.height > 1 else []:
        yield str(value), judged.part((judged.rows[column] == value).fill_null(value=False).to_numpy())


def _scores(part: Judged) -> tuple[float | None, ...]:
    n, n_won = len(part.happened), int(part.happened.sum())
    deals = part.rows["deal_id"].to_list()
    counted = (n, len(set(deals)), n_won, float(part.said.sum()) if n else None)
    if n < LEAST_ROWS or not LEAST_WON <= n_won < n:
        return (*counted, *(None,) * 7)
    losses, base = log_losses(part.happened, part.said), log_losses(part.happened, part.base)
    low, high = np.quantile(skills(losses, [base], deals, N_RESAMPLES)[:, 0], [0.025, 0.975]).tolist()
    return (
        *counted,
        brier(part.happened, part.said),
        float(losses.mean()),
        auc(part.happened, part.said),
        calibration_error(part.happened, part.said),
        float(1 - losses.sum() / base.sum()),
        low,
        high,
    )

"""Open wins: on which day each open deal is won, path by path, drawn from its hazards."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from salesiq.forecast.intervals import EDGES, N_INTERVALS

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_CHUNK_CELLS = 4_000_000  # deals x paths drawn at a time: bounds memory at some 100 MB


class Drawn(NamedTuple):
    """One entry a win: its path, the row of what is won, and the day, from 1."""

    path: Ints
    row: Ints
    day: Ints


def draw_open(hazards: Floats, days: int, shock: Floats, rng: np.random.Generator) -> Drawn:
    """Draw the wins of open deals within `days`, for each path with its own `shock` (one factor a path).

    `hazards` are rows x intervals x [won, lost]; the last interval's go on in steps of its width. A shock multiplies the odds
    of being won in an interval against not being won in it. Inside an interval the hazard is constant.

    >>> hazards = np.zeros((1, N_INTERVALS, 2)); hazards[0, 0, 0] = 1.0
    >>> draw_open(hazards, 9, np.ones(3), np.random.default_rng(1)).day.max() <= 5
    np.True_
    """
    size = max(1, _CHUNK_CELLS // max(len(shock), 1))
    parts = [_draw(hazards[start : start + size], start, days, shock, rng) for start in range(0, len(hazards), size)]
    if not parts:
        nobody = np.zeros(0, dtype=np.int64)
        return Drawn(nobody, nobody, nobody)
    return Drawn(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _draw(hazards: Floats, first_row: int, days: int, shock: Floats, rng: np.random.Generator) -> Drawn:
    row, path = (each.ravel() for each in np.indices((len(hazards), len(shock))))
    found = []
    for k, start, width in _steps(days):
        won, ended = _shocked(hazards[row, k], shock[path])
        dice = rng.random(len(row))
        is_won = dice < won
        day = np.ceil(start + width * _share(ended[is_won], rng))
        found.append(Drawn(path[is_won], row[is_won] + first_row, np.maximum(day, 1).astype(np.int64)))
        stays = dice >= ended
        row, path = row[stays], path[stays]
    drawn = Drawn(*(np.concatenate(column) for column in zip(*found, strict=True)))
    kept = drawn.day <= days
    return Drawn(*(column[kept] for column in drawn))


def _steps(days: int) -> list[tuple[int, float, float]]:
    """Return interval, start and width of each step that begins before `days` are over; the last interval repeats.

    >>> [start for _, start, _ in _steps(300)]
    [0.0, 5.0, 10.0, 20.0, 30.0, 60.0, 90.0, 180.0, 270.0]
    """
    widths = np.diff(EDGES)
    found, start, k = [], 0.0, 0
    while start < days:
        found.append((k, start, float(widths[k])))
        start += float(widths[k])
        k = min(k + 1, N_INTERVALS - 1)
    return found


def _shocked(hazards: Floats, shock: Floats) -> tuple[Floats, Floats]:
    """Return the chances of being won and of ending at all, with the odds of won against the rest multiplied."""
    won = hazards[:, 0] * shock
    whole = won + 1 - hazards[:, 0]
    return won / whole, (won + hazards[:, 1]) / whole


def _share(ended: Floats, rng: np.random.Generator) -> Floats:
    """Draw when inside the interval, as a share of it, an ending comes that comes with chance `ended` by its end."""
    certain = np.clip(ended, 1e-12, 1 - 1e-12)
    found: Floats = np.log1p(-rng.random(len(ended)) * certain) / np.log1p(-certain)
    return found

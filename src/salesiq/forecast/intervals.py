"""Intervals: the time after a moment cut into steps, in each of which a deal is won, lost, or stays open."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

#: days after the moment at which one interval ends and the next begins: short where plans are made, long where little is known
EDGES = np.array([0.0, 5.0, 10.0, 20.0, 30.0, 60.0, 90.0, 180.0])
N_INTERVALS = len(EDGES) - 1
OPEN, WON, LOST = 0, 1, 2
_LOG_MIDDLE = np.log((EDGES[:-1] + EDGES[1:]) / 2)
#: logarithm of each interval's middle, standardised: how a feature's weight may fade with the distance
DISTANCE = (_LOG_MIDDLE - _LOG_MIDDLE.mean()) / _LOG_MIDDLE.std()
_QUARTER_DAYS = 365.25 / 4


@dataclass(frozen=True)
class Steps:
    """Person-period rows: which row of the landmarks, which interval, how it ended, and how much the row counts."""

    row: Ints
    interval: Ints
    ending: Ints
    weight: Floats


def steps(rows: pl.DataFrame, until: dt.datetime) -> Steps:
    """Cut the landmarks into steps that were over at `until`; a step that was not is dropped whole, because it is censored.

    A deal has steps up to the one in which it was won or lost. All weigh 1.
    """
    elapsed = ((pl.lit(until) - pl.col("moment")).dt.total_microseconds() / 86400e6).alias("elapsed")
    n_over = np.searchsorted(EDGES[1:], rows.select(elapsed)["elapsed"].to_numpy(), side="right")
    exit_interval = np.searchsorted(EDGES[1:], rows["exit_days"].fill_null(np.inf).to_numpy(), side="left")
    row, interval = spread(np.minimum(n_over, exit_interval + 1))
    is_won = (rows["outcome"] == "won").fill_null(False).to_numpy()[row]
    ending = np.where(interval == exit_interval[row], np.where(is_won, WON, LOST), OPEN)
    return Steps(row, interval, ending, np.ones(len(row)))


def spread(n_steps: Ints) -> tuple[Ints, Ints]:
    """Return row and interval of every step, rows in order, each with its first `n_steps` intervals.

    >>> [each.tolist() for each in spread(np.array([2, 0, 1]))]
    [[0, 0, 2], [0, 1, 0]]
    """
    row = np.repeat(np.arange(len(n_steps)), n_steps)
    return row, np.arange(len(row)) - np.repeat(np.cumsum(n_steps) - n_steps, n_steps)


def won_within(hazards: Floats, days: float) -> Floats:
    """Return the probability of being won within `days`, one a row of `hazards` (rows x intervals x [won, lost]).

    Hazards are constant inside an interval, and stay at the last one's beyond the last edge; `days` may be infinite.

    >>> hazards = np.full((1, N_INTERVALS, 2), 0.1)
    >>> [round(float(won_within(hazards, days)[0]), 3) for days in (0, 5, 10, np.inf)]
    [0.0, 0.1, 0.18, 0.5]
    """
    won = np.zeros(len(hazards))
    still_open = np.ones(len(hazards))
    for k in range(N_INTERVALS):
        width = EDGES[k + 1] - EDGES[k]
        share = (days - EDGES[k]) / width
        if share <= 0:
            break
        if k < N_INTERVALS - 1:
            share = min(share, 1.0)
        ended = hazards[:, k, 0] + hazards[:, k, 1]
        stays = (1 - ended) ** share
        won += still_open * (1 - stays) * np.divide(hazards[:, k, 0], ended, out=np.zeros_like(ended), where=ended > 0)
        still_open = still_open * stays
    return np.clip(won, 0.0, 1.0)


def calendar(days_to_quarter_end: Floats) -> Floats:
    """Return for each row and interval the shares of it that fall into the last month and last ten days of a quarter.

    Both are centred on a usual day. Rows x intervals x 2.
    """
    points = EDGES[:-1, None] + (EDGES[1:] - EDGES[:-1])[:, None] * np.array([0.1, 0.3, 0.5, 0.7, 0.9])
    left = (days_to_quarter_end[:, None, None] - points) % _QUARTER_DAYS
    return np.stack([(left <= 31).mean(axis=2) - 31 / _QUARTER_DAYS, (left <= 10).mean(axis=2) - 10 / _QUARTER_DAYS], axis=2)

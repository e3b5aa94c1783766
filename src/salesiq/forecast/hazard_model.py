"""HazardModel: time to two endings on a plain `X, y`, for scikit-learn's tools and for data that is in no book."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import Tags
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from salesiq.forecast.columns import Columns
from salesiq.forecast.forward import HALF_LIVES, LEARNERS, Task, choose, step_loss
from salesiq.forecast.hazards import Inputs
from salesiq.forecast.intervals import EDGES, LOST, N_INTERVALS, OPEN, WON, Steps, spread, won_within

__all__ = ["HazardModel"]

Floats = NDArray[np.float64]


class HazardModel(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Probability of being won by any day, from a discrete-time hazard with two competing endings, won and lost.

    `y` has a row per case: days observed (>= 0) and how it ended (0 still open, 1 won, 2 lost); one column alone means that
    every case was won after so many days. `X` is numbers; NaN is unknown. Time is cut at 5, 10, 20, 30, 60, 90 and 180 days;
    in each interval a case is won, lost or stays, by a multinomial regression on top of the rates of the interval (Tutz and
    Schmid 2016, Modeling Discrete Time-to-Event Data, ch. 8). An interval in which observation ended without an ending is
    left out: censored, assumed to say nothing about the ending. `P(won by d)` never falls as `d` grows.

    `learner`: base_rate, logistic, trees (LightGBM), blend (the mean of the two), or auto: the least log-loss forward in time,
    the simpler at a tie. `half_life_days`: a step counts half as much for every so many days that it lies in the past; "auto"
    chooses by the same test, which needs `entered_days` in `fit`; None weighs all alike. Without `entered_days` the order of
    rows is taken for that of time. `monotonic_cst`: 1, -1 or 0 a column: trees may move the chance of winning only that way
    with it, and that of losing only the other way. Equal input gives an equal model to the bit.

    >>> days = np.array([[3.0, 1], [40.0, 0], [8.0, 2], [2.0, 1]] * 20)
    >>> model = HazardModel(learner="base_rate").fit(np.zeros((80, 1)), days)
    >>> model.predict_won(np.zeros((1, 1)), [5, 30, 90]).round(2).tolist()
    [[0.5, 0.5, 0.5]]
    """

    def __init__(
        self,
        horizon_days: float = 30.0,
        learner: str = "auto",
        half_life_days: float | str | None = "auto",
        monotonic_cst: ArrayLike | None = None,
    ) -> None:
        self.horizon_days = horizon_days
        self.learner = learner
        self.half_life_days = half_life_days
        self.monotonic_cst = monotonic_cst

    def fit(
        self,
        X: ArrayLike,  # noqa: N803 - scikit-learn's own name, here and below
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        entered_days: ArrayLike | None = None,
    ) -> Self:
        """Learn; `entered_days` is the day on which each case began, counted from any one day.

        Raises ValueError for what is no `X, y`: negative days, endings other than 0, 1, 2, lengths that differ, and for a
        learner that there is not or a `monotonic_cst` that does not fit the columns.
        """
        from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # see fitting

        if self.learner not in ("auto", *LEARNERS):
            raise ValueError(f"learner={self.learner!r} is not one of auto, {', '.join(LEARNERS)}")
        rows, told = validate_data(self, X, y, multi_output=True, ensure_all_finite="allow-nan", dtype=np.float64)
        days, ending = _endings(told)
        weight = _check_sample_weight(sample_weight, rows, ensure_non_negative=True)
        entered = None if entered_days is None else _as_days(entered_days, len(rows))
        self.columns_ = Columns.learn(rows)
        self.signs_ = _signs(self.monotonic_cst, rows.shape[1])
        with threadpool_limits(1):  # the same sums in the same order
            task = _task(self._inputs(rows), days, ending, weight, entered)
            choice = choose(task, self.learner, self._half_lives(knows_time=entered is not None))
            self.hazard_ = choice.fit(task, task.newest)
        self.kind_, self.chosen_half_life_days_ = choice.kind, choice.half_life_days
        return self

    def predict(self, X: ArrayLike) -> Floats:  # noqa: N803
        """Return the probability of being won within `horizon_days`, one a row."""
        return self.predict_won(X, [self.horizon_days])[:, 0]

    def predict_won(self, X: ArrayLike, days: ArrayLike) -> Floats:  # noqa: N803
        """Return the probability of being won within each of `days` (> 0, may be infinite): rows x days."""
        hazards = self.hazards(X)
        return np.stack([won_within(hazards, float(day)) for day in np.atleast_1d(np.asarray(days, dtype=float))], axis=1)

    def hazards(self, X: ArrayLike) -> Floats:  # noqa: N803
        """Return rows x intervals x [won, lost]: the chance of each ending in an interval that began open."""
        check_is_fitted(self, "hazard_")
        rows = validate_data(self, X, reset=False, ensure_all_finite="allow-nan", dtype=np.float64)
        return self.hazard_.hazards(self._inputs(rows))

    def score(self, X: ArrayLike, y: ArrayLike) -> float:  # noqa: N803
        """Return minus the log-loss of the steps that `y` tells: higher is better, comparable on the same `y` only."""
        days, ending = _endings(np.asarray(y, dtype=float))
        seen = _task(Inputs.blank(len(days)), days, ending, np.ones(len(days)), None).steps
        return -step_loss(self.hazards(X), seen)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.target_tags.required = True
        tags.target_tags.multi_output = True
        tags.target_tags.positive_only = True
        return tags

    def _inputs(self, rows: Floats) -> Inputs:
        matrix = self.columns_.matrix(rows)
        return Inputs.blank(len(rows), matrix, (*self.signs_, *(0,) * (matrix.shape[1] - len(self.signs_))))

    def _half_lives(self, *, knows_time: bool) -> tuple[float, ...]:
        if self.half_life_days is None:
            return (np.inf,)
        if self.half_life_days == "auto":
            return HALF_LIVES if knows_time else (np.inf,)
        return (float(self.half_life_days),)


def _endings(told: Floats) -> tuple[Floats, NDArray[np.int64]]:
    told = told[:, None] if told.ndim == 1 else told
    if told.shape[1] > 2:
        raise ValueError(f"y has {told.shape[1]} columns; expected days, or days and ending (0 open, 1 won, 2 lost)")
    days = told[:, 0].astype(float)
    ending = told[:, 1].astype(float) if told.shape[1] == 2 else np.ones(len(days))
    if (days < 0).any():
        raise ValueError("y has negative days")
    if not np.isin(ending, (OPEN, WON, LOST)).all():
        raise ValueError("y has an ending that is none of 0 (open), 1 (won), 2 (lost)")
    return days, ending.astype(np.int64)


def _signs(monotonic_cst: ArrayLike | None, n_columns: int) -> tuple[int, ...]:
    signs = np.zeros(n_columns) if monotonic_cst is None else np.asarray(monotonic_cst, dtype=float)
    if signs.shape != (n_columns,) or not np.isin(signs, (-1, 0, 1)).all():
        raise ValueError(f"monotonic_cst has shape {signs.shape}; expected ({n_columns},) of -1, 0 and 1")
    return tuple(int(sign) for sign in signs)


def _as_days(entered_days: ArrayLike, n_rows: int) -> Floats:
    found = np.asarray(entered_days, dtype=float)
    if found.shape != (n_rows,) or not np.isfinite(found).all():
        raise ValueError(f"entered_days has shape {found.shape}; expected ({n_rows},) of finite numbers")
    return found


def _task(inputs: Inputs, days: Floats, ending: NDArray[np.int64], weight: Floats, entered: Floats | None) -> Task:
    """Cut cases into steps: up to the interval of the ending, or the last one that was observed whole."""
    n_whole = np.searchsorted(EDGES[1:], days, side="right")
    interval_of_ending = np.minimum(np.searchsorted(EDGES[1:], days, side="left"), N_INTERVALS)
    is_ended = (ending != OPEN) & (interval_of_ending < N_INTERVALS)
    n_steps = np.where(is_ended, interval_of_ending + 1, np.minimum(n_whole, N_INTERVALS))
    row, interval = spread(n_steps)
    ended = is_ended[row] & (interval == interval_of_ending[row])
    steps = Steps(row, interval, np.where(ended, ending[row], OPEN), weight[row])
    over_on = row.astype(float) if entered is None else entered[row] + EDGES[interval + 1]
    return Task(inputs, steps, over_on)

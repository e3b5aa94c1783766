"""Fitting: one pass forward in time that chooses a model, calibrates it and judges it, each on newer data than the last.

The rows of past moments are cut at two dates. Candidates learn from what had happened by the first and are compared on
the steps up to the second. The winner learns anew from what had happened by the second, with the calibration that those
steps gave, and is judged at the moments after it. The model that is handed out learns from everything known at `until`, with
the calibration that the judged period gave.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from salesiq.forecast.calibration import Calibration
from salesiq.forecast.design import Design
from salesiq.forecast.hazards import STAGE_AND_TIME, TIME, BaseRate, Hazard, Inputs, Logistic, Trees
from salesiq.forecast.intervals import LOST, OPEN, WON, Steps, steps, won_within
from salesiq.forecast.reliability import Reliability, evaluate

Floats = NDArray[np.float64]
Learner = Callable[[Inputs, Steps], Hazard]

#: below either number there is no model; below the third no trees
LEAST_CLOSED, LEAST_WON, LEAST_CLOSED_FOR_TREES = 50, 30, 3000
#: below this a judged period says nothing
LEAST_JUDGED, LEAST_JUDGED_WON = 100, 15
#: the judged and the validation period are each this share of the history, at most so many days
PERIOD_SHARE, LONGEST_PERIOD_DAYS = 0.25, 150.0

#: inverse ridge of the logistic candidates, strongest ridge first
LINEAR_STRENGTHS = (0.001, 0.02)


@dataclass(frozen=True)
class Fitted:
    """Everything that predicting needs, and the statement that says whether to."""

    design: Design
    base: BaseRate
    hazard: Hazard
    calibration: Calibration
    reliability: Reliability

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can keep."""
        return {
            "design": self.design.to_dict(),
            "base": self.base.to_dict(),
            "hazard": self.hazard.to_dict(),
            "calibration": asdict(self.calibration),
            "reliability": self.reliability.to_dict(),
        }


@dataclass(frozen=True)
class _History:
    """The rows of all moments, ready for learning up to any date; `inputs` by who looks: everything, stage and time, time."""

    rows: pl.DataFrame
    design: Design
    inputs: dict[str, Inputs]
    horizon_days: float
    half_life_days: float

    @classmethod
    def of(cls, rows: pl.DataFrame, horizon_days: float, half_life_days: float, leaks: tuple[str, ...]) -> _History:
        design = Design.learn(rows, frozenset(name.partition(" (")[0].removeprefix("deals.") for name in leaks))
        inputs = Inputs.of(rows, design)
        views = {"all": inputs, "stage": inputs.knowing(design, STAGE_AND_TIME), "time": inputs.knowing(design, TIME)}
        return cls(rows, design, views, horizon_days, half_life_days)

    def steps(self, until: dt.datetime, since: dt.datetime | None = None) -> Steps:
        """Return the steps over at `until`, of moments from `since` on."""
        found = steps(self.rows, until, self.half_life_days)
        known = (self.rows["moment"] < until).to_numpy()
        return found.of_rows(known if since is None else known & (self.rows["moment"] >= since).to_numpy())


def fit_all(
    rows: pl.DataFrame, until: dt.datetime, *, horizon_days: float, half_life_days: float, leaks: tuple[str, ...]
) -> Fitted:
    """Fit on landmarks (see `training.landmarks`) known at `until`."""
    # comes with scikit-learn, without types; imports numpy's libraries
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    history = _History.of(rows, horizon_days, half_life_days, leaks)
    # sums over threads come in another order each time: one thread, the same model to the bit
    with threadpool_limits(1):
        why = _why_not(rows, history.design)
        if why is not None:
            return _without_model(history, until, Reliability("no_signal", why, horizon_days, leaks=leaks))
        return _forward(history, until, leaks)


def _forward(history: _History, until: dt.datetime, leaks: tuple[str, ...]) -> Fitted:
    judged_from, validated_from = _cuts(history, until)
    choice = _choose(history, validated_from, judged_from)
    past = history.steps(judged_from)
    raw = choice.learn(history.inputs["all"], past).hazards(history.inputs["all"])
    said = {"all": [choice.calibrations["all"].apply(raw)]}
    for view in ("stage", "time"):
        inputs = history.inputs[view]
        seasonal = choice.calibrations[view].apply(choice.learn(inputs, past).hazards(inputs))
        said[view] = [BaseRate.fit(inputs, past).hazards(inputs), seasonal]
    reliability = _judge(history, choice.kind, said, (judged_from, until), leaks)
    if reliability.verdict == "no_signal":
        return _without_model(history, until, reliability)
    inputs, everything = history.inputs["all"], history.steps(until)
    newest = Calibration.fit(raw, history.steps(until, judged_from))
    return Fitted(history.design, BaseRate.fit(inputs, everything), choice.learn(inputs, everything), newest, reliability)


@dataclass(frozen=True)
class _Choice:
    """What won on the validation period, and the calibration that the period gives it, by who looks."""

    kind: str
    learn: Learner
    calibrations: dict[str, Calibration]


def _choose(history: _History, validated_from: dt.datetime, judged_from: dt.datetime) -> _Choice:
    """Return the candidate with the least log-loss on the validation period; a tie goes to the simpler one."""
    past, newer = history.steps(validated_from), history.steps(judged_from, validated_from)
    inputs = history.inputs["all"]
    candidates = _candidates(history.rows)
    if len(newer.row) == 0 or not {WON, LOST} <= set(past.ending.tolist()):
        return _Choice(*candidates[0], dict.fromkeys(history.inputs, Calibration()))
    losses = [step_loss(learn(inputs, past).hazards(inputs), newer) for _, learn in candidates]
    kind, learn = candidates[int(np.argmin(losses))]
    calibrations = {view: Calibration.fit(learn(seen, past).hazards(seen), newer) for view, seen in history.inputs.items()}
    return _Choice(kind, learn, calibrations)


def _candidates(rows: pl.DataFrame) -> list[tuple[str, Learner]]:
    found: list[tuple[str, Learner]] = [(BaseRate.kind, BaseRate.fit)]
    found += [(Logistic.kind, partial(Logistic.fit, strength=strength)) for strength in LINEAR_STRENGTHS]
    if rows.filter(pl.col("outcome").is_not_null())["deal_id"].n_unique() >= LEAST_CLOSED_FOR_TREES:
        found.append((Trees.kind, Trees.fit))
    return found


def _judge(
    history: _History,
    kind: str,
    hazards: dict[str, list[Floats]],
    period: tuple[dt.datetime, dt.datetime],
    leaks: tuple[str, ...],
) -> Reliability:
    rows, horizon = history.rows, history.horizon_days
    mature = rows["moment"].is_between(period[0], period[1] - dt.timedelta(days=horizon)).to_numpy()
    is_won = (rows["outcome"] == "won") & (rows["exit_days"] <= horizon)
    happened = is_won.fill_null(False).to_numpy()[mature].astype(float)
    n_won = int(happened.sum())
    if len(happened) < LEAST_JUDGED or not LEAST_JUDGED_WON <= n_won < len(happened):
        return Reliability("no_signal", "too_little", horizon, n=len(happened), n_won=n_won, leaks=leaks)
    said = {view: [won_within(each, horizon)[mature] for each in found] for view, found in hazards.items()}
    deals = rows["deal_id"].filter(pl.Series(mature)).to_list()
    return evaluate(happened, said, deals, horizon_days=horizon, kind=kind, leaks=leaks)


def _cuts(history: _History, until: dt.datetime) -> tuple[dt.datetime, dt.datetime]:
    first = history.rows["moment"].min()
    newest = until - dt.timedelta(days=history.horizon_days)
    if not isinstance(first, dt.datetime) or first >= newest:
        return newest, newest
    period = min(PERIOD_SHARE * (newest - first), dt.timedelta(days=LONGEST_PERIOD_DAYS))
    return newest - period, newest - 2 * period


def _why_not(rows: pl.DataFrame, design: Design) -> str | None:
    closed = rows.filter(pl.col("outcome").is_not_null()).unique("deal_id")
    if closed.height < LEAST_CLOSED or closed.filter(pl.col("outcome") == "won").height < LEAST_WON:
        return "too_little"
    # where only time is known, deals cannot be told apart: a clock and a season are no knowledge of a deal
    return "nothing_known" if set(design.reasons) <= TIME else None


def _without_model(history: _History, until: dt.datetime, reliability: Reliability) -> Fitted:
    base = BaseRate.fit(history.inputs["all"], history.steps(until))
    return Fitted(history.design, base, base, Calibration(), reliability)


def step_loss(hazards: Floats, seen: Steps) -> float:
    """Return the mean log-loss of steps: of what happened in each interval, under hazards by row and interval."""
    chances = hazards[seen.row, seen.interval]
    whole = np.stack([1 - chances.sum(axis=1), chances[:, 0], chances[:, 1]], axis=1)[:, [OPEN, WON, LOST]]
    said = whole[np.arange(len(seen.row)), seen.ending]
    return float(-np.log(np.clip(said, 1e-9, 1)).mean())

"""Fitting: a model is chosen, calibrated and judged forward in time, each on newer data than the last.

The newest quarter of the history is judged by rolling origin. What to use is chosen before it (see `forward`); at each origin
that is fitted anew to what had happened by then, calibrated by what it had said of steps that it had not seen, and asked of the
moments up to the next origin. The model that is handed out learns from everything known at `until` in the same way.
"""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from salesiq.forecast import forward
from salesiq.forecast.calibration import Calibration
from salesiq.forecast.cuts import SEGMENTS
from salesiq.forecast.cuts import Judged as Forecasts
from salesiq.forecast.design import Design
from salesiq.forecast.forward import HALF_LIVES, Choice, Judged, Task
from salesiq.forecast.hazards import STAGE_AND_TIME, TIME, BaseRate, Hazard, Inputs
from salesiq.forecast.intervals import EDGES, steps, won_within
from salesiq.forecast.scores import log_losses
from salesiq.forecast.statement import CANDIDATES, Reliability, evaluate

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

#: below either number there is no model
LEAST_CLOSED, LEAST_WON = 50, 30
#: below this a judged period says nothing
LEAST_JUDGED, LEAST_JUDGED_WON = 100, 15
#: the judged period is this share of the history, at most so many days, with so many origins
PERIOD_SHARE, LONGEST_PERIOD_DAYS, N_ORIGINS = 0.25, 150.0, 3
#: horizons that every statement judges beside its own, in days
HORIZONS = (10.0, 30.0, 90.0)
_DAY_US = 86400e6


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
    """The rows of all moments as steps, ready for learning up to any day; days count from 1970."""

    rows: pl.DataFrame
    design: Design
    task: Task
    moments: Floats
    until: float
    horizon_days: float
    half_lives: tuple[float, ...]
    leaks: tuple[str, ...]

    @classmethod
    def of(
        cls,
        rows: pl.DataFrame,
        until: dt.datetime,
        horizon_days: float,
        half_life_days: float | str | None,
        leaks: tuple[str, ...],
    ) -> _History:
        design = Design.learn(rows, frozenset(name.partition(" (")[0].rpartition(".")[2] for name in leaks))
        found = steps(rows, until)
        moments = rows["moment"].dt.epoch("us").to_numpy() / _DAY_US
        task = Task(Inputs.of(rows, design), found, moments[found.row] + EDGES[found.interval + 1])
        last = (until - dt.datetime(1970, 1, 1)) / dt.timedelta(days=1)
        return cls(rows, design, task, moments, last, horizon_days, _half_lives(half_life_days), leaks)

    def knowing(self, reasons: frozenset[str]) -> Task:
        """Return the task for somebody who sees only so much of a deal."""
        return Task(self.task.inputs.knowing(self.design, reasons), self.task.steps, self.task.over_on)

    def origins(self) -> list[float]:
        """Return the days at which the judged period's parts begin, and last the day on which it ends."""
        first, newest = float(self.moments.min()), self.until - self.horizon_days
        period = min(PERIOD_SHARE * max(newest - first, 0.0), LONGEST_PERIOD_DAYS)
        return [float(day) for day in np.linspace(newest - period, newest, N_ORIGINS + 1)]

    def statement(self, reason: str, **told: Any) -> Reliability:
        return Reliability("no_signal", reason, self.horizon_days, leaks=self.leaks, **told)


def _half_lives(half_life_days: float | str | None) -> tuple[float, ...]:
    if half_life_days == "auto":
        return HALF_LIVES
    return (np.inf if half_life_days is None else float(half_life_days),)


def fit_all(
    rows: pl.DataFrame,
    until: dt.datetime,
    *,
    horizon_days: float,
    half_life_days: float | str | None,
    leaks: tuple[str, ...],
) -> Fitted:
    """Fit on landmarks (see `training.landmarks`) known at `until`."""
    # comes with scikit-learn, without types; imports numpy's libraries
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    history = _History.of(rows, until, horizon_days, half_life_days, leaks)
    # sums over threads come in another order each time: one thread, the same model to the bit
    with threadpool_limits(1):
        why = _why_not(rows, history.design)
        return _forward(history) if why is None else _without_model(history, history.statement(why))


def _forward(history: _History) -> Fitted:
    origins = history.origins()
    choice = forward.choose(history.task.before(origins[0]), "auto", history.half_lives)
    asked, seen = [], list(choice.judged)
    for origin, following in itertools.pairwise(origins):
        hazard = choice.fit(history.task.before(origin), origin)
        places = np.flatnonzero((history.moments >= origin) & (history.moments <= following))
        asked.append(_ask(history, choice, hazard, _calibration(seen), origin, places))
        newer = history.task.part((history.task.over_on > origin) & (history.task.over_on <= following)).steps
        seen.append(Judged(forward.chances_of(hazard, history.task.inputs, newer), newer))
    reliability = _judge(history, choice, asked)
    if reliability.verdict == "no_signal":
        return _without_model(history, reliability)
    base = BaseRate.fit(history.task.inputs, history.task.steps)
    hazard = choice.fit(history.task, history.until)
    return Fitted(history.design, base, hazard, _calibration(seen), reliability)


class _Asked(NamedTuple):
    """Hazards of the rows at some places by what had been learned at an origin, and those of the base rates."""

    places: Ints
    said: Floats
    bases: dict[str, list[Floats]]


def _ask(history: _History, choice: Choice, hazard: Hazard, calibration: Calibration, origin: float, places: Ints) -> _Asked:
    bases = {}
    for view, reasons in (("stage", STAGE_AND_TIME), ("time", TIME)):
        past = history.knowing(reasons).before(origin)
        wanted = past.inputs.take(places)
        # counted rates, and the winning kind of model that sees no more: knowing the season is no skill
        learned = (BaseRate.fit(past.inputs, past.steps), choice.fit(past, origin, forward.MOST_STEPS_TO_CHOOSE))
        bases[view] = [each.hazards(wanted) for each in learned]
    return _Asked(places, calibration.apply(hazard.hazards(history.task.inputs.take(places))), bases)


def _calibration(seen: Sequence[Judged]) -> Calibration:
    if not seen:
        return Calibration()
    return Calibration.fit(np.vstack([each.chances for each in seen]), np.concatenate([each.steps.ending for each in seen]))


def _judge(history: _History, choice: Choice, asked: Sequence[_Asked]) -> Reliability:
    judged, bases = _forecasts(history, asked, history.horizon_days)
    n, n_won = len(judged.happened), int(judged.happened.sum())
    if n < LEAST_JUDGED or not LEAST_JUDGED_WON <= n_won < n:
        return history.statement("too_little", n=n, n_won=n_won)
    others = sorted({*HORIZONS, history.horizon_days})
    half_life = choice.half_life_days if np.isfinite(choice.half_life_days) else None
    return evaluate(
        judged,
        bases,
        [_forecasts(history, asked, days)[0] for days in others],
        horizon_days=history.horizon_days,
        kind=choice.kind,
        half_life_days=half_life,
        leaks=history.leaks,
        candidates=pl.DataFrame(list(choice.losses.items()), schema=CANDIDATES, orient="row"),
    )


def _forecasts(history: _History, asked: Sequence[_Asked], days: float) -> tuple[Forecasts, dict[str, list[Floats]]]:
    """Return what was said of winning within `days` at the judged moments whose days are over, and what base rates said."""
    over = [history.moments[at.places] + days <= history.until for at in asked]

    def within(hazards: Sequence[Floats]) -> Floats:
        return np.concatenate([won_within(each[is_over], days) for each, is_over in zip(hazards, over, strict=True)])

    places = np.concatenate([at.places[is_over] for at, is_over in zip(asked, over, strict=True)])
    rows = history.rows[places.tolist()].select("deal_id", "age_days", "exit_days", "outcome", *SEGMENTS)
    happened = ((rows["outcome"] == "won") & (rows["exit_days"] <= days)).fill_null(value=False).to_numpy().astype(float)
    bases = {view: [within([at.bases[view][k] for at in asked]) for k in range(2)] for view in ("time", "stage")}
    # the better counts of two ways to know only the time
    base = min(bases["time"], key=lambda each: log_losses(happened, each).sum())
    return Forecasts(days, rows, happened, within([at.said for at in asked]), base), bases


def _why_not(rows: pl.DataFrame, design: Design) -> str | None:
    closed = rows.filter(pl.col("outcome").is_not_null()).unique("deal_id")
    if closed.height < LEAST_CLOSED or closed.filter(pl.col("outcome") == "won").height < LEAST_WON:
        return "too_little"
    # where only time is known, deals cannot be told apart: a clock and a season are no knowledge of a deal
    return "nothing_known" if set(design.reasons) <= TIME else None


def _without_model(history: _History, reliability: Reliability) -> Fitted:
    base = BaseRate.fit(history.task.inputs, history.task.steps)
    return Fitted(history.design, base, base, Calibration(), reliability)

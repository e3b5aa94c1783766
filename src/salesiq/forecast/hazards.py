"""Hazards: three ways to learn how likely a deal is won or lost in each interval, from crude to flexible."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from salesiq.forecast.design import Design
from salesiq.forecast.intervals import DISTANCE, LOST, N_INTERVALS, OPEN, WON, Steps, calendar

if TYPE_CHECKING:
    import lightgbm

Floats = NDArray[np.float64]

#: what a clock knows of a deal, and what anybody knows who sees its stage too
TIME = frozenset({"stage_days", "age"})
STAGE_AND_TIME = TIME | {"stage"}
#: a cell of the base rate counts as many steps of its parent's rate beside its own
PRIOR_STEPS = 20.0
#: the base rate's log odds come as columns this much longer than others, so that the ridge hardly holds their weights
LOOSE = 5.0
_BANDS = (7.0, 14.0, 30.0, 60.0, 90.0, 120.0, 180.0)
_TREES: dict[str, Any] = {
    "objective": "binary",
    "num_leaves": 8,
    "learning_rate": 0.08,
    "min_data_in_leaf": 60,
    "lambda_l2": 10.0,
    "feature_fraction": 0.7,
    "max_bin": 63,
    "seed": 7,
    "deterministic": True,
    "force_col_wise": True,
    "verbosity": -1,
}
_N_TREES = 80
#: log odds of what always happened
_CERTAIN = 15.0


@dataclass(frozen=True)
class Inputs:
    """What the models read of each row: the design's numbers, the calendar ahead, and the cell of the base rate.

    `signs`: per number the direction in which it may move the chance of winning (1, -1, or 0 for either). `n_asked`: how many
    intervals are asked for; trees, which are slow to ask, say no more than the base rate of later ones.
    """

    matrix: Floats
    calendar: Floats
    cells: list[tuple[str, int]]
    signs: tuple[int, ...] = ()
    n_asked: int = N_INTERVALS

    @classmethod
    def of(cls, rows: pl.DataFrame, design: Design) -> Inputs:
        """Make the inputs of frames with the columns of `forecast.features`."""
        cells = base_cells(rows["stage"], rows["stage_days"].fill_null(rows["age_days"]))
        ahead = calendar(rows["days_to_quarter_end"].cast(pl.Float64).to_numpy())
        return cls(design.matrix(rows), ahead, cells, design.signs)

    @classmethod
    def blank(cls, height: int, matrix: Floats | None = None, signs: tuple[int, ...] = ()) -> Inputs:
        """Make inputs without a calendar or stages, of plain columns."""
        columns = np.zeros((height, 0)) if matrix is None else matrix
        return cls(columns, np.zeros((height, N_INTERVALS, 2)), [("", 0)] * height, signs)

    def __len__(self) -> int:
        return len(self.matrix)

    def knowing(self, design: Design, reasons: frozenset[str]) -> Inputs:
        """Return the same rows for somebody who sees only the columns of these reasons, and no stage unless it is one."""
        kept = [place for place, reason in enumerate(design.reasons) if reason in reasons]
        cells = self.cells if "stage" in reasons else [("", band) for _, band in self.cells]
        return replace(self, matrix=self.matrix[:, kept], cells=cells, signs=tuple(self.signs[place] for place in kept))

    def take(self, places: NDArray[np.int64]) -> Inputs:
        """Return the rows at these places."""
        cells = [self.cells[place] for place in places.tolist()]
        return replace(self, matrix=self.matrix[places], calendar=self.calendar[places], cells=cells)


def base_cells(stage: pl.Series, days: pl.Series) -> list[tuple[str, int]]:
    """Return the cell of the base rate that each deal falls into: its stage and the band of its days in it."""
    bands = np.searchsorted(_BANDS, days.fill_null(0.0).to_numpy(), side="right")
    return list(zip(stage.fill_null("").to_list(), bands.tolist(), strict=True))


class Hazard(Protocol):
    """A learned model of the hazards."""

    kind: ClassVar[str]

    def hazards(self, inputs: Inputs) -> Floats:
        """Return rows x intervals x [won, lost]."""

    def contributions(self, inputs: Inputs, n_intervals: int) -> Floats:
        """Return what each column of the design, and last the base rate, adds to the log odds of won against open."""

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can keep."""


@dataclass(frozen=True)
class BaseRate:
    """How often deals of the same stage, equally long in it, were won or lost in each interval; nothing else of the deal."""

    kind: ClassVar[str] = "base_rate"
    overall: Floats
    stages: dict[str, Floats]
    cells: dict[tuple[str, int], Floats]

    @classmethod
    def fit(cls, inputs: Inputs, seen: Steps) -> BaseRate:
        """Count the steps; a small cell leans on its stage, a small stage on all."""
        overall = _rates(np.zeros((N_INTERVALS, 2)), seen, np.ones(len(seen.row), dtype=bool), prior=0.0)
        known = {cell: place for place, cell in enumerate(sorted(set(inputs.cells)))}
        places = np.array([known[cell] for cell in inputs.cells], dtype=np.int64)[seen.row]
        stages: dict[str, Floats] = {}
        cells: dict[tuple[str, int], Floats] = {}
        for stage, group in itertools.groupby(known, key=lambda cell: cell[0]):
            members = list(group)
            stages[stage] = _rates(overall, seen, np.isin(places, [known[cell] for cell in members]))
            cells |= {cell: _rates(stages[stage], seen, places == known[cell]) for cell in members}
        return cls(overall, stages, cells)

    def hazards(self, inputs: Inputs) -> Floats:
        """Return rows x intervals x [won, lost]."""
        place: dict[tuple[str, int], int] = {}
        places = [place.setdefault(cell, len(place)) for cell in inputs.cells]
        rates = [self.cells.get(cell, self.stages.get(cell[0], self.overall)) for cell in place]
        return np.array(rates).reshape(-1, N_INTERVALS, 2)[np.array(places, dtype=np.int64)]

    def odds(self, inputs: Inputs) -> Floats:
        """Return the log odds of won and of lost against staying open: rows x intervals x 2."""
        return _log_odds(self.hazards(inputs))

    def contributions(self, inputs: Inputs, n_intervals: int) -> Floats:
        """Return rows x (columns + 1): zeros, and how far the odds of the deal's stage and time are above everybody's."""
        usual = _log_odds(self.overall)
        above = (self.odds(inputs) - usual)[:, :n_intervals, 0].mean(axis=1)
        return np.hstack([np.zeros_like(inputs.matrix), above[:, None]])

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can keep."""
        return {
            "kind": self.kind,
            "overall": self.overall.tolist(),
            "stages": {stage: rates.tolist() for stage, rates in self.stages.items()},
            "cells": [[stage, band, rates.tolist()] for (stage, band), rates in self.cells.items()],
        }


@dataclass(frozen=True)
class Logistic:
    """Logistic regressions on top of the base rate; the ridge holds them there where the deals say no more.

    One an ending, each against staying open (Begg and Gray 1984). Every column has a weight, and a weight that fades with the
    distance.
    """

    kind: ClassVar[str] = "logistic"
    base: BaseRate
    weights: Floats
    offsets: Floats

    @classmethod
    def fit(cls, inputs: Inputs, seen: Steps, strength: float) -> Logistic:
        """Fit to the steps; `strength` is the inverse of the ridge."""
        base = BaseRate.fit(inputs, seen)
        columns = _linear(inputs, base.odds(inputs), seen.row, seen.interval)
        lines = [_line(columns, seen, ending, strength) for ending in (WON, LOST)]
        return cls(base, np.stack([weights for weights, _ in lines]), np.array([offset for _, offset in lines]))

    def hazards(self, inputs: Inputs) -> Floats:
        """Return rows x intervals x [won, lost]."""
        width = inputs.matrix.shape[1]
        steady, fading = inputs.matrix @ self.weights[:, :width].T, inputs.matrix @ self.weights[:, width : 2 * width].T
        at, rest = self.weights[:, 2 * width : -4], self.weights[:, -4:]
        # what `_linear` says of every step, without building one wide row a step
        scores = steady[:, None] + DISTANCE[:, None] * fading[:, None] + at.T + self.offsets
        scores += inputs.calendar @ rest[:, :2].T + LOOSE * (self.base.odds(inputs) @ rest[:, 2:].T)
        return _ended(scores)

    def contributions(self, inputs: Inputs, n_intervals: int) -> Floats:
        """Return rows x (columns + 1): the weights of won against open, times the distance from the mean deal."""
        width = inputs.matrix.shape[1]
        towards_won = self.weights[0]
        slope = towards_won[:width] + towards_won[width : 2 * width] * DISTANCE[:n_intervals].mean()
        from_base = self.base.contributions(inputs, n_intervals)[:, -1:] * (LOOSE * towards_won[-2])
        return np.hstack([inputs.matrix * slope, from_base])

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can keep: it writes floats so that they read back to the bit."""
        learned = {"weights": self.weights.tolist(), "offsets": self.offsets.tolist()}
        return {"kind": self.kind, "base": self.base.to_dict(), **learned}


@dataclass(frozen=True)
class Trees:
    """LightGBM with few leaves on top of the base rate, the same to the bit on one thread and on two.

    One booster an ending, each against staying open (Begg and Gray 1984), so that a column may be held to the direction that
    the trade knows: what raises the chance of winning does not raise that of losing.
    """

    kind: ClassVar[str] = "trees"
    base: BaseRate
    boosters: tuple[lightgbm.Booster, lightgbm.Booster]

    @classmethod
    def fit(cls, inputs: Inputs, seen: Steps) -> Trees:
        """Fit to the steps."""
        base = BaseRate.fit(inputs, seen)
        odds = base.odds(inputs)
        return cls(base, (_booster(inputs, seen, odds, WON), _booster(inputs, seen, odds, LOST)))

    def hazards(self, inputs: Inputs) -> Floats:
        """Return rows x intervals x [won, lost]."""
        if len(inputs) == 0:
            return np.zeros((0, N_INTERVALS, 2))
        row, interval = np.repeat(np.arange(len(inputs)), inputs.n_asked), np.tile(np.arange(inputs.n_asked), len(inputs))
        branches, n_threads = _branches(inputs, row, interval), _n_threads(len(row))
        found = [booster.predict(branches, raw_score=True, num_threads=n_threads) for booster in self.boosters]
        odds = self.base.odds(inputs)
        odds[:, : inputs.n_asked] += np.stack(found, axis=1).reshape(-1, inputs.n_asked, 2)
        return _ended(odds)

    def contributions(self, inputs: Inputs, n_intervals: int) -> Floats:
        """Return rows x (columns + 1): exact Shapley values of the trees of won against open, in the middle interval."""
        distance = DISTANCE[:n_intervals]
        middle = int(np.argmin(np.abs(distance - distance.mean())))
        branches = _branches(inputs, np.arange(len(inputs)), np.full(len(inputs), middle))
        shares = np.asarray(self.boosters[0].predict(branches, pred_contrib=True, num_threads=_n_threads(len(branches))))
        from_base = self.base.contributions(inputs, n_intervals)[:, -1:]
        return np.hstack([shares[:, : inputs.matrix.shape[1]], from_base])

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can keep: LightGBM's own text."""
        won, lost = (booster.model_to_string() for booster in self.boosters)
        return {"kind": self.kind, "base": self.base.to_dict(), "won": won, "lost": lost}


@dataclass(frozen=True)
class Blend:
    """The mean of two models' hazards: where they err differently, the mean errs less than either."""

    kind: ClassVar[str] = "blend"
    members: tuple[Hazard, Hazard]

    @classmethod
    def fit(cls, inputs: Inputs, seen: Steps, strength: float) -> Blend:
        """Fit a logistic regression and trees to the steps."""
        return cls((Logistic.fit(inputs, seen, strength), Trees.fit(inputs, seen)))

    def hazards(self, inputs: Inputs) -> Floats:
        """Return rows x intervals x [won, lost]."""
        first, second = (member.hazards(inputs) for member in self.members)
        return (first + second) / 2

    def contributions(self, inputs: Inputs, n_intervals: int) -> Floats:
        """Return rows x (columns + 1): the mean of the members' contributions."""
        first, second = (member.contributions(inputs, n_intervals) for member in self.members)
        return (first + second) / 2

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can keep."""
        return {"kind": self.kind, "members": [member.to_dict() for member in self.members]}


def hazard_from_dict(kept: Mapping[str, Any]) -> Hazard:
    """Return the model that `to_dict` told."""
    if kept["kind"] == BaseRate.kind:
        return base_from_dict(kept)
    if kept["kind"] == Blend.kind:
        first, second = (hazard_from_dict(member) for member in kept["members"])
        return Blend((first, second))
    base = base_from_dict(kept["base"])
    if kept["kind"] == Logistic.kind:
        return Logistic(base, np.array(kept["weights"]), np.array(kept["offsets"]))
    import lightgbm  # two seconds to import

    return Trees(base, (lightgbm.Booster(model_str=kept["won"]), lightgbm.Booster(model_str=kept["lost"])))


def base_from_dict(kept: Mapping[str, Any]) -> BaseRate:
    """Return the base rate that `to_dict` told."""
    stages = {stage: np.array(rates) for stage, rates in kept["stages"].items()}
    cells = {(stage, band): np.array(rates) for stage, band, rates in kept["cells"]}
    return BaseRate(np.array(kept["overall"]), stages, cells)


def _rates(parent: Floats, seen: Steps, chosen: NDArray[np.bool_], prior: float = PRIOR_STEPS) -> Floats:
    interval, ending, weight = seen.interval[chosen], seen.ending[chosen], _even(seen.weight)[chosen]
    n = np.bincount(interval, weight, N_INTERVALS)
    ended = np.stack([np.bincount(interval, weight * (ending == how), N_INTERVALS) for how in (WON, LOST)], axis=1)
    return np.asarray((ended + prior * parent) / np.maximum(n + prior, 1e-9)[:, None])


def _n_threads(n_rows: int) -> int:
    # the model is the same on any number; on a short table, threads that wait for each other cost more than they bring
    return 2 if n_rows > 50_000 else 1


def _log_odds(hazards: Floats) -> Floats:
    # bounded, so that an ending which was never seen in a cell does not count as impossible
    bounded = np.clip(hazards, 1e-4, 0.98)
    return np.asarray(np.log(bounded) - np.log(np.maximum(1 - bounded.sum(axis=-1, keepdims=True), 1e-2)))


def _even(weight: Floats) -> Floats:
    # weights that sum to the number of rows, so that ridge and leaf sizes keep their meaning
    return np.asarray(weight / weight.mean()) if weight.size else weight


def _linear(inputs: Inputs, odds: Floats, row: NDArray[np.int64], interval: NDArray[np.int64]) -> Floats:
    matrix = inputs.matrix[row]
    faded = matrix * DISTANCE[interval][:, None]
    return np.hstack(
        [matrix, faded, np.eye(N_INTERVALS)[interval], inputs.calendar[row, interval], LOOSE * odds[row, interval]]
    )


def _line(columns: Floats, seen: Steps, ending: int, strength: float) -> tuple[Floats, float]:
    """Return weights and offset of one ending against staying open; one that never happened gets no chance."""
    from sklearn.linear_model import LogisticRegression  # two seconds to import

    reference = _reference(seen)
    if reference == ending:
        return np.zeros(columns.shape[1]), _CERTAIN
    kept = (seen.ending == ending) | (seen.ending == reference)
    happened = seen.ending[kept] == ending
    if happened.all() or not happened.any():
        return np.zeros(columns.shape[1]), _CERTAIN if happened.any() else -_CERTAIN
    model = LogisticRegression(C=strength, solver="newton-cholesky", tol=1e-4)
    model.fit(columns[kept], happened, sample_weight=_even(seen.weight)[kept])
    return model.coef_[0], float(model.intercept_[0]) + (_CERTAIN if reference == LOST else 0.0)


def _reference(seen: Steps) -> int:
    """Return what endings are compared with: staying open, or being lost where no step stays open."""
    return OPEN if (seen.ending == OPEN).any() or not (seen.ending == LOST).any() else LOST


def _booster(inputs: Inputs, seen: Steps, odds: Floats, ending: int) -> lightgbm.Booster:
    """Learn one ending against staying open (see `_reference`); steps that ended the other way say nothing of it."""
    import lightgbm  # two seconds to import

    reference = _reference(seen)
    kept = (seen.ending == ending) | (seen.ending == reference)
    row, interval = seen.row[kept], seen.interval[kept]
    start = odds[row, interval, 0 if ending == WON else 1]
    if reference == LOST:
        start = odds[row, interval, 0] - odds[row, interval, 1] if ending == WON else np.full(len(row), _CERTAIN)
    branches = _branches(inputs, row, interval)
    signs = [*(inputs.signs or (0,) * inputs.matrix.shape[1]), *(0,) * (branches.shape[1] - inputs.matrix.shape[1])]
    settings = _TREES | {
        "num_threads": _n_threads(len(row)),
        "monotone_constraints": signs if ending == WON else [-sign for sign in signs],
    }
    data = lightgbm.Dataset(
        branches,
        (seen.ending[kept] == ending).astype(float),
        weight=_even(seen.weight[kept]),
        init_score=start,
    )
    return lightgbm.train(settings, data, num_boost_round=_N_TREES)


def _branches(inputs: Inputs, row: NDArray[np.int64], interval: NDArray[np.int64]) -> NDArray[np.float32]:
    columns = inputs.matrix.shape[1]
    found = np.empty((len(row), columns + 3), dtype=np.float32)  # half the memory, and trees only compare
    found[:, :columns] = inputs.matrix[row]
    found[:, columns] = DISTANCE[interval]
    found[:, columns + 1 :] = inputs.calendar[row, interval]
    return found


def _ended(odds: Floats) -> Floats:
    """Return the chances of both endings from their log odds against staying open."""
    raised = np.exp(np.clip(odds, -30, 30))
    return np.asarray(raised / (1 + raised.sum(axis=-1, keepdims=True)))

"""Forward: which model to take, decided as it will be used: it learns from the past and is judged on what came next."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from salesiq.forecast.fitting import step_loss
from salesiq.forecast.hazards import BaseRate, Blend, Hazard, Inputs, Logistic, Trees
from salesiq.forecast.intervals import OPEN, Steps

Floats = NDArray[np.float64]
Learner = Callable[[Inputs, Steps], Hazard]

#: inverse ridge of the logistic candidates, a decade apart, strongest ridge first
STRENGTHS = (0.003, 0.03, 0.3)
#: the newest half of the history is judged in so many parts, each by what was known before it
JUDGED_SHARE, N_PARTS = 0.5, 4
#: fewer endings than this leave nothing to choose, or nothing for trees
LEAST_ENDED, LEAST_ENDED_FOR_TREES = 30, 200
LEARNERS = ("base_rate", "logistic", "trees", "blend")


@dataclass(frozen=True)
class Task:
    """Person-period rows, and when each step was over: a day, or the place of its row where no day is known."""

    inputs: Inputs
    steps: Steps
    over_on: Floats

    @property
    def newest(self) -> float:
        """When the newest step was over."""
        return float(self.over_on.max()) if len(self.over_on) else 0.0

    def weighted(self, half_life_days: float, until: float) -> Steps:
        """Return the steps with weights that halve for every half-life before `until`."""
        if not np.isfinite(half_life_days):
            return self.steps
        fade = 0.5 ** (np.maximum(until - self.over_on, 0) / half_life_days)
        return Steps(self.steps.row, self.steps.interval, self.steps.ending, self.steps.weight * fade)

    def part(self, chosen: NDArray[np.bool_]) -> Task:
        """Return the chosen steps."""
        kept = self.steps
        steps = Steps(kept.row[chosen], kept.interval[chosen], kept.ending[chosen], kept.weight[chosen])
        return Task(self.inputs, steps, self.over_on[chosen])


class Choice(NamedTuple):
    """What did best on steps that it had not seen."""

    kind: str
    learn: Learner
    half_life_days: float


class _Candidate(NamedTuple):
    kind: str
    learn: Learner


class _Part(NamedTuple):
    """A stretch of newer steps, what lay before it, and until when that was."""

    past: Task
    until: float
    newer: Steps


def choose(task: Task, learner: str, half_lives: tuple[float, ...]) -> Choice:
    """Return the candidate and half-life with the least log-loss of newer steps; the simpler at a tie.

    The half-life is chosen with the first candidate that looks at columns, then the candidate with that half-life.
    """
    candidates = _candidates(task, learner)
    parts = list(_parts(task))
    if not parts or len(set(task.steps.ending.tolist())) < 2:  # always the same: nothing to tell apart
        return Choice("base_rate", BaseRate.fit, np.inf)
    looks = candidates[min(1, len(candidates) - 1)]
    half_life = half_lives[0]
    if len(half_lives) > 1:
        half_life = min(half_lives, key=lambda each: _loss(looks.learn, parts, each))
    best = candidates[0]
    if len(candidates) > 1:
        best = min(candidates, key=lambda each: _loss(each.learn, parts, half_life))
    return Choice(best.kind, best.learn, half_life)


def _candidates(task: Task, learner: str) -> list[_Candidate]:
    n_ended = int((task.steps.ending != OPEN).sum())
    logistic = [_Candidate("logistic", partial(Logistic.fit, strength=strength)) for strength in STRENGTHS]
    blends = [_Candidate("blend", partial(Blend.fit, strength=strength)) for strength in STRENGTHS]
    every = {"base_rate": [_Candidate("base_rate", BaseRate.fit)], "logistic": logistic}
    every |= {"trees": [_Candidate("trees", Trees.fit)], "blend": blends}
    if learner != "auto":
        return every[learner]
    if n_ended < LEAST_ENDED:
        return every["base_rate"]
    found = every["base_rate"] + logistic
    return found if n_ended < LEAST_ENDED_FOR_TREES else found + every["trees"] + blends


def _parts(task: Task) -> Iterator[_Part]:
    """Yield the parts of the newest half that have something before them to learn from."""
    if not len(task.over_on):
        return
    cuts = np.quantile(task.over_on, np.linspace(1 - JUDGED_SHARE, 1, N_PARTS + 1))
    for begins, ends in itertools.pairwise(cuts):
        past = task.part(task.over_on <= begins)
        newer = task.part((task.over_on > begins) & (task.over_on <= ends)).steps
        if len(newer.row) and len(set(past.steps.ending.tolist())) > 1:
            yield _Part(past, float(begins), newer)


def _loss(learn: Learner, parts: list[_Part], half_life: float) -> float:
    losses = [step_loss(_hazards(learn, part, half_life), part.newer) for part in parts]
    return float(np.average(losses, weights=[len(part.newer.row) for part in parts]))


def _hazards(learn: Learner, part: _Part, half_life: float) -> Floats:
    return learn(part.past.inputs, part.past.weighted(half_life, part.until)).hazards(part.past.inputs)

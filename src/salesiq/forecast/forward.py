"""Forward: which model to take, decided as it will be used: it learns from the past and is judged on what came next."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from salesiq.forecast.hazards import BaseRate, Blend, Hazard, Inputs, Logistic, Trees
from salesiq.forecast.intervals import LOST, OPEN, WON, Steps

Floats = NDArray[np.float64]
Learner = Callable[[Inputs, Steps], Hazard]

#: inverse ridge of the logistic candidates, a decade apart, strongest ridge first
STRENGTHS = (0.003, 0.03, 0.3)
#: the newest half of the history is judged in so many parts, each by what was known before it
JUDGED_SHARE, N_PARTS = 0.5, 4
#: fewer endings than this leave nothing to choose, or nothing for trees
LEAST_ENDED, LEAST_ENDED_FOR_TREES = 30, 200
#: half-lives that are tried where a model may choose, in days
HALF_LIVES = (np.inf, 365.0, 120.0, 60.0)
LEARNERS = ("base_rate", "logistic", "trees", "blend")
#: more steps than these tell a choice or a model nothing new; rows are drawn whole
MOST_STEPS_TO_CHOOSE, MOST_STEPS_TO_LEARN = 40_000, 150_000
_SEED = 20260630


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

    def before(self, day: float) -> Task:
        """Return the steps that were over by a day."""
        return self.part(self.over_on <= day)

    def thinned(self, most_steps: int) -> Task:
        """Return about `most_steps` of the steps where there are more, those of rows drawn by lot; always the same ones."""
        n = len(self.steps.row)
        if n <= most_steps:
            return self
        lot = np.random.default_rng(_SEED).random(len(self.inputs))
        kept = self.part(lot[self.steps.row] < most_steps / n)
        rows, place = np.unique(kept.steps.row, return_inverse=True)
        steps = Steps(place.astype(np.int64), kept.steps.interval, kept.steps.ending, kept.steps.weight)
        return Task(self.inputs.take(rows), steps, kept.over_on)


class Judged(NamedTuple):
    """Steps that a model had not seen, and the chances of both endings that it gave them."""

    chances: Floats
    steps: Steps


@dataclass(frozen=True)
class Choice:
    """What did best on steps that it had not seen, with what it said of them."""

    kind: str
    learn: Learner
    half_life_days: float = np.inf
    judged: tuple[Judged, ...] = ()
    losses: Mapping[str, float] = field(default_factory=dict)

    def fit(self, task: Task, until: float, most_steps: int = MOST_STEPS_TO_LEARN) -> Hazard:
        """Learn from what a task holds, at most about so many steps, as it weighs at `until`."""
        fewer = task.thinned(most_steps)
        return self.learn(fewer.inputs, fewer.weighted(self.half_life_days, until))


class _Part(NamedTuple):
    """A stretch of newer steps, what lay before it, and until when that was."""

    past: Task
    until: float
    newer: Steps

    def chances(self, learn: Learner, half_life: float) -> Floats:
        """Return what a learner says of the newer steps after it has seen the past."""
        learned = learn(self.past.inputs, self.past.weighted(half_life, self.until))
        return chances_of(learned, self.past.inputs, self.newer)


def chances_of(learned: Hazard, inputs: Inputs, seen: Steps) -> Floats:
    """Return steps x [won, lost]: what a model says of them."""
    rows, place = np.unique(seen.row, return_inverse=True)
    found: Floats = learned.hazards(inputs.take(rows))[place, seen.interval]
    return found


Said = dict[str, list[Floats]]


def choose(task: Task, learner: str, half_lives: tuple[float, ...], n_parts: int = N_PARTS) -> Choice:
    """Return the candidate and half-life with the least log-loss of newer steps; the simpler at a tie.

    The half-life is chosen with the first logistic candidate, or trees where only they are allowed; then the candidate with
    that half-life. Trees are asked once, and a blend is the mean of what its members said.
    """
    fewer = task.thinned(MOST_STEPS_TO_CHOOSE)
    parts = list(_parts(fewer, n_parts))
    if not parts or len(set(task.steps.ending.tolist())) < 2:  # always the same: nothing to tell apart
        return Choice("base_rate", BaseRate.fit)
    learners = _learners(fewer, learner)
    half_life = half_lives[0]
    if len(half_lives) > 1:
        looks = next((learn for name, learn in learners.items() if name != "base_rate"), BaseRate.fit)
        half_life = min(half_lives, key=lambda each: _loss(_said(parts, looks, each), parts))
    said: Said = {name: _said(parts, learn, half_life) for name, learn in learners.items()}
    losses = {name: _loss(each, parts) for name, each in (said | _blended(said, learner)).items()}
    best = min((name for name in losses if _is_wanted(name, learner)), key=lambda name: losses[name])
    judged = (said | _blended(said, learner))[best]
    return Choice(
        best.partition(" ")[0],
        _learner(best, learners),
        half_life,
        tuple(Judged(chances, part.newer) for chances, part in zip(judged, parts, strict=True)),
        losses,
    )


def _learners(task: Task, learner: str) -> dict[str, Learner]:
    """Return what has to be asked for the wanted learner, from crude to flexible."""
    n_ended = int((task.steps.ending != OPEN).sum())
    found: dict[str, Learner] = {"base_rate": BaseRate.fit} if learner in ("auto", "base_rate") else {}
    if learner in ("logistic", "blend") or (learner == "auto" and n_ended >= LEAST_ENDED):
        found |= {f"logistic {strength}": partial(Logistic.fit, strength=strength) for strength in STRENGTHS}
    if learner in ("trees", "blend") or (learner == "auto" and n_ended >= LEAST_ENDED_FOR_TREES):
        found["trees"] = Trees.fit
    return found


def _blended(said: Said, learner: str) -> Said:
    if learner not in ("auto", "blend") or "trees" not in said:
        return {}
    linear = {name: each for name, each in said.items() if name.startswith("logistic")}
    return {
        f"blend {name.partition(' ')[2]}": [(one + other) / 2 for one, other in zip(each, said["trees"], strict=True)]
        for name, each in linear.items()
    }


def _is_wanted(name: str, learner: str) -> bool:
    return learner == "auto" or name.partition(" ")[0] == learner


def _learner(name: str, learners: Mapping[str, Learner]) -> Learner:
    kind, _, strength = name.partition(" ")
    return partial(Blend.fit, strength=float(strength)) if kind == "blend" else learners[name]


def _parts(task: Task, n_parts: int) -> Iterator[_Part]:
    """Yield the parts of the newest half that have something before them to learn from."""
    if not len(task.over_on):
        return
    cuts = np.quantile(task.over_on, np.linspace(1 - JUDGED_SHARE, 1, n_parts + 1))
    for begins, ends in itertools.pairwise(cuts):
        past = task.before(begins)
        newer = task.part((task.over_on > begins) & (task.over_on <= ends)).steps
        if len(newer.row) and len(set(past.steps.ending.tolist())) > 1:
            yield _Part(past, float(begins), newer)


def _said(parts: list[_Part], learn: Learner, half_life: float) -> list[Floats]:
    return [part.chances(learn, half_life) for part in parts]


def _loss(said: list[Floats], parts: list[_Part]) -> float:
    losses = [_mean_loss(chances, part.newer) for chances, part in zip(said, parts, strict=True)]
    return float(np.average(losses, weights=[len(part.newer.row) for part in parts]))


def step_loss(hazards: Floats, seen: Steps) -> float:
    """Return the mean log-loss of steps: of what happened in each interval, under hazards by row and interval."""
    return _mean_loss(hazards[seen.row, seen.interval], seen)


def _mean_loss(chances: Floats, seen: Steps) -> float:
    whole = np.stack([1 - chances.sum(axis=1), chances[:, 0], chances[:, 1]], axis=1)[:, [OPEN, WON, LOST]]
    said = whole[np.arange(len(seen.row)), seen.ending]
    return float(-np.log(np.clip(said, 1e-9, 1)).mean())

"""How near to the true probabilities anybody can come who knows the law but not what is hidden: the limit of every model.

The sample company's true probabilities know the future (a region that will lose its touch, customers who will fall silent),
each customer's engagement, which works only through the contacts that it causes, and each rep's skill. Step by step these
are taken away and what the past tells of them is put in their place; the futures are lived by the law itself.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import fields
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from salesiq.sample import Company
from salesiq.sample.company import PROCESS
from salesiq.sample.dealbook import NEVER
from salesiq.sample.dealflow import Deals, State, futures
from salesiq.sample.window import generator

Floats = NDArray[np.float64]
STEPS = (
    "knows law, skill and engagement; not what comes",
    "infers engagement from contacts",
    "infers skill from closed deals too",
)
N_RUNS = 200
HORIZONS = (10, 30, 90)


def foresight(company: Company, on: dt.date) -> list[pl.DataFrame]:
    """Return for each of STEPS the chances (`deal_id`, `p_10`, `p_30`, `p_90`) of deals open on an evening of the oracle."""
    day = company.chunk.window.day(on)
    state = company.chunk.flow.kept[day]
    return [_chances(company, day, state, _believed(company, day, state, place)) for place in range(len(STEPS))]


def noise(chances: pl.Series) -> float:
    """Return by how much a Brier score is too high because the chances are shares of `N_RUNS` futures."""
    p = chances.to_numpy()
    return float(np.mean(p * (1 - p)) / N_RUNS)


def _believed(company: Company, day: int, state: State, place: int) -> dict[str, Floats]:
    rng = generator(1, f"foresight/{place}/{day}")
    found: dict[str, Floats] = {}
    if place >= 1:
        found["engagement"] = _engagement(company, day, state, rng)
    if place >= 2:
        found["skill"] = _skill(company, day, rng)[company.chunk.inputs.rep[state.deal]]
    return found


def _engagement(company: Company, day: int, state: State, rng: np.random.Generator) -> Floats:
    """Draw from what the customer's contacts so far, but for those that came with a move, say of the engagement behind them."""
    chunk, grid = company.chunk, np.linspace(-3.5, 3.5, 71)
    deal, on, inbound, _ = chunk.flow.table("contacts")
    moved, moved_on = chunk.moves[:2]
    with_move = np.isin(deal * NEVER + on, moved * NEVER + moved_on)
    n = np.bincount(deal[(inbound == 1) & (on <= day) & ~with_move], minlength=len(chunk.stage))[state.deal]
    worked = np.concatenate([[0.0], np.cumsum(chunk.window.weights)])
    lasted = worked[day + 1] - worked[chunk.inputs.deals.created[state.deal] + 1]
    rate = PROCESS.inbound * np.exp(0.95 * grid - 0.3)
    log_likely = n[:, None] * 0.95 * grid - lasted[:, None] * rate - grid**2 / 2
    likely = np.exp(log_likely - log_likely.max(axis=1, keepdims=True)).cumsum(axis=1)
    aim = rng.random((len(n), N_RUNS)) * likely[:, -1:]
    return np.asarray(grid[(likely[:, None, :] < aim[:, :, None]).sum(axis=2)])


def _skill(company: Company, day: int, rng: np.random.Generator) -> Floats:
    """Draw each rep's skill around the line through the shrunk log odds of wins, with the spread that is left around it."""
    chunk = company.chunk
    closed = chunk.closed_day <= day
    n_reps = len(chunk.organisation.skill)
    n = np.bincount(chunk.inputs.rep[closed], minlength=n_reps)
    n_won = np.bincount(chunk.inputs.rep[closed & chunk.is_won], minlength=n_reps)
    usual = n_won.sum() / n.sum()
    odds = np.log((n_won + 10 * usual) / (n - n_won + 10 * (1 - usual)))
    line = np.polyval(np.polyfit(odds, chunk.organisation.skill, 1), odds)
    spread = np.std(chunk.organisation.skill - line)
    return np.asarray(line[:, None] + spread * rng.normal(size=(n_reps, N_RUNS)))


def _chances(company: Company, day: int, state: State, believed: dict[str, Floats]) -> pl.DataFrame:
    chunk, n = company.chunk, len(state.deal)
    row = np.repeat(state.deal, N_RUNS)
    own = {part.name: getattr(chunk.inputs.deals, part.name) for part in fields(Deals)}
    many: dict[str, Any] = {name: each[row] if isinstance(each, np.ndarray) else each for name, each in own.items()}
    for name in ("shift_from", "silent_from"):
        many[name] = np.where(many[name] > day, NEVER, many[name])
    deals = Deals(**(many | {name: each.ravel() for name, each in believed.items()}))
    lived = state.take(np.repeat(np.arange(n), N_RUNS))
    lived.deal = np.arange(n * N_RUNS)
    rng = generator(1, f"foresight/futures/{day}")
    won = futures(lived, deals, day, max(HORIZONS), 1, chunk.window, PROCESS, rng).reshape(n, N_RUNS)
    shares = {f"p_{horizon}": (won <= horizon).mean(axis=1) for horizon in HORIZONS}
    return pl.DataFrame({"deal_id": chunk.deal_ids[state.deal].tolist(), **shares})
